//! What is measured of a cohort, and what those who measure are given.
//!
//! [`Setup`] is all that the shapes of the records follow from: sizes and lists, no samples. [`Subject`] adds the samples
//! and the network's shape, [`View`] one replica's weights. Invariant: what is measured of a view depends on the view
//! alone, so on the weights, the seed and what the cohort shares.

use std::borrow::Cow;
use std::sync::OnceLock;

use phasesweep_networks::Graph;

use super::loss::Loss;
use super::moment::{Position, Unit};
use super::schedule::Schedule;
use crate::data::Block;

/// At which epochs what is measured; all lists ascend.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Times {
    /// Epochs at which losses and errors are recorded.
    pub recorded: Vec<usize>,
    /// Those of them at which radii and distances are.
    pub manifold: Vec<usize>,
    /// Epochs at which the misclassified samples are kept.
    pub snapshots: Vec<usize>,
}

impl Times {
    /// The epochs of a run of `last` epochs. Losses and errors are recorded at the last epoch always, since the end of
    /// training is what every comparison needs, and wherever copies of the weights are measured (`on_weights`), since that is compared
    /// with the errors there.
    pub fn of(
        record: &Schedule,
        manifold_every: Option<usize>,
        misclassified: Option<&Schedule>,
        on_weights: &[usize],
        last: usize,
    ) -> Times {
        let mut recorded = [&record.epochs(last), on_weights, &[last]].concat();
        recorded.sort_unstable();
        recorded.dedup();
        let manifold = manifold_every
            .map_or_else(Vec::new, |every| recorded.iter().copied().filter(|epoch| epoch % every == 0).collect());
        Times { manifold, snapshots: misclassified.map_or_else(Vec::new, |at| at.epochs(last)), recorded }
    }
}

/// What is measured of a cohort's replicas, and the sizes on which the shapes of the records depend.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    /// Passes over the training set.
    pub epochs: usize,
    /// Classes.
    pub classes: usize,
    /// Samples of the training block.
    pub samples: usize,
    /// Layers with weights, the output layer included.
    pub layers: usize,
    /// Hidden layers that can be observed.
    pub hidden: usize,
    /// Nodes whose values an activation bends ([`Graph::pre_activations`]).
    pub pre_activations: usize,
    /// Trainable numbers.
    pub parameters: usize,
    /// Hidden layers whose radii and distances are measured, counted from 1, ascending.
    pub observed: &'a [usize],
    /// See [`Times::recorded`].
    pub recorded: &'a [usize],
    /// See [`Times::manifold`].
    pub manifold: &'a [usize],
    /// See [`Times::snapshots`].
    pub snapshots: &'a [usize],
    /// Standard deviations of the noise of the further test sets.
    pub noise: &'a [f64],
    /// Whether copies of the weights are measured or kept at some epoch, so that epochs are to be counted in steps.
    pub steps: bool,
    /// What is measured of a gradient flow; `None` for every other update rule.
    pub flow: Option<FlowSetup<'a>>,
}

/// What is measured of a gradient flow.
#[derive(Debug, Clone, Copy)]
pub struct FlowSetup<'a> {
    /// Shares of fitted samples at which much is measured, 0 and 1 included.
    pub stages: &'a [f64],
    /// Eigenvalues kept of a spectrum.
    pub components: usize,
    /// Training points of the tangent kernel; 0 where it is not measured.
    pub kernel_points: usize,
    /// Whether a machine of maximal margin is trained on the frozen kernel.
    pub machine: bool,
    /// Whether the flow of the loss on the frozen kernel is followed, too.
    pub kernel_flow: bool,
    /// Whether the kernels of the output layer and of all other layers are measured, too.
    pub parts: bool,
    /// Whether the kernel of the start is measured on compressed samples.
    pub compressed: bool,
    /// Whether the mutual information of eigenvectors with the labels is measured.
    pub information: bool,
    /// Shares of the starting loss at which the kernel is measured, ascending.
    pub losses: &'a [f64],
    /// Whether it is known which inputs are informative.
    pub informative: bool,
    /// Neurons of the first hidden layer that are followed as points.
    pub neurons: usize,
    /// Positions along the informative axis at which the output is taken.
    pub profile: usize,
}

/// Pairs of classes (a, b) with a < b, in the order in which distances are recorded.
pub fn pairs(classes: usize) -> Vec<(usize, usize)> {
    (0..classes).flat_map(|a| (a + 1..classes).map(move |b| (a, b))).collect()
}

/// What all replicas of a cohort share, for those who measure copies of the weights.
#[derive(Debug)]
pub struct Subject<'a> {
    /// Sizes and lists.
    pub setup: Setup<'a>,
    /// Training and test samples.
    pub block: &'a Block,
    /// The network; empty where it cannot be built on the block.
    pub graph: Graph,
    /// What training minimises.
    pub loss: Loss,
    range: OnceLock<Vec<(f32, f32)>>,
}

