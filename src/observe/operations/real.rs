//! The numbers that networks on the host are computed in: f32 where points are many, f64 where digits count.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Mul, MulAssign, Sub};

use faer::{Accum, MatMut, MatRef};
use phasesweep_networks::Activation;
use phasesweep_passes::multiply;

use super::activation;

/// A real number of some precision.
pub(in crate::observe) trait Real:
    Copy
    + Debug
    + PartialOrd
    + Into<f64>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + AddAssign
    + MulAssign
{
    /// 0.
    const ZERO: Self;

    /// The nearest number.
    fn of(number: f64) -> Self;

    /// Replaces z by σ(z).
    fn apply(kind: Activation, z: &mut [Self]);

    /// Replaces z by σ'(z).
    fn slope(kind: Activation, z: &mut [Self]);

    /// `left` · `right`, added to `out` or in its place.
    fn product(out: MatMut<'_, Self>, accum: Accum, left: MatRef<'_, Self>, right: MatRef<'_, Self>);
}

impl Real for f32 {
    const ZERO: f32 = 0.0;

    fn of(number: f64) -> f32 {
        number as f32
    }

    fn apply(kind: Activation, z: &mut [f32]) {
        activation::apply(kind, z);
    }

    fn slope(kind: Activation, z: &mut [f32]) {
        activation::slope(kind, z);
    }

    fn product(out: MatMut<'_, f32>, accum: Accum, left: MatRef<'_, f32>, right: MatRef<'_, f32>) {
        multiply(out, accum, left, right);
    }
}

impl Real for f64 {
    const ZERO: f64 = 0.0;

    fn of(number: f64) -> f64 {
        number
    }

    fn apply(kind: Activation, z: &mut [f64]) {
        z.iter_mut().for_each(|z| *z = kind.value(*z));
    }

    fn slope(kind: Activation, z: &mut [f64]) {
        z.iter_mut().for_each(|z| *z = kind.slope(*z));
    }

    fn product(out: MatMut<'_, f64>, accum: Accum, left: MatRef<'_, f64>, right: MatRef<'_, f64>) {
        multiply(out, accum, left, right);
    }
}
