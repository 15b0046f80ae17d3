//! What is read off a tile once it is forward: loss, misclassified samples, class centres; and the loss's gradient.
//!
//! Sums run over the samples of a tile in order, in f32, and over the tiles in f64.

use super::function::{exp, ln_1p};
use super::net::Net;
use super::simd::{Buffer, Lane, Task};
use super::values::Outputs;
use super::weights::Weights;
use crate::problem::Loss;

/// Sums over the kept samples, one for each replica.
#[derive(Debug, Clone)]
pub(super) struct Totals {
    /// Loss.
    pub(super) loss: Vec<f64>,
    /// Misclassified samples.
    pub(super) wrong: Vec<f64>,
}

impl Totals {
    /// Sums of nothing.
    pub(super) fn zeros(replicas: usize) -> Totals {
        Totals { loss: vec![0.0; replicas], wrong: vec![0.0; replicas] }
    }

    /// Marks the replicas whose loss is not finite.
    pub(super) fn mark_broken(&self, broken: &mut [bool]) {
        broken.iter_mut().zip(&self.loss).for_each(|(broken, loss)| *broken |= !loss.is_finite());
    }

    #[inline(always)]
    fn add<V: Lane>(total: &mut [f64], tile: V) {
        let mut lanes = [0f32; 16];
        tile.store(&mut lanes);
        for (total, &tile) in total.iter_mut().zip(&lanes) {
            *total += f64::from(tile);
        }
    }
}

/// Number of the greatest output, the first among equals, and that output.
#[inline(always)]
fn greatest<V: Lane, const R: usize>(outputs: &[f32], classes: usize) -> (V, V) {
    let mut best = V::pattern::<R>(outputs);
    let mut at = V::splat(0.0);
    for class in 1..classes {
        let output = V::pattern::<R>(&outputs[class * R..]);
        let more = output.gt(best);
        best = V::select(more, output, best);
        at = V::select(more, V::splat(class as f32), at);
    }
    (at, best)
}

/// Number of the greatest output, the first among equals, and its lead over all others; NaN if any output is not finite.
#[inline(always)]
pub(super) fn leading<V: Lane, const R: usize>(outputs: &[f32], classes: usize) -> (V, V) {
    let mut best = V::pattern::<R>(outputs);
    let mut next = V::splat(f32::NEG_INFINITY);
    let (mut at, mut finite) = (V::splat(0.0), best.mul(V::splat(0.0)));
    for class in 1..classes {
        let output = V::pattern::<R>(&outputs[class * R..]);
        let more = output.gt(best);
        next = V::select(more, best, next.max(output));
        best = V::select(more, output, best);
        at = V::select(more, V::splat(class as f32), at);
        finite = output.fma(V::splat(0.0), finite);
    }
    (at, best.sub(next).add(finite))
}

/// 1 where two class numbers differ, else 0.
#[inline(always)]
pub(super) fn differ<V: Lane>(a: V, b: V) -> V {
    let (zero, one) = (V::splat(0.0), V::splat(1.0));
    V::select(a.sub(b).abs().gt(zero), one, zero)
}

/// Replaces outputs f by exp(f − max), given the greatest one's number and value. Returns their sum without the greatest,
/// whose term is exactly 1: small losses keep their digits.
#[inline(always)]
fn powers<V: Lane, const R: usize>(row: &mut [f32], classes: usize, guess: V, best: V) -> V {
    let mut rest = V::splat(0.0);
    for class in 0..classes {
        let power = exp(V::pattern::<R>(&row[class * R..]).sub(best));
        let greatest = differ(guess, V::splat(class as f32));
        rest = greatest.mul(power).add(rest);
        power.store_head::<R>(&mut row[class * R..]);
    }
    rest
}

/// Adds a tile's loss and misclassified samples, and replaces the outputs by the gradient of Σ loss · `scale`.
pub(super) struct LossGradient<'a> {
    /// The outputs.
    pub(super) output: Outputs<'a>,
    /// What is minimised.
    pub(super) kind: Loss,
    /// The tile's classes.
    pub(super) labels: &'a [u16],
    /// Which samples count.
    pub(super) weights: Weights<'a>,
    /// One over the number of samples, for each replica.
    pub(super) scale: &'a [f32],
    /// The sums so far.
    pub(super) totals: &'a mut Totals,
    /// Is told (row, replica) of every misclassified sample, kept or not.
    pub(super) missed: Option<&'a mut dyn FnMut(usize, usize)>,
}

