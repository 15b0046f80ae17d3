//! `[[optimiser]]`: the rule and its numbers, as the rules themselves declare their keys, bounds and defaults.

use phasesweep_optimisers::{self as optimisers, Key, Rates, Rule, Slot};

use super::flow;
use super::judge::{Bound, Judge, Otherwise};
use crate::sweep::diagnostics::Diagnostics;
use crate::sweep::place::{Located, Place};
use crate::sweep::raw::{RawOptimiser, RawTable};
use crate::sweep::reader::{Field, List};
use crate::sweep::resolved::{Optimiser, OptimiserKind};

/// The entries of one `[[optimiser]]`.
pub(crate) fn resolve(table: &RawTable<RawOptimiser>, diagnostics: &mut Diagnostics) -> Option<Vec<Optimiser>> {
    let (raw, mut judge) = (&table.keys, Judge::of("[[optimiser]]", table, diagnostics));
    let kinds: Vec<(&str, OptimiserKind)> = OptimiserKind::all().map(|kind| (kind.name(), kind)).collect();
    let named = judge.choice("kind", &raw.kind, &kinds, Otherwise::Required("\"sgd\""));
    if let Some(named) = named {
        keys_that_do_not_apply(&mut judge, raw, named);
    }
    let rule = match named {
        Some(OptimiserKind::GradientFlow) => return flow::optimisers(&mut judge, raw),
        // PyTorch's spelling of the same rule.
        Some(OptimiserKind::Rule(Rule::Sgd)) if raw.nesterov.given().is_some_and(|given| given.value) => {
            Some(Rule::Nesterov)
        }
        Some(OptimiserKind::Rule(rule)) => Some(rule),
        None => None,
    };
    // Where the kind is unknown, the numbers are judged by any rule that has such a key.
    let lists = Slot::ALL.map(|slot| numbers(&mut judge, raw, slot, rule));
    let rule = rule?;
    let [Some(lr), Some(momentum), Some(beta1), Some(beta2), Some(epsilon), Some(decay)] = lists else { return None };
    let lists = [lr, momentum, beta1, beta2, epsilon, decay];
    let entry = |at: [usize; Slot::ALL.len()]| {
        let rates = Rates::from_slots(|slot| lists[slot as usize][at[slot as usize]].value);
        Optimiser::of(rule, rates)
    };
    Some(judge.combinations(lists.each_ref().map(Vec::len))?.map(entry).collect())
}

/// The values of one number of a rule; what it is for want of a key where the rule has none.
fn numbers(judge: &mut Judge<'_>, raw: &RawOptimiser, slot: Slot, rule: Option<Rule>) -> Option<List<f64>> {
    let of = |rule: Rule| rule.keys().iter().find(|key| key.slot == slot);
    let key = match rule {
        Some(rule) => of(rule),
        None => Rule::ALL.iter().copied().find_map(of),
    };
    let Some((key, field)) = key.and_then(|key| Some((key, field(raw, key)?))) else {
        return Some(vec![Located::new(slot.unused(), judge.place.clone())]);
    };
    let bound = match key.bound {
        optimisers::Bound::Positive => Bound::Positive,
        optimisers::Bound::NotNegative => Bound::NotNegative,
        optimisers::Bound::BelowOne => Bound::BelowOne,
        optimisers::Bound::InsideUnit => Bound::InsideUnit,
    };
    let otherwise = key.default.map_or(Otherwise::Required(key.example), Otherwise::Is);
    judge.reals(key.name, field, bound, otherwise)
}

/// Where a key of a rule is written; a test holds that every rule's keys are found here.
fn field<'a>(raw: &'a RawOptimiser, key: &Key) -> Option<&'a Field<List<f64>>> {
    match key.name {
        "lr" => Some(&raw.lr),
        "momentum" => Some(&raw.momentum),
        "beta1" => Some(&raw.beta1),
        "beta2" => Some(&raw.beta2),
        "alpha" => Some(&raw.alpha),
        "epsilon" => Some(&raw.epsilon),
        "weight_decay" => Some(&raw.weight_decay),
        _ => None,
    }
}

fn place<T>(field: &Field<T>) -> Option<Place> {
    field.given().map(|given| given.place.clone())
}

/// Reports keys that do not apply to the kind.
fn keys_that_do_not_apply(judge: &mut Judge<'_>, raw: &RawOptimiser, kind: OptimiserKind) {
    let of_flows = [
        ("alpha", place(&raw.alpha)),
        ("gradient_change", place(&raw.gradient_change)),
        ("output_change", place(&raw.output_change)),
        ("kink_change", place(&raw.kink_change)),
        ("margin", place(&raw.margin)),
        ("fitted", place(&raw.fitted)),
        ("time", place(&raw.time)),
        ("precision", place(&raw.precision)),
        ("watched", place(&raw.watched)),
    ];
    // Each key with its place and the kinds that it applies to.
    let mut keys: Vec<(&str, Option<Place>, Vec<OptimiserKind>)> = Vec::new();
    let mut add = |name: &'static str, place: Option<Place>, kind: OptimiserKind| match keys
        .iter_mut()
        .find(|(other, ..)| *other == name)
    {
        Some((_, _, kinds)) => kinds.push(kind),
        None => keys.push((name, place, vec![kind])),
    };
    for &rule in Rule::ALL {
        for key in rule.keys() {
            add(key.name, field(raw, key).and_then(place), OptimiserKind::Rule(rule));
        }
    }
    add("nesterov", place(&raw.nesterov), OptimiserKind::Rule(Rule::Sgd));
    for (name, place) in of_flows {
        add(name, place, OptimiserKind::GradientFlow);
    }
    let told: Vec<(&str, Option<Place>, String)> = keys
        .into_iter()
        .filter(|(_, _, kinds)| !kinds.contains(&kind))
        .map(|(name, place, kinds)| (name, place, listed(&kinds)))
        .collect();
    let told: Vec<(&str, Option<Place>, &str)> =
        told.iter().map(|(name, place, kinds)| (*name, place.clone(), kinds.as_str())).collect();
    judge.not_applicable(&format!("kind = \"{}\"", kind.name()), &told);
}

/// `sgd, nesterov and rmsprop`.
fn listed(kinds: &[OptimiserKind]) -> String {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    match names.as_slice() {
        [names @ .., last] if !names.is_empty() => format!("{} and {last}", names.join(", ")),
        names => names.concat(),
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
                let optimiser = sweep.optimisers[0];
                assert_eq!(optimiser.kind, OptimiserKind::Rule(rule));
                assert_eq!(optimiser.rates().get(key.slot), 0.25, "{} of {}", key.name, rule.name());
            }
        }
    }
}
