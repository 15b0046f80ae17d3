//! What a cohort is: the shared problem, its replicas, and what is recorded of each.
//!
//! These types are the wall between the rooms: `pack` and `dispatch` lead to a [`Problem`], an [`Engine`] trains it,
//! `store` writes the [`Record`]s. Host memory only; tensors stay inside the engines.

use std::sync::Arc;

use super::flow::{FlowProblem, FlowState};
use crate::data::{Block, Samples};
use crate::sweep::{Activation, ArchitectureKind, Batch, Loss, Optimiser, OptimiserKind};
use crate::train::probing::{ProbeRecord, Probing};

/// A cohort's problem: everything its replicas share.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Training and test samples.
    pub block: Arc<Block>,
    /// Further test sets of the same labels (noisy inputs), in the order of the sweep's `noise`: inputs `[test, input]`.
    pub noisy: Arc<Vec<Vec<f32>>>,
    /// Shape of the network.
    pub architecture: ArchitectureKind,
    /// Elementwise function of every hidden layer.
    pub activation: Activation,
    /// Hidden layers whose radii and distances are measured, 1-based, ascending.
    pub layers: Vec<usize>,
    /// What is minimised.
    pub loss: Loss,
    /// Update rule; its numbers are each replica's own.
    pub optimiser: OptimiserKind,
    /// Samples per step.
    pub batch: Batch,
    /// Passes over the training set.
    pub epochs: usize,
    /// Epochs at which losses and errors are recorded, ascending, ending with `epochs`.
    pub recorded: Vec<usize>,
    /// Subset of `recorded` at which radii and distances are recorded.
    pub manifold: Vec<usize>,
    /// Epochs at which the misclassified training samples are kept.
    pub snapshots: Vec<usize>,
    /// What is measured on copies of the weights.
    pub probing: Probing,
    /// What a gradient flow needs besides; `None` for every other update rule.
    pub flow: Option<FlowProblem>,
}

impl Problem {
    /// Test sets in order: the plain one, then the noisy ones. All share the plain one's labels.
    pub fn test_inputs(&self) -> impl Iterator<Item = &[f32]> {
        std::iter::once(self.block.test.x.as_slice()).chain(self.noisy.iter().map(Vec::as_slice))
    }

    /// The training samples.
    pub fn train(&self) -> &Samples {
        &self.block.train
    }

    /// Pairs of classes (a, b) with a < b, in the order in which distances are recorded.
    pub fn pairs(&self) -> Vec<(usize, usize)> {
        let classes = self.block.classes;
        (0..classes).flat_map(|a| (a + 1..classes).map(move |b| (a, b))).collect()
    }

    /// Bytes of one snapshot of misclassified samples.
    pub fn snapshot_bytes(&self) -> usize {
        self.block.train.len().div_ceil(8)
    }
}

/// One replica's own part of the problem.
#[derive(Debug, Clone)]
pub struct Replica {
    /// Seed: initial weights, and the order of minibatches.
    pub seed: u64,
    /// Numbers of the update rule.
    pub optimiser: Optimiser,
    /// Factor on the initial weights.
    pub init_scale: f64,
    /// Samples trained on and measured, one flag for each of the block; `None`: all.
    pub kept: Option<Arc<[bool]>>,
}

/// A replica's weights and optimiser moments, and what was recorded so far. This is what a checkpoint holds.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplicaState {
    /// The next epoch to be measured; the weights are those after so many passes.
    pub epoch: usize,
    /// Layer by layer: weight `[out, in]` row-major (convolution: `[out, in, k, k]`), then bias `[out]`.
    pub parameters: Vec<f32>,
    /// First moment (momentum buffer, Adam's m; rmsprop's momentum buffer), laid out as the parameters; empty if unused.
    pub first_moment: Vec<f32>,
    /// Second moment (Adam's v, rmsprop's square average), laid out as the parameters; empty if unused.
    pub second_moment: Vec<f32>,
    /// The epoch at which a loss or weight stopped being finite; from there on nothing is recorded.
    pub diverged: Option<usize>,
    /// What was recorded.
    pub record: Record,
    /// A gradient flow's own state, its parameters included (the vectors above are empty then); `None` for others.
    pub flow: Option<Box<FlowState>>,
}

