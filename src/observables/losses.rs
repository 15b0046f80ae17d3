//! Losses and errors: the mean training loss, and the shares of training, test and noisy test samples that are misclassified.
//!
//! Engines reduce them from the outputs at every recorded epoch. A sample is misclassified if its greatest output, the first
//! among equals, is not that of its label.

use phasesweep_results::dimension::{CLASS, EPOCH, NOISE, PAIR};
use phasesweep_results::variables::{NOISY_ERROR, TEST_ERROR, TRAIN_ERROR, TRAIN_LOSS};

use super::axes::Labels;
use super::registry::Family;
use super::setup::pairs;

/// Losses and errors. Classes and their pairs are labelled here, since every results file names them.
pub const FAMILY: Family = Family {
    name: "losses",
    variables: &[&TRAIN_LOSS, &TRAIN_ERROR, &TEST_ERROR, &NOISY_ERROR],
    label: |setup, axes| {
        axes.set(EPOCH, Labels::integers(setup.recorded.iter().copied()));
        axes.set(CLASS, Labels::integers(0..setup.classes));
        axes.set(PAIR, Labels::Texts(pairs(setup.classes).iter().map(|(a, b)| format!("{a}-{b}")).collect()));
        axes.set(NOISE, Labels::Numbers(setup.noise.to_vec()));
        true
    },
};
