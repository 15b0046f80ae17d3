//! What a cohort is: the shared problem, its replicas, and what is recorded of each.
//!
//! These types are the wall between the rooms: `pack` and `dispatch` lead to a [`Problem`], an [`Engine`] trains it,
//! `store` writes the records. Host memory only; tensors stay inside the engines.

use std::borrow::Cow;
use std::sync::Arc;

use phasesweep_results::variables::TRAIN_ERROR;

use super::flow::{FlowProblem, FlowState, Network, StageWeights};
use crate::data::{Block, Samples};
use crate::device::DeviceError;
use crate::observables::{Column, Layout, Position, Record, Scheduled, Setup, Subject, layout, misclassified};
use crate::sweep::{Activation, ArchitectureKind, Batch, Loss, Optimiser, OptimiserKind};
use phasesweep_networks::{Graph, Misfit, Ports};

/// A cohort's problem: everything its replicas share.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Training and test samples.
    pub block: Arc<Block>,
    /// Further test sets of the same labels (noisy inputs), in the order of the sweep's `noise`: inputs `[test, input]`.
    pub noisy: Arc<Vec<Vec<f32>>>,
    /// Standard deviation of the noise of each of them.
    pub noise: Vec<f64>,
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
    pub scheduled: Scheduled,
    /// What a gradient flow needs besides; `None` for every other update rule.
    pub flow: Option<FlowProblem>,
}

impl Problem {
    /// The network on the block; that of a gradient flow has one output.
    ///
    /// # Errors
    /// Why it cannot be built on it.
    pub fn graph(&self) -> Result<Graph, Misfit> {
        let block = &self.block;
        let classes = if self.flow.is_some() { 1 } else { block.classes };
        let ports = Ports { inputs: block.inputs(), image: block.image, classes };
        self.architecture.graph(ports, self.activation)
    }

    /// Initial weights and biases of a replica, laid out as [`ReplicaState::parameters`]; of a gradient flow those of its
    /// plain network ([`Problem::weights`]). Empty where the network cannot be built on the block, which engines refuse.
    pub fn initial_parameters(&self, replica: &Replica) -> Vec<f32> {
        if let Some(flow) = &self.flow {
            return self.plain(flow, replica, &self.flow_parameters(flow, replica));
        }
        let Ok(graph) = self.graph() else { return Vec::new() };
        let (features, live) = (self.block.features, &self.block.live);
        self.architecture.initial_parameters(&graph, replica.seed, features, live, replica.init_scale)
    }

    /// Running averages before training; empty without batch normalisation, of gradient flows, and where the network cannot
    /// be built.
    pub fn initial_averages(&self) -> Vec<f32> {
        self.graph().map_or_else(|_| Vec::new(), |graph| graph.initial_averages())
    }

    /// Initial parameters of a replica's gradient flow. Empty where the network cannot be built, which the engine refuses.
    fn flow_parameters(&self, flow: &FlowProblem, replica: &Replica) -> Vec<f64> {
        let network = Network::new(&self.architecture, self.activation, flow.mean_field, &self.block);
        let draw = |network: Network| {
            network.initial(replica.seed, &self.architecture, flow.mean_field, replica.init_scale, &self.block)
        };
        network.map_or_else(Vec::new, draw)
    }

