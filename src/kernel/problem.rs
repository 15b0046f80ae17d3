//! What the kernel trains: the shared problem, its replicas, their states, and the curves recorded of each.
//!
//! Invariant: every value of these types can be trained. Networks, losses and rules that the kernel does not know have no
//! place in them, so that whoever asks for one learns it where the question is translated.

use std::sync::Arc;

pub use phasesweep_networks::{Activation, LayerShape};
use phasesweep_optimisers::{Rates, Recipe, Rule};

use crate::block::Block;
use crate::graph::walk::Walk;

/// What a byte of misclassified samples holds where nothing was measured.
pub const UNMEASURED_BYTE: u8 = 255;

/// What is trained.
#[derive(Debug, Clone, PartialEq)]
pub enum Network {
    /// A network without branches.
    Chain {
        /// From input to output, convolutions before dense layers; the output layer included.
        layers: Vec<LayerShape>,
        /// Elementwise function of every hidden layer.
        activation: Activation,
    },
    /// Any other.
    Graph(Arc<Walk>),
}

impl Network {
    /// The layers of a chain; none of another network.
    pub(crate) fn chain(&self) -> &[LayerShape] {
        match self {
            Network::Chain { layers, .. } => layers,
            Network::Graph(_) => &[],
        }
    }

    /// The activation of a chain.
    pub(crate) fn activation(&self) -> Activation {
        match self {
            Network::Chain { activation, .. } => *activation,
            Network::Graph(_) => Activation::Identity,
        }
    }

    /// Number of parameters.
    pub(crate) fn parameters(&self) -> usize {
        match self {
            Network::Chain { layers, .. } => layers.iter().map(LayerShape::parameters).sum(),
            Network::Graph(walk) => walk.parameters(),
        }
    }

    /// Whether every replica has the samples laid out for itself, as images are.
    pub(crate) fn spreads(&self) -> bool {
        match self {
            Network::Chain { layers, .. } => matches!(layers.first(), Some(LayerShape::Convolution { .. })),
            Network::Graph(walk) => !walk.shared,
        }
    }

    /// Number of running averages of a replica; 0 without batch normalisation.
    pub(crate) fn averaged(&self) -> usize {
        match self {
            Network::Chain { .. } => 0,
            Network::Graph(walk) => walk.averaged(),
        }
    }

    /// Numbers of a sample and replica in all layers.
    pub(crate) fn activations(&self) -> usize {
        match self {
            Network::Chain { layers, .. } => layers.iter().map(LayerShape::activations).sum(),
            Network::Graph(walk) => walk.slots.iter().sum(),
        }
    }

    /// Whether a bound on how far outputs move is proven for it, so that predictions may be reused.
    pub(crate) fn is_bounded(&self) -> bool {
        match self {
            Network::Chain { layers, activation } => {
                let unbounded = matches!(activation, Activation::Softplus | Activation::Quadratic);
                matches!(layers.first(), Some(LayerShape::Dense { .. })) && !unbounded
            }
            Network::Graph(_) => false,
        }
    }
}

/// What is minimised: the mean over the training samples of this.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loss {
    /// −log softmax(f)_y
    CrossEntropy,
    /// −Σ_c t_c log softmax(f)_c with t_c = (1 − s) onehot(y)_c + s/C for C classes: `CrossEntropyLoss(label_smoothing=s)`.
    SmoothedCrossEntropy {
        /// s, from 0 to below 1.
        smoothing: f64,
    },
    /// Mean over classes of (f − onehot(y))².
    MeanSquared,
}

/// Samples per step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batch {
    /// All of them: gradient descent.
    Full,
    /// A fixed number, in an order drawn anew for each epoch from the replica's seed; the last batch may be smaller.
    Mini {
        /// Samples in a batch.
        size: usize,
    },
}

