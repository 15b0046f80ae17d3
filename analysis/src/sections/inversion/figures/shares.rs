//! Which axis moves ε*: corrected shares of variance (ω²) with their intervals, for every observable.

use crate::figures::Figure;
use crate::figures::plot::{Layout, Legend, Mark, Panel, Ticks, draw};
use crate::figures::scale::{Kind, Scale};
use crate::results::Results;
use crate::sections::inversion::variance::Shares;
use crate::turning::{Rule, TurningPoints, symbol};

/// Observables drawn at most: as many as there are colours.
const MOST_OBSERVABLES: usize = 8;

/// One panel per layer: axes down, ω² across.
pub fn figure(results: &Results, points: &TurningPoints, all: &[Shares]) -> Option<Figure> {
    let panels: Vec<Panel> = (0..results.layers.len()).filter_map(|layer| panel(results, points, all, layer)).collect();
    let rows =
        panels.iter().map(|panel| if let Ticks::Named(named) = &panel.y_ticks { named.len() } else { 0 }).max()?;
    let legend: Legend =
        points.observables.iter().enumerate().take(MOST_OBSERVABLES).map(|(i, name)| (symbol(name), i)).collect();
    let layout = Layout::even(2, 370.0, 34.0 * rows as f64 + 12.0, 110.0);
    let caption = "Share of the variance of ε* that each axis accounts for: ω² of an additive model (type II sums of squares, \
                   corrected for chance), with 95% intervals over seeds (jackknife; rule prominence). What the axes do not \
                   account for is interaction and noise.";
    Some(Figure { name: "variance_shares".into(), caption: caption.into(), svg: draw(&panels, layout, &legend) })
}

fn panel(results: &Results, points: &TurningPoints, all: &[Shares], layer: usize) -> Option<Panel> {
    let wanted = |shares: &&Shares| {
        shares.layer == layer && shares.rule == Rule::Prominence && shares.observable < MOST_OBSERVABLES
    };
    let mine = || all.iter().filter(wanted);
    let mut axes: Vec<&str> = Vec::new();
    for share in mine().filter_map(|shares| shares.decomposition.as_ref()).flat_map(|fit| &fit.shares) {
        if !axes.contains(&share.name.as_str()) && share.omega_squared.is_finite() {
            axes.push(&share.name);
        }
    }
    if axes.is_empty() {
        return None;
    }
    let count = points.observables.len().clamp(1, MOST_OBSERVABLES) as f64;
    let mut marks = vec![Mark::Upright(0.0)];
    for shares in mine() {
        let Some(fit) = &shares.decomposition else { continue };
        let offset = 0.5 * ((shares.observable as f64 + 0.5) / count - 0.5);
        for (share, intervals) in fit.shares.iter().zip(&shares.intervals) {
            let Some(row) = axes.iter().position(|axis| *axis == share.name) else { continue };
            let y = -(row as f64) - offset;
            let interval = intervals.omega_squared;
            if interval.is_known() {
                marks.push(Mark::Bar { from: (interval.low, y), to: (interval.high, y), colour: shares.observable });
            }
            marks.push(Mark::Disc {
                at: (share.omega_squared, y),
                size: 3.6,
                class: "mark",
                colour: shares.observable,
            });
        }
    }
    Some(Panel {
        title: format!("hidden layer {}", results.layers[layer]),
        x_label: "share of the variance of ε*, ω²".into(),
        y_label: String::new(),
        x: Scale { low: -0.12, high: 1.04, kind: Kind::Linear, reversed: false },
        y: Scale { low: 0.4 - axes.len() as f64, high: 0.6, kind: Kind::Linear, reversed: false },
        x_ticks: Ticks::Round,
        y_ticks: Ticks::Named(axes.iter().enumerate().map(|(i, axis)| (-(i as f64), (*axis).to_owned())).collect()),
        marks,
    })
}
