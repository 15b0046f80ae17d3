//! The question, once it has been checked.
//!
//! Invariants: whatever [`crate::sweep::parse`] answers may be trusted: no axis is empty or lists an entry twice,
//! every size is positive, every layer to be observed exists, every epoch named is trained.
//!
//! Every type that takes part in a cell's identity derives `Serialize`; field order and names are part of the
//! identity (see `crate::plan`), so changing either changes every id.

pub use super::flow::{Flow, FlowObserve, MeanField, Precision, Watched};
pub use crate::observables::{Loss, Schedule, Scheduled};
pub use phasesweep_networks::{Activation, ArchitectureKind};
use phasesweep_optimisers::{Rates, Rule};
use serde::Serialize;

/// A checked sweep. Its axes are the six lists; their product is the grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// Name of the sweep; also the name of its run directory. Letters, digits, `-`, `_`, `.`.
    pub name: String,
    /// Seeds, ascending and distinct.
    pub seeds: Vec<u64>,
    /// Data sources.
    pub data: Vec<Data>,
    /// Which samples of the source are trained on.
    pub subsamples: Vec<Subsample>,
    /// Networks.
    pub architectures: Vec<Architecture>,
    /// Optimisers; a list of numbers in the file is already spread out.
    pub optimisers: Vec<Optimiser>,
    /// Which of the block's samples are left out of training; `[Prune::None]` unless the file says more.
    pub prunes: Vec<Prune>,
    /// Length, loss and batch.
    pub train: Train,
    /// What is measured, and when.
    pub observe: Observe,
    /// When seeds stop being added and when a replica may leave early.
    pub stop: Stop,
    /// Defaults for `phasesweep submit`; command-line flags override them.
    pub slurm: Slurm,
}

impl Sweep {
    /// Number of cells of the grid with so many seeds; `None` where it cannot be counted in 64 bits.
    fn product(&self, seeds: usize) -> Option<u64> {
        let models = [self.architectures.len(), self.optimisers.len()];
        let samples = [self.data.len(), self.subsamples.len(), self.prunes.len()];
        let mut counts = models.into_iter().chain(samples).chain([seeds]);
        counts.try_fold(1_u64, |product, count| product.checked_mul(count as u64))
    }

    /// Number of cells of the grid: the product of its axes.
    pub fn grid_size(&self) -> u64 {
        // `parse` answers no sweep whose product overflows.
        self.product(self.seeds.len()).unwrap_or(u64::MAX)
    }

    /// Number of cells if every seed that [`Stop`] may add is added; `None` where it overflows.
    pub(crate) fn most_cells(&self) -> Option<u64> {
        let most = self.stop.half_width.map_or(0, |adaptive| adaptive.max_seeds);
        self.product(most.max(self.seeds.len()))
    }
}

/// Where the images (or points) come from and what their labels are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Data {
    /// The source.
    pub source: Source,
    /// How a sample's class follows from its original label.
    pub labels: Labels,
    /// Share of training labels replaced by a uniformly drawn other class, in [0, 1].
    pub label_noise: f64,
    /// Number of the random stream behind `label_noise` and random labels: the same for every seed of the sweep, so
    /// that replicas share their labels.
    pub label_draw: u64,
    /// How inputs are scaled.
    pub normalise: Normalise,
    /// Directory named in the file; not part of a cell's identity (the digest of the data is).
    #[serde(skip)]
    pub path: Option<std::path::PathBuf>,
}

/// A data source.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Source {
    /// UCI optical digits, 1797 images of 8×8, in the binary. The samples after `train` are the test set.
    Digits {
        /// Number of samples, from the first, that subsamples are taken from.
        train: usize,
    },
    /// MNIST-format idx files: 28×28, ten classes.
    Mnist,
    /// As [`Source::Mnist`], Zalando's clothes.
    FashionMnist,
    /// As [`Source::Mnist`], cursive Japanese.
    Kmnist,
    /// CIFAR-10 binary batches.
    Cifar10 {
        /// Sum the three colours into one channel (the inversion paper), or keep 3072 inputs.
        channels: Channels,
    },
    /// Any directory of idx files with the four MNIST names.
    Idx,
    /// Points x ~ N(0, I_d), y = +1 where −0.3 < x₁ < 1.18549 (Paccolat et al. 2021).
    Stripe {
        /// Dimension d.
        dimension: usize,
        /// Points available for training.
        train: usize,
        /// Points of the test set.
        test: usize,
        /// Factor on the coordinates that carry nothing.
        stretch: f64,
    },
    /// Points x ~ N(0, I_d), y = sign(‖x_∥‖² − (d∥ − 2/3)) (Paccolat et al. 2021).
    Cylinder {
        /// Dimension d.
        dimension: usize,
        /// Informative dimensions d∥.
        parallel: usize,
        /// Points available for training.
        train: usize,
        /// Points of the test set.
        test: usize,
        /// Factor on the coordinates that carry nothing.
        stretch: f64,
    },
}

