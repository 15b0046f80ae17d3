//! Tangent kernels on the device, in double precision: the products of the layers' signals, which the host has computed.
//!
//! The signals are n times as many numbers as a network has values, the kernel's products n² times; so the latter alone are worth a
//! device. Rows of the kernel are computed a part at a time, that no kernel need fit into the device's memory. Invariant: the
//! same kernel as on the host up to rounding; where the device fails, the host computes it, and the log says so.

use std::fmt;

use ::burn::tensor::{Device, Tensor};

use super::place::Place;
use crate::device::{Doubles, shown};
use crate::sweep::Precision;
use crate::train::TrainError;
use crate::train::burn::failure::guarded;
use crate::train::burn::transfer;
use crate::train::flow::tangent::{Kernels, Terms};

/// Numbers of a part of a kernel: 64 MiB, of which three are alive at a time.
const PART: usize = 1 << 23;

/// A device that computes kernels.
pub(in crate::train::flow) struct DeviceKernels {
    place: Place,
    /// Multiplications from which on it does.
    worth: f64,
    /// Numbers of a part of a kernel.
    part: usize,
}

impl fmt::Debug for DeviceKernels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kernels on {}", shown(&self.place.device))
    }
}

impl DeviceKernels {
    /// On this device, kernels of so many multiplications (`worth`) or more; `None` if it does not multiply matrices in double
    /// precision.
    pub(super) fn on(device: &Device, doubles: Doubles, worth: f64) -> Option<DeviceKernels> {
        let place = Place { device: device.clone(), precision: Precision::F64 };
        (doubles >= Doubles::Matrices).then_some(DeviceKernels { place, worth, part: PART })
    }

    /// So many numbers at a time.
    #[cfg(test)]
    pub(super) fn in_parts_of(self, part: usize) -> DeviceKernels {
        DeviceKernels { part, ..self }
    }

    fn compute(&self, layers: &[Terms<'_>], [columns, rows]: [usize; 2]) -> Result<Vec<f64>, TrainError> {
        // `[sample, number]` of some of so many samples.
        let matrix = |values: &[f64], samples: usize, first: usize, count: usize| -> Tensor<2> {
            let each = values.len() / samples;
            self.place.tensor(values[first * each..(first + count) * each].to_vec(), [count, each])
        };
        let across = |values: &[f64]| matrix(values, columns, 0, columns).transpose();
        let uploaded: Vec<Vec<Tensor<2>>> = layers
            .iter()
            .map(|terms| match *terms {
                Terms::Dense { input, delta, .. } => vec![across(input[0]), across(delta[0])],
                Terms::Shared { sums } => vec![across(sums[0])],
            })
            .collect();
        let at_once = (self.part / columns).clamp(1, rows);
        let mut kernel = Vec::with_capacity(rows * columns);
        for first in (0..rows).step_by(at_once) {
            let count = at_once.min(rows - first);
            let down = |values: &[f64]| matrix(values, rows, first, count);
            let of_layer = |(terms, uploaded): (&Terms<'_>, &Vec<Tensor<2>>)| match *terms {
                Terms::Dense { input, delta, factors: [square, bias] } => {
                    let fed = down(input[1]).matmul(uploaded[0].clone()).mul_scalar(square).add_scalar(bias);
                    fed * down(delta[1]).matmul(uploaded[1].clone())
                }
                Terms::Shared { sums } => down(sums[1]).matmul(uploaded[0].clone()),
            };
            let Some(part) = layers.iter().zip(&uploaded).map(of_layer).reduce(|sum, part| sum + part) else { break };
            kernel.extend(transfer::fetch_wide(vec![part])?.concat());
        }
        kernel.resize(rows * columns, 0.0);
        Ok(kernel)
    }
}

impl Kernels for DeviceKernels {
    fn kernel(&self, layers: &[Terms<'_>], samples: [usize; 2]) -> Option<Vec<f64>> {
        let [columns, rows] = samples;
        let products: usize = layers.iter().map(|terms| terms.width(columns)).sum::<usize>() * rows * columns;
        if (products as f64) < self.worth || products == 0 {
            return None;
        }
        guarded(|| self.compute(layers, samples))
            .inspect_err(|error| tracing::warn!("the host computes a tangent kernel, since {self:?} failed: {error}"))
            .ok()
    }
}
