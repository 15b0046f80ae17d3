//! Update rules over a stack of replicas: PyTorch's definition of each, hyperparameters as vectors over replicas.
//!
//! Invariants: every number is `[replica, 1, 1]`; a step changes only the replicas whose gate is set; a replica's update
//! does not depend on the others'. The bias corrections of Adam (Kingma & Ba 2015, algorithm 1) are computed in f64 on
//! the host.

use ::burn::tensor::{Bool, Int, Tensor};

use super::parameters::Parameters;
use super::resident::Resident;
use crate::sweep::{Optimiser, OptimiserKind};

/// Whether a rule with these numbers keeps a first moment (or momentum buffer).
pub(super) fn keeps_first(kind: OptimiserKind, numbers: &Optimiser) -> bool {
    match kind {
        OptimiserKind::Adam | OptimiserKind::Adamw => true,
        OptimiserKind::GradientFlow => false,
        OptimiserKind::Sgd | OptimiserKind::Nesterov | OptimiserKind::Rmsprop => numbers.momentum != 0.0,
    }
}

/// Whether a rule keeps a second moment.
pub(super) fn keeps_second(kind: OptimiserKind) -> bool {
    matches!(kind, OptimiserKind::Adam | OptimiserKind::Adamw | OptimiserKind::Rmsprop)
}

/// The rule's numbers for each replica of a stack.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    kind: OptimiserKind,
    numbers: Vec<Optimiser>,
    rate: Tensor<3>,
    momentum: Tensor<3>,
    beta1: Tensor<3>,
    beta2: Tensor<3>,
    rest1: Tensor<3>,
    rest2: Tensor<3>,
    epsilon: Tensor<3>,
    decay: Option<Tensor<3>>,
}

/// Moments of a stack; absent where no replica keeps them.
#[derive(Debug, Clone)]
pub(super) struct Moments {
    /// Momentum buffer, or Adam's m.
    pub(super) first: Option<Parameters>,
    /// Adam's v, or rmsprop's square average.
    pub(super) second: Option<Parameters>,
}

/// Adam's corrections of some steps: `[step, replica]` of lr/(1 − β₁ᵗ) and of 1/√(1 − β₂ᵗ).
#[derive(Debug, Clone)]
pub(super) struct Corrections {
    rate: Tensor<3>,
    root: Tensor<3>,
}

impl Rule {
    /// The numbers, on the device.
    pub(super) fn new(resident: &Resident, numbers: Vec<Optimiser>) -> Rule {
        let column = |number: fn(&Optimiser) -> f64| {
            resident.tensor(numbers.iter().map(|o| number(o) as f32).collect(), [numbers.len(), 1, 1])
        };
        Rule {
            kind: resident.problem.optimiser,
            rate: column(|o| o.lr),
            momentum: column(|o| o.momentum),
            beta1: column(|o| o.beta1),
            beta2: column(|o| o.beta2),
            rest1: column(|o| 1.0 - o.beta1),
            rest2: column(|o| 1.0 - o.beta2),
            epsilon: column(|o| o.epsilon),
            decay: numbers.iter().any(|o| o.weight_decay != 0.0).then(|| column(|o| o.weight_decay)),
            numbers,
        }
    }

    /// Adam's corrections for steps whose numbers (from 1) are given for each replica; `None` for the other rules.
    pub(super) fn corrections(&self, resident: &Resident, steps: &[Vec<u64>]) -> Option<Corrections> {
        if !matches!(self.kind, OptimiserKind::Adam | OptimiserKind::Adamw) {
            return None;
        }
        let table = |number: fn(&Optimiser, f64) -> f64| {
            let values = steps.iter().flat_map(|step| self.numbers.iter().zip(step));
            let values = values.map(|(o, &t)| number(o, t as f64) as f32).collect();
            resident.tensor(values, [steps.len(), self.numbers.len(), 1])
        };
        Some(Corrections {
            rate: table(|o, t| o.lr / (1.0 - o.beta1.powf(t))),
            root: table(|o, t| 1.0 / (1.0 - o.beta2.powf(t)).sqrt()),
        })
    }

