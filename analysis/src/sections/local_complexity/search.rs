//! Phases of every series of local complexity, and rises of every accuracy after the training set is fitted.
//!
//! [`super::phases`] and [`super::rise`] are pure; [`search`](fn@search) applies them to everything that the file holds.

use ndarray::{ArrayD, Ix2, Ix4, Ix5, s};
use phasesweep_results::variables::{LOCAL_COMPLEXITY, ROBUST_ERROR, STEPS_PER_EPOCH, TEST_ERROR, TRAIN_ERROR};
use rayon::prelude::*;

use super::axes::{AttackAxes, ComplexityAxes};
use super::phases::{Phases, phases};
use super::rise::{self, Rise};
use crate::error::Result;
use crate::options::Options;
use crate::results::{Results, Status, Unit};
use crate::statistics::moments::median;
use crate::turning::SLAB_BYTES;

/// Name of the layer that is the sum over all hidden layers.
pub const TOTAL: &str = "total";

/// Units that are cut in the mean where a series is to stand for a cell. Counts of single units over some hundred points
/// waver by a tenth of themselves.
pub const LEAST_CUT: f64 = 5.0;

/// A place on a series of one cell. NaN for what is not known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Optimiser steps.
    pub step: f64,
    /// Local complexity.
    pub value: f64,
    /// Training accuracy.
    pub train: f64,
    /// Test accuracy.
    pub test: f64,
}

impl Place {
    /// Nowhere.
    pub const UNKNOWN: Place = Place { step: f64::NAN, value: f64::NAN, train: f64::NAN, test: f64::NAN };
}

/// Phases of one series: a cell's local complexity around some points, at a radius, in a layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Index of the cell.
    pub cell: usize,
    /// Index into [`ComplexityAxes::points`].
    pub points: usize,
    /// Index into [`ComplexityAxes::radii`].
    pub radius: usize,
    /// Index into [`ComplexityAxes::layers`].
    pub layer: usize,
    /// How the cell ended; phases count only if it is complete.
    pub ended: Status,
    /// The phases.
    pub phases: Phases,
    /// Where the descent ends.
    pub trough: Place,
    /// Where the ascent ends.
    pub peak: Place,
    /// Where the final descent begins.
    pub falls_from: Place,
    /// Greatest value of the series; NaN if nothing was measured.
    pub greatest: f64,
}

/// The rise of one accuracy of one cell after its training set was fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct RiseRow {
    /// Index of the cell.
    pub cell: usize,
    /// Which accuracy: `test`, or norm and ε of an attack.
    pub of: String,
    /// Step at which the training set is fitted.
    pub fitted: Option<f64>,
    /// The rise.
    pub rise: Option<Rise>,
    /// Step at which the final descent of the principal series begins; NaN if it was not reached.
    pub falls_from: f64,
}

impl RiseRow {
    /// Whether the accuracy rises long after fitting.
    pub fn is_delayed(&self) -> bool {
        self.rise.zip(self.fitted).is_some_and(|(rise, fitted)| rise.is_delayed(fitted))
    }

    /// Whether the final descent begins before half of the accuracy's gain is made; `None` where one of them is missing.
    pub fn is_preceded(&self) -> Option<bool> {
        self.rise.filter(|_| self.falls_from.is_finite()).map(|rise| self.falls_from < rise.step)
    }
}

/// Everything that is found.
#[derive(Debug, Clone, PartialEq)]
pub struct Complexity {
    /// Dimensions of the file.
    pub axes: ComplexityAxes,
    /// The series that stands for a cell where one must: index of the points and of the radius; the layer is
    /// [`TOTAL`], or the last one.
    pub principal: [usize; 2],
    /// Index of the layer that stands for all.
    pub total: usize,
    /// Phases, by cell, points, radius and layer; series that were not measured (a layer that the network lacks) have no
    /// row.
    pub rows: Vec<Row>,
    /// Rises, by cell and accuracy.
    pub rises: Vec<RiseRow>,
}

impl Complexity {
    /// The rows of the principal series.
    pub fn principal_rows(&self) -> impl Iterator<Item = &Row> {
        let [points, radius] = self.principal;
        self.rows.iter().filter(move |row| (row.points, row.radius, row.layer) == (points, radius, self.total))
    }

