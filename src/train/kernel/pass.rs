//! One tile of samples through the net and back.

use super::first::{FirstGradient, FirstLayer, Gradient, Source};
use super::function::{gelu, sigmoid, tanh};
use super::net::{Layer, Net};
use super::simd::{ADD, FROM, Lane, ONTO, Operand, Rows, STORE, Task, product};
use crate::sweep::Activation;

/// Computes all layers for a tile of `groups` · `MR` samples: hidden layers activated, the output layer's sums.
#[inline(always)]
pub(super) fn forward<V: Lane, const R: usize>(
    net: &mut Net,
    activation: Activation,
    source: Source<'_>,
    groups: usize,
) {
    let depth = net.layers.len();
    for at in 0..depth {
        let (below, above) = net.layers.split_at_mut(at);
        let layer = &mut above[0];
        match below.last() {
            None => V::enter::<_, 1>(FirstLayer { layer, source, groups }),
            Some(below) => V::enter::<_, R>(DeeperLayer { below, layer, groups }),
        }
        if at + 1 < depth {
            V::enter::<_, 1>(Activate { layer, activation, groups });
        }
    }
}

struct DeeperLayer<'a> {
    below: &'a Layer,
    layer: &'a mut Layer,
    groups: usize,
}

impl Task for DeeperLayer<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let DeeperLayer { below, layer, groups } = self;
        for panel in &layer.layout.panels {
            let (first, width, vectors) = (panel.first * V::LEN, panel.vectors * V::LEN, panel.vectors);
            let bias = &layer.bias.value[first..];
            for (from, count) in blocks(layer.inputs, AT_ONCE) {
                let (data, rows) = (&layer.weight.value[panel.offset + from * width..], Rows::All(count));
                let b = Operand { data, row: width, step: 0 };
                for group in 0..groups {
                    let data = &below.out[group * MR * below.stride + from * R..];
                    let a = Operand { data, row: below.stride, step: R };
                    let c = &mut layer.out[group * MR * layer.stride + first..];
                    match from {
                        0 => product::<V, MR, NV, R, FROM, false>(vectors, a, b, rows, c, layer.stride, bias),
                        _ => product::<V, MR, NV, R, ONTO, false>(vectors, a, b, rows, c, layer.stride, &[]),
                    }
                }
            }
        }
    }
}

/// Rows of the right operand that a panel's product takes at a time. Four vectors of eight lanes of so many are half a
/// first cache of 32 KiB, and every group of rows reads them from there. The sum goes on where the last block's stopped:
/// blocks change no bit.
const AT_ONCE: usize = 128;

/// Where blocks of `count` rows begin, and how many are in each: at most `most`, and as equal as may be.
#[inline(always)]
fn blocks(count: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let share = count.div_ceil(count.div_ceil(most.max(1)).max(1)).max(1);
    (0..count.max(1)).step_by(share).map(move |from| (from, share.min(count - from)))
}

/// An activation whose derivative follows from its value.
trait Elementwise {
    /// The activation.
    fn value<V: Lane>(z: V) -> V;
    /// `d` times the derivative where the value is `h`.
    fn back<V: Lane>(d: V, h: V) -> V;
}

struct Tanh;
struct Sigmoid;
struct Relu;

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

struct Activate<'a> {
    layer: &'a mut Layer,
    activation: Activation,
    groups: usize,
}

impl Task for Activate<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let Activate { layer, activation, groups } = self;
        let rows = groups * MR;
        match activation {
            Activation::Tanh => each::<V, Tanh>(layer, rows),
            Activation::Sigmoid => each::<V, Sigmoid>(layer, rows),
            Activation::Relu => each::<V, Relu>(layer, rows),
            Activation::Softplus => unreachable!("softplus is trained by gradient flow"),
            Activation::Gelu => {
                let (columns, stride) = (layer.layout.padded_columns(), layer.stride);
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
    let columns = layer.layout.padded_columns();
    for row in layer.out.chunks_exact_mut(layer.stride).take(rows) {
        for z in row[..columns].chunks_exact_mut(V::LEN) {
            F::value(V::load(z)).store(z);
        }
    }
}

/// Adds the tile's gradients, given the loss's gradient with respect to the output sums in the last layer's `out`;
/// `valid` samples of the tile count. The hidden layers' outputs become gradients on the way. The `first` tile of a pass
/// overwrites the gradients of an earlier one.
#[inline(always)]
pub(super) fn backward<V: Lane, const R: usize>(
    net: &mut Net,
    activation: Activation,
    gradient: Gradient<'_>,
    valid: usize,
    first: bool,
) {
    for at in (0..net.layers.len()).rev() {
        let (below, above) = net.layers.split_at_mut(at);
        let layer = &mut above[0];
        V::enter::<_, 1>(BiasGradient { layer, valid });
        match below.last_mut() {
            None => V::enter::<_, 1>(FirstGradient { layer, gradient, valid, first, scratch: &mut net.scratch }),
            Some(below) => {
                V::enter::<_, R>(DeeperGradient { below, layer, scratch: &mut net.scratch, valid, first });
                V::enter::<_, R>(CarryBack { below, layer, scratch: &mut net.scratch, activation, valid });
            }
        }
    }
}

struct BiasGradient<'a> {
    layer: &'a mut Layer,
    valid: usize,
}

