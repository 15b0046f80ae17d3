//! Lion (Chen et al. 2023, algorithm 2): c = β₁m + (1 − β₁)g, w ← (1 − lr·λ)w − lr·sign c, m ← β₂m + (1 − β₂)g.

use super::{BETA1, BETA2, Definition, Factors, Key, LR, Number, Parameter, Rates, WEIGHT_DECAY};

pub(super) struct Lion;

impl Definition for Lion {
    const NAME: &'static str = "lion";
    const SUMMARY: &'static str = "Lion, the sign of a moving average (Chen et al. 2023)";
    const KEYS: &'static [Key] = &[
        Key { example: "1e-4", ..LR },
        Key { meaning: "weight β₁ of the average in the direction of a step", ..BETA1 },
        Key { default: Some(0.99), example: "0.99", meaning: "decay β₂ of the average", ..BETA2 },
        WEIGHT_DECAY,
    ];
    const DECOUPLED: bool = true;

    fn moments(_: &Rates) -> [bool; 2] {
        [true, false]
    }

    #[inline(always)]
    fn step<N: Number>(parameter: Parameter<N>, gradient: N, factors: &Factors<N>) -> Parameter<N> {
        let Parameter { weight, first: Some(mean), second } = parameter else {
            return parameter;
        };
        let direction = mean.clone().average(&factors.beta1, &factors.rest1, &gradient).sign();
        let mean = mean.average(&factors.beta2, &factors.rest2, &gradient);
        Parameter { weight: weight.minus_product(&factors.rate, &direction), first: Some(mean), second }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Rates, Rule, walk};

    #[test]
    fn every_step_is_as_long_as_the_learning_rate_and_the_average_decides_its_sign() {
        let rates = Rates { lr: 0.25, momentum: 0.0, beta1: 0.5, beta2: 0.75, epsilon: 1e-8, weight_decay: 0.0 };
        // m: 1, 0.5, 0.5: c = 2 at first, then 0.5 − 0.5 = 0, then 0.25 + 0.25.
        assert_eq!(walk(Rule::Lion, rates, 0.0, &[4.0, -1.0, 0.5]), [-0.25, -0.25, -0.5]);
    }

    #[test]
    fn weights_shrink_apart_from_the_gradient() {
        let rates = Rates { lr: 0.5, momentum: 0.0, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weight_decay: 0.5 };
        assert_eq!(walk(Rule::Lion, rates, 8.0, &[0.0, 0.0]), [6.0, 4.5]);
    }
}
