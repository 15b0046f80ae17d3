//! The weighted sums of a layer, forwards and backwards: each channel of each target pixel sums over the channels of the
//! source pixels that it is connected with.
//!
//! Invariants: a sum takes its terms tap by tap and channel by channel, whatever the size of the blocks.

use std::ops::Range;

use super::connect::Connections;
use super::lanes::Lanes;
use super::real::{Job, Real};

/// Target channels whose sums are held in registers together, at most.
const MOST: usize = 12;

/// Cuts `channels` into blocks of at most `most`, as equal as can be.
pub(crate) fn blocks(channels: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    let count = channels.div_ceil(most).max(1);
    (0..count).map(move |block| block * channels / count..(block + 1) * channels / count)
}

/// Weights of a layer in the order in which [`Gather`] reads them: `[group, block of targets, tap, source, target]`.
/// `weight` answers that of a group, a target channel, a source channel and a tap.
pub(crate) fn lay<T: Real>(
    into: &mut Vec<T>,
    [groups, targets, sources, taps]: [usize; 4],
    weight: impl Fn(usize, usize, usize, usize) -> T,
) {
    into.clear();
    for group in 0..groups {
        for block in blocks(targets, MOST) {
            for (tap, source) in (0..taps).flat_map(|tap| (0..sources).map(move |source| (tap, source))) {
                into.extend(block.clone().map(|target| weight(group, target, source, tap)));
            }
        }
    }
}

/// The sums.
pub(crate) struct Gather<'a, T> {
    /// Which pixels are summed over.
    pub(crate) connections: &'a Connections,
    /// As [`lay`] wrote them; of [`Gather::single`] channels `[channel, tap]`.
    pub(crate) weights: &'a [T],
    /// Added to every target channel; empty: nothing is.
    pub(crate) bias: &'a [T],
    /// Taps of the kernel.
    pub(crate) taps: usize,
    /// Groups of channels.
    pub(crate) groups: usize,
    /// Source channels of a group.
    pub(crate) sources: usize,
    /// Target channels of a group.
    pub(crate) targets: usize,
    /// The source, and the vectors from one channel to the next.
    pub(crate) from: &'a [T],
    /// Vectors from one channel of the source to the next.
    pub(crate) from_plane: usize,
    /// The target.
    pub(crate) to: &'a mut [T],
    /// Vectors from one channel of the target to the next.
    pub(crate) to_plane: usize,
    /// Whether the sums are added to the target rather than written.
    pub(crate) add: bool,
}

impl<T: Real> Gather<'_, T> {
    /// Whether each channel is by itself, and its kernel one of those that are summed in registers.
    fn single(&self) -> bool {
        depthwise(self.sources, self.targets, self.taps)
    }
}

/// Whether a layer's channels are each by itself, with a kernel of side 3 or 5.
pub(crate) fn depthwise(sources: usize, targets: usize, taps: usize) -> bool {
    sources == 1 && targets == 1 && (taps == 9 || taps == 25)
}

impl<T: Real> Job<T> for Gather<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes<T = T>>(mut self) {
        if self.single() {
            return if self.taps == 9 { alone::<V, 3>(&mut self) } else { alone::<V, 5>(&mut self) };
        }
        let mut weights = self.weights;
        for group in 0..self.groups {
            for block in blocks(self.targets, MOST) {
                let (own, rest) = weights.split_at(self.taps * self.sources * block.len());
                weights = rest;
                let first = group * self.targets + block.start;
                match block.len() {
                    1 => together::<V, 1>(&mut self, own, group, first),
                    2 => together::<V, 2>(&mut self, own, group, first),
                    3 => together::<V, 3>(&mut self, own, group, first),
                    4 => together::<V, 4>(&mut self, own, group, first),
                    5 => together::<V, 5>(&mut self, own, group, first),
                    6 => together::<V, 6>(&mut self, own, group, first),
                    7 => together::<V, 7>(&mut self, own, group, first),
                    8 => together::<V, 8>(&mut self, own, group, first),
                    9 => together::<V, 9>(&mut self, own, group, first),
                    10 => together::<V, 10>(&mut self, own, group, first),
                    11 => together::<V, 11>(&mut self, own, group, first),
                    12 => together::<V, 12>(&mut self, own, group, first),
                    _ => {}
                }
            }
        }
    }
}

/// `B` target channels from `first` on.
#[inline(always)]
fn together<V: Lanes, const B: usize>(job: &mut Gather<'_, V::T>, weights: &[V::T], group: usize, first: usize) {
    let (lanes, plane) = (V::N, job.from_plane * V::N);
    let from = &job.from[group * job.sources * plane..];
    let mut start = [V::splat(V::T::default()); B];
    if !job.bias.is_empty() {
        for (start, &bias) in start.iter_mut().zip(&job.bias[first..first + B]) {
            *start = V::splat(bias);
        }
    }
    let (weights, _) = weights.as_chunks::<B>();
    for pixel in 0..job.connections.pixels() {
        let mut sum = start;
        for &[tap, source] in job.connections.terms(pixel) {
            let weights = &weights[tap as usize * job.sources..][..job.sources];
            let mut at = source as usize * lanes;
            for weights in weights {
                let x = V::load(&from[at..]);
                at += plane;
                for b in 0..B {
                    sum[b] = V::splat(weights[b]).fma(x, sum[b]);
                }
            }
        }
        for (b, &sum) in sum.iter().enumerate() {
            let to = &mut job.to[((first + b) * job.to_plane + pixel) * lanes..][..lanes];
            if job.add { V::load(to).add(sum).store(to) } else { sum.store(to) }
        }
    }
}

/// Each channel by itself, its kernel of side `K` in registers.
#[inline(always)]
fn alone<V: Lanes, const K: usize>(job: &mut Gather<'_, V::T>) {
    let lanes = V::N;
    let row = job.connections.row * lanes;
    for (channel, weights) in job.weights.chunks_exact(K * K).enumerate() {
        let from = &job.from[channel * job.from_plane * lanes..][..job.from_plane * lanes];
        let to = &mut job.to[channel * job.to_plane * lanes..][..job.to_plane * lanes];
        let start = V::splat(job.bias.get(channel).copied().unwrap_or_default());
        let mut kernel = [[start; K]; K];
        for (i, line) in kernel.iter_mut().enumerate() {
            for (j, tap) in line.iter_mut().enumerate() {
                let at = i * K + j;
                *tap = V::splat(weights[if job.connections.flipped { K * K - 1 - at } else { at }]);
            }
        }
        for &[pixel, first] in &job.connections.whole {
            let mut sum = start;
            for (i, line) in kernel.iter().enumerate() {
                let x = &from[first as usize * lanes + i * row..][..K * lanes];
                for (j, tap) in line.iter().enumerate() {
                    sum = tap.fma(V::load(&x[j * lanes..]), sum);
                }
            }
            let to = &mut to[pixel as usize * lanes..][..lanes];
            if job.add { V::load(to).add(sum).store(to) } else { sum.store(to) }
        }
        for &pixel in &job.connections.cut {
            let mut sum = start;
            for &[tap, source] in job.connections.terms(pixel as usize) {
                sum = V::splat(weights[tap as usize]).fma(V::load(&from[source as usize * lanes..]), sum);
            }
            let to = &mut to[pixel as usize * lanes..][..lanes];
            if job.add { V::load(to).add(sum).store(to) } else { sum.store(to) }
        }
    }
}
