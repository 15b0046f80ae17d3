//! Convolutions: every sample's places are the rows of a product.
//!
//! A plane is `[line, column, channel, replica]`. The inputs are unfolded line by line: a place of the unfolded plane holds
//! the numbers of a column of the kernel, `[line of the kernel, channel, replica]`, so that the columns of a kernel lie side
//! by side and neighbouring places share all but one of them. A place's row, `[column, line, channel, replica]`, starts
//! where its first column does, and the product with the weights is a dense layer's. Lines end with the zeros that pad them,
//! which are those before the next line too; a product's rows run over them, and what comes out there is left alone.
//!
//! Samples go through one by one, a few lines at a time, which stay in the first caches. Backward, the gradient with respect
//! to the inputs is the same product over the gradient unfolded, with the kernel turned around.
//!
//! Invariant: no sum depends on the number of replicas side by side.

pub(super) mod buffers;
mod pool;
pub(super) mod unfold;

use super::activation::Derivative;
use super::dense::{Start, Sums, WeightGradient};
use super::first::{Gradient, Source};
use super::layer::Layer;
use super::simd::Lane;
use crate::problem::Activation;
use pool::{Pool, Unpool};
pub(super) use unfold::{Images, Which};
use unfold::{Plane, Spread, Unfold};

/// Sums, activation and pooling of a tile's first `valid` samples.
#[inline(always)]
pub(super) fn forward<V: Lane, const R: usize>(
    below: Option<&Layer>,
    layer: &mut Layer,
    source: Source<'_>,
    activation: Activation,
    valid: usize,
) {
    let Layer { layout, weight, bias, out, slope, stride, columns, convolution, .. } = layer;
    let Some(own) = convolution else { return };
    let numbers = own.inputs * R;
    for sample in 0..valid {
        if let (None, Source::Images(images)) = (below, source) {
            V::enter::<_, R>(Spread { images, sample, channels: own.inputs, image: &mut own.image });
        }
        let outputs = sample * *stride..sample * *stride + *columns;
        for (line, count) in own.stripes() {
            let data = below.map_or(&own.image[..], |below| &below.out[sample * below.stride..]);
            let plane = Plane { data, place: numbers, line: own.width * numbers, numbers };
            let [kernel, pitch, width, height] = [own.kernel, own.pitch, own.width, own.height];
            let to = &mut own.unfolded;
            V::enter::<_, R>(Unfold {
                plane,
                kernel,
                step: 1,
                padding: kernel / 2,
                pitch,
                width,
                height,
                line,
                count,
                to,
            });
            V::enter::<_, R>(Sums {
                layout,
                weights: &weight.value,
                start: Start::From(&bias.value),
                input: &own.unfolded,
                stride: own.kernel * numbers,
                rows: count * own.pitch,
                out: &mut own.sums,
                out_stride: layout.padded_columns(),
            });
            let done = line / own.pool * (own.width / own.pool) * own.outputs * R;
            let part = outputs.start + done..outputs.end;
            V::enter::<_, 1>(Pool {
                sums: &own.sums,
                windows: own.windows::<R>(layout, count),
                activation,
                out: &mut out[part.clone()],
                choice: if own.pool > 1 { &mut own.choice[part.clone()] } else { &mut [] },
                slope: if slope.is_empty() { &mut [] } else { &mut slope[part] },
            });
        }
    }
}

/// Adds a tile's gradients, given that with respect to what was pooled in the layer's `out`, and carries it to the outputs
/// below.
#[inline(always)]
pub(super) fn backward<V: Lane, const R: usize>(
    mut below: Option<&mut Layer>,
    layer: &mut Layer,
    gradient: Gradient<'_>,
    activation: Activation,
    valid: usize,
    first: bool,
    scratch: &mut [f32],
) {
    let Layer { layout, weight, bias_sum, back, out, stride, columns, convolution, .. } = layer;
    let Some(own) = convolution else { return };
    let numbers = own.inputs * R;
    let place = layout.padded_columns();
    for sample in 0..valid {
        if let (None, Gradient::Images(images)) = (&below, gradient) {
            V::enter::<_, R>(Spread { images, sample, channels: own.inputs, image: &mut own.image });
        }
        let outputs = sample * *stride..sample * *stride + *columns;
        V::enter::<_, 1>(Unpool {
            out: &out[outputs.clone()],
            choice: if own.pool > 1 { &own.choice[outputs] } else { &[] },
            windows: own.windows::<R>(layout, own.height),
            delta: &mut own.delta,
            bias: &mut own.bias,
        });
        for (sum, &bias) in bias_sum.iter_mut().zip(own.bias.iter()) {
            *sum += f64::from(bias);
        }
        let [kernel, pitch, width, height] = [own.kernel, own.pitch, own.width, own.height];
        for (line, count) in own.stripes() {
            let data = below.as_ref().map_or(&own.image[..], |below| &below.out[sample * below.stride..]);
            let plane = Plane { data, place: numbers, line: width * numbers, numbers };
            let to = &mut own.unfolded;
            V::enter::<_, R>(Unfold {
                plane,
                kernel,
                step: 1,
                padding: kernel / 2,
                pitch,
                width,
                height,
                line,
                count,
                to,
            });
            V::enter::<_, R>(WeightGradient {
                layout,
                gradient: &mut weight.gradient,
                input: &own.unfolded,
                stride: kernel * numbers,
                delta: &own.delta[line * pitch * place..],
                delta_stride: place,
                rows: count * pitch,
                first: first && sample == 0 && line == 0,
                scratch,
            });
        }
        let (Some(below), Some((turned, back))) = (&mut below, &back) else { continue };
        for (line, count) in own.stripes() {
            let outputs = own.outputs * R;
            let plane = Plane { data: &own.delta, place, line: pitch * place, numbers: outputs };
            let to = &mut own.delta_unfolded;
            V::enter::<_, R>(Unfold {
                plane,
                kernel,
                step: 1,
                padding: kernel / 2,
                pitch,
                width,
                height,
                line,
                count,
                to,
            });
            let carried = turned.padded_columns();
            V::enter::<_, R>(Sums {
                layout: turned,
                weights: back,
                start: Start::Zero,
                input: &own.delta_unfolded,
                stride: kernel * outputs,
                rows: count * pitch,
                out: &mut own.sums,
                out_stride: carried,
            });
            for within in 0..count {
                let first = sample * below.stride + (line + within) * width * numbers;
                V::enter::<_, 1>(Derivative {
                    out: &mut below.out[first..],
                    slope: below.slope.get(first..).unwrap_or_default(),
                    stride: numbers,
                    delta: &own.sums[within * pitch * carried..],
                    delta_stride: carried,
                    rows: width,
                    columns: numbers,
                    activation,
                });
            }
        }
    }
}
