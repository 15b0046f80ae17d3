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
    /// ln(1 + e^z)
    Softplus,
    /// z for z > 0, else z/100: PyTorch's default slope.
    LeakyRelu,
    /// z/(1 + e^−z), which is PyTorch's SiLU.
    Swish,
    /// z for z > 0, else e^z − 1.
    Elu,
    /// The error function erf z.
    Erf,
    /// z²
    Quadratic,
    /// z: networks of such layers are deep linear ones.
    Identity,
}

/// Slope of [`Activation::LeakyRelu`] below 0.
pub const LEAK: f64 = 0.01;

impl Activation {
    /// All of them.
    pub const ALL: [Activation; 11] = [
        Activation::Tanh,
        Activation::Relu,
        Activation::Gelu,
        Activation::Sigmoid,
        Activation::Softplus,
        Activation::LeakyRelu,
        Activation::Swish,
        Activation::Elu,
        Activation::Erf,
        Activation::Quadratic,
        Activation::Identity,
    ];

    /// Whether it is a line on either side of 0, so that a network of it is affine within each linear region.
    pub fn is_piecewise_affine(self) -> bool {
        matches!(self, Activation::Relu | Activation::LeakyRelu | Activation::Identity)
    }

    /// Name in sweep files, labels and identities.
    pub fn name(self) -> &'static str {
        match self {
            Activation::Tanh => "tanh",
            Activation::Relu => "relu",
            Activation::Gelu => "gelu",
            Activation::Sigmoid => "sigmoid",
            Activation::Softplus => "softplus",
            Activation::LeakyRelu => "leaky-relu",
            Activation::Swish => "swish",
            Activation::Elu => "elu",
            Activation::Erf => "erf",
            Activation::Quadratic => "quadratic",
            Activation::Identity => "identity",
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
            Activation::LeakyRelu => {
                if z > 0.0 {
                    z
                } else {
                    LEAK * z
                }
            }
            Activation::Swish => z * sigmoid(z),
            Activation::Elu => {
                if z > 0.0 {
                    z
                } else {
                    z.exp_m1()
                }
            }
            Activation::Erf => erf(z),
            Activation::Quadratic => z * z,
            Activation::Identity => z,
        }
    }

    /// σ of each of them, to the bits of [`Activation::value`].
    pub fn values(self, z: &[f64]) -> Vec<f64> {
        // Loops of their own where they become vectors.
        match self {
            Activation::Relu => z.iter().map(|z| z.max(0.0)).collect(),
            Activation::LeakyRelu => z.iter().map(|&z| Activation::LeakyRelu.value(z)).collect(),
            _ => z.iter().map(|&z| self.value(z)).collect(),
        }
    }

    /// σ'(z) in double precision; where a rectifier bends, that of the left.
    pub fn slope(self, z: f64) -> f64 {
        match self {
            Activation::Tanh => self.slope_at(z, z.tanh()),
            Activation::Relu => f64::from(u8::from(z > 0.0)),
            Activation::Gelu => normal(z) + z * (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt(),
            Activation::Sigmoid => sigmoid(z) * sigmoid(-z),
            Activation::Softplus => sigmoid(z),
            Activation::LeakyRelu => {
                if z > 0.0 {
                    1.0
                } else {
                    LEAK
                }
            }
            Activation::Swish => sigmoid(z) * (1.0 + z * sigmoid(-z)),
            Activation::Elu => z.min(0.0).exp(),
            Activation::Erf => bell(z),
            Activation::Quadratic => 2.0 * z,
            Activation::Identity => 1.0,
        }
    }

    /// σ'(z) where σ(z) is known, to the bits of [`Activation::slope`]; cheaper where it follows from the value.
    pub fn slope_at(self, z: f64, value: f64) -> f64 {
        if self == Activation::Tanh { 1.0 - value.powi(2) } else { self.slope(z) }
    }

    /// σ''(z) where σ(z) is known, as [`Activation::slope_at`].
    pub fn curvature_at(self, z: f64, value: f64) -> f64 {
        if self == Activation::Tanh { -2.0 * value * (1.0 - value.powi(2)) } else { self.curvature(z) }
    }

    /// σ''(z) in double precision; 0 for a rectifier, which bends at 0 alone.
    pub fn curvature(self, z: f64) -> f64 {
        match self {
            Activation::Tanh => self.curvature_at(z, z.tanh()),
            Activation::Relu => 0.0,
            Activation::Gelu => (2.0 - z * z) * (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt(),
            Activation::Sigmoid => sigmoid(z) * sigmoid(-z) * (1.0 - 2.0 * sigmoid(z)),
            Activation::Softplus => sigmoid(z) * sigmoid(-z),
            Activation::LeakyRelu | Activation::Identity => 0.0,
            Activation::Swish => sigmoid(z) * sigmoid(-z) * (2.0 + z * (1.0 - 2.0 * sigmoid(z))),
            Activation::Elu => {
                if z > 0.0 {
                    0.0
                } else {
                    z.exp()
                }
            }
            Activation::Erf => -2.0 * z * bell(z),
            Activation::Quadratic => 2.0,
        }
    }
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// The slope 2 e^{−z²}/√π of the error function.
fn bell(z: f64) -> f64 {
    std::f64::consts::FRAC_2_SQRT_PI * (-z * z).exp()
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
                // Central differences: rounding of 1e-16/h and a third derivative of order 1 times h². The library's error
                // function is made of pieces that differ by some 1e-11 where they meet, which asks for a larger h.
                let (h, tolerance) = if activation == Activation::Erf { (1e-4, 1e-6) } else { (1e-6, 1e-8) };
                let difference = (activation.value(z + h) - activation.value(z - h)) / (2.0 * h);
                assert!((activation.slope(z) - difference).abs() < tolerance, "{activation:?} {z}");
                let difference = (activation.slope(z + 1e-6) - activation.slope(z - 1e-6)) / 2e-6;
                assert!((activation.curvature(z) - difference).abs() < 1e-8, "{activation:?} {z}");
                let value = activation.value(z);
                assert_eq!(activation.values(&[z])[0].to_bits(), value.to_bits());
                assert_eq!(activation.slope_at(z, value).to_bits(), activation.slope(z).to_bits());
                assert_eq!(activation.curvature_at(z, value).to_bits(), activation.curvature(z).to_bits());
            }
            assert_eq!(serde_json::to_value(activation).ok(), Some(activation.name().into()));
        }
    }
}
