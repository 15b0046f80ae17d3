//! Activations whose derivatives follow from their values, over vectors.

use super::function::{sigmoid, tanh};
use super::simd::Lane;

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
