//! Which engine trains a cohort: that of gradient flows for these; the CPU kernel where it fits, the burn path otherwise.

use super::burn::BurnEngine;
use super::flow::FlowEngine;
use super::kernel::KernelEngine;
use super::{Engine, Problem, Replica, ReplicaState, TrainError};
use crate::device::{DeviceName, KernelChoice};

/// Engine, device and threads of a worker.
#[derive(Debug, Clone)]
pub struct Choice {
    /// Which engines may be used.
    pub kernel: KernelChoice,
    /// Where the burn path computes.
    pub device: DeviceName,
    /// Threads of this worker.
    pub threads: usize,
}

impl Choice {
    /// Whether cohorts may go to the CPU kernel.
    pub fn may_take_kernel(&self) -> bool {
        self.kernel != KernelChoice::Burn && self.device.is_flex()
    }
}

/// Whether the CPU kernel trains this problem, or why not.
///
/// # Errors
/// The reason, for the log.
pub(super) fn takes_kernel(choice: &Choice, problem: &Problem) -> Result<(), String> {
    if choice.kernel == KernelChoice::Burn {
        return Err("the burn path was asked for".to_string());
    }
    if !choice.device.is_flex() {
        return Err(format!("the device is {}", choice.device));
    }
    KernelEngine::supports(problem)
}

/// Builds the engine for some replicas of a problem.
///
/// # Errors
/// [`TrainError`] if the device refuses.
pub fn build_engine(
    choice: &Choice,
    problem: &Problem,
    replicas: Vec<Replica>,
    states: Vec<ReplicaState>,
) -> Result<Box<dyn Engine>, TrainError> {
    if problem.flow.is_some() {
        return Ok(Box::new(FlowEngine::new(problem, &replicas, states, choice.threads)?));
    }
    match takes_kernel(choice, problem) {
        Ok(()) => Ok(Box::new(KernelEngine::new(problem, &replicas, states, choice.threads, choice.kernel)?)),
        Err(reason) => {
            tracing::debug!("training by burn: {reason}");
            Ok(Box::new(BurnEngine::new(choice.device.open()?, problem.clone(), replicas, states)?))
        }
    }
}
