//! Pooling and layer normalisation, forwards and backwards.

use phasesweep_networks::{Normalisation, Pool, Pooling};

use super::lanes::Lanes;
use super::real::{Job, Real};

/// The pixels of each window of a pooling of an image of this height and width, window by window.
pub(crate) fn windows(pool: Pool, [height, width]: [usize; 2]) -> Vec<u32> {
    let [down, across] = pool.places([height, width]);
    let mut pixels = Vec::with_capacity(down * across * pool.window[0] * pool.window[1]);
    for (row, column) in (0..down).flat_map(|row| (0..across).map(move |column| (row, column))) {
        for i in 0..pool.window[0] {
            let first = (row * pool.stride[0] + i) * width + column * pool.stride[1];
            pixels.extend((first..first + pool.window[1]).map(|pixel| pixel as u32));
        }
    }
    pixels
}

/// A pooling.
pub(crate) struct Pooled<'a, T> {
    /// What is taken of a window.
    pub(crate) kind: Pooling,
    /// See [`windows`].
    pub(crate) windows: &'a [u32],
    /// Pixels of a window.
    pub(crate) size: usize,
    /// Channels.
    pub(crate) channels: usize,
    /// The image.
    pub(crate) from: &'a [T],
    /// Vectors from one of its channels to the next.
    pub(crate) from_plane: usize,
    /// Forwards, what comes of it; backwards, the gradient at that.
    pub(crate) to: Way<'a, T>,
    /// Vectors from one of its channels to the next.
    pub(crate) to_plane: usize,
}

/// Forwards or backwards.
pub(crate) enum Way<'a, T> {
    /// The target is written.
    Forwards(&'a mut [T]),
    /// From the gradient at the target to that at the image, which is added to.
    Backwards(&'a [T], &'a mut [T]),
}

