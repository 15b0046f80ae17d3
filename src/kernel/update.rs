//! The step: the rules of `phasesweep-optimisers` in vectors, with numbers of its own for each replica.

use phasesweep_optimisers::{self as optimisers, Factors, Moment, Number, Rule};

use super::gradient;
use super::layer::Parameter;
use super::net::Net;
use super::simd::{Lane, Task};
use crate::problem::Replica;

/// The numbers of a step, one of each for every replica of a group, rounded from f64.
pub(super) type Numbers = Factors<[f32; 16]>;

/// The numbers of a step.
fn numbers<'a>(replicas: impl Iterator<Item = &'a Replica>, at: &Moment) -> Numbers {
    let all: Vec<Factors<f64>> = replicas.map(|replica| replica.recipe.factors(&replica.rates, at)).collect();
    let mut columns = Numbers::default();
    for (replica, factors) in all.iter().enumerate() {
        columns.set(factors, |column, &number| column[replica] = number as f32);
    }
    columns
}

/// A vector as a number of the rules: products are fused with the sum that takes them up.
#[derive(Clone, Copy)]
struct Vector<V>(V);

impl<V: Lane> Number for Vector<V> {
    #[inline(always)]
    fn plus(self, other: &Self) -> Self {
        Vector(self.0.add(other.0))
    }

    #[inline(always)]
    fn times(self, other: &Self) -> Self {
        Vector(self.0.mul(other.0))
    }

    #[inline(always)]
    fn over(self, other: &Self) -> Self {
        Vector(self.0.div(other.0))
    }

    #[inline(always)]
    fn root(self) -> Self {
        Vector(self.0.sqrt())
    }

    #[inline(always)]
    fn sign(self) -> Self {
        let (zero, one) = (V::splat(0.0), V::splat(1.0));
        let unit = V::select(self.0.gt(zero), one, V::select(zero.gt(self.0), zero.sub(one), zero));
        Vector(V::select(self.0.is_nan(), self.0, unit))
    }

    #[inline(always)]
    fn plus_product(self, a: &Self, b: &Self) -> Self {
        Vector(a.0.fma(b.0, self.0))
    }

    #[inline(always)]
    fn minus_product(self, rate: &Self, step: &Self) -> Self {
        Vector(V::splat(0.0).sub(rate.0).fma(step.0, self.0))
    }

    #[inline(always)]
    fn minus_ratio(self, rate: &Self, numerator: &Self, denominator: &Self) -> Self {
        Vector(V::splat(0.0).sub(rate.0).fma(numerator.0.div(denominator.0), self.0))
    }

    #[inline(always)]
    fn average(self, _: &Self, rest: &Self, new: &Self) -> Self {
        Vector(rest.0.fma(new.0.sub(self.0), self.0))
    }

    #[inline(always)]
    fn average_square(self, decay: &Self, rest: &Self, new: &Self) -> Self {
        Vector(decay.0.fma(self.0, rest.0.mul(new.0).mul(new.0)))
    }
}

/// Takes one step of a group's replicas with the gradients in the net, which are clipped first where a recipe says so.
#[inline(always)]
pub(super) fn step<'a, V: Lane, const R: usize>(
    net: &mut Net,
    rule: Rule,
    replicas: impl Iterator<Item = &'a Replica> + Clone,
    at: &Moment,
) {
    gradient::clip::<V, R>(net, replicas.clone().map(|replica| &replica.recipe));
    let numbers = numbers(replicas, at);
    V::enter::<_, R>(Step { net, rule, numbers: &numbers });
}

/// Takes one step with the gradients in the net.
struct Step<'a> {
    net: &'a mut Net,
    rule: Rule,
    /// The replicas' numbers.
    numbers: &'a Numbers,
}

impl Task for Step<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let Step { net, rule, numbers } = self;
        for layer in &mut net.layers {
            for panel in &layer.layout.panels {
                // Rows of padding stay as they are: their gradients are of no weight.
                let range = panel.offset..panel.offset + layer.layout.rows * panel.vectors * V::LEN;
                parameter::<V, R>(&mut layer.weight, range, rule, numbers);
            }
            let range = 0..layer.bias.value.len();
            parameter::<V, R>(&mut layer.bias, range, rule, numbers);
        }
        net.transpose();
    }
}

