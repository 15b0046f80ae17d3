//! The CPU kernel: fused cohorts of fully connected and convolutional networks, trained at the machine's limit.
//!
//! Replicas share the inputs and nothing else, so they are laid side by side in vector lanes: every product, loss and
//! measurement of all replicas of a group is a vertical operation, and the first layer is one wide product. A group
//! is trained by one thread for a stretch of epochs, without barriers; groups come from a queue, the one furthest behind
//! first.
//!
//! Invariants: a replica's numbers depend on itself alone (no operation crosses lanes, every sum has a fixed order),
//! so a result is the same to the last bit for any packing, number of threads, and cutting of `advance` into calls; and on any
//! instruction set: tiles and groups of samples are the same for all, and every multiply-add rounds once.
//!
//! - `simd`: vectors, the matrix product, and the choice of instructions; all unsafe code;
//! - `function`: exp, tanh and the like; `layout`: where weights lie;
//! - `cluster`, `inputs`, `batch`: the block's inputs, sparse where that pays, in groups or sample by sample;
//! - `graph`: networks that are no chains, step by step, with the same layers and products;
//! - `layer`, `net`: weights and the tile of samples that meets them; `first`, `dense`, `convolution`, `activation`: through
//!   a layer and back; `pass`: through all; `head`: loss and measurements; `gradient`: clipping and SAM; `update`: the step;
//! - `weights`: which samples count, and whose moments normalise a batch;
//! - `test_error`, `reuse`, `predictions`, `drift`: which test samples are misclassified, and which need not be evaluated to
//!   know it;
//! - `group`, `minibatch`: epochs;
//! - `peak`: what the machine could do at most, for comparison.

mod activation;
mod batch;
mod block;
mod cluster;
mod cohort;
mod convolution;
mod dense;
mod drift;
mod elementwise;
mod first;
mod function;
mod gathered;
mod gradient;
mod graph;
mod group;
mod head;
mod inputs;
mod layer;
mod layout;
mod minibatch;
mod net;
mod pass;
mod peak;
mod predictions;
mod problem;
mod reuse;
mod shape;
mod simd;
mod test_error;
mod update;
mod values;
mod weights;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

pub use block::{Block, Samples};
pub use graph::walk::Walk;
pub use peak::peak;
pub use phasesweep_optimisers::{Rates, Recipe, Rule};
pub use problem::{
    Activation, Batch, Curves, LayerShape, Loss, Network, Position, Problem, Replica, State, UNMEASURED_BYTE,
};

use cohort::{Cohort, Member};
use graph::walk::RowOrder;
use group::Advance;
use inputs::{Inputs, Key};
use predictions::Predictions;
use simd::{Isa, ROWS, dispatch};

/// Stretches of an `advance` for each thread at least, where groups outnumber threads: if they share out evenly, and if
/// not. Each costs the loading and unloading of a group.
const STRETCHES: [usize; 2] = [4, 16];
/// Columns of the first layer that a group should not exceed by much: its weights are to stay in the core's cache.
const COLUMNS: usize = 160;
/// Bytes of the first layer's weights that a group should not exceed, for the same reason.
const WEIGHT_BYTES: usize = 512 << 10;
/// Numbers of an unfolded place that a group should not exceed by much, so that the lines under way stay in the core's cache.
const UNFOLDED: usize = 512;
/// Numbers of a replica in a tile's hidden layers at most.
const TILE: usize = 48_000;
/// Samples in a tile at most: with AVX2, a panel of their gradients stays in a first cache of 32 KiB.
const TILE_SAMPLES: usize = 192;
/// The same of minibatches: a replica has them to itself, and its weights stream through the cache anyway.
const BATCH_TILE: (usize, usize) = (256, 256_000);

/// A problem, replicas and states that do not belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit(String);

impl std::fmt::Display for Misfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misfit {}

/// The CPU kernel for one cohort.
pub struct Kernel {
    cohort: Cohort,
    replicas: Vec<Replica>,
    states: Vec<State>,
    threads: usize,
    /// What each replica knows of the test samples.
    predictions: Vec<Predictions>,
}

/// Choices that tests vary.
#[derive(Debug, Clone, Copy)]
struct Choices {
    isa: Isa,
    sparse: bool,
    /// Replicas in a group at most.
    group: usize,
    /// Whether predictions on test samples may last.
    reuse_predictions: bool,
}