    /// A replica's weights as they are measured, in the layout of [`Problem::graph`]: those of its state; of a gradient flow
    /// the plain network's that computes α f, to the nearest 32-bit float.
    pub fn weights<'a>(&self, replica: &Replica, parameters: &'a [f32], state: Option<&FlowState>) -> Cow<'a, [f32]> {
        match (&self.flow, state) {
            (Some(flow), Some(state)) => Cow::Owned(self.plain(flow, replica, &state.parameters)),
            _ => Cow::Borrowed(parameters),
        }
    }

    fn plain(&self, flow: &FlowProblem, replica: &Replica, parameters: &[f64]) -> Vec<f32> {
        let network = Network::new(&self.architecture, self.activation, flow.mean_field, &self.block);
        let alpha = replica.optimiser.flow.map_or(1.0, |numbers| numbers.alpha);
        network.map_or_else(Vec::new, |network| {
            network.plain(parameters, alpha).into_iter().map(|value| value as f32).collect()
        })
    }

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
        crate::observables::pairs(self.block.classes)
    }

    /// Bytes of one snapshot of misclassified samples.
    pub fn snapshot_bytes(&self) -> usize {
        misclassified::bytes(self.block.train.len())
    }

    /// What is measured of the cohort.
    pub fn setup(&self) -> Setup<'_> {
        // A network that cannot be built has no parameters; whoever would train it refuses it.
        let graph = self.graph().unwrap_or_default();
        let (layers, pre_activations) = match graph.nodes() {
            [] => (self.architecture.depth() + 1, self.architecture.depth()),
            _ => (graph.layers().count(), graph.pre_activations().len()),
        };
        Setup {
            epochs: self.epochs,
            classes: self.block.classes,
            samples: self.block.train.len(),
            layers,
            hidden: self.architecture.depth(),
            pre_activations,
            parameters: graph.parameters(),
            observed: &self.layers,
            recorded: &self.recorded,
            manifold: &self.manifold,
            snapshots: &self.snapshots,
            noise: &self.noise,
            steps: !self.scheduled.is_empty(),
            flow: self.flow.as_ref().map(|flow| flow.setup(self.block.train.len())),
        }
    }

    /// Which variables are recorded of each replica, with the labels along their dimensions.
    pub fn layout(&self) -> Layout {
        layout(&self.setup(), &self.scheduled)
    }

    /// What those who measure copies of the weights are given; without layers where the network cannot be built.
    pub fn subject(&self) -> Subject<'_> {
        let graph = self.graph().unwrap_or_default();
        Subject::new(self.setup(), &self.block, graph, self.loss)
    }

    /// The states' records as columns of a part: one row for each state, missing throughout where there is none (a cell
    /// that failed). A snapshot is missing at or after the epoch at which a replica diverged, beyond what it has measured,
    /// and after the epoch at which it left.
    pub fn columns(&self, layout: &Layout, states: &[Option<&ReplicaState>]) -> Vec<Column> {
        let finished = |state: &ReplicaState| {
            let mut record = state.record.clone();
            let end = state.diverged.map_or(state.epoch, |diverged| diverged.min(state.epoch));
            let left = state.left(self).unwrap_or(usize::MAX);
            misclassified::complete(&mut record, layout, |epoch| epoch < end && epoch <= left);
            record
        };
        let records: Vec<Option<Record>> = states.iter().map(|state| state.map(finished)).collect();
        layout.columns(&records)
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

/// A replica's weights, running averages and optimiser moments, and what was recorded so far. This is what a checkpoint
/// holds.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplicaState {
    /// The next epoch to be measured; the weights are those after so many passes.
    pub epoch: usize,
    /// Steps that are taken already of the pass that begins there, by replicas that have so many; 0 between two passes.
    pub step: usize,
    /// Layer by layer as its graph has them: weight `[out, in]` row-major (convolution: `[out, in, k, k]`), then bias
    /// `[out]`.
    pub parameters: Vec<f32>,
    /// First moment (momentum buffer, Adam's m; rmsprop's momentum buffer), laid out as the parameters; empty if unused.
    pub first_moment: Vec<f32>,
    /// Second moment (Adam's v, rmsprop's square average), laid out as the parameters; empty if unused.
    pub second_moment: Vec<f32>,
    /// Running averages of batch normalisations, laid out as [`Graph::averages`]; empty without any.
    pub averages: Vec<f32>,
    /// The epoch at which a loss or weight stopped being finite; from there on nothing is recorded.
    pub diverged: Option<usize>,
    /// What was recorded.
    pub record: Record,
    /// A gradient flow's own state, its parameters included (the vectors above are empty then); `None` for others.
    pub flow: Option<Box<FlowState>>,
}

impl ReplicaState {
    /// The state of a replica that has not trained yet: initial weights, moments of zero, nothing recorded.
    pub fn fresh(problem: &Problem, replica: &Replica) -> ReplicaState {
        let record = Record::empty(&problem.layout());
        if let Some(flow) = &problem.flow {
            return ReplicaState {
                epoch: 0,
                step: 0,
                parameters: Vec::new(),
                first_moment: Vec::new(),
                second_moment: Vec::new(),
                averages: Vec::new(),
                diverged: None,
                record,
                flow: Some(Box::new(FlowState::fresh(problem.flow_parameters(flow, replica)))),
            };
        }
        let parameters = problem.initial_parameters(replica);
        let [first, second] = replica.optimiser.moments();
        let zeros = |used: bool| vec![0.0; if used { parameters.len() } else { 0 }];
        ReplicaState {
            epoch: 0,
            step: 0,
            first_moment: zeros(first),
            second_moment: zeros(second),
            averages: problem.initial_averages(),
            parameters,
            diverged: None,
            record,
            flow: None,
        }
    }

