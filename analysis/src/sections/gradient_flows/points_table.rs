//! Neurons at the stages, what draws them, and the output at the interfaces, as tables.

use polars::prelude::*;

use super::flows::{Curve, Flows, Size, short};
use super::neurons::{Point, Tracks, at_stage, axis, labels};
use super::profile::Profile;
use super::table::{column, number};
use crate::error::Result;
use crate::results::{Results, Status};
use crate::statistics::moments::{mean, median, standard_deviation};
use crate::tables::frames::table;

/// A neuron counts as near a fixed point whose kink lies no farther away.
pub const NEAR: f64 = 0.1;

/// One neuron of one flow at one stage.
struct NeuronRow {
    cell: usize,
    stage: f64,
    step: f64,
    neuron: i64,
    point: Point,
}

/// One row per flow, stage and neuron: `cell_id`, `stage`, `step` (the last recorded one by then), `neuron`, `parallel`,
/// `perpendicular`, `bias`, `output`, `kink`; `None` where the file follows no neurons.
pub fn neurons(results: &Results, flows: &Flows) -> Result<Option<DataFrame>> {
    let labels = labels(results)?;
    let mut rows = Vec::new();
    for flow in flows.flows.iter().filter(|flow| flow.status == Status::Complete && !labels.is_empty()) {
        let Some(tracks) = Tracks::read(results, flow)? else { continue };
        for (stage, &share) in flows.axes.stages.iter().enumerate() {
            let Some((step, points)) = at_stage(&tracks, flow, stage) else { continue };
            let row = |(point, &neuron)| NeuronRow { cell: flow.cell, stage: share, step, neuron, point };
            rows.extend(points.into_iter().zip(&labels).map(row));
        }
    }
    if rows.is_empty() {
        return Ok(None);
    }
    let columns = vec![
        column(&rows, "cell_id", |row| results.cells.id[row.cell].clone()),
        number(&rows, "stage", |row| row.stage),
        column(&rows, "step", |row| row.step as i64),
        column(&rows, "neuron", |row| row.neuron),
        number(&rows, "parallel", |row| row.point.parallel),
        number(&rows, "perpendicular", |row| row.point.perpendicular),
        number(&rows, "bias", |row| row.point.bias),
        number(&rows, "output", |row| row.point.output),
        number(&rows, "kink", |row| row.point.kink),
    ];
    table("the table of neurons", DataFrame::new_infer_height(columns)).map(Some)
}

/// The neurons of a size's flows at a stage that one fixed point may draw.
struct Drawn<'a> {
    curve: &'a Curve,
    p: f64,
    stage: f64,
    positive: bool,
    rightward: bool,
    fixed: f64,
    kinks: Vec<f64>,
    /// ‖ω‖² of each.
    squares: Vec<f64>,
    all: usize,
    ratios: Vec<f64>,
}

/// One row per curve, size, stage and fixed point of the effective dynamics: `data`, `architecture`, `regime`, `alpha`, `p`,
/// `stage`, `beta` and `omega` (their signs there), `fixed_point` (the kink that theory has), `neurons` with these signs over all
/// flows of the size, their `share` of all followed, the `kink`'s median, `near` (share of them within [`NEAR`]), `near_weighted` (the same, each
/// neuron counted by ‖ω‖², which is what the output is made of), and `turned`, the median of |ω_∥|/‖ω_⊥‖. `None` where the file follows no neurons or no fixed points are known.
pub fn fixed_points(results: &Results, flows: &Flows) -> Result<Option<DataFrame>> {
    let mut rows = Vec::new();
    for curve in &flows.curves {
        let axis = axis(&flows.families[curve.family]);
        for size in curve.sizes.iter().filter(|_| !axis.fixed.is_empty()) {
            let all = of_size(results, flows, size)?;
            for (stage, points) in all.iter().enumerate().filter(|(_, points)| !points.is_empty()) {
                for fixed in &axis.fixed {
                    let of = |point: &&Point| {
                        (point.output > 0.0, point.parallel > 0.0) == (fixed.positive, fixed.rightward)
                    };
                    let drawn: Vec<&Point> = points.iter().filter(of).collect();
                    rows.push(Drawn {
                        curve,
                        p: size.p,
                        stage: flows.axes.stages[stage],
                        positive: fixed.positive,
                        rightward: fixed.rightward,
                        fixed: fixed.kink,
                        kinks: drawn.iter().map(|point| point.kink).collect(),
                        squares: drawn.iter().map(|at| at.parallel.powi(2) + at.perpendicular.powi(2)).collect(),
                        all: points.len(),
                        ratios: drawn.iter().map(|point| point.parallel.abs() / point.perpendicular).collect(),
                    });
                }
            }
        }
    }
    if rows.is_empty() {
        return Ok(None);
    }
    let sign = |positive: bool| if positive { "+" } else { "−" }.to_owned();
    let share = |count: usize, of: usize| if of == 0 { f64::NAN } else { count as f64 / of as f64 };
    let near = |row: &Drawn<'_>| row.kinks.iter().filter(|kink| (*kink - row.fixed).abs() <= NEAR).count();
    let weighted = |row: &Drawn<'_>| {
        let each = row.kinks.iter().zip(&row.squares);
        let close: f64 = each.filter(|(kink, _)| (*kink - row.fixed).abs() <= NEAR).map(|(_, square)| square).sum();
        close / row.squares.iter().sum::<f64>()
    };
    let family = |row: &Drawn<'_>| &flows.families[row.curve.family];
    let columns = vec![
        column(&rows, "data", |row| family(row).data.clone()),
        column(&rows, "architecture", |row| family(row).architecture.clone()),
        column(&rows, "regime", |row| row.curve.regime.name().to_owned()),
        column(&rows, "alpha", |row| short(row.curve.alpha)),
        column(&rows, "p", |row| row.p as i64),
        column(&rows, "stage", |row| row.stage.to_string()),
        column(&rows, "beta", |row| sign(row.positive)),
        column(&rows, "omega", |row| sign(row.rightward)),
        number(&rows, "fixed_point", |row| row.fixed),
        column(&rows, "neurons", |row| row.kinks.len() as i64),
        number(&rows, "share", |row| share(row.kinks.len(), row.all)),
        number(&rows, "kink", |row| median(&row.kinks)),
        number(&rows, "near", |row| share(near(row), row.kinks.len())),
        number(&rows, "near_weighted", weighted),
        number(&rows, "turned", |row| median(&row.ratios)),
    ];
    table("the table of fixed points", DataFrame::new_infer_height(columns)).map(Some)
}

