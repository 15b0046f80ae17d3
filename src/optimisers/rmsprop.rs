//! RMSprop (Tieleman and Hinton 2012, in PyTorch's form): v ← αv + (1 − α)g², u = g/(√v + ε), w ← w − lr·u; with momentum
//! b ← μb + u, w ← w − lr·b.

use super::{BETA2, Definition, EPSILON, Factors, Key, LR, MOMENTUM, Number, Parameter, Rates, WEIGHT_DECAY};

pub(super) struct Rmsprop;

impl Definition for Rmsprop {
    const NAME: &'static str = "rmsprop";
    const SUMMARY: &'static str = "RMSprop (Tieleman and Hinton 2012)";
    const KEYS: &'static [Key] = &[
        LR,
        MOMENTUM,
        Key {
            name: "alpha",
            default: Some(0.99),
            example: "0.99",
            meaning: "decay of the average of squared gradients",
            ..BETA2
        },
        EPSILON,
        WEIGHT_DECAY,
    ];

    fn moments(rates: &Rates) -> [bool; 2] {
        [rates.momentum > 0.0, true]
    }

    #[inline(always)]
    fn step<N: Number>(parameter: Parameter<N>, gradient: N, factors: &Factors<N>) -> Parameter<N> {
        let Parameter { weight, first, second: Some(square) } = parameter else {
            return parameter;
        };
        let square = square.average_square(&factors.beta2, &factors.rest2, &gradient);
        let scaled = gradient.over(&square.clone().root().plus(&factors.epsilon));
        let (step, first) = match first {
            None => (scaled, None),
            Some(buffer) => {
                let buffer = scaled.plus_product(&factors.momentum, &buffer);
                (buffer.clone(), Some(buffer))
            }
        };
        Parameter { weight: weight.minus_product(&factors.rate, &step), first, second: Some(square) }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Rates, Rule, walk};

    #[test]
    fn the_first_step_is_the_gradient_s_sign_over_the_root_of_the_rest() {
        let rates = Rates { lr: 0.01, momentum: 0.0, beta1: 0.9, beta2: 0.75, epsilon: 1e-12, weight_decay: 0.0 };
        // v = g²/4, so u = 2 sign g; the second step has v = g²(3/16 + 1/4) = 7g²/16.
        let walked = walk(Rule::Rmsprop, rates, 0.0, &[5.0, 5.0]);
        assert!((walked[0] + 0.02).abs() < 1e-12 && (walked[1] - walked[0] + 0.04 / 7f64.sqrt()).abs() < 1e-12);
    }
}
