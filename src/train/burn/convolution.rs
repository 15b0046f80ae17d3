//! The convolutional trunk of a stack of replicas: one grouped convolution for all of them, gradients by burn's
//! autodiff.
//!
//! Replicas lie side by side in the channels, `[sample, replica·channel, height, width]`. A first layer whose inputs are
//! shared is one ordinary convolution with all replicas' output channels; every other one has a group for each replica.
//! Invariant: the loss is a sum over replicas and no channel sees another replica's, so a replica's gradient is its own.

use ::burn::tensor::Tensor;
use ::burn::tensor::module::{conv2d, max_pool2d};
use ::burn::tensor::ops::{ConvOptions, MaxPoolOptions};

use super::network::{Input, activate};
use super::parameters::LayerParameters;
use crate::sweep::Activation;
use crate::train::shape::LayerShape;

/// A pass through the trunk.
#[derive(Debug, Clone)]
pub(super) struct Trunk {
    /// Each convolution's output after activation and pooling, `[sample, replica·channel, height, width]`.
    outputs: Vec<Tensor<4>>,
    /// Weights and biases that gradients are wanted of.
    leaves: Vec<(Tensor<4>, Tensor<1>)>,
    replicas: usize,
}

/// Through the convolutions. With `train`, the way back is recorded.
pub(super) fn forward(
    layers: &[LayerShape],
    parameters: &[LayerParameters],
    input: &Input,
    kind: Activation,
    train: bool,
) -> Trunk {
    let replicas = parameters.first().map_or(0, |layer| layer.weight.dims()[0]);
    let mut trunk = Trunk { outputs: Vec::new(), leaves: Vec::new(), replicas };
    for (layer, own) in layers.iter().zip(parameters) {
        let LayerShape::Convolution { inputs, outputs, kernel, pool, height, width } = *layer else { break };
        let (below, groups) = match (trunk.outputs.last(), input) {
            (Some(below), _) => (below.clone(), replicas),
            (None, Input::Shared(x)) => (x.clone().reshape([x.dims()[0], inputs, height, width]), 1),
            (None, Input::Own(x)) => {
                let samples = x.dims()[1];
                (x.clone().swap_dims(0, 1).reshape([samples, replicas * inputs, height, width]), replicas)
            }
        };
        let mut weight = own.weight.clone().reshape([replicas * outputs, inputs, kernel, kernel]);
        let mut bias = own.bias.clone().reshape([replicas * outputs]);
        if train {
            weight = weight.autodiff().require_grad();
            bias = bias.autodiff().require_grad();
            trunk.leaves.push((weight.clone(), bias.clone()));
        }
        let same = kernel / 2;
        let options = ConvOptions::new([1, 1], [same, same], [1, 1], groups);
        let out = activate(conv2d(below, weight, Some(bias), options), kind);
        let out = if pool > 1 { max_pool2d(out, MaxPoolOptions::new([pool, pool])) } else { out };
        trunk.outputs.push(out);
    }
    trunk
}

impl Trunk {
    /// Convolutions.
    pub(super) fn len(&self) -> usize {
        self.outputs.len()
    }

    /// The last output, as the dense layers' input: `[replica, sample, activation]`.
    pub(super) fn features(&self) -> Option<Input> {
        self.outputs.last().map(|output| Input::Own(self.flat(output).swap_dims(0, 1)))
    }

    /// What an observer of convolution `layer` (from 0) sees: `[replica, activation, sample]`.
    pub(super) fn observed(&self, layer: usize) -> Option<Tensor<3>> {
        self.outputs.get(layer).map(|output| self.flat(output).permute([1, 2, 0]))
    }

    /// From the gradient at the last output, `[replica, activation, sample]`, to the parameters' gradients.
    pub(super) fn backward(self, gradient: Tensor<3>) -> Vec<LayerParameters> {
        let Some(last) = self.outputs.last() else { return Vec::new() };
        let gradient = gradient.permute([2, 0, 1]).reshape(last.dims());
        let mut gradients = (last.clone() * gradient).sum().backward();
        self.leaves
            .iter()
            .map(|(weight, bias)| {
                let [out, inputs, kernel, _] = weight.dims();
                let out = out / self.replicas;
                // Every leaf lies on the way from the last output, so its gradient exists.
                let of_weight =
                    weight.grad_remove(&mut gradients).unwrap_or_else(|| weight.clone().inner().zeros_like());
                let of_bias = bias.grad_remove(&mut gradients).unwrap_or_else(|| bias.clone().inner().zeros_like());
                LayerParameters {
                    weight: of_weight.reshape([self.replicas, out, inputs * kernel * kernel]),
                    bias: of_bias.reshape([self.replicas, out, 1]),
                }
            })
            .collect()
    }

    /// Values only: `[sample, replica, activation]`.
    fn flat(&self, output: &Tensor<4>) -> Tensor<3> {
        let [samples, channels, height, width] = output.dims();
        output.clone().inner().reshape([samples, self.replicas, channels / self.replicas * height * width])
    }
}
