//! Where the tensors of a stack are, and in which precision.

use ::burn::tensor::{DType, Device, FloatDType, Int, Tensor, TensorData};

use crate::device::wide;
use crate::sweep::Precision;

/// A device, and a precision that it computes in.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) device: Device,
    pub(super) precision: Precision,
}

impl Place {
    /// A tensor of numbers, each to the nearest one of the precision.
    pub(super) fn tensor<const D: usize>(&self, values: Vec<f64>, shape: [usize; D]) -> Tensor<D> {
        match self.precision {
            Precision::F64 => wide(&self.device, values, shape),
            Precision::F32 => {
                let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
                Tensor::from_data(TensorData::new(values, shape), (&self.device, DType::F32))
            }
        }
    }

    /// One number for each replica, `[replica, 1, 1]`.
    pub(super) fn column(&self, values: Vec<f64>) -> Tensor<3> {
        let replicas = values.len();
        self.tensor(values, [replicas, 1, 1])
    }

    /// Places along a dimension.
    pub(super) fn places(&self, places: &[usize]) -> Tensor<1, Int> {
        let places: Vec<i64> = places.iter().map(|&place| place as i64).collect();
        let count = places.len();
        Tensor::from_data(TensorData::new(places, [count]), &self.device)
    }

    /// What 1 and 0 of a comparison are cast to.
    pub(super) fn float(&self) -> FloatDType {
        match self.precision {
            Precision::F32 => FloatDType::F32,
            Precision::F64 => FloatDType::F64,
        }
    }

    /// The nearest number of the precision.
    pub(super) fn nearest(&self, value: f64) -> f64 {
        match self.precision {
            Precision::F32 => f64::from(value as f32),
            Precision::F64 => value,
        }
    }

    /// The least number d of the precision with a d ≥ b, computed in double precision; a is positive.
    pub(super) fn least(&self, a: f64, b: f64) -> f64 {
        let step = |value: f64, up: bool| match (self.precision, up) {
            (Precision::F32, true) => f64::from((value as f32).next_up()),
            (Precision::F32, false) => f64::from((value as f32).next_down()),
            (Precision::F64, true) => value.next_up(),
            (Precision::F64, false) => value.next_down(),
        };
        let mut d = self.nearest(b / a);
        while d.is_finite() && a * d >= b {
            d = step(d, false);
        }
        // NaN, of numbers that are none, ends it too.
        while a * d < b {
            d = step(d, true);
        }
        d
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::device_under_test;

    #[test]
    fn the_least_number_that_fits_is_one_beyond_one_that_does_not() {
        let place = |precision| Place { device: device_under_test(), precision };
        for (a, b) in [(1.0, 1.0), (0.01, 1.0), (3.0, 1.0), (1e6, 0.3), (7.0, 2.0), (1e-3, 1e-5)] {
            let single = place(Precision::F32).least(a, b) as f32;
            assert!(a * f64::from(single) >= b && a * f64::from(single.next_down()) < b, "{a} {b}");
            let double = place(Precision::F64).least(a, b);
            assert!(a * double >= b && a * double.next_down() < b, "{a} {b}");
        }
    }
}
