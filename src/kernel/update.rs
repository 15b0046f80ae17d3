//! The step: PyTorch's definition of each rule, with numbers of its own for each replica.

use super::layer::Parameter;
use super::net::Net;
use super::simd::{Lane, Task};
use crate::problem::{Rates, Rule};

/// The numbers of a step, one of each for every replica of a group.
#[derive(Debug, Clone, Default)]
pub(super) struct Numbers {
    /// Learning rate; Adam's divided by its bias correction.
    lr: [f32; 16],
    /// Momentum, or β₁.
    momentum: [f32; 16],
    /// 1 − β₁.
    momentum_left: [f32; 16],
    /// β₂ or α.
    decay: [f32; 16],
    /// 1 − β₂ or 1 − α.
    decay_left: [f32; 16],
    /// ε.
    epsilon: [f32; 16],
    /// 1/√(1 − β₂ᵗ).
    correction: [f32; 16],
    /// Weight decay added to the gradient.
    penalty: [f32; 16],
    /// Factor on the weights: 1 − lr · weight decay for adamw, else 1.
    shrink: [f32; 16],
}

impl Numbers {
    /// The numbers of step `t` (from 1), rounded from f64.
    pub(super) fn of<'a>(rule: Rule, replicas: impl Iterator<Item = &'a Rates>, t: u64) -> Numbers {
        let mut all = Numbers::default();
        let adam = matches!(rule, Rule::Adam | Rule::Adamw);
        let decoupled = rule == Rule::Adamw;
        let t = t as f64;
        for (r, rates) in replicas.enumerate() {
            let (lr, momentum) =
                if adam { (rates.lr / (1.0 - rates.beta1.powf(t)), rates.beta1) } else { (rates.lr, rates.momentum) };
            all.lr[r] = lr as f32;
            all.momentum[r] = momentum as f32;
            all.momentum_left[r] = (1.0 - momentum) as f32;
            all.decay[r] = rates.beta2 as f32;
            all.decay_left[r] = (1.0 - rates.beta2) as f32;
            all.epsilon[r] = rates.epsilon as f32;
            all.correction[r] = (1.0 / (1.0 - rates.beta2.powf(t)).sqrt()) as f32;
            all.penalty[r] = if decoupled { 0.0 } else { rates.weight_decay as f32 };
            all.shrink[r] = if decoupled { (1.0 - rates.lr * rates.weight_decay) as f32 } else { 1.0 };
        }
        all
    }
}

/// Takes one step with the gradients in the net.
pub(super) struct Step<'a> {
    /// The net.
    pub(super) net: &'a mut Net,
    /// The rule.
    pub(super) rule: Rule,
    /// The replicas' numbers.
    pub(super) numbers: &'a Numbers,
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
    let negative_lr = V::splat(0.0).sub(V::pattern::<R>(&numbers.lr));
    let momentum = V::pattern::<R>(&numbers.momentum);
    let momentum_left = V::pattern::<R>(&numbers.momentum_left);
    let decay = V::pattern::<R>(&numbers.decay);
    let decay_left = V::pattern::<R>(&numbers.decay_left);
    let epsilon = V::pattern::<R>(&numbers.epsilon);
    let correction = V::pattern::<R>(&numbers.correction);
    let penalty = V::pattern::<R>(&numbers.penalty);
    let shrink = V::pattern::<R>(&numbers.shrink);
    let values = p.value[range.clone()].chunks_exact_mut(V::LEN);
    let gradients = p.gradient[range.clone()].chunks_exact(V::LEN);
    let has_first = !p.first.is_empty();
    let first = if has_first { &mut p.first[range.clone()] } else { &mut [] };
    let second = if p.second.is_empty() { &mut [][..] } else { &mut p.second[range] };
    match rule {
        Rule::Sgd | Rule::Nesterov if !has_first => {
            for (w, g) in values.zip(gradients) {
                let now = V::load(w);
                negative_lr.fma(penalty.fma(now, V::load(g)), now).store(w);
            }
        }
        Rule::Sgd | Rule::Nesterov => {
            let nesterov = rule == Rule::Nesterov;
            for ((w, g), m) in values.zip(gradients).zip(first.chunks_exact_mut(V::LEN)) {
                let now = V::load(w);
                let g = penalty.fma(now, V::load(g));
                let buffer = momentum.fma(V::load(m), g);
                buffer.store(m);
                negative_lr.fma(if nesterov { momentum.fma(buffer, g) } else { buffer }, now).store(w);
            }
        }
        Rule::Adam | Rule::Adamw => {
            let moments = first.chunks_exact_mut(V::LEN).zip(second.chunks_exact_mut(V::LEN));
            for ((w, g), (m, v)) in values.zip(gradients).zip(moments) {
                let now = V::load(w);
                let g = penalty.fma(now, V::load(g));
                let now = now.mul(shrink);
                let mean = V::load(m);
                let mean = momentum_left.fma(g.sub(mean), mean);
                let square = decay.fma(V::load(v), decay_left.mul(g).mul(g));
                mean.store(m);
                square.store(v);
                negative_lr.fma(mean.div(square.sqrt().fma(correction, epsilon)), now).store(w);
            }
        }
        Rule::Rmsprop => {
            let seconds = second.chunks_exact_mut(V::LEN);
            let mut firsts = first.chunks_exact_mut(V::LEN);
            for ((w, g), v) in values.zip(gradients).zip(seconds) {
                let now = V::load(w);
                let g = penalty.fma(now, V::load(g));
                let square = decay.fma(V::load(v), decay_left.mul(g).mul(g));
                square.store(v);
                let mut step = g.div(square.sqrt().add(epsilon));
                if let Some(m) = firsts.next() {
                    step = momentum.fma(V::load(m), step);
                    step.store(m);
                }
                negative_lr.fma(step, now).store(w);
            }
        }
    }
}
