//! `[[optimiser]]`: the rule and its numbers, as the rules themselves declare their keys, bounds and defaults, and what goes
//! with every rule: schedules, clipping and SAM.

use phasesweep_optimisers::{self as optimisers, Rates, Recipe, Rule, Slot};
use serde::Serialize;

use super::diagnostics::Diagnostics;
use super::flow::{self, Flow};
use super::judge::{Judge, words};
use super::reader::List;
use super::recipe::{self, RecipeKeys};
use super::schedule::LONGEST;
use super::table::{RawTable, Table, keys};
use crate::key::{Absent, Bound, Form, Key, Literal, Variant};

keys! {
    /// Keys of `[[optimiser]]`; those of the rules come with the rules.
    RawOptimiser {
        /// How weights move.
        kind: String = string {
            words: Some(|| OptimiserKind::all().map(OptimiserKind::name).collect()),
            absent: Absent::Required("\"sgd\""),
        },
        /// `true` is the same as `kind = "nesterov"`: PyTorch's spelling.
        nesterov: bool = boolean { absent: Absent::Is(Literal::Flag(false)), applies_to: "sgd" },
        /// How the learning rate changes along training. With m the number of epochs (or steps: `schedule_by`) since the
        /// warm-up ended, T their number in all, γ `decay_factor` and f `final_share`, it is lr times 1; γ^⌊m/`decay_every`⌋
        /// or γ for every place of `decay_at` that lies behind; f + (1 − f)(1 + cos(π m/T))/2; 1 + (f − 1) m/T; γ^m.
        /// These are PyTorch's `StepLR` and `MultiStepLR`, `CosineAnnealingLR`, `LinearLR` and `ExponentialLR`.
        schedule: List<String> = strings {
            words: Some(|| words(&recipe::FORMS)),
            absent: Absent::Is(Literal::Word("constant")),
            applies_to: "every kind but gradient-flow",
        },
        /// What a schedule and its warm-up count: epochs, so that the rate stays as it is within one, or steps of the replica.
        schedule_by: String = string {
            words: Some(|| words(&recipe::UNITS)),
            absent: Absent::Is(Literal::Word("epoch")),
            applies_to: "schedules and `warmup`",
        },
        /// Epochs or steps from one decay to the next.
        decay_every: List<i128> = integers {
            bound: Bound::Whole(1, LONGEST),
            absent: Absent::Means("*required* without `decay_at`"),
            applies_to: "`schedule = \"step\"`",
        },
        /// Epochs or steps at which the rate decays, counted from the beginning of training. A list of such lists is an axis.
        decay_at: List<List<i128>> = integer_lists {
            bound: Bound::Whole(1, LONGEST),
            absent: Absent::Means("*required* without `decay_every`"),
            applies_to: "`schedule = \"step\"`",
        },
        /// Factor γ of a decay.
        decay_factor: List<f64> = numbers {
            bound: Bound::Positive,
            absent: Absent::Means("step: `0.1`; exponential: *required*"),
            applies_to: "`schedule = \"step\"` and `\"exponential\"`",
        },
        /// Share f of the learning rate at which the schedule ends.
        final_share: List<f64> = numbers {
            bound: Bound::Share,
            absent: Absent::Is(Literal::Number(0.0)),
            applies_to: "`schedule = \"cosine\"` and `\"linear\"`",
        },
        /// Epochs or steps W of a linear warm-up before the schedule: at count n < W the rate is lr (s + (1 − s) n/W), s
        /// being `warmup_start`. PyTorch's `LinearLR` before the schedule by `SequentialLR`.
        warmup: List<i128> = integers {
            bound: Bound::Whole(0, LONGEST),
            absent: Absent::Is(Literal::Integer(0)),
            applies_to: "every kind but gradient-flow",
        },
        /// Share s of the learning rate at which a warm-up starts.
        warmup_start: List<f64> = numbers {
            bound: Bound::Share,
            absent: Absent::Means("a third, as in PyTorch"),
            applies_to: "`warmup`",
        },
        /// Greatest norm of a gradient over all parameters of a replica: a longer one is multiplied with
        /// `clip_norm`/(‖g‖ + 10⁻⁶) before weight decay and moments (`torch.nn.utils.clip_grad_norm_`).
        clip_norm: List<f64> = numbers {
            bound: Bound::Positive,
            absent: Absent::Means("gradients as they are"),
            applies_to: "every kind but gradient-flow",
        },
        /// ρ of sharpness-aware minimisation (SAM, Foret et al. 2021): the rule's step at w is taken along the gradient at
        /// w + ρ g/‖g‖, with g the batch's gradient at w, without weight decay. A step takes two gradients; 0 is the plain
        /// rule. Of `clip_norm`, the second gradient is clipped.
        sam_radius: List<f64> = numbers {
            bound: Bound::NotNegative,
            absent: Absent::Is(Literal::Number(0.0)),
            applies_to: "every kind but gradient-flow",
        },
    }
    kinds: variants
}