impl Task for LossGradient<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let LossGradient { output, kind, labels, weights, scale, totals, mut missed } = self;
        let classes = output.outputs;
        let (zero, one) = (V::splat(0.0), V::splat(1.0));
        let scale = V::pattern::<R>(scale);
        let (mut loss_sum, mut wrong_sum) = (zero, zero);
        for (at, (row, &label)) in output.out.chunks_exact_mut(output.stride).zip(labels).enumerate() {
            let own = usize::from(label);
            let (guess, best) = greatest::<V, R>(row, classes);
            let wrong = differ(guess, V::splat(f32::from(label)));
            let weight: V = weights.of::<V, R>(at);
            let kept = weight.gt(zero);
            let factor = scale.mul(weight);
            let loss = match kind {
                Loss::CrossEntropy => {
                    let truth = V::pattern::<R>(&row[own * R..]);
                    let rest = powers::<V, R>(row, classes, guess, best);
                    let inverse = factor.div(rest.add(one));
                    let mut others = zero;
                    for class in (0..classes).filter(|&class| class != own) {
                        let gradient = V::pattern::<R>(&row[class * R..]).mul(inverse);
                        let gradient = V::select(kept, gradient, zero);
                        others = others.add(gradient);
                        gradient.store_head::<R>(&mut row[class * R..]);
                    }
                    zero.sub(others).store_head::<R>(&mut row[own * R..]);
                    best.sub(truth).add(ln_1p(rest))
                }
                Loss::SmoothedCrossEntropy { smoothing } => {
                    let truth = V::pattern::<R>(&row[own * R..]);
                    // What smoothing adds: s times the mean over classes of f_y − f_c.
                    let mut apart = zero;
                    for class in (0..classes).filter(|&class| class != own) {
                        apart = apart.add(truth.sub(V::pattern::<R>(&row[class * R..])));
                    }
                    let share = smoothing / classes as f64;
                    let rest = powers::<V, R>(row, classes, guess, best);
                    let inverse = factor.div(rest.add(one));
                    let wanted = factor.mul(V::splat(share as f32));
                    let mut others = zero;
                    for class in (0..classes).filter(|&class| class != own) {
                        let gradient = V::pattern::<R>(&row[class * R..]).mul(inverse).sub(wanted);
                        let gradient = V::select(kept, gradient, zero);
                        others = others.add(gradient);
                        gradient.store_head::<R>(&mut row[class * R..]);
                    }
                    // Probabilities and targets both sum to 1.
                    zero.sub(others).store_head::<R>(&mut row[own * R..]);
                    apart.fma(V::splat(share as f32), best.sub(truth).add(ln_1p(rest)))
                }
                Loss::MeanSquared => {
                    let share = V::splat(1.0 / classes as f32);
                    let factor = factor.mul(V::splat(2.0 / classes as f32));
                    let mut sum = zero;
                    for class in 0..classes {
                        let target = V::splat(if class == own { 1.0 } else { 0.0 });
                        let off = V::pattern::<R>(&row[class * R..]).sub(target);
                        sum = off.fma(off, sum);
                        V::select(kept, off.mul(factor), zero).store_head::<R>(&mut row[class * R..]);
                    }
                    sum.mul(share)
                }
            };
            loss_sum = loss_sum.add(V::select(kept, loss, zero));
            wrong_sum = wrong.fma(weight, wrong_sum);
            if let Some(missed) = missed.as_deref_mut() {
                let mut flags = [0f32; 16];
                wrong.store(&mut flags);
                for (replica, _) in flags[..R].iter().enumerate().filter(|(_, flag)| **flag > 0.0) {
                    missed(at, replica);
                }
            }
        }
        Totals::add(&mut totals.loss, loss_sum);
        Totals::add(&mut totals.wrong, wrong_sum);
    }
}

/// Replaces a batch's outputs by the gradient of its mean loss, where every replica has samples of its own.
pub(super) struct OwnLossGradient<'a> {
    /// The outputs.
    pub(super) output: Outputs<'a>,
    /// What is minimised.
    pub(super) kind: Loss,
    /// Classes `[sample, replica]`, as whole numbers.
    pub(super) labels: &'a [f32],
    /// One over the number of samples in the batch.
    pub(super) scale: f32,
}

impl Task for OwnLossGradient<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let OwnLossGradient { output, kind, labels, scale } = self;
        let classes = output.outputs;
        let (zero, one) = (V::splat(0.0), V::splat(1.0));
        for (row, label) in output.out.chunks_exact_mut(output.stride).zip(labels.chunks_exact(R)) {
            let own = V::pattern::<R>(label);
            match kind {
                Loss::CrossEntropy | Loss::SmoothedCrossEntropy { .. } => {
                    let (guess, best) = greatest::<V, R>(row, classes);
                    let rest = powers::<V, R>(row, classes, guess, best);
                    let inverse = V::splat(scale).div(rest.add(one));
                    let mut others = zero;
                    for class in 0..classes {
                        let other = differ(own, V::splat(class as f32)).gt(zero);
                        let mut gradient = V::pattern::<R>(&row[class * R..]).mul(inverse);
                        if let Loss::SmoothedCrossEntropy { smoothing } = kind {
                            gradient = gradient.sub(V::splat(scale * (smoothing / classes as f64) as f32));
                        }
                        let gradient = V::select(other, gradient, zero);
                        others = others.add(gradient);
                        gradient.store_head::<R>(&mut row[class * R..]);
                    }
                    for class in 0..classes {
                        let other = differ(own, V::splat(class as f32)).gt(zero);
                        let gradient = V::pattern::<R>(&row[class * R..]);
                        V::select(other, gradient, zero.sub(others)).store_head::<R>(&mut row[class * R..]);
                    }
                }
                Loss::MeanSquared => {
                    let factor = V::splat(scale).mul(V::splat(2.0 / classes as f32));
                    for class in 0..classes {
                        let target = one.sub(differ(own, V::splat(class as f32)));
                        let off = V::pattern::<R>(&row[class * R..]).sub(target);
                        off.mul(factor).store_head::<R>(&mut row[class * R..]);
                    }
                }
            }
        }
    }
}

