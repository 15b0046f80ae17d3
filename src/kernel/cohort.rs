//! What the groups of a cohort share, and a replica as a member of its group.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::convolution::{Images, Which};
use super::first::Source;
use super::inputs::{Inputs, Set, TestSet};
use super::predictions::Predictions;
use super::simd::Isa;
use crate::problem::{Batch, Position, Problem, Replica, State};

/// Samples that a replica trains on.
pub(super) fn kept(replica: &Replica, samples: usize) -> usize {
    replica.kept.as_ref().map_or(samples, |kept| kept.iter().filter(|&&kept| kept).count())
}

/// What all groups of a cohort share.
pub(super) struct Cohort {
    pub(super) problem: Problem,
    pub(super) inputs: Arc<Inputs>,
    /// One for each noisy test set; its samples lie in `problem.noisy`.
    pub(super) noisy: Vec<TestSet>,
    pub(super) pairs: Vec<(usize, usize)>,
    pub(super) tile: usize,
    pub(super) isa: Isa,
    /// Replicas in a group at most.
    pub(super) group: usize,
    /// Whether test samples are left out whose predictions cannot have changed.
    pub(super) reuse_predictions: bool,
    /// Test samples that were asked for, and those of them that were computed: of each replica.
    pub(super) evaluated: [AtomicU64; 2],
}

impl Cohort {
    /// Whether every replica has the samples laid out for itself, as images are.
    pub(super) fn spreads(&self) -> bool {
        self.problem.network.spreads()
    }

    /// A replica that is to join a group.
    pub(super) fn member<'a>(
        &self,
        replica: &'a Replica,
        state: &'a mut State,
        predictions: &'a mut Predictions,
    ) -> Member<'a> {
        let samples = match self.problem.batch {
            Batch::Full => 0,
            Batch::Mini { .. } => kept(replica, self.problem.block.train.len()),
        };
        Member { replica, state, predictions, samples }
    }

    /// A tile of a set as the first layer takes it; `x` is the memory that the set was made from.
    pub(super) fn source<'a>(&self, set: &'a Set, x: &'a [f32], tile: usize) -> Source<'a> {
        if self.spreads() {
            return Source::Images(Images { x, which: Which::From(tile * self.tile) });
        }
        Source::Set { set, x, tile }
    }

    /// What a replica knows of the test samples at first.
    pub(super) fn predictions(&self) -> Predictions {
        let sets = std::iter::once(&self.inputs.test).chain(&self.noisy);
        Predictions::none(sets.map(|test| test.labels.len()), self.reuse_predictions)
    }
}

/// A replica in its group.
pub(super) struct Member<'a> {
    pub(super) replica: &'a Replica,
    pub(super) state: &'a mut State,
    /// What it knows of the test samples.
    pub(super) predictions: &'a mut Predictions,
    /// Samples of a pass in minibatches.
    pub(super) samples: usize,
}

impl Member<'_> {
    /// The same member, for a shorter time.
    pub(super) fn reborrow(&mut self) -> Member<'_> {
        Member { replica: self.replica, state: self.state, predictions: self.predictions, samples: self.samples }
    }

    /// What the members of a group have in common: their position, in minibatches the number of samples of a pass, and the
    /// number of gradients that a step takes.
    pub(super) fn together(&self) -> (Position, usize, usize) {
        (self.state.position(), self.samples, self.replica.recipe.gradients_per_step())
    }
}
