//! The weights of a group of replicas, their gradients and moments, and the tile of samples that flows through them.
//!
//! Column = unit · R + replica everywhere: in the weights' columns, in the rows of a tile, and, for the transposed
//! copy that carries the gradient back, in the inputs.

use super::layout::Layout;
use super::simd::Buffer;
use crate::train::ReplicaState;

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
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) layout: Layout,
    pub(super) weight: Parameter,
    pub(super) bias: Parameter,
    /// The bias with the inputs' background folded in; first layer of sparse inputs only.
    pub(super) folded: Buffer,
    /// Gradient of the bias, summed over the tiles so far.
    pub(super) bias_sum: Vec<f64>,
    /// The weights, outputs in rows: for every layer but the first.
    pub(super) back: Option<(Layout, Buffer)>,
    /// Outputs of the tile's samples, a row each; then the gradient with respect to the layer's sums.
    pub(super) out: Buffer,
    /// Derivative of the activation, where it does not follow from its value (gelu).
    pub(super) slope: Buffer,
    /// Distance between the rows of `out`.
    pub(super) stride: usize,
}

/// The layers of a group.
pub(super) struct Net {
    pub(super) layers: Vec<Layer>,
    /// Room for a layer's gradient on its way back, or for a panel of it.
    pub(super) scratch: Buffer,
    /// Replicas side by side.
    pub(super) replicas: usize,
    /// Samples in a tile.
    pub(super) tile: usize,
}

/// What fixes a net's buffers.
pub(super) struct Shape<'a> {
    /// Sizes of all layers from input to output.
    pub(super) widths: &'a [usize],
    /// Replicas side by side.
    pub(super) replicas: usize,
    /// Samples in a tile.
    pub(super) tile: usize,
    /// Lanes, rows and vectors of the product.
    pub(super) product: [usize; 3],
    /// Whether the rule uses a first and a second moment.
    pub(super) moments: [bool; 2],
    /// Whether the activation's derivative must be kept apart.
    pub(super) slope: bool,
}

