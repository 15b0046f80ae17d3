//! What a layer that is a convolution keeps besides its weights: its geometry, and room for the lines under way.

use super::pool::Windows;
use crate::layout::Layout;
use crate::problem::LayerShape;
use crate::shape::{AT_ONCE, Shape};
use crate::simd::Buffer;

/// What a layer that is a convolution has besides.
pub(crate) struct Convolution {
    /// Channels of the input.
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// Side of the kernel, odd.
    pub(super) kernel: usize,
    /// Side of the pooling's windows; 1 is none.
    pub(super) pool: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    /// Places from a line to the next: its own and the zeros that pad it.
    pub(super) pitch: usize,
    /// Lines that go through at a time, whole windows of the pooling.
    pub(super) lines: usize,
    /// A sample's input, for a first layer.
    pub(super) image: Buffer,
    /// The lines under way, unfolded.
    pub(super) unfolded: Buffer,
    /// Their sums; on the way back the gradient with respect to the inputs.
    pub(super) sums: Buffer,
    /// The gradient with respect to all sums of a sample: zero wherever no window chose.
    pub(super) delta: Buffer,
    /// Lines of it, unfolded; not for a first layer.
    pub(super) delta_unfolded: Buffer,
    /// Of each output behind the pooling, the place in its window that it came from.
    pub(super) choice: Buffer,
    /// Sums of a sample's gradients over the places of a channel.
    pub(super) bias: Buffer,
}

impl Convolution {
    /// The buffers of a layer whose samples' outputs lie `stride` apart; `None` if it is none. `back`: whether gradients
    /// are carried on.
    pub(crate) fn zeros(shape: &Shape<'_>, layer: &LayerShape, stride: usize, back: bool) -> Option<Convolution> {
        let LayerShape::Convolution { inputs, outputs, kernel, pool, height, width } = *layer else { return None };
        let [lanes, mr, _] = shape.product;
        let r = shape.replicas;
        let pitch = width + kernel / 2;
        let lines = (AT_ONCE / pitch).max(1).next_multiple_of(pool).min(height.next_multiple_of(pool));
        let places = (lines * pitch).next_multiple_of(mr);
        // Groups of places and of inputs read beyond the last.
        let unfolded = |channels: usize| (places + kernel) * kernel * channels * r + mr * r;
        let padded = |channels: usize| (channels * r).next_multiple_of(lanes);
        let carried = if back { padded(inputs) } else { 0 };
        Some(Convolution {
            inputs,
            outputs,
            kernel,
            pool,
            height,
            width,
            pitch,
            lines,
            image: Buffer::zeros(if back { 0 } else { height * width * inputs * r }),
            unfolded: Buffer::zeros(unfolded(inputs)),
            sums: Buffer::zeros(places * padded(outputs).max(carried)),
            delta: Buffer::zeros(height * pitch * padded(outputs)),
            delta_unfolded: Buffer::zeros(if back { unfolded(outputs) } else { 0 }),
            choice: Buffer::zeros(if pool > 1 { shape.tile * stride } else { 0 }),
            bias: Buffer::zeros(padded(outputs)),
        })
    }

    /// Places whose gradients a product takes at a time.
    pub(crate) fn places_at_once(&self) -> usize {
        self.lines * self.pitch
    }

    /// The pooling's windows over so many lines of sums, laid out as the weights' columns.
    pub(super) fn windows<const R: usize>(&self, layout: &Layout, lines: usize) -> Windows {
        Windows {
            place: layout.padded_columns(),
            pitch: self.pitch,
            side: self.pool,
            rows: lines / self.pool,
            columns: self.width / self.pool,
            numbers: self.outputs * R,
        }
    }

    /// Lines at a time: the first and their number.
    pub(super) fn stripes(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (height, lines) = (self.height, self.lines);
        (0..height).step_by(lines).map(move |line| (line, lines.min(height - line)))
    }

    /// The weights with the kernel turned around, outputs in rows.
    pub(crate) fn turn<const R: usize>(&self, from: &Layout, values: &[f32], to: &Layout, back: &mut [f32]) {
        let places = self.kernel * self.kernel;
        for output in 0..self.outputs {
            let (first, step) = from.column(output * R);
            for input in 0..self.inputs {
                let (back_first, back_step) = to.column(input * R);
                for place in 0..places {
                    let row = (places - 1 - place) * self.outputs + output;
                    let value = &values[first + (place * self.inputs + input) * step..][..R];
                    back[back_first + row * back_step..][..R].copy_from_slice(value);
                }
            }
        }
    }
}
