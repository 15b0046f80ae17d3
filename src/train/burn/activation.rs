//! Elementwise functions of a stack's values, vectors and images alike, and their slopes.
//!
//! Invariant: each value depends on the one at its place alone.

use ::burn::tensor::{DType, Tensor, activation};
use phasesweep_networks::LEAK;

use super::flex::on_flex;
use crate::sweep::Activation;

/// The elementwise function.
///
/// flex calls the C library for each element, so there tanh and the sigmoid are made of one exponential, several times
/// faster; absolute error within 2e-7. An exponential that overflows leaves the limit, and the slope 0.
pub(super) fn activate<const D: usize>(z: Tensor<D>, kind: Activation) -> Tensor<D> {
    match kind {
        // 1 − 2/(e^2z + 1)
        Activation::Tanh if on_flex(&z.device()) => {
            z.mul_scalar(2.0).exp().add_scalar(1.0).recip().mul_scalar(-2.0).add_scalar(1.0)
        }
        Activation::Sigmoid if on_flex(&z.device()) => z.neg().exp().add_scalar(1.0).recip(),
        Activation::Tanh => z.tanh(),
        Activation::Relu => activation::relu(z),
        Activation::Gelu => activation::gelu(z),
        Activation::Sigmoid => activation::sigmoid(z),
        // Above 20, z itself in single precision; in double precision above 40.
        Activation::Softplus if z.dtype() == DType::F64 => activation::softplus_with_threshold(z, 1.0, 40.0),
        Activation::Softplus => activation::softplus(z, 1.0),
        Activation::LeakyRelu => activation::leaky_relu(z, LEAK),
        Activation::Swish => {
            let sigmoid = activate(z.clone(), Activation::Sigmoid);
            z * sigmoid
        }
        // The exponential of what is not negative would overflow.
        Activation::Elu => activation::relu(z.clone()) + z.clamp_max(0.0).exp().sub_scalar(1.0),
        Activation::Erf => z.erf(),
        Activation::Quadratic => z.clone() * z,
        Activation::Identity => z,
    }
}

/// Whether σ'(z) does not follow from σ(z).
pub(super) fn needs_argument(kind: Activation) -> bool {
    matches!(kind, Activation::Gelu | Activation::Swish | Activation::Erf | Activation::Quadratic)
}

/// An activation's value, with what its slope is made of.
#[derive(Debug, Clone)]
pub(in crate::train) struct Active<const D: usize> {
    /// Before the activation; kept where the slope needs it.
    pub(in crate::train) before: Option<Tensor<D>>,
    /// σ(z).
    pub(in crate::train) out: Tensor<D>,
    /// `out²`, where somebody has needed it already: the norms of the observables do.
    pub(in crate::train) square: Option<Tensor<D>>,
}

impl<const D: usize> From<Tensor<D>> for Active<D> {
    fn from(out: Tensor<D>) -> Active<D> {
        Active { before: None, out, square: None }
    }
}

impl<const D: usize> Active<D> {
    /// σ(z). With `train`, what the slope needs is kept.
    pub(in crate::train) fn of(z: Tensor<D>, kind: Activation, train: bool) -> Active<D> {
        let before = (train && needs_argument(kind)).then(|| z.clone());
        Active { before, out: activate(z, kind), square: None }
    }

    /// `out²`.
    pub(in crate::train) fn squared(&self) -> Tensor<D> {
        self.square.clone().unwrap_or_else(|| self.out.clone() * self.out.clone())
    }

    /// `delta` times σ'(z).
    pub(in crate::train) fn back(self, kind: Activation, delta: Tensor<D>) -> Tensor<D> {
        if kind == Activation::Identity { delta } else { delta * self.slope(kind) }
    }

    /// σ'(z).
    fn slope(self, kind: Activation) -> Tensor<D> {
        match kind {
            Activation::Tanh => self.squared().neg().add_scalar(1.0),
            Activation::Sigmoid => self.out.clone() - self.squared(),
            Activation::Relu => self.out.sign(),
            Activation::Softplus => self.out.neg().exp().neg().add_scalar(1.0),
            Activation::LeakyRelu => self.out.sign().clamp_min(0.0).mul_scalar(1.0 - LEAK).add_scalar(LEAK),
            // e^z = σ + 1 below 0, and 1 above.
            Activation::Elu => self.out.clamp_max(0.0).add_scalar(1.0),
            Activation::Identity => self.out.ones_like(),
            Activation::Gelu | Activation::Swish | Activation::Erf | Activation::Quadratic => match self.before {
                Some(z) => slope_at(z, kind),
                None => unreachable!("what such a function was given is kept for the way back"),
            },
        }
    }
}