impl Layer {
    /// Brings the transposed copy up to date, panel by panel: both panels are small enough to stay in the nearest cache.
    fn transpose<const R: usize>(&mut self) {
        let Some((layout, back)) = &mut self.back else { return };
        let lanes = layout.lanes;
        for to in &layout.panels {
            let (row, inputs) = (to.first * lanes / R, to.vectors * lanes / R);
            let inputs = inputs.min(self.inputs - row);
            for from in &self.layout.panels {
                let (unit, units) = (from.first * lanes / R, from.vectors * lanes / R);
                let units = units.min(self.outputs - unit);
                let (width, back_width) = (from.vectors * lanes, to.vectors * lanes);
                let values = &self.weight.value[from.offset + row * width..][..inputs * width];
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
}

impl Net {
    /// A net of zeros.
    pub(super) fn zeros(shape: &Shape<'_>) -> Net {
        let [lanes, mr, nv] = shape.product;
        let r = shape.replicas;
        let depth = shape.widths.len() - 1;
        let layers: Vec<Layer> = shape
            .widths
            .windows(2)
            .enumerate()
            .map(|(at, pair)| {
                let (inputs, outputs) = (pair[0], pair[1]);
                let layout = Layout::new(inputs, outputs * r, lanes, mr, nv);
                let columns = layout.padded_columns();
                // The gradient of the next layer's weights reads whole groups of units; an odd number of cache lines
                // between rows spreads them over the cache's sets.
                let stride = columns.max(outputs.next_multiple_of(mr) * r).div_ceil(16) | 1;
                let stride = stride * 16;
                let back = (at > 0).then(|| {
                    let layout = Layout::new(outputs, inputs * r, lanes, mr, nv);
                    let buffer = Buffer::zeros(layout.len());
                    (layout, buffer)
                });
                let slope = shape.slope && at + 1 < depth;
                Layer {
                    inputs,
                    outputs,
                    weight: Parameter::zeros(layout.len(), shape.moments),
                    bias: Parameter::zeros(columns, shape.moments),
                    folded: Buffer::zeros(columns),
                    bias_sum: vec![0.0; columns],
                    back,
                    out: Buffer::zeros(shape.tile * stride),
                    slope: Buffer::zeros(if slope { shape.tile * stride } else { 0 }),
                    stride,
                    layout,
                }
            })
            .collect();
        let hidden = layers[..depth - 1].iter().map(|layer| layer.stride);
        let widest = hidden.chain([nv * lanes]).max().unwrap_or(0);
        Net { layers, scratch: Buffer::zeros(shape.tile * widest), replicas: r, tile: shape.tile }
    }

    /// Calls `visit` with the three buffers' place and the state's place of every parameter of a replica; `order` is
    /// the input of each row of the first layer.
    fn each(&mut self, replica: usize, order: &[u32], mut visit: impl FnMut(&mut Parameter, usize, usize)) {
        let r = self.replicas;
        let mut base = 0;
        for (at, layer) in self.layers.iter_mut().enumerate() {
            let input = |row: usize| if at == 0 { order[row] as usize } else { row };
            for unit in 0..layer.outputs {
                let (first, step) = layer.layout.column(unit * r + replica);
                for row in 0..layer.inputs {
                    visit(&mut layer.weight, first + row * step, base + unit * layer.inputs + input(row));
                }
            }
            base += layer.inputs * layer.outputs;
            for unit in 0..layer.outputs {
                visit(&mut layer.bias, unit * r + replica, base + unit);
            }
            base += layer.outputs;
        }
    }

    /// Takes over a replica's weights and moments.
    pub(super) fn load(&mut self, replica: usize, order: &[u32], state: &ReplicaState) {
        self.each(replica, order, |parameter, place, index| {
            parameter.value[place] = state.parameters[index];
            if let (Some(to), Some(&from)) = (parameter.first.get_mut(place), state.first_moment.get(index)) {
                *to = from;
            }
            if let (Some(to), Some(&from)) = (parameter.second.get_mut(place), state.second_moment.get(index)) {
                *to = from;
            }
        });
        self.transpose();
    }

    /// Hands a replica's weights and moments back; moments are written if the state is to have them.
    pub(super) fn unload(&mut self, replica: usize, order: &[u32], moments: [bool; 2], state: &mut ReplicaState) {
        let len = state.parameters.len();
        state.first_moment.resize(if moments[0] { len } else { 0 }, 0.0);
        state.second_moment.resize(if moments[1] { len } else { 0 }, 0.0);
        self.each(replica, order, |parameter, place, index| {
            state.parameters[index] = parameter.value[place];
            if let (Some(from), Some(to)) = (parameter.first.get(place), state.first_moment.get_mut(index)) {
                *to = *from;
            }
            if let (Some(from), Some(to)) = (parameter.second.get(place), state.second_moment.get_mut(index)) {
                *to = *from;
            }
        });
    }

    /// Sets a replica's weights, gradients and moments to zero: it computes harmless numbers from now on.
    pub(super) fn silence(&mut self, replica: usize, order: &[u32]) {
        let r = self.replicas;
        for layer in &mut self.layers {
            layer.bias_sum.iter_mut().skip(replica).step_by(r).for_each(|sum| *sum = 0.0);
        }
        self.each(replica, order, |parameter, place, _| {
            parameter.value[place] = 0.0;
            parameter.gradient[place] = 0.0;
            for moment in [&mut parameter.first, &mut parameter.second] {
                if let Some(moment) = moment.get_mut(place) {
                    *moment = 0.0;
                }
            }
        });
        self.transpose();
    }

    /// Brings the transposed copies up to date.
    pub(super) fn transpose(&mut self) {
        for layer in &mut self.layers {
            match self.replicas {
                1 => layer.transpose::<1>(),
                2 => layer.transpose::<2>(),
                4 => layer.transpose::<4>(),
                8 => layer.transpose::<8>(),
                _ => layer.transpose::<16>(),
            }
        }
    }

    /// Clears the biases' gradients before a pass; the weights' are overwritten by its first tile.
    pub(super) fn clear(&mut self) {
        for layer in &mut self.layers {
            layer.bias_sum.fill(0.0);
        }
    }

    /// b + shift·W for the first layer, in f64.
    pub(super) fn fold(&mut self, shift: Option<&[f32]>) {
        let layer = &mut self.layers[0];
        let Some(shift) = shift.filter(|shift| shift.iter().any(|&shift| shift != 0.0)) else {
            layer.folded.copy_from_slice(&layer.bias.value);
            return;
        };
        let mut sum: Vec<f64> = layer.bias.value.iter().map(|&b| f64::from(b)).collect();
        for panel in &layer.layout.panels {
            let (width, first) = (panel.vectors * layer.layout.lanes, panel.first * layer.layout.lanes);
            let rows = layer.weight.value[panel.offset..].chunks_exact(width);
            for (row, &shift) in rows.zip(shift) {
                for (sum, &w) in sum[first..first + width].iter_mut().zip(row) {
                    *sum += f64::from(shift) * f64::from(w);
                }
            }
        }
        for (to, sum) in layer.folded.iter_mut().zip(sum) {
            *to = sum as f32;
        }
    }

    /// Completes the gradients after the last tile: biases from their sums, and the background's share.
    pub(super) fn complete(&mut self, shift: Option<&[f32]>) {
        for layer in &mut self.layers {
            for (gradient, &sum) in layer.bias.gradient.iter_mut().zip(&layer.bias_sum) {
                *gradient = sum as f32;
            }
        }
        let layer = &mut self.layers[0];
        let Some(shift) = shift.filter(|shift| shift.iter().any(|&shift| shift != 0.0)) else { return };
        for panel in &layer.layout.panels {
            let (width, first) = (panel.vectors * layer.layout.lanes, panel.first * layer.layout.lanes);
            let rows = layer.weight.gradient[panel.offset..].chunks_exact_mut(width);
            for (row, &shift) in rows.zip(shift) {
                for (gradient, &sum) in row.iter_mut().zip(&layer.bias.gradient[first..first + width]) {
                    *gradient += shift * sum;
                }
            }
        }
    }

    /// Which replicas have a weight that is not finite.
    pub(super) fn broken(&self) -> Vec<bool> {
        let r = self.replicas;
        let mut broken = vec![false; r];
        for layer in &self.layers {
            let columns = layer.layout.columns;
            for panel in &layer.layout.panels {
                let (width, first) = (panel.vectors * layer.layout.lanes, panel.first * layer.layout.lanes);
                let used = width.min(columns - first);
                let mut sum = vec![0f32; width];
                for row in layer.weight.value[panel.offset..].chunks_exact(width).take(layer.inputs) {
                    // 0·w is NaN for what is not finite, and NaN stays.
                    for (sum, &w) in sum.iter_mut().zip(row) {
                        *sum += 0.0 * w;
                    }
                }
                for (at, sum) in sum[..used].iter().enumerate() {
                    broken[(first + at) % r] |= sum.is_nan();
                }
            }
            for (at, b) in layer.bias.value[..columns].iter().enumerate() {
                broken[at % r] |= !b.is_finite();
            }
        }
        broken
    }
}
