//! The question: what a sweep file means, once it has been checked.
//!
//! [`parse`] reads a sweep file in three steps: `document` is the text as a tree that knows its places (and to which
//! `overrides` applies `--set`, whose texts `written` opens), `raw` the keys as they were typed, and `validate` turns
//! those into a [`Sweep`], whose every number the other rooms may trust. Errors are collected all the way and told at
//! once. Nothing here knows tensors, files of data, or ranks.
//!
//! # The keys of a sweep file
//!
//! Tables in double brackets are axes and may stand there several times; so is every key marked ×, which takes a list
//! where one value is expected. The grid is the product of seeds, data, subsamples, architectures, optimisers and
//! prunes. What is not marked *required* has a default.
//!
//! | key | value | default |
//! | --- | --- | --- |
//! | **`[sweep]`** | | |
//! | `name` | letters, digits, `-`, `_`, `.`: also the run directory's name | *required* |
//! | `seeds` | a count, a list, or `{ start = 0, count = 64 }` | *required* |
//! | **`[[data]]`** | | |
//! | `source` | `"digits"`, `"mnist"`, `"fashion-mnist"`, `"kmnist"`, `"cifar10"`, `"idx"`, `"stripe"`, `"cylinder"` | *required* |
//! | `path` | directory of the files, from the sweep file's directory on; `~` is home; not for digits, stripe, cylinder | idx: *required*; else found |
//! | `labels` | `"classes"` (the labels that occur, whatever numbers they are), `"parity"`, `"halves"`, `"one-vs-rest"`, `"random"`; stripe and cylinder: classes or random | `"classes"` |
//! | `label` × | the class that one-vs-rest sets apart, 0 to 9 (idx: 255) | one-vs-rest: *required* |
//! | `label_noise` × | share of training labels replaced by another class, 0 to 1 | 0 |
//! | `label_draw` × | number of the random labels or noise, the same for all seeds | 0 |
//! | `normalise` | `"standardise"`, `"sphere"`, `"none"` | `"standardise"`; stripe, cylinder: `"none"` |
//! | `channels` | cifar10: `"sum"` of the colours, or `"flat"` | `"sum"` |
//! | `train` × | digits: samples before the test set, at most 1796; stripe, cylinder: training points | digits: 1500; else 10000 |
//! | `test` × | stripe, cylinder: test points | 10000 |
//! | `dimension` × | stripe, cylinder: number of coordinates | stripe, cylinder: *required* |
//! | `parallel` × | cylinder: coordinates that the label depends on | cylinder: *required* |
//! | `stretch` × | stripe, cylinder: factor on the other coordinates | 1 |
//! | **`[[subsample]]`** | must fit every source | |
//! | `size` × | training samples | *required* |
//! | `block` × | the nth contiguous block, from 0 | 0 |
//! | `balanced` | with `draw`: `true` takes as many samples of each class that occurs | `false` |
//! | `draw` × | instead of `block`: number of a random draw, a list, or `{ start = 0, count = 8 }` | |
//! | **`[[architecture]]`** | | |
//! | `kind` | `"mlp"`, `"cnn"` (needs images), `"residual-mlp"` (blocks h + W₂ σ(W₁ h + b₁) + b₂ between two dense layers; see docs/networks.md) | *required* |
//! | `hidden` × | widths of the hidden layers, as in `[20]` or `[50, 50]`; `[[10], [20]]` are two networks | mlp: *required*; cnn: `[]` |
//! | `channels` × | cnn: channels of each convolution, as in `[8, 16]`; a list of lists likewise | cnn: *required* |
//! | `kernel` × | cnn: side of the kernels, odd | 3 |
//! | `pool` × | cnn: side of max pooling after each convolution; 1 is none | 2 |
//! | `width` × | residual-mlp: units of every layer but the output | residual-mlp: *required* |
//! | `blocks` × | residual-mlp: number of residual blocks, its hidden layers | residual-mlp: *required* |
//! | `activation` × | `"tanh"`, `"relu"`, `"gelu"`, `"sigmoid"`; gradient-flow: `"softplus"` too | `"tanh"` |
//! | `parametrisation` | `"standard"` (PyTorch's initial weights); gradient-flow: `"mean-field"` too (all parameters N(0, 1), hidden layers W a/√fan-in + b, output (1/h) β·a, activation of unit second moment) | `"standard"` |
//! | `bias_variance` × | mean-field: variance of the initial biases | 1 |
//! | `init_scale` × | factor on the initial weights and biases | 1 |
//! | `observe` | list of hidden layers measured, from 1; convolutions count | the last |
//! | **`[[optimiser]]`** | | PyTorch's |
//! | `kind` | `"sgd"`, `"nesterov"`, `"adam"`, `"adamw"`, `"rmsprop"`, `"lion"`, `"gradient-flow"` (see below) | *required* |
//! | `lr` × | learning rate; not of gradient-flow | *required* |
//! | `momentum` × | sgd, nesterov, rmsprop: 0 to below 1 | 0; nesterov: *required* |
//! | `nesterov` | sgd: `true` is the same as `kind = "nesterov"` | `false` |
//! | `beta1` ×, `beta2` × | adam, adamw, lion | 0.9, 0.999; lion: 0.99 |
//! | `alpha` × | rmsprop: decay of the mean square; gradient-flow: output scale α of α (f − f₀) | 0.99; 1 |
//! | `epsilon` × | adam, adamw, rmsprop | 1e-8 |
//! | `weight_decay` × | added to the gradient; adamw, lion: decoupled | 0; adamw: 0.01 |
//! | `gradient_change` × | gradient-flow: greatest ‖Δg‖²/(‖g‖ ‖g'‖) of a step | 1e-4 |
//! | `output_change` × | gradient-flow: greatest change of an output α (f − f₀) in a step | 0.1 |
//! | `kink_change` × | gradient-flow: a step that changes no output by more may change the gradient as it will | 0.01 |
//! | `margin` × | gradient-flow: a sample fits if its margin is no less | 1 |
//! | `fitted` × | gradient-flow: share of the samples that fit at which it ends | 1 |
//! | `time` × | gradient-flow: longest time t | none |
//! | `precision` × | gradient-flow: `"f32"` or `"f64"` | `"f64"` |
//! | `watched` × | gradient-flow: training samples whose outputs bound a step: `"all"`, or `"pulling"` before or after it | `"all"` |
//! | **`[[prune]]`** | without it, nothing is left out | |
//! | `remove` | `"none"`, `"stragglers"`, `"misclassified"`, `"random"` | *required* |
//! | `like` | random: `"stragglers"` or `"misclassified"`, whose number is left out | random: *required* |
//! | `at` × | stragglers: the inversion of `"distance"` (more than two classes: of its mean over all pairs), or of the radius of class 0 or 1, `"radius_0"` or `"radius_1"` | `"distance"` |
//! | `epoch` × | misclassified: an epoch, a list, `"log"`, `{ log = 10 }` or `{ every = 10 }` | misclassified: *required* |
//! | **`[train]`** | | |
//! | `epochs` | passes over the training set; gradient-flow: most steps | *required* |
//! | `loss` | `"cross-entropy"`, `"mse"` (mean squared error on one-hot classes); gradient-flow: `"hinge"`, `"soft-hinge"`, `"quadratic-hinge"` too | `"cross-entropy"` |
//! | `hinge_beta` | soft-hinge: its β | 20 |
//! | `batch` | `"full"`, or samples per step | `"full"` |
//! | **`[observe]`** | | |
//! | `record` | epochs at which losses and errors are kept: a schedule; the first and last always | `{ every = 1 }` |
//! | `manifold` | `{ every = k }`: radii and distances at recorded epochs that k divides; `false`: not | `{ every = 1 }` |
//! | `misclassified` | epochs at which the misclassified samples are kept: a schedule, or `false`; those that a prune needs are added (for stragglers, all at which the manifold is measured) | `false` |
//! | `noise` × | sd of Gaussian noise on the test inputs, one more test error each (no axis of the grid) | none |
//! | `weights` | epochs whose weights are kept as safetensors: a schedule, or `false` | `false` |
//! | `local_complexity` | a table, see below; nothing of it is an axis of the grid | not measured |
//! | `robustness` | a table, see below; nothing of it is an axis of the grid | not measured |
//! | `weight_norm` | a table, see below: the Frobenius norm of each layer's weights, biases not counted | not measured |
//! | **`local_complexity = { … }`** | units whose sign changes in cross-polytopes around points | |
//! | `at` | epochs: a schedule | `"log"` |
//! | `radii` | one radius or several, in units of the inputs | *required* |
//! | `directions` | random orthonormal directions: half the vertices | 25 |
//! | `points` | points of each set, the first ones | 500 |
//! | `sets` | `"train"`, `"test"`, `"random"` (uniform in the range of each input) | all three |
//! | `centroid` | whether the point itself counts as a vertex | `true` |
//! | **`robustness = { … }`** | error of test samples under projected gradient descent | |
//! | `at` | epochs: a schedule | `"log"` |
//! | `norm` | `"linf"`, `"l2"`, or both | `"linf"` |
//! | `epsilon` | one radius of the ball or several, in units of the inputs | *required* |
//! | `steps`, `step_size` | steps, and how long each is | 10, 2.5 ε / steps |
//! | `random_start` | from a random point of the ball | `false` |
//! | `points` | test samples, the first ones | 500 |
//! | `clip` | `[least, greatest]` valid input | inputs are free |
//! | **`weight_norm = { … }`** | Frobenius norm of each layer's weights | |
//! | `at` | epochs: a schedule | `"log"` |
//! | **`[flow]`** | gradient-flow alone | |
//! | `stages` | shares of fitted samples at which much is measured; the start (0) and the end (1) always | 0.1 |
//! | `kernel` | those of them at which the tangent kernel is; `[]`: never | `[0, 1]` |
//! | `kernel_points` | training samples whose Gram matrix's spectrum is taken | 512 |
//! | `kernel_test` | test samples of the hinge machine on the frozen kernel; 0: no machine | 2000 |
//! | `components` | eigenvalues kept | 10 |
//! | **`[stop]`** | | |
//! | `after_inversion` | epochs after every observed radius and distance (of the classes that the block holds) has turned, when a cell leaves | never |
//! | `metric` | `"epsilon_star"`: what the interval is of, at the inversion of the distance (more than two classes: of its mean) | `"epsilon_star"` |
//! | `half_width` | seeds are added until each group's 95% interval is this narrow | seeds as listed |
//! | `max_seeds` | no group gets more | *required* with `half_width` |
//! | **`[slurm]`** | defaults of `phasesweep submit` | left to the site |
//! | `nodes`, `ntasks_per_node`, `cpus_per_task`, `gpus_per_task` | integers | |
//! | `time`, `mem`, `partition`, `account`, `qos` | as sbatch takes them: `"12:00:00"`, `"2-12"`, `"UNLIMITED"`; `"64G"`, `"64gb"` | |
//! | `modules`, `extra` | lists of strings: modules to load, further lines of the script's head | `[]` |
//!
//! A *gradient flow* trains F = α (f − f₀), f a network of one output, f₀ the same at its initial weights, on two
//! classes y = ±1: losses are of the margin y F, divided by α. All optimisers of a sweep are gradient flows or none is.
//!
//! A *schedule* is `{ every = k }`, `"log"` (ten per factor of ten), `{ log = n }` or `{ per_decade = n }`, a list of
//! epochs, or `{ at = … }` with a list or `"log"` in it. Epoch 0 is the initial network.
//!
//! `--set key=value` changes a value from the command line: `train.epochs=100`, `optimiser.lr=0.1` where there is one
//! `[[optimiser]]`, `optimiser.1.lr=0.1` for the second of several. A key that one table alone has needs no table:
//! `lr=0.1`, `seeds.count=4`. The value is read as what the key takes: a string needs no quotes (`slurm.time=12:00:00`,
//! `name=20260913`), a list no brackets (`lr=0.1,0.2`; `hidden=20,20` is one network of two layers, `hidden=[20],[50]`
//! are two networks), and inside brackets and braces a word needs no quotes either (`optimiser={kind=adam,lr=.001}`).

