//! The gradient of f at one sample by burn's autodiff, the network written out tensor by tensor.

use burn::tensor::module::{conv2d, max_pool2d};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor, TensorData, activation};

use crate::sweep::Activation;
use crate::train::flow::network::Network;
use phasesweep_networks::LayerShape;

fn unit(network: &Network, z: Tensor<4>) -> Tensor<4> {
    let value = match network.unit.kind {
        Activation::Relu => activation::relu(z),
        Activation::Tanh => z.tanh(),
        Activation::Gelu => activation::gelu(z),
        Activation::Sigmoid => activation::sigmoid(z),
        Activation::Softplus => activation::softplus(z, 1.0),
        Activation::LeakyRelu => activation::leaky_relu(z, 0.01),
        Activation::Swish => activation::silu(z),
        Activation::Elu => activation::elu(z, 1.0),
        Activation::Erf => z.erf(),
        Activation::Quadratic => z.clone() * z,
        Activation::Identity => z,
    };
    value.mul_scalar(network.unit.scale)
}

/// f(x) and ∂f(x)/∂θ, laid out as the parameters.
pub(super) fn value_and_gradient(network: &Network, parameters: &[f64], x: &[f32]) -> (f64, Vec<f64>) {
    let device = Device::flex();
    let leaf = |from: usize, shape: [usize; 4]| {
        let count: usize = shape.iter().product();
        let values: Vec<f32> = parameters[from..from + count].iter().map(|&v| v as f32).collect();
        Tensor::<4>::from_data(TensorData::new(values, shape), &device).autodiff().require_grad()
    };
    let mut leaves = Vec::new();
    // [1, channel, row, column]; dense layers act on [1, unit, 1, 1].
    let mut value = Tensor::<4>::from_data(TensorData::new(x.to_vec(), [1, x.len(), 1, 1]), &device);
    let last = network.levels.len() - 1;
    for (place, level) in network.levels.iter().enumerate() {
        let (out, fan_in) = (level.layer.outputs(), level.layer.fan_in());
        let bias = level.bias.map(|at| (at, leaf(at, [1, out, 1, 1])));
        let (weight, mut z) = match level.layer {
            LayerShape::Dense { .. } => {
                let weight = leaf(level.weight, [1, 1, out, fan_in]);
                let product = weight.clone().matmul(value.reshape([1, 1, fan_in, 1]));
                (weight, product.reshape([1, out, 1, 1]))
            }
            LayerShape::Convolution { inputs, kernel, height, width, .. } => {
                let weight = leaf(level.weight, [out, inputs, kernel, kernel]);
                let options = ConvOptions::new([1, 1], [kernel / 2, kernel / 2], [1, 1], 1);
                let image = value.reshape([1, inputs, height, width]);
                (weight.clone(), conv2d(image, weight, None, options))
            }
        };
        z = z.mul_scalar(level.scale);
        if let Some((_, bias)) = &bias {
            z = z + bias.clone();
        }
        leaves.push((level.weight, level.layer.weights(), weight));
        leaves.extend(bias.map(|(at, bias)| (at, out, bias)));
        value = z;
        if place < last {
            value = unit(network, value);
            if let LayerShape::Convolution { pool, .. } = level.layer
                && pool > 1
            {
                value = max_pool2d(value, MaxPoolOptions::new([pool, pool]));
            }
        }
    }
    let f = value.clone().inner().into_data().try_into_vec::<f32>().unwrap()[0];
    let mut gradients = value.sum().backward();
    let mut out = vec![f64::NAN; parameters.len()];
    for (at, count, leaf) in leaves {
        let gradient = leaf.grad_remove(&mut gradients).unwrap().into_data().try_into_vec::<f32>().unwrap();
        assert_eq!(gradient.len(), count);
        out[at..at + count].iter_mut().zip(gradient).for_each(|(place, value)| *place = f64::from(value));
    }
    (f64::from(f), out)
}
