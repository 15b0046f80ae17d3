//! The elementwise functions of hidden layers.
//!
//! Invariant: names and the order of variants take part in cells' identities and may not change.

use serde::Serialize;
use statrs::function::erf::erf;

/// Elementwise function of a hidden layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// tanh z
    Tanh,
    /// max(0, z)
    Relu,
    /// z Φ(z), with the exact normal distribution function.
    Gelu,
    /// 1/(1 + e^−z)
    Sigmoid,
    /// ln(1 + e^z); trained by gradient flow alone.
    Softplus,
}

impl Activation {
    /// All of them.
    pub const ALL: [Activation; 5] =
        [Activation::Tanh, Activation::Relu, Activation::Gelu, Activation::Sigmoid, Activation::Softplus];

    /// Name in sweep files, labels and identities.
    pub fn name(self) -> &'static str {
        match self {
            Activation::Tanh => "tanh",
            Activation::Relu => "relu",
            Activation::Gelu => "gelu",
            Activation::Sigmoid => "sigmoid",
            Activation::Softplus => "softplus",
        }
    }

    /// σ(z) in double precision.
    pub fn value(self, z: f64) -> f64 {
        match self {
            Activation::Tanh => z.tanh(),
            Activation::Relu => z.max(0.0),
            Activation::Gelu => z * normal(z),
            Activation::Sigmoid => sigmoid(z),
            Activation::Softplus => z.max(0.0) + (-z.abs()).exp().ln_1p(),
        }
    }

    /// σ'(z) in double precision; 0 where a rectifier's argument is 0.
    pub fn slope(self, z: f64) -> f64 {
        match self {
            Activation::Tanh => 1.0 - z.tanh().powi(2),
            Activation::Relu => f64::from(u8::from(z > 0.0)),
            Activation::Gelu => normal(z) + z * (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt(),
            Activation::Sigmoid => sigmoid(z) * sigmoid(-z),
            Activation::Softplus => sigmoid(z),
        }
    }

    /// σ''(z) in double precision; 0 for a rectifier, which bends at 0 alone.
    pub fn curvature(self, z: f64) -> f64 {
        match self {
            Activation::Tanh => -2.0 * z.tanh() * (1.0 - z.tanh().powi(2)),
            Activation::Relu => 0.0,
            Activation::Gelu => (2.0 - z * z) * (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt(),
            Activation::Sigmoid => sigmoid(z) * sigmoid(-z) * (1.0 - 2.0 * sigmoid(z)),
            Activation::Softplus => sigmoid(z) * sigmoid(-z),
        }
    }
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// The normal distribution's function Φ(z) = ½ (1 + erf(z/√2)).
fn normal(z: f64) -> f64 {
    0.5 * (1.0 + erf(z * std::f64::consts::FRAC_1_SQRT_2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_derivatives_and_names_those_of_identities() {
        for activation in Activation::ALL {
            for step in -40..40 {
                // Half a step off 0, where the rectifier bends.
                let z = f64::from(step) * 0.1 + 0.05;
                let difference = (activation.value(z + 1e-6) - activation.value(z - 1e-6)) / 2e-6;
                // Central differences: rounding of 1e-16/1e-6 and a third derivative of order 1 times 1e-12.
                assert!((activation.slope(z) - difference).abs() < 1e-8, "{activation:?} {z}");
                let difference = (activation.slope(z + 1e-6) - activation.slope(z - 1e-6)) / 2e-6;
                assert!((activation.curvature(z) - difference).abs() < 1e-8, "{activation:?} {z}");
            }
            assert_eq!(serde_json::to_value(activation).ok(), Some(activation.name().into()));
        }
    }
}
