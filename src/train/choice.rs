//! Which engine trains a cohort: those of gradient flows for these, on the host or on the device; the CPU kernel where it fits,
//! the burn path otherwise.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::burn::{BurnEngine, BurnObserving};
use super::flow::{DeviceFlowEngine, FlowEngine, followed_on_device, worth_a_device};
use super::kernel::KernelEngine;
use super::{Engine, Problem, Replica, ReplicaState, TrainError};
use crate::device::{DeviceName, Doubles, KernelChoice};
use crate::sweep::Precision;
use phasesweep_networks::Graph;

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

    /// The device that measures copies of the weights, as far as it can; `None` where all are measured on the host.
    ///
    /// # Errors
    /// [`TrainError`] if the device cannot be opened.
    pub fn observing(&self) -> Result<Option<BurnObserving>, TrainError> {
        Ok(if self.device.is_flex() { None } else { Some(BurnObserving::new(self.device.open()?)) })
    }

    /// Whether gradient flows on such a graph, of one output, and so many samples are followed on the device and not on the host.
    pub fn takes_flow(&self, graph: &Graph, samples: usize, precision: Precision) -> bool {
        // A device that cannot be opened is refused by whoever trains on it.
        let doubles = || match precision {
            Precision::F32 => Doubles::Nothing,
            Precision::F64 => self.device.doubles().unwrap_or(Doubles::Nothing),
        };
        !self.device.is_flex()
            && worth_a_device(graph, samples).is_ok()
            && followed_on_device(graph, precision, doubles()).is_ok()
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
        return flow_engine(choice, problem, &replicas, states);
    }
    match takes_kernel(choice, problem) {
        Ok(()) => Ok(Box::new(KernelEngine::new(problem, &replicas, states, choice.threads, choice.kernel)?)),
        Err(reason) => {
            tracing::debug!("training by burn: {reason}");
            Ok(Box::new(BurnEngine::new(choice.device.open()?, problem.clone(), replicas, states)?))
        }
    }
}

/// Gradient flows: on the host's own loops beside flex, whose bits are a promise, and where a device is not worth it; else on the
/// device, as far as it follows them.
fn flow_engine(
    choice: &Choice,
    problem: &Problem,
    replicas: &[Replica],
    states: Vec<ReplicaState>,
) -> Result<Box<dyn Engine>, TrainError> {
    if choice.device.is_flex() {
        return Ok(Box::new(FlowEngine::new(problem, replicas, states, choice.threads)?));
    }
    let stay =
        |reason: &str| say_once(&format!("gradient flows stay on the host, not on `{}`: {reason}", choice.device));
    let graph = problem.graph().map_err(|misfit| TrainError::Device(misfit.to_string()))?;
    if let Err(reason) = worth_a_device(&graph, problem.train().len()) {
        stay(&reason);
        return Ok(Box::new(FlowEngine::new(problem, replicas, states, choice.threads)?));
    }
    let doubles = choice.device.doubles()?;
    let engine = DeviceFlowEngine::new(choice.device.open()?, doubles, problem, replicas, states, choice.threads)?;
    if let Some(reason) = engine.stays_on_host() {
        stay(reason);
    }
    Ok(Box::new(engine))
}

/// Says something to the log, once for a process: a sweep has many cohorts of a kind.
fn say_once(what: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(what.to_owned()) {
        tracing::info!("{what}");
    }
}
