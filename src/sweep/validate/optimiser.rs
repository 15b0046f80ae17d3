//! `[[optimiser]]`: the rule and its numbers, with PyTorch's defaults.

use super::flow;
use super::judge::{Bound, Judge, Otherwise};
use crate::sweep::diagnostics::Diagnostics;
use crate::sweep::place::Place;
use crate::sweep::raw::{RawOptimiser, RawTable};
use crate::sweep::reader::Field;
use crate::sweep::resolved::{Optimiser, OptimiserKind};

const KINDS: [(&str, OptimiserKind); 6] = [
    ("sgd", OptimiserKind::Sgd),
    ("nesterov", OptimiserKind::Nesterov),
    ("adam", OptimiserKind::Adam),
    ("adamw", OptimiserKind::Adamw),
    ("rmsprop", OptimiserKind::Rmsprop),
    ("gradient-flow", OptimiserKind::GradientFlow),
];

/// The entries of one `[[optimiser]]`.
pub(crate) fn resolve(table: &RawTable<RawOptimiser>, diagnostics: &mut Diagnostics) -> Option<Vec<Optimiser>> {
    let (raw, mut judge) = (&table.keys, Judge::of("[[optimiser]]", table, diagnostics));
    let named = judge.choice("kind", &raw.kind, &KINDS, Otherwise::Required("\"sgd\""));
    if let Some(named) = named {
        senseless_keys(&mut judge, raw, named);
    }
    if named == Some(OptimiserKind::GradientFlow) {
        return flow::optimisers(&mut judge, raw);
    }
    let kind = match (named, raw.nesterov.given()) {
        (Some(OptimiserKind::Sgd), Some(nesterov)) if nesterov.value => Some(OptimiserKind::Nesterov),
        (named, _) => named,
    };
    let lr = judge.reals("lr", &raw.lr, Bound::Positive, Otherwise::Required("0.1"));
    // PyTorch refuses Nesterov's momentum of zero: it would be plain gradient descent under another name.
    let momentum = match kind {
        Some(OptimiserKind::Nesterov) => {
            judge.reals("momentum", &raw.momentum, Bound::InsideUnit, Otherwise::Required("0.9"))
        }
        _ => judge.reals("momentum", &raw.momentum, Bound::BelowOne, Otherwise::Is(0.0)),
    };
    let beta1 = judge.reals("beta1", &raw.beta1, Bound::BelowOne, Otherwise::Is(0.9));
    let beta2 = match kind {
        Some(OptimiserKind::Rmsprop) => judge.reals("alpha", &raw.alpha, Bound::BelowOne, Otherwise::Is(0.99)),
        _ => judge.reals("beta2", &raw.beta2, Bound::BelowOne, Otherwise::Is(0.999)),
    };
    // An epsilon of 0 divides 0 by 0 for every weight whose gradient vanishes, as behind a dead unit.
    let epsilon = judge.reals("epsilon", &raw.epsilon, Bound::Positive, Otherwise::Is(1e-8));
    let decay = if kind == Some(OptimiserKind::Adamw) { 0.01 } else { 0.0 };
    let decay = judge.reals("weight_decay", &raw.weight_decay, Bound::NotNegative, Otherwise::Is(decay));
    let (kind, lr, momentum, beta1) = (kind?, lr?, momentum?, beta1?);
    let (beta2, epsilon, decay) = (beta2?, epsilon?, decay?);
    let lengths = [lr.len(), momentum.len(), beta1.len(), beta2.len(), epsilon.len(), decay.len()];
    let entry = |[l, m, b, c, e, d]: [usize; 6]| Optimiser {
        kind,
        lr: lr[l].value,
        momentum: momentum[m].value,
        beta1: beta1[b].value,
        beta2: beta2[c].value,
        epsilon: epsilon[e].value,
        weight_decay: decay[d].value,
        flow: None,
    };
    Some(judge.combinations(lengths)?.map(entry).collect())
}

fn senseless_keys(judge: &mut Judge<'_>, raw: &RawOptimiser, kind: OptimiserKind) {
    use OptimiserKind::{Adam, Adamw, GradientFlow, Nesterov, Rmsprop, Sgd};
    let steps = &[Sgd, Nesterov, Adam, Adamw, Rmsprop];
    let when = |kinds: &[OptimiserKind], place: Option<Place>| if kinds.contains(&kind) { None } else { place };
    fn at<T>(field: &Field<T>) -> Option<Place> {
        field.given().map(|given| given.place.clone())
    }
    let keys = [
        ("momentum", when(&[Sgd, Nesterov, Rmsprop], at(&raw.momentum)), "sgd, nesterov and rmsprop"),
        ("nesterov", when(&[Sgd], at(&raw.nesterov)), "sgd"),
        ("beta1", when(&[Adam, Adamw], at(&raw.beta1)), "adam and adamw"),
        ("beta2", when(&[Adam, Adamw], at(&raw.beta2)), "adam and adamw; rmsprop has `alpha`"),
        ("alpha", when(&[Rmsprop, GradientFlow], at(&raw.alpha)), "rmsprop; adam and adamw have `beta2`"),
        ("lr", when(steps, at(&raw.lr)), "every other optimiser; a flow's steps find their own length"),
        ("weight_decay", when(steps, at(&raw.weight_decay)), "every other optimiser"),
        ("gradient_change", when(&[GradientFlow], at(&raw.gradient_change)), "gradient-flow"),
        ("output_change", when(&[GradientFlow], at(&raw.output_change)), "gradient-flow"),
        ("kink_change", when(&[GradientFlow], at(&raw.kink_change)), "gradient-flow"),
        ("margin", when(&[GradientFlow], at(&raw.margin)), "gradient-flow"),
        ("fitted", when(&[GradientFlow], at(&raw.fitted)), "gradient-flow"),
        ("time", when(&[GradientFlow], at(&raw.time)), "gradient-flow"),
        ("precision", when(&[GradientFlow], at(&raw.precision)), "gradient-flow"),
        ("watched", when(&[GradientFlow], at(&raw.watched)), "gradient-flow"),
        ("epsilon", when(&[Adam, Adamw, Rmsprop], at(&raw.epsilon)), "adam, adamw and rmsprop"),
    ];
    let name = KINDS.iter().find(|(_, other)| *other == kind).map_or("", |(name, _)| name);
    judge.senseless(&format!("kind = \"{name}\""), &keys);
}