    /// One step of the replicas whose `gate` is set. `corrections` and the place of this step in them, for Adam.
    pub(super) fn step(
        &self,
        parameters: Parameters,
        moments: Moments,
        gradient: Parameters,
        gate: &Tensor<3, Bool>,
        corrections: Option<(&Corrections, usize)>,
    ) -> (Parameters, Moments) {
        let old = (parameters.clone(), moments.clone());
        let gradient = match (&self.decay, self.kind) {
            (Some(decay), kind) if kind != OptimiserKind::Adamw => {
                gradient.zip(parameters.clone(), |g, p| g + p * decay.clone())
            }
            _ => gradient,
        };
        let (first, second, update) = match self.kind {
            OptimiserKind::Sgd | OptimiserKind::Nesterov => self.gradient_descent(moments.first, gradient),
            OptimiserKind::Rmsprop => self.rmsprop(moments, gradient),
            OptimiserKind::Adam | OptimiserKind::Adamw => self.adam(moments, gradient, corrections),
            OptimiserKind::GradientFlow => unreachable!("flows are not given to this engine"),
        };
        let shrunk = match (&self.decay, self.kind) {
            (Some(decay), OptimiserKind::Adamw) => {
                let factor = (self.rate.clone() * decay.clone()).neg() + 1.0;
                parameters.map(|p| p * factor.clone())
            }
            _ => parameters,
        };
        let new = shrunk.zip(update, |p, u| p - u);
        let keep =
            |new: Option<Parameters>, old: Option<Parameters>| new.zip(old).map(|(new, old)| new.gated(gate, old));
        let moments = Moments { first: keep(first, old.1.first), second: keep(second, old.1.second) };
        (new.gated(gate, old.0), moments)
    }

    /// b ← μb + g; the update is lr·b, or lr·(g + μb) with Nesterov's momentum.
    fn gradient_descent(
        &self,
        buffer: Option<Parameters>,
        gradient: Parameters,
    ) -> (Option<Parameters>, Option<Parameters>, Parameters) {
        let Some(buffer) = buffer else {
            return (None, None, gradient.map(|g| g * self.rate.clone()));
        };
        let buffer = buffer.zip(gradient.clone(), |b, g| b * self.momentum.clone() + g);
        let direction = match self.kind {
            OptimiserKind::Nesterov => gradient.zip(buffer.clone(), |g, b| g + b * self.momentum.clone()),
            _ => buffer.clone(),
        };
        (Some(buffer), None, direction.map(|d| d * self.rate.clone()))
    }

    /// v ← αv + (1 − α)g²; u = g/(√v + ε); the update is lr·u, or lr·b with b ← μb + u.
    fn rmsprop(&self, moments: Moments, gradient: Parameters) -> (Option<Parameters>, Option<Parameters>, Parameters) {
        let Some(second) = moments.second else {
            return (None, None, gradient);
        };
        let second = self.square_average(second, &gradient);
        let scaled = gradient.zip(second.clone(), |g, v| g / (v.sqrt() + self.epsilon.clone()));
        match moments.first {
            Some(buffer) => {
                let buffer = buffer.zip(scaled, |b, u| b * self.momentum.clone() + u);
                let update = buffer.clone().map(|b| b * self.rate.clone());
                (Some(buffer), Some(second), update)
            }
            None => (None, Some(second), scaled.map(|u| u * self.rate.clone())),
        }
    }

    /// m ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²; the update is lr/(1 − β₁ᵗ) · m/(√v/√(1 − β₂ᵗ) + ε).
    fn adam(
        &self,
        moments: Moments,
        gradient: Parameters,
        corrections: Option<(&Corrections, usize)>,
    ) -> (Option<Parameters>, Option<Parameters>, Parameters) {
        let (Some(first), Some(second), Some((corrections, place))) = (moments.first, moments.second, corrections)
        else {
            return (None, None, gradient);
        };
        let replicas = self.numbers.len();
        let at =
            |table: &Tensor<3>| table.clone().slice([place..place + 1, 0..replicas, 0..1]).reshape([replicas, 1, 1]);
        let (rate, root) = (at(&corrections.rate), at(&corrections.root));
        let first = first.zip(gradient.clone(), |m, g| m * self.beta1.clone() + g * self.rest1.clone());
        let second = self.square_average(second, &gradient);
        let update = first
            .clone()
            .zip(second.clone(), |m, v| m * rate.clone() / (v.sqrt() * root.clone() + self.epsilon.clone()));
        (Some(first), Some(second), update)
    }

    /// v ← β₂v + (1 − β₂)g²
    fn square_average(&self, second: Parameters, gradient: &Parameters) -> Parameters {
        second.zip(gradient.clone(), |v, g| v * self.beta2.clone() + g.clone() * g * self.rest2.clone())
    }

    /// The numbers of the replicas at these places.
    pub(super) fn select(&self, resident: &Resident, places: &[usize]) -> Rule {
        Rule::new(resident, places.iter().map(|&place| self.numbers[place]).collect())
    }
}

impl Moments {
    /// The moments of the replicas at these places.
    pub(super) fn select(&self, places: &Tensor<1, Int>) -> Moments {
        let select = |moment: &Option<Parameters>| moment.as_ref().map(|moment| moment.select(places));
        Moments { first: select(&self.first), second: select(&self.second) }
    }
}