impl Active<3> {
    /// From a dense layer's delta to that beneath this activation, which alone feeds it: σ'(z) ∘ (weightᵀ · delta).
    ///
    /// Elementwise passes over the hidden layer are what this costs. Where σ' is a polynomial of the output, its negative
    /// takes one pass less, and the small weight takes the other sign.
    pub(in crate::train) fn back_through(self, kind: Activation, weight: &Tensor<3>, delta: Tensor<3>) -> Tensor<3> {
        let transposed = weight.clone().swap_dims(1, 2);
        match kind {
            Activation::Tanh => {
                let back = transposed.neg().matmul(delta);
                back * self.squared().sub_scalar(1.0)
            }
            Activation::Sigmoid => {
                let back = transposed.neg().matmul(delta);
                back * (self.squared() - self.out)
            }
            Activation::Relu => transposed.matmul(delta) * self.out.sign(),
            // σ' = 1/(1 + e^−z) = 1 − e^−σ.
            Activation::Softplus => transposed.neg().matmul(delta) * self.out.neg().exp().sub_scalar(1.0),
            kind => self.back(kind, transposed.matmul(delta)),
        }
    }
}

/// σ'(z) from z, of the functions of [`needs_argument`].
fn slope_at<const D: usize>(z: Tensor<D>, kind: Activation) -> Tensor<D> {
    match kind {
        Activation::Swish => {
            let sigmoid = activate(z.clone(), Activation::Sigmoid);
            let rest = sigmoid.clone().neg().add_scalar(1.0);
            sigmoid * (z * rest).add_scalar(1.0)
        }
        Activation::Erf => (z.clone() * z).neg().exp().mul_scalar(std::f64::consts::FRAC_2_SQRT_PI),
        Activation::Quadratic => z.mul_scalar(2.0),
        _ => gelu_slope(z),
    }
}

/// σ''(z); `None` where it is 0 but for a bend.
pub(super) fn curvature<const D: usize>(z: Tensor<D>, kind: Activation) -> Option<Tensor<D>> {
    let bell = |z: Tensor<D>, width: f64| (z.clone() * z).mul_scalar(-1.0 / width).exp();
    // σ(z) σ(−z) of the logistic function.
    let logistic = |z: Tensor<D>| {
        let value = activate(z, Activation::Sigmoid);
        (value.clone(), value.clone() - value.clone() * value)
    };
    Some(match kind {
        Activation::Relu | Activation::LeakyRelu | Activation::Identity => return None,
        Activation::Tanh => {
            let value = activate(z, kind);
            value.clone() * (value.clone() * value).sub_scalar(1.0).mul_scalar(2.0)
        }
        Activation::Sigmoid => {
            let (value, slope) = logistic(z);
            slope * value.mul_scalar(-2.0).add_scalar(1.0)
        }
        Activation::Softplus => logistic(z).1,
        Activation::Swish => {
            let (value, slope) = logistic(z.clone());
            slope * (z * value.mul_scalar(-2.0).add_scalar(1.0)).add_scalar(2.0)
        }
        Activation::Gelu => {
            let density = bell(z.clone(), 2.0).mul_scalar(1.0 / std::f64::consts::TAU.sqrt());
            (z.clone() * z).neg().add_scalar(2.0) * density
        }
        Activation::Erf => z.clone() * bell(z, 1.0).mul_scalar(-2.0 * std::f64::consts::FRAC_2_SQRT_PI),
        // e^z below 0; the exponential of what is not negative would overflow.
        Activation::Elu => z.clone().clamp_max(0.0).exp().mask_fill(z.greater_elem(0.0), 0.0),
        Activation::Quadratic => z.ones_like().mul_scalar(2.0),
    })
}

/// d/dz zΦ(z) = Φ(z) + zφ(z), with the normal distribution's function Φ and density φ.
fn gelu_slope<const D: usize>(z: Tensor<D>) -> Tensor<D> {
    let distribution = z.clone().mul_scalar(std::f64::consts::FRAC_1_SQRT_2).erf().add_scalar(1.0).mul_scalar(0.5);
    let density = (z.clone() * z.clone()).mul_scalar(-0.5).exp().mul_scalar(1.0 / std::f64::consts::TAU.sqrt());
    distribution + density * z
}
