//! Nodes with images, of a stack of replicas: one grouped convolution for all of them, gradients by burn's autodiff.
//!
//! Replicas lie side by side in the channels, `[sample, replica·channel, height, width]`. A convolution of samples that
//! are shared is one ordinary convolution with all replicas' output channels; every other one has a group for each
//! replica. Invariant: the loss is a sum over replicas and no channel sees another replica's, so a replica's gradient is
//! its own.

use ::burn::tensor::Tensor;
use ::burn::tensor::module::{conv2d, max_pool2d};
use ::burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use phasesweep_networks::Extent;

use super::input::Input;
use super::parameters::LayerParameters;

/// What a convolution is fed.
pub(super) enum Below {
    /// Samples that all replicas share, `[sample, channel, height, width]`.
    Shared(Tensor<4>),
    /// Each replica its own, `[sample, replica·channel, height, width]`.
    Own(Tensor<4>),
}

/// Parameters of a convolution that gradients are wanted of.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    layer: usize,
    weight: Tensor<4>,
    bias: Tensor<1>,
}

/// Samples as images of the stated extent.
pub(super) fn below(rows: &Input, extent: Extent, replicas: usize) -> Below {
    let [channels, height, width] = match extent {
        Extent::Image(image) => image,
        Extent::Units(units) => [units, 1, 1],
    };
    match rows {
        Input::Shared(x) => Below::Shared(x.clone().reshape([x.dims()[0], channels, height, width])),
        Input::Own(x) => {
            let samples = x.dims()[1];
            Below::Own(x.clone().swap_dims(0, 1).reshape([samples, replicas * channels, height, width]))
        }
    }
}

/// A convolution with the parameters of layer `layer`. With `train`, the way back is recorded.
pub(super) fn convolve(
    below: Below,
    own: &LayerParameters,
    layer: usize,
    kernel: usize,
    train: bool,
) -> (Tensor<4>, Option<Leaf>) {
    let [replicas, outputs, fan_in] = own.weight.dims();
    let (below, groups) = match below {
        Below::Shared(image) => (image, 1),
        Below::Own(image) => (image, replicas),
    };
    let mut weight = own.weight.clone().reshape([replicas * outputs, fan_in / (kernel * kernel), kernel, kernel]);
    let mut bias = own.bias.clone().reshape([replicas * outputs]);
    let mut leaf = None;
    if train {
        weight = weight.autodiff().require_grad();
        bias = bias.autodiff().require_grad();
        leaf = Some(Leaf { layer, weight: weight.clone(), bias: bias.clone() });
    }
    let same = kernel / 2;
    let options = ConvOptions::new([1, 1], [same, same], [1, 1], groups);
    (conv2d(below, weight, Some(bias), options), leaf)
}

/// Max pooling.
pub(super) fn pool(image: Tensor<4>, side: usize) -> Tensor<4> {
    max_pool2d(image, MaxPoolOptions::new([side, side]))
}

/// Values only, as vectors: `[sample, replica, activation]`.
pub(super) fn flat(image: &Tensor<4>, replicas: usize) -> Tensor<3> {
    let [samples, channels, height, width] = image.dims();
    image.clone().inner().reshape([samples, replicas, channels / replicas * height * width])
}

/// From the gradients at images that were flattened, `[replica, activation, sample]`, to those of the parameters, each
/// with the number of its layer.
pub(super) fn backward(
    images: Vec<(Tensor<4>, Tensor<3>)>,
    leaves: Vec<Leaf>,
    replicas: usize,
) -> Vec<(usize, LayerParameters)> {
    let terms = images.into_iter().map(|(image, gradient)| {
        let gradient = gradient.permute([2, 0, 1]).reshape(image.dims());
        (image * gradient).sum()
    });
    let Some(total) = terms.reduce(|a, b| a + b) else { return Vec::new() };
    let mut gradients = total.backward();
    let of = |Leaf { layer, weight, bias }: Leaf| {
        let [out, inputs, kernel, _] = weight.dims();
        let out = out / replicas;
        // A convolution that no output depends on has no gradient.
        let of_weight = weight.grad_remove(&mut gradients).unwrap_or_else(|| weight.clone().inner().zeros_like());
        let of_bias = bias.grad_remove(&mut gradients).unwrap_or_else(|| bias.clone().inner().zeros_like());
        let weight = of_weight.reshape([replicas, out, inputs * kernel * kernel]);
        (layer, LayerParameters { weight, bias: of_bias.reshape([replicas, out, 1]) })
    };
    leaves.into_iter().map(of).collect()
}