/// What is recorded of one replica. Not yet (or never) measured is NaN.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Record {
    /// Mean training loss `[recorded]`, over the kept samples.
    pub train_loss: Vec<f32>,
    /// Share of kept training samples misclassified `[recorded]`.
    pub train_error: Vec<f32>,
    /// Share of test samples misclassified `[recorded]`.
    pub test_error: Vec<f32>,
    /// The same with noisy inputs `[noise, recorded]`.
    pub noisy_error: Vec<f32>,
    /// Class radii R_c `[layer, class, recorded]`.
    pub radius: Vec<f32>,
    /// Distances D between class centres `[layer, pair, recorded]`.
    pub distance: Vec<f32>,
    /// Misclassified samples of the whole block, bits `[snapshot, byte]`, first sample in the high bit; a sample that
    /// was pruned away counts like any other.
    pub misclassified: Vec<u8>,
    /// What was measured on copies of the weights.
    pub probes: ProbeRecord,
}

impl ReplicaState {
    /// The state of a replica that has not trained yet: initial weights, moments of zero, nothing recorded.
    pub fn fresh(problem: &Problem, replica: &Replica) -> ReplicaState {
        if let Some(flow) = &problem.flow {
            return ReplicaState {
                epoch: 0,
                parameters: Vec::new(),
                first_moment: Vec::new(),
                second_moment: Vec::new(),
                diverged: None,
                record: Record::empty(problem),
                flow: Some(Box::new(FlowState::fresh(problem, flow, replica))),
            };
        }
        let parameters =
            super::init::initial_parameters(replica.seed, &problem.architecture, &problem.block, replica.init_scale);
        let [first, second] = replica.optimiser.moments();
        let zeros = |used: bool| vec![0.0; if used { parameters.len() } else { 0 }];
        ReplicaState {
            epoch: 0,
            first_moment: zeros(first),
            second_moment: zeros(second),
            parameters,
            diverged: None,
            record: Record::empty(problem),
            flow: None,
        }
    }
}

impl Record {
    /// A record of the problem with nothing measured yet.
    pub fn empty(problem: &Problem) -> Record {
        let epochs = problem.recorded.len();
        let nan = |n: usize| vec![f32::NAN; n];
        let layers = if problem.manifold.is_empty() { 0 } else { problem.layers.len() };
        Record {
            train_loss: nan(epochs),
            train_error: nan(epochs),
            test_error: nan(epochs),
            noisy_error: nan(problem.noisy.len() * epochs),
            radius: nan(layers * problem.block.classes * epochs),
            distance: nan(layers * problem.pairs().len() * epochs),
            misclassified: vec![UNMEASURED_BYTE; problem.snapshots.len() * problem.snapshot_bytes()],
            probes: ProbeRecord::empty(problem),
        }
    }
}

pub use phasesweep_kernel::UNMEASURED_BYTE;

// What the kernel leaves where nothing was measured is what the results file says of it.
const _: () = assert!(UNMEASURED_BYTE == phasesweep_results::MISSING_BYTE);

/// Why training could not go on. Divergence is not among them: it is a result.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The device has no room for the cohort: it is to be split.
    #[error("the device is out of memory: {0}")]
    OutOfMemory(String),
    /// Anything else the device reports.
    #[error("the device failed: {0}")]
    Device(String),
}

/// Trains the replicas of one cohort. Implemented by the CPU kernel and by the burn path.
///
/// An engine is built from a [`Problem`], its [`Replica`]s and their [`ReplicaState`]s (fresh or from a checkpoint).
/// What it computes for a replica must not depend on the other replicas of the cohort, nor on how `advance` was cut
/// into calls.
pub trait Engine {
    /// For every live replica and every epoch t from its own up to, not including, `until`: measure at the weights of
    /// epoch t if t is scheduled, then, if t < `problem.epochs`, take the steps of the next pass. `until` is at most
    /// `epochs + 1`; after `advance(epochs + 1)` the last epoch has been measured and training is complete.
    ///
    /// # Errors
    /// [`TrainError`] if the device fails; the states are then those of the last successful call.
    fn advance(&mut self, until: usize) -> Result<(), TrainError>;

    /// The replicas' states, in order, as host memory: fit for a checkpoint, or for the store once complete.
    ///
    /// # Errors
    /// [`TrainError`] if the device fails.
    fn states(&mut self) -> Result<Vec<ReplicaState>, TrainError>;

    /// What this engine is, for the log and for provenance: `"burn on flex"`, `"kernel avx2, sparse inputs (27% of products)"`.
    fn describe(&self) -> String;
}