    /// How far the replica is.
    pub fn position(&self) -> Position {
        Position { epoch: self.epoch, step: self.step }
    }

    /// The epoch at which the replica left before training was over, if it did: the last one of which anything is recorded.
    fn left(&self, problem: &Problem) -> Option<usize> {
        let measured = self.record.floats(&TRAIN_ERROR).iter().rposition(|error| error.is_finite())?;
        let early = self.diverged.is_none() && self.epoch > problem.epochs && measured + 1 < problem.recorded.len();
        early.then(|| problem.recorded[measured])
    }
}

/// Optimiser steps that a replica takes in a pass.
pub fn steps_per_epoch(problem: &Problem, replica: &Replica) -> usize {
    let samples = problem.train().len();
    let kept = replica.kept.as_ref().map_or(samples, |kept| kept.iter().filter(|&&kept| kept).count());
    problem.batch.steps(kept)
}

/// Why training could not go on. Divergence is not among them: it is a result.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The device has no room for the cohort: it is to be split.
    #[error("the device is out of memory: {0}")]
    OutOfMemory(String),
    /// The device answers no more, or wrongly: it has left its bus, its driver was reset, its context is broken.
    #[error("the device is lost: {0}")]
    Lost(String),
    /// Anything else the device reports.
    #[error("the device failed: {0}")]
    Device(String),
}

impl From<DeviceError> for TrainError {
    fn from(error: DeviceError) -> TrainError {
        TrainError::Device(error.to_string())
    }
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
    fn advance(&mut self, until: usize) -> Result<(), TrainError> {
        self.advance_to(Position::at_epoch(until))
    }

    /// As [`Engine::advance`], to a position that may lie within a pass over minibatches: then, of that pass, the weights at
    /// its beginning have been measured and its first steps taken. A replica whose passes have fewer steps waits at the end
    /// of its own; whether it is finite is asked when the pass of all is over, so that stopping does not show.
    ///
    /// # Errors
    /// As [`Engine::advance`].
    fn advance_to(&mut self, until: Position) -> Result<(), TrainError>;

    /// The replicas' states, in order, as host memory: fit for a checkpoint, or for the store once complete.
    ///
    /// # Errors
    /// [`TrainError`] if the device fails.
    fn states(&mut self) -> Result<Vec<ReplicaState>, TrainError>;

    /// The weights of the stages that gradient flows have reached since the last call, of those that are to be kept. A
    /// stage whose time a state's record holds is not reached again, so whoever saves states asks first.
    fn stages(&mut self) -> Vec<StageWeights> {
        Vec::new()
    }

    /// What this engine is, for the log and for provenance: `"burn on flex"`, `"kernel avx2, sparse inputs (27% of products)"`.
    fn describe(&self) -> String;
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use phasesweep_results::variables::{MISCLASSIFIED, TRAIN_LOSS};
    use phasesweep_results::{Variable, dimension};

    use super::*;
    use crate::observables::{Labels, Values};
    use crate::sweep::Rule;

    /// Ten samples of three classes, one layer, epochs 0..=3, snapshots at 0, 1 and 3.
    fn problem() -> Problem {
        let samples = |count| Samples { x: vec![0.0; count], y: vec![0; count] };
        let block = Block {
            features: 1,
            live: vec![0],
            image: None,
            classes: 3,
            train: samples(10),
            test: samples(2),
            source_index: (0..10).collect(),
        };
        Problem {
            block: Arc::new(block),
            noisy: Arc::new(vec![vec![0.0; 2]]),
            noise: vec![0.1],
            architecture: ArchitectureKind::Mlp(phasesweep_networks::Mlp { hidden: vec![4] }),
            activation: Activation::Tanh,
            layers: vec![1],
            loss: Loss::CrossEntropy,
            optimiser: OptimiserKind::Rule(Rule::Sgd),
            batch: Batch::Full,
            epochs: 3,
            recorded: vec![0, 1, 2, 3],
            manifold: vec![0, 1, 2, 3],
            snapshots: vec![0, 1, 3],
            scheduled: Scheduled::default(),
            flow: None,
        }
    }

    const BITS: [u8; 6] = [0b1000_0000, 0b0100_0000, 0b0000_0001, 0, 0xff, 0b1100_0000];

