//! The weights of a group of replicas, their gradients and moments, and the tile of samples that flows through them.

use std::ops::Range;

use super::convolution::buffers::Convolution;
use super::graph::tiles::Tiles;
use super::layer::{Layer, Parameter};
use super::shape::Shape;
use super::simd::Buffer;
use super::values::{Outputs, Values};
use crate::problem::State;

/// The layers of a group.
pub(super) struct Net {
    pub(super) layers: Vec<Layer>,
    /// What flows through a network that is no chain.
    pub(super) tiles: Option<Tiles>,
    /// Room for a layer's gradient on its way back, or for a panel of it.
    pub(super) scratch: Buffer,
    /// Replicas side by side.
    pub(super) replicas: usize,
    /// Samples in a tile.
    pub(super) tile: usize,
}

/// Stretches of so many numbers that a square of them stays in the nearest cache.
fn square(count: usize) -> impl Iterator<Item = Range<usize>> {
    const SIDE: usize = 32;
    (0..count).step_by(SIDE).map(move |first| first..count.min(first + SIDE))
}

impl Net {
    /// A net of zeros.
    pub(super) fn zeros(shape: &Shape<'_>) -> Net {
        if let Some(walk) = shape.walk {
            let layers: Vec<Layer> = walk.layers.iter().map(|form| Layer::of_graph(shape, form)).collect();
            let tiles = Tiles::zeros(shape, walk, &layers);
            let [lanes, _, nv] = shape.product;
            let scratch = Buffer::zeros(shape.tile.max(tiles.places_at_once()) * nv * lanes);
            return Net { layers, tiles: Some(tiles), scratch, replicas: shape.replicas, tile: shape.tile };
        }
        let layers: Vec<Layer> = (0..shape.layers.len()).map(|at| Layer::zeros(shape, at)).collect();
        let [lanes, _, nv] = shape.product;
        let hidden = layers[..layers.len() - 1].iter().map(|layer| layer.stride);
        let tile = shape.tile * hidden.chain([nv * lanes]).max().unwrap_or(0);
        let places = layers.iter().filter_map(|layer| layer.convolution.as_ref()).map(Convolution::places_at_once);
        let scratch = tile.max(places.max().unwrap_or(0) * nv * lanes);
        Net { layers, tiles: None, scratch: Buffer::zeros(scratch), replicas: shape.replicas, tile: shape.tile }
    }

    /// Calls `visit` with the three buffers' place and the state's place of every parameter of a replica.
    fn each(&mut self, replica: usize, mut visit: impl FnMut(&mut Parameter, usize, usize)) {
        let r = self.replicas;
        for layer in &mut self.layers {
            let [weights, biases] = layer.start;
            let order = layer.order.as_deref();
            let input = |row: usize| order.map_or(row, |order| order[row] as usize);
            // In squares: a row's units lie side by side here, and a unit's rows in the state.
            for units in square(layer.outputs) {
                for rows in square(layer.inputs) {
                    for unit in units.clone() {
                        let (first, step) = layer.layout.column(unit * r + replica);
                        for row in rows.clone() {
                            visit(&mut layer.weight, first + row * step, weights + unit * layer.inputs + input(row));
                        }
                    }
                }
            }
            if !layer.biased {
                continue;
            }
            for unit in 0..layer.outputs {
                visit(&mut layer.bias, unit * r + replica, biases + unit);
            }
        }
    }

    /// Calls `visit` with every running average of a replica and its place in the state.
    fn each_average(&mut self, replica: usize, mut visit: impl FnMut(&mut f32, usize)) {
        let (r, mut base) = (self.replicas, 0);
        for layer in &mut self.layers {
            for averages in layer.averages.iter_mut().flatten() {
                for unit in 0..layer.outputs {
                    visit(&mut averages[unit * r + replica], base + unit);
                }
                base += layer.outputs;
            }
        }
    }

    /// Takes over a replica's weights, moments and running averages.
    pub(super) fn load(&mut self, replica: usize, state: &State) {
        self.each(replica, |parameter, place, index| {
            parameter.value[place] = state.parameters[index];
            if let (Some(to), Some(&from)) = (parameter.first.get_mut(place), state.first_moment.get(index)) {
                *to = from;
            }
            if let (Some(to), Some(&from)) = (parameter.second.get_mut(place), state.second_moment.get(index)) {
                *to = from;
            }
        });
        self.each_average(replica, |average, place| *average = state.averages[place]);
        self.transpose();
    }

