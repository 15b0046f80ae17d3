//! Which series of a cell the page draws, and where training came to.

use phasesweep_results::variables::{TEST_ERROR, TRAIN_ERROR, TRAIN_LOSS};

use crate::results::{Results, Unit};
use crate::turning::manifold::{Manifold, observables};
use crate::turning::series::AllSeries;
use crate::turning::{TurningPoints, symbol};

/// Where the values of a line come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A variable `[cell, epoch]` of that name.
    Recorded(&'static str),
    /// A series of class manifolds at a layer.
    Manifold(Manifold, usize),
    /// A series of that place among all.
    Series(usize),
}

/// One line of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Where its values come from.
    pub source: Source,
    /// Heading of the chart that it is in.
    pub chart: String,
    /// What it is called there; empty where it is alone.
    pub label: String,
    /// Name of the observable, whose turning point is marked.
    pub observable: Option<String>,
    /// What its moments are counted in.
    pub unit: Unit,
    /// Its moments, ascending.
    pub moments: Vec<i64>,
}

/// Lines at most: more are no page.
const MOST_LINES: usize = 96;

/// Where training came to, one entry per cell; NaN where it was not measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ends {
    /// Last recorded training error.
    pub train_error: Vec<f64>,
    /// Last recorded test error.
    pub test_error: Vec<f64>,
    /// Last recorded training loss.
    pub train_loss: Vec<f64>,
    /// Least recorded test error.
    pub least_test_error: Vec<f64>,
    /// The first epoch at which it was that.
    pub least_test_epoch: Vec<f64>,
}

/// The lines of a file, the most telling first: errors, loss, class manifolds, every other series.
pub fn lines(results: &Results, points: &TurningPoints, series: &AllSeries) -> Vec<Line> {
    let recorded = |name, chart: &str, label: &str| Line {
        source: Source::Recorded(name),
        chart: chart.to_owned(),
        label: label.to_owned(),
        observable: None,
        unit: Unit::Epoch,
        moments: results.epochs.clone(),
    };
    let mut out: Vec<Line> = [
        recorded(TRAIN_ERROR.name, "error", "training"),
        recorded(TEST_ERROR.name, "error", "test"),
        recorded(TRAIN_LOSS.name, "training loss", ""),
    ]
    .into_iter()
    .filter(|line| matches!(line.source, Source::Recorded(name) if results.shape(name).is_some_and(|s| s.len() == 2)))
    .collect();
    let mut manifolds = observables(results);
    manifolds.sort_by_key(|(_, manifold)| !manifold.is_mean());
    for (layer, number) in results.layers.iter().enumerate() {
        for (name, manifold) in &manifolds {
            let what = if manifold.is_radius() { "class radii R" } else { "distance of class centres D" };
            out.push(Line {
                source: Source::Manifold(*manifold, layer),
                chart: if results.layers.len() == 1 { what.to_owned() } else { format!("{what}, layer {number}") },
                label: symbol(name),
                observable: points.observables.contains(name).then(|| name.clone()),
                unit: Unit::Epoch,
                moments: results.epochs.clone(),
            });
        }
    }
    for variable in &series.variables {
        if variable.name == TEST_ERROR.name {
            continue;
        }
        let units = if variable.units == "1" { String::new() } else { format!(" ({})", variable.units) };
        for place in variable.series.clone() {
            out.push(Line {
                source: Source::Series(place),
                chart: format!("{}{units}", variable.long_name),
                label: series.all[place].label.clone(),
                observable: Some(series.points.observables[place].clone()),
                unit: variable.unit,
                moments: variable.epochs.clone(),
            });
        }
    }
    out.truncate(MOST_LINES);
    out
}
