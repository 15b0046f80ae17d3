//! The generic path: cohorts as burn tensors, on any device that burn reaches.
//!
//! Replicas are grouped into stacks: those of a stack stand at the same position and train in lockstep. On flex, whose
//! elementwise operations use one core, there is a stack for each thread, or for each replica where that is faster.
//! Invariants: a failed call changes nothing; a diverged replica keeps the weights of the epoch at which it diverged and is
//! trained no more.

pub(in crate::train) mod activation;
mod batch;
mod convolution;
mod derivatives;
pub(in crate::train) mod failure;
mod flat;
pub(in crate::train) mod flex;
mod hessian;
pub(in crate::train) mod input;
mod loss;
mod measure;
pub(in crate::train) mod network;
mod normalisation;
mod observing;
mod optimiser;
pub(in crate::train) mod parameters;
mod pooling;
mod resident;
mod stack;
#[cfg(test)]
mod tests;
pub(in crate::train) mod transfer;

use std::collections::BTreeMap;

use ::burn::tensor::Device;
use rayon::prelude::*;

use self::failure::guarded;
use self::flex::on_flex;
pub use self::observing::BurnObserving;
use self::resident::Resident;
use self::stack::{Progress, Stack};
use crate::device::{largest_tensor, shown};
use crate::observables::Position;
use crate::sweep::Batch;
use crate::train::{Engine, Problem, Replica, ReplicaState, TrainError};
use phasesweep_networks::{Graph, Op};

/// Fewest replicas that are worth a stack of their own.
const LEAST_STACK: usize = 4;

/// Trains a cohort on a burn device. See [`Engine`].
#[derive(Debug)]
pub struct BurnEngine {
    resident: Resident,
    states: Vec<ReplicaState>,
    class_counts: Vec<Vec<usize>>,
    stacks: Vec<Stack>,
}

impl BurnEngine {
    /// Puts a cohort on the device. Replicas may stand at different positions: those at the same one are trained
    /// together. Diverged ones stay as they are.
    ///
    /// # Errors
    /// [`TrainError`] if the device fails, if the network cannot be built on the block, or if a state, a set of kept
    /// samples or the cohort does not fit the problem.
    pub fn new(
        device: Device,
        problem: Problem,
        replicas: Vec<Replica>,
        states: Vec<ReplicaState>,
    ) -> Result<BurnEngine, TrainError> {
        // A network that cannot be built is refused below.
        let single = problem.graph().is_ok_and(|graph| is_faster_alone(&graph, problem.batch));
        let cut = if single && on_flex(&device) { Cut::Single } else { Cut::Into(stacks_for(&device)) };
        BurnEngine::cut(&device, &problem, replicas, states, cut, None)
            .map_err(|error| failure::told_apart(error, &device))
    }

    /// As [`BurnEngine::new`], cut into stacks so, and with so many samples in a tile (`None`: as suits the device).
    fn cut(
        device: &Device,
        problem: &Problem,
        replicas: Vec<Replica>,
        states: Vec<ReplicaState>,
        stacks: Cut,
        rows: Option<usize>,
    ) -> Result<BurnEngine, TrainError> {
        let class_counts = replicas.iter().map(|replica| class_counts(problem, replica)).collect::<Vec<_>>();
        guarded(|| {
            check(problem, &replicas, &states, &class_counts)?;
            let groups = groups(&replicas, &states, stacks, most_together(device, problem));
            let widest = groups.iter().map(Vec::len).max().unwrap_or(0);
            let resident = Resident::new(device, problem, widest, rows)?;
            let length = resident.graph.parameters();
            let averaged = resident.graph.averaged();
            if let Some(place) = states.iter().position(|state| state.averages.len() != averaged) {
                return Err(TrainError::Device(format!(
                    "the state of replica {place} holds {} running averages, the network has {averaged}: the checkpoint is \
                     of another network",
                    states[place].averages.len()
                )));
            }
            if let Some(place) = states.iter().position(|state| !fits(state, length)) {
                return Err(TrainError::Device(format!(
                    "the state of replica {place} holds {} parameters, the network has {length}: the checkpoint is of \
                     another network",
                    states[place].parameters.len()
                )));
            }
            let stack = |members: &Vec<usize>| Stack::new(&resident, members, &replicas, &states, &class_counts);
            let stacks = groups.iter().map(stack).collect();
            Ok(BurnEngine { resident, states, class_counts, stacks })
        })
    }

    /// Writes what a stack did into the states.
    fn commit(&mut self, progress: Progress) {
        for (member, epoch, vectors) in progress.departed {
            let state = &mut self.states[member];
            state.diverged = Some(epoch);
            (state.epoch, state.step) = (epoch, 0);
            state.parameters = vectors.parameters;
            state.first_moment = vectors.first_moment;
            state.second_moment = vectors.second_moment;
            state.averages = vectors.averages;
        }
        for rows in progress.measured {
            for (place, (member, finite)) in rows.finite().enumerate() {
                if finite {
                    let state = &mut self.states[member];
                    rows.write(&self.resident.problem, place, &self.class_counts[member], &mut state.record);
                }
            }
        }
    }
}

