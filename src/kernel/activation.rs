//! Activations of a layer's sums, and their derivatives on the way back.

use super::elementwise::{
    Elementwise, Elu, Erf, Gelu, Identity, LeakyRelu, Quadratic, Relu, Sigmoid, Sloped, Softplus, Swish, Tanh,
};
use super::simd::{Lane, Task, get, put};
use crate::problem::Activation;

/// Replaces a tile's sums by their activation.
pub(super) struct Activate<'a> {
    /// Rows of sums.
    pub(super) out: &'a mut [f32],
    /// Room for the derivatives, laid out alike, where they are kept.
    pub(super) slope: &'a mut [f32],
    /// Distance between the rows.
    pub(super) stride: usize,
    /// Numbers in a row, whole vectors.
    pub(super) columns: usize,
    pub(super) activation: Activation,
    /// Samples of the tile.
    pub(super) valid: usize,
}

impl Task for Activate<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let rows = self.valid.next_multiple_of(MR);
        match self.activation {
            Activation::Tanh => each::<V, Tanh>(self, rows),
            Activation::Sigmoid => each::<V, Sigmoid>(self, rows),
            Activation::Relu => each::<V, Relu>(self, rows),
            Activation::LeakyRelu => each::<V, LeakyRelu>(self, rows),
            Activation::Elu => each::<V, Elu>(self, rows),
            Activation::Identity => {}
            Activation::Gelu => both::<V, Gelu>(self, rows),
            Activation::Softplus => both::<V, Softplus>(self, rows),
            Activation::Swish => both::<V, Swish>(self, rows),
            Activation::Erf => both::<V, Erf>(self, rows),
            Activation::Quadratic => both::<V, Quadratic>(self, rows),
        }
    }
}

#[inline(always)]
fn each<V: Lane, F: Elementwise>(task: Activate<'_>, rows: usize) {
    let columns = task.columns;
    for row in task.out.chunks_exact_mut(task.stride).take(rows) {
        for z in row[..columns].chunks_exact_mut(V::LEN) {
            F::value(V::load(z)).store(z);
        }
    }
}

#[inline(always)]
fn both<V: Lane, F: Sloped>(task: Activate<'_>, rows: usize) {
    let Activate { out, slope, stride, columns, .. } = task;
    for row in 0..rows {
        let range = row * stride..row * stride + columns;
        let out = out[range.clone()].chunks_exact_mut(V::LEN);
        for (z, slope) in out.zip(slope[range].chunks_exact_mut(V::LEN)) {
            let (value, derivative) = F::both(V::load(z));
            value.store(z);
            derivative.store(slope);
        }
    }
}

/// Replaces outputs by the gradient with respect to what was activated: `delta`, that with respect to the outputs, times the
/// derivative.
pub(super) struct Derivative<'a> {
    /// Rows of outputs.
    pub(super) out: &'a mut [f32],
    /// Their derivatives, laid out alike, where they are kept.
    pub(super) slope: &'a [f32],
    /// Distance between those rows.
    pub(super) stride: usize,
    /// Rows of the gradient.
    pub(super) delta: &'a [f32],
    /// Distance between these.
    pub(super) delta_stride: usize,
    pub(super) rows: usize,
    /// Numbers in a row.
    pub(super) columns: usize,
    pub(super) activation: Activation,
}

impl Task for Derivative<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        match self.activation {
            Activation::Tanh => combine::<V, Tanh>(self),
            Activation::Sigmoid => combine::<V, Sigmoid>(self),
            Activation::Relu => combine::<V, Relu>(self),
            Activation::LeakyRelu => combine::<V, LeakyRelu>(self),
            Activation::Elu => combine::<V, Elu>(self),
            Activation::Identity => combine::<V, Identity>(self),
            Activation::Gelu | Activation::Softplus | Activation::Swish | Activation::Erf | Activation::Quadratic => {
                let Derivative { out, slope, stride, delta, delta_stride, rows, columns, .. } = self;
                for row in 0..rows {
                    let (out, slope) = (&mut out[row * stride..][..columns], &slope[row * stride..][..columns]);
                    let delta = &delta[row * delta_stride..][..columns];
                    for at in (0..columns).step_by(V::LEN) {
                        put(get::<V>(&delta[at..]).mul(get(&slope[at..])), &mut out[at..]);
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn combine<V: Lane, F: Elementwise>(task: Derivative<'_>) {
    let Derivative { out, stride, delta, delta_stride, rows, columns, .. } = task;
    for row in 0..rows {
        let out = &mut out[row * stride..][..columns];
        let delta = &delta[row * delta_stride..][..columns];
        for at in (0..columns).step_by(V::LEN) {
            put(F::back(get::<V>(&delta[at..]), get(&out[at..])), &mut out[at..]);
        }
    }
}