    /// Hands a replica's weights, moments and running averages back; moments are written if the state is to have them.
    pub(super) fn unload(&mut self, replica: usize, moments: [bool; 2], state: &mut State) {
        let len = state.parameters.len();
        state.first_moment.resize(if moments[0] { len } else { 0 }, 0.0);
        state.second_moment.resize(if moments[1] { len } else { 0 }, 0.0);
        self.each(replica, |parameter, place, index| {
            state.parameters[index] = parameter.value[place];
            if let (Some(from), Some(to)) = (parameter.first.get(place), state.first_moment.get_mut(index)) {
                *to = *from;
            }
            if let (Some(from), Some(to)) = (parameter.second.get(place), state.second_moment.get_mut(index)) {
                *to = *from;
            }
        });
        self.each_average(replica, |average, place| state.averages[place] = *average);
    }

    /// Sets a replica's weights, gradients, moments and running averages to zero: it computes harmless numbers from now on.
    pub(super) fn silence(&mut self, replica: usize) {
        let r = self.replicas;
        for layer in &mut self.layers {
            layer.bias_sum.iter_mut().skip(replica).step_by(r).for_each(|sum| *sum = 0.0);
            if let Some(elements) = &mut layer.elements {
                elements.sums.iter_mut().skip(replica).step_by(r).for_each(|sum| *sum = 0.0);
            }
        }
        self.each(replica, |parameter, place, _| {
            parameter.value[place] = 0.0;
            parameter.gradient[place] = 0.0;
            for moment in [&mut parameter.first, &mut parameter.second] {
                if let Some(moment) = moment.get_mut(place) {
                    *moment = 0.0;
                }
            }
        });
        self.each_average(replica, |average, _| *average = 0.0);
        self.transpose();
    }

    /// Moves the running averages of batch normalisations by the moments of the last step.
    pub(super) fn move_averages(&mut self) {
        if let Net { layers, tiles: Some(tiles), .. } = self {
            tiles.move_averages(layers);
        }
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
            if let Some(elements) = &mut layer.elements {
                elements.sums.fill(0.0);
            }
        }
    }

    /// b + shift·W for every layer that meets the samples as they were prepared, in f64.
    pub(super) fn fold(&mut self, shift: Option<&[f32]>) {
        for layer in self.layers.iter_mut().filter(|layer| layer.reads_samples) {
            Net::fold_layer(layer, shift);
        }
    }

    fn fold_layer(layer: &mut Layer, shift: Option<&[f32]>) {
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
            layer.complete_elements();
            if layer.reads_samples {
                Net::add_background(layer, shift);
            }
            if !layer.biased {
                layer.bias.gradient.fill(0.0);
            }
        }
    }

    fn add_background(layer: &mut Layer, shift: Option<&[f32]>) {
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

    /// A hidden layer, counted from 0, of the tile's samples.
    pub(super) fn hidden(&self, layer: usize) -> Values<'_> {
        match &self.tiles {
            Some(tiles) => tiles.hidden(layer),
            None => self.layers[layer].values(),
        }
    }

    /// The outputs of the tile's samples.
    pub(super) fn outputs(&self) -> Option<Values<'_>> {
        match &self.tiles {
            Some(tiles) => Some(tiles.outputs()),
            None => Some(self.layers.last()?.values()),
        }
    }

    /// The outputs of the tile's samples, to be replaced by the gradient there.
    pub(super) fn outputs_mut(&mut self) -> Option<Outputs<'_>> {
        match &mut self.tiles {
            Some(tiles) => Some(tiles.outputs_mut()),
            None => {
                let Layer { out, stride, outputs, .. } = self.layers.last_mut()?;
                Some(Outputs { out, stride: *stride, outputs: *outputs })
            }
        }
    }

    /// Which replicas have a weight or a running average that is not finite.
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
            for values in [&layer.bias.value].into_iter().chain(layer.averages.iter().flatten()) {
                for (at, value) in values[..columns].iter().enumerate() {
                    broken[at % r] |= !value.is_finite();
                }
            }
        }
        broken
    }
}
