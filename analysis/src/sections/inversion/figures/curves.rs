//! The paper's figure 1: class radii and distance against epoch and against training error, every seed thin, the
//! median thick, the inversion marked.

use ndarray::{ArrayView1, Ix2};
use phasesweep_results::variables::TRAIN_ERROR;

use crate::error::Result;
use crate::figures::Figure;
use crate::figures::plot::{Layout, Legend, Mark, Panel, Ticks, draw};
use crate::figures::scale::{Kind, Scale};
use crate::groups::{Group, Groups};
use crate::results::{Results, Status};
use crate::statistics::moments::{mean, median};
use crate::turning::inversion::note_on_means;
use crate::turning::manifold::Manifolds;
use crate::turning::{Rule, TurningPoints, symbol};

/// Groups drawn at most.
pub const MOST_GROUPS: usize = 12;
/// Cells of a group drawn at most; they are taken evenly from all.
pub const MOST_CELLS: usize = 64;

/// With more curves to a panel than this (radii of many classes, pairs of them) only medians are drawn.
const MOST_THIN: usize = 6;
/// Cells read together.
const RUN: usize = 256;

/// Curves of the drawn cells of one group, at one layer.
struct Curves {
    error: Vec<Vec<f64>>,
    /// `[observable][cell]`.
    observable: Vec<Vec<Vec<f64>>>,
    /// Indices of the cells.
    cells: Vec<usize>,
}

/// One figure per layer.
pub fn figures(results: &Results, points: &TurningPoints, groups: &Groups) -> Result<Vec<Figure>> {
    if points.observables.is_empty() || !results.has(TRAIN_ERROR.name) {
        return Ok(Vec::new());
    }
    (0..results.layers.len()).map(|layer| figure(results, points, groups, layer)).collect()
}

fn figure(results: &Results, points: &TurningPoints, groups: &Groups, layer: usize) -> Result<Figure> {
    let (radii, distances): (Vec<usize>, Vec<usize>) =
        (0..points.manifolds.len()).partition(|&observable| points.manifolds[observable].is_radius());
    let mut panels = Vec::new();
    for group in groups.all.iter().take(MOST_GROUPS) {
        let curves = read(results, points, group, layer)?;
        let mut title = group.name.as_str();
        for (observables, what) in [(&radii, "class radius R"), (&distances, "distance of centres D")] {
            if observables.is_empty() {
                continue;
            }
            for against_error in [false, true] {
                panels.push(panel(results, points, &curves, observables, what, against_error, layer, title));
                title = "";
            }
        }
    }
    let columns = 2 * (usize::from(!radii.is_empty()) + usize::from(!distances.is_empty()));
    let legend: Legend = if points.observables.len() <= 8 {
        points.observables.iter().enumerate().map(|(index, name)| (symbol(name), index)).collect()
    } else {
        Vec::new()
    };
    let svg = draw(&panels, Layout::even(columns, 208.0, 150.0, 58.0), &legend);
    let more = match groups.all.len() {
        shown if shown <= MOST_GROUPS => String::new(),
        all => format!(" Shown are the first {MOST_GROUPS} of {all} groups."),
    };
    let thinned = if groups.all.iter().any(|group| group.cells.len() > MOST_CELLS) {
        format!(
            " Of a group with more than {MOST_CELLS} cells, {MOST_CELLS} are drawn, taken evenly; medians are theirs."
        )
    } else {
        String::new()
    };
    let many = if radii.len().max(distances.len()) > MOST_THIN {
        " With so many classes only the medians are drawn of each, and every cell of the means."
    } else {
        ""
    };
    let means = note_on_means(points).map_or_else(String::new, |note| format!(" {note}"));
    let caption = format!(
        "Class radii and distance at hidden layer {}, against epoch and against training error (which falls to the right). \
         Thin: every cell. Thick: the median over cells at each epoch. Discs: each cell's turning point (rule prominence); \
         dashed: the mean of their epochs or training errors.{more}{thinned}{many}{means}",
        results.layers[layer],
    );
    Ok(Figure { name: format!("curves_layer_{}", results.layers[layer]), caption, svg })
}