/// `[[optimiser]]`
pub(crate) const TABLE: Table = Table {
    name: "optimiser",
    header: "[[optimiser]]",
    about: "How weights move: by a rule of steps along the gradient, with PyTorch's definitions and defaults, or by gradient \
            flow, which trains F = α (f − f₀), f a network of one output, f₀ the same at its initial weights, on two classes \
            y = ±1. All optimisers of a sweep are gradient flows or none is.",
    keys: RawOptimiser::KEYS,
    kinds: variants,
};

/// Every kind with its keys.
pub(crate) fn variants() -> Vec<Variant> {
    let of_rule = |&rule: &Rule| {
        let mut keys: Vec<&optimisers::Key> = rule.keys().iter().collect();
        // The order in which the entries of an axis follow each other.
        keys.sort_by_key(|key| key.slot as usize);
        Variant { name: rule.name(), about: rule.summary(), keys: keys.into_iter().map(key).collect() }
    };
    Rule::ALL.iter().map(of_rule).chain([flow::variant()]).collect()
}

/// The key of a rule as every other.
fn key(key: &optimisers::Key) -> Key {
    let bound = match key.bound {
        optimisers::Bound::Positive => Bound::Positive,
        optimisers::Bound::NotNegative => Bound::NotNegative,
        optimisers::Bound::BelowOne => Bound::BelowOne,
        optimisers::Bound::InsideUnit => Bound::InsideUnit,
    };
    let absent = key.default.map_or(Absent::Required(key.example), |value| Absent::Is(Literal::Number(value)));
    Key { name: key.name, form: Form::Numbers, bound, absent, doc: key.meaning, ..Key::BLANK }
}

/// An optimiser with its numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Optimiser {
    /// The rule.
    pub kind: OptimiserKind,
    /// Learning rate.
    pub lr: f64,
    /// Momentum (sgd, rmsprop); 0 is none.
    pub momentum: f64,
    /// Decay β₁ of the first moment (adam, adamw).
    pub beta1: f64,
    /// Decay β₂ of the second moment (adam, adamw), or α of rmsprop.
    pub beta2: f64,
    /// Term added to the denominator (adam, adamw, rmsprop).
    pub epsilon: f64,
    /// Weight decay: added to the gradient, except for adamw, where it is decoupled.
    pub weight_decay: f64,
    /// Numbers of [`OptimiserKind::GradientFlow`]; `None` for all others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<Flow>,
    /// Schedule, clipping and SAM; plain for [`OptimiserKind::GradientFlow`].
    #[serde(skip_serializing_if = "Recipe::is_plain")]
    pub recipe: Recipe,
}

impl Optimiser {
    /// A rule with its numbers.
    pub fn of(rule: Rule, rates: Rates, recipe: Recipe) -> Optimiser {
        let Rates { lr, momentum, beta1, beta2, epsilon, weight_decay } = rates;
        let kind = OptimiserKind::Rule(rule);
        Optimiser { kind, lr, momentum, beta1, beta2, epsilon, weight_decay, flow: None, recipe }
    }

    /// The rule's numbers.
    pub fn rates(&self) -> Rates {
        let Optimiser { kind: _, lr, momentum, beta1, beta2, epsilon, weight_decay, flow: _, recipe: _ } = *self;
        Rates { lr, momentum, beta1, beta2, epsilon, weight_decay }
    }

    /// Which moments the rule keeps of every parameter: the first (or a momentum), the second.
    pub fn moments(&self) -> [bool; 2] {
        self.kind.rule().map_or([false, false], |rule| rule.moments(&self.rates()))
    }
}

/// How weights move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OptimiserKind {
    /// By steps along the gradient.
    Rule(Rule),
    /// Gradient flow by adaptive Euler steps, of the network α (f − f₀).
    GradientFlow,
}

impl OptimiserKind {
    /// All kinds.
    pub fn all() -> impl Iterator<Item = OptimiserKind> {
        Rule::ALL.iter().copied().map(OptimiserKind::Rule).chain([OptimiserKind::GradientFlow])
    }

    /// Name in sweep files, labels and identities.
    pub fn name(self) -> &'static str {
        match self {
            OptimiserKind::Rule(rule) => rule.name(),
            OptimiserKind::GradientFlow => flow::NAME,
        }
    }

    /// The rule of steps; `None` for gradient flows.
    pub fn rule(self) -> Option<Rule> {
        match self {
            OptimiserKind::Rule(rule) => Some(rule),
            OptimiserKind::GradientFlow => None,
        }
    }
}

