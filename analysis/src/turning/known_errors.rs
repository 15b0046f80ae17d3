//! The training error of a cell at the moments of a series: at recorded epochs, or at steps of the optimiser.
//!
//! At a step it is known where that ends a recorded epoch, which the cell's steps in an epoch say, and where it was measured at
//! that step (`trajectory_train_error`). Invariant: moments ascend; what is not known is nowhere made up from its neighbours.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use ndarray::Ix2;
use phasesweep_results::dimension::TRAJECTORY_EPOCH;
use phasesweep_results::variables::{STEPS_PER_EPOCH, TRAIN_ERROR, TRAJECTORY_TRAIN_ERROR};

use crate::error::Result;
use crate::results::{Results, Unit};

/// Training errors of one cell at moments counted in one unit.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownErrors {
    moments: Arc<[i64]>,
    errors: Vec<f32>,
}

impl KnownErrors {
    /// The error at a moment.
    pub fn at(&self, moment: i64) -> Option<f32> {
        self.errors.get(self.moments.binary_search(&moment).ok()?).copied()
    }

    /// Least and greatest error from one moment to another, at both of which it must be known.
    pub fn between(&self, before: i64, after: i64) -> Option<[f32; 2]> {
        let [first, last] = [before, after].map(|moment| self.moments.binary_search(&moment).ok());
        let errors = self.errors.get(first?..=last?)?;
        Some([errors.iter().fold(f32::NAN, |a, &b| a.min(b)), errors.iter().fold(f32::NAN, |a, &b| a.max(b))])
    }
}

/// Errors of some cells, in their order.
///
/// # Errors
/// What keeps the file from being read.
pub fn known_errors(results: &Results, unit: Unit, cells: Range<usize>) -> Result<Vec<KnownErrors>> {
    let slab = |name: &str| -> Result<Option<ndarray::Array2<f32>>> {
        Ok(results.slab(name, cells.clone())?.and_then(|values| values.into_dimensionality::<Ix2>().ok()))
    };
    let recorded = slab(TRAIN_ERROR.name)?;
    let epochs: Arc<[i64]> = results.epochs.as_slice().into();
    let rows = |of: &Option<ndarray::Array2<f32>>, cell: usize| {
        of.as_ref().map_or_else(Vec::new, |values| values.row(cell).iter().copied().collect::<Vec<f32>>())
    };
    if unit == Unit::Epoch {
        let of = |cell| KnownErrors { moments: epochs.clone(), errors: rows(&recorded, cell) };
        return Ok((0..cells.len()).map(of).collect());
    }
    let steps = TRAJECTORY_EPOCH.name_in_steps().map(|name| results.integers(&name)).transpose()?.flatten();
    let measured = match &steps {
        Some(_) => slab(TRAJECTORY_TRAIN_ERROR.name)?,
        None => None,
    };
    let steps = steps.unwrap_or_default();
    let per_epoch = results.cells.numbers.iter().find(|(name, _)| name == STEPS_PER_EPOCH.name);
    let of = |cell: usize| {
        let per_epoch = per_epoch.map_or(f64::NAN, |(_, values)| values[cells.start + cell]);
        let ends = epochs.iter().zip(rows(&recorded, cell)).filter(|_| per_epoch >= 1.0);
        let mut known: BTreeMap<i64, f32> = ends.map(|(epoch, error)| (epoch * per_epoch as i64, error)).collect();
        for (step, error) in steps.iter().zip(rows(&measured, cell)) {
            // What the engine recorded stays; a step at which the cell was not measured any more tells nothing.
            let kept = known.entry(*step).or_insert(error);
            *kept = if kept.is_finite() { *kept } else { error };
        }
        KnownErrors { moments: known.keys().copied().collect(), errors: known.into_values().collect() }
    };
    Ok((0..cells.len()).map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_between_two_moments_are_bracketed_where_both_are_known() {
        let known = KnownErrors { moments: [0, 4, 5, 8].as_slice().into(), errors: vec![0.5, 0.25, 0.3125, 0.125] };
        assert_eq!((known.at(5), known.at(6)), (Some(0.3125), None));
        assert_eq!(known.between(4, 8), Some([0.125, 0.3125]));
        assert_eq!(known.between(4, 7), None);
    }
}