#[inline(always)]
fn parameter<V: Lane, const R: usize>(p: &mut Parameter, range: std::ops::Range<usize>, rule: Rule, numbers: &Numbers) {
    let factors = vectors::<V, R>(numbers);
    let values = p.value[range.clone()].chunks_exact_mut(V::LEN);
    let gradients = p.gradient[range.clone()].chunks_exact(V::LEN);
    let [first, second] = [&mut p.first, &mut p.second]
        .map(|moment| if moment.is_empty() { &mut [][..] } else { &mut moment[range.clone()] });
    // A loop of its own for each set of moments: none asks within whether it has them.
    match (first.is_empty(), second.is_empty()) {
        (true, true) => {
            for (w, g) in values.zip(gradients) {
                vector_step::<V>(rule, &factors, w, g, None, None);
            }
        }
        (false, true) => {
            for ((w, g), m) in values.zip(gradients).zip(first.chunks_exact_mut(V::LEN)) {
                vector_step::<V>(rule, &factors, w, g, Some(m), None);
            }
        }
        (true, false) => {
            for ((w, g), v) in values.zip(gradients).zip(second.chunks_exact_mut(V::LEN)) {
                vector_step::<V>(rule, &factors, w, g, None, Some(v));
            }
        }
        (false, false) => {
            let moments = first.chunks_exact_mut(V::LEN).zip(second.chunks_exact_mut(V::LEN));
            for ((w, g), (m, v)) in values.zip(gradients).zip(moments) {
                vector_step::<V>(rule, &factors, w, g, Some(m), Some(v));
            }
        }
    }
}

/// The numbers of the replicas, repeated to fill vectors. Written out, since a closure would be compiled without the
/// vector's instructions.
#[inline(always)]
fn vectors<V: Lane, const R: usize>(numbers: &Numbers) -> Factors<Vector<V>> {
    Factors {
        rate: Vector(V::pattern::<R>(&numbers.rate)),
        corrected_rate: Vector(V::pattern::<R>(&numbers.corrected_rate)),
        root_correction: Vector(V::pattern::<R>(&numbers.root_correction)),
        momentum: Vector(V::pattern::<R>(&numbers.momentum)),
        beta1: Vector(V::pattern::<R>(&numbers.beta1)),
        rest1: Vector(V::pattern::<R>(&numbers.rest1)),
        beta2: Vector(V::pattern::<R>(&numbers.beta2)),
        rest2: Vector(V::pattern::<R>(&numbers.rest2)),
        epsilon: Vector(V::pattern::<R>(&numbers.epsilon)),
        decay: Vector(V::pattern::<R>(&numbers.decay)),
        shrink: Vector(V::pattern::<R>(&numbers.shrink)),
    }
}

/// A vector of a moment, if the rule keeps it.
#[inline(always)]
#[allow(clippy::manual_map, reason = "a closure would be compiled without the vector's instructions")]
fn load<V: Lane>(moment: &Option<&mut [f32]>) -> Option<Vector<V>> {
    match moment {
        Some(values) => Some(Vector(V::load(values))),
        None => None,
    }
}

/// The step of one vector of weights.
#[inline(always)]
fn vector_step<V: Lane>(
    rule: Rule,
    factors: &Factors<Vector<V>>,
    weight: &mut [f32],
    gradient: &[f32],
    first: Option<&mut [f32]>,
    second: Option<&mut [f32]>,
) {
    let before = optimisers::Parameter { weight: Vector(V::load(weight)), first: load(&first), second: load(&second) };
    let after = rule.step(before, Vector(V::load(gradient)), factors, true);
    after.weight.0.store(weight);
    if let (Some(to), Some(m)) = (first, after.first) {
        m.0.store(to);
    }
    if let (Some(to), Some(v)) = (second, after.second) {
        v.0.store(to);
    }
}
