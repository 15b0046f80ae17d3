//! Adam (Kingma and Ba 2015, algorithm 1): m and v are moving averages of g and g², both corrected for their start at
//! zero; w ← w − lr/(1 − β₁ᵗ) · m/(√v/√(1 − β₂ᵗ) + ε).

use super::{BETA1, BETA2, Definition, EPSILON, Factors, Key, LR, Number, Parameter, Rates, WEIGHT_DECAY};

pub(super) struct Adam;

impl Definition for Adam {
    const NAME: &'static str = "adam";
    const SUMMARY: &'static str = "Adam (Kingma and Ba 2015)";
    const KEYS: &'static [Key] = &[LR, BETA1, BETA2, EPSILON, WEIGHT_DECAY];
    const CORRECTED: bool = true;

    fn moments(_: &Rates) -> [bool; 2] {
        [true, true]
    }

    #[inline(always)]
    fn step<N: Number>(parameter: Parameter<N>, gradient: N, factors: &Factors<N>) -> Parameter<N> {
        let Parameter { weight, first: Some(mean), second: Some(square) } = parameter else {
            return parameter;
        };
        let mean = mean.average(&factors.beta1, &factors.rest1, &gradient);
        let square = square.average_square(&factors.beta2, &factors.rest2, &gradient);
        let denominator = factors.epsilon.clone().plus_product(&square.clone().root(), &factors.root_correction);
        let weight = weight.minus_ratio(&factors.corrected_rate, &mean, &denominator);
        Parameter { weight, first: Some(mean), second: Some(square) }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Rates, Rule, walk};

    #[test]
    fn under_a_constant_gradient_every_step_is_the_learning_rate() {
        let rates = Rates { lr: 0.01, momentum: 0.0, beta1: 0.8, beta2: 0.95, epsilon: 1e-12, weight_decay: 0.0 };
        // Both corrected averages are exactly g and |g|; ε = 1e-12 changes a step of 0.01 by 1e-14/3.
        for (w, t) in walk(Rule::Adam, rates, 0.0, &[-3.0; 5]).iter().zip(1..) {
            assert!((w - 0.01 * f64::from(t)).abs() < 1e-13, "{w} after {t} steps");
        }
    }

    #[test]
    fn two_steps_follow_the_algorithm_as_it_is_printed() {
        let (lr, b1, b2, eps) = (0.1, 0.9, 0.99, 1e-3);
        let rates = Rates { lr, momentum: 0.0, beta1: b1, beta2: b2, epsilon: eps, weight_decay: 0.0 };
        let (mut w, mut m, mut v) = (0.5, 0.0, 0.0);
        let gradients = [0.7, -0.2, 0.1];
        let walked = walk(Rule::Adam, rates, w, &gradients);
        for ((t, g), walked) in (1..).zip(gradients).zip(walked) {
            m = b1 * m + (1.0 - b1) * g;
            v = b2 * v + (1.0 - b2) * g * g;
            let (m_hat, v_hat): (f64, f64) = (m / (1.0 - b1.powi(t)), v / (1.0 - b2.powi(t)));
            w -= lr * m_hat / (v_hat.sqrt() + eps);
            assert!((w - walked).abs() < 1e-14, "{walked} instead of {w} at step {t}");
        }
    }
}
