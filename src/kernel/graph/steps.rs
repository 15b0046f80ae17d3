//! A tile of samples through the steps of a graph, and back.

use super::convolution::{self, Gradients, Part};
use super::depthwise;
use super::normalise::{Normalise, NormaliseBack};
use super::normalise_batch::{ChannelRows, Evaluate, NormaliseBatch, NormaliseBatchBack};
use super::pool::{MaxPool, MaxPoolBack, MeanPool, MeanPoolBack};
use super::slot::Slot;
use super::tiles::{Own, Tiles};
use super::walk::{Edge, Kind};
use crate::activation::{Activate, Derivative};
use crate::convolution::unfold::Spread;
use crate::dense::{BiasGradient, Start, Sums, WeightGradient};
use crate::first::{FirstGradient, FirstLayer, Gradient, Source};
use crate::layer::Layer;
use crate::net::Net;
use crate::simd::{Lane, Task};
use crate::weights::Moments;

/// Computes all values for a tile of samples.
pub(crate) struct Forward<'a, 's> {
    pub(crate) net: &'a mut Net,
    pub(crate) source: Source<'s>,
    /// Samples of the tile.
    pub(crate) valid: usize,
    /// What a batch normalisation normalises by.
    pub(crate) moments: Moments<'s>,
}

impl Task for Forward<'_, '_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let Forward { net, source, valid, moments: of } = self;
        let Net { layers, tiles: Some(Tiles { walk, slots, own }), .. } = net else { return };
        for (step, own) in walk.steps.iter().zip(own) {
            // Taken out while the step reads the others.
            let mut out = std::mem::take(&mut slots[step.slot].value);
            let Slot { stride, columns, units, .. } = slots[step.slot];
            let layer = step.layer.map(|layer| &mut layers[layer]);
            let below = step.inputs.first().map(|edge| &slots[edge.slot]);
            if let (true, Some(below)) = (step.kind.works_in_place() && !step.inputs[0].in_place, below) {
                V::enter::<_, 1>(Copy { from: &below.value, to: &mut out, stride, columns, rows: valid, onto: false });
            }
            match (step.kind, layer, below) {
                (Kind::Input { channels }, ..) => {
                    if let Source::Images(images) = source {
                        for (sample, row) in out.chunks_exact_mut(stride).enumerate().take(valid) {
                            V::enter::<_, R>(Spread { images, sample, channels, image: &mut row[..units * R] });
                        }
                    }
                }
                (Kind::First, Some(layer), _) => {
                    std::mem::swap(&mut layer.out, &mut out);
                    V::enter::<_, 1>(FirstLayer { layer, source, valid });
                    std::mem::swap(&mut layer.out, &mut out);
                }
                (Kind::Dense, Some(layer), Some(below)) => V::enter::<_, R>(Sums {
                    layout: &layer.layout,
                    weights: &layer.weight.value,
                    start: Start::From(&layer.bias.value),
                    input: &below.value,
                    stride: below.stride,
                    rows: valid,
                    out: &mut out,
                    out_stride: stride,
                }),
                (Kind::Convolution { geometry, groups }, Some(_), Some(below)) => {
                    if let (Own::Unfolded(own), Some(first)) = (own, step.layer) {
                        for (group, layer) in layers[first..first + groups].iter().enumerate() {
                            let part = Part { geometry, group, groups };
                            convolution::forward::<V, R>(part, layer, own, below, &mut out, stride, valid);
                        }
                    }
                }
                (Kind::Depthwise(geometry), Some(layer), Some(below)) => {
                    depthwise::forward::<V, R>(geometry, layer, below, &mut out, stride, valid);
                }
                (Kind::Activation(activation), ..) => {
                    let slope = match own {
                        Own::Slope(slope) => &mut slope[..],
                        _ => &mut [],
                    };
                    V::enter::<_, 1>(Activate { out: &mut out, slope, stride, columns, activation, valid });
                }
                (Kind::MaxPool(geometry), _, Some(below)) => {
                    let numbers = geometry.outputs * R;
                    if let Own::Choice(choice) = own {
                        let (input, from) = (&below.value[..], below.stride);
                        V::enter::<_, 1>(MaxPool {
                            geometry,
                            numbers,
                            input,
                            from,
                            out: &mut out,
                            choice,
                            stride,
                            valid,
                        });
                    }
                }
                (Kind::MeanPool(geometry), _, Some(below)) => {
                    let numbers = geometry.outputs * R;
                    let (input, from) = (&below.value[..], below.stride);
                    V::enter::<_, 1>(MeanPool { geometry, numbers, input, from, out: &mut out, stride, valid });
                }
                (Kind::Normalise { channels }, Some(layer), _) => {
                    if let Own::Standard(standard) = own {
                        V::enter::<_, R>(Normalise { channels, units, layer, standard, out: &mut out, stride, valid });
                    }
                }
                (Kind::NormaliseBatch { channels }, Some(layer), _) => {
                    let rows = ChannelRows { channels, units, stride, valid };
                    match (own, of) {
                        (Own::Batch(moments), Moments::Running) => {
                            V::enter::<_, R>(Evaluate { rows, layer, moments, out: &mut out });
                        }
                        (Own::Batch(moments), Moments::Step(weights)) => {
                            V::enter::<_, R>(NormaliseBatch { rows, layer, moments, out: &mut out, weights });
                        }
                        _ => {}
                    }
                }
                (Kind::Scale(factor), ..) => V::enter::<_, 1>(Scale { out: &mut out, stride, columns, valid, factor }),
                (Kind::Flatten { channels, places }, _, Some(below)) => {
                    let (from, to) = (&below.value[..], &mut out[..]);
                    let strides = [below.stride, stride];
                    V::enter::<_, R>(Turn { from, to, strides, counts: [places, channels], valid, onto: false });
                }
                (Kind::Add, ..) => {
                    let other = &slots[step.inputs[1].slot].value;
                    V::enter::<_, 1>(Copy { from: other, to: &mut out, stride, columns, rows: valid, onto: true });
                }
                _ => {}
            }
            slots[step.slot].value = out;
        }
    }
}

