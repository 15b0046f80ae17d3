//! Test error and compression against the time t of the flow.

use ndarray::Ix2;

use super::families::{MOST_FAMILIES, more};
use crate::error::Result;
use crate::figures::Figure;
use crate::figures::plot::{Layout, Legend, Mark, Panel, Ticks, draw};
use crate::figures::scale::{Kind, Scale};
use crate::results::{Results, Status};
use crate::sections::gradient_flows::flows::{Curve, Flow, Flows, Size};

/// Sizes drawn at most, the greatest ones.
const MOST_SIZES: usize = 8;
/// Flows of a size drawn at most.
const MOST_FLOWS: usize = 8;

/// A series of one flow: (t, value) at t > 0.
type Series = Vec<(f64, f64)>;

/// A row of two panels for each curve that stands for a regime.
pub(super) fn figure(results: &Results, flows: &Flows) -> Result<Option<Figure>> {
    let mut panels = Vec::new();
    let trained = |size: &&Size| size.flows.iter().any(|&flow| flows.flows[flow].status == Status::Complete);
    let all = flows.curves.iter().flat_map(|curve| &curve.sizes);
    let mut sizes: Vec<f64> = all.filter(trained).map(|size| size.p).collect();
    sizes.sort_by(f64::total_cmp);
    sizes.dedup();
    let sizes = sizes.split_off(sizes.len().saturating_sub(MOST_SIZES));
    for family in flows.families.iter().take(MOST_FAMILIES) {
        let Some((feature, lazy)) = flows.pair(family) else { continue };
        for curve in [feature, lazy] {
            for (variable, label) in [("test_error", "test error"), ("compression", "compression λ")] {
                let title = format!("{}, {}", family.name, curve.name);
                let title = if variable == "test_error" { title } else { String::new() };
                panels.extend(panel(results, flows, curve, &sizes, variable, label, title)?);
            }
        }
    }
    let legend: Legend = sizes.iter().enumerate().map(|(colour, p)| (format!("p = {p}"), colour)).collect();
    let caption = format!(
        "Test error and compression along the flow, against its time t. Thin: flows (at most {MOST_FLOWS} of a size); thick: the \
         first seed. Time is of θ̇ = −∇L with the loss divided by α: the regimes run on scales of their own.{}",
        more(flows)
    );
    let layout = Layout::even(2, 430.0, 150.0, 56.0);
    let name = "flow_time".into();
    Ok((!panels.is_empty()).then(|| Figure { name, caption, svg: draw(&panels, layout, &legend) }))
}

fn panel(
    results: &Results,
    flows: &Flows,
    curve: &Curve,
    sizes: &[f64],
    variable: &str,
    label: &str,
    title: String,
) -> Result<Option<Panel>> {
    let (mut marks, mut on_top) = (Vec::new(), Vec::new());
    let mut all: Series = Vec::new();
    for size in &curve.sizes {
        let Some(colour) = sizes.iter().position(|p| *p == size.p) else { continue };
        let members = size.flows.iter().map(|&flow| &flows.flows[flow]);
        let trained = members.filter(|flow| flow.status == Status::Complete).take(MOST_FLOWS);
        for (place, flow) in trained.enumerate() {
            let points = series(results, flow, variable)?;
            all.extend(&points);
            if place == 0 {
                on_top.push(Mark::Curve { points, class: "median", colour });
            } else {
                marks.push(Mark::Curve { points, class: "thin", colour });
            }
        }
    }
    if all.is_empty() {
        return Ok(None);
    }
    marks.extend(on_top);
    Ok(Some(Panel {
        title,
        x_label: "time t".into(),
        y_label: label.to_owned(),
        x: Scale::around(all.iter().map(|point| point.0), Kind::Log),
        y: Scale::around(all.iter().map(|point| point.1), Kind::Log),
        x_ticks: Ticks::Round,
        y_ticks: Ticks::Round,
        marks,
    }))
}

/// A variable of one flow against t, without its start, which has no place on a logarithmic axis, and without zeros.
fn series(results: &Results, flow: &Flow, variable: &str) -> Result<Series> {
    let read = |name: &str| -> Result<Option<Vec<f32>>> {
        let slab = results.slab(name, flow.cell..flow.cell + 1)?;
        Ok(slab.and_then(|a| a.into_dimensionality::<Ix2>().ok()).map(|a| a.row(0).to_vec()))
    };
    let (Some(time), Some(values)) = (read("flow_time")?, read(variable)?) else { return Ok(Vec::new()) };
    let points = time.iter().zip(&values).map(|(t, value)| (f64::from(*t), f64::from(*value)));
    Ok(points.filter(|(t, value)| *t > 0.0 && *value > 0.0 && value.is_finite()).collect())
}
