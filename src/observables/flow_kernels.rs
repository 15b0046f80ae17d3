//! What is measured of frozen tangent kernels beyond the machine of maximal margin, and at stages by the loss: each variable
//! was asked for by a key of `[flow]` of its own.
//!
//! The stages by the share that fits and those by the loss have the same measurements under different names: [`AtStage`] says
//! which. Invariant: what was not asked for has no array, and is set to no effect.

use phasesweep_results::Variable;
use phasesweep_results::dimension::{KERNEL_PART, LOSS_STAGE};
pub use phasesweep_results::frozen_kernels::*;

use super::axes::Labels;
use super::flow::{
    HIDDEN_DIMENSION, KERNEL_ALIGNMENT, KERNEL_CHANGE, KERNEL_EIGENVALUE, KERNEL_NORM, KERNEL_PROJECTION,
    KERNEL_TEST_ERROR, KERNEL_VIOLATION, NETWORK_TEST_ERROR, STAGE_COMPRESSION, STAGE_EPOCH, STAGE_TEST_ERROR,
    STAGE_TIME, STAGE_TRAIN_ERROR, STAGE_UNFITTED, WEIGHT_SPECTRUM,
};
use super::registry::Family;
use super::setup::{FlowSetup, Setup};

/// The variables of a stage of one kind, after the names that they have at stages by share; `None`: not measured at stages of
/// that kind.
#[derive(Debug)]
pub struct AtStage {
    /// `stage_epoch`
    pub epoch: &'static Variable,
    /// `stage_time`
    pub time: &'static Variable,
    /// `stage_unfitted`
    pub unfitted: &'static Variable,
    /// `stage_train_error`
    pub train_error: &'static Variable,
    /// `stage_test_error`
    pub test_error: &'static Variable,
    /// `stage_compression`
    pub compression: &'static Variable,
    /// `weight_spectrum`
    pub weight_spectrum: Option<&'static Variable>,
    /// `hidden_dimension`
    pub hidden_dimension: Option<&'static Variable>,
    /// `kernel_eigenvalue`
    pub kernel_eigenvalue: &'static Variable,
    /// `kernel_projection`
    pub kernel_projection: &'static Variable,
    /// `kernel_information`
    pub kernel_information: &'static Variable,
    /// `kernel_alignment`
    pub kernel_alignment: &'static Variable,
    /// `kernel_norm`
    pub kernel_norm: &'static Variable,
    /// `kernel_change`
    pub kernel_change: &'static Variable,
    /// `kernel_test_error`
    pub kernel_test_error: &'static Variable,
    /// `network_test_error`
    pub network_test_error: &'static Variable,
    /// `kernel_violation`
    pub kernel_violation: &'static Variable,
    /// `kernel_flow_test_error`
    pub kernel_flow_test_error: &'static Variable,
    /// `kernel_flow_stop`
    pub kernel_flow_stop: &'static Variable,
    /// `kernel_flow_unfitted`
    pub kernel_flow_unfitted: &'static Variable,
    /// `kernel_flow_steps`
    pub kernel_flow_steps: &'static Variable,
    /// `kernel_flow_time`
    pub kernel_flow_time: &'static Variable,
}

/// A stage by the share of the samples that fit.
pub static BY_SHARE: AtStage = AtStage {
    epoch: &STAGE_EPOCH,
    time: &STAGE_TIME,
    unfitted: &STAGE_UNFITTED,
    train_error: &STAGE_TRAIN_ERROR,
    test_error: &STAGE_TEST_ERROR,
    compression: &STAGE_COMPRESSION,
    weight_spectrum: Some(&WEIGHT_SPECTRUM),
    hidden_dimension: Some(&HIDDEN_DIMENSION),
    kernel_eigenvalue: &KERNEL_EIGENVALUE,
    kernel_projection: &KERNEL_PROJECTION,
    kernel_information: &KERNEL_INFORMATION,
    kernel_alignment: &KERNEL_ALIGNMENT,
    kernel_norm: &KERNEL_NORM,
    kernel_change: &KERNEL_CHANGE,
    kernel_test_error: &KERNEL_TEST_ERROR,
    network_test_error: &NETWORK_TEST_ERROR,
    kernel_violation: &KERNEL_VIOLATION,
    kernel_flow_test_error: &KERNEL_FLOW_TEST_ERROR,
    kernel_flow_stop: &KERNEL_FLOW_STOP,
    kernel_flow_unfitted: &KERNEL_FLOW_UNFITTED,
    kernel_flow_steps: &KERNEL_FLOW_STEPS,
    kernel_flow_time: &KERNEL_FLOW_TIME,
};