fn read(results: &Results, points: &TurningPoints, group: &Group, layer: usize) -> Result<Curves> {
    let trained = |cell: &usize| matches!(results.cells.status[*cell], Status::Complete | Status::Diverged);
    let alive: Vec<usize> = group.cells.iter().copied().filter(trained).collect();
    let stride = alive.len() as f64 / MOST_CELLS.min(alive.len()).max(1) as f64;
    let cells: Vec<usize> = (0..MOST_CELLS.min(alive.len())).map(|k| alive[(k as f64 * stride) as usize]).collect();
    let mut curves = Curves { error: Vec::new(), observable: vec![Vec::new(); points.observables.len()], cells };
    // Cells lie compressed in chunks of many: read runs of them, not one by one.
    for run in curves.cells.chunk_by(|a, b| a / RUN == b / RUN) {
        let range = run[0]..run[run.len() - 1] + 1;
        let error = results.slab(TRAIN_ERROR.name, range.clone())?.and_then(|a| a.into_dimensionality::<Ix2>().ok());
        let manifolds = Manifolds::read(results, range.clone())?;
        for row in run.iter().map(|cell| cell - range.start) {
            let numbers = |values: ArrayView1<f32>| values.iter().map(|value| f64::from(*value)).collect::<Vec<_>>();
            curves.error.push(error.as_ref().map(|a| numbers(a.row(row))).unwrap_or_default());
            for (series, kept) in points.manifolds.iter().zip(&mut curves.observable) {
                let values = series.values(&manifolds, row, layer).unwrap_or_default();
                kept.push(values.into_iter().map(f64::from).collect());
            }
        }
    }
    Ok(curves)
}

#[allow(clippy::too_many_arguments, reason = "one panel of a figure is described by all of these and nothing less")]
fn panel(
    results: &Results,
    points: &TurningPoints,
    curves: &Curves,
    observables: &[usize],
    what: &str,
    against_error: bool,
    layer: usize,
    title: &str,
) -> Panel {
    let epochs: Vec<f64> = results.epochs.iter().map(|epoch| *epoch as f64).collect();
    let (mut marks, mut on_top) = (Vec::new(), Vec::new());
    let mut turned = Vec::new();
    for &observable in observables {
        let values = &curves.observable[observable];
        let thin = observables.len() <= MOST_THIN || points.manifolds[observable].is_mean();
        let drawn = if thin { curves.error.len() } else { 0 };
        for (error, values) in curves.error.iter().zip(values).take(drawn) {
            let x = if against_error { error } else { &epochs };
            let line = x.iter().copied().zip(values.iter().copied()).collect();
            marks.push(Mark::Curve { points: line, class: "thin", colour: observable });
        }
        let at = |all: &[Vec<f64>], index: usize| {
            median(&all.iter().filter_map(|curve| curve.get(index).copied()).collect::<Vec<_>>())
        };
        let middle = (0..epochs.len())
            .map(|index| (if against_error { at(&curves.error, index) } else { epochs[index] }, at(values, index)))
            .filter(|(x, y)| x.is_finite() && y.is_finite())
            .collect();
        on_top.push(Mark::Curve { points: middle, class: "median", colour: observable });
        for (place, cell) in curves.cells.iter().enumerate() {
            let Some(row) = points.at(*cell, layer, observable, Rule::Prominence) else { continue };
            let (Some(epoch), star) = (row.epoch, row.epsilon_star) else { continue };
            let Ok(index) = results.epochs.binary_search(&epoch) else { continue };
            let x = if against_error { star } else { epoch as f64 };
            turned.push(x);
            on_top.push(Mark::Disc { at: (x, values[place][index]), size: 2.2, class: "dot", colour: observable });
        }
    }
    marks.extend(on_top);
    if !turned.is_empty() {
        marks.push(Mark::Upright(mean(&turned)));
    }
    let shown = observables.iter().flat_map(|&observable| curves.observable[observable].iter().flatten().copied());
    let y = Scale::around(shown, Kind::Linear);
    let x = if against_error {
        Scale::around(curves.error.iter().flatten().copied(), Kind::Log).backwards()
    } else {
        // Fast optimisers turn within tens of epochs, slow ones after hundreds: a logarithm shows both.
        Scale::around(epochs.iter().copied().filter(|epoch| *epoch >= 1.0), Kind::Log)
    };
    Panel {
        title: title.to_owned(),
        x_label: if against_error { "training error" } else { "epoch" }.to_owned(),
        y_label: what.to_owned(),
        x,
        y,
        x_ticks: Ticks::Round,
        y_ticks: Ticks::Round,
        marks,
    }
}