mod diagnostics;
mod document;
mod flow;
mod overrides;
mod paths;
mod place;
mod raw;
mod raw_architecture;
mod reader;
mod resolved;
mod suggestion;
mod validate;
mod written;

pub use diagnostics::{Diagnostic, Diagnostics};
pub use paths::Directories;
pub use phasesweep_optimisers::Rule;
pub use resolved::{
    Activation, AdaptiveSeeds, Architecture, ArchitectureKind, Batch, Channels, Data, Flow, FlowObserve, InversionOf,
    Labels, Loss, MeanField, Normalise, Observe, Optimiser, OptimiserKind, Precision, Prune, PruneSize, Schedule,
    Scheduled, Slurm, Source, Stop, Subsample, Sweep, Train, Watched,
};

/// Reads a sweep file.
///
/// `text` is its content, `file_name` what errors call it, `overrides` the `key=value` arguments of `--set`, applied
/// in order before anything is judged.
///
/// # Errors
/// Everything that is wrong with the file and the overrides, at once; see [`Diagnostics`].
pub fn parse(text: &str, file_name: &str, overrides: &[String]) -> Result<Sweep, Diagnostics> {
    read(text, file_name, overrides, None)
}

/// As [`parse`], with the paths that the sweep names made absolute.
///
/// # Errors
/// As [`parse`].
pub fn parse_from(
    text: &str,
    file_name: &str,
    overrides: &[String],
    directories: &Directories,
) -> Result<Sweep, Diagnostics> {
    read(text, file_name, overrides, Some(directories))
}