/// Sums of the unit-normalised outputs of the observed layers over the samples of each class.
pub(super) struct Centres {
    /// Layers observed, as positions in the net.
    layers: Vec<usize>,
    /// `[class, column]` of each layer, over the tiles so far; after a class's columns come, for each replica, the
    /// samples that have a direction.
    sums: Vec<Vec<f64>>,
    tile: Buffer,
    /// Lanes of a vector.
    lanes: usize,
}

impl Centres {
    /// Sums of nothing; `layers` are 1-based.
    pub(super) fn zeros(net: &Net, layers: &[usize], classes: usize) -> Centres {
        let layers: Vec<usize> = layers.iter().map(|&layer| layer - 1).collect();
        let lanes = net.layers[0].layout.lanes;
        let columns = |layer: usize| net.hidden(layer).columns + lanes;
        let widest = layers.iter().map(|&layer| columns(layer)).max().unwrap_or(0);
        let sums = layers.iter().map(|&layer| vec![0.0; classes * columns(layer)]).collect();
        Centres { layers, sums, tile: Buffer::zeros(classes * widest), lanes }
    }

    /// Starts over.
    pub(super) fn clear(&mut self) {
        self.sums.iter_mut().for_each(|sums| sums.fill(0.0));
    }

    /// Radii and distances of a replica: for each observed layer, R_c of each class and D of each pair. R_c² is the mean
    /// of ‖φ − μ_c‖², that is the mean of ‖φ‖² (1 for all samples that have a direction) less ‖μ_c‖². `counts` are the
    /// kept samples of each class; what has no sample is NaN.
    pub(super) fn finish(
        &self,
        net: &Net,
        replica: usize,
        counts: &[f64],
        pairs: &[(usize, usize)],
    ) -> Vec<(Vec<f32>, Vec<f32>)> {
        let observed = self.layers.iter().zip(&self.sums);
        observed
            .map(|(&layer, sums)| {
                let layer = net.hidden(layer);
                let columns = layer.columns;
                let at = |class: usize, column: usize| sums[class * (columns + self.lanes) + column] / counts[class];
                let mean = |class: usize, unit: usize| at(class, unit * net.replicas + replica);
                let units = 0..layer.units;
                let radius = |class: usize| {
                    let length = at(class, columns + replica);
                    let square = length - units.clone().map(|unit| mean(class, unit).powi(2)).sum::<f64>();
                    // Not `max`, which would turn NaN into 0.
                    if square < 0.0 { 0.0 } else { square.sqrt() as f32 }
                };
                let distance = |&(a, b): &(usize, usize)| {
                    units.clone().map(|unit| (mean(a, unit) - mean(b, unit)).powi(2)).sum::<f64>().sqrt() as f32
                };
                ((0..counts.len()).map(radius).collect(), pairs.iter().map(distance).collect())
            })
            .collect()
    }
}

/// Adds a tile to the centres.
pub(super) struct AddToCentres<'a> {
    /// The sums so far.
    pub(super) centres: &'a mut Centres,
    /// The net after its forward pass.
    pub(super) net: &'a Net,
    /// The tile's classes.
    pub(super) labels: &'a [u16],
    /// Which samples count.
    pub(super) weights: Weights<'a>,
}

impl Task for AddToCentres<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let AddToCentres { centres, net, labels, weights } = self;
        let (zero, one) = (V::splat(0.0), V::splat(1.0));
        for (sums, &layer) in centres.sums.iter_mut().zip(&centres.layers) {
            let layer = net.hidden(layer);
            let columns = layer.columns;
            centres.tile.fill(0.0);
            for (at, (row, &label)) in layer.out.chunks_exact(layer.stride).zip(labels).enumerate() {
                let mut square = zero;
                for unit in row[..layer.units * R].chunks_exact(R) {
                    let h = V::pattern::<R>(unit);
                    square = h.fma(h, square);
                }
                // A sample whose outputs are all zero has no direction; it counts as the zero vector.
                let inverse = V::select(square.gt(zero), one.div(square.sqrt()), square.mul(zero));
                let weight: V = weights.of::<V, R>(at);
                let inverse = V::select(weight.gt(zero), inverse, zero);
                let first = usize::from(label) * (columns + V::LEN);
                let speaks = &mut centres.tile[first + columns..];
                V::load(speaks).add(V::select(inverse.gt(zero), one, zero)).store(speaks);
                let centre = centres.tile[first..first + columns].chunks_exact_mut(V::LEN);
                for (sum, h) in centre.zip(row[..columns].chunks_exact(V::LEN)) {
                    V::load(h).fma(inverse, V::load(sum)).store(sum);
                }
            }
            for (to, &tile) in sums.iter_mut().zip(centres.tile.iter()) {
                *to += f64::from(tile);
            }
        }
    }
}
