//! One layer of a group: weights with gradients and moments, and the outputs of a tile's samples.
//!
//! Column = unit · R + replica everywhere: in the weights' columns, in the rows of a tile, and, for the copy that carries
//! the gradient back, in the inputs.

use super::convolution::buffers::Convolution;
use super::layout::Layout;
use super::shape::Shape;
use super::simd::Buffer;
use crate::problem::LayerShape;

/// A parameter with its gradient and moments, all laid out alike; moments that the rule does not use are empty.
pub(super) struct Parameter {
    pub(super) value: Buffer,
    pub(super) gradient: Buffer,
    pub(super) first: Buffer,
    pub(super) second: Buffer,
}

impl Parameter {
    fn zeros(len: usize, moments: [bool; 2]) -> Parameter {
        let buffer = |used: bool| Buffer::zeros(if used { len } else { 0 });
        Parameter {
            value: Buffer::zeros(len),
            gradient: Buffer::zeros(len),
            first: buffer(moments[0]),
            second: buffer(moments[1]),
        }
    }
}

/// One layer of a group.
pub(super) struct Layer {
    /// Numbers that a unit sums over: rows of the weights.
    pub(super) inputs: usize,
    /// Units of a dense layer, channels of a convolution.
    pub(super) outputs: usize,
    /// Numbers of a sample and replica behind the layer: its outputs, or those of every place behind the pooling.
    pub(super) units: usize,
    pub(super) layout: Layout,
    pub(super) weight: Parameter,
    pub(super) bias: Parameter,
    /// Input of each row of the weights, as the replica's state counts them; `None`: in order.
    pub(super) order: Option<Vec<u32>>,
    /// The bias with the inputs' background folded in; a dense first layer only.
    pub(super) folded: Buffer,
    /// Gradient of the bias, summed over the tiles so far.
    pub(super) bias_sum: Vec<f64>,
    /// The weights, outputs in rows: for every layer but the first. A convolution's are turned around.
    pub(super) back: Option<(Layout, Buffer)>,
    /// Outputs of the tile's samples, a row each; then the gradient with respect to the layer's sums. A convolution's row
    /// is `[place, channel, replica]`.
    pub(super) out: Buffer,
    /// Derivative of the activation, where it does not follow from its value (gelu).
    pub(super) slope: Buffer,
    /// Distance between the rows of `out`.
    pub(super) stride: usize,
    /// Numbers in a row of `out`, padded to whole vectors.
    pub(super) columns: usize,
    pub(super) convolution: Option<Convolution>,
}

/// Input of each row of a layer's weights.
fn order(shape: &Shape<'_>, at: usize) -> Option<Vec<u32>> {
    let below = at.checked_sub(1).map(|below| &shape.layers[below]);
    match (shape.layers[at], below) {
        (LayerShape::Convolution { inputs, kernel, .. }, _) => {
            // Rows are [column of the kernel, line of the kernel, channel]: as the inputs are unfolded.
            let place = move |at: usize| (at % kernel) * kernel + at / kernel;
            let of = move |at: usize| (0..inputs).map(move |channel| (channel * kernel * kernel + place(at)) as u32);
            Some((0..kernel * kernel).flat_map(of).collect())
        }
        (_, Some(&LayerShape::Convolution { outputs, pool, height, width, .. })) => {
            let places = (height / pool) * (width / pool);
            let of = move |place: usize| (0..outputs).map(move |channel| (channel * places + place) as u32);
            Some((0..places).flat_map(of).collect())
        }
        (_, Some(_)) => None,
        (_, None) => Some(shape.order.to_vec()),
    }
}

impl Layer {
    /// Layer `at` of a net, of zeros.
    pub(super) fn zeros(shape: &Shape<'_>, at: usize) -> Layer {
        let [lanes, mr, _] = shape.product;
        let kind = &shape.layers[at];
        let (inputs, outputs, units) = (kind.fan_in(), kind.outputs(), kind.activations());
        let layout = shape.layout(inputs, outputs);
        let columns = (units * shape.replicas).next_multiple_of(lanes);
        // The gradient of the next layer's weights reads whole groups of units; an odd number of cache lines between
        // rows spreads them over the cache's sets.
        let stride = (columns.max(units.next_multiple_of(mr) * shape.replicas).div_ceil(16) | 1) * 16;
        let back = (at > 0).then(|| {
            let layout = match *kind {
                LayerShape::Dense { .. } => shape.layout(outputs, inputs),
                LayerShape::Convolution { inputs, kernel, .. } => shape.layout(outputs * kernel * kernel, inputs),
            };
            let buffer = Buffer::zeros(layout.len());
            (layout, buffer)
        });
        let slope = shape.slope && at + 1 < shape.layers.len();
        let sums = layout.padded_columns();
        Layer {
            inputs,
            outputs,
            units,
            weight: Parameter::zeros(layout.len(), shape.moments),
            bias: Parameter::zeros(sums, shape.moments),
            order: order(shape, at),
            folded: Buffer::zeros(sums),
            bias_sum: vec![0.0; sums],
            convolution: Convolution::zeros(shape, kind, stride, at > 0),
            back,
            out: Buffer::zeros(shape.tile * stride),
            slope: Buffer::zeros(if slope { shape.tile * stride } else { 0 }),
            stride,
            columns,
            layout,
        }
    }

    /// Brings the copy that carries the gradient back up to date.
    pub(super) fn transpose<const R: usize>(&mut self) {
        let Layer { back: Some((to, back)), layout, weight, convolution, .. } = self else { return };
        match convolution {
            Some(convolution) => convolution.turn::<R>(layout, &weight.value, to, back),
            None => transpose::<R>(layout, &weight.value, to, back),
        }
    }
}

/// Transposes panel by panel: both panels are small enough to stay in the nearest cache.
fn transpose<const R: usize>(from: &Layout, values: &[f32], to: &Layout, back: &mut [f32]) {
    let lanes = from.lanes;
    let (inputs, outputs) = (from.rows, to.rows);
    for to in &to.panels {
        let (row, rows) = (to.first * lanes / R, to.vectors * lanes / R);
        let rows = rows.min(inputs - row);
        for from in &from.panels {
            let (unit, units) = (from.first * lanes / R, from.vectors * lanes / R);
            let units = units.min(outputs - unit);
            let (width, back_width) = (from.vectors * lanes, to.vectors * lanes);
            let values = &values[from.offset + row * width..][..rows * width];
            let back = &mut back[to.offset + unit * back_width..][..units * back_width];
            // A unit's replicas never straddle two vectors: R divides the number of lanes.
            for (unit, back) in back.chunks_exact_mut(back_width).enumerate() {
                for (to, from) in back.chunks_exact_mut(R).zip(values.chunks_exact(width)) {
                    to.copy_from_slice(&from[unit * R..(unit + 1) * R]);
                }
            }
        }
    }
}
