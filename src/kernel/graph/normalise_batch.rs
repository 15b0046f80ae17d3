//! Batch normalisation of a tile that is a whole step: y = γ (x − mean)/√(variance + ε) + β, each unit or channel over the
//! samples that count and, of images, over their places. In evaluation the running averages stand for the moments.
//!
//! Moments come from one pass over the values, less a first estimate of their mean that is a sample's own: what cancels in
//! the variance is then at most as many times greater than it as there are samples. Sums run in f32 over a few rows, in
//! strands that are added up, and over these in f64: in one order, whatever the number of replicas.

use phasesweep_networks::Normalisation;

use super::rows::widen;
use crate::layer::Layer;
use crate::simd::{Buffer, Lane, Task, get, put};
use crate::weights::Weights;

/// Values of a channel that are added up in f32, about.
const AT_ONCE: usize = 32;

/// What a batch normalisation keeps of a step.
pub(super) struct BatchMoments {
    /// Until the way back, the values before they are normalised, laid out as the value.
    values: Buffer,
    /// Of each channel and replica: the mean, one over the deviation, and the variance that divides by the count less one.
    mean: Buffer,
    inverse: Buffer,
    variance: Buffer,
    /// One over the number of values that a replica's moments are taken of, for each lane.
    share: [f32; 16],
    /// 1 for samples that count, else 0: `[sample, replica]`; empty where all count.
    counted: Vec<f32>,
    /// Two sums of each channel and replica.
    sums: [Vec<f64>; 2],
    /// Room for what follows from the sums, or for the factors and offsets of an evaluation.
    factors: [Buffer; 2],
}

impl BatchMoments {
    /// Room for values of so many numbers, of channels and replicas that take so many columns.
    pub(super) fn zeros(numbers: usize, columns: usize) -> BatchMoments {
        let buffer = || Buffer::zeros(columns);
        BatchMoments {
            values: Buffer::zeros(numbers),
            mean: buffer(),
            inverse: buffer(),
            variance: buffer(),
            share: [0.0; 16],
            counted: Vec::new(),
            sums: [vec![0.0; columns], vec![0.0; columns]],
            factors: [buffer(), buffer()],
        }
    }

    /// Moves a layer's running averages by the last step's moments: r ← (1 − 0.1) r + 0.1 m.
    pub(super) fn move_averages(&self, layer: &mut Layer) {
        let Some([means, variances]) = &mut layer.averages else { return };
        let (old, new) = ((1.0 - Normalisation::MOMENTUM) as f32, Normalisation::MOMENTUM as f32);
        for (averages, moments) in [(means, &self.mean), (variances, &self.variance)] {
            for (average, &moment) in averages.iter_mut().zip(moments.iter()) {
                *average = *average * old + moment * new;
            }
        }
    }
}

/// How a normalisation's values lie.
#[derive(Clone, Copy)]
pub(super) struct ChannelRows {
    /// Units or channels, each with a factor and an offset.
    pub(super) channels: usize,
    /// Numbers of a sample and replica.
    pub(super) units: usize,
    /// Distance between samples.
    pub(super) stride: usize,
    /// Samples of the tile.
    pub(super) valid: usize,
}

impl ChannelRows {
    /// Samples whose values are added up in f32.
    fn at_once(self) -> usize {
        (AT_ONCE * self.channels / self.units).max(1)
    }
}

/// For every stretch of a few samples and every vector of channels: adds to two sums in f64 what `$terms` makes of the
/// vectors of each place, `$a` of one buffer and `$b` of the other.
macro_rules! sum_up {
    ($rows:expr, $from:expr, $also:expr, $sums:expr, |$row:ident, $at:ident, $a:ident, $b:ident| $terms:expr) => {{
        let ChannelRows { channels, units, stride, valid } = $rows;
        let (numbers, at_once) = (channels * R, $rows.at_once());
        let [first, second] = $sums;
        first.fill(0.0);
        second.fill(0.0);
        for start in (0..valid).step_by(at_once) {
            for $at in (0..numbers).step_by(V::LEN) {
                let end = numbers.min($at + V::LEN);
                let mut strands = [[V::splat(0.0); 2]; 4];
                for $row in start..valid.min(start + at_once) {
                    let range = $row * stride..$row * stride + units * R;
                    let (from, also) = (&$from[range.clone()], &$also[range]);
                    let (fours, mut also_fours) = (from.chunks_exact(4 * numbers), also.chunks_exact(4 * numbers));
                    let (rest, also_rest) = (fours.remainder(), also_fours.remainder());
                    for four in fours {
                        let Some(also) = also_fours.next() else { break };
                        for (k, strand) in strands.iter_mut().enumerate() {
                            let ($a, $b) = (
                                get::<V>(&four[k * numbers + $at..k * numbers + end]),
                                get::<V>(&also[k * numbers + $at..k * numbers + end]),
                            );
                            let [one, other] = $terms;
                            *strand = [strand[0].add(one), strand[1].add(other)];
                        }
                    }
                    let places = rest.chunks_exact(numbers).zip(also_rest.chunks_exact(numbers));
                    for ((one, other), strand) in places.zip(&mut strands) {
                        let ($a, $b) = (get::<V>(&one[$at..end]), get::<V>(&other[$at..end]));
                        let [one, other] = $terms;
                        *strand = [strand[0].add(one), strand[1].add(other)];
                    }
                }
                let [a, b, c, d] = strands;
                widen(&mut first[$at..], a[0].add(b[0]).add(c[0].add(d[0])));
                widen(&mut second[$at..], a[1].add(b[1]).add(c[1].add(d[1])));
            }
        }
    }};
}