/// Adds a tile's gradients, given the loss's gradient in the outputs' buffer.
pub(crate) struct Backward<'a, 's> {
    pub(crate) net: &'a mut Net,
    pub(crate) gradient: Gradient<'s>,
    /// Samples of the tile.
    pub(crate) valid: usize,
    /// Whether the gradients of an earlier pass are overwritten.
    pub(crate) first: bool,
}

impl Task for Backward<'_, '_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let Backward { net, gradient, valid, first } = self;
        let Net { layers, tiles: Some(Tiles { walk, slots, own }), scratch, .. } = net else { return };
        for (step, own) in walk.steps.iter().zip(own).rev().filter(|(step, _)| step.back) {
            let mut here = std::mem::take(&mut slots[step.slot].gradient);
            let Slot { stride, columns, units, .. } = slots[step.slot];
            let layer = step.layer.map(|layer| &mut layers[layer]);
            let edge = step.inputs.first().copied();
            match (step.kind, layer, edge) {
                (Kind::First, Some(layer), _) => {
                    std::mem::swap(&mut layer.out, &mut here);
                    V::enter::<_, 1>(BiasGradient { layer, valid });
                    V::enter::<_, 1>(FirstGradient { layer, gradient, valid, first, scratch });
                    std::mem::swap(&mut layer.out, &mut here);
                }
                (Kind::Dense, Some(layer), Some(edge)) => {
                    std::mem::swap(&mut layer.out, &mut here);
                    if layer.biased {
                        V::enter::<_, 1>(BiasGradient { layer, valid });
                    }
                    std::mem::swap(&mut layer.out, &mut here);
                    let Slot { value, gradient: beneath, stride: from, .. } = &mut slots[edge.slot];
                    let Layer { layout, weight, back, .. } = layer;
                    V::enter::<_, R>(WeightGradient {
                        layout,
                        gradient: &mut weight.gradient,
                        input: value,
                        stride: *from,
                        delta: &here,
                        delta_stride: stride,
                        rows: valid,
                        first,
                        scratch,
                    });
                    if let Some((layout, back)) = back {
                        V::enter::<_, R>(Sums {
                            layout,
                            weights: back,
                            start: if edge.onto { Start::There } else { Start::Zero },
                            input: &here,
                            stride,
                            rows: valid,
                            out: beneath,
                            out_stride: *from,
                        });
                    }
                }
                (Kind::Convolution { geometry, groups }, Some(_), Some(edge)) => {
                    let of = Gradients { here: &here, stride, edge, valid, first };
                    if let (Own::Unfolded(own), Some(first)) = (own, step.layer) {
                        for (group, layer) in layers[first..first + groups].iter_mut().enumerate() {
                            let (part, below) = (Part { geometry, group, groups }, &mut slots[edge.slot]);
                            convolution::backward::<V, R>(part, layer, own, below, of, scratch);
                        }
                    }
                }
                (Kind::Depthwise(geometry), Some(layer), Some(edge)) => {
                    depthwise::backward::<V, R>(geometry, layer, &mut slots[edge.slot], &here, stride, edge, valid);
                }
                (Kind::Activation(activation), ..) => {
                    let slope = match own {
                        Own::Slope(slope) => &slope[..],
                        _ => &[],
                    };
                    // The value becomes the gradient, and the two change places: nobody wants the value any more.
                    let value = &mut slots[step.slot].value;
                    V::enter::<_, 1>(Derivative {
                        out: value,
                        slope,
                        stride,
                        delta: &here,
                        delta_stride: stride,
                        rows: valid,
                        columns,
                        activation,
                    });
                    std::mem::swap(value, &mut here);
                }
                (Kind::MaxPool(geometry), _, Some(edge)) => {
                    let numbers = geometry.outputs * R;
                    if let (Own::Choice(choice), true) = (own, edge.carried) {
                        let Slot { gradient: to, stride: from, .. } = &mut slots[edge.slot];
                        let (onto, from) = (edge.onto, *from);
                        let here = &here[..];
                        V::enter::<_, 1>(MaxPoolBack {
                            geometry,
                            numbers,
                            here,
                            choice,
                            stride,
                            to,
                            from,
                            onto,
                            valid,
                        });
                    }
                }
                (Kind::MeanPool(geometry), _, Some(edge)) if edge.carried => {
                    let numbers = geometry.outputs * R;
                    let Slot { gradient: to, stride: from, .. } = &mut slots[edge.slot];
                    let (onto, from) = (edge.onto, *from);
                    V::enter::<_, 1>(MeanPoolBack { geometry, numbers, here: &here, stride, to, from, onto, valid });
                }
                (Kind::Normalise { channels }, Some(layer), _) => {
                    if let Own::Standard(standard) = own {
                        let here = &mut here[..];
                        V::enter::<_, R>(NormaliseBack { channels, units, layer, standard, here, stride, valid });
                    }
                }
                (Kind::NormaliseBatch { channels }, Some(layer), _) => {
                    if let Own::Batch(moments) = own {
                        let rows = ChannelRows { channels, units, stride, valid };
                        V::enter::<_, R>(NormaliseBatchBack { rows, layer, moments, here: &mut here });
                    }
                }
                (Kind::Scale(factor), ..) => V::enter::<_, 1>(Scale { out: &mut here, stride, columns, valid, factor }),
                (Kind::Flatten { channels, places }, _, Some(edge)) if edge.carried => {
                    let Slot { gradient: to, stride: below, .. } = &mut slots[edge.slot];
                    let strides = [stride, *below];
                    let onto = edge.onto;
                    V::enter::<_, R>(Turn { from: &here, to, strides, counts: [channels, places], valid, onto });
                }
                _ => {}
            }
            if step.kind.works_in_place() {
                for &Edge { slot, onto, .. } in step.inputs.iter().filter(|edge| edge.carried && !edge.in_place) {
                    let to = &mut slots[slot].gradient[..];
                    V::enter::<_, 1>(Copy { from: &here, to, stride, columns, rows: valid, onto });
                }
            }
            slots[step.slot].gradient = here;
        }
    }
}

