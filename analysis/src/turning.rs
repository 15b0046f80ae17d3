//! Turning points of every cell: one row per cell, layer, observable and rule.
//!
//! Invariants: a cell that diverged or failed has that word as its status, whatever its curves did before, so that the
//! statuses of a group add up to its cells; `epoch` and `epsilon_star` are `None` and NaN unless the status is found.
//! Cells are read in slabs and searched in parallel.

use ndarray::{ArrayD, Axis, Ix2, Ix4};
use rayon::prelude::*;

use crate::error::Result;
use crate::options::Options;
use crate::results::{Results, Status};
use crate::turning_point::{Extremum, Verdict, by_first_rise, by_prominence};

/// Bytes of measurements read at a time.
pub const SLAB_BYTES: usize = 256 << 20;

/// How a turning point is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// An extremum with two-sided prominence.
    Prominence,
    /// The first epoch after the burn-in at which the trend reverses (the authors' stopping rule).
    FirstRise,
}

impl Rule {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Rule::Prominence => "prominence",
            Rule::FirstRise => "first-rise",
        }
    }
}

/// One row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TurningPoint {
    /// Index of the cell.
    pub cell: usize,
    /// Index of the layer.
    pub layer: usize,
    /// Index of the observable in [`TurningPoints::observables`].
    pub observable: usize,
    /// Rule.
    pub rule: Rule,
    /// `found`, `edge`, `none`, `diverged` or `failed`.
    pub status: &'static str,
    /// t*.
    pub epoch: Option<i64>,
    /// Training error at t*.
    pub epsilon_star: f64,
}

/// All rows.
#[derive(Debug, Clone, Default)]
pub struct TurningPoints {
    /// Names: `radius_0` …, then `distance`, or `distance_0_1` … for more than two classes.
    pub observables: Vec<String>,
    /// Number of layers.
    pub layers: usize,
    /// Rows, by cell, layer, observable and rule: every cell has one of each.
    pub rows: Vec<TurningPoint>,
}

impl TurningPoints {
    /// Rows of one layer, observable and rule, in the order of cells.
    pub fn of(&self, layer: usize, observable: usize, rule: Rule) -> impl Iterator<Item = &TurningPoint> {
        self.rows.iter().skip(self.offset(layer, observable, rule)).step_by(self.stride())
    }

    /// The row of one cell.
    pub fn at(&self, cell: usize, layer: usize, observable: usize, rule: Rule) -> Option<&TurningPoint> {
        self.rows.get(cell * self.stride() + self.offset(layer, observable, rule))
    }

    /// Rows of a cell; at least 1, so that it can be a step.
    fn stride(&self) -> usize {
        (self.layers * self.observables.len() * 2).max(1)
    }

    fn offset(&self, layer: usize, observable: usize, rule: Rule) -> usize {
        (layer * self.observables.len() + observable) * 2 + usize::from(rule == Rule::FirstRise)
    }

    /// The observable that stands for the inversion where one must: the distance if it was measured, else the first.
    pub fn principal(&self) -> Option<usize> {
        let distance = self.observables.iter().position(|name| name.starts_with("distance"));
        distance.or(if self.observables.is_empty() { None } else { Some(0) })
    }
}

/// Names of the observables that a file holds, and which way each turns.
pub fn observables(results: &Results) -> Vec<(String, Extremum)> {
    let radii = results.classes.iter().filter(|_| results.has("radius"));
    let pairs = results.pairs.iter().filter(|_| results.has("distance"));
    let distance = |pair: &String| match results.pairs.len() {
        1 => "distance".to_owned(),
        _ => format!("distance_{}", pair.replace('-', "_")),
    };
    let radii = radii.enumerate().map(|(index, _)| (format!("radius_{index}"), Extremum::Minimum));
    radii.chain(pairs.map(|pair| (distance(pair), Extremum::Maximum))).collect()
}

/// Searches every cell.
pub fn search(results: &Results, options: &Options) -> Result<TurningPoints> {
    let kinds = observables(results);
    let observables = kinds.iter().map(|(name, _)| name.clone()).collect();
    let mut out = TurningPoints { observables, layers: results.layers.len(), rows: Vec::new() };
    if kinds.is_empty() || !results.has("train_error") {
        return Ok(out);
    }
    let epochs: Vec<usize> = results.epochs.iter().map(|epoch| (*epoch).max(0) as usize).collect();
    let radii = if results.has("radius") { results.classes.len() } else { 0 };
    for range in results.slabs(SLAB_BYTES) {
        let error = results.slab("train_error", range.clone())?.and_then(|a| a.into_dimensionality::<Ix2>().ok());
        let whole = |slab: Option<ArrayD<f32>>| slab.and_then(|a| a.into_dimensionality::<Ix4>().ok());
        let radius = whole(results.slab("radius", range.clone())?);
        let distance = whole(results.slab("distance", range.clone())?);
        let Some(error) = error else { continue };
        let rows: Vec<Vec<TurningPoint>> = range
            .clone()
            .into_par_iter()
            .map(|cell| {
                let place = cell - range.start;
                let mut rows = Vec::with_capacity(results.layers.len() * kinds.len() * 2);
                for layer in 0..results.layers.len() {
                    for (observable, (_, extremum)) in kinds.iter().enumerate() {
                        let (array, index) =
                            if observable < radii { (&radius, observable) } else { (&distance, observable - radii) };
                        let Some(array) = array else { continue };
                        let values = array.index_axis(Axis(0), place);
                        let values = values.index_axis(Axis(0), layer);
                        let values = values.index_axis(Axis(0), index).to_vec();
                        for rule in [Rule::Prominence, Rule::FirstRise] {
                            let verdict = match rule {
                                Rule::Prominence => by_prominence(&epochs, &values, *extremum, options.prominence),
                                Rule::FirstRise => by_first_rise(&epochs, &values, *extremum, options.burn_in),
                            };
                            let at = |index: usize| f64::from(error[[place, index]]);
                            let (status, epoch, epsilon_star) = outcome(results.cells.status[cell], verdict, at);
                            rows.push(TurningPoint { cell, layer, observable, rule, status, epoch, epsilon_star });
                        }
                    }
                }
                rows
            })
            .collect();
        out.rows.extend(rows.into_iter().flatten());
    }
    Ok(out)
}

fn outcome(status: Status, verdict: Verdict, error: impl Fn(usize) -> f64) -> (&'static str, Option<i64>, f64) {
    match (status, verdict) {
        (Status::Failed, _) => ("failed", None, f64::NAN),
        (Status::Missing, _) => ("missing", None, f64::NAN),
        (Status::Diverged, _) => ("diverged", None, f64::NAN),
        (Status::Complete, Verdict::Found(turn)) => ("found", Some(turn.epoch as i64), error(turn.index)),
        (Status::Complete, other) => (other.status(), None, f64::NAN),
    }
}
