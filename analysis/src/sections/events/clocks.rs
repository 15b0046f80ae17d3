//! What a moment of training can be read on: the training error, the training loss, the test error, the epoch.
//!
//! Invariant: readings are of recorded epochs; what was not recorded is NaN.

use std::ops::Range;

use ndarray::{Array2, Ix2};
use phasesweep_results::variables::{TEST_ERROR, TRAIN_ERROR, TRAIN_LOSS};

use crate::error::Result;
use crate::results::Results;

/// A clock of training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Clock {
    /// Share of the training samples misclassified.
    TrainError,
    /// Mean training loss.
    TrainLoss,
    /// Share of the test samples misclassified.
    TestError,
    /// Passes over the training samples.
    Epoch,
}

impl Clock {
    /// All, in the order of the table.
    pub const ALL: [Clock; 4] = [Clock::TrainError, Clock::TrainLoss, Clock::TestError, Clock::Epoch];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Clock::TrainError => TRAIN_ERROR.name,
            Clock::TrainLoss => TRAIN_LOSS.name,
            Clock::TestError => TEST_ERROR.name,
            Clock::Epoch => "epoch",
        }
    }
}

/// A reading of every clock, in the order of [`Clock::ALL`]; NaN where there is none.
pub type Reading = [f64; 4];

/// No reading.
pub const NONE: Reading = [f64::NAN; 4];

/// What the clocks show at every recorded epoch.
#[derive(Debug)]
pub struct Clocks {
    epochs: Vec<i64>,
    error: Array2<f32>,
    loss: Option<Array2<f32>>,
    test: Option<Array2<f32>>,
}

impl Clocks {
    /// Reads those of some cells; `None` where no training errors were recorded.
    ///
    /// # Errors
    /// What keeps the file from being read.
    pub fn read(results: &Results, cells: Range<usize>) -> Result<Option<Clocks>> {
        let slab = |name: &str| -> Result<Option<Array2<f32>>> {
            Ok(results.slab(name, cells.clone())?.and_then(|values| values.into_dimensionality::<Ix2>().ok()))
        };
        let Some(error) = slab(TRAIN_ERROR.name)? else { return Ok(None) };
        let (loss, test) = (slab(TRAIN_LOSS.name)?, slab(TEST_ERROR.name)?);
        Ok(Some(Clocks { epochs: results.epochs.clone(), error, loss, test }))
    }

    /// All clocks of a cell at the recorded epoch of that place.
    pub fn at(&self, cell: usize, place: usize) -> Reading {
        let of = |values: &Option<Array2<f32>>| {
            values.as_ref().and_then(|values| values.get([cell, place])).map_or(f64::NAN, |value| f64::from(*value))
        };
        let error = self.error.get([cell, place]).map_or(f64::NAN, |value| f64::from(*value));
        [error, of(&self.loss), of(&self.test), self.epochs.get(place).map_or(f64::NAN, |epoch| *epoch as f64)]
    }

    /// All clocks of a cell at an epoch.
    pub fn at_epoch(&self, cell: usize, epoch: i64) -> Reading {
        self.epochs.binary_search(&epoch).map_or(NONE, |place| self.at(cell, place))
    }

    /// Training error, training loss or test error of a cell along the recorded epochs; `None` where it was not recorded.
    pub fn along(&self, clock: Clock, cell: usize) -> Option<Vec<f64>> {
        let values = match clock {
            Clock::TrainError => Some(&self.error),
            Clock::TrainLoss => self.loss.as_ref(),
            Clock::TestError => self.test.as_ref(),
            Clock::Epoch => return Some(self.epochs.iter().map(|epoch| *epoch as f64).collect()),
        };
        values.map(|values| values.row(cell).iter().map(|value| f64::from(*value)).collect())
    }
}
