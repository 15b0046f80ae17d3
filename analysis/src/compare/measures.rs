//! What is compared of each cell: one number, or whether something happened.
//!
//! ε* and its epoch by prominence, of the observables that a report judges by (the radii and distances of two classes; of more,
//! their means; the principal observable of the sweep's `[report]`); whether they turn; losses and errors at the end. Invariant:
//! what a cell does not have is NaN, and such a cell takes no part.

use std::collections::HashMap;

use phasesweep_results::variables::{TEST_ERROR, TRAIN_ERROR, TRAIN_LOSS};

use crate::error::Result;
use crate::results::{Results, Status};
use crate::turning::series::AllSeries;
use crate::turning::{Rule, SLAB_BYTES, TurningPoints};

/// What a measure is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number of each cell: groups are compared by their means.
    Number,
    /// 1 or 0 of each cell: groups are compared by their shares.
    Share,
}

/// One number of every cell.
#[derive(Debug, Clone)]
pub struct Measure {
    /// What it is called in tables.
    pub name: String,
    /// What it is of.
    pub kind: Kind,
    /// Its value of every cell; NaN where a cell has none.
    pub values: Vec<f64>,
    /// The step of which a cell's value is a multiple; NaN where it is not known.
    pub step: Vec<f64>,
}

/// Everything that is compared of a file.
///
/// # Errors
/// What keeps the file from being read.
pub fn measures(results: &Results, points: &TurningPoints, all: &AllSeries) -> Result<Vec<Measure>> {
    let cells = &results.cells;
    let samples = |cell: usize| cells.samples.as_ref().map_or(f64::NAN, |samples| samples[cell]);
    let of_training: Vec<f64> = (0..cells.len()).map(|cell| 1.0 / samples(cell)).collect();
    let unknown = vec![f64::NAN; cells.len()];
    let mut out = Vec::new();
    let any_mean = points.manifolds.iter().any(|manifold| manifold.is_mean());
    let judged = (0..points.manifolds.len()).filter(|&place| !any_mean || points.manifolds[place].is_mean());
    let judged: Vec<usize> = if points.rows.is_empty() { Vec::new() } else { judged.collect() };
    for layer in 0..points.layers.len() {
        for &observable in &judged {
            out.extend(turning(points, layer, observable, &of_training));
        }
    }
    if let Some(principal) = all.points.principal {
        out.extend(turning(&all.points, 0, principal, &of_training));
    }
    for (variable, step) in [(&TRAIN_LOSS, &unknown), (&TRAIN_ERROR, &of_training), (&TEST_ERROR, &unknown)] {
        let Some([last, least]) = ends(results, variable.name)? else { continue };
        out.push(number(format!("{} at the end", variable.name), last, step));
        if variable.name == TEST_ERROR.name {
            out.push(number(format!("least {}", variable.name), least, step));
        }
    }
    let trained = |of: Status| of != Status::Missing && of != Status::Failed;
    let diverged: Vec<f64> = (cells.status.iter())
        .map(|&of| if trained(of) { f64::from(u8::from(of == Status::Diverged)) } else { f64::NAN })
        .collect();
    if diverged.contains(&1.0) {
        out.push(Measure { name: "diverges".to_owned(), kind: Kind::Share, values: diverged, step: unknown });
    }
    Ok(out)
}

fn number(name: String, values: Vec<f64>, step: &[f64]) -> Measure {
    Measure { name, kind: Kind::Number, values, step: step.to_vec() }
}

/// ε*, the epoch and whether it turns, of one observable at one layer.
fn turning(points: &TurningPoints, layer: usize, observable: usize, step: &[f64]) -> [Measure; 3] {
    let layers = points.layers.len() > 1;
    let at = points.layers[layer].filter(|_| layers).map_or_else(String::new, |layer| format!(", layer {layer}"));
    let name = &points.observables[observable];
    let rows = || points.of(layer, observable, Rule::Prominence);
    let stars = rows().map(|row| row.epsilon_star).collect();
    let epochs = rows().map(|row| row.epoch.map_or(f64::NAN, |epoch| epoch as f64)).collect();
    let turns = rows().map(|row| match row.status {
        "absent" | "failed" | "missing" => f64::NAN,
        status => f64::from(u8::from(status == "found")),
    });
    let whole = vec![1.0; step.len()];
    [
        number(format!("ε* of {name}{at}"), stars, step),
        number(format!("epoch of {name}'s turn{at}"), epochs, &whole),
        Measure { name: format!("{name} turns{at}"), kind: Kind::Share, values: turns.collect(), step: whole },
    ]
}

/// Last and least measured value of a variable along the recorded epochs, of every cell that was trained to its end; `None`
/// where the file lacks it.
fn ends(results: &Results, name: &str) -> Result<Option<[Vec<f64>; 2]>> {
    if !results.has(name) {
        return Ok(None);
    }
    let mut out = [Vec::new(), Vec::new()];
    for range in results.slabs(SLAB_BYTES) {
        let Some(slab) = results.slab(name, range.clone())? else { return Ok(None) };
        for (cell, row) in range.zip(slab.outer_iter()) {
            let complete = results.cells.status[cell] == Status::Complete;
            let values: Vec<f64> =
                row.iter().map(|&value| f64::from(value)).filter(|value| complete && value.is_finite()).collect();
            out[0].push(values.last().copied().unwrap_or(f64::NAN));
            out[1].push(values.into_iter().fold(f64::NAN, f64::min));
        }
    }
    Ok(Some(out))
}

/// Values of a measure in some cells, one a seed: the mean over cells that share it.
pub fn by_seed(values: &[f64], cells: &[usize], seed: &[i64]) -> Vec<(i64, f64)> {
    let mut sums: HashMap<i64, (f64, f64)> = HashMap::new();
    for &cell in cells.iter().filter(|&&cell| values[cell].is_finite()) {
        let (sum, count) = sums.entry(seed[cell]).or_default();
        (*sum, *count) = (*sum + values[cell], *count + 1.0);
    }
    let mut out: Vec<(i64, f64)> = sums.into_iter().map(|(seed, (sum, count))| (seed, sum / count)).collect();
    out.sort_by_key(|(seed, _)| *seed);
    out
}
