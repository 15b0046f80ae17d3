//! A stack's networks on the device: f of tiles of samples, and Σ c ∂f, by the passes that training goes by.
//!
//! A layer's factors (its own, and that of the activation beneath, which is σ itself here) go into its weights before they
//! meet any sample. Invariant: replicas never mix, so that one that is not finite leaves its neighbours as they are; every
//! product and convolution is one for each replica, the first with samples that all share, since the rounding of one for all
//! would depend on how many they are, and a flow amplifies it.

use std::ops::Range;

use ::burn::tensor::Tensor;
use phasesweep_networks::Graph;

use super::place::Place;
use crate::train::burn::input::Input;
use crate::train::burn::network::{self, Mode, Pass};
use crate::train::burn::parameters::{LayerParameters, Parameters};
use crate::train::flow::network::Network;

/// Where a layer's parameters lie in a replica's vector, and what they are multiplied with.
#[derive(Debug, Clone)]
struct Layer {
    /// Units, or output channels; of a normalisation its channels.
    outputs: usize,
    fan_in: usize,
    weight: Range<usize>,
    bias: Option<Range<usize>>,
    /// Pre-activation = scale · W σ + b.
    scale: f64,
}

/// The networks of a stack: a graph with one output.
#[derive(Debug, Clone)]
pub(super) struct Stacked {
    graph: Graph,
    layers: Vec<Layer>,
}

impl Stacked {
    /// The network of a flow, whose graph this is.
    pub(super) fn of(network: &Network, graph: Graph) -> Stacked {
        let from = |start: usize, len: usize| start..start + len;
        let layers = if network.passes.is_some() {
            let layers = graph.layers().map(|(_, layer)| Layer {
                outputs: layer.outputs(),
                fan_in: layer.fan_in(),
                weight: layer.weight_range(),
                bias: layer.bias.then(|| layer.bias_range()),
                scale: 1.0,
            });
            layers.collect()
        } else {
            let layers = network.levels.iter().enumerate().map(|(place, level)| Layer {
                outputs: level.layer.outputs(),
                fan_in: level.layer.fan_in(),
                weight: from(level.weight, level.layer.weights()),
                bias: level.bias.map(|start| from(start, level.layer.outputs())),
                scale: level.scale * if place == 0 { 1.0 } else { network.unit.scale },
            });
            layers.collect()
        };
        Stacked { graph, layers }
    }

    /// Values of the widest layer, of a sample.
    pub(super) fn widest(&self) -> usize {
        self.graph.nodes().iter().skip(1).map(|node| node.extent.size()).max().unwrap_or(1)
    }

    /// Weights of the largest layer.
    pub(super) fn largest(&self) -> usize {
        self.layers.iter().map(|layer| layer.weight.len()).max().unwrap_or(1)
    }

    /// Copies replicas' parameters to the device.
    pub(super) fn upload(&self, place: &Place, replicas: &[&[f64]]) -> Parameters {
        let take = |range: &Range<usize>, outputs: usize, fan_in: usize| {
            let values = replicas.iter().flat_map(|replica| replica[range.clone()].iter().copied()).collect();
            place.tensor(values, [replicas.len(), outputs, fan_in])
        };
        let layers = self.layers.iter().map(|layer| LayerParameters {
            weight: take(&layer.weight, layer.outputs, layer.fan_in),
            bias: layer.bias.as_ref().map(|bias| take(bias, layer.outputs, 1)),
        });
        Parameters(layers.collect())
    }

    /// Parameters, or a gradient by those that [`Stacked::forward`] is given, with the factors of the layers.
    pub(super) fn scaled(&self, parameters: Parameters) -> Parameters {
        let scaled = |(layer, own): (&Layer, LayerParameters)| {
            let LayerParameters { weight, bias } = own;
            LayerParameters { weight: if layer.scale == 1.0 { weight } else { weight.mul_scalar(layer.scale) }, bias }
        };
        Parameters(self.layers.iter().zip(parameters.0).map(scaled).collect())
    }

    /// Through the network with parameters of [`Stacked::scaled`]; the samples are `[sample, input]`. f is the pass's output.
    pub(super) fn forward(&self, scaled: &Parameters, x: &Tensor<2>) -> Pass {
        let no_averages = Parameters(Vec::new());
        network::forward(&self.graph, scaled, &no_averages, Input::Each(x.clone()), &Mode::Training(None))
    }

    /// Back from ∂/∂f of each sample, `[replica, 1, sample]`: Σ c ∂f by the parameters that the pass was given.
    pub(super) fn backward(&self, pass: Pass, scaled: &Parameters, seed: Tensor<3>) -> Parameters {
        pass.backward(&self.graph, scaled, seed)
    }
}
