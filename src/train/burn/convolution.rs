//! Convolutions of a stack of replicas: one grouped convolution for all of them.
//!
//! Replicas lie side by side in the channels, `[sample, replica·channel, height, width]`. An undivided convolution of samples
//! that are shared is one ordinary convolution with all replicas' output channels; every other one has the convolution's
//! groups for each replica. Invariant: no channel sees another replica's.

use ::burn::tensor::module::{conv_transpose2d, conv2d, conv2d_weight_backward};
use ::burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use ::burn::tensor::{Int, Tensor, TensorData};
use phasesweep_networks::Window;

use super::flex::on_flex;
use super::parameters::LayerParameters;

/// What a convolution is fed.
#[derive(Debug, Clone)]
pub(super) enum Below {
    /// Samples that all replicas share, `[sample, channel, height, width]`.
    Shared(Tensor<4>),
    /// Each replica its own, `[sample, replica·channel, height, width]`.
    Own(Tensor<4>),
}

impl Below {
    /// The tensor that is convolved, and how many groups its channels have.
    fn grouped(self, window: Window, replicas: usize) -> (Tensor<4>, usize) {
        match self {
            Below::Shared(image) if window.groups == 1 => (image, 1),
            Below::Shared(image) => (repeated(image, replicas), replicas * window.groups),
            Below::Own(image) => (image, replicas * window.groups),
        }
    }
}

/// Shared samples, once for each replica.
pub(super) fn repeated(image: Tensor<4>, replicas: usize) -> Tensor<4> {
    let [samples, channels, height, width] = image.dims();
    let image = image.reshape([samples, 1, channels, height * width]);
    image.expand([samples, replicas, channels, height * width]).reshape([samples, replicas * channels, height, width])
}

/// The weight as a convolution takes it, `[replica·output, input/group, kernel, kernel]`.
fn kernels(own: &LayerParameters, window: Window) -> Tensor<4> {
    let ([replicas, outputs, fan_in], kernel) = (own.weight.dims(), window.kernel);
    own.weight.clone().reshape([replicas * outputs, fan_in / (kernel * kernel), kernel, kernel])
}

fn options(window: Window, groups: usize) -> ConvOptions<2> {
    ConvOptions::new([window.stride; 2], [window.padding; 2], [1, 1], groups)
}

/// The convolution with a layer's parameters: `[sample, replica·output, height, width]`.
pub(super) fn forward(below: Below, own: &LayerParameters, window: Window) -> Tensor<4> {
    let [replicas, outputs, _] = own.weight.dims();
    let (image, groups) = below.grouped(window, replicas);
    let bias = own.bias.clone().map(|bias| bias.reshape([replicas * outputs]));
    conv2d(image, kernels(own, window), bias, options(window, groups))
}

/// The gradient of a layer's parameters, from that at its outputs.
pub(super) fn gradient(below: Below, own: &LayerParameters, window: Window, delta: &Tensor<4>) -> LayerParameters {
    let [replicas, outputs, fan_in] = own.weight.dims();
    let [samples, all, height, width] = delta.dims();
    let bias = own.bias.is_some().then(|| {
        let rows = delta.clone().reshape([samples, all, height * width]).sum_dim(2);
        rows.sum_dim(0).reshape([replicas, outputs, 1])
    });
    let (image, groups) = below.grouped(window, replicas);
    let weight = conv2d_weight_backward(image, kernels(own, window), delta.clone(), options(window, groups));
    LayerParameters { weight: weight.reshape([replicas, outputs, fan_in]), bias }
}

/// The squares of each sample's own gradient of a layer's parameters, from that at its outputs: `[replica, 1, sample]`.
pub(super) fn squares(below: Below, own: &LayerParameters, window: Window, delta: &Tensor<4>) -> Tensor<3> {
    let [replicas, outputs, fan_in] = own.weight.dims();
    let [samples, all, height, width] = delta.dims();
    let image = match below {
        Below::Own(image) => image,
        Below::Shared(image) => repeated(image, replicas),
    };
    let (each, places) = (samples * replicas * window.groups, height * width);
    let seen = seen(image, window, [height, width]).reshape([each, fan_in, places]);
    let back = delta.clone().reshape([each, outputs / window.groups, places]);
    let of_weights = back.matmul(seen.swap_dims(1, 2)).reshape([samples, replicas, outputs * fan_in]);
    let square = |values: Tensor<3>| (values.clone() * values).sum_dim(2);
    let mut squares = square(of_weights);
    if own.bias.is_some() {
        let of_biases = delta.clone().reshape([samples, all, places]).sum_dim(2);
        squares = squares + square(of_biases.reshape([samples, replicas, outputs]));
    }
    squares.permute([1, 2, 0])
}

/// What the windows at so many rows and columns of places see of an image, `[sample, channel, kernel · kernel, place]`: 0 beside it.
fn seen(image: Tensor<4>, window: Window, [down, right]: [usize; 2]) -> Tensor<4> {
    let [samples, channels, height, width] = image.dims();
    let (kernel, pixels) = (window.kernel, height * width);
    let mut from = Vec::with_capacity(kernel * kernel * down * right);
    for (row, column) in (0..kernel).flat_map(|row| (0..kernel).map(move |column| (row, column))) {
        for (y, x) in (0..down).flat_map(|y| (0..right).map(move |x| (y, x))) {
            let (y, x) = (y * window.stride + row, x * window.stride + column);
            let inside = (y.checked_sub(window.padding).filter(|&y| y < height))
                .zip(x.checked_sub(window.padding).filter(|&x| x < width));
            from.push(inside.map_or(pixels, |(y, x)| y * width + x) as i64);
        }
    }
    let count = from.len();
    let from = Tensor::<1, Int>::from_data(TensorData::new(from, [count]), &image.device());
    let image = image.reshape([samples, channels, pixels]);
    let beside = image.clone().narrow(2, 0, 1).zeros_like();
    let seen = Tensor::cat(vec![image, beside], 2).select(2, from);
    seen.reshape([samples, channels, kernel * kernel, down * right])
}

/// The gradient at what a convolution was fed, of this height and width; each replica's own.
pub(super) fn backward(own: &LayerParameters, window: Window, delta: Tensor<4>, sides: [usize; 2]) -> Tensor<4> {
    let (replicas, places) = (own.weight.dims()[0], [delta.dims()[2], delta.dims()[3]]);
    // Rows and columns that no window reaches.
    let rest = [0, 1].map(|side| sides[side] + 2 * window.padding - (places[side] - 1) * window.stride - window.kernel);
    let groups = replicas * window.groups;
    let [outputs, inputs] = [own.weight.dims()[1] / window.groups, own.weight.dims()[2] / window.kernel.pow(2)];
    if on_flex(&delta.device()) && outputs * inputs == 1 && window.stride == 1 && window.padding < window.kernel {
        // Of single channels a convolution is six times faster there than a transposed one: by the kernels turned round.
        let turned = kernels(own, window).flip([2, 3]);
        let padding = window.kernel - 1 - window.padding;
        return conv2d(delta, turned, None, ConvOptions::new([1, 1], [padding; 2], [1, 1], groups));
    }
    let options = ConvTransposeOptions::new([window.stride; 2], [window.padding; 2], rest, [1, 1], groups);
    conv_transpose2d(delta, kernels(own, window), None, options)
}