/// What becomes of CIFAR's three colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channels {
    /// Summed into one: 1024 inputs.
    Sum,
    /// Kept: 3072 inputs, channel by channel.
    Flat,
}

/// How a class follows from the source's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Labels {
    /// Two classes: label mod 2.
    Parity,
    /// Two classes: 0 below half of the number of labels, else 1.
    Halves,
    /// The source's own classes.
    Classes,
    /// Class 1 is the stated label, class 0 all others.
    OneVsRest {
        /// The label that is class 1.
        label: u16,
    },
    /// As many classes as the source has, drawn uniformly for each training and test sample (stream `label_draw`).
    Random,
}

/// How inputs are scaled, with numbers taken from the training block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalise {
    /// Each input by its mean and sample standard deviation over the block; constant inputs dropped.
    Standardise,
    /// Centred by the block's mean, then each sample scaled to norm √dimension (Paccolat et al. 2021, images).
    Sphere,
    /// As the source gives them (stripe and cylinder's default).
    None,
}

/// Which samples of a source a cell trains on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Subsample {
    /// Samples `block · size .. (block + 1) · size`.
    Block {
        /// Samples.
        size: usize,
        /// Which contiguous block, from 0.
        block: usize,
    },
    /// `size` samples drawn without replacement; the draw is numbered and does not depend on the cell's seed.
    Draw {
        /// Samples.
        size: usize,
        /// The draw's number, its own random stream.
        draw: u64,
    },
    /// As [`Subsample::Draw`], with as many samples of each class; where they do not divide, of the first classes one
    /// more.
    Balanced {
        /// Samples.
        size: usize,
        /// The draw's number.
        draw: u64,
    },
}

impl Subsample {
    /// Number of training samples.
    pub fn size(&self) -> usize {
        match *self {
            Subsample::Block { size, .. } | Subsample::Draw { size, .. } | Subsample::Balanced { size, .. } => size,
        }
    }
}

/// A network, and which of its hidden layers are observed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Architecture {
    /// Shape of the network.
    pub kind: ArchitectureKind,
    /// Elementwise function of every hidden layer.
    pub activation: Activation,
    /// Mean-field parametrisation; `None`: PyTorch's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_field: Option<MeanField>,
    /// Factor on the initial weights and biases.
    pub init_scale: f64,
    /// Hidden layers measured, 1-based, ascending and distinct. Not part of the initial weights' key.
    pub observe: Vec<usize>,
}

/// An optimiser with its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Optimiser {
    /// The rule.
    pub kind: OptimiserKind,
    /// Learning rate.
    pub lr: f64,
    /// Momentum (sgd, rmsprop); 0 is none.
    pub momentum: f64,
    /// Decay β₁ of the first moment (adam, adamw).
    pub beta1: f64,
    /// Decay β₂ of the second moment (adam, adamw), or α of rmsprop.
    pub beta2: f64,
    /// Term added to the denominator (adam, adamw, rmsprop).
    pub epsilon: f64,
    /// Weight decay: added to the gradient, except for adamw, where it is decoupled.
    pub weight_decay: f64,
    /// Numbers of [`OptimiserKind::GradientFlow`]; `None` for all others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<Flow>,
}

impl Optimiser {
    /// A rule with its numbers.
    pub fn of(rule: Rule, rates: Rates) -> Optimiser {
        let Rates { lr, momentum, beta1, beta2, epsilon, weight_decay } = rates;
        let kind = OptimiserKind::Rule(rule);
        Optimiser { kind, lr, momentum, beta1, beta2, epsilon, weight_decay, flow: None }
    }

    /// The rule's numbers.
    pub fn rates(&self) -> Rates {
        let Optimiser { kind: _, lr, momentum, beta1, beta2, epsilon, weight_decay, flow: _ } = *self;
        Rates { lr, momentum, beta1, beta2, epsilon, weight_decay }
    }

    /// Which moments the rule keeps of every parameter: the first (or a momentum), the second.
    pub fn moments(&self) -> [bool; 2] {
        self.kind.rule().map_or([false, false], |rule| rule.moments(&self.rates()))
    }
}

/// How weights move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OptimiserKind {
    /// By steps along the gradient.
    Rule(Rule),
    /// Gradient flow by adaptive Euler steps, of the network α (f − f₀).
    GradientFlow,
}

