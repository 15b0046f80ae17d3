//! The update rules over a stack of replicas: the steps of `phasesweep-optimisers` in tensors, with factors as vectors over
//! replicas.
//!
//! Invariants: every factor is `[replica, 1, 1]`; a step changes only the replicas whose gate is set; a replica's update
//! does not depend on the others'. Bias corrections are computed in f64 on the host.

use ::burn::tensor::{Bool, Int, Tensor};
use phasesweep_optimisers::{self as optimisers, Factors, Number, Rates, Rule};

use super::parameters::Parameters;
use super::resident::Resident;

/// A tensor as a number of the rules.
#[derive(Debug, Clone)]
struct Stacked(Tensor<3>);

impl Number for Stacked {
    fn plus(self, other: &Self) -> Self {
        Stacked(self.0 + other.0.clone())
    }

    fn times(self, other: &Self) -> Self {
        Stacked(self.0 * other.0.clone())
    }

    fn over(self, other: &Self) -> Self {
        Stacked(self.0 / other.0.clone())
    }

    fn root(self) -> Self {
        Stacked(self.0.sqrt())
    }

    fn sign(self) -> Self {
        Stacked(self.0.sign())
    }

    fn plus_product(self, a: &Self, b: &Self) -> Self {
        Stacked(b.0.clone() * a.0.clone() + self.0)
    }

    fn minus_product(self, rate: &Self, step: &Self) -> Self {
        Stacked(self.0 - step.0.clone() * rate.0.clone())
    }

    fn minus_ratio(self, rate: &Self, numerator: &Self, denominator: &Self) -> Self {
        Stacked(self.0 - numerator.0.clone() * rate.0.clone() / denominator.0.clone())
    }

    fn average(self, decay: &Self, rest: &Self, new: &Self) -> Self {
        Stacked(self.0 * decay.0.clone() + new.0.clone() * rest.0.clone())
    }

    fn average_square(self, decay: &Self, rest: &Self, new: &Self) -> Self {
        Stacked(self.0 * decay.0.clone() + new.0.clone() * new.0.clone() * rest.0.clone())
    }
}

/// A rule with its numbers for each replica of a stack.
#[derive(Debug, Clone)]
pub(super) struct StackedRule {
    rule: Rule,
    rates: Vec<Rates>,
    /// The factors that stay as they are from step to step; corrections stand in for those that do not.
    factors: Factors<Stacked>,
    /// Whether any replica's weights decay.
    decays: bool,
}

/// Moments of a stack; absent where no replica keeps them.
#[derive(Debug, Clone)]
pub(super) struct Moments {
    /// The first moment, or the momentum buffer.
    pub(super) first: Option<Parameters>,
    /// The second moment.
    pub(super) second: Option<Parameters>,
}

/// Bias corrections of several steps: `[step, replica]` of lr/(1 − β₁ᵗ) and of 1/√(1 − β₂ᵗ).
#[derive(Debug, Clone)]
pub(super) struct Corrections {
    rate: Tensor<3>,
    root: Tensor<3>,
}

impl StackedRule {
    /// The numbers, on the device.
    pub(super) fn new(resident: &Resident, rule: Rule, rates: Vec<Rates>) -> StackedRule {
        let mut columns: Factors<Vec<f32>> = Factors::default();
        for rates in &rates {
            columns.set(&rates.factors(1), |column, &number| column.push(number as f32));
        }
        let mut factors = columns.map(|column| Stacked(resident.tensor(column.clone(), [rates.len(), 1, 1])));
        factors.shrink = Stacked((factors.rate.0.clone() * factors.decay.0.clone()).neg() + 1.0);
        let decays = rates.iter().any(|rates| rates.weight_decay != 0.0);
        StackedRule { rule, rates, factors, decays }
    }

    /// The moments that the replica at a place keeps.
    pub(super) fn moments(&self, place: usize) -> [bool; 2] {
        self.rule.moments(&self.rates[place])
    }

    /// Bias corrections for steps whose numbers (from 1) are given for each replica; `None` for rules without.
    pub(super) fn corrections(&self, resident: &Resident, steps: &[Vec<u64>]) -> Option<Corrections> {
        if !self.rule.corrects() {
            return None;
        }
        let table = |factor: fn(Factors<f64>) -> f64| {
            let values = steps.iter().flat_map(|step| self.rates.iter().zip(step));
            let values = values.map(|(rates, &t)| factor(rates.factors(t)) as f32).collect();
            resident.tensor(values, [steps.len(), self.rates.len(), 1])
        };
        Some(Corrections { rate: table(|f| f.corrected_rate), root: table(|f| f.root_correction) })
    }

    /// One step of the replicas whose `gate` is set. `corrections` and the place of this step in them, for rules that have
    /// them.
    pub(super) fn step(
        &self,
        parameters: Parameters,
        moments: Moments,
        gradient: Parameters,
        gate: &Tensor<3, Bool>,
        corrections: Option<(&Corrections, usize)>,
    ) -> (Parameters, Moments) {
        let mut factors = self.factors.clone();
        if let Some((corrections, place)) = corrections {
            let replicas = self.rates.len();
            let at = |table: &Tensor<3>| {
                Stacked(table.clone().slice([place..place + 1, 0..replicas, 0..1]).reshape([replicas, 1, 1]))
            };
            factors.corrected_rate = at(&corrections.rate);
            factors.root_correction = at(&corrections.root);
        }
        let old = (parameters.clone(), moments.clone());
        let mut first = moments.first.map(Parameters::into_tensors);
        let mut second = moments.second.map(Parameters::into_tensors);
        let next = |moment: &mut Option<std::vec::IntoIter<Tensor<3>>>| moment.as_mut()?.next().map(Stacked);
        let mut stepped = [Vec::new(), Vec::new(), Vec::new()];
        for (weight, gradient) in parameters.into_tensors().zip(gradient.into_tensors()) {
            let before =
                optimisers::Parameter { weight: Stacked(weight), first: next(&mut first), second: next(&mut second) };
            let after = self.rule.step(before, Stacked(gradient), &factors, self.decays);
            let after = [Some(after.weight), after.first, after.second];
            for (all, one) in stepped.iter_mut().zip(after) {
                all.extend(one.map(|stacked| stacked.0));
            }
        }
        let [weights, first, second] = stepped.map(|tensors| Parameters::from_tensors(tensors, &old.0));
        let keep = |new: Parameters, old: Option<Parameters>| old.map(|old| new.gated(gate, old));
        let moments = Moments { first: keep(first, old.1.first), second: keep(second, old.1.second) };
        (weights.gated(gate, old.0), moments)
    }

    /// The numbers of the replicas at these places.
    pub(super) fn select(&self, resident: &Resident, places: &[usize]) -> StackedRule {
        StackedRule::new(resident, self.rule, places.iter().map(|&place| self.rates[place]).collect())
    }
}

impl Moments {
    /// The moments of the replicas at these places.
    pub(super) fn select(&self, places: &Tensor<1, Int>) -> Moments {
        let select = |moment: &Option<Parameters>| moment.as_ref().map(|moment| moment.select(places));
        Moments { first: select(&self.first), second: select(&self.second) }
    }
}