/// The followed neurons of a size's trained flows, by stage.
fn of_size(results: &Results, flows: &Flows, size: &Size) -> Result<Vec<Vec<Point>>> {
    let mut all = vec![Vec::new(); flows.axes.stages.len()];
    for flow in size.flows.iter().map(|&flow| &flows.flows[flow]).filter(|flow| flow.status == Status::Complete) {
        let Some(tracks) = Tracks::read(results, flow)? else { continue };
        for (stage, points) in all.iter_mut().enumerate() {
            points.extend(at_stage(&tracks, flow, stage).into_iter().flat_map(|(_, points)| points));
        }
    }
    Ok(all)
}

/// The output of a size's flows at one interface and stage.
struct Interface<'a> {
    curve: &'a Curve,
    p: f64,
    stage: f64,
    interface: f64,
    flows: usize,
    crossings: Vec<f64>,
    widths: Vec<f64>,
}

/// One row per curve, size, stage and interface: `data`, `architecture`, `regime`, `alpha`, `p`, `stage`, `interface` (where the
/// label changes), `flows`, how many of them `cross` 0 anywhere, `crossing` (mean of the nearest) with `sd`, and the mean `width`
/// there. `None` where the file has no profiles or no interfaces are known.
pub fn interfaces(results: &Results, flows: &Flows) -> Result<Option<DataFrame>> {
    let mut rows = Vec::new();
    for curve in &flows.curves {
        let axis = axis(&flows.families[curve.family]);
        for size in curve.sizes.iter().filter(|_| !axis.interfaces.is_empty()) {
            for (stage, &share) in flows.axes.stages.iter().enumerate().skip(1) {
                let mut profiles = Vec::new();
                for flow in size.flows.iter().map(|&flow| &flows.flows[flow]) {
                    profiles.extend(Profile::read(results, flow, stage)?.filter(|_| flow.status == Status::Complete));
                }
                for &interface in axis.interfaces.iter().filter(|_| !profiles.is_empty()) {
                    let nearest: Vec<_> = profiles.iter().filter_map(|profile| profile.nearest(interface)).collect();
                    rows.push(Interface {
                        curve,
                        p: size.p,
                        stage: share,
                        interface,
                        flows: profiles.len(),
                        crossings: nearest.iter().map(|crossing| crossing.at).collect(),
                        widths: nearest.iter().map(|crossing| crossing.width).collect(),
                    });
                }
            }
        }
    }
    if rows.is_empty() {
        return Ok(None);
    }
    let family = |row: &Interface<'_>| &flows.families[row.curve.family];
    let columns = vec![
        column(&rows, "data", |row| family(row).data.clone()),
        column(&rows, "architecture", |row| family(row).architecture.clone()),
        column(&rows, "regime", |row| row.curve.regime.name().to_owned()),
        column(&rows, "alpha", |row| short(row.curve.alpha)),
        column(&rows, "p", |row| row.p as i64),
        column(&rows, "stage", |row| row.stage.to_string()),
        number(&rows, "interface", |row| row.interface),
        column(&rows, "flows", |row| row.flows as i64),
        column(&rows, "cross", |row| row.crossings.len() as i64),
        number(&rows, "crossing", |row| mean(&row.crossings)),
        number(&rows, "sd", |row| standard_deviation(&row.crossings)),
        number(&rows, "width", |row| mean(&row.widths)),
    ];
    table("the table of interfaces", DataFrame::new_infer_height(columns)).map(Some)
}