impl<'a> Subject<'a> {
    /// The subject of a setup. `graph` is the network on the block.
    pub fn new(setup: Setup<'a>, block: &'a Block, graph: Graph, loss: Loss) -> Subject<'a> {
        Subject { setup, block, graph, loss, range: OnceLock::new() }
    }

    /// Least and greatest value of each input over the training block, pruned samples included.
    pub fn input_range(&self) -> &[(f32, f32)] {
        self.range.get_or_init(|| {
            let inputs = self.block.inputs();
            let mut range = vec![(f32::INFINITY, f32::NEG_INFINITY); inputs];
            for row in self.block.train.x.chunks_exact(inputs.max(1)) {
                range.iter_mut().zip(row).for_each(|((low, high), &x)| (*low, *high) = (low.min(x), high.max(x)));
            }
            range
        })
    }
}

/// One replica at a moment of training, for those who measure copies of the weights.
pub struct View<'a> {
    /// What its cohort shares.
    pub subject: &'a Subject<'a>,
    /// Layer by layer: weight `[out, in]` row-major (convolution: `[out, in, k, k]`), then bias `[out]`.
    pub parameters: &'a [f32],
    /// Its seed: whatever is drawn for a measurement is drawn by it.
    pub seed: u64,
    /// The samples that it is trained on, one flag for each of the block; `None`: all.
    pub kept: Option<&'a [bool]>,
    /// Steps of the optimiser in an epoch.
    pub steps_per_epoch: usize,
    /// How far it is trained.
    pub at: Position,
    /// Running averages of batch normalisations, laid out as the graph's.
    averages: Cow<'a, [f32]>,
    evaluated: OnceLock<Vec<f32>>,
    /// Parameters of the epochs right before, and of the steps right before, the latest first.
    earlier: [Vec<Vec<f32>>; 2],
    initial: Draw<'a>,
    drawn: OnceLock<Vec<f32>>,
}

/// Draws a replica's initial weights.
pub type Draw<'a> = Box<dyn Fn() -> Vec<f32> + Send + Sync + 'a>;

impl<'a> View<'a> {
    /// The view of a replica; `None` if the parameters are not as many as the layers have. `initial` draws the weights
    /// from which it began, laid out as the parameters. Running averages are those before training until
    /// [`View::with_averages`] says otherwise.
    pub fn new(
        subject: &'a Subject<'a>,
        parameters: &'a [f32],
        seed: u64,
        kept: Option<&'a [bool]>,
        steps_per_epoch: usize,
        initial: Draw<'a>,
    ) -> Option<View<'a>> {
        if parameters.len() != subject.graph.parameters() {
            return None;
        }
        Some(View {
            subject,
            parameters,
            seed,
            kept,
            steps_per_epoch,
            averages: Cow::Owned(subject.graph.initial_averages()),
            evaluated: OnceLock::new(),
            at: Position::default(),
            earlier: Default::default(),
            initial,
            drawn: OnceLock::new(),
        })
    }

    /// With these running averages of its batch normalisations; `None` if they are not as many as the graph's.
    pub fn with_averages(self, averages: &'a [f32]) -> Option<View<'a>> {
        let fits = averages.len() == self.subject.graph.averaged();
        fits.then(|| View { averages: Cow::Borrowed(averages), evaluated: OnceLock::new(), ..self })
    }

    /// The parameters of what the network computes in evaluation, PyTorch's `model.eval()`, where a batch normalisation is
    /// γ x + β alone ([`Graph::evaluated`]): [`View::parameters`] themselves without batch normalisation.
    pub fn evaluated(&self) -> &[f32] {
        if self.averages.is_empty() {
            return self.parameters;
        }
        self.evaluated.get_or_init(|| self.subject.graph.evaluated(self.parameters, &self.averages).into_owned())
    }

    /// [`View::evaluated`] of the network as it was before training: of [`View::initial`] and the first running averages.
    pub fn initially_evaluated(&self) -> Cow<'_, [f32]> {
        let graph = &self.subject.graph;
        graph.evaluated(self.initial(), &graph.initial_averages())
    }

    /// The view of a replica that is trained so far; else it is at the start.
    pub fn trained_to(self, at: Position) -> View<'a> {
        View { at, ..self }
    }

    /// With the parameters of the epochs or steps right before, the latest first, each laid out as the parameters; those of
    /// another length are unknown.
    pub fn with_earlier(mut self, unit: Unit, earlier: Vec<Vec<f32>>) -> View<'a> {
        let length = self.parameters.len();
        self.earlier[unit as usize] = earlier.into_iter().take_while(|own| own.len() == length).collect();
        self
    }

    /// The parameters of so many epochs or steps before (1: the last one), laid out as [`View::parameters`]; `None` where
    /// training had not begun, or nobody asked for them ([`super::Observable::before`]).
    pub fn before(&self, unit: Unit, count: usize) -> Option<&[f32]> {
        self.earlier[unit as usize].get(count.checked_sub(1)?).map(Vec::as_slice)
    }

    /// The parameters from which it began, laid out as [`View::parameters`]; drawn when they are first asked for.
    pub fn initial(&self) -> &[f32] {
        self.drawn.get_or_init(|| (self.initial)())
    }
}