impl Serialize for OptimiserKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The entries of one `[[optimiser]]`.
pub(crate) fn resolve(
    table: &RawTable<RawOptimiser>,
    last: Option<usize>,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<Optimiser>> {
    let (raw, mut judge) = (&table.keys, Judge::of(TABLE.header, table, diagnostics));
    let beside = raw.recipe();
    let kinds: Vec<(&str, OptimiserKind)> = OptimiserKind::all().map(|kind| (kind.name(), kind)).collect();
    let all = variants();
    let Some(named) = judge.choice(&raw.kind, &kinds) else {
        judge.any_kind(&raw.kinds, &all);
        beside.resolve(last, &mut judge);
        return None;
    };
    let variant = |kind: OptimiserKind| all.iter().find(|variant| variant.name == kind.name());
    let written = format!("kind = \"{}\"", named.name());
    judge.of_other_kinds(&written, &raw.kinds, variant(named)?, &all);
    if named != OptimiserKind::Rule(Rule::Sgd) {
        judge.does_not_apply(&written, &raw.nesterov);
    }
    let kind = match named {
        // PyTorch's spelling of the same rule.
        OptimiserKind::Rule(Rule::Sgd) if judge.flag(&raw.nesterov) == Some(true) => {
            OptimiserKind::Rule(Rule::Nesterov)
        }
        named => named,
    };
    let recipes = match kind {
        OptimiserKind::Rule(_) => beside.resolve(last, &mut judge),
        OptimiserKind::GradientFlow => {
            beside.do_not_apply(&written, &mut judge);
            Some(vec![Recipe::default()])
        }
    };
    let values = judge.kind(&raw.kinds, variant(kind)?)?;
    let recipes = recipes?;
    let of_rule = |rule: Rule, values: &crate::key::Values, recipe: &Recipe| {
        let name = |slot: Slot| rule.keys().iter().find(|key| key.slot == slot).map(|key| key.name);
        let rates = Rates::from_slots(|slot| name(slot).map_or(slot.unused(), |name| values.real(name)));
        Optimiser::of(rule, rates, recipe.clone())
    };
    let entry = |values: &crate::key::Values, recipe: &Recipe| match kind {
        OptimiserKind::Rule(rule) => of_rule(rule, values, recipe),
        OptimiserKind::GradientFlow => Optimiser {
            kind,
            lr: 0.0,
            momentum: 0.0,
            beta1: 0.0,
            beta2: 0.0,
            epsilon: 0.0,
            weight_decay: 0.0,
            flow: Some(flow::numbers(values)),
            recipe: Recipe::default(),
        },
    };
    let all = judge.combinations([values.len(), recipes.len()])?;
    Some(all.map(|[numbers, recipe]| entry(&values[numbers], &recipes[recipe])).collect())
}

impl RawOptimiser {
    /// The keys of what goes with every rule.
    fn recipe(&self) -> RecipeKeys<'_> {
        RecipeKeys {
            schedule: &self.schedule,
            schedule_by: &self.schedule_by,
            decay_every: &self.decay_every,
            decay_at: &self.decay_at,
            decay_factor: &self.decay_factor,
            final_share: &self.final_share,
            warmup: &self.warmup,
            warmup_start: &self.warmup_start,
            clip_norm: &self.clip_norm,
            sam_radius: &self.sam_radius,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::parse;

    #[test]
    fn every_key_of_every_rule_is_read() {
        for &rule in Rule::ALL {
            for key in rule.keys() {
                let (lr, value) = if key.name == "lr" { ("", "0.25") } else { ("lr = 0.125\n", "0.25") };
                // What a rule requires besides is given.
                let required = rule.keys().iter().filter(|other| other.default.is_none());
                let required = required.filter(|other| other.name != "lr" && other.name != key.name);
                let required: String = required.map(|other| format!("{} = {}\n", other.name, other.example)).collect();
                let text = format!(
                    "[sweep]\nname = \"keys\"\nseeds = 1\n[[data]]\nsource = \"digits\"\n[[subsample]]\nsize = 100\n\
                     [[architecture]]\nkind = \"mlp\"\nhidden = [2]\n[train]\nepochs = 1\n[[optimiser]]\n\
                     kind = \"{}\"\n{lr}{required}{} = {value}\n",
                    rule.name(),
                    key.name
                );
                let sweep = parse(&text, "keys.toml", &[]).unwrap_or_else(|error| panic!("{error:?}"));
                let optimiser = &sweep.optimisers[0];
                assert_eq!(optimiser.kind, OptimiserKind::Rule(rule));
                assert_eq!(optimiser.rates().get(key.slot), 0.25, "{} of {}", key.name, rule.name());
            }
        }
    }
}
