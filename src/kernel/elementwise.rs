//! Activations as functions of vectors: those whose derivatives follow from their values, and those that answer both.

use phasesweep_networks::Activation;

use super::function::{erf, exp, exp_m1_of_negative, gelu, ln_1p, sigmoid, tanh};
use super::simd::Lane;

/// Whether an activation's derivative is kept beside its value, since it does not follow from that.
pub(crate) fn keeps_slope(activation: Activation) -> bool {
    match activation {
        Activation::Gelu | Activation::Softplus | Activation::Swish | Activation::Erf | Activation::Quadratic => true,
        Activation::Tanh
        | Activation::Relu
        | Activation::Sigmoid
        | Activation::LeakyRelu
        | Activation::Elu
        | Activation::Identity => false,
    }
}

/// An activation whose derivative follows from its value.
pub(super) trait Elementwise {
    /// The activation.
    fn value<V: Lane>(z: V) -> V;
    /// `d` times the derivative where the value is `h`.
    fn back<V: Lane>(d: V, h: V) -> V;
}

/// tanh z
pub(super) struct Tanh;
/// 1/(1 + e^−z)
pub(super) struct Sigmoid;
/// max(0, z)
pub(super) struct Relu;

impl Elementwise for Tanh {
    #[inline(always)]
    fn value<V: Lane>(z: V) -> V {
        tanh(z)
    }

    #[inline(always)]
    fn back<V: Lane>(d: V, h: V) -> V {
        V::splat(0.0).sub(h).fma(h, V::splat(1.0)).mul(d)
    }
}

impl Elementwise for Sigmoid {
    #[inline(always)]
    fn value<V: Lane>(z: V) -> V {
        sigmoid(z)
    }

    #[inline(always)]
    fn back<V: Lane>(d: V, h: V) -> V {
        d.mul(h.mul(V::splat(1.0).sub(h)))
    }
}

impl Elementwise for Relu {
    #[inline(always)]
    fn value<V: Lane>(z: V) -> V {
        // The zero comes first: `max` hands NaN on from its second operand.
        V::splat(0.0).max(z)
    }

    #[inline(always)]
    fn back<V: Lane>(d: V, h: V) -> V {
        V::select(h.gt(V::splat(0.0)), d, V::splat(0.0))
    }
}

/// z for z > 0, else z/100
pub(super) struct LeakyRelu;
/// z for z > 0, else e^z − 1
pub(super) struct Elu;
/// z
pub(super) struct Identity;

/// Slope of the leaky rectifier below 0, rounded from the double that networks are defined by.
const LEAK: f32 = phasesweep_networks::LEAK as f32;

impl Elementwise for LeakyRelu {
    #[inline(always)]
    fn value<V: Lane>(z: V) -> V {
        V::select(z.gt(V::splat(0.0)), z, z.mul(V::splat(LEAK)))
    }

    #[inline(always)]
    fn back<V: Lane>(d: V, h: V) -> V {
        V::select(h.gt(V::splat(0.0)), d, d.mul(V::splat(LEAK)))
    }
}

impl Elementwise for Elu {
    #[inline(always)]
    fn value<V: Lane>(z: V) -> V {
        V::select(z.gt(V::splat(0.0)), z, exp_m1_of_negative(z))
    }

    #[inline(always)]
    fn back<V: Lane>(d: V, h: V) -> V {
        V::select(h.gt(V::splat(0.0)), d, h.fma(d, d))
    }
}

impl Elementwise for Identity {
    #[inline(always)]
    fn value<V: Lane>(z: V) -> V {
        z
    }

    #[inline(always)]
    fn back<V: Lane>(d: V, _: V) -> V {
        d
    }
}

/// An activation whose derivative is computed along with its value, and kept.
pub(super) trait Sloped {
    /// The activation and its derivative.
    fn both<V: Lane>(z: V) -> (V, V);
}

/// z Φ(z)
pub(super) struct Gelu;
/// ln(1 + e^z)
pub(super) struct Softplus;
/// z/(1 + e^−z)
pub(super) struct Swish;
/// erf z
pub(super) struct Erf;
/// z²
pub(super) struct Quadratic;

impl Sloped for Gelu {
    #[inline(always)]
    fn both<V: Lane>(z: V) -> (V, V) {
        gelu(z)
    }
}

impl Sloped for Softplus {
    #[inline(always)]
    fn both<V: Lane>(z: V) -> (V, V) {
        let zero = V::splat(0.0);
        (zero.max(z).add(ln_1p(exp(zero.sub(z.abs())))), sigmoid(z))
    }
}

impl Sloped for Swish {
    #[inline(always)]
    fn both<V: Lane>(z: V) -> (V, V) {
        let one = V::splat(1.0);
        let s = sigmoid(z);
        let value = z.mul(s);
        (value, value.fma(one.sub(s), s))
    }
}

impl Sloped for Erf {
    #[inline(always)]
    fn both<V: Lane>(z: V) -> (V, V) {
        erf(z)
    }
}

impl Sloped for Quadratic {
    #[inline(always)]
    fn both<V: Lane>(z: V) -> (V, V) {
        (z.mul(z), z.add(z))
    }
}