/// Normalises values in place by their own moments, which are kept.
pub(super) struct NormaliseBatch<'a> {
    pub(super) rows: ChannelRows,
    pub(super) layer: &'a Layer,
    pub(super) moments: &'a mut BatchMoments,
    pub(super) out: &'a mut Buffer,
    /// Which samples count.
    pub(super) weights: Weights<'a>,
}

impl Task for NormaliseBatch<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let NormaliseBatch { rows, layer, moments, out, weights } = self;
        let ChannelRows { channels, units, stride, valid } = rows;
        let Some(elements) = &layer.elements else { return };
        let (numbers, zero) = (channels * R, V::splat(0.0));
        moments.counted.clear();
        if let Weights::Kept(kept) = weights {
            moments.counted.extend_from_slice(&kept[..valid * R]);
        }
        V::enter::<_, R>(Estimate { rows, values: out, weights, to: &mut moments.mean });
        let (estimate, all) = (&moments.mean, matches!(weights, Weights::All));
        sum_up!(rows, out, out, &mut moments.sums, |row, at, x, _also| {
            let x = x.sub(V::load(&estimate[at..]));
            let x = if all { x } else { V::select(weights.of::<V, R>(row).gt(zero), x, zero) };
            [x, x.mul(x)]
        });
        let mut counts = [0.0; 16];
        for row in 0..valid {
            let mut lanes = [0f32; 16];
            weights.of::<V, R>(row).store(&mut lanes);
            counts.iter_mut().zip(lanes).for_each(|(count, weight)| *count += f64::from(weight));
        }
        let counts = counts.map(|count: f64| (count * (units / channels) as f64).max(1.0));
        moments.share = counts.map(|count| (1.0 / count) as f32);
        let [first, second] = &moments.sums;
        for column in 0..numbers {
            let count = counts[column % R];
            let (shift, square) = (first[column] / count, second[column] / count);
            let variance = square - shift * shift;
            // Not `max`, which would turn NaN into 0.
            let variance = if variance < 0.0 { 0.0 } else { variance };
            moments.mean[column] = (f64::from(moments.mean[column]) + shift) as f32;
            moments.inverse[column] = (1.0 / (variance + Normalisation::EPSILON).sqrt()) as f32;
            moments.variance[column] = (variance * (count / (count - 1.0).max(1.0))) as f32;
        }
        for (from, to) in out.chunks_exact(stride).zip(moments.values.chunks_exact_mut(stride)).take(valid) {
            let places = from[..units * R].chunks_exact(numbers).zip(to[..units * R].chunks_exact_mut(numbers));
            for (from, to) in places {
                for at in (0..numbers).step_by(V::LEN) {
                    let end = numbers.min(at + V::LEN);
                    let x = get::<V>(&from[at..end]).sub(V::load(&moments.mean[at..]));
                    let x = x.mul(V::load(&moments.inverse[at..]));
                    let (factor, offset) = (V::load(&elements.values[at..]), V::load(&layer.bias.value[at..]));
                    put(x.fma(factor, offset), &mut to[at..end]);
                }
            }
        }
        // The way back takes the values as they were: the two buffers change places.
        std::mem::swap(out, &mut moments.values);
    }
}

/// A first estimate of each channel's mean: that of each replica's first sample that counts.
struct Estimate<'a> {
    rows: ChannelRows,
    values: &'a [f32],
    weights: Weights<'a>,
    to: &'a mut [f32],
}

