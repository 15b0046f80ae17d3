//! The update rules, one file each: name, keys with bounds and defaults, moments, and the step.
//!
//! A step is written once over [`Number`], which is a vector of the CPU kernel, a tensor of burn, or an f64. So all engines
//! take the same step, each in its own arithmetic, and a new rule is one file here and one line of `rules!`. What goes with
//! every rule stands beside them: schedules of the learning rate ([`RateSchedule`]), clipping and SAM ([`Recipe`]).
//!
//! Invariants: rules follow PyTorch's definitions; numbers of a step ([`Factors`]) are computed in f64 and rounded once. Names
//! and places of [`Rates`] take part in cells' identities and may not change.

mod adam;
mod adamw;
mod lion;
mod nesterov;
mod number;
mod rate_schedule;
mod recipe;
mod rmsprop;
mod sgd;

pub use number::Number;
pub use rate_schedule::{Decay, Moment, RateSchedule, Unit, Warmup};
pub use recipe::{CLIMB_EPSILON, CLIP_EPSILON, Recipe};

/// A replica's own numbers of its rule. A number that the rule does not use has its default, [`Slot::unused`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Learning rate.
    pub lr: f64,
    /// Momentum; 0 is none.
    pub momentum: f64,
    /// Decay β₁ of the first moment.
    pub beta1: f64,
    /// Decay β₂ of the second moment; α of RMSprop.
    pub beta2: f64,
    /// Term added to the denominator.
    pub epsilon: f64,
    /// Weight decay λ.
    pub weight_decay: f64,
}

/// A place in [`Rates`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Slot {
    /// [`Rates::lr`]
    Lr,
    /// [`Rates::momentum`]
    Momentum,
    /// [`Rates::beta1`]
    Beta1,
    /// [`Rates::beta2`]
    Beta2,
    /// [`Rates::epsilon`]
    Epsilon,
    /// [`Rates::weight_decay`]
    WeightDecay,
}

impl Slot {
    /// All places, in the order of [`Rates`].
    pub const ALL: [Slot; 6] = [Slot::Lr, Slot::Momentum, Slot::Beta1, Slot::Beta2, Slot::Epsilon, Slot::WeightDecay];

    /// Its name in identities.
    pub fn name(self) -> &'static str {
        match self {
            Slot::Lr => "lr",
            Slot::Momentum => "momentum",
            Slot::Beta1 => "beta1",
            Slot::Beta2 => "beta2",
            Slot::Epsilon => "epsilon",
            Slot::WeightDecay => "weight_decay",
        }
    }

    /// What stands in the place where a rule has no such number: part of cells' identities.
    pub fn unused(self) -> f64 {
        match self {
            Slot::Lr | Slot::Momentum | Slot::WeightDecay => 0.0,
            Slot::Beta1 => 0.9,
            Slot::Beta2 => 0.999,
            Slot::Epsilon => 1e-8,
        }
    }
}

impl Rates {
    /// The number in a place.
    pub fn get(&self, slot: Slot) -> f64 {
        match slot {
            Slot::Lr => self.lr,
            Slot::Momentum => self.momentum,
            Slot::Beta1 => self.beta1,
            Slot::Beta2 => self.beta2,
            Slot::Epsilon => self.epsilon,
            Slot::WeightDecay => self.weight_decay,
        }
    }

    /// Numbers made place by place.
    pub fn from_slots(mut number: impl FnMut(Slot) -> f64) -> Rates {
        let [lr, momentum, beta1, beta2, epsilon, weight_decay] = Slot::ALL.map(&mut number);
        Rates { lr, momentum, beta1, beta2, epsilon, weight_decay }
    }

    /// The numbers of step `t`, counted from 1.
    pub fn factors(&self, t: u64) -> Factors<f64> {
        let t = t as f64;
        Factors {
            rate: self.lr,
            corrected_rate: self.lr / (1.0 - self.beta1.powf(t)),
            root_correction: 1.0 / (1.0 - self.beta2.powf(t)).sqrt(),
            momentum: self.momentum,
            beta1: self.beta1,
            rest1: 1.0 - self.beta1,
            beta2: self.beta2,
            rest2: 1.0 - self.beta2,
            epsilon: self.epsilon,
            decay: self.weight_decay,
            shrink: 1.0 - self.lr * self.weight_decay,
        }
    }
}

/// What a step multiplies with.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Factors<T> {
    /// Learning rate.
    pub rate: T,
    /// lr/(1 − β₁ᵗ).
    pub corrected_rate: T,
    /// 1/√(1 − β₂ᵗ).
    pub root_correction: T,
    /// Momentum.
    pub momentum: T,
    /// β₁.
    pub beta1: T,
    /// 1 − β₁.
    pub rest1: T,
    /// β₂.
    pub beta2: T,
    /// 1 − β₂.
    pub rest2: T,
    /// Term added to the denominator.
    pub epsilon: T,
    /// Weight decay λ, added to the gradient as λw.
    pub decay: T,
    /// 1 − lr·λ, for decoupled weight decay.
    pub shrink: T,
}

