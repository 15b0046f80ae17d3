//! A stack's chain of dense layers on the device: f of tiles of samples, and Σ c ∂f.
//!
//! Values are `[replica, unit, sample]`. A layer's factors (its own, and that of the activation beneath, which is σ itself
//! here) go into its weights before they meet any sample. Invariant: replicas never mix, so that one that is not finite
//! leaves its neighbours as they are; every product is one for each replica, the first with samples that all share, since
//! the rounding of one product for all would depend on how many they are, and a flow amplifies it.

use ::burn::tensor::Tensor;

use super::place::Place;
use crate::sweep::Activation;
use crate::train::burn::activation::Active;
use crate::train::burn::parameters::{LayerParameters, Parameters};
use crate::train::flow::network::{Level, Network};
use phasesweep_networks::LayerShape;

/// A dense layer.
#[derive(Debug, Clone, Copy)]
struct Layer {
    outputs: usize,
    inputs: usize,
    bias: bool,
    /// Pre-activation = scale · W σ + b.
    scale: f64,
}

/// A chain of dense layers with one output.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    layers: Vec<Layer>,
    /// What follows every hidden layer.
    activation: Activation,
}

/// What a pass of some samples leaves.
pub(super) struct Pass {
    /// What came out of each hidden layer.
    hidden: Vec<Active<3>>,
    /// f, `[replica, 1, sample]`.
    pub(super) outputs: Tensor<3>,
}

impl Chain {
    /// The network as a chain of dense layers; `None` where it is none.
    pub(super) fn of(network: &Network) -> Option<Chain> {
        let layer = |(place, level): (usize, &Level)| match level.layer {
            LayerShape::Dense { inputs, outputs } => {
                let of_input = if place == 0 { 1.0 } else { network.unit.scale };
                Some(Layer { outputs, inputs, bias: level.bias.is_some(), scale: level.scale * of_input })
            }
            LayerShape::Convolution { .. } => None,
        };
        let layers: Option<Vec<Layer>> = network.levels.iter().enumerate().map(layer).collect();
        // A graph that is no chain has no levels.
        let layers = layers.filter(|layers| !layers.is_empty())?;
        Some(Chain { layers, activation: network.unit.kind })
    }

    /// Values of the widest layer, of a sample.
    pub(super) fn widest(&self) -> usize {
        self.layers.iter().map(|layer| layer.outputs).max().unwrap_or(1)
    }

    /// Weights of the largest layer.
    pub(super) fn largest(&self) -> usize {
        self.layers.iter().map(|layer| layer.outputs * layer.inputs).max().unwrap_or(1)
    }

    /// Copies replicas' parameters to the device.
    pub(super) fn upload(&self, place: &Place, replicas: &[&[f64]]) -> Parameters {
        let mut start = 0;
        let mut take = |outputs: usize, inputs: usize| {
            let range = start..start + outputs * inputs;
            start = range.end;
            let values = replicas.iter().flat_map(|replica| replica[range.clone()].iter().copied()).collect();
            place.tensor(values, [replicas.len(), outputs, inputs])
        };
        let layers = self.layers.iter().map(|layer| LayerParameters {
            weight: take(layer.outputs, layer.inputs),
            bias: layer.bias.then(|| take(layer.outputs, 1)),
        });
        Parameters(layers.collect())
    }

    /// The layers' weights with their factors.
    pub(super) fn scaled(&self, parameters: &Parameters) -> Vec<Tensor<3>> {
        let layers = self.layers.iter().zip(&parameters.0);
        layers.map(|(layer, own)| times(own.weight.clone(), layer.scale)).collect()
    }

    /// Through the network; `weights` are those of [`Chain::scaled`], the samples `[1, sample, input]`.
    pub(super) fn forward(&self, weights: &[Tensor<3>], parameters: &Parameters, x: &Tensor<3>) -> Pass {
        let biased = |z: Tensor<3>, layer: usize| match &parameters.0[layer].bias {
            Some(bias) => z + bias.clone(),
            None => z,
        };
        let mut hidden: Vec<Active<3>> = Vec::with_capacity(weights.len() - 1);
        let mut z = biased(weights[0].clone().matmul(x.clone().swap_dims(1, 2)), 0);
        for (layer, weight) in weights.iter().enumerate().skip(1) {
            let active = Active::of(z, self.activation, true);
            z = biased(weight.clone().matmul(active.out.clone()), layer);
            hidden.push(active);
        }
        Pass { hidden, outputs: z }
    }

    /// Back from ∂/∂f of each sample, `[replica, 1, sample]`: Σ c ∂f, but for the factors of the layers ([`Chain::whole`]).
    pub(super) fn backward(&self, pass: Pass, weights: &[Tensor<3>], seed: Tensor<3>, x: &Tensor<3>) -> Parameters {
        let mut delta = seed;
        let mut gradient = Vec::with_capacity(weights.len());
        let bias = |layer: usize, delta: &Tensor<3>| self.layers[layer].bias.then(|| delta.clone().sum_dim(2));
        for (below, active) in pass.hidden.into_iter().enumerate().rev() {
            let layer = below + 1;
            let weight = delta.clone().matmul(active.out.clone().swap_dims(1, 2));
            gradient.push(LayerParameters { weight, bias: bias(layer, &delta) });
            delta = active.back_through(self.activation, &weights[layer], delta);
        }
        let first = bias(0, &delta);
        gradient.push(LayerParameters { weight: delta.matmul(x.clone()), bias: first });
        gradient.reverse();
        Parameters(gradient)
    }

    /// A gradient with the factors of the layers.
    pub(super) fn whole(&self, gradient: Parameters) -> Parameters {
        let layers = self.layers.iter().zip(gradient.0);
        let whole = |(layer, own): (&Layer, LayerParameters)| LayerParameters {
            weight: times(own.weight, layer.scale),
            bias: own.bias,
        };
        Parameters(layers.map(whole).collect())
    }
}

fn times(tensor: Tensor<3>, factor: f64) -> Tensor<3> {
    if factor == 1.0 { tensor } else { tensor.mul_scalar(factor) }
}
