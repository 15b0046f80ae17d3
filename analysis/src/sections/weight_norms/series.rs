//! The norms of a file: each cell's at start and end and its turning point, and each group's along training.
//!
//! Invariants: cells that did not complete take no part; a value that was not measured is NaN and enters no mean.

use ndarray::Ix3;
use rayon::prelude::*;

use crate::error::Result;
use crate::groups::Groups;
use crate::options::Options;
use crate::results::{Results, Status};
use crate::turning::SLAB_BYTES;
use crate::turning_point::{Extremum, Turn, by_prominence};

/// The variable, `[cell, layer, epoch]`.
pub const VARIABLE: &str = "weight_norm";
/// Labels of its layers, counted from 1; the last is the output layer.
const LAYERS: &str = "weight_layer";
/// Labels of its epochs.
const EPOCHS: &str = "weight_norm_epoch";

/// One cell's norm in one layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Index of the cell.
    pub cell: usize,
    /// Index of its group.
    pub group: usize,
    /// Index into [`Norms::layers`].
    pub layer: usize,
    /// The first norm that was measured.
    pub start: f64,
    /// The last one.
    pub end: f64,
    /// Where it turns, and which way.
    pub turn: Option<(Extremum, Turn)>,
}

/// A group's norm in one layer along training.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// Index of the group.
    pub group: usize,
    /// Index into [`Norms::layers`].
    pub layer: usize,
    /// Mean over its cells at each epoch, with the least and the greatest of them; NaN where none was measured.
    pub at: Vec<[f64; 3]>,
}

/// Everything that is known of the file's norms.
#[derive(Debug, Clone, PartialEq)]
pub struct Norms {
    /// Layers, counted from 1.
    pub layers: Vec<i64>,
    /// Epochs.
    pub epochs: Vec<i64>,
    /// By cell and layer; a layer that a cell's network lacks has none.
    pub rows: Vec<Row>,
    /// By group and layer, those that were measured.
    pub courses: Vec<Course>,
}

/// Sums over cells, from which a [`Course`] is made.
#[derive(Clone)]
struct Sum {
    count: usize,
    sum: f64,
    least: f64,
    greatest: f64,
}

/// Reads the norms; `None` where the file holds none.
///
/// # Errors
/// What keeps the variable from being read.
pub fn read(results: &Results, groups: &Groups, options: &Options) -> Result<Option<Norms>> {
    let Some(shape) = results.shape(VARIABLE) else { return Ok(None) };
    let layers = results.integers(LAYERS)?.unwrap_or_default();
    let epochs = results.integers(EPOCHS)?.unwrap_or_default();
    if shape != [results.cells.len(), layers.len(), epochs.len()] || shape.contains(&0) {
        return Ok(None);
    }
    let times: Vec<usize> = epochs.iter().map(|epoch| (*epoch).max(0) as usize).collect();
    let of_cell = groups.of_cells(results.cells.len());
    let nothing = Sum { count: 0, sum: 0.0, least: f64::INFINITY, greatest: f64::NEG_INFINITY };
    let mut sums = vec![nothing; groups.all.len() * layers.len() * epochs.len()];
    let mut rows = Vec::new();
    let at_once = (SLAB_BYTES / (4 * layers.len() * epochs.len())).max(1);
    for start in (0..results.cells.len()).step_by(at_once) {
        let range = start..(start + at_once).min(results.cells.len());
        let slab = results.slab(VARIABLE, range.clone())?.and_then(|a| a.into_dimensionality::<Ix3>().ok());
        let Some(slab) = slab else { continue };
        let complete = |cell: &usize| results.cells.status[*cell] == Status::Complete;
        for cell in range.clone().filter(complete) {
            for ((layer, epoch), &norm) in slab.index_axis(ndarray::Axis(0), cell - range.start).indexed_iter() {
                let norm = f64::from(norm);
                if norm.is_finite() {
                    let sum = &mut sums[(of_cell[cell] * layers.len() + layer) * epochs.len() + epoch];
                    sum.count += 1;
                    sum.sum += norm;
                    sum.least = sum.least.min(norm);
                    sum.greatest = sum.greatest.max(norm);
                }
            }
        }
        let found: Vec<Vec<Row>> = range
            .clone()
            .into_par_iter()
            .filter(complete)
            .map(|cell| {
                let of_layer = |layer: usize| {
                    let norms = slab.slice(ndarray::s![cell - range.start, layer, ..]).to_vec();
                    let mut measured = norms.iter().copied().filter(|norm| norm.is_finite()).map(f64::from);
                    let start = measured.next()?;
                    let end = measured.next_back().unwrap_or(start);
                    let turn = turn(&times, &norms, options.prominence);
                    Some(Row { cell, group: of_cell[cell], layer, start, end, turn })
                };
                (0..layers.len()).filter_map(of_layer).collect()
            })
            .collect();
        rows.extend(found.into_iter().flatten());
    }
    let mut courses = Vec::new();
    for (place, sums) in sums.chunks(epochs.len()).enumerate() {
        if sums.iter().any(|sum| sum.count > 0) {
            let at = sums.iter().map(|sum| match sum.count {
                0 => [f64::NAN; 3],
                count => [sum.sum / count as f64, sum.least, sum.greatest],
            });
            courses.push(Course { group: place / layers.len(), layer: place % layers.len(), at: at.collect() });
        }
    }
    Ok(Some(Norms { layers, epochs, rows, courses }))
}

/// The more prominent of a series' turning points of either kind.
fn turn(epochs: &[usize], norms: &[f32], fraction: f64) -> Option<(Extremum, Turn)> {
    let of = |extremum| by_prominence(epochs, norms, extremum, fraction).turn().map(|turn| (extremum, turn));
    let both = [Extremum::Minimum, Extremum::Maximum].into_iter().filter_map(of);
    both.max_by(|a, b| a.1.prominence.total_cmp(&b.1.prominence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_turns_the_more_prominent_one_counts() {
        let epochs = [0, 10, 20, 30, 40];
        // It falls by 1 and rises by 3; then falls by 2: the minimum's prominence is 1, the maximum's 2.
        let found =
            turn(&epochs, &[3.0, 2.0, 5.0, 4.0, 3.0], 0.05).map(|(kind, turn)| (kind, turn.epoch, turn.prominence));
        assert_eq!(found, Some((Extremum::Maximum, 20, 2.0)));
        assert_eq!(turn(&epochs, &[1.0, 2.0, 3.0, 4.0, 5.0], 0.05), None);
    }
}
