//! The update rules over a stack of replicas: the steps of `phasesweep-optimisers` in tensors, with factors as vectors over
//! replicas.
//!
//! Invariants: every factor is `[replica, 1, 1]`; a step changes only the replicas whose gate is set; a replica's update
//! does not depend on the others'. Bias corrections and scheduled rates are computed in f64 on the host.

use ::burn::tensor::{Bool, Int, Tensor};
use phasesweep_optimisers::{self as optimisers, CLIMB_EPSILON, CLIP_EPSILON};
use phasesweep_optimisers::{Factors, Moment, Number, Rates, Recipe, Rule};

use super::flat::Flat;
use super::parameters::Parameters;
use super::resident::Resident;
use crate::train::{Replica, steps_per_epoch};

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
    recipes: Vec<Recipe>,
    /// Steps that each replica takes in an epoch.
    per_epoch: Vec<u64>,
    /// The norm that gradients are shortened to, and whether it is asked for; absent where no replica asks.
    clip: Option<(Tensor<3>, Tensor<3, Bool>)>,
    /// ρ of SAM; absent where no replica asks.
    radius: Option<Tensor<3>>,
    /// The factors that stay as they are from step to step; corrections stand in for those that do not.
    factors: Factors<Stacked>,
    /// Whether any replica's weights decay.
    decays: bool,
}

/// Moments of a stack; absent where no replica keeps them.
#[derive(Debug, Clone)]
pub(super) struct Moments {
    /// The first moment, or the momentum buffer.
    pub(super) first: Option<Flat>,
    /// The second moment.
    pub(super) second: Option<Flat>,
}

/// The factors of several steps that differ from step to step, `[step, replica, 1]` each: bias corrections, and what follows
/// from a scheduled rate.
#[derive(Debug, Clone)]
pub(super) struct Corrections {
    rate: Tensor<3>,
    corrected_rate: Tensor<3>,
    root: Tensor<3>,
    shrink: Tensor<3>,
}

impl StackedRule {
    /// The numbers of a stack's replicas, on the device.
    pub(super) fn new(resident: &Resident, replicas: &[Replica]) -> StackedRule {
        let rates: Vec<Rates> = replicas.iter().map(|replica| replica.optimiser.rates()).collect();
        let recipes: Vec<Recipe> = replicas.iter().map(|replica| replica.optimiser.recipe.clone()).collect();
        let per_epoch = replicas.iter().map(|replica| steps_per_epoch(&resident.problem, replica) as u64).collect();
        let column = |value: &dyn Fn(&Recipe) -> f64| {
            let values = recipes.iter().map(|recipe| value(recipe) as f32).collect();
            resident.tensor(values, [recipes.len(), 1, 1])
        };
        let clip = recipes.iter().any(|recipe| recipe.clip_norm.is_some()).then(|| {
            let asked = column(&|recipe| f64::from(u8::from(recipe.clip_norm.is_some())));
            (column(&|recipe| recipe.clip_norm.unwrap_or(1.0)), asked.greater_elem(0.5))
        });
        let radius = recipes
            .iter()
            .any(|recipe| recipe.sam_radius.is_some())
            .then(|| column(&|recipe| recipe.sam_radius.unwrap_or(0.0)));
        let mut columns: Factors<Vec<f32>> = Factors::default();
        for rates in &rates {
            columns.set(&rates.factors(1), |column, &number| column.push(number as f32));
        }
        let mut factors = columns.map(|column| Stacked(resident.tensor(column.clone(), [rates.len(), 1, 1])));
        factors.shrink = Stacked((factors.rate.0.clone() * factors.decay.0.clone()).neg() + 1.0);
        let decays = rates.iter().any(|rates| rates.weight_decay != 0.0);
        StackedRule { rule: resident.rule, rates, recipes, per_epoch, clip, radius, factors, decays }
    }

    /// The moments that the replica at a place keeps.
    pub(super) fn moments(&self, place: usize) -> [bool; 2] {
        self.rule.moments(&self.rates[place])
    }

