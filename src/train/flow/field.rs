//! f and Σ c ∂f on a set of samples: by the shallow loops where the network is one hidden layer of rectifiers, by tiles
//! through the deep passes otherwise.
//!
//! Invariant: both are functions of the parameters and the samples alone, so that a flow that is resumed goes on to the
//! same bits.

use super::deep;
use super::network::Network;
use super::real::{Real, fast};
use super::shallow;
use crate::sweep::Activation;
use crate::train::shape::Layer;

/// Samples of a tile of the deep passes.
const DEEP_TILE: usize = 128;

/// Samples as a network wants them.
#[derive(Debug, Clone)]
pub(super) struct Points<T> {
    len: usize,
    values: Vec<T>,
}

/// A network in a precision, with room to work.
pub(super) struct Field<T> {
    network: Network,
    shallow: bool,
    fast: bool,
    weight: Vec<T>,
    output: Vec<T>,
    gathered: Vec<T>,
    coefficients: Vec<T>,
    rows: Vec<T>,
    biases: Vec<T>,
}

impl<T: Real> Field<T> {
    /// The field of a network.
    pub(super) fn new(network: Network) -> Field<T> {
        let dense = network.levels.iter().all(|level| matches!(level.layer, Layer::Dense { .. }));
        let shallow = dense && network.levels.len() == 2 && network.unit.kind == Activation::Relu;
        let empty = Vec::new;
        Field {
            network,
            shallow,
            fast: fast(),
            weight: empty(),
            output: empty(),
            gathered: empty(),
            coefficients: empty(),
            rows: empty(),
            biases: empty(),
        }
    }

    /// What computes, for the log.
    pub(super) fn describe(&self) -> &'static str {
        match (self.shallow, self.fast) {
            (true, true) => "one hidden layer of rectifiers, avx2",
            (true, false) => "one hidden layer of rectifiers, portable",
            (false, _) => "layer by layer",
        }
    }

    /// Samples from rows `[sample, input]`.
    pub(super) fn points(&self, rows: &[f32]) -> Points<T> {
        let d = self.network.inputs.max(1);
        let len = rows.len() / d;
        if !self.shallow {
            return Points { len, values: rows.iter().map(|&x| T::of(f64::from(x))).collect() };
        }
        let mut values = vec![T::default(); len.div_ceil(T::TILE) * d * T::TILE];
        for (sample, row) in rows.chunks_exact(d).enumerate() {
            let tile = &mut values[sample / T::TILE * d * T::TILE..];
            for (j, &x) in row.iter().enumerate() {
                tile[j * T::TILE + sample % T::TILE] = T::of(f64::from(x));
            }
        }
        Points { len, values }
    }

    /// f at the points.
    pub(super) fn outputs(&mut self, parameters: &[T], points: &Points<T>, out: &mut Vec<T>) {
        if self.shallow {
            self.scale(parameters);
            out.clear();
            out.resize(points.len.div_ceil(T::TILE) * T::TILE, T::default());
            T::shallow_outputs(self.fast, &self.weights(parameters), &points.values, out);
            out.truncate(points.len);
            return;
        }
        out.clear();
        for tile in points.values.chunks(DEEP_TILE * self.network.inputs.max(1)) {
            out.extend(deep::forward(&self.network, parameters, tile).outputs);
        }
    }

    /// Σ c ∂f over some of the points, each with its c.
    pub(super) fn gradient(&mut self, parameters: &[T], points: &Points<T>, terms: &[(usize, T)], out: &mut [T]) {
        out.fill(T::default());
        if self.shallow {
            self.shallow_gradient(parameters, points, terms, out);
            return;
        }
        let d = self.network.inputs;
        for tile in terms.chunks(DEEP_TILE) {
            self.gathered.clear();
            tile.iter().for_each(|&(i, _)| self.gathered.extend_from_slice(&points.values[i * d..(i + 1) * d]));
            self.coefficients.clear();
            self.coefficients.extend(tile.iter().map(|&(_, c)| c));
            deep::add_gradient(&self.network, parameters, &self.gathered, &self.coefficients, out);
        }
    }

    fn shallow_gradient(&mut self, parameters: &[T], points: &Points<T>, terms: &[(usize, T)], out: &mut [T]) {
        let d = self.network.inputs;
        let tiles = terms.len().div_ceil(T::TILE);
        self.gathered.clear();
        self.gathered.resize(tiles * d * T::TILE, T::default());
        self.coefficients.clear();
        self.coefficients.resize(tiles * T::TILE, T::default());
        for (place, &(sample, c)) in terms.iter().enumerate() {
            self.coefficients[place] = c;
            let from = &points.values[sample / T::TILE * d * T::TILE + sample % T::TILE..];
            let to = &mut self.gathered[place / T::TILE * d * T::TILE + place % T::TILE..];
            for j in 0..d {
                to[j * T::TILE] = from[j * T::TILE];
            }
        }
        self.scale(parameters);
        let [first, last] = [&self.network.levels[0], &self.network.levels[1]];
        let neurons = first.layer.outputs();
        let mut rows = std::mem::take(&mut self.rows);
        rows.resize(neurons * (d + 2), T::default());
        T::shallow_gradient(self.fast, &self.weights(parameters), &self.gathered, &self.coefficients, &mut rows);
        let (scale, output) = (T::of(first.scale), T::of(last.scale * self.network.unit.scale));
        let bias = first.bias.unwrap_or(first.weight);
        for (neuron, row) in rows.chunks_exact(d + 2).enumerate() {
            let weight = &mut out[first.weight + neuron * d..first.weight + (neuron + 1) * d];
            weight.iter_mut().zip(row).for_each(|(w, &g)| *w = g * scale);
            out[bias + neuron] = row[d];
            out[last.weight + neuron] = row[d + 1] * output;
        }
        if let Some(at) = last.bias {
            out[at] = self.coefficients.iter().copied().sum();
        }
        self.rows = rows;
    }

    /// Multiplies the scales into the weights of the shallow network.
    fn scale(&mut self, parameters: &[T]) {
        let [first, last] = [&self.network.levels[0], &self.network.levels[1]];
        let scaled = |to: &mut Vec<T>, from: &[T], by: f64| {
            to.clear();
            to.extend(from.iter().map(|&w| w * T::of(by)));
        };
        let weights = &parameters[first.weight..first.weight + first.layer.weights()];
        scaled(&mut self.weight, weights, first.scale);
        let outputs = &parameters[last.weight..last.weight + last.layer.weights()];
        scaled(&mut self.output, outputs, last.scale * self.network.unit.scale);
        // A first layer always has its biases.
        self.biases.clear();
        if let Some(at) = first.bias {
            self.biases.extend_from_slice(&parameters[at..at + first.layer.outputs()]);
        }
    }

    fn weights(&self, parameters: &[T]) -> shallow::Weights<'_, T> {
        shallow::Weights {
            inputs: self.network.inputs,
            weight: &self.weight,
            bias: &self.biases,
            output: &self.output,
            offset: self.network.levels[1].bias.map_or_else(T::default, |at| parameters[at]),
        }
    }
}