impl Kind {
    /// Whether the step's value begins as a copy of what it reads first, or is worked out where that is.
    fn works_in_place(self) -> bool {
        match self {
            Kind::Activation(_)
            | Kind::Scale(_)
            | Kind::Normalise { .. }
            | Kind::NormaliseBatch { .. }
            | Kind::Pass
            | Kind::Add => true,
            Kind::Input { .. }
            | Kind::First
            | Kind::Dense
            | Kind::Convolution { .. }
            | Kind::Depthwise(_)
            | Kind::MaxPool(_)
            | Kind::MeanPool(_)
            | Kind::Flatten { .. } => false,
        }
    }
}

/// Copies rows, or adds them.
struct Copy<'a> {
    from: &'a [f32],
    to: &'a mut [f32],
    /// Distance between the rows of both.
    stride: usize,
    /// Numbers in a row, whole vectors.
    columns: usize,
    rows: usize,
    onto: bool,
}

impl Task for Copy<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let Copy { from, to, stride, columns, rows, onto } = self;
        for (to, from) in to.chunks_exact_mut(stride).zip(from.chunks_exact(stride)).take(rows) {
            if !onto {
                to[..columns].copy_from_slice(&from[..columns]);
                continue;
            }
            for (to, from) in to[..columns].chunks_exact_mut(V::LEN).zip(from[..columns].chunks_exact(V::LEN)) {
                V::load(to).add(V::load(from)).store(to);
            }
        }
    }
}

/// Multiplies rows.
struct Scale<'a> {
    out: &'a mut [f32],
    stride: usize,
    columns: usize,
    valid: usize,
    factor: f32,
}

impl Task for Scale<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let factor = V::splat(self.factor);
        for row in self.out.chunks_exact_mut(self.stride).take(self.valid) {
            for x in row[..self.columns].chunks_exact_mut(V::LEN) {
                V::load(x).mul(factor).store(x);
            }
        }
    }
}

/// Turns rows of `[first, second, replica]` into rows of `[second, first, replica]`.
struct Turn<'a> {
    from: &'a [f32],
    to: &'a mut [f32],
    /// Distances between the rows of both.
    strides: [usize; 2],
    /// First and second.
    counts: [usize; 2],
    valid: usize,
    onto: bool,
}

impl Task for Turn<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let Turn { from, to, strides, counts: [first, second], valid, onto } = self;
        for (to, from) in to.chunks_exact_mut(strides[1]).zip(from.chunks_exact(strides[0])).take(valid) {
            for a in 0..first {
                for b in 0..second {
                    let from = &from[(a * second + b) * R..][..R];
                    let to = &mut to[(b * first + a) * R..][..R];
                    if !onto {
                        to.copy_from_slice(from);
                        continue;
                    }
                    for (to, from) in to.iter_mut().zip(from) {
                        *to += from;
                    }
                }
            }
        }
    }
}
