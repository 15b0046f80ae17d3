//! A pass in minibatches. Each replica has an order of its own, so a group is one replica.

use super::group::Cohort;
use super::head::{LossGradient, Totals, Weights};
use super::net::Net;
use super::pass::{Gradient, Source, backward, forward};
use super::simd::Lane;
use super::update::{Numbers, Step};
use crate::train::Replica;
use crate::train::init::epoch_order;

/// One replica's batches.
pub(super) struct Minibatch<'a> {
    cohort: &'a Cohort,
    replica: &'a Replica,
    /// Number of samples trained on.
    kept: usize,
    size: usize,
    /// A tile's inputs, row by row.
    rows: Vec<f32>,
    labels: Vec<u16>,
}

impl<'a> Minibatch<'a> {
    /// Batches of `size` from the kept samples.
    pub(super) fn new<const MR: usize>(cohort: &'a Cohort, replica: &'a Replica, size: usize) -> Minibatch<'a> {
        let samples = cohort.problem.block.train.len();
        let kept = replica.kept.as_ref().map_or(samples, |kept| kept.iter().filter(|&&kept| kept).count());
        // The last group of inputs may read beyond the last row.
        let rows = vec![0.0; cohort.tile * cohort.problem.block.inputs() + MR];
        Minibatch { cohort, replica, kept, size, rows, labels: Vec::new() }
    }

    /// Takes the steps of one pass.
    #[inline(always)]
    pub(super) fn pass<V: Lane, const MR: usize, const R: usize>(&mut self, net: &mut Net, epoch: usize) {
        let problem = &self.cohort.problem;
        let inputs = problem.block.inputs();
        let mut order = epoch_order(self.replica.seed, epoch, problem.block.train.len());
        if let Some(kept) = &self.replica.kept {
            order.retain(|&sample| kept[sample as usize]);
        }
        let steps = self.kept.div_ceil(self.size) as u64;
        for (number, batch) in order.chunks(self.size).enumerate() {
            let scale = [1.0 / batch.len() as f32; R];
            net.clear();
            net.fold(None);
            for tile in batch.chunks(net.tile) {
                self.labels.clear();
                for (row, &sample) in self.rows.chunks_exact_mut(inputs).zip(tile) {
                    let sample = sample as usize;
                    row.copy_from_slice(&problem.block.train.x[sample * inputs..(sample + 1) * inputs]);
                    self.labels.push(problem.block.train.y[sample]);
                }
                forward::<V, R>(net, problem.activation, Source::Gathered(&self.rows), tile.len().div_ceil(MR));
                let Some(output) = net.layers.last_mut() else { return };
                let mut totals = Totals::zeros(R);
                V::enter::<_, R>(LossGradient {
                    output,
                    kind: problem.loss,
                    labels: &self.labels,
                    weights: Weights::All,
                    scale: &scale,
                    totals: &mut totals,
                    missed: None,
                });
                backward::<V, R>(net, problem.activation, Gradient::Gathered(&self.rows), tile.len());
            }
            net.complete(None);
            let t = epoch as u64 * steps + number as u64 + 1;
            let numbers = Numbers::of(std::iter::once(&self.replica.optimiser), t);
            V::enter::<_, R>(Step { net, kind: problem.optimiser, numbers: &numbers });
        }
    }
}