impl Task for Estimate<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let Estimate { rows: ChannelRows { channels, units, stride, valid }, values, weights, to } = self;
        let (numbers, zero) = (channels * R, V::splat(0.0));
        let share = V::splat(channels as f32 / units as f32);
        to.fill(0.0);
        // 1 for replicas of which no sample was seen yet.
        let mut wanting = V::splat(1.0);
        for (row, values) in values.chunks_exact(stride).enumerate().take(valid) {
            let here = weights.of::<V, R>(row).mul(wanting).gt(zero);
            if V::bits(here) == 0 {
                continue;
            }
            for at in (0..numbers).step_by(V::LEN) {
                let end = numbers.min(at + V::LEN);
                let mut sum = zero;
                for place in values[..units * R].chunks_exact(numbers) {
                    sum = sum.add(get::<V>(&place[at..end]));
                }
                V::select(here, sum.mul(share), V::load(&to[at..])).store(&mut to[at..]);
            }
            wanting = V::select(here, zero, wanting);
            if V::bits(wanting.gt(zero)) == 0 {
                break;
            }
        }
    }
}

/// Replaces the gradient with respect to the normalised values by that with respect to the values, and adds those of
/// factors and offsets. The mean and the variance move with the values that count.
pub(super) struct NormaliseBatchBack<'a> {
    pub(super) rows: ChannelRows,
    pub(super) layer: &'a mut Layer,
    pub(super) moments: &'a mut BatchMoments,
    pub(super) here: &'a mut [f32],
}

impl Task for NormaliseBatchBack<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let NormaliseBatchBack { rows, layer, moments, here } = self;
        let ChannelRows { channels, units, stride, valid } = rows;
        let Some(elements) = &mut layer.elements else { return };
        let numbers = channels * R;
        let BatchMoments { values, mean, inverse, share, counted, sums, factors, .. } = moments;
        sum_up!(rows, here, values, &mut *sums, |_row, at, d, x| {
            let x = x.sub(V::load(&mean[at..])).mul(V::load(&inverse[at..]));
            [d.mul(x), d]
        });
        let [along, whole] = sums;
        for column in 0..numbers {
            elements.sums[column] += along[column];
            layer.bias_sum[column] += whole[column];
            let share = f64::from(share[column % R]);
            factors[0][column] = (along[column] * share) as f32;
            factors[1][column] = (whole[column] * share) as f32;
        }
        let weights = if counted.is_empty() { Weights::All } else { Weights::Kept(counted) };
        let rows = here.chunks_exact_mut(stride).zip(values.chunks_exact(stride)).take(valid);
        for (row, (here, values)) in rows.enumerate() {
            let weight = weights.of::<V, R>(row);
            let places = here[..units * R].chunks_exact_mut(numbers).zip(values[..units * R].chunks_exact(numbers));
            for (here, values) in places {
                for at in (0..numbers).step_by(V::LEN) {
                    let end = numbers.min(at + V::LEN);
                    let inverse = V::load(&inverse[at..]);
                    let x = get::<V>(&values[at..end]).sub(V::load(&mean[at..])).mul(inverse);
                    let moved = x.fma(V::load(&factors[0][at..]), V::load(&factors[1][at..])).mul(weight);
                    let factor = V::load(&elements.values[at..]).mul(inverse);
                    put(get::<V>(&here[at..end]).sub(moved).mul(factor), &mut here[at..end]);
                }
            }
        }
    }
}

/// Normalises values in place by a layer's running averages.
pub(super) struct Evaluate<'a> {
    pub(super) rows: ChannelRows,
    pub(super) layer: &'a Layer,
    pub(super) moments: &'a mut BatchMoments,
    pub(super) out: &'a mut [f32],
}

impl Task for Evaluate<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let Evaluate { rows: ChannelRows { channels, units, stride, valid }, layer, moments, out } = self;
        let (Some(elements), Some([means, variances])) = (&layer.elements, &layer.averages) else { return };
        let numbers = channels * R;
        let [factors, offsets] = &mut moments.factors;
        for at in (0..numbers).step_by(V::LEN) {
            let deviation = V::load(&variances[at..]).add(V::splat(Normalisation::EPSILON as f32)).sqrt();
            let factor = V::load(&elements.values[at..]).div(deviation);
            factor.store(&mut factors[at..]);
            V::load(&layer.bias.value[at..]).sub(V::load(&means[at..]).mul(factor)).store(&mut offsets[at..]);
        }
        for row in out.chunks_exact_mut(stride).take(valid) {
            for place in row[..units * R].chunks_exact_mut(numbers) {
                for at in (0..numbers).step_by(V::LEN) {
                    let end = numbers.min(at + V::LEN);
                    let (factor, offset) = (V::load(&factors[at..]), V::load(&offsets[at..]));
                    put(get::<V>(&place[at..end]).fma(factor, offset), &mut place[at..end]);
                }
            }
        }
    }
}
