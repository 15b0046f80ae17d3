//! What is stored: the table of all variables, and the versions of the formats of parts and checkpoints.
//!
//! What both programs must agree on is in the contract (`phasesweep_results`): the types, the dimensions, the variables that
//! the report reads by name, the version of the results file. The other variables are declared here. The names are promises
//! to everyone's scripts. Parts, `collect` and the results file follow from [`VARIABLES`]. Invariants: names are distinct;
//! every variable's first dimension is the cell.

use std::sync::LazyLock;

use phasesweep_results::dimension::{
    CELL, COMPONENT, DIMENSIONS, EPOCH, LC_EPOCH, LC_LAYER, LC_POINTS, LC_QUANTILE, LC_RADIUS, QUANTILE, STAGE,
};
use phasesweep_results::{Dim, Dtype, Format as Versions, FormatError, Variable, variables};

/// Quantile over points of the number of units whose sign changes in the neighbourhood.
static LOCAL_COMPLEXITY_QUANTILE: Variable = Variable {
    name: "local_complexity_quantile",
    dims: &[CELL, LC_POINTS, LC_RADIUS, LC_LAYER, LC_QUANTILE, LC_EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "quantile over points of the number of units whose sign changes in the neighbourhood",
    when: "`[observe] local_complexity`",
};

/// Distance of the parameters from their initial values, over the norm of these.
static DISTANCE_FROM_START: Variable = Variable {
    name: "distance_from_start",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "distance of the parameters from their initial values, over the norm of these",
    when: "gradient flows",
};

/// Quantiles of the margins y F of the kept training samples.
static MARGIN: Variable = Variable {
    name: "margin",
    dims: &[CELL, EPOCH, QUANTILE],
    dtype: Dtype::F32,
    units: "1",
    long_name: "quantiles of the margins y F of the kept training samples",
    when: "gradient flows",
};

/// Quantiles of the norms of the first layer's neurons, weights and bias.
static NEURON_NORM: Variable = Variable {
    name: "neuron_norm",
    dims: &[CELL, EPOCH, QUANTILE],
    dtype: Dtype::F32,
    units: "1",
    long_name: "quantiles of the norms of the first layer's neurons, weights and bias",
    when: "gradient flows",
};

/// Steps tried and not taken.
static REJECTED_STEPS: Variable = Variable {
    name: "rejected_steps",
    dims: &[CELL],
    dtype: Dtype::F32,
    units: "1",
    long_name: "steps tried and not taken",
    when: "gradient flows",
};

/// Intrinsic dimension of the training inputs by two nearest neighbours.
static INPUT_DIMENSION: Variable = Variable {
    name: "input_dimension",
    dims: &[CELL],
    dtype: Dtype::F32,
    units: "1",
    long_name: "intrinsic dimension of the training inputs by two nearest neighbours",
    when: "gradient flows",
};

/// Largest eigenvalues of the second moments of the first layer's weights over its neurons.
static WEIGHT_SPECTRUM: Variable = Variable {
    name: "weight_spectrum",
    dims: &[CELL, STAGE, COMPONENT],
    dtype: Dtype::F32,
    units: "1",
    long_name: "largest eigenvalues of the second moments of the first layer's weights over its neurons",
    when: "gradient flows",
};

/// Largest eigenvalues of the tangent kernel's Gram matrix over its number of points.
static KERNEL_EIGENVALUE: Variable = Variable {
    name: "kernel_eigenvalue",
    dims: &[CELL, STAGE, COMPONENT],
    dtype: Dtype::F32,
    units: "1",
    long_name: "largest eigenvalues of the tangent kernel's Gram matrix over its number of points",
    when: "gradient flows with `[flow] kernel`",
};

/// Frobenius norm of the tangent kernel's Gram matrix over its number of points.
static KERNEL_NORM: Variable = Variable {
    name: "kernel_norm",
    dims: &[CELL, STAGE],
    dtype: Dtype::F32,
    units: "1",
    long_name: "Frobenius norm of the tangent kernel's Gram matrix over its number of points",
    when: "gradient flows with `[flow] kernel`",
};

/// Largest violation of the hinge machine's optimality conditions, in units of the margin.
static KERNEL_VIOLATION: Variable = Variable {
    name: "kernel_violation",
    dims: &[CELL, STAGE],
    dtype: Dtype::F32,
    units: "1",
    long_name: "largest violation of the hinge machine's optimality conditions, in units of the margin",
    when: "gradient flows with `[flow] kernel` and `kernel_test`",
};

/// Every variable measured along training, in the order in which they are written.
pub static VARIABLES: &[&Variable] = &[
    &variables::TRAIN_LOSS,
    &variables::TRAIN_ERROR,
    &variables::TEST_ERROR,
    &variables::NOISY_ERROR,
    &variables::RADIUS,
    &variables::DISTANCE,
    &variables::MISCLASSIFIED,
    &variables::MISCLASSIFIED_COUNT,
    &variables::LOCAL_COMPLEXITY,
    &LOCAL_COMPLEXITY_QUANTILE,
    &variables::ROBUST_ERROR,
    &variables::STEPS_PER_EPOCH,
    &variables::FLOW_TIME,
    &variables::UNFITTED,
    &variables::COMPRESSION,
    &DISTANCE_FROM_START,
    &MARGIN,
    &NEURON_NORM,
    &variables::FLOW_STOP,
    &REJECTED_STEPS,
    &INPUT_DIMENSION,
    &variables::STAGE_EPOCH,
    &variables::STAGE_TIME,
    &variables::STAGE_UNFITTED,
    &variables::STAGE_TRAIN_ERROR,
    &variables::STAGE_TEST_ERROR,
    &variables::STAGE_COMPRESSION,
    &WEIGHT_SPECTRUM,
    &variables::HIDDEN_DIMENSION,
    &KERNEL_EIGENVALUE,
    &variables::KERNEL_PROJECTION,
    &variables::KERNEL_COORDINATE,
    &variables::KERNEL_LABEL,
    &variables::KERNEL_ALIGNMENT,
    &KERNEL_NORM,
    &variables::KERNEL_CHANGE,
    &variables::KERNEL_TEST_ERROR,
    &variables::NETWORK_TEST_ERROR,
    &KERNEL_VIOLATION,
];

/// The variable of that name.
pub fn variable(name: &str) -> Option<&'static Variable> {
    VARIABLES.iter().copied().find(|variable| variable.name == name)
}