    /// What the principal series is, in words.
    pub fn principal_name(&self) -> String {
        let [points, radius] = self.principal;
        format!("around {} points at r = {}", points_name(&self.axes.points[points]), self.axes.radii[radius])
    }
}

/// A kind of points as prose says it.
pub fn points_name(points: &str) -> &str {
    if points == "train" { "training" } else { points }
}

/// Steps of each epoch of a cell, or the steps themselves; NaN where the file does not say how many steps a pass takes.
pub fn steps(results: &Results, cell: usize, moments: &[i64], unit: Unit) -> Vec<f64> {
    if unit == Unit::Step {
        return moments.iter().map(|step| *step as f64).collect();
    }
    let known = results.cells.numbers.iter().find(|(name, _)| name == STEPS_PER_EPOCH.name);
    let per_epoch = known.map_or(f64::NAN, |(_, values)| values[cell]);
    moments.iter().map(|epoch| *epoch as f64 * per_epoch).collect()
}

/// Errors of some cells as accuracies `[cell, epoch]`.
pub fn accuracies(
    results: &Results,
    variable: &str,
    cells: std::ops::Range<usize>,
) -> Result<Option<ndarray::Array2<f64>>> {
    let errors = results.slab(variable, cells)?.and_then(|a| a.into_dimensionality::<Ix2>().ok());
    Ok(errors.map(|errors| errors.mapv(|error| 1.0 - f64::from(error))))
}

/// Searches every series; `None` where the file holds no local complexity.
pub fn search(results: &Results, options: &Options) -> Result<Option<Complexity>> {
    let Some(axes) = ComplexityAxes::read(results)?.filter(|axes| !axes.epochs.is_empty()) else { return Ok(None) };
    let (Some(total), false) = (axes.layers.len().checked_sub(1), axes.points.is_empty() || axes.radii.is_empty())
    else {
        return Ok(None);
    };
    let total = axes.layers.iter().position(|layer| layer == TOTAL).unwrap_or(total);
    let series = axes.points.len() * axes.radii.len() * axes.layers.len();
    let at_once = (SLAB_BYTES / (4 * series * axes.epochs.len())).max(1);
    let mut rows: Vec<Row> = Vec::new();
    for start in (0..results.cells.len()).step_by(at_once) {
        let range = start..(start + at_once).min(results.cells.len());
        let slab =
            results.slab(LOCAL_COMPLEXITY.name, range.clone())?.and_then(|a| a.into_dimensionality::<Ix5>().ok());
        let Some(slab) = slab else { continue };
        let train = accuracies(results, TRAIN_ERROR.name, range.clone())?;
        let test = accuracies(results, TEST_ERROR.name, range.clone())?;
        let found: Vec<Vec<Row>> = range
            .clone()
            .into_par_iter()
            .map(|cell| {
                let recorded = steps(results, cell, &results.epochs, Unit::Epoch);
                let steps = steps(results, cell, &axes.epochs, axes.unit);
                let at_epoch = |of: &Option<ndarray::Array2<f64>>, place: usize| {
                    // Errors are recorded at epochs: at a step where it ends one.
                    let epoch = match axes.unit {
                        Unit::Epoch => results.epochs.binary_search(&axes.epochs[place]).ok(),
                        Unit::Step => recorded.iter().position(|step| *step == steps[place]),
                    };
                    of.as_ref().zip(epoch).map_or(f64::NAN, |(all, epoch)| all[[cell - range.start, epoch]])
                };
                let mut rows = Vec::new();
                for (points, radius, layer) in every(&axes) {
                    let series = slab.slice(s![cell - range.start, points, radius, layer, ..]);
                    let values: Vec<f64> = series.iter().map(|value| f64::from(*value)).collect();
                    let greatest = values.iter().copied().filter(|v| v.is_finite()).reduce(f64::max);
                    let ended = results.cells.status[cell];
                    let Some(greatest) = greatest.or((ended != Status::Complete).then_some(f64::NAN)) else { continue };
                    let phases = phases(&values, options.lc_prominence);
                    let place = |place: Option<usize>| {
                        place.filter(|_| ended == Status::Complete).map_or(Place::UNKNOWN, |place| Place {
                            step: steps[place],
                            value: values[place],
                            train: at_epoch(&train, place),
                            test: at_epoch(&test, place),
                        })
                    };
                    let (trough, peak) = (place(phases.trough), place(phases.peak));
                    let falls_from = place(phases.falls_from);
                    rows.push(Row { cell, points, radius, layer, ended, phases, trough, peak, falls_from, greatest });
                }
                rows
            })
            .collect();
        rows.extend(found.into_iter().flatten());
    }
    let principal = principal(&axes, total, &rows);
    let mut complexity = Complexity { axes, principal, total, rows, rises: Vec::new() };
    complexity.rises = rises(results, &complexity)?;
    Ok(Some(complexity))
}

