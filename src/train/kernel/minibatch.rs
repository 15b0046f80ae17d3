//! A pass in minibatches. Each replica has an order of its own, so a group is one replica.

use super::batch::{InputRows, SampleRows};
use super::first::{Gradient, Source};
use super::group::Cohort;
use super::head::{LossGradient, Totals, Weights};
use super::net::Net;
use super::pass::{backward, forward};
use super::simd::Lane;
use super::update::{Numbers, Step};
use crate::train::Replica;
use crate::train::init::epoch_order;

/// A tile's inputs.
enum Tile<'a> {
    /// Row by row.
    Dense(Vec<f32>),
    /// Those of the block, and the tile's turned around.
    Sparse(&'a SampleRows, InputRows),
}

/// One replica's batches.
pub(super) struct Minibatch<'a> {
    cohort: &'a Cohort,
    replica: &'a Replica,
    /// Number of samples trained on.
    kept: usize,
    size: usize,
    inputs: Tile<'a>,
    labels: Vec<u16>,
}

impl<'a> Minibatch<'a> {
    /// Batches of `size` from the kept samples.
    pub(super) fn new<const MR: usize>(cohort: &'a Cohort, replica: &'a Replica, size: usize) -> Minibatch<'a> {
        let samples = cohort.problem.block.train.len();
        let kept = replica.kept.as_ref().map_or(samples, |kept| kept.iter().filter(|&&kept| kept).count());
        let inputs = match &cohort.inputs.rows {
            Some(rows) => Tile::Sparse(rows, InputRows::default()),
            // The last group of inputs may read beyond the last row.
            None => Tile::Dense(vec![0.0; cohort.tile * cohort.problem.block.inputs() + MR]),
        };
        Minibatch { cohort, replica, kept, size, inputs, labels: Vec::new() }
    }

    /// Takes the steps of one pass.
    #[inline(always)]
    pub(super) fn pass<V: Lane, const MR: usize>(&mut self, net: &mut Net, epoch: usize) {
        let Cohort { problem, inputs: prepared, .. } = self.cohort;
        let (block, inputs) = (&problem.block, problem.block.inputs());
        let shift = prepared.rows.as_ref().and(prepared.shift.as_deref());
        let mut order = epoch_order(self.replica.seed, epoch, block.train.len());
        if let Some(kept) = &self.replica.kept {
            order.retain(|&sample| kept[sample as usize]);
        }
        let steps = self.kept.div_ceil(self.size) as u64;
        for (number, batch) in order.chunks(self.size).enumerate() {
            let scale = [1.0 / batch.len() as f32];
            net.clear();
            net.fold(shift);
            for (at, tile) in batch.chunks(net.tile).enumerate() {
                self.labels.clear();
                self.labels.extend(tile.iter().map(|&sample| block.train.y[sample as usize]));
                let source = match &mut self.inputs {
                    Tile::Dense(x) => {
                        for (row, &sample) in x.chunks_exact_mut(inputs).zip(tile) {
                            row.copy_from_slice(&block.train.x[sample as usize * inputs..][..inputs]);
                        }
                        Source::Gathered(x)
                    }
                    Tile::Sparse(rows, turned) => {
                        turned.fill(rows, tile, inputs);
                        Source::Sparse(rows, tile)
                    }
                };
                forward::<V, 1>(net, problem.activation, source, tile.len().div_ceil(MR));
                let Some(output) = net.layers.last_mut() else { return };
                let mut totals = Totals::zeros(1);
                V::enter::<_, 1>(LossGradient {
                    output,
                    kind: problem.loss,
                    labels: &self.labels,
                    weights: Weights::All,
                    scale: &scale,
                    totals: &mut totals,
                    missed: None,
                });
                let gradient = match &self.inputs {
                    Tile::Dense(x) => Gradient::Gathered(x),
                    Tile::Sparse(_, turned) => Gradient::Sparse(turned),
                };
                backward::<V, 1>(net, problem.activation, gradient, tile.len(), at == 0);
            }
            net.complete(shift);
            let t = epoch as u64 * steps + number as u64 + 1;
            let numbers = Numbers::of(std::iter::once(&self.replica.optimiser), t);
            V::enter::<_, 1>(Step { net, kind: problem.optimiser, numbers: &numbers });
        }
    }
}
