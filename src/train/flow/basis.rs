//! What does not change along a flow: the samples, the network and the loss that the replicas of a cohort share, and what
//! all points of one replica's flow share.

use std::sync::Arc;

use super::field::Points;
use super::margin::MarginLoss;
use super::network::Network;
use super::problem::FlowProblem;
use super::tangent::Kernels;
use crate::sweep::Flow;
use crate::train::Problem;
use phasesweep_passes::Real;

/// What the replicas of a cohort share in one precision.
pub(super) struct SharedInputs<T> {
    pub(super) problem: Problem,
    pub(super) flow: FlowProblem,
    pub(super) network: Network,
    pub(super) loss: MarginLoss,
    pub(super) train: Points<T>,
    pub(super) test: Points<T>,
    /// y = ±1 of the training samples.
    pub(super) labels: Vec<f64>,
    /// y = ±1 of the test samples.
    pub(super) test_labels: Vec<f64>,
    /// Who computes tangent kernels; `None`: the host.
    pub(super) kernels: Option<Arc<dyn Kernels>>,
}

/// What all points of one replica's flow share.
pub(super) struct Basis<T> {
    pub(super) shared: Arc<SharedInputs<T>>,
    pub(super) numbers: Flow,
    /// Training samples that count; all of them unless some were pruned away.
    pub(super) kept: Vec<usize>,
    /// f₀ of the training samples.
    pub(super) start_outputs: Vec<T>,
}

impl<T: Real> Basis<T> {
    /// y F of a training sample whose output is `output`.
    pub(super) fn margin(&self, sample: usize, output: T) -> f64 {
        self.numbers.alpha * (output - self.start_outputs[sample]).wide() * self.shared.labels[sample]
    }
}