fn every(axes: &ComplexityAxes) -> impl Iterator<Item = (usize, usize, usize)> {
    let (points, radii, layers) = (axes.points.len(), axes.radii.len(), axes.layers.len());
    (0..points).flat_map(move |p| (0..radii).flat_map(move |r| (0..layers).map(move |l| (p, r, l))))
}

/// Training points, where they were probed; the smallest radius at which the median cell has at some time at least
/// [`LEAST_CUT`] units cut in the mean: else the greatest.
fn principal(axes: &ComplexityAxes, total: usize, rows: &[Row]) -> [usize; 2] {
    let points = axes.points.iter().position(|points| points == "train").unwrap_or(0);
    let typical = |radius: usize| {
        let of = rows.iter().filter(|row| (row.points, row.radius, row.layer) == (points, radius, total));
        median(&of.map(|row| row.greatest).collect::<Vec<_>>())
    };
    let radius = (0..axes.radii.len()).find(|radius| typical(*radius) >= LEAST_CUT);
    [points, radius.unwrap_or(axes.radii.len() - 1)]
}

/// Rises of the test accuracy, and of the accuracy under each attack, in every complete cell.
fn rises(results: &Results, complexity: &Complexity) -> Result<Vec<RiseRow>> {
    let cells = results.cells.len();
    let mut falls_from = vec![f64::NAN; cells];
    complexity.principal_rows().for_each(|row| falls_from[row.cell] = row.falls_from.step);
    let attack = AttackAxes::read(results)?;
    let mut out = Vec::new();
    for range in results.slabs(SLAB_BYTES) {
        let (Some(train), Some(test)) = (
            accuracies(results, TRAIN_ERROR.name, range.clone())?,
            accuracies(results, TEST_ERROR.name, range.clone())?,
        ) else {
            continue;
        };
        let robust: Option<ArrayD<f32>> = results.slab(ROBUST_ERROR.name, range.clone())?;
        let robust = robust.and_then(|a| a.into_dimensionality::<Ix4>().ok());
        for cell in range.clone().filter(|&cell| results.cells.status[cell] == Status::Complete) {
            let place = cell - range.start;
            let all = steps(results, cell, &results.epochs, Unit::Epoch);
            let fitted = rise::fitted(&all, &train.row(place).to_vec());
            let of = |name: String, steps: &[f64], accuracy: &[f64]| RiseRow {
                cell,
                of: name,
                fitted,
                rise: fitted.and_then(|from| rise::rise(steps, accuracy, from)),
                falls_from: falls_from[cell],
            };
            out.push(of("test".to_owned(), &all, &test.row(place).to_vec()));
            let (Some(robust), Some(attack)) = (&robust, &attack) else { continue };
            let probed = steps(results, cell, &attack.epochs, attack.unit);
            for (n, norm) in attack.norms.iter().enumerate() {
                for (e, epsilon) in attack.epsilons.iter().enumerate() {
                    let errors = robust.slice(s![place, n, e, ..]);
                    let accuracy: Vec<f64> = errors.iter().map(|error| 1.0 - f64::from(*error)).collect();
                    out.push(of(format!("{norm} {epsilon}"), &probed, &accuracy));
                }
            }
        }
    }
    Ok(out)
}
