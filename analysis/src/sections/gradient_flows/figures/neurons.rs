//! Neurons as points: their way in the plane of ω_⊥ and ω_∥, and their kinks along the informative axis against time.

use super::families::{MOST_FAMILIES, more};
use crate::error::Result;
use crate::figures::Figure;
use crate::figures::plot::{Layout, Legend, Mark, Panel, Ticks, draw};
use crate::figures::scale::{Kind, Scale};
use crate::results::Results;
use crate::sections::gradient_flows::flows::{Flow, Flows, Measure};
use crate::sections::gradient_flows::neurons::{Axis, Tracks, axis, shown, subject};
use crate::sections::gradient_flows::sentences::percent;

/// Neurons drawn at most.
const MOST_NEURONS: usize = 100;
/// Kinks are drawn as far from the middle of the data.
const FARTHEST: f64 = 4.0;

/// Two panels for each curve that stands for a regime.
pub(super) fn figure(results: &Results, flows: &Flows) -> Result<Option<Figure>> {
    let (mut panels, mut subjects) = (Vec::new(), Vec::new());
    for family in flows.families.iter().take(MOST_FAMILIES) {
        let along = axis(family);
        for curve in shown(flows, family) {
            let Some((p, flow)) = subject(flows, curve) else { continue };
            let Some(tracks) = Tracks::read(results, flow)? else { continue };
            subjects.push(format!("{}, {}, p = {p}", family.name, curve.name));
            panels.push(plane(&tracks, format!("{}, {}", family.name, curve.name)));
            panels.push(kinks(flows, flow, &tracks, &along));
        }
    }
    let legend: Legend = vec![("β > 0 at the end".to_owned(), 0), ("β < 0 at the end".to_owned(), 1)];
    let early = flows.axes.early().map_or(String::new(), |early| {
        format!("; upright: when {}% of the training samples fit", percent(flows.axes.stages[early]))
    });
    let caption = format!(
        "Neurons of the first hidden layer as points, at most {MOST_NEURONS}. Left: their way in the plane of ‖ω_⊥‖ and ω_∥, both \
         divided by the rms of ‖ω‖ over these neurons at the same step, since weights grow; discs are the ends. Right: where \
         their hyperplanes cross the informative axis, against time{early}; level: where the label changes; coloured dashes: the \
         fixed points of the effective one-dimensional dynamics for p → ∞, which hold as long as the output is small. Shown are \
         the first flows at the greatest p: {}.{}",
        subjects.join("; "),
        more(flows)
    );
    let layout = Layout::even(2, 430.0, 240.0, 56.0);
    let name = "flow_neurons".into();
    Ok((!panels.is_empty()).then(|| Figure { name, caption, svg: draw(&panels, layout, &legend) }))
}

/// Colour of a neuron: the sign of its output weight at the end.
fn colour(tracks: &Tracks, neuron: usize) -> usize {
    let last = tracks.points.nrows() - 1;
    usize::from(tracks.points[[last, neuron]].output < 0.0)
}

fn drawn(tracks: &Tracks) -> std::ops::Range<usize> {
    0..tracks.points.ncols().min(MOST_NEURONS)
}

fn plane(tracks: &Tracks, title: String) -> Panel {
    let rows = 0..tracks.points.nrows();
    let scale: Vec<f64> = rows
        .clone()
        .map(|row| {
            let squares =
                tracks.points.row(row).iter().map(|at| at.parallel.powi(2) + at.perpendicular.powi(2)).sum::<f64>();
            (squares / tracks.points.ncols() as f64).sqrt()
        })
        .collect();
    let (mut marks, mut on_top) = (Vec::new(), Vec::new());
    let mut all: Vec<(f64, f64)> = Vec::new();
    for neuron in drawn(tracks) {
        let at = |row: usize| {
            let point = tracks.points[[row, neuron]];
            (point.perpendicular / scale[row], point.parallel / scale[row])
        };
        let points: Vec<(f64, f64)> = rows.clone().map(at).collect();
        let colour = colour(tracks, neuron);
        all.extend(&points);
        on_top.extend(points.last().map(|&at| Mark::Disc { at, size: 2.8, class: "dot", colour }));
        marks.push(Mark::Curve { points, class: "thin", colour });
    }
    marks.push(Mark::Level(0.0));
    marks.extend(on_top);
    Panel {
        title,
        x_label: "‖ω_⊥‖ / rms ‖ω‖".into(),
        y_label: "ω_∥ / rms ‖ω‖".into(),
        x: Scale::around(all.iter().map(|point| point.0).chain([0.0]), Kind::Linear),
        y: Scale::around(all.iter().map(|point| point.1), Kind::Linear),
        x_ticks: Ticks::Round,
        y_ticks: Ticks::Round,
        marks,
    }
}

fn kinks(flows: &Flows, flow: &Flow, tracks: &Tracks, along: &Axis) -> Panel {
    // The start has no place on a logarithmic axis.
    let times: Vec<f64> = tracks.times.iter().copied().filter(|t| *t > 0.0).collect();
    let mut marks = Vec::new();
    for neuron in drawn(tracks) {
        let visible = |row: usize| {
            let kink = tracks.points[[row, neuron]].kink;
            // Outside the panel, or at infinity while ω_∥ changes its sign: the curve is broken there.
            (tracks.times[row], if kink.abs() <= FARTHEST { kink } else { f64::NAN })
        };
        let rows = (0..tracks.points.nrows()).filter(|&row| tracks.times[row] > 0.0);
        marks.push(Mark::Curve { points: rows.map(visible).collect(), class: "thin", colour: colour(tracks, neuron) });
    }
    let early = flows.axes.early().map(|early| flow.at(early, Measure::Time)).filter(|time| *time > 0.0);
    if let Some(&first) = times.first() {
        let until = early.or(times.last().copied()).unwrap_or(first);
        for fixed in &along.fixed {
            let points = vec![(first, fixed.kink), (until, fixed.kink)];
            marks.push(Mark::Curve { points, class: "theory", colour: usize::from(!fixed.positive) });
        }
    }
    marks.extend(along.interfaces.iter().map(|&interface| Mark::Level(interface)));
    marks.extend(early.map(Mark::Upright));
    Panel {
        title: String::new(),
        x_label: "time t".into(),
        y_label: "kink on the informative axis".into(),
        x: Scale::around(times.into_iter(), Kind::Log),
        y: Scale::around([-FARTHEST, FARTHEST].into_iter(), Kind::Linear),
        x_ticks: Ticks::Round,
        y_ticks: Ticks::Round,
        marks,
    }
}