impl Kernel {
    /// Takes over a cohort, to be trained by up to `threads` threads.
    ///
    /// # Errors
    /// [`Misfit`] if a layer has no units, or a state does not fit the network.
    pub fn new(problem: Problem, replicas: Vec<Replica>, states: Vec<State>, threads: usize) -> Result<Kernel, Misfit> {
        let choices = Choices { isa: Isa::detect(), sparse: true, group: usize::MAX, reuse_predictions: true };
        Kernel::with(problem, replicas, states, threads, choices)
    }

    /// As [`Kernel::new`], but with dense products whatever the inputs: for measuring what sparsity is worth.
    ///
    /// # Errors
    /// As [`Kernel::new`].
    pub fn dense(
        problem: Problem,
        replicas: Vec<Replica>,
        states: Vec<State>,
        threads: usize,
    ) -> Result<Kernel, Misfit> {
        let choices = Choices { isa: Isa::detect(), sparse: false, group: usize::MAX, reuse_predictions: true };
        Kernel::with(problem, replicas, states, threads, choices)
    }

    /// As [`Kernel::new`], but with every product rounded before it is added, on any processor alike: where there is no
    /// instruction that rounds both at once, that is faster than to imitate it. The bits are others.
    ///
    /// # Errors
    /// As [`Kernel::new`].
    pub fn unfused(
        problem: Problem,
        replicas: Vec<Replica>,
        states: Vec<State>,
        threads: usize,
    ) -> Result<Kernel, Misfit> {
        let choices = Choices { isa: Isa::Unfused, sparse: true, group: usize::MAX, reuse_predictions: true };
        Kernel::with(problem, replicas, states, threads, choices)
    }

    fn with(
        problem: Problem,
        replicas: Vec<Replica>,
        mut states: Vec<State>,
        threads: usize,
        choices: Choices,
    ) -> Result<Kernel, Misfit> {
        let empty = match &problem.network {
            Network::Chain { layers, .. } => layers.is_empty() || layers.iter().any(|layer| layer.outputs() == 0),
            Network::Graph(walk) => walk.slots.contains(&0),
        };
        if problem.block.inputs() == 0 || empty {
            return Err(Misfit("a layer has no units".to_owned()));
        }
        let parameters = problem.network.parameters();
        if replicas.len() != states.len() || states.iter().any(|state| state.parameters.len() != parameters) {
            let what =
                format!("the states do not fit the network of {parameters} parameters and {} replicas", replicas.len());
            return Err(Misfit(what));
        }
        let averaged = problem.network.averaged();
        if let Some(place) = states.iter().position(|state| state.averages.len() != averaged) {
            return Err(Misfit(format!(
                "the state of replica {place} holds {} running averages, the network has {averaged}: the checkpoint is of \
                 another network",
                states[place].averages.len()
            )));
        }
        let samples = problem.block.train.len();
        if replicas.iter().any(|replica| replica.kept.as_ref().is_some_and(|kept| kept.len() != samples)) {
            return Err(Misfit(format!("a replica's kept samples are not {samples} flags")));
        }
        for (replica, state) in replicas.iter().zip(&mut states) {
            let [first, second] = problem.rule.moments(&replica.rates);
            if state.first_moment.is_empty() && first {
                state.first_moment = vec![0.0; parameters];
            }
            if state.second_moment.is_empty() && second {
                state.second_moment = vec![0.0; parameters];
            }
        }
        let isa = choices.isa;
        // The size of a tile decides the order of sums: it follows from the problem alone, whatever the processor.
        let hidden = problem.network.activations();
        let spreads = problem.network.spreads();
        let whole = (TILE / hidden).clamp(ROWS, TILE_SAMPLES);
        let tile = match problem.batch {
            // A batch normalisation wants a step's samples at once.
            Batch::Full if averaged > 0 => samples.max(1).next_multiple_of(ROWS),
            Batch::Mini { size } if averaged > 0 => size.clamp(1, samples.max(1)).next_multiple_of(ROWS),
            Batch::Full => whole / ROWS * ROWS,
            // A batch in one tile, or in few of equal size: gradients are written once.
            Batch::Mini { size } => {
                let alone = (BATCH_TILE.1 / hidden).clamp(ROWS, BATCH_TILE.0);
                let most = if spreads { whole } else { alone };
                let size = size.clamp(1, samples.max(1));
                size.div_ceil(size.div_ceil(most)).next_multiple_of(ROWS)
            }
        };
        // Convolutions read images as they lie.
        let gradient = problem.batch == Batch::Full && !spreads;
        // A tile's samples are counted by 16 bits where inputs are sparse.
        let sparse = choices.sparse && !spreads && tile <= usize::from(u16::MAX);
        let key = Key { isa, tile, gradient, sparse };
        let inputs = Inputs::of(&problem.block, key);
        let noisy = problem.noisy.iter().map(|x| inputs.further(x, &problem.block.test.y, key)).collect();
        let pairs = problem.pairs();
        let threads = threads.max(1);
        // Minibatches move weights far between two measurements.
        let reuse_predictions = choices.reuse_predictions && gradient && problem.network.is_bounded();
        let (group, evaluated) = (choices.group, [AtomicU64::new(0), AtomicU64::new(0)]);
        let cohort = Cohort { problem, inputs, noisy, pairs, tile, isa, group, reuse_predictions, evaluated };
        let predictions = replicas.iter().map(|_| cohort.predictions()).collect();
        Ok(Kernel { cohort, replicas, states, threads, predictions })
    }

