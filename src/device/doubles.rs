//! Whether a device computes in double precision, asked of it by computing what single precision rounds away.
//!
//! What a runtime says of its types and what it has operations for are two things: a runtime may hold doubles and multiply
//! matrices of them without being able to convolve images of them. Invariant: no answer is a promise of speed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ::burn::tensor::module::{conv_transpose2d, conv2d, conv2d_weight_backward, max_pool2d_with_indices};
use ::burn::tensor::ops::{ConvOptions, ConvTransposeOptions, MaxPoolOptions};
use ::burn::tensor::{DType, Device, FloatDType, Tensor, TensorData, activation};
use phasesweep_networks::{Graph, Node, Op};

/// What a device computes in double precision; each has what the ones before it have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubles {
    /// Nothing.
    Nothing,
    /// Functions, sums and products of matrices.
    Matrices,
    /// Convolutions, back through them, and poolings.
    Images,
}

/// Twenty terms, and functions that libraries grant a few units in the last place: far below single precision's 6e-8.
const TOLERANCE: f64 = 1e-13;

impl Doubles {
    /// What a network in double precision asks of a device.
    pub fn for_graph(graph: &Graph) -> Doubles {
        let is_image = |node: &Node| matches!(node.op, Op::Convolution(_) | Op::Pool(_));
        if graph.nodes().iter().any(is_image) { Doubles::Images } else { Doubles::Matrices }
    }

    /// What this device computes. A device that fails at something does not compute it.
    pub fn of(device: &Device) -> Doubles {
        let passes = |work: &dyn Fn(&Device) -> bool| catch_unwind(AssertUnwindSafe(|| work(device))).unwrap_or(false);
        if !device.supports_dtype(FloatDType::F64) || !passes(&computes_matrices) {
            Doubles::Nothing
        } else if passes(&computes_images) {
            Doubles::Images
        } else {
            Doubles::Matrices
        }
    }
}

/// A tensor of doubles.
pub(crate) fn wide<const D: usize>(device: &Device, values: Vec<f64>, shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), (device, DType::F64))
}

/// The numbers of tensors, in one fetch; `None` if the device fails.
fn fetched(tensors: Vec<Tensor<1>>) -> Option<Vec<f64>> {
    Tensor::cat(tensors, 0).try_into_data().ok().map(|data| data.iter().collect())
}

fn agree(found: &[f64], expected: &[f64]) -> bool {
    let near = |(found, expected): (&f64, &f64)| (found - expected).abs() <= TOLERANCE * expected.abs();
    found.len() == expected.len() && found.iter().zip(expected).all(near)
}

/// Thirds, which single precision rounds at the eighth digit.
fn thirds(count: usize) -> Vec<f64> {
    (1..=count).map(|k| k as f64 / 3.0).collect()
}

/// Whether sums, quotients, roots, exponentials, maxima, choices and products of matrices are of doubles.
fn computes_matrices(device: &Device) -> bool {
    const SIZE: usize = 20;
    let x = thirds(SIZE);
    let row = || wide(device, x.clone(), [1, SIZE]);
    let column = || wide(device, x.clone(), [SIZE, 1]);
    let all = vec![
        row().matmul(column()),
        row().sum_dim(1),
        row().max_dim(1),
        row().recip(),
        row().sqrt(),
        row().neg().exp(),
        row().tanh(),
        activation::sigmoid(row().neg()),
        row().mask_fill(row().lower_elem(2.0 + 1e-12), -1.0),
    ];
    let map = |of: fn(f64) -> f64| x.iter().map(|&x| of(x)).collect::<Vec<f64>>();
    let sums = vec![x.iter().map(|x| x * x).sum(), x.iter().sum(), SIZE as f64 / 3.0];
    let functions = [
        map(f64::recip),
        map(f64::sqrt),
        map(|x| (-x).exp()),
        map(f64::tanh),
        map(|x| 1.0 / (1.0 + x.exp())),
        map(|x| if x < 2.0 + 1e-12 { -1.0 } else { x }),
    ];
    let found = fetched(all.into_iter().map(|values| values.flatten(0, 1)).collect());
    found.is_some_and(|found| agree(&found, &[sums, functions.concat()].concat()))
}

/// Whether convolutions are of doubles, in groups, as a stack of replicas has them; the two ways back through them, which are
/// their adjoints; and a pooling.
fn computes_images(device: &Device) -> bool {
    const SIDE: usize = 4;
    const KERNEL: usize = 3;
    const CHANNELS: usize = 2;
    let (x, w) = (thirds(CHANNELS * SIDE * SIDE), thirds(CHANNELS * KERNEL * KERNEL));
    let d: Vec<f64> = x.iter().map(|x| 1.0 / x).collect();
    let image = |values: &Vec<f64>| wide(device, values.clone(), [1, CHANNELS, SIDE, SIDE]);
    let kernels = || wide(device, w.clone(), [CHANNELS, 1, KERNEL, KERNEL]);
    let options = || ConvOptions::new([1, 1], [1, 1], [1, 1], CHANNELS);
    let back = ConvTransposeOptions::new([1, 1], [1, 1], [0, 0], [1, 1], CHANNELS);
    let (greatest, _) = max_pool2d_with_indices(image(&x), MaxPoolOptions::new([2, 2]).with_stride([2, 2]));
    let all = vec![
        conv2d(image(&x), kernels(), None, options()).flatten(0, 3),
        conv_transpose2d(image(&d), kernels(), None, back).flatten(0, 3),
        conv2d_weight_backward(image(&x), kernels(), image(&d), options()).flatten(0, 3),
        greatest.flatten(0, 3),
    ];
    let Some(found) = fetched(all) else { return false };
    // (output, input, weight) of every product, with padding of one.
    let mut products = Vec::new();
    for channel in 0..CHANNELS {
        for (row, column) in (0..SIDE).flat_map(|row| (0..SIDE).map(move |column| (row, column))) {
            for (down, right) in (0..KERNEL).flat_map(|down| (0..KERNEL).map(move |right| (down, right))) {
                let (r, c) = ((row + down).wrapping_sub(1), (column + right).wrapping_sub(1));
                if r < SIDE && c < SIDE {
                    let pixel = |r: usize, c: usize| (channel * SIDE + r) * SIDE + c;
                    products.push((pixel(row, column), pixel(r, c), (channel * KERNEL + down) * KERNEL + right));
                }
            }
        }
    }
    let (mut forward, mut to_inputs, mut to_weights) = (vec![0.0; x.len()], vec![0.0; x.len()], vec![0.0; w.len()]);
    for (output, input, weight) in products {
        forward[output] += x[input] * w[weight];
        to_inputs[input] += d[output] * w[weight];
        to_weights[weight] += d[output] * x[input];
    }
    // Pixels ascend, so that the greatest of each window is its last.
    let corner = |channel: usize| [5, 7, 13, 15].map(|place| x[channel * SIDE * SIDE + place]);
    agree(&found, &[forward, to_inputs, to_weights, corner(0).to_vec(), corner(1).to_vec()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_s_own_backend_computes_doubles() {
        assert_eq!(Doubles::of(&Device::flex()), Doubles::Images);
    }

    #[test]
    fn what_is_single_precision_is_seen() {
        let x = thirds(4);
        let rounded: Vec<f64> = x.iter().map(|&x| f64::from(x as f32)).collect();
        assert!(agree(&x, &x) && !agree(&rounded, &x) && !agree(&[f64::NAN], &[1.0]) && !agree(&[], &[1.0]));
    }
}
