//! Derivatives by a convolution's weights and biases, one number for each sample: Σ over pixels of δ x.

use super::connect::Connections;
use super::gather::{blocks, depthwise};
use super::lanes::Lanes;
use super::real::{Job, Real};

/// The derivatives.
pub(crate) struct Slopes<'a, T> {
    /// The connections of the way forwards.
    pub(crate) connections: &'a Connections,
    /// For each tap, the pairs of output and input pixel that it connects.
    pub(crate) pairs: &'a [Vec<[u32; 2]>],
    /// Groups of channels.
    pub(crate) groups: usize,
    /// Input channels of a group.
    pub(crate) inputs: usize,
    /// Output channels of a group.
    pub(crate) outputs: usize,
    /// The layer's inputs.
    pub(crate) input: &'a [T],
    /// Vectors from one of its channels to the next.
    pub(crate) input_plane: usize,
    /// The gradient of f at the layer's outputs.
    pub(crate) delta: &'a [T],
    /// Vectors from one of its channels to the next.
    pub(crate) delta_plane: usize,
    /// Written: `[output, input, tap, lane]`, then, where it has room for them, `[bias, lane]`.
    pub(crate) sums: &'a mut [T],
}

impl<T: Real> Job<T> for Slopes<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes<T = T>>(mut self) {
        let taps = self.pairs.len();
        if depthwise(self.inputs, self.outputs, taps) {
            if taps == 9 { alone::<V, 3>(&mut self) } else { alone::<V, 5>(&mut self) }
        } else {
            let (outputs, inputs) = (self.outputs, self.inputs);
            for group in 0..self.groups {
                for tap in 0..taps {
                    for o in blocks(outputs, 5) {
                        for i in blocks(inputs, 2) {
                            let at = [group * outputs + o.start, group * inputs + i.start];
                            match (o.len(), i.len()) {
                                (1, 1) => together::<V, 1, 1>(&mut self, tap, at, i.start),
                                (2, 1) => together::<V, 2, 1>(&mut self, tap, at, i.start),
                                (3, 1) => together::<V, 3, 1>(&mut self, tap, at, i.start),
                                (4, 1) => together::<V, 4, 1>(&mut self, tap, at, i.start),
                                (5, 1) => together::<V, 5, 1>(&mut self, tap, at, i.start),
                                (1, 2) => together::<V, 1, 2>(&mut self, tap, at, i.start),
                                (2, 2) => together::<V, 2, 2>(&mut self, tap, at, i.start),
                                (3, 2) => together::<V, 3, 2>(&mut self, tap, at, i.start),
                                (4, 2) => together::<V, 4, 2>(&mut self, tap, at, i.start),
                                (5, 2) => together::<V, 5, 2>(&mut self, tap, at, i.start),
                                _ => {}
                            }
                        }
                    }
                }
            }
        }
        let weights = self.groups * self.outputs * self.inputs * taps;
        let pixels = self.connections.pixels();
        for (channel, to) in self.sums[weights * V::N..].chunks_exact_mut(V::N).enumerate() {
            let delta = &self.delta[channel * self.delta_plane * V::N..][..pixels * V::N];
            let mut sum = V::splat(T::default());
            for delta in delta.chunks_exact(V::N) {
                sum = sum.add(V::load(delta));
            }
            sum.store(to);
        }
    }
}

/// `O` output channels against `I` input channels, of which `first` is the place of the first within its group.
#[inline(always)]
fn together<V: Lanes, const O: usize, const I: usize>(
    job: &mut Slopes<'_, V::T>,
    tap: usize,
    [output, input]: [usize; 2],
    first: usize,
) {
    let (lanes, taps) = (V::N, job.pairs.len());
    let (out_plane, in_plane) = (job.delta_plane * lanes, job.input_plane * lanes);
    let (delta, x) = (&job.delta[output * out_plane..], &job.input[input * in_plane..]);
    let mut sums = [[V::splat(V::T::default()); I]; O];
    for &[target, source] in &job.pairs[tap] {
        let (target, source) = (target as usize * lanes, source as usize * lanes);
        let mut factors = [V::splat(V::T::default()); I];
        for i in 0..I {
            factors[i] = V::load(&x[source + i * in_plane..]);
        }
        for o in 0..O {
            let delta = V::load(&delta[target + o * out_plane..]);
            for i in 0..I {
                sums[o][i] = delta.fma(factors[i], sums[o][i]);
            }
        }
    }
    for (o, line) in sums.iter().enumerate() {
        for (i, sum) in line.iter().enumerate() {
            let at = ((output + o) * job.inputs + first + i) * taps + tap;
            sum.store(&mut job.sums[at * lanes..]);
        }
    }
}

/// Each channel by itself, with a kernel of side `K`.
#[inline(always)]
fn alone<V: Lanes, const K: usize>(job: &mut Slopes<'_, V::T>) {
    let lanes = V::N;
    let row = job.connections.row * lanes;
    for (channel, to) in job.sums.chunks_exact_mut(K * K * lanes).take(job.groups).enumerate() {
        let x = &job.input[channel * job.input_plane * lanes..][..job.input_plane * lanes];
        let delta = &job.delta[channel * job.delta_plane * lanes..][..job.delta_plane * lanes];
        let mut sums = [[V::splat(V::T::default()); K]; K];
        for &[target, first] in &job.connections.whole {
            let delta = V::load(&delta[target as usize * lanes..]);
            for (i, line) in sums.iter_mut().enumerate() {
                let x = &x[first as usize * lanes + i * row..][..K * lanes];
                for (j, sum) in line.iter_mut().enumerate() {
                    *sum = delta.fma(V::load(&x[j * lanes..]), *sum);
                }
            }
        }
        for (i, line) in sums.iter().enumerate() {
            for (j, sum) in line.iter().enumerate() {
                sum.store(&mut to[(i * K + j) * lanes..]);
            }
        }
        for &target in &job.connections.cut {
            let delta = V::load(&delta[target as usize * lanes..]);
            for &[tap, source] in job.connections.terms(target as usize) {
                let to = &mut to[tap as usize * lanes..][..lanes];
                delta.fma(V::load(&x[source as usize * lanes..]), V::load(to)).store(to);
            }
        }
    }
}
