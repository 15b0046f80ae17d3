//! The active set: the samples that a step has to evaluate, because the slope of their loss may differ from zero.
//!
//! The slope of a hinge loss is zero for a sample whose margin is beyond a cut, and in the feature regime most margins soon
//! are far beyond it. An active set remembers all margins at one point of the flow, and how much farther the network may be from there before
//! each of them could have come back to the cut: |F(x) − F'(x)| ≤ α B ‖(x, 1)‖ with B from the weights alone
//! ([`Field::apart`]), and rounding added to it. Samples are in the order of that distance, so that those to evaluate are
//! the first ones. (Such rules are known as safe screening: El Ghaoui, Viallon and Rabbani 2012.)
//!
//! Invariant: the gradient of a sample that is not evaluated is exactly zero. So active sets change no number of a flow, and
//! whether there is one, and since when, is no part of its state.

// NaN must take the conservative branch, which evaluates every sample: `!(a > b)` is true for NaN, `a <= b` is false.
#![allow(clippy::neg_cmp_op_on_partial_ord)]

use super::field::{Field, Points};
use super::packed::Packed;
use phasesweep_passes::Real;

/// An active set, made at some point of a flow.
pub(super) struct ActiveSet<T> {
    /// The samples, nearest first.
    pub(super) order: Vec<usize>,
    /// Their inputs, in that order.
    pub(super) points: Points<T>,
    /// Place of each sample in the order; `usize::MAX` of those that are not in it.
    place: Vec<usize>,
    /// The greatest α B at which each sample is still beyond the cut, ascending.
    slack: Vec<f64>,
    /// The margin beyond which the slope of the loss counts as zero.
    pub(super) cut: f64,
    there: Packed<T>,
    alpha: f64,
    /// Samples that had to be evaluated when the set was made.
    first: usize,
    /// Samples evaluated last time; the next time evaluates no fewer.
    looked: usize,
    evaluations: usize,
    /// Samples evaluated beside the first ones, summed over all evaluations.
    beside: usize,
}

impl<T: Real> ActiveSet<T> {
    /// Makes a set where the field was loaded, of the samples with these margins; `None` if the field has no bounds, or
    /// most samples would have to be evaluated anyway.
    pub(super) fn new(
        field: &Field<T>,
        points: &Points<T>,
        kept: &[usize],
        margins: &[f64],
        alpha: f64,
        cut: f64,
    ) -> Option<ActiveSet<T>> {
        let there = field.packed()?.clone();
        let slack = |&sample: &usize| {
            let length = points.row(sample).iter().map(|x| x.wide() * x.wide()).sum::<f64>() + 1.0;
            // A millionth less, for the rounding of all this.
            ((margins[sample] - cut) / length.sqrt() * (1.0 - 1e-6), sample)
        };
        let mut each: Vec<(f64, usize)> = kept.iter().map(slack).collect();
        if each.iter().filter(|(slack, _)| !(*slack > 0.0)).count() > kept.len() / 2 {
            return None;
        }
        each.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let (slack, order): (Vec<f64>, Vec<usize>) = each.into_iter().unzip();
        let mut place = vec![usize::MAX; points.len()];
        order.iter().enumerate().for_each(|(k, &sample)| place[sample] = k);
        let points = points.select(&order);
        let mut new = ActiveSet {
            order,
            points,
            place,
            slack,
            cut,
            there,
            alpha,
            first: 0,
            looked: 0,
            evaluations: 0,
            beside: 0,
        };
        new.first = new.reach(field);
        Some(new)
    }

    /// How many samples may have a slope where the field is now.
    fn reach(&self, field: &Field<T>) -> usize {
        let [apart, size] = field.apart(&self.there);
        // Both networks' outputs are rounded; f' ≤ f + what they are apart.
        let rounding = field.rounding() * (2.0 * size + apart);
        let drift = self.alpha * (apart * (1.0 + 1e-4) + 2.0 * rounding);
        self.slack.partition_point(|&slack| !(slack > drift))
    }

    /// How many samples to evaluate where the field is now; `None` once evaluating all of them and making a new set is
    /// cheaper.
    pub(super) fn look(&mut self, field: &Field<T>) -> Option<usize> {
        if self.beside >= self.order.len() - self.first {
            return None;
        }
        self.looked = self.reach(field).max(self.looked);
        self.beside += self.looked - self.first.min(self.looked);
        self.evaluations += 1;
        Some(self.looked)
    }

    /// Whether the set has saved more than it cost.
    pub(super) fn paid(&self) -> bool {
        self.evaluations > 4
    }

    /// Whether a sample is among the first `count`.
    pub(super) fn among(&self, sample: usize, count: usize) -> bool {
        self.place[sample] < count
    }
}