impl<T> Factors<T> {
    /// Lets `put` write each of another's factors into the place of the same name.
    pub fn set<U>(&mut self, from: &Factors<U>, mut put: impl FnMut(&mut T, &U)) {
        put(&mut self.rate, &from.rate);
        put(&mut self.corrected_rate, &from.corrected_rate);
        put(&mut self.root_correction, &from.root_correction);
        put(&mut self.momentum, &from.momentum);
        put(&mut self.beta1, &from.beta1);
        put(&mut self.rest1, &from.rest1);
        put(&mut self.beta2, &from.beta2);
        put(&mut self.rest2, &from.rest2);
        put(&mut self.epsilon, &from.epsilon);
        put(&mut self.decay, &from.decay);
        put(&mut self.shrink, &from.shrink);
    }

    /// The factors in another arithmetic.
    #[inline(always)]
    pub fn map<U>(&self, mut convert: impl FnMut(&T) -> U) -> Factors<U> {
        Factors {
            rate: convert(&self.rate),
            corrected_rate: convert(&self.corrected_rate),
            root_correction: convert(&self.root_correction),
            momentum: convert(&self.momentum),
            beta1: convert(&self.beta1),
            rest1: convert(&self.rest1),
            beta2: convert(&self.beta2),
            rest2: convert(&self.rest2),
            epsilon: convert(&self.epsilon),
            decay: convert(&self.decay),
            shrink: convert(&self.shrink),
        }
    }
}

/// A parameter on its way through a step. Moments that the rule does not keep are `None`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameter<N> {
    /// The weight w.
    pub weight: N,
    /// Momentum buffer, or the moving average m of gradients.
    pub first: Option<N>,
    /// Moving average v of squared gradients.
    pub second: Option<N>,
}

/// Where a number of a sweep file must lie, in single precision too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Greater than 0.
    Positive,
    /// 0 or greater.
    NotNegative,
    /// 0 ≤ x < 1.
    BelowOne,
    /// 0 < x < 1.
    InsideUnit,
}

/// A key of `[[optimiser]]`; a list where a number is expected is an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Key {
    /// Name in a sweep file.
    pub name: &'static str,
    /// The number that it fills.
    pub slot: Slot,
    /// Where it must lie.
    pub bound: Bound,
    /// What stands for it where it is not given; `None`: it must be given.
    pub default: Option<f64>,
    /// An example, shown where it is missing.
    pub example: &'static str,
    /// What it is.
    pub meaning: &'static str,
}

/// The learning rate, a key of every rule.
const LR: Key =
    Key { name: "lr", slot: Slot::Lr, bound: Bound::Positive, default: None, example: "0.1", meaning: "learning rate" };
const MOMENTUM: Key = Key {
    name: "momentum",
    slot: Slot::Momentum,
    bound: Bound::BelowOne,
    default: Some(0.0),
    example: "0.9",
    meaning: "momentum",
};
const BETA1: Key = Key {
    name: "beta1",
    slot: Slot::Beta1,
    bound: Bound::BelowOne,
    default: Some(0.9),
    example: "0.9",
    meaning: "decay β₁ of the first moment",
};
const BETA2: Key = Key {
    name: "beta2",
    slot: Slot::Beta2,
    bound: Bound::BelowOne,
    default: Some(0.999),
    example: "0.999",
    meaning: "decay β₂ of the second moment",
};
/// An epsilon of 0 divides 0 by 0 for every weight whose gradient vanishes, as behind a dead unit.
const EPSILON: Key = Key {
    name: "epsilon",
    slot: Slot::Epsilon,
    bound: Bound::Positive,
    default: Some(1e-8),
    example: "1e-8",
    meaning: "term added to the denominator",
};
const WEIGHT_DECAY: Key = Key {
    name: "weight_decay",
    slot: Slot::WeightDecay,
    bound: Bound::NotNegative,
    default: Some(0.0),
    example: "0.01",
    meaning: "weight decay λ",
};

/// What a rule says of itself.
trait Definition {
    /// Name in sweep files, labels and identities.
    const NAME: &'static str;
    /// Name and source.
    const SUMMARY: &'static str;
    /// Its keys.
    const KEYS: &'static [Key];
    /// Whether weights shrink by 1 − lr·λ instead of λw being added to the gradient.
    const DECOUPLED: bool = false;
    /// Whether the step uses the bias corrections, the only factors that change from step to step.
    const CORRECTED: bool = false;
    /// Moments kept of every parameter: the first (or a momentum buffer), the second.
    fn moments(rates: &Rates) -> [bool; 2];
    /// The parameter after a step along the gradient, to which weight decay was added unless it is decoupled.
    fn step<N: Number>(parameter: Parameter<N>, gradient: N, factors: &Factors<N>) -> Parameter<N>;
}

macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident = $module:ident,)*) => {
        /// An update rule.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Rule {
            $($(#[$doc])* $rule,)*
        }

        impl Rule {
            /// All rules.
            pub const ALL: &'static [Rule] = &[$(Rule::$rule,)*];

            /// Name in sweep files, labels and identities.
            pub fn name(self) -> &'static str {
                match self { $(Rule::$rule => <$module::$rule as Definition>::NAME,)* }
            }

            /// Name and source.
            pub fn summary(self) -> &'static str {
                match self { $(Rule::$rule => <$module::$rule as Definition>::SUMMARY,)* }
            }

            /// Its keys in a sweep file.
            pub fn keys(self) -> &'static [Key] {
                match self { $(Rule::$rule => <$module::$rule as Definition>::KEYS,)* }
            }

            /// Whether weight decay is decoupled from the gradient: weights shrink by 1 − lr·λ before the step.
            pub fn decouples(self) -> bool {
                match self { $(Rule::$rule => <$module::$rule as Definition>::DECOUPLED,)* }
            }

            /// Whether the step uses the bias corrections, the only factors that change from step to step.
            pub fn corrects(self) -> bool {
                match self { $(Rule::$rule => <$module::$rule as Definition>::CORRECTED,)* }
            }

            /// Moments kept of every parameter: the first (or a momentum buffer), the second.
            pub fn moments(self, rates: &Rates) -> [bool; 2] {
                match self { $(Rule::$rule => <$module::$rule as Definition>::moments(rates),)* }
            }

            /// The parameter after a step along `gradient`, the mean gradient of the loss. `decays`: whether any weight
            /// decay of the cohort is not 0; without any, decay is left out.
            #[inline(always)]
            pub fn step<N: Number>(
                self,
                parameter: Parameter<N>,
                gradient: N,
                factors: &Factors<N>,
                decays: bool,
            ) -> Parameter<N> {
                match self {
                    $(Rule::$rule => decayed::<$module::$rule, N>(parameter, gradient, factors, decays),)*
                }
            }
        }
    };
}

rules! {
    /// Gradient descent; with momentum, the heavy ball.
    Sgd = sgd,
    /// Gradient descent with Nesterov's momentum.
    Nesterov = nesterov,
    /// Adam.
    Adam = adam,
    /// Adam with decoupled weight decay.
    Adamw = adamw,
    /// RMSprop.
    Rmsprop = rmsprop,
    /// Lion: the sign of a moving average.
    Lion = lion,
}

/// A step with its weight decay.
#[inline(always)]
fn decayed<D: Definition, N: Number>(
    parameter: Parameter<N>,
    gradient: N,
    factors: &Factors<N>,
    decays: bool,
) -> Parameter<N> {
    let Parameter { weight, first, second } = parameter;
    if !decays {
        return D::step(Parameter { weight, first, second }, gradient, factors);
    }
    if D::DECOUPLED {
        let weight = weight.times(&factors.shrink);
        return D::step(Parameter { weight, first, second }, gradient, factors);
    }
    let gradient = gradient.plus_product(&factors.decay, &weight);
    D::step(Parameter { weight, first, second }, gradient, factors)
}

impl Rule {
    /// The rule of a name.
    pub fn named(name: &str) -> Option<Rule> {
        Rule::ALL.iter().copied().find(|rule| rule.name() == name)
    }
}

/// Steps of one weight in f64, for the rules' own tests.
#[cfg(test)]
fn walk(rule: Rule, rates: Rates, start: f64, gradients: &[f64]) -> Vec<f64> {
    let [first, second] = rule.moments(&rates).map(|kept| kept.then_some(0.0));
    let mut parameter = Parameter { weight: start, first, second };
    let steps = gradients.iter().zip(1..).map(|(&gradient, t)| {
        parameter = rule.step(parameter, gradient, &rates.factors(t), true);
        parameter.weight
    });
    steps.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_can_be_told_by_its_name_and_keys() {
        for &rule in Rule::ALL {
            assert_eq!(Rule::named(rule.name()), Some(rule));
            let slots: Vec<Slot> = rule.keys().iter().map(|key| key.slot).collect();
            let alone = slots.iter().all(|slot| slots.iter().filter(|other| *other == slot).count() == 1);
            assert!(alone, "two keys of {} fill the same place", rule.name());
            assert!(slots.contains(&Slot::Lr) && slots.contains(&Slot::WeightDecay), "{}", rule.name());
        }
        assert_eq!(Rule::named("no-such-rule"), None);
    }

    #[test]
    fn factors_of_the_first_step_undo_the_moving_averages() {
        let rates = Rates { lr: 0.3, momentum: 0.5, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weight_decay: 0.1 };
        let factors = rates.factors(1);
        // After one step m = (1 − β₁) g and v = (1 − β₂) g²: the corrections give back g and |g|.
        assert!((factors.corrected_rate * factors.rest1 - rates.lr).abs() < 1e-15);
        assert!((factors.root_correction * factors.rest2.sqrt() - 1.0).abs() < 1e-15);
        assert_eq!(factors.shrink, 1.0 - 0.3 * 0.1);
    }
}
