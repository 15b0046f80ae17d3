//! A pass in minibatches. Each replica has an order of its own: a group of a fully connected network is one replica, one
//! of a convolutional network takes as many samples side by side as it has replicas.

use std::ops::Range;

use super::batch::SampleRows;
use super::cohort::{Cohort, kept};
use super::convolution::{Images, Which};
use super::first::{Gradient, Source};
use super::gathered::Gathered;
use super::gradient::Ascent;
use super::head::OwnLossGradient;
use super::net::Net;
use super::pass::{backward, forward};
use super::simd::Lane;
use super::update;
use super::weights::{Moments, Weights};
use crate::problem::Replica;
use phasesweep_optimisers::Moment;

/// A tile's inputs.
enum Tile<'a> {
    /// Row by row.
    Dense(Vec<f32>),
    /// Those of the block.
    Sparse(&'a SampleRows),
    /// As they lie in the block.
    Images,
}

/// A group's batches.
pub(super) struct Minibatch<'a> {
    cohort: &'a Cohort,
    replicas: Vec<&'a Replica>,
    /// Number of samples trained on, the same for all.
    kept: usize,
    size: usize,
    inputs: Tile<'a>,
    /// Samples of a tile, `[sample, replica]`.
    samples: Vec<u32>,
    /// Their classes.
    labels: Vec<f32>,
    /// Room for the weights, once a step was taken along a gradient uphill.
    ascent: Option<Ascent>,
}

impl<'a> Minibatch<'a> {
    /// Batches of `size` from the kept samples, of which all replicas have as many.
    pub(super) fn new<const MR: usize>(cohort: &'a Cohort, replicas: Vec<&'a Replica>, size: usize) -> Minibatch<'a> {
        let samples = cohort.problem.block.train.len();
        let count = replicas.first().map_or(0, |replica| kept(replica, samples));
        assert!(replicas.iter().all(|replica| kept(replica, samples) == count), "a group takes its steps together");
        let inputs = match &cohort.inputs.rows {
            _ if cohort.spreads() => Tile::Images,
            Some(rows) => Tile::Sparse(rows),
            // The last group of inputs may read beyond the last row.
            None => Tile::Dense(vec![0.0; cohort.tile * cohort.problem.block.inputs() + MR]),
        };
        Minibatch { cohort, replicas, kept: count, size, inputs, samples: Vec::new(), labels: Vec::new(), ascent: None }
    }

    /// Each replica's samples in the order of an epoch.
    fn orders(&self, epoch: usize) -> Vec<Vec<u32>> {
        let samples = self.cohort.problem.block.train.len();
        let order = |replica: &&Replica| {
            let mut order = (self.cohort.problem.order)(replica.seed, epoch, samples);
            if let Some(kept) = &replica.kept {
                order.retain(|&sample| kept[sample as usize]);
            }
            order
        };
        self.replicas.iter().map(order).collect()
    }

    /// Takes these steps of one pass, counted from 0; there may be fewer.
    #[inline(always)]
    pub(super) fn pass<V: Lane, const R: usize>(&mut self, net: &mut Net, epoch: usize, numbers: Range<usize>) {
        let problem = &self.cohort.problem;
        let orders = self.orders(epoch);
        let steps = self.kept.div_ceil(self.size);
        let climbs = self.replicas.iter().any(|replica| replica.recipe.sam_radius.is_some());
        for number in numbers.start..numbers.end.min(steps) {
            let batch = number * self.size..self.kept.min((number + 1) * self.size);
            self.gradient::<V, R>(net, &orders, batch.clone());
            // By the batch at the weights themselves, once a step.
            net.move_averages();
            if climbs {
                let mut ascent = self.ascent.take().unwrap_or_else(|| Ascent::new(net));
                ascent.climb::<V, R>(net, self.replicas.iter().map(|replica| &replica.recipe));
                self.gradient::<V, R>(net, &orders, batch);
                ascent.descend(net);
                self.ascent = Some(ascent);
            }
            let (step, per_epoch) = ((epoch * steps + number) as u64, steps as u64);
            let at = Moment { step, per_epoch, epochs: problem.epochs as u64 };
            update::step::<V, R>(net, problem.rule, self.replicas.iter().copied(), &at);
        }
    }

    /// The gradient of a batch's mean loss: that of the places `batch` of each replica's order.
    #[inline(always)]
    fn gradient<V: Lane, const R: usize>(&mut self, net: &mut Net, orders: &[Vec<u32>], batch: Range<usize>) {
        let Cohort { problem, inputs: prepared, .. } = self.cohort;
        let (block, inputs) = (&problem.block, problem.block.inputs());
        let shift = prepared.rows.as_ref().and(prepared.shift.as_deref());
        let scale = 1.0 / batch.len() as f32;
        net.clear();
        net.fold(shift);
        for first in batch.clone().step_by(net.tile) {
            let valid = net.tile.min(batch.end - first);
            self.samples.clear();
            self.samples.extend((first..first + valid).flat_map(|at| orders.iter().map(move |order| order[at])));
            let tile = &self.samples;
            self.labels.clear();
            self.labels.extend(tile.iter().map(|&sample| f32::from(block.train.y[sample as usize])));
            let images = Images { x: &block.train.x, which: Which::Own(tile) };
            let source = match &mut self.inputs {
                Tile::Dense(x) => {
                    for (row, &sample) in x.chunks_exact_mut(inputs).zip(tile) {
                        row.copy_from_slice(&block.train.x[sample as usize * inputs..][..inputs]);
                    }
                    Source::Gathered(Gathered { x, rows: None, block: inputs })
                }
                Tile::Sparse(rows) => Source::Sparse(rows, tile),
                Tile::Images => Source::Images(images),
            };
            forward::<V, R>(net, problem.network.activation(), source, valid, Moments::Step(Weights::All));
            let Some(output) = net.outputs_mut() else { return };
            let (kind, labels) = (problem.loss, &self.labels);
            V::enter::<_, R>(OwnLossGradient { output, kind, labels, scale });
            let gradient = match &self.inputs {
                Tile::Dense(x) => Gradient::Gathered(x),
                Tile::Sparse(rows) => Gradient::Sparse(rows, tile),
                Tile::Images => Gradient::Images(images),
            };
            backward::<V, R>(net, problem.network.activation(), gradient, valid, first == batch.start);
        }
        net.complete(shift);
    }
}