    /// Share of the test samples asked for that were computed since the kernel took over; 1 where nothing was asked.
    fn computed(&self) -> f64 {
        let [asked, computed] = self.cohort.evaluated.each_ref().map(|evaluated| evaluated.load(Ordering::Relaxed));
        if asked == 0 { 1.0 } else { computed as f64 / asked as f64 }
    }

    /// Replicas in a group: as many as keep the weights in cache, but no fewer groups than threads.
    fn group_size(&self, live: usize) -> usize {
        let cohort = &self.cohort;
        // A convolution's weights are few, but a place of its unfolded inputs or gradients may be large.
        let unfolds =
            |size: usize, kernel: usize, inputs: usize, outputs: usize| size * kernel * inputs.max(outputs) <= UNFOLDED;
        let reads = |size: usize, inputs: usize, outputs: usize| {
            size * outputs <= COLUMNS && size * outputs * inputs * 4 <= WEIGHT_BYTES
        };
        let fits = |size: usize| match &cohort.problem.network {
            Network::Chain { layers, .. } => match layers[0] {
                LayerShape::Convolution { .. } => layers.iter().all(|layer| match *layer {
                    LayerShape::Convolution { inputs, outputs, kernel, .. } => unfolds(size, kernel, inputs, outputs),
                    LayerShape::Dense { .. } => true,
                }),
                LayerShape::Dense { inputs, outputs } => reads(size, inputs, outputs),
            },
            Network::Graph(walk) => walk.layers.iter().all(|layer| match layer.rows {
                RowOrder::Samples => reads(size, layer.inputs, layer.outputs),
                RowOrder::Unfolded { kernel, channels } => unfolds(size, kernel, channels, layer.outputs),
                RowOrder::Own | RowOrder::Elementwise => true,
            }),
        };
        if cohort.problem.batch != Batch::Full && !cohort.spreads() {
            return 1;
        }
        let mut size = cohort.isa.lanes().min(cohort.group);
        while size > 1 && (!fits(size) || live < size * self.threads) {
            size /= 2;
        }
        size
    }

    /// For every live replica and every epoch t from its own up to, not including, `until`: measures at the weights of
    /// epoch t if t is scheduled, then, if t < `problem.epochs`, takes the steps of the next pass. `until` is at most
    /// `epochs + 1`; after `advance(epochs + 1)` the last epoch has been measured and training is complete.
    pub fn advance(&mut self, until: usize) {
        self.advance_to(Position { epoch: until, step: 0 });
    }

