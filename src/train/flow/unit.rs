//! The elementwise function of a hidden layer, with its slope, scaled to unit second moment in a mean-field network.

use super::margin::{logistic, softplus};
use crate::sweep::Activation;
use phasesweep_passes::Real;

/// c σ(z).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Unit {
    /// σ
    pub(super) kind: Activation,
    /// c
    pub(super) scale: f64,
}

impl Unit {
    /// σ, times 1/√E[σ(z)²] over z ~ N(0, 1) where `normalised`.
    pub(super) fn new(kind: Activation, normalised: bool) -> Unit {
        let scale = if normalised { 1.0 / second_moment(kind).sqrt() } else { 1.0 };
        Unit { kind, scale }
    }

    /// From z to c σ(z); returns c σ'(z).
    pub(super) fn apply<T: Real>(self, z: &mut [T]) -> Vec<T> {
        if self.kind == Activation::Relu {
            // The commonest, without the way through double precision and without a branch. What is not a number stays so.
            let scale = T::of(self.scale);
            let one = |z: &mut T| {
                let slope = if *z > T::default() { scale } else { T::default() };
                *z = *z * slope;
                slope
            };
            return z.iter_mut().map(one).collect();
        }
        let one = |z: &mut T| {
            let (value, slope) = self.at(*z);
            *z = value;
            slope
        };
        z.iter_mut().map(one).collect()
    }

    /// c σ(z) and c σ'(z).
    pub(super) fn at<T: Real>(self, z: T) -> (T, T) {
        let (value, slope) = value_and_slope(self.kind, z.wide());
        (T::of(self.scale * value), T::of(self.scale * slope))
    }
}

fn value_and_slope(kind: Activation, z: f64) -> (f64, f64) {
    match kind {
        Activation::Relu => (z.max(0.0), f64::from(u8::from(z > 0.0))),
        Activation::Tanh => {
            let t = z.tanh();
            (t, 1.0 - t * t)
        }
        Activation::Sigmoid => {
            let s = logistic(z);
            (s, s * (1.0 - s))
        }
        Activation::Softplus => (softplus(z), logistic(z)),
        Activation::LeakyRelu
        | Activation::Swish
        | Activation::Elu
        | Activation::Erf
        | Activation::Quadratic
        | Activation::Identity => (kind.value(z), kind.slope(z)),
        Activation::Gelu => {
            let distribution = 0.5 * statrs::function::erf::erfc(-z * std::f64::consts::FRAC_1_SQRT_2);
            let density = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
            (z * distribution, distribution + z * density)
        }
    }
}

/// E[σ(z)²] over z ~ N(0, 1), by the trapezium rule on [−12, 12]: exponentially accurate for smooth σ; ½ for the
/// rectifier, whose kink lies on a node.
fn second_moment(kind: Activation) -> f64 {
    const STEPS: i32 = 2400;
    let h = 12.0 / f64::from(STEPS);
    let sum: f64 = (-STEPS..=STEPS)
        .map(|k| {
            let z = f64::from(k) * h;
            value_and_slope(kind, z).0.powi(2) * (-0.5 * z * z).exp()
        })
        .sum();
    sum * h / std::f64::consts::TAU.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_moments_are_the_known_ones() {
        assert!((Unit::new(Activation::Relu, true).scale - 2f64.sqrt()).abs() < 1e-9);
        // Gauss–Hermite quadrature with 200 nodes (scipy): E[tanh²] and E[softplus²].
        assert!(
            (second_moment(Activation::Tanh) - 0.394_294_490_4).abs() < 1e-8,
            "{}",
            second_moment(Activation::Tanh)
        );
        let softplus = second_moment(Activation::Softplus);
        assert!((softplus - 0.921_245_908_86).abs() < 1e-8, "{softplus}");
        assert_eq!(Unit::new(Activation::Gelu, false).scale, 1.0);
    }

    #[test]
    fn slopes_are_those_of_the_values() {
        for kind in Activation::ALL {
            let unit = Unit::new(kind, true);
            for z in [-4.0, -1.3, -0.2, 0.3, 2.0, 5.0] {
                let difference = (unit.at(z + 1e-6).0 - unit.at(z - 1e-6).0) / 2e-6;
                // Central differences: h² σ''' and rounding 1e-10.
                assert!((unit.at::<f64>(z).1 - difference).abs() < 1e-8, "{kind:?} at {z}");
            }
        }
    }
}