impl<T: Real> Job<T> for Pooled<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes<T = T>>(self) {
        let lanes = V::N;
        let share = V::splat(T::of(1.0 / self.size as f64));
        let Pooled { kind, windows, size, channels, from_plane, to_plane, .. } = self;
        let mut way = self.to;
        for channel in 0..channels {
            let from = &self.from[channel * from_plane * lanes..][..from_plane * lanes];
            for (place, window) in windows.chunks_exact(size).enumerate() {
                let at = (channel * to_plane + place) * lanes;
                match &mut way {
                    Way::Forwards(to) => {
                        let value = match kind {
                            Pooling::Max => greatest::<V>(from, window),
                            Pooling::Mean => {
                                let mut sum = V::splat(T::default());
                                for &pixel in window {
                                    sum = sum.add(V::load(&from[pixel as usize * lanes..]));
                                }
                                sum.mul(share)
                            }
                        };
                        value.store(&mut to[at..]);
                    }
                    Way::Backwards(delta, below) => {
                        let below = &mut below[channel * from_plane * lanes..][..from_plane * lanes];
                        let mut left = V::load(&delta[at..]);
                        match kind {
                            Pooling::Max => {
                                let greatest = greatest::<V>(from, window);
                                for &pixel in window {
                                    let pixel = pixel as usize * lanes;
                                    let to = &mut below[pixel..][..lanes];
                                    // Of equal ones, the first takes it.
                                    let taken = V::load(&from[pixel..]).equal(greatest, left);
                                    V::load(to).add(taken).store(to);
                                    left = left.sub(taken);
                                }
                            }
                            Pooling::Mean => {
                                left = left.mul(share);
                                for &pixel in window {
                                    let to = &mut below[pixel as usize * lanes..][..lanes];
                                    V::load(to).add(left).store(to);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn greatest<V: Lanes>(from: &[V::T], window: &[u32]) -> V {
    let mut best = V::load(&from[window[0] as usize * V::N..]);
    for &pixel in &window[1..] {
        // `best` where either is no number: the order in which a pooling one by one compares.
        best = V::load(&from[pixel as usize * V::N..]).greater(best);
    }
    best
}

/// A layer normalisation: each sample over all its values.
pub(crate) struct Normalised<'a, T> {
    /// Channels and pixels, and vectors from one channel to the next.
    pub(crate) shape: [usize; 3],
    /// γ of each channel.
    pub(crate) gamma: &'a [T],
    /// β of each channel.
    pub(crate) beta: &'a [T],
    /// The values.
    pub(crate) from: &'a [T],
    /// What comes of them.
    pub(crate) to: &'a mut [T],
    /// Out: (x − mean)/√(variance + ε) laid as the values, then a vector of 1/√(variance + ε).
    pub(crate) standard: &'a mut [T],
}

impl<T: Real> Job<T> for Normalised<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes<T = T>>(self) {
        let ([channels, pixels, plane], lanes) = (self.shape, V::N);
        let share = V::splat(T::of(1.0 / (channels * pixels) as f64));
        let mut mean = V::splat(T::default());
        for channel in 0..channels {
            for x in self.from[channel * plane * lanes..][..pixels * lanes].chunks_exact(lanes) {
                mean = mean.add(V::load(x));
            }
        }
        mean = mean.mul(share);
        let mut variance = V::splat(T::default());
        for channel in 0..channels {
            for x in self.from[channel * plane * lanes..][..pixels * lanes].chunks_exact(lanes) {
                let off = V::load(x).sub(mean);
                variance = off.fma(off, variance);
            }
        }
        let one = V::splat(T::of(1.0));
        let factor = one.div(variance.fma(share, V::splat(T::of(Normalisation::EPSILON))).sqrt());
        for channel in 0..channels {
            let (gamma, beta) = (V::splat(self.gamma[channel]), V::splat(self.beta[channel]));
            let range = channel * plane * lanes..(channel * plane + pixels) * lanes;
            let outs = self.to[range.clone()].chunks_exact_mut(lanes);
            let standards = self.standard[range.clone()].chunks_exact_mut(lanes);
            for ((x, to), standard) in self.from[range].chunks_exact(lanes).zip(outs).zip(standards) {
                let own = V::load(x).sub(mean).mul(factor);
                own.store(standard);
                gamma.fma(own, beta).store(to);
            }
        }
        let end = self.standard.len() - lanes;
        factor.store(&mut self.standard[end..]);
    }
}

/// The way back through a layer normalisation.
pub(crate) struct Unnormalised<'a, T> {
    /// As forwards.
    pub(crate) shape: [usize; 3],
    /// γ of each channel.
    pub(crate) gamma: &'a [T],
    /// What the way forwards left.
    pub(crate) standard: &'a [T],
    /// The gradient at what comes of it.
    pub(crate) delta: &'a [T],
    /// The gradient at the values, and whether it is added to; `None`: not wanted.
    pub(crate) below: Option<(&'a mut [T], bool)>,
    /// Out: `[γ then β, lane]`.
    pub(crate) sums: &'a mut [T],
}

impl<T: Real> Job<T> for Unnormalised<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes<T = T>>(self) {
        let ([channels, pixels, plane], lanes) = (self.shape, V::N);
        let share = V::splat(T::of(1.0 / (channels * pixels) as f64));
        let (mut mean, mut along) = (V::splat(T::default()), V::splat(T::default()));
        for channel in 0..channels {
            let range = channel * plane * lanes..(channel * plane + pixels) * lanes;
            let (mut of_gamma, mut of_beta) = (V::splat(T::default()), V::splat(T::default()));
            let standards = self.standard[range.clone()].chunks_exact(lanes);
            for (delta, standard) in self.delta[range].chunks_exact(lanes).zip(standards) {
                let delta = V::load(delta);
                of_gamma = delta.fma(V::load(standard), of_gamma);
                of_beta = of_beta.add(delta);
            }
            let gamma = V::splat(self.gamma[channel]);
            mean = gamma.fma(of_beta, mean);
            along = gamma.fma(of_gamma, along);
            of_gamma.store(&mut self.sums[channel * lanes..]);
            of_beta.store(&mut self.sums[(channels + channel) * lanes..]);
        }
        let Some((below, add)) = self.below else { return };
        (mean, along) = (mean.mul(share), along.mul(share));
        let factor = V::load(&self.standard[self.standard.len() - lanes..]);
        for channel in 0..channels {
            let range = channel * plane * lanes..(channel * plane + pixels) * lanes;
            let gamma = V::splat(self.gamma[channel]);
            let standards = self.standard[range.clone()].chunks_exact(lanes);
            let belows = below[range.clone()].chunks_exact_mut(lanes);
            for ((delta, standard), to) in self.delta[range].chunks_exact(lanes).zip(standards).zip(belows) {
                let inner = gamma.mul(V::load(delta)).sub(mean).sub(along.mul(V::load(standard))).mul(factor);
                if add { V::load(to).add(inner).store(to) } else { inner.store(to) }
            }
        }
    }
}
