//! Turning points of class manifolds: of radii and distances, by both rules.
//!
//! With more than two classes the means over all of them are the principal observables. Cells are read in slabs and searched
//! in parallel.

use ndarray::Ix2;
use phasesweep_results::variables::TRAIN_ERROR;
use rayon::prelude::*;

use super::manifold::{Manifold, Manifolds, observables};
use super::{Rule, SLAB_BYTES, TurningPoint, TurningPoints, outcome};
use crate::error::Result;
use crate::options::Options;
use crate::principal::is_measured;
use crate::results::Results;
use crate::turning_point::{by_first_rise, by_prominence};

/// What the means are, for who reads of them; `None` with two classes.
pub fn note_on_means(points: &TurningPoints) -> Option<String> {
    points.manifolds.iter().any(|series| series.is_mean()).then(|| {
        "With more than two classes the inversion is judged by means: R̄ (radius_mean) and D̄ (distance_mean) are at each \
         epoch the arithmetic means of the radii over all classes, and of the distances over all pairs of classes, of \
         which the training block holds samples."
            .to_owned()
    })
}

/// The observable that stands for the inversion where one must: the distance if it was measured, else the first radius;
/// with more than two classes the mean over all of them.
fn principal(manifolds: &[Manifold]) -> Option<usize> {
    let first = |wanted: &dyn Fn(Manifold) -> bool| manifolds.iter().position(|&manifold| wanted(manifold));
    first(&|manifold| manifold == Manifold::MeanDistance)
        .or_else(|| first(&|manifold| !manifold.is_radius()))
        .or_else(|| first(&|manifold| manifold == Manifold::MeanRadius))
        .or(if manifolds.is_empty() { None } else { Some(0) })
}

/// Searches every cell.
///
/// # Errors
/// What keeps the file from being read.
pub fn search(results: &Results, options: &Options) -> Result<TurningPoints> {
    let kinds = observables(results);
    let (observables, manifolds): (Vec<String>, Vec<Manifold>) = kinds.iter().cloned().unzip();
    let mut out = TurningPoints {
        principal: principal(&manifolds),
        observables,
        manifolds,
        layers: results.layers.iter().map(|layer| Some(*layer)).collect(),
        rules: &[Rule::Prominence, Rule::FirstRise],
        rows: Vec::new(),
    };
    if kinds.is_empty() || !results.has(TRAIN_ERROR.name) {
        return Ok(out);
    }
    let epochs: Vec<usize> = results.epochs.iter().map(|epoch| (*epoch).max(0) as usize).collect();
    for range in results.slabs(SLAB_BYTES) {
        let error = results.slab(TRAIN_ERROR.name, range.clone())?.and_then(|a| a.into_dimensionality::<Ix2>().ok());
        let slabs = Manifolds::read(results, range.clone())?;
        let Some(error) = error else { continue };
        let rows: Vec<Vec<TurningPoint>> = range
            .clone()
            .into_par_iter()
            .map(|cell| {
                let place = cell - range.start;
                let mut rows = Vec::with_capacity(results.layers.len() * kinds.len() * 2);
                for layer in 0..results.layers.len() {
                    for (observable, (_, manifold)) in kinds.iter().enumerate() {
                        let Some(values) = manifold.values(&slabs, place, layer) else { continue };
                        let extremum = manifold.extremum();
                        for &rule in out.rules {
                            let verdict = is_measured(&values).then(|| match rule {
                                Rule::Prominence => by_prominence(&epochs, &values, extremum, options.prominence),
                                Rule::FirstRise => by_first_rise(&epochs, &values, extremum, options.burn_in),
                            });
                            let status = results.cells.status[cell];
                            let (status, turn) = outcome(status, verdict.map(|verdict| (extremum, verdict)));
                            rows.push(TurningPoint {
                                cell,
                                layer,
                                observable,
                                rule,
                                status,
                                epoch: turn.map(|(_, turn)| turn.epoch as i64),
                                epsilon_star: turn.map_or(f64::NAN, |(_, turn)| f64::from(error[[place, turn.index]])),
                                extremum: turn.map(|(extremum, _)| extremum),
                                value: turn.map_or(f64::NAN, |(_, turn)| turn.value),
                            });
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
