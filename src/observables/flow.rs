//! What is measured of gradient flows: along their steps, and at their stages.
//!
//! The flow's engine measures it (`train::flow`); definitions are in docs/compression.md, after Paccolat et al. 2021 (λ, margins,
//! the tangent kernel) and Facco et al. 2017 (intrinsic dimension). Invariant: a variable is recorded if and only if it was asked
//! for and, where it needs to be known which inputs are informative, that is known.

use phasesweep_results::dimension::{CELL, COMPONENT, EPOCH, POINT, QUANTILE, STAGE};
pub use phasesweep_results::variables::{
    COMPRESSION, FLOW_STOP, FLOW_TIME, HIDDEN_DIMENSION, KERNEL_ALIGNMENT, KERNEL_CHANGE, KERNEL_COORDINATE,
    KERNEL_LABEL, KERNEL_PROJECTION, KERNEL_TEST_ERROR, NETWORK_TEST_ERROR, STAGE_COMPRESSION, STAGE_COMPRESSION_NORM,
    STAGE_EPOCH, STAGE_TEST_ERROR, STAGE_TIME, STAGE_TRAIN_ERROR, STAGE_UNFITTED, UNFITTED,
};
use phasesweep_results::{Dtype, Variable};

use super::axes::Labels;
use super::registry::Family;

/// Shares of a distribution at which its quantiles are kept.
pub const QUANTILES: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];

/// What every flow records.
pub const FAMILY: Family = Family {
    name: "flow",
    variables: &[
        &FLOW_TIME,
        &UNFITTED,
        &DISTANCE_FROM_START,
        &MARGIN,
        &NEURON_NORM,
        &FLOW_STOP,
        &REJECTED_STEPS,
        &INPUT_DIMENSION,
        &STAGE_EPOCH,
        &STAGE_TIME,
        &STAGE_UNFITTED,
        &STAGE_TRAIN_ERROR,
        &STAGE_TEST_ERROR,
        &WEIGHT_SPECTRUM,
        &HIDDEN_DIMENSION,
    ],
    label: |setup, axes| {
        if let Some(flow) = &setup.flow {
            axes.set(STAGE, Labels::Numbers(flow.stages.to_vec()));
            axes.set(QUANTILE, Labels::Numbers(QUANTILES.to_vec()));
            axes.set(COMPONENT, Labels::integers(1..=flow.components));
        }
        setup.flow.is_some()
    },
};

/// λ, where it is known which inputs are informative.
pub const COMPRESSION_FAMILY: Family = Family {
    name: "compression",
    variables: &[&COMPRESSION, &STAGE_COMPRESSION, &STAGE_COMPRESSION_NORM],
    label: |setup, _| setup.flow.is_some_and(|flow| flow.informative),
};

/// The tangent kernel.
pub const KERNEL_FAMILY: Family = Family {
    name: "tangent_kernel",
    variables: &[
        &KERNEL_EIGENVALUE,
        &KERNEL_PROJECTION,
        &KERNEL_COORDINATE,
        &KERNEL_LABEL,
        &KERNEL_ALIGNMENT,
        &KERNEL_NORM,
        &KERNEL_CHANGE,
    ],
    label: |setup, axes| {
        let points = setup.flow.map_or(0, |flow| flow.kernel_points);
        axes.set(POINT, Labels::Positions(points));
        points > 0
    },
};

/// The machine of maximal margin on the frozen tangent kernel.
pub const MACHINE_FAMILY: Family = Family {
    name: "kernel_machine",
    variables: &[&KERNEL_TEST_ERROR, &NETWORK_TEST_ERROR, &KERNEL_VIOLATION],
    label: |setup, _| setup.flow.is_some_and(|flow| flow.machine && flow.kernel_points > 0),
};

/// Distance of the parameters from their initial values, over the norm of these.
pub static DISTANCE_FROM_START: Variable = Variable {
    name: "distance_from_start",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "distance of the parameters from their initial values, over the norm of these",
    when: "gradient flows",
};

/// Quantiles of the margins y F of the kept training samples.
pub static MARGIN: Variable = Variable {
    name: "margin",
    dims: &[CELL, EPOCH, QUANTILE],
    dtype: Dtype::F32,
    units: "1",
    long_name: "quantiles of the margins y F of the kept training samples",
    when: "gradient flows",
};

/// Quantiles of the norms of the first layer's neurons, weights and bias.
pub static NEURON_NORM: Variable = Variable {
    name: "neuron_norm",
    dims: &[CELL, EPOCH, QUANTILE],
    dtype: Dtype::F32,
    units: "1",
    long_name: "quantiles of the norms of the first layer's neurons, weights and bias",
    when: "gradient flows",
};

/// Steps tried and not taken.
pub static REJECTED_STEPS: Variable = Variable {
    name: "rejected_steps",
    dims: &[CELL],
    dtype: Dtype::F32,
    units: "1",
    long_name: "steps tried and not taken",
    when: "gradient flows",
};

/// Intrinsic dimension of the training inputs by two nearest neighbours.
pub static INPUT_DIMENSION: Variable = Variable {
    name: "input_dimension",
    dims: &[CELL],
    dtype: Dtype::F32,
    units: "1",
    long_name: "intrinsic dimension of the training inputs by two nearest neighbours",
    when: "gradient flows",
};

/// Largest eigenvalues of the second moments of the first layer's weights over its neurons.
pub static WEIGHT_SPECTRUM: Variable = Variable {
    name: "weight_spectrum",
    dims: &[CELL, STAGE, COMPONENT],
    dtype: Dtype::F32,
    units: "1",
    long_name: "largest eigenvalues of the second moments of the first layer's weights over its neurons",
    when: "gradient flows",
};

/// Largest eigenvalues of the tangent kernel's Gram matrix over its number of points.
pub static KERNEL_EIGENVALUE: Variable = Variable {
    name: "kernel_eigenvalue",
    dims: &[CELL, STAGE, COMPONENT],
    dtype: Dtype::F32,
    units: "1",
    long_name: "largest eigenvalues of the tangent kernel's Gram matrix over its number of points",
    when: "gradient flows with `[flow] kernel`",
};

/// Frobenius norm of the tangent kernel's Gram matrix over its number of points.
pub static KERNEL_NORM: Variable = Variable {
    name: "kernel_norm",
    dims: &[CELL, STAGE],
    dtype: Dtype::F32,
    units: "1",
    long_name: "Frobenius norm of the tangent kernel's Gram matrix over its number of points",
    when: "gradient flows with `[flow] kernel`",
};

/// Largest violation of the maximal-margin machine's optimality conditions, in units of the margin.
pub static KERNEL_VIOLATION: Variable = Variable {
    name: "kernel_violation",
    dims: &[CELL, STAGE],
    dtype: Dtype::F32,
    units: "1",
    long_name: "largest violation of the maximal-margin machine's optimality conditions, in units of the margin",
    when: "gradient flows with `[flow] kernel` and `kernel_test`",
};
