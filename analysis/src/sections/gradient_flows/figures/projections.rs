//! Kernel PCA: the training points in the plane of the tangent kernel's first two components, at the start and at the end
//! of a flow of each regime.

use ndarray::{Ix2, Ix4, s};
use phasesweep_results::variables::{KERNEL_COORDINATE, KERNEL_LABEL, KERNEL_PROJECTION};

use super::families::{MOST_FAMILIES, more};
use crate::error::Result;
use crate::figures::Figure;
use crate::figures::plot::{Layout, Legend, Mark, Panel, Ticks, draw};
use crate::figures::scale::{Kind, Scale};
use crate::results::{Results, Status};
use crate::sections::gradient_flows::axes::FlowAxes;
use crate::sections::gradient_flows::flows::{Curve, Flow, Flows};
use crate::tables::text::significant;

/// Points drawn at most in a panel.
const MOST_POINTS: usize = 400;

/// Two panels for each curve that stands for a regime: start and end of its first flow at the greatest p.
pub(super) fn figure(results: &Results, flows: &Flows) -> Result<Option<Figure>> {
    let end = flows.axes.end();
    let (mut panels, mut subjects) = (Vec::new(), Vec::new());
    for family in flows.families.iter().take(MOST_FAMILIES) {
        let both = flows.pair(family).map(|(feature, lazy)| vec![feature, lazy]);
        let shown = both.unwrap_or_else(|| family.curves.iter().take(1).map(|&index| &flows.curves[index]).collect());
        for curve in shown {
            let Some((p, flow)) = subject(flows, curve, end) else { continue };
            subjects.push(format!("{}, {}, p = {p}", family.name, curve.name));
            for (stage, when) in [(FlowAxes::START, "start"), (end, "end")] {
                let name = format!("{}, {}: {when}", family.name, curve.regime.name());
                panels.extend(panel(results, flow, stage, name)?);
            }
        }
    }
    let legend: Legend = vec![("y = +1".to_owned(), 0), ("y = −1".to_owned(), 1)];
    let caption = format!(
        "Kernel PCA: training points along the first two eigenvectors of the tangent kernel at the start and at the end of one \
         flow, with the share of the labels’ square on each eigenvector; at most {MOST_POINTS} points. Shown are the first \
         seeds at the greatest p: {}.{}",
        subjects.join("; "),
        more(flows)
    );
    let layout = Layout::even(4, 205.0, 195.0, 54.0);
    let name = "flow_projections".into();
    Ok((!panels.is_empty()).then(|| Figure { name, caption, svg: draw(&panels, layout, &legend) }))
}

/// The first flow, at the greatest p, that was trained to an end and whose kernel is known there.
fn subject<'a>(flows: &'a Flows, curve: &'a Curve, end: usize) -> Option<(f64, &'a Flow)> {
    let known = |flow: &&Flow| flow.status == Status::Complete && flow.projected[end].is_finite();
    curve.sizes.iter().rev().find_map(|size| {
        let mut members = size.flows.iter().map(|&flow| &flows.flows[flow]);
        members.find(known).map(|flow| (size.p, flow))
    })
}

/// One plane; `None` where it was not measured.
fn panel(results: &Results, flow: &Flow, stage: usize, title: String) -> Result<Option<Panel>> {
    let cell = flow.cell..flow.cell + 1;
    let coordinates =
        results.slab(KERNEL_COORDINATE.name, cell.clone())?.and_then(|a| a.into_dimensionality::<Ix4>().ok());
    let labels = results.slab(KERNEL_LABEL.name, cell.clone())?.and_then(|a| a.into_dimensionality::<Ix2>().ok());
    let projection = results.slab(KERNEL_PROJECTION.name, cell)?;
    let (Some(coordinates), Some(labels)) = (coordinates, labels) else { return Ok(None) };
    if coordinates.dim().1 <= stage || coordinates.dim().2 < 2 {
        return Ok(None);
    }
    let plane = coordinates.slice(s![0, stage, ..2, ..]);
    let points: Vec<(f64, f64, f32)> = (plane.columns().into_iter().zip(labels.row(0)))
        .map(|(point, label)| (f64::from(point[0]), f64::from(point[1]), *label))
        .filter(|(x, y, label)| x.is_finite() && y.is_finite() && label.is_finite())
        .take(MOST_POINTS)
        .collect();
    if points.is_empty() {
        return Ok(None);
    }
    let share = |component: usize| {
        let share = projection.as_ref().and_then(|all| all.get([0, stage, component].as_slice())).copied();
        let share = share.filter(|share| share.is_finite());
        share.map_or(String::new(), |share| format!(" ({}% of y)", significant(100.0 * f64::from(share), 2)))
    };
    let disc = |&(x, y, label): &(f64, f64, f32)| Mark::Disc {
        at: (x, y),
        size: 2.2,
        class: "dot",
        colour: usize::from(label < 0.0),
    };
    Ok(Some(Panel {
        title,
        x_label: format!("component 1{}", share(0)),
        y_label: format!("component 2{}", share(1)),
        x: Scale::around(points.iter().map(|point| point.0), Kind::Linear),
        y: Scale::around(points.iter().map(|point| point.1), Kind::Linear),
        x_ticks: Ticks::Round,
        y_ticks: Ticks::Round,
        marks: points.iter().map(disc).collect(),
    }))
}
