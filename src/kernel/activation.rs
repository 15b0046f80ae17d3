//! Activations of a layer's sums, and their derivatives on the way back.

use super::function::{gelu, sigmoid, tanh};
use super::layer::Layer;
use super::simd::{Lane, Task, get, put};
use crate::problem::Activation;

/// An activation whose derivative follows from its value.
pub(super) trait Elementwise {
    /// The activation.
    fn value<V: Lane>(z: V) -> V;
    /// `d` times the derivative where the value is `h`.
    fn back<V: Lane>(d: V, h: V) -> V;
}

/// tanh z
pub(super) struct Tanh;
/// 1/(1 + e^−z)
pub(super) struct Sigmoid;
/// max(0, z)
pub(super) struct Relu;

impl Elementwise for Tanh {
    #[inline(always)]
    fn value<V: Lane>(z: V) -> V {
        tanh(z)
    }

    #[inline(always)]
    fn back<V: Lane>(d: V, h: V) -> V {
        V::splat(0.0).sub(h).fma(h, V::splat(1.0)).mul(d)
    }
}

impl Elementwise for Sigmoid {
    #[inline(always)]
    fn value<V: Lane>(z: V) -> V {
        sigmoid(z)
    }

    #[inline(always)]
    fn back<V: Lane>(d: V, h: V) -> V {
        d.mul(h.mul(V::splat(1.0).sub(h)))
    }
}

impl Elementwise for Relu {
    #[inline(always)]
    fn value<V: Lane>(z: V) -> V {
        // The zero comes first: `max` hands NaN on from its second operand.
        V::splat(0.0).max(z)
    }

    #[inline(always)]
    fn back<V: Lane>(d: V, h: V) -> V {
        V::select(h.gt(V::splat(0.0)), d, V::splat(0.0))
    }
}

/// Replaces a tile's sums by their activation.
pub(super) struct Activate<'a> {
    pub(super) layer: &'a mut Layer,
    pub(super) activation: Activation,
    /// Samples of the tile.
    pub(super) valid: usize,
}

impl Task for Activate<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let Activate { layer, activation, valid } = self;
        let rows = valid.next_multiple_of(MR);
        match activation {
            Activation::Tanh => each::<V, Tanh>(layer, rows),
            Activation::Sigmoid => each::<V, Sigmoid>(layer, rows),
            Activation::Relu => each::<V, Relu>(layer, rows),
            Activation::Gelu => {
                let (columns, stride) = (layer.columns, layer.stride);
                for row in 0..rows {
                    let range = row * stride..row * stride + columns;
                    let out = layer.out[range.clone()].chunks_exact_mut(V::LEN);
                    for (z, slope) in out.zip(layer.slope[range].chunks_exact_mut(V::LEN)) {
                        let (value, derivative) = gelu(V::load(z));
                        value.store(z);
                        derivative.store(slope);
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn each<V: Lane, F: Elementwise>(layer: &mut Layer, rows: usize) {
    let columns = layer.columns;
    for row in layer.out.chunks_exact_mut(layer.stride).take(rows) {
        for z in row[..columns].chunks_exact_mut(V::LEN) {
            F::value(V::load(z)).store(z);
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
            Activation::Gelu => {
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
