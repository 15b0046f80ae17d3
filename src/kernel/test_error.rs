//! The test errors of a group: the samples whose predictions may have changed ([`reuse`]) are evaluated, or all of them.
//!
//! Invariant: the errors are those of evaluating every sample, to the last one.
//!
//! [`reuse`]: super::reuse

use std::sync::atomic::Ordering;

use super::cohort::{Cohort, Member};
use super::drift::{Drift, Measure};
use super::first::Source;
use super::inputs::TestSet;
use super::net::Net;
use super::pass::forward;
use super::reuse::{AddUncertain, Predict, Uncertain};
use super::simd::Lane;
use super::weights::Moments;

/// Share of uncertain test samples above which all are evaluated: one by one, a sample takes a third longer.
const ALL_ABOVE: f64 = 0.7;

/// Rows of dense inputs that are gathered at a time: whole groups for every instruction set, and few enough to stay in the
/// second cache until the product reads them.
const GATHERED: usize = 60;

/// What a group keeps from one measurement of its test errors to the next.
pub(super) struct TestErrors {
    /// How far outputs may have moved; `None` where predictions are not reused.
    drift: Option<Drift>,
    /// Samples that are uncertain for any live member.
    uncertain: Vec<u32>,
    /// Room for the inputs of a tile.
    gathered: Vec<f32>,
}

/// A group with its net, borrowed for one measurement.
pub(super) struct GroupView<'a, 'b> {
    pub(super) cohort: &'a Cohort,
    pub(super) members: &'a mut [Member<'b>],
    pub(super) net: &'a mut Net,
    /// Whether each member still trains.
    pub(super) live: &'a [bool],
}

/// One of the test sets, with its number.
#[derive(Clone, Copy)]
struct NumberedSet<'a> {
    number: usize,
    test: &'a TestSet,
    /// The memory that the set was made from.
    x: &'a [f32],
}

impl TestErrors {
    /// Starts with the net's weights as they are.
    pub(super) fn new(cohort: &Cohort, net: &Net) -> TestErrors {
        let drift = cohort.reuse_predictions.then(|| Drift::new(net, cohort.inputs.shift.as_deref()));
        TestErrors { drift, uncertain: Vec::new(), gathered: Vec::new() }
    }

    /// Notes how far the outputs can have moved since this was last called.
    #[inline(always)]
    pub(super) fn drifted<V: Lane, const R: usize>(&mut self, cohort: &Cohort, net: &Net, members: &mut [Member<'_>]) {
        let Some(drift) = &mut self.drift else { return };
        V::enter::<_, R>(Measure { drift, net, activation: cohort.problem.network.activation() });
        for (lane, member) in members.iter_mut().enumerate() {
            member.predictions.drifted(drift, lane);
        }
    }

    /// Measures the errors on every test set and writes them down, as of the recorded epoch `at`.
    #[inline(always)]
    pub(super) fn measure<V: Lane, const R: usize>(&mut self, mut group: GroupView<'_, '_>, at: usize) {
        let cohort = group.cohort;
        self.drifted::<V, R>(cohort, group.net, group.members);
        let epochs = cohort.problem.recorded.len();
        for (number, x) in cohort.problem.test_inputs().enumerate() {
            let test = if number == 0 { &cohort.inputs.test } else { &cohort.noisy[number - 1] };
            if number == 1 {
                // The noisy inputs have no background: from here on the plain bias.
                group.net.fold(None);
            }
            let (set, asked) = (NumberedSet { number, test, x }, test.labels.len());
            let all = !self.list_uncertain::<V>(&group, set) || self.uncertain.len() as f64 > ALL_ABOVE * asked as f64;
            let computed = if all { asked } else { self.uncertain.len() };
            for (evaluated, samples) in cohort.evaluated.iter().zip([asked, computed]) {
                evaluated.fetch_add((samples * R) as u64, Ordering::Relaxed);
            }
            match all {
                true => evaluate_all::<V, R>(&mut group, set),
                false => self.evaluate_uncertain::<V, R>(&mut group, set),
            }
            for (member, _) in group.members.iter_mut().zip(group.live).filter(|(_, live)| **live) {
                let error = (f64::from(member.predictions.wrong(number)) / asked as f64) as f32;
                match number {
                    0 => member.state.record.test_error[at] = error,
                    _ => member.state.record.noisy_error[(number - 1) * epochs + at] = error,
                }
            }
        }
    }

    /// Lists the samples that are uncertain for any live member; false where predictions are not reused.
    #[inline(always)]
    fn list_uncertain<V: Lane>(&mut self, group: &GroupView<'_, '_>, set: NumberedSet<'_>) -> bool {
        if self.drift.is_none() {
            return false;
        }
        let lengths = &set.test.lengths;
        let mut uncertain = Uncertain::none(lengths.len());
        for (member, _) in group.members.iter().zip(group.live).filter(|(_, live)| **live) {
            V::enter::<_, 1>(AddUncertain {
                predictions: member.predictions,
                set: set.number,
                lengths,
                uncertain: &mut uncertain,
            });
        }
        uncertain.list(&mut self.uncertain);
        true
    }

    /// Evaluates the uncertain samples for all members: their predictions then hold longer for those that were certain, too.
    #[inline(always)]
    fn evaluate_uncertain<V: Lane, const R: usize>(&mut self, group: &mut GroupView<'_, '_>, set: NumberedSet<'_>) {
        let width = group.cohort.problem.block.inputs();
        let room = match set.test.rows {
            Some(_) => group.net.tile,
            None => group.net.tile.min(GATHERED),
        };
        for tile in self.uncertain.chunks(room) {
            let source = match &set.test.rows {
                Some(rows) => Source::Sparse(rows, tile),
                None => {
                    self.gathered.resize(group.net.tile * width, 0.0);
                    for (row, &sample) in self.gathered.chunks_exact_mut(width).zip(tile) {
                        row.copy_from_slice(&set.x[sample as usize * width..][..width]);
                    }
                    Source::Gathered(set.test.set.gathered(&self.gathered))
                }
            };
            evaluate::<V, R>(group, set, source, tile);
        }
    }
}

/// Evaluates all samples of a test set for all members.
#[inline(always)]
fn evaluate_all<V: Lane, const R: usize>(group: &mut GroupView<'_, '_>, set: NumberedSet<'_>) {
    for (number, tile) in set.test.set.order.chunks(group.net.tile).enumerate() {
        let source = group.cohort.source(&set.test.set, set.x, number);
        evaluate::<V, R>(group, set, source, tile);
    }
}

/// Evaluates a tile's samples, which come from `source`.
#[inline(always)]
fn evaluate<V: Lane, const R: usize>(
    group: &mut GroupView<'_, '_>,
    set: NumberedSet<'_>,
    source: Source<'_>,
    tile: &[u32],
) {
    forward::<V, R>(group.net, group.cohort.problem.network.activation(), source, tile.len(), Moments::Running);
    let (Some(output), members) = (group.net.outputs(), &mut *group.members) else { return };
    let TestSet { lengths, labels, .. } = set.test;
    V::enter::<_, R>(Predict { members, set: set.number, lengths, labels, tile, output });
}
