//! One tile of samples through the net and back.

use super::activation::{Activate, Derivative};
use super::convolution;
use super::dense::{BiasGradient, Start, Sums, WeightGradient};
use super::first::{FirstGradient, FirstLayer, Gradient, Source};
use super::graph::steps;
use super::layer::Layer;
use super::net::Net;
use super::simd::Lane;
use super::weights::Moments;
use crate::problem::Activation;

/// Computes all layers for a tile of `valid` samples: hidden layers activated, the output layer's sums.
#[inline(always)]
pub(super) fn forward<V: Lane, const R: usize>(
    net: &mut Net,
    activation: Activation,
    source: Source<'_>,
    valid: usize,
    moments: Moments<'_>,
) {
    if net.tiles.is_some() {
        V::enter::<_, R>(steps::Forward { net, source, valid, moments });
        return;
    }
    let depth = net.layers.len();
    for at in 0..depth {
        let (below, above) = net.layers.split_at_mut(at);
        let (below, layer) = (below.last(), &mut above[0]);
        if layer.convolution.is_some() {
            convolution::forward::<V, R>(below, layer, source, activation, valid);
            continue;
        }
        match below {
            None => V::enter::<_, 1>(FirstLayer { layer, source, valid }),
            Some(below) => V::enter::<_, R>(Sums {
                layout: &layer.layout,
                weights: &layer.weight.value,
                start: Start::From(&layer.bias.value),
                input: &below.out,
                stride: below.stride,
                rows: valid,
                out: &mut layer.out,
                out_stride: layer.stride,
            }),
        }
        if at + 1 < depth {
            let Layer { out, slope, stride, columns, .. } = layer;
            V::enter::<_, 1>(Activate { out, slope, stride: *stride, columns: *columns, activation, valid });
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
    if net.tiles.is_some() {
        V::enter::<_, R>(steps::Backward { net, gradient, valid, first });
        return;
    }
    let scratch = &mut net.scratch;
    for at in (0..net.layers.len()).rev() {
        let (below, above) = net.layers.split_at_mut(at);
        let (below, layer) = (below.last_mut(), &mut above[0]);
        if layer.convolution.is_some() {
            convolution::backward::<V, R>(below, layer, gradient, activation, valid, first, scratch);
            continue;
        }
        V::enter::<_, 1>(BiasGradient { layer, valid });
        let Some(below) = below else {
            V::enter::<_, 1>(FirstGradient { layer, gradient, valid, first, scratch });
            continue;
        };
        V::enter::<_, R>(WeightGradient {
            layout: &layer.layout,
            gradient: &mut layer.weight.gradient,
            input: &below.out,
            stride: below.stride,
            delta: &layer.out,
            delta_stride: layer.stride,
            rows: valid,
            first,
            scratch,
        });
        let Some((layout, back)) = &layer.back else { continue };
        V::enter::<_, R>(Sums {
            layout,
            weights: back,
            start: Start::Zero,
            input: &layer.out,
            stride: layer.stride,
            rows: valid,
            out: scratch,
            out_stride: below.stride,
        });
        V::enter::<_, 1>(Derivative {
            out: &mut below.out,
            slope: &below.slope,
            stride: below.stride,
            delta: scratch,
            delta_stride: below.stride,
            rows: valid,
            columns: below.columns,
            activation,
        });
    }
}
