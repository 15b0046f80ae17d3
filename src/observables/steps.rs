//! Steps of the optimiser in an epoch: what turns epochs into steps wherever copies of the weights are measured or kept.

use phasesweep_results::variables::STEPS_PER_EPOCH;

use super::registry::Family;

/// One number for each cell.
pub const FAMILY: Family = Family { name: "steps", variables: &[&STEPS_PER_EPOCH], label: |setup, _| setup.steps };
