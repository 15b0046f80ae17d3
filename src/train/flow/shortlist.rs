//! Which samples a step has to look at: those that might pull.
//!
//! A hinge lets go of a sample whose margin is beyond some cut, and in the feature regime most margins soon are far beyond
//! it. A list remembers all margins at one point of the flow, and how much farther the network may be from there before
//! each of them could have come back to the cut: |F(x) − F'(x)| ≤ α B ‖(x, 1)‖ with B from the weights alone
//! ([`Field::apart`]), and rounding added to it. Samples are in the order of that distance, so that those to look at are
//! the first ones.
//!
//! Invariant: a sample that is not looked at pulls with exactly nothing. So lists change no number of a flow, and whether
//! there is one, and since when, is no part of its state.

// What is not a number shall fall on the side that looks again: `!(a > b)` says so, `a <= b` does not.
#![allow(clippy::neg_cmp_op_on_partial_ord)]

use super::field::{Field, Points};
use super::packed::Packed;
use super::real::Real;

/// A list made at some point of a flow.
pub(super) struct Shortlist<T> {
    /// The samples, nearest first.
    pub(super) order: Vec<usize>,
    /// Their inputs, in that order.
    pub(super) points: Points<T>,
    /// Place of each sample in the order; `usize::MAX` of those that are not in it.
    place: Vec<usize>,
    /// α B that each sample stands, ascending.
    stands: Vec<f64>,
    /// Margins beyond which samples are left alone.
    pub(super) cut: f64,
    there: Packed<T>,
    alpha: f64,
    /// Samples to look at from the beginning.
    first: usize,
    /// Samples looked at in the last evaluation; it never looks at fewer.
    looked: usize,
    evaluations: usize,
    /// Samples looked at beside the first ones, in all evaluations.
    beside: usize,
}

impl<T: Real> Shortlist<T> {
    /// Makes a list where the field was loaded, of the samples with these margins; `None` if the field has no bounds, or
    /// most samples would have to be looked at anyway.
    pub(super) fn new(
        field: &Field<T>,
        points: &Points<T>,
        kept: &[usize],
        margins: &[f64],
        alpha: f64,
        cut: f64,
    ) -> Option<Shortlist<T>> {
        let there = field.packed()?.clone();
        let stand = |&sample: &usize| {
            let length = points.row(sample).iter().map(|x| x.wide() * x.wide()).sum::<f64>() + 1.0;
            // A millionth less, for the rounding of all this.
            ((margins[sample] - cut) / length.sqrt() * (1.0 - 1e-6), sample)
        };
        let mut each: Vec<(f64, usize)> = kept.iter().map(stand).collect();
        if each.iter().filter(|(stands, _)| !(*stands > 0.0)).count() > kept.len() / 2 {
            return None;
        }
        each.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let (stands, order): (Vec<f64>, Vec<usize>) = each.into_iter().unzip();
        let mut place = vec![usize::MAX; points.len()];
        order.iter().enumerate().for_each(|(k, &sample)| place[sample] = k);
        let points = points.select(&order);
        let mut new = Shortlist {
            order,
            points,
            place,
            stands,
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

    /// Samples that might pull where the field is now.
    fn reach(&self, field: &Field<T>) -> usize {
        let [apart, size] = field.apart(&self.there);
        // Both networks' outputs are rounded; f' ≤ f + what they are apart.
        let rounding = field.rounding() * (2.0 * size + apart);
        let drift = self.alpha * (apart * (1.0 + 1e-4) + 2.0 * rounding);
        self.stands.partition_point(|&stands| !(stands > drift))
    }

    /// How many samples to look at where the field is now; `None` once looking at all of them and making a new list is
    /// the cheaper way.
    pub(super) fn look(&mut self, field: &Field<T>) -> Option<usize> {
        if self.beside >= self.order.len() - self.first {
            return None;
        }
        self.looked = self.reach(field).max(self.looked);
        self.beside += self.looked - self.first.min(self.looked);
        self.evaluations += 1;
        Some(self.looked)
    }

    /// Whether the list has saved more than it cost.
    pub(super) fn paid(&self) -> bool {
        self.evaluations > 4
    }

    /// Whether a sample is among the first so many.
    pub(super) fn among(&self, sample: usize, count: usize) -> bool {
        self.place[sample] < count
    }
}