    /// A state whose record holds errors of so many epochs, and every snapshot.
    fn state(problem: &Problem, epoch: usize, diverged: Option<usize>, errors: usize) -> ReplicaState {
        let mut record = Record::empty(&problem.layout());
        record.set(&TRAIN_LOSS, 0, &[0.5; 4]);
        record.set(&TRAIN_ERROR, 0, &vec![0.1; errors]);
        record.put(MISCLASSIFIED.name, Values::U8(BITS.to_vec()));
        ReplicaState {
            epoch,
            step: 0,
            parameters: vec![],
            first_moment: vec![],
            second_moment: vec![],
            averages: vec![],
            diverged,
            record,
            flow: None,
        }
    }

    fn shown(columns: &[Column], name: &str) -> String {
        match &columns.iter().find(|column| column.name == name).unwrap().values {
            Values::F32(values) => values.iter().map(|value| value.to_string()).collect::<Vec<_>>().join(" "),
            other => panic!("{other:?}"),
        }
    }

    fn names(columns: &[Column]) -> Vec<&'static str> {
        columns.iter().map(|column| column.name).collect()
    }

    #[test]
    fn failed_cells_and_untaken_snapshots_are_missing() {
        let problem = problem();
        let (whole, diverged) = (state(&problem, 4, None, 4), state(&problem, 3, Some(1), 1));
        let layout = problem.layout();
        let columns = problem.columns(&layout, &[Some(&whole), None, Some(&diverged)]);
        assert_eq!(shown(&columns, "misclassified_count"), "2 1 10 NaN NaN NaN 2 NaN NaN");
        assert_eq!(shown(&columns, "train_loss"), "0.5 0.5 0.5 0.5 NaN NaN NaN NaN 0.5 0.5 0.5 0.5");
        let bits = columns.iter().find(|column| column.name == "misclassified").unwrap();
        let Values::U8(bits) = &bits.values else { panic!() };
        assert_eq!(bits[..6], BITS);
        assert_eq!(bits[6..], [&[255; 6][..], &[0b1000_0000, 0b0100_0000, 255, 255, 255, 255]].concat());
        let pairs = Labels::Texts(vec!["0-1".into(), "0-2".into(), "1-2".into()]);
        assert_eq!(layout.axes.get(dimension::PAIR), Some(&pairs));
        let measured = ["train_loss", "train_error", "test_error", "noisy_error", "radius", "distance"];
        assert_eq!(names(&columns)[..6], measured);
        assert_eq!(names(&columns)[6..], ["misclassified", "misclassified_count"]);
    }

    /// Bytes that were never written hold 255, which would count as every sample of them.
    #[test]
    fn a_replica_that_left_has_no_count_beyond_its_leaving() {
        let problem = problem();
        let left = state(&problem, 4, None, 3);
        let columns = problem.columns(&problem.layout(), &[Some(&left)]);
        assert_eq!(shown(&columns, "misclassified_count"), "2 1 NaN");
    }

    #[test]
    fn what_is_not_measured_is_left_out() {
        let problem =
            Problem { manifold: vec![], snapshots: vec![], noisy: Arc::default(), noise: vec![], ..problem() };
        let whole = state(&problem, 4, None, 4);
        let layout = problem.layout();
        assert_eq!(names(&problem.columns(&layout, &[Some(&whole)])), ["train_loss", "train_error", "test_error"]);
        for dim in [dimension::LAYER, dimension::BYTE, dimension::NOISE] {
            assert_eq!(layout.axes.get(dim), None, "{}", dim.name);
        }
    }

    #[test]
    fn what_is_forgotten_is_what_lies_beyond_the_epoch() {
        let problem = problem();
        let mut record = state(&problem, 4, None, 4).record;
        let whole = record.clone();
        let count = |record: &Record, variable: &Variable| {
            record.numbers(variable).iter().filter(|value| value.is_finite()).count()
        };
        let radius = vec![1.0; 3 * 4];
        record.set(&phasesweep_results::variables::RADIUS, 0, &radius);
        record.forget_after(&problem.layout().axes, 1, 1);
        assert_eq!(count(&record, &TRAIN_LOSS), 2);
        assert_eq!(count(&record, &phasesweep_results::variables::RADIUS), 3 * 2);
        assert_eq!(record.bytes(&MISCLASSIFIED), [&BITS[..4], &[255; 2]].concat());
        let mut other = whole.clone();
        other.forget_after(&problem.layout().axes, 3, 1);
        // NaNs are not equal to themselves; the bytes and losses are.
        assert_eq!(other.bytes(&MISCLASSIFIED), whole.bytes(&MISCLASSIFIED));
    }
}
