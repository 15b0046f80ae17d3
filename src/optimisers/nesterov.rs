//! Gradient descent with Nesterov's momentum (Sutskever et al. 2013, in PyTorch's form): b ← μb + g, w ← w − lr·(g + μb).

use super::{Bound, Definition, Factors, Key, LR, MOMENTUM, Number, Parameter, Rates, WEIGHT_DECAY};

pub(super) struct Nesterov;

impl Definition for Nesterov {
    const NAME: &'static str = "nesterov";
    const SUMMARY: &'static str = "gradient descent with Nesterov's momentum (Sutskever et al. 2013)";
    // PyTorch refuses a momentum of zero: it would be plain gradient descent under another name.
    const KEYS: &'static [Key] = &[LR, Key { bound: Bound::InsideUnit, default: None, ..MOMENTUM }, WEIGHT_DECAY];

    fn moments(rates: &Rates) -> [bool; 2] {
        [rates.momentum > 0.0, false]
    }

    #[inline(always)]
    fn step<N: Number>(parameter: Parameter<N>, gradient: N, factors: &Factors<N>) -> Parameter<N> {
        let Parameter { weight, first, second } = parameter;
        let Some(buffer) = first else {
            return Parameter { weight: weight.minus_product(&factors.rate, &gradient), first, second };
        };
        let buffer = gradient.clone().plus_product(&factors.momentum, &buffer);
        let ahead = gradient.plus_product(&factors.momentum, &buffer);
        Parameter { weight: weight.minus_product(&factors.rate, &ahead), first: Some(buffer), second }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Rates, Rule, walk};

    #[test]
    fn the_step_looks_ahead_by_the_momentum() {
        let rates = Rates { lr: 0.1, momentum: 0.5, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 };
        // Buffers 1 and 1.5; directions 1 + 0.5 and 1 + 0.75.
        let walked = walk(Rule::Nesterov, rates, 0.0, &[1.0; 2]);
        for (w, exact) in walked.iter().zip([-0.15, -0.325]) {
            assert!((w - exact).abs() < 1e-15, "{w} instead of {exact}");
        }
    }
}
