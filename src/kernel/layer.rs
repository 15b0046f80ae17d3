//! One layer of a group: weights with gradients and moments, and the outputs of a tile's samples.
//!
//! Column = unit · R + replica everywhere: in the weights' columns, in the rows of a tile, and, for the copy that carries
//! the gradient back, in the inputs.

use super::convolution::buffers::Convolution;
use super::graph::walk::{LayerForm, RowOrder};
use super::layout::Layout;
use super::shape::Shape;
use super::simd::Buffer;
use super::values::Values;
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
    /// Where its weights and its biases begin among a replica's parameters.
    pub(super) start: [usize; 2],
    /// Whether it has a bias; one that is absent stays zero.
    pub(super) biased: bool,
    /// Whether it meets the samples as they were prepared.
    pub(super) reads_samples: bool,
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
    /// The weights as an elementwise step meets them; for such a layer of a graph.
    pub(super) elements: Option<Elements>,
    /// Running means and variances of each output and replica; for a batch normalisation.
    pub(super) averages: Option<[Buffer; 2]>,
}

/// Weights row after row, each padded to whole vectors.
pub(super) struct Elements {
    pub(super) values: Buffer,
    /// Their gradient, summed over the tiles so far.
    pub(super) sums: Vec<f64>,
}

/// Input of each row of the weights of a convolution of so many channels: as its inputs are unfolded,
/// `[column of the kernel, line of the kernel, channel]`.
fn unfolded(kernel: usize, channels: usize) -> Vec<u32> {
    let place = move |at: usize| (at % kernel) * kernel + at / kernel;
    let of = move |at: usize| (0..channels).map(move |channel| (channel * kernel * kernel + place(at)) as u32);
    (0..kernel * kernel).flat_map(of).collect()
}

/// Input of each row of a layer's weights.
fn order(shape: &Shape<'_>, at: usize) -> Option<Vec<u32>> {
    let below = at.checked_sub(1).map(|below| &shape.layers[below]);
    match (shape.layers[at], below) {
        (LayerShape::Convolution { inputs, kernel, .. }, _) => Some(unfolded(kernel, inputs)),
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
        let kind = &shape.layers[at];
        let (inputs, outputs, units) = (kind.fan_in(), kind.outputs(), kind.activations());
        let layout = shape.layout(inputs, outputs);
        let (columns, stride) = shape.row(units);
        let back = (at > 0).then(|| {
            let layout = match *kind {
                LayerShape::Dense { .. } => shape.layout(outputs, inputs),
                LayerShape::Convolution { inputs, kernel, .. } => shape.layout(outputs * kernel * kernel, inputs),
            };
            let buffer = Buffer::zeros(layout.len());
            (layout, buffer)
        });
        let slope = shape.slope && at + 1 < shape.layers.len();
        let start: usize = shape.layers[..at].iter().map(LayerShape::parameters).sum();
        let sums = layout.padded_columns();
        Layer {
            inputs,
            outputs,
            units,
            weight: Parameter::zeros(layout.len(), shape.moments),
            bias: Parameter::zeros(sums, shape.moments),
            start: [start, start + inputs * outputs],
            biased: true,
            reads_samples: at == 0,
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
            elements: None,
            averages: None,
        }
    }

    /// A layer of a graph, of zeros. Its outputs are in the graph's buffers, and here while a step is at work.
    pub(super) fn of_graph(shape: &Shape<'_>, form: &LayerForm) -> Layer {
        let LayerForm { inputs, outputs, bias, start, rows, back, averaged } = *form;
        let layout = shape.layout(inputs, outputs);
        let (columns, stride) = shape.row(outputs);
        let sums = layout.padded_columns();
        let order = match rows {
            RowOrder::Own | RowOrder::Elementwise => None,
            RowOrder::Samples => Some(shape.order.to_vec()),
            RowOrder::Unfolded { kernel, channels } => Some(unfolded(kernel, channels)),
        };
        let back = back.then(|| {
            let layout = shape.layout(outputs, inputs);
            let buffer = Buffer::zeros(layout.len());
            (layout, buffer)
        });
        let elements = (rows == RowOrder::Elementwise)
            .then(|| Elements { values: Buffer::zeros(inputs * sums), sums: vec![0.0; inputs * sums] });
        Layer {
            inputs,
            outputs,
            units: outputs,
            weight: Parameter::zeros(layout.len(), shape.moments),
            bias: Parameter::zeros(sums, shape.moments),
            start,
            biased: bias,
            reads_samples: rows == RowOrder::Samples,
            order,
            folded: Buffer::zeros(sums),
            bias_sum: vec![0.0; sums],
            back,
            out: Buffer::default(),
            slope: Buffer::default(),
            stride,
            columns,
            convolution: None,
            layout,
            elements,
            averages: averaged.then(|| [Buffer::zeros(sums), Buffer::zeros(sums)]),
        }
    }

    /// Its outputs of a tile's samples.
    pub(super) fn values(&self) -> Values<'_> {
        Values { out: &self.out, stride: self.stride, columns: self.columns, units: self.units }
    }

    /// Calls `visit` with the weights' row and a stretch of it: where it begins among the row's columns, among the weights,
    /// and its length.
    fn stretches(layout: &Layout, mut visit: impl FnMut(usize, usize, usize, usize)) {
        for panel in &layout.panels {
            let width = panel.vectors * layout.lanes;
            for row in 0..layout.rows {
                visit(row, panel.first * layout.lanes, panel.offset + row * width, width);
            }
        }
    }

    /// Hands an elementwise layer's gradient over from its sums.
    pub(super) fn complete_elements(&mut self) {
        let Layer { elements: Some(elements), layout, weight, .. } = self else { return };
        let padded = layout.padded_columns();
        Layer::stretches(layout, |row, first, place, width| {
            let sums = &elements.sums[row * padded + first..][..width];
            for (to, &sum) in weight.gradient[place..place + width].iter_mut().zip(sums) {
                *to = sum as f32;
            }
        });
    }

    /// Brings the copies of the weights up to date: the one that carries the gradient back, and an elementwise layer's.
    pub(super) fn transpose<const R: usize>(&mut self) {
        if let Layer { elements: Some(elements), layout, weight, .. } = self {
            let padded = layout.padded_columns();
            Layer::stretches(layout, |row, first, place, width| {
                elements.values[row * padded + first..][..width].copy_from_slice(&weight.value[place..place + width]);
            });
        }
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
