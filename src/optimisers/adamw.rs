//! AdamW (Loshchilov and Hutter 2019): Adam's step, with weights that shrink by 1 − lr·λ instead of a penalty in the
//! gradient.

use super::adam::Adam;
use super::{BETA1, BETA2, Definition, EPSILON, Factors, Key, LR, Number, Parameter, Rates, WEIGHT_DECAY};

pub(super) struct Adamw;

impl Definition for Adamw {
    const NAME: &'static str = "adamw";
    const SUMMARY: &'static str = "Adam with decoupled weight decay (Loshchilov and Hutter 2019)";
    const KEYS: &'static [Key] = &[LR, BETA1, BETA2, EPSILON, Key { default: Some(0.01), ..WEIGHT_DECAY }];
    const CORRECTED: bool = true;
    const DECOUPLED: bool = true;

    fn moments(rates: &Rates) -> [bool; 2] {
        Adam::moments(rates)
    }

    #[inline(always)]
    fn step<N: Number>(parameter: Parameter<N>, gradient: N, factors: &Factors<N>) -> Parameter<N> {
        Adam::step(parameter, gradient, factors)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Rates, Rule, walk};

    #[test]
    fn without_a_gradient_weights_shrink_geometrically() {
        let rates = Rates { lr: 0.5, momentum: 0.0, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.5 };
        assert_eq!(walk(Rule::Adamw, rates, 64.0, &[0.0; 3]), [48.0, 36.0, 27.0]);
    }
}