fn read(
    text: &str,
    file_name: &str,
    overrides: &[String],
    directories: Option<&Directories>,
) -> Result<Sweep, Diagnostics> {
    let mut diagnostics = Diagnostics::new(file_name, text);
    let Some(mut root) = document::parse(text, &mut diagnostics) else {
        return diagnostics.into_result(None);
    };
    for argument in overrides {
        overrides::apply(&mut root, argument, &mut diagnostics);
    }
    let mut raw = raw::RawSweep::read(&root, &mut diagnostics);
    if let Some(directories) = directories {
        paths::make_absolute(&mut raw, directories);
    }
    let sweep = validate::resolve(&raw, &mut diagnostics);
    diagnostics.into_result(sweep)
}

/// The keys of the tables that are axes, as they are read: for each table its name and its keys, each with how it is read.
/// Tests draw sweeps from it.
#[cfg(test)]
pub(crate) const AXIS_KEYS: [(&str, &[(&str, &str)]); 5] = [
    ("data", raw::RawData::READERS),
    ("subsample", raw::RawSubsample::READERS),
    ("architecture", raw::RawArchitecture::READERS),
    ("optimiser", raw::RawOptimiser::READERS),
    ("prune", raw::RawPrune::READERS),
];

#[cfg(test)]
mod tests;