    /// As [`Kernel::advance`], to a position that may lie within a pass over minibatches: its first steps are taken then, and
    /// the weights at its beginning have been measured. A replica whose passes have fewer steps waits at the end of its own.
    pub fn advance_to(&mut self, until: Position) {
        let until = until.min(Position { epoch: self.cohort.problem.epochs + 1, step: 0 });
        debug_assert!(until.step == 0 || self.cohort.problem.batch != Batch::Full, "a step is a pass there");
        let due = |state: &State| state.diverged.is_none() && state.position() < until;
        let live = self.states.iter().filter(|state| due(state)).count();
        let size = self.group_size(live);
        let cohort = &self.cohort;
        let all = self.replicas.iter().zip(&mut self.states).zip(&mut self.predictions);
        let members = all.filter(|((_, state), _)| due(state));
        let mut members: Vec<Member<'_>> =
            members.map(|((replica, state), predictions)| cohort.member(replica, state, predictions)).collect();
        members.sort_by_key(Member::together);
        let Some(first) = members.first().map(|member| member.state.position()) else { return };
        let mut groups: Vec<Vec<Member<'_>>> = Vec::new();
        for same in members.chunk_by_mut(|a, b| a.together() == b.together()) {
            groups.extend(lanes(&mut same.iter_mut().map(Member::reborrow), size));
        }
        let workers = self.threads.min(groups.len());
        // Threads that advance unequally, or groups that do not share out evenly, meet at the end of a stretch only.
        let uneven = usize::from(!groups.len().is_multiple_of(workers));
        let stretches = if groups.len() <= workers { 1 } else { (STRETCHES[uneven] * workers).div_ceil(groups.len()) };
        let passes = until.epoch - first.epoch;
        let queue = Mutex::new(groups);
        let work = || {
            loop {
                let next = furthest_behind(&mut queue.lock().unwrap_or_else(PoisonError::into_inner));
                let Some(mut group) = next else { break };
                let (replicas, at) = (group.len(), group[0].state.position());
                // The last stretch goes into the pass in which it ends.
                let stretch = Position { epoch: at.epoch + passes.div_ceil(stretches).max(1), step: 0 };
                let until = until.min(stretch);
                dispatch(cohort.isa, replicas, Advance { cohort, members: &mut group, until });
                let mut left = group.into_iter().filter(|member| due(member.state));
                // A worker that finds the queue empty may leave: the others are as many as the groups in their hands.
                queue.lock().unwrap_or_else(PoisonError::into_inner).extend(lanes(&mut left, replicas));
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..workers {
                scope.spawn(work);
            }
            work();
        });
        if until.epoch > self.cohort.problem.epochs && self.cohort.reuse_predictions {
            tracing::debug!(
                "{} replicas: {:.1}% of the predictions on test samples were computed, the others could not have changed",
                self.replicas.len(),
                100.0 * self.computed()
            );
        }
    }

    /// The replicas' states, in order.
    pub fn states(&self) -> &[State] {
        &self.states
    }

    /// What this kernel is, for the log and for provenance: `"kernel avx2, sparse inputs (27% of products)"`.
    pub fn describe(&self) -> String {
        let inputs = match &self.cohort.problem.network {
            Network::Chain { .. } if self.cohort.spreads() => "convolutions".to_owned(),
            Network::Graph(_) if self.cohort.spreads() => "graph".to_owned(),
            Network::Chain { .. } => self.cohort.inputs.describe(),
            Network::Graph(_) => format!("graph, {}", self.cohort.inputs.describe()),
        };
        let tests = if self.cohort.reuse_predictions { ", test samples where in doubt" } else { "" };
        format!("kernel {}, {inputs}{tests}", self.cohort.isa.name())
    }
}

/// Cuts members into groups of at most `size`, then powers of two: no lane is idle.
fn lanes<'a>(members: &mut dyn Iterator<Item = Member<'a>>, size: usize) -> Vec<Vec<Member<'a>>> {
    let mut left: Vec<Member<'a>> = members.collect();
    let mut groups = Vec::new();
    while !left.is_empty() {
        let take = size.min(1 << left.len().ilog2());
        groups.push(left.drain(..take).collect());
    }
    groups
}

/// Takes the group that is furthest behind out of the queue; of equals the largest.
fn furthest_behind<'a>(queue: &mut Vec<Vec<Member<'a>>>) -> Option<Vec<Member<'a>>> {
    let key = |group: &Vec<Member<'_>>| (group[0].state.position(), std::cmp::Reverse(group.len()));
    let (at, _) = queue.iter().enumerate().min_by_key(|(_, group)| key(group))?;
    Some(queue.swap_remove(at))
}
