//! Elementwise functions with their slopes.
//!
//! Lines, squares and what is made of one exponential are computed in vectors; the others one number at a time, in double
//! precision. What is not a number stays so.

use phasesweep_networks::{Activation, LEAK};

use super::lanes::Lanes;
use super::real::{Job, Real};

/// σ of numbers.
pub(crate) struct Apply<'a, T> {
    /// σ
    pub(crate) kind: Activation,
    /// In: z. Out: σ'(z) where `values` is wanted, else σ(z).
    pub(crate) z: &'a mut [T],
    /// Out: σ(z).
    pub(crate) values: Option<&'a mut [T]>,
}

/// A function that is computed in vectors: its value and its slope.
trait Function {
    fn at<V: Lanes>(z: V) -> (V, V)
    where
        V::T: Real;
}

struct Relu;
struct Leaky;
struct Identity;
struct Quadratic;
struct Swish;
struct Sigmoid;

impl Function for Relu {
    #[inline(always)]
    fn at<V: Lanes>(z: V) -> (V, V)
    where
        V::T: Real,
    {
        let slope = z.gate(V::splat(V::T::of(1.0)));
        (z.mul(slope), slope)
    }
}

impl Function for Leaky {
    #[inline(always)]
    fn at<V: Lanes>(z: V) -> (V, V)
    where
        V::T: Real,
    {
        let slope = z.gate(V::splat(V::T::of(1.0 - LEAK))).add(V::splat(V::T::of(LEAK)));
        (z.mul(slope), slope)
    }
}

impl Function for Identity {
    #[inline(always)]
    fn at<V: Lanes>(z: V) -> (V, V)
    where
        V::T: Real,
    {
        (z, V::splat(V::T::of(1.0)))
    }
}

impl Function for Quadratic {
    #[inline(always)]
    fn at<V: Lanes>(z: V) -> (V, V)
    where
        V::T: Real,
    {
        (z.mul(z), z.add(z))
    }
}

#[inline(always)]
fn logistic<V: Lanes>(z: V) -> V
where
    V::T: Real,
{
    let one = V::splat(V::T::of(1.0));
    one.div(one.add(V::splat(V::T::default()).sub(z).exp()))
}

impl Function for Swish {
    #[inline(always)]
    fn at<V: Lanes>(z: V) -> (V, V)
    where
        V::T: Real,
    {
        let s = logistic(z);
        let value = z.mul(s);
        // s (1 + z (1 − s)) = s + z s − z s · s
        (value, value.sub(value.mul(s)).add(s))
    }
}

impl Function for Sigmoid {
    #[inline(always)]
    fn at<V: Lanes>(z: V) -> (V, V)
    where
        V::T: Real,
    {
        let s = logistic(z);
        (s, s.mul(V::splat(V::T::of(1.0)).sub(s)))
    }
}

impl<T: Real> Job<T> for Apply<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes<T = T>>(self) {
        match self.kind {
            Activation::Relu => vectors::<V, Relu>(self.z, self.values),
            Activation::LeakyRelu => vectors::<V, Leaky>(self.z, self.values),
            Activation::Identity => vectors::<V, Identity>(self.z, self.values),
            Activation::Quadratic => vectors::<V, Quadratic>(self.z, self.values),
            Activation::Swish => vectors::<V, Swish>(self.z, self.values),
            Activation::Sigmoid => vectors::<V, Sigmoid>(self.z, self.values),
            Activation::Tanh | Activation::Gelu | Activation::Softplus | Activation::Elu | Activation::Erf => {
                match self.values {
                    Some(values) => {
                        for (z, value) in self.z.iter_mut().zip(values) {
                            *value = T::of(self.kind.value(z.wide()));
                            *z = T::of(self.kind.slope(z.wide()));
                        }
                    }
                    None => self.z.iter_mut().for_each(|z| *z = T::of(self.kind.value(z.wide()))),
                }
            }
        }
    }
}

#[inline(always)]
fn vectors<V: Lanes, F: Function>(z: &mut [V::T], values: Option<&mut [V::T]>)
where
    V::T: Real,
{
    match values {
        Some(values) => {
            for (z, to) in z.chunks_exact_mut(V::N).zip(values.chunks_exact_mut(V::N)) {
                let (value, slope) = F::at(V::load(z));
                value.store(to);
                slope.store(z);
            }
        }
        None => {
            for z in z.chunks_exact_mut(V::N) {
                F::at(V::load(z)).0.store(z);
            }
        }
    }
}