impl Task for BiasGradient<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let BiasGradient { layer, valid } = self;
        let columns = layer.layout.padded_columns();
        let mut total = [0f32; 16];
        for first in (0..columns).step_by(V::LEN) {
            let mut sum = V::splat(0.0);
            for row in layer.out.chunks_exact(layer.stride).take(valid) {
                sum = sum.add(V::load(&row[first..]));
            }
            sum.store(&mut total);
            for (to, &sum) in layer.bias_sum[first..first + V::LEN].iter_mut().zip(&total) {
                *to += f64::from(sum);
            }
        }
    }
}

struct DeeperGradient<'a> {
    below: &'a Layer,
    layer: &'a mut Layer,
    scratch: &'a mut [f32],
    valid: usize,
    first: bool,
}

impl Task for DeeperGradient<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let DeeperGradient { below, layer, scratch, valid, first } = self;
        for panel in &layer.layout.panels {
            let (start, width, vectors) = (panel.first * V::LEN, panel.vectors * V::LEN, panel.vectors);
            // Close together, the panel's gradients stay in the first cache while every group of inputs reads them.
            for (row, from) in scratch.chunks_exact_mut(width).zip(layer.out.chunks_exact(layer.stride)).take(valid) {
                row.copy_from_slice(&from[start..start + width]);
            }
            // A later tile's sum starts from zero before it is added, so it is taken whole.
            for (from, count) in blocks(valid, if first { AT_ONCE } else { valid }) {
                let b = Operand { data: &scratch[from * width..], row: width, step: 0 };
                let rows = Rows::All(count);
                for group in 0..layer.inputs.div_ceil(MR) {
                    let data = &below.out[from * below.stride + group * MR * R..];
                    let a = Operand { data, row: R, step: below.stride };
                    let c = &mut layer.weight.gradient[panel.offset + group * MR * width..];
                    match (first, from) {
                        (true, 0) => product::<V, MR, NV, R, STORE, true>(vectors, a, b, rows, c, width, &[]),
                        (true, _) => product::<V, MR, NV, R, ONTO, true>(vectors, a, b, rows, c, width, &[]),
                        (false, _) => product::<V, MR, NV, R, ADD, true>(vectors, a, b, rows, c, width, &[]),
                    }
                }
            }
        }
    }
}

/// δ below = (δ Wᵀ) ∘ the activation's derivative, over the outputs below.
struct CarryBack<'a> {
    below: &'a mut Layer,
    layer: &'a Layer,
    scratch: &'a mut [f32],
    activation: Activation,
    valid: usize,
}

impl Task for CarryBack<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let CarryBack { below, layer, scratch, activation, valid } = self;
        let groups = valid.div_ceil(MR);
        let rows = groups * MR;
        let Some((layout, back)) = &layer.back else { return };
        for panel in &layout.panels {
            let (first, width, vectors) = (panel.first * V::LEN, panel.vectors * V::LEN, panel.vectors);
            for (from, count) in blocks(layer.outputs, AT_ONCE) {
                let (data, rows) = (&back[panel.offset + from * width..], Rows::All(count));
                let b = Operand { data, row: width, step: 0 };
                for group in 0..groups {
                    let data = &layer.out[group * MR * layer.stride + from * R..];
                    let a = Operand { data, row: layer.stride, step: R };
                    let c = &mut scratch[group * MR * below.stride + first..];
                    match from {
                        0 => product::<V, MR, NV, R, STORE, false>(vectors, a, b, rows, c, below.stride, &[]),
                        _ => product::<V, MR, NV, R, ONTO, false>(vectors, a, b, rows, c, below.stride, &[]),
                    }
                }
            }
        }
        match activation {
            Activation::Tanh => combine::<V, Tanh>(below, scratch, rows),
            Activation::Sigmoid => combine::<V, Sigmoid>(below, scratch, rows),
            Activation::Relu => combine::<V, Relu>(below, scratch, rows),
            Activation::Softplus => unreachable!("softplus is trained by gradient flow"),
            Activation::Gelu => {
                let (columns, stride) = (below.layout.padded_columns(), below.stride);
                for row in 0..rows {
                    let range = row * stride..row * stride + columns;
                    let out = below.out[range.clone()].chunks_exact_mut(V::LEN);
                    let slope = below.slope[range.clone()].chunks_exact(V::LEN);
                    for ((h, slope), d) in out.zip(slope).zip(scratch[range].chunks_exact(V::LEN)) {
                        V::load(d).mul(V::load(slope)).store(h);
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn combine<V: Lane, F: Elementwise>(below: &mut Layer, scratch: &[f32], rows: usize) {
    let (columns, stride) = (below.layout.padded_columns(), below.stride);
    for row in 0..rows {
        let range = row * stride..row * stride + columns;
        let out = below.out[range.clone()].chunks_exact_mut(V::LEN);
        for (h, d) in out.zip(scratch[range].chunks_exact(V::LEN)) {
            F::back(V::load(d), V::load(h)).store(h);
        }
    }
}