/// A stage by the loss.
pub static BY_LOSS: AtStage = AtStage {
    epoch: &LOSS_STAGE_EPOCH,
    time: &LOSS_STAGE_TIME,
    unfitted: &LOSS_STAGE_UNFITTED,
    train_error: &LOSS_STAGE_TRAIN_ERROR,
    test_error: &LOSS_STAGE_TEST_ERROR,
    compression: &LOSS_STAGE_COMPRESSION,
    weight_spectrum: None,
    hidden_dimension: None,
    kernel_eigenvalue: &LOSS_STAGE_KERNEL_EIGENVALUE,
    kernel_projection: &LOSS_STAGE_KERNEL_PROJECTION,
    kernel_information: &LOSS_STAGE_KERNEL_INFORMATION,
    kernel_alignment: &LOSS_STAGE_KERNEL_ALIGNMENT,
    kernel_norm: &LOSS_STAGE_KERNEL_NORM,
    kernel_change: &LOSS_STAGE_KERNEL_CHANGE,
    kernel_test_error: &LOSS_STAGE_KERNEL_TEST_ERROR,
    network_test_error: &LOSS_STAGE_NETWORK_TEST_ERROR,
    kernel_violation: &LOSS_STAGE_KERNEL_VIOLATION,
    kernel_flow_test_error: &LOSS_STAGE_KERNEL_FLOW_TEST_ERROR,
    kernel_flow_stop: &LOSS_STAGE_KERNEL_FLOW_STOP,
    kernel_flow_unfitted: &LOSS_STAGE_KERNEL_FLOW_UNFITTED,
    kernel_flow_steps: &LOSS_STAGE_KERNEL_FLOW_STEPS,
    kernel_flow_time: &LOSS_STAGE_KERNEL_FLOW_TIME,
};

/// Whether something is asked for of the kernels at stages by the share that fits.
fn of_kernel(setup: &Setup<'_>, asked: fn(&FlowSetup<'_>) -> bool) -> bool {
    setup.flow.is_some_and(|flow| flow.kernel_points > 0 && asked(&flow))
}

/// The same of the stages by the loss.
fn of_losses(setup: &Setup<'_>, asked: fn(&FlowSetup<'_>) -> bool) -> bool {
    setup.flow.is_some_and(|flow| !flow.losses.is_empty() && asked(&flow))
}

/// The same of the start's kernel on compressed samples.
fn of_compressed(setup: &Setup<'_>, asked: fn(&FlowSetup<'_>) -> bool) -> bool {
    setup.flow.is_some_and(|flow| flow.compressed && flow.informative && asked(&flow))
}

/// The gradient flow of the loss on the frozen kernel.
pub const FLOW_FAMILY: Family = Family {
    name: "kernel_flow",
    variables: &[
        &KERNEL_FLOW_TEST_ERROR,
        &KERNEL_FLOW_STOP,
        &KERNEL_FLOW_UNFITTED,
        &KERNEL_FLOW_STEPS,
        &KERNEL_FLOW_TIME,
    ],
    label: |setup, _| of_kernel(setup, |flow| flow.machine && flow.kernel_flow),
};

/// What eigenvectors know of the labels.
pub const INFORMATION_FAMILY: Family = Family {
    name: "kernel_information",
    variables: &[&KERNEL_INFORMATION],
    label: |setup, _| of_kernel(setup, |flow| flow.information),
};

/// The kernels of the output layer's parameters and of all others.
pub const PARTS_FAMILY: Family = Family {
    name: "kernel_parts",
    variables: &[&PART_KERNEL_SHARE, &PART_KERNEL_ALIGNMENT],
    label: |setup, axes| {
        let asked = of_kernel(setup, |flow| flow.parts);
        if asked {
            axes.set(KERNEL_PART, Labels::Texts(KERNEL_PARTS.map(str::to_owned).to_vec()));
        }
        asked
    },
};

/// The machines of maximal margin on those.
pub const PARTS_MACHINE_FAMILY: Family = Family {
    name: "kernel_parts_machine",
    variables: &[&PART_KERNEL_TEST_ERROR, &PART_KERNEL_VIOLATION],
    label: |setup, _| of_kernel(setup, |flow| flow.parts && flow.machine),
};

