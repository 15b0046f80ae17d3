//! Gradient descent, with Polyak's heavy ball (1964) where there is momentum: b ← μb + g, w ← w − lr·b.

use super::{Definition, Factors, Key, LR, MOMENTUM, Number, Parameter, Rates, WEIGHT_DECAY};

pub(super) struct Sgd;

impl Definition for Sgd {
    const NAME: &'static str = "sgd";
    const SUMMARY: &'static str = "gradient descent; with momentum, Polyak's heavy ball (1964)";
    const KEYS: &'static [Key] = &[LR, MOMENTUM, WEIGHT_DECAY];

    fn moments(rates: &Rates) -> [bool; 2] {
        [rates.momentum > 0.0, false]
    }

    #[inline(always)]
    fn step<N: Number>(parameter: Parameter<N>, gradient: N, factors: &Factors<N>) -> Parameter<N> {
        let Parameter { weight, first, second } = parameter;
        let Some(buffer) = first else {
            return Parameter { weight: weight.minus_product(&factors.rate, &gradient), first, second };
        };
        let buffer = gradient.plus_product(&factors.momentum, &buffer);
        Parameter { weight: weight.minus_product(&factors.rate, &buffer), first: Some(buffer), second }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Rates, Rule, walk};

    #[test]
    fn a_ball_in_a_constant_slope_gains_a_geometric_speed() {
        let rates = Rates { lr: 0.1, momentum: 0.5, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 };
        // Velocities 1, 1.5, 1.75: exact in binary; the sums round.
        let walked = walk(Rule::Sgd, rates, 0.0, &[1.0; 3]);
        for (w, exact) in walked.iter().zip([-0.1, -0.25, -0.425]) {
            assert!((w - exact).abs() < 1e-15, "{w} instead of {exact}");
        }
    }

    #[test]
    fn weight_decay_is_a_part_of_the_gradient() {
        let rates = Rates { lr: 0.1, momentum: 0.0, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 2.0 };
        assert!((walk(Rule::Sgd, rates, 1.0, &[0.0])[0] - 0.8).abs() < 1e-15);
    }
}