/// All dimensions other than the cell, in the order in which they are written: the contract's, then those that variables
/// bring with them.
pub fn dimensions() -> &'static [Dim] {
    static ALL: LazyLock<Vec<Dim>> = LazyLock::new(|| {
        let mut all = DIMENSIONS.to_vec();
        for &dim in VARIABLES.iter().flat_map(|variable| variable.dims) {
            if dim != CELL && !all.contains(&dim) {
                all.push(dim);
            }
        }
        all
    });
    &ALL
}

/// A format of the program's own files. That of the results file is [`phasesweep_results::format::RESULTS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One cohort's part.
    Part,
    /// One cohort's checkpoint.
    Checkpoint,
}

impl Format {
    const fn versions(self) -> Versions {
        match self {
            Format::Part => Versions { noun: "part", current: 1, oldest: 1 },
            // 2: a flow's state behind every replica's. 3: what is measured on copies of the weights.
            Format::Checkpoint => Versions { noun: "checkpoint", current: 3, oldest: 3 },
        }
    }

    /// The version that is written.
    pub const fn current(self) -> u32 {
        self.versions().current
    }

    /// What a file of it is called in a sentence.
    pub const fn noun(self) -> &'static str {
        self.versions().noun
    }

    /// Whether a file of that version can be read.
    ///
    /// # Errors
    /// [`FormatError::TooNew`] or [`FormatError::TooOld`].
    pub fn check(self, found: u32) -> Result<(), FormatError> {
        self.versions().check(found)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_distinct_and_every_variable_is_per_cell() {
        let coordinates = dimensions().iter().flat_map(|dim| HashSet::from([dim.name, dim.coordinate]));
        let names: Vec<_> = VARIABLES.iter().map(|v| v.name).chain(coordinates).collect();
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
        assert!(VARIABLES.iter().all(|v| v.dims[0] == CELL && !v.dims[1..].contains(&CELL)));
    }

    #[test]
    fn every_variable_that_the_report_reads_is_written() {
        assert!(variables::VARIABLES.iter().all(|of| VARIABLES.iter().any(|variable| std::ptr::eq(*of, *variable))));
    }

    #[test]
    fn versions_beyond_what_is_known_are_told_apart() {
        let part = Format::Part;
        assert_eq!(part.check(part.current()), Ok(()));
        assert!(part.check(part.current() + 1).unwrap_err().to_string().contains("newer phasesweep"));
        assert!(matches!(part.check(0), Err(FormatError::TooOld { found: 0, .. })));
    }
}