impl Engine for BurnEngine {
    fn advance_to(&mut self, until: Position) -> Result<(), TrainError> {
        let until = until.min(Position::at_epoch(self.resident.problem.epochs + 1));
        let resident = &self.resident;
        let run = |stack: &Stack| {
            guarded(|| {
                let mut stack = stack.clone();
                let progress = stack.advance(resident, until)?;
                Ok((stack, progress))
            })
        };
        let done: Result<Vec<(Stack, Progress)>, TrainError> = if on_flex(&resident.device) && self.stacks.len() > 1 {
            self.stacks.par_iter().map(run).collect()
        } else {
            self.stacks.iter().map(run).collect()
        };
        let done = done.map_err(|error| failure::told_apart(error, &self.resident.device))?;
        self.stacks.clear();
        for (stack, progress) in done {
            self.commit(progress);
            if !stack.members().is_empty() {
                self.stacks.push(stack);
            }
        }
        Ok(())
    }

    fn states(&mut self) -> Result<Vec<ReplicaState>, TrainError> {
        let vectors = guarded(|| self.stacks.iter().map(Stack::vectors).collect::<Result<Vec<_>, _>>())
            .map_err(|error| failure::told_apart(error, &self.resident.device))?;
        for (stack, vectors) in self.stacks.iter().zip(vectors) {
            for (&member, vectors) in stack.members().iter().zip(vectors) {
                let state = &mut self.states[member];
                (state.epoch, state.step) = (stack.at().epoch, stack.at().step);
                state.parameters = vectors.parameters;
                state.first_moment = vectors.first_moment;
                state.second_moment = vectors.second_moment;
                state.averages = vectors.averages;
            }
        }
        Ok(self.states.clone())
    }

    fn describe(&self) -> String {
        let device = shown(&self.resident.device);
        format!("burn on {device}, {} stack(s)", self.stacks.len())
    }
}

/// Stacks to cut a group of replicas into.
fn stacks_for(device: &Device) -> usize {
    if on_flex(device) { rayon::current_num_threads() } else { 1 }
}

/// How replicas at one position are cut into stacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// Into at most so many nearly equal parts.
    Into(usize),
    /// Each by itself.
    Single,
}

/// Whether flex trains a replica of the network faster by itself: convolutions in groups cost several times undivided ones
/// there; and full batches that are not cut into tiles, because of batch normalisation, leave the cache sooner side by side.
fn is_faster_alone(graph: &Graph, batch: Batch) -> bool {
    let convolves = graph.nodes().iter().any(|node| matches!(node.op, Op::Convolution(_)));
    convolves || (graph.averaged() > 0 && batch == Batch::Full)
}

/// Replicas whose weights, which are one tensor, the device's driver takes; a network that cannot be built is refused elsewhere.
fn most_together(device: &Device, problem: &Problem) -> usize {
    let length = problem.graph().map_or(1, |graph| graph.parameters().max(1));
    let numbers = largest_tensor(device).and_then(|bytes| usize::try_from(bytes / 4).ok());
    numbers.map_or(usize::MAX, |numbers| (numbers / length).max(1))
}

/// Live replicas at the same position whose steps take as many gradients, each group cut into stacks of at most so many.
fn groups(replicas: &[Replica], states: &[ReplicaState], cut: Cut, most: usize) -> Vec<Vec<usize>> {
    let mut together: BTreeMap<(Position, usize), Vec<usize>> = BTreeMap::new();
    for (place, (replica, state)) in replicas.iter().zip(states).enumerate() {
        if state.diverged.is_none() {
            let gradients = replica.optimiser.recipe.gradients_per_step();
            together.entry((state.position(), gradients)).or_default().push(place);
        }
    }
    let cut = |members: Vec<usize>| {
        let size = match cut {
            Cut::Into(stacks) => {
                let parts = stacks.min(members.len().div_ceil(LEAST_STACK)).max(1);
                members.len().div_ceil(parts).max(1)
            }
            Cut::Single => 1,
        };
        members.chunks(size.min(most)).map(<[usize]>::to_vec).collect::<Vec<_>>()
    };
    together.into_values().flat_map(cut).collect()
}

/// Kept samples of each class.
fn class_counts(problem: &Problem, replica: &Replica) -> Vec<usize> {
    let mut counts = vec![0; problem.block.classes];
    for (sample, &label) in problem.block.train.y.iter().enumerate() {
        if replica.kept.as_ref().is_none_or(|kept| kept.get(sample) == Some(&true)) {
            counts[usize::from(label)] += 1;
        }
    }
    counts
}

/// Whether a state's vectors are of a network with so many parameters.
fn fits(state: &ReplicaState, length: usize) -> bool {
    let moment = |moment: &[f32]| moment.is_empty() || moment.len() == length;
    state.parameters.len() == length && moment(&state.first_moment) && moment(&state.second_moment)
}

/// Whether the parts of a cohort belong together.
fn check(
    problem: &Problem,
    replicas: &[Replica],
    states: &[ReplicaState],
    class_counts: &[Vec<usize>],
) -> Result<(), TrainError> {
    let samples = problem.block.train.len();
    if replicas.len() != states.len() {
        return Err(TrainError::Device(format!("{} replicas came with {} states", replicas.len(), states.len())));
    }
    for (place, replica) in replicas.iter().enumerate() {
        let kept = replica.kept.as_ref().map_or(samples, |kept| kept.len());
        if kept != samples {
            let message = format!("replica {place} says of {kept} samples whether they are kept; there are {samples}");
            return Err(TrainError::Device(message));
        }
        if class_counts[place].iter().sum::<usize>() == 0 {
            return Err(TrainError::Device(format!("replica {place} has no training sample left")));
        }
    }
    Ok(())
}