    /// The factors of steps whose numbers (from 1) are given for each replica; `None` where no factor changes.
    pub(super) fn corrections(&self, resident: &Resident, steps: &[Vec<u64>]) -> Option<Corrections> {
        if !self.rule.corrects() && self.recipes.iter().all(|recipe| recipe.schedule.is_constant()) {
            return None;
        }
        let epochs = resident.problem.epochs as u64;
        let of = |place: usize, number: u64| {
            let at = Moment { step: number - 1, per_epoch: self.per_epoch[place], epochs };
            self.recipes[place].factors(&self.rates[place], &at)
        };
        let factors: Vec<Factors<f64>> =
            steps.iter().flat_map(|step| step.iter().enumerate().map(|(place, &number)| of(place, number))).collect();
        let table = |factor: fn(&Factors<f64>) -> f32| {
            resident.tensor(factors.iter().map(factor).collect(), [steps.len(), self.rates.len(), 1])
        };
        Some(Corrections {
            rate: table(|f| f.rate as f32),
            corrected_rate: table(|f| f.corrected_rate as f32),
            root: table(|f| f.root_correction as f32),
            // Rounded as the constant factor is, so that a neighbour's schedule does not show.
            shrink: table(|f| 1.0 - f.rate as f32 * f.decay as f32),
        })
    }

    /// The weights uphill of these, where the gradient of the step is to be taken, given the gradient at these; `None`
    /// where no replica asks for it.
    pub(super) fn uphill(&self, parameters: &Parameters, gradient: &Parameters) -> Option<Parameters> {
        let factor = self.radius.clone()? / gradient.norm()?.add_scalar(CLIMB_EPSILON);
        Some(parameters.clone().zip(gradient.clone(), |weight, gradient| weight + gradient * factor.clone()))
    }

    /// The gradient, shortened to the norm that each replica asks for.
    fn clipped(&self, gradient: Parameters) -> Parameters {
        let (Some((limit, asked)), Some(norm)) = (&self.clip, gradient.norm()) else { return gradient };
        let factor = (limit.clone() / norm.add_scalar(CLIP_EPSILON)).clamp_max(1.0);
        let factor = factor.ones_like().mask_where(asked.clone(), factor);
        gradient.map(|gradient| gradient * factor.clone())
    }

    /// One step of the replicas whose `gate` is set, along a gradient that is clipped first. `corrections` and the place of
    /// this step in them, where factors change.
    pub(super) fn step(
        &self,
        weights: Flat,
        moments: Moments,
        gradient: Parameters,
        gate: &Tensor<3, Bool>,
        corrections: Option<(&Corrections, usize)>,
    ) -> (Flat, Moments) {
        let mut factors = self.factors.clone();
        if let Some((corrections, place)) = corrections {
            let replicas = self.rates.len();
            let at = |table: &Tensor<3>| {
                Stacked(table.clone().slice([place..place + 1, 0..replicas, 0..1]).reshape([replicas, 1, 1]))
            };
            factors.rate = at(&corrections.rate);
            factors.corrected_rate = at(&corrections.corrected_rate);
            factors.root_correction = at(&corrections.root);
            factors.shrink = at(&corrections.shrink);
        }
        let gradient = Stacked(Flat::of(self.clipped(gradient)).0);
        let stacked = |moment: &Option<Flat>| moment.clone().map(|moment| Stacked(moment.0));
        let before = optimisers::Parameter {
            weight: Stacked(weights.0.clone()),
            first: stacked(&moments.first),
            second: stacked(&moments.second),
        };
        let after = self.rule.step(before, gradient, &factors, self.decays);
        let keep = |new: Stacked, old: Flat| Flat(new.0).gated(gate, old);
        let moment = |new: Option<Stacked>, old: Option<Flat>| Some(keep(new?, old?));
        let moments =
            Moments { first: moment(after.first, moments.first), second: moment(after.second, moments.second) };
        (keep(after.weight, weights), moments)
    }
}

impl Moments {
    /// The moments of the replicas at these places.
    pub(super) fn select(&self, places: &Tensor<1, Int>) -> Moments {
        let select = |moment: &Option<Flat>| moment.as_ref().map(|moment| moment.select(places));
        Moments { first: select(&self.first), second: select(&self.second) }
    }
}