impl OptimiserKind {
    /// All kinds.
    pub fn all() -> impl Iterator<Item = OptimiserKind> {
        Rule::ALL.iter().copied().map(OptimiserKind::Rule).chain([OptimiserKind::GradientFlow])
    }

    /// Name in sweep files, labels and identities.
    pub fn name(self) -> &'static str {
        match self {
            OptimiserKind::Rule(rule) => rule.name(),
            OptimiserKind::GradientFlow => "gradient-flow",
        }
    }

    /// The rule of steps; `None` for gradient flows.
    pub fn rule(self) -> Option<Rule> {
        match self {
            OptimiserKind::Rule(rule) => Some(rule),
            OptimiserKind::GradientFlow => None,
        }
    }
}

impl Serialize for OptimiserKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Samples left out of training. Standardisation, and the block itself, stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Prune {
    /// Nothing is left out.
    None,
    /// The stragglers of the same cell trained in full: misclassified at the inversion of the named observable.
    Stragglers {
        /// Observable whose inversion is meant.
        at: InversionOf,
    },
    /// The samples misclassified at the stated epoch by the same cell trained in full.
    Misclassified {
        /// The epoch.
        epoch: usize,
    },
    /// As many random samples as another prune leaves out: its control.
    Random {
        /// What it is the control of.
        like: PruneSize,
    },
}

/// The observable whose turning point is the inversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InversionOf {
    /// Greatest distance between the class centres.
    Distance,
    /// Least radius of class 0.
    Radius0,
    /// Least radius of class 1.
    Radius1,
}

/// What a random prune takes its size from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum PruneSize {
    /// The number of stragglers.
    Stragglers {
        /// Observable whose inversion is meant.
        at: InversionOf,
    },
    /// The number misclassified at an epoch.
    Misclassified {
        /// The epoch.
        epoch: usize,
    },
}

/// Length, loss and batch of training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Train {
    /// Passes over the training set.
    pub epochs: usize,
    /// What is minimised.
    pub loss: Loss,
    /// Samples per step.
    pub batch: Batch,
    /// β of [`Loss::SoftHinge`]; `None` for all others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hinge_beta: Option<f64>,
}

/// Samples per step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Batch {
    /// All of them: gradient descent.
    Full,
    /// So many, in an order drawn anew each epoch from the cell's seed; the last batch may be smaller.
    Mini {
        /// Samples in a batch.
        size: usize,
    },
}

/// What is measured, and when.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Observe {
    /// Epochs at which losses and errors are recorded, ascending, from 0 to the last: the `epoch` coordinate.
    pub epochs: Schedule,
    /// R_c and D at every recorded epoch divisible by this; `None`: not measured.
    pub manifold_every: Option<usize>,
    /// Epochs at which the misclassified training samples are kept as bits; `None`: not kept.
    pub misclassified: Option<Schedule>,
    /// Standard deviations of Gaussian noise added to the standardised test inputs, one more test error each.
    pub noise: Vec<f64>,
    /// What is measured on copies of the weights.
    #[serde(skip_serializing_if = "Scheduled::is_empty")]
    pub probes: Scheduled,
    /// What is measured of gradient flows; `None` where nothing flows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<FlowObserve>,
}

/// When to stop.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stop {
    /// A replica leaves so many epochs after every observed class radius and distance has turned; `None`: never.
    pub after_inversion: Option<usize>,
    /// Add seeds until every group's confidence interval is this narrow; `None`: the seeds are as listed.
    pub half_width: Option<AdaptiveSeeds>,
}

/// Sequential rule for the number of seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdaptiveSeeds {
    /// Half of the width of the 95% confidence interval of mean ε* to be reached.
    pub half_width: f64,
    /// No group gets more seeds than this.
    pub max_seeds: usize,
}

/// What `submit` asks Slurm for unless flags say otherwise. Empty fields are left to the site.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Slurm {
    /// Nodes.
    pub nodes: Option<u32>,
    /// Ranks on each node.
    pub ntasks_per_node: Option<u32>,
    /// GPUs for each rank.
    pub gpus_per_task: Option<u32>,
    /// Cores for each rank.
    pub cpus_per_task: Option<u32>,
    /// Walltime as Slurm writes it.
    pub time: Option<String>,
    /// Partition.
    pub partition: Option<String>,
    /// Account.
    pub account: Option<String>,
    /// Quality of service.
    pub qos: Option<String>,
    /// Memory per node as Slurm writes it.
    pub mem: Option<String>,
    /// Modules to load.
    pub modules: Vec<String>,
    /// Further lines for the head of the script, `#SBATCH` ones included.
    pub extra: Vec<String>,
}
