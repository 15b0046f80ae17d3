//! Which predictions on test samples the last steps cannot have changed, so that they are reused instead of evaluated.
//!
//! A sample is given the class of its greatest output. While that output leads all others by more than [`drift`] lets
//! any two of them have approached, the sample need not be evaluated again: its prediction holds. As training slows down,
//! most of them do.
//!
//! Invariant: the counts are those of computing every sample at every epoch, to the last one, rounding included. So they
//! do not depend on what was known when training was taken up.
//!
//! [`drift`]: super::drift

use super::cohort::Member;
use super::head::{differ, leading};
use super::predictions::Predictions;
use super::simd::{Lane, Task, get};
use super::values::Values;

/// Leads and sums of drifts are rounded: each is taken to be off by so much of itself.
const SLACK: f32 = 1.0 / 1_048_576.0;

/// The samples of a set whose predictions are uncertain, a bit each.
pub(super) struct Uncertain(Vec<u64>);

impl Uncertain {
    /// None of `samples`.
    pub(super) fn none(samples: usize) -> Uncertain {
        Uncertain(vec![0; samples.div_ceil(64)])
    }

    /// Writes their numbers to `to`, ascending.
    pub(super) fn list(&self, to: &mut Vec<u32>) {
        to.clear();
        for (at, &word) in (0u32..).zip(&self.0) {
            let mut left = word;
            while left != 0 {
                to.push(64 * at + left.trailing_zeros());
                left &= left - 1;
            }
        }
    }
}

/// Adds the samples of a set whose predictions may have changed for a replica.
pub(super) struct AddUncertain<'a> {
    pub(super) predictions: &'a Predictions,
    pub(super) set: usize,
    /// ‖x‖ of every sample.
    pub(super) lengths: &'a [f32],
    pub(super) uncertain: &'a mut Uncertain,
}

impl Task for AddUncertain<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let AddUncertain { predictions, set, lengths, uncertain } = self;
        let slope = V::splat(predictions.moved[0] as f32);
        let offset = V::splat(predictions.moved[1] as f32);
        let (off_slope, off_offset) = (V::splat(predictions.rounding[0]), V::splat(predictions.rounding[1]));
        let leads = predictions.sets[set].leads.chunks(V::LEN);
        for ((first, lengths), leads) in (0..).step_by(V::LEN).zip(lengths.chunks(V::LEN)).zip(leads) {
            let length = get::<V>(lengths);
            let moved = slope.fma(length, offset).mul(V::splat(1.0 + SLACK));
            let reach = off_slope.fma(length, moved.add(off_offset));
            // NaN is not greater than anything.
            let sure = V::bits(get::<V>(leads).gt(reach));
            let unsure = !u64::from(sure) & ((1 << lengths.len()) - 1);
            uncertain.0[first / 64] |= unsure << (first % 64);
        }
    }
}

/// Predicts the classes of a tile's samples, for every member of a group.
pub(super) struct Predict<'a, 'b> {
    pub(super) members: &'a mut [Member<'b>],
    pub(super) set: usize,
    /// ‖x‖ and class of every sample of the set.
    pub(super) lengths: &'a [f32],
    pub(super) labels: &'a [u16],
    /// The tile's samples.
    pub(super) tile: &'a [u32],
    /// The outputs.
    pub(super) output: Values<'a>,
}

impl Task for Predict<'_, '_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let Predict { members, set, lengths, labels, tile, output } = self;
        let mut bounds = [[0f32; 16]; 4];
        for (lane, member) in members.iter().enumerate() {
            let Predictions { moved, rounding, .. } = &*member.predictions;
            for (to, bound) in bounds.iter_mut().zip([moved[0] as f32, moved[1] as f32, rounding[0], rounding[1]]) {
                to[lane] = bound;
            }
        }
        let (slope, offset) = (V::pattern::<R>(&bounds[0]), V::pattern::<R>(&bounds[1]));
        let (off_slope, off_offset) = (V::pattern::<R>(&bounds[2]), V::pattern::<R>(&bounds[3]));
        let mut leads = [0f32; 16];
        for (row, &sample) in output.out.chunks_exact(output.stride).zip(tile) {
            let sample = sample as usize;
            let (class, lead) = leading::<V, R>(row, output.units);
            let missed = V::bits(differ(class, V::splat(f32::from(labels[sample]))).gt(V::splat(0.0)));
            let length = V::splat(lengths[sample]);
            let moved = slope.fma(length, offset);
            let slack = moved.add(lead).mul(V::splat(SLACK));
            lead.sub(off_slope.fma(length, off_offset)).add(moved).sub(slack).store(&mut leads);
            for (lane, member) in members.iter_mut().enumerate() {
                member.predictions.record(set, sample, missed >> lane & 1 == 1, leads[lane]);
            }
        }
    }
}