/// Everything that the replicas of a cohort share.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Training and test samples.
    pub block: Arc<Block>,
    /// Further test sets with the test set's labels: inputs `[test, input]` of each.
    pub noisy: Arc<Vec<Vec<f32>>>,
    /// What is trained.
    pub network: Network,
    /// Hidden layers whose radii and distances are measured, 1-based, ascending.
    pub observed: Vec<usize>,
    /// What is minimised.
    pub loss: Loss,
    /// Update rule; its numbers are each replica's own.
    pub rule: Rule,
    /// Samples per step.
    pub batch: Batch,
    /// The order in which a replica visits samples: of its seed, the epoch, and the number of samples.
    pub order: fn(u64, usize, usize) -> Vec<u32>,
    /// Passes over the training set.
    pub epochs: usize,
    /// Epochs at which losses and errors are recorded, ascending.
    pub recorded: Vec<usize>,
    /// Subset of `recorded` at which radii and distances are recorded.
    pub manifold: Vec<usize>,
    /// Epochs at which the misclassified training samples are kept, ascending.
    pub snapshots: Vec<usize>,
}

impl Problem {
    /// Test sets in order: the plain one, then the noisy ones. All share the plain one's labels.
    pub(crate) fn test_inputs(&self) -> impl Iterator<Item = &[f32]> {
        std::iter::once(self.block.test.x.as_slice()).chain(self.noisy.iter().map(Vec::as_slice))
    }

    /// Pairs of classes (a, b) with a < b, in the order in which distances are recorded.
    pub(crate) fn pairs(&self) -> Vec<(usize, usize)> {
        let classes = self.block.classes;
        (0..classes).flat_map(|a| (a + 1..classes).map(move |b| (a, b))).collect()
    }

    /// Bytes of one snapshot of misclassified samples.
    pub(crate) fn snapshot_bytes(&self) -> usize {
        self.block.train.len().div_ceil(8)
    }
}

/// One replica's own part of the problem.
#[derive(Debug, Clone)]
pub struct Replica {
    /// Seed of the order of minibatches.
    pub seed: u64,
    /// Numbers of the update rule.
    pub rates: Rates,
    /// What is done around the rule's step.
    pub recipe: Recipe,
    /// Samples trained on and measured, one flag for each of the block; `None`: all.
    pub kept: Option<Arc<[bool]>>,
}

/// How far a replica is: after so many passes, and so many steps of the next one. Ordered as training goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Passes that are over.
    pub epoch: usize,
    /// Steps of the pass under way; 0 between two passes, which with full batches is everywhere.
    pub step: usize,
}

/// A replica's weights, moments and running averages, and what was recorded so far.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The next epoch to be measured; the weights are those after as many passes.
    pub epoch: usize,
    /// Steps of the pass that begins there which are taken already, of a replica that has so many; 0 between two passes.
    pub step: usize,
    /// Layer by layer: weight `[out, in]` row-major (convolution: `[out, in, k, k]`), then bias `[out]`.
    pub parameters: Vec<f32>,
    /// First moment (momentum buffer, Adam's m; rmsprop's momentum buffer), laid out as the parameters; empty if unused.
    pub first_moment: Vec<f32>,
    /// Second moment (Adam's v, rmsprop's square average), laid out as the parameters; empty if unused.
    pub second_moment: Vec<f32>,
    /// Running averages of the batch normalisations, layer by layer, means then variances; empty without any.
    pub averages: Vec<f32>,
    /// The epoch at which a loss or weight stopped being finite; from there on nothing is recorded.
    pub diverged: Option<usize>,
    /// What was recorded.
    pub record: Curves,
}

impl State {
    /// How far it is.
    pub fn position(&self) -> Position {
        Position { epoch: self.epoch, step: self.step }
    }
}

/// What is recorded of one replica. Not yet (or never) measured is NaN.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Curves {
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
}

impl Curves {
    /// The curves that are 32-bit floats, each with the name of its variable in `results.h5`.
    pub fn floats_mut(&mut self) -> [(&'static str, &mut Vec<f32>); 6] {
        // Without `..`: a curve that is added here is carried everywhere by its name.
        let Curves { train_loss, train_error, test_error, noisy_error, radius, distance, misclassified: _ } = self;
        [
            ("train_loss", train_loss),
            ("train_error", train_error),
            ("test_error", test_error),
            ("noisy_error", noisy_error),
            ("radius", radius),
            ("distance", distance),
        ]
    }
}