/// The flows on those.
pub const PARTS_FLOW_FAMILY: Family = Family {
    name: "kernel_parts_flow",
    variables: &[&PART_KERNEL_FLOW_TEST_ERROR, &PART_KERNEL_FLOW_UNFITTED, &PART_KERNEL_FLOW_STOP],
    label: |setup, _| of_kernel(setup, |flow| flow.parts && flow.machine && flow.kernel_flow),
};

/// The kernel of the start on compressed samples.
pub const COMPRESSED_FAMILY: Family = Family {
    name: "compressed_kernel",
    variables: &[&COMPRESSED_BY, &COMPRESSED_KERNEL_ALIGNMENT, &COMPRESSED_KERNEL_LIKENESS, &START_KERNEL_LIKENESS],
    label: |setup, _| of_compressed(setup, |_| true),
};

/// The machine of maximal margin on it.
pub const COMPRESSED_MACHINE_FAMILY: Family = Family {
    name: "compressed_kernel_machine",
    variables: &[&COMPRESSED_KERNEL_TEST_ERROR, &COMPRESSED_KERNEL_VIOLATION],
    label: |setup, _| of_compressed(setup, |flow| flow.machine),
};

/// The flow on it.
pub const COMPRESSED_FLOW_FAMILY: Family = Family {
    name: "compressed_kernel_flow",
    variables: &[&COMPRESSED_KERNEL_FLOW_TEST_ERROR, &COMPRESSED_KERNEL_FLOW_UNFITTED, &COMPRESSED_KERNEL_FLOW_STOP],
    label: |setup, _| of_compressed(setup, |flow| flow.machine && flow.kernel_flow),
};

/// Stages by the loss.
pub const LOSSES_FAMILY: Family = Family {
    name: "loss_stages",
    variables: &[
        &LOSS_STAGE_EPOCH,
        &LOSS_STAGE_TIME,
        &LOSS_STAGE_UNFITTED,
        &LOSS_STAGE_TRAIN_ERROR,
        &LOSS_STAGE_TEST_ERROR,
        &LOSS_STAGE_KERNEL_EIGENVALUE,
        &LOSS_STAGE_KERNEL_PROJECTION,
        &LOSS_STAGE_KERNEL_ALIGNMENT,
        &LOSS_STAGE_KERNEL_NORM,
        &LOSS_STAGE_KERNEL_CHANGE,
    ],
    label: |setup, axes| {
        if let Some(flow) = &setup.flow {
            axes.set(LOSS_STAGE, Labels::Numbers(flow.losses.to_vec()));
        }
        of_losses(setup, |_| true)
    },
};

/// λ at those.
pub const LOSSES_COMPRESSION_FAMILY: Family = Family {
    name: "loss_stages_compression",
    variables: &[&LOSS_STAGE_COMPRESSION],
    label: |setup, _| of_losses(setup, |flow| flow.informative),
};

/// What eigenvectors know of the labels at those.
pub const LOSSES_INFORMATION_FAMILY: Family = Family {
    name: "loss_stages_information",
    variables: &[&LOSS_STAGE_KERNEL_INFORMATION],
    label: |setup, _| of_losses(setup, |flow| flow.information),
};

/// The machines of maximal margin at those.
pub const LOSSES_MACHINE_FAMILY: Family = Family {
    name: "loss_stages_machine",
    variables: &[&LOSS_STAGE_KERNEL_TEST_ERROR, &LOSS_STAGE_NETWORK_TEST_ERROR, &LOSS_STAGE_KERNEL_VIOLATION],
    label: |setup, _| of_losses(setup, |flow| flow.machine),
};

/// The flows on the frozen kernels at those.
pub const LOSSES_FLOW_FAMILY: Family = Family {
    name: "loss_stages_flow",
    variables: &[
        &LOSS_STAGE_KERNEL_FLOW_TEST_ERROR,
        &LOSS_STAGE_KERNEL_FLOW_STOP,
        &LOSS_STAGE_KERNEL_FLOW_UNFITTED,
        &LOSS_STAGE_KERNEL_FLOW_STEPS,
        &LOSS_STAGE_KERNEL_FLOW_TIME,
    ],
    label: |setup, _| of_losses(setup, |flow| flow.machine && flow.kernel_flow),
};
