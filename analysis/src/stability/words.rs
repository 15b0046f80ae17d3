//! The sentences of the verdict.

use super::shifts::{Judgement, Shift, is_of_data};
use super::spread::{Quantity, Scope, Spread};
use super::variance::Shares;
use crate::statistics::interval::Interval;
use crate::tables::text::{capital, significant};
use crate::turning::Event;

/// What is judged, and how: the principal observable of the first layer.
pub(super) struct Question<'a> {
    pub(super) observable: usize,
    /// "ε*(D)".
    pub(super) name: String,
    /// What turns there, in words.
    pub(super) event: Event,
    pub(super) tolerance: f64,
    /// Shifts of the axes that varied.
    pub(super) shifts: Vec<&'a Shift>,
    /// Axes of the grid that did not vary.
    pub(super) fixed: Vec<&'a str>,
}

pub(super) const LAYER: usize = 0;

/// An axis as a sentence names it.
pub(super) fn words_of(axis: &str) -> &str {
    match axis {
        "data" => "the data source",
        "subsample" => "the subsample",
        "architecture" => "the architecture",
        "optimiser" => "the optimiser",
        "seed" => "the seed",
        other => other,
    }
}

/// "a", "a and b", "a, b and c".
pub(super) fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A share as a percentage of three digits at most: "0.3%", "4.2%", "46%".
pub(super) fn percent(share: f64) -> String {
    match 100.0 * share {
        value if !value.is_finite() => "–".into(),
        value if value.abs() >= 10.0 => format!("{value:.0}%"),
        value => format!("{}%", format!("{value:.1}").trim_end_matches(".0")),
    }
}

/// " [43%, 49%]"; nothing where the interval is not known.
fn bracket(interval: Interval, show: &dyn Fn(f64) -> String) -> String {
    match interval.is_known() {
        true => format!(" [{}, {}]", show(interval.low), show(interval.high)),
        false => String::new(),
    }
}

/// "46% [43%, 49%]".
fn share(shift: &Shift) -> String {
    format!("{}{}", percent(shift.share), bracket(shift.interval, &percent))
}

/// By how much an axis that moves ε* does so: "by up to 46% [43%, 49%]".
pub(super) fn amount(shift: &Shift) -> String {
    match shift.axis.as_str() {
        "seed" => format!("by a standard deviation of {}", share(shift)),
        _ => format!("by up to {}", share(shift)),
    }
}

/// What is judged, and by which rule.
pub(super) fn rule(question: &Question<'_>) -> String {
    format!(
        "The claim: on the same data, {} is the same whatever else changes, to within a tolerance of {} of it. An axis moves \
         it if the interval of the largest shift lies above the tolerance, and does not if it lies below. Brackets hold 95% \
         intervals.",
        question.name,
        percent(question.tolerance),
    )
}

/// What one axis does.
pub(super) fn shift(shift: &Shift, question: &Question<'_>, shares: Option<&Shares>) -> String {
    let name = &question.name;
    let tolerance = percent(question.tolerance);
    let does = match shift.judgement {
        Judgement::Moves => format!("moves {name}"),
        Judgement::DoesNotMove => format!("does not move {name} by more than {tolerance}"),
        Judgement::Undecided => format!("may move {name} by more than {tolerance}, or may not"),
    };
    if shift.axis == "seed" {
        let mut out = format!(
            "The seed ({} initial states) {does}: all else the same, its standard deviation is {} or {}{}.",
            shift.levels,
            significant(shift.amount, 2),
            share(shift),
            if shift.at.is_empty() { String::new() } else { format!(", and widest at {}", shift.at) },
        );
        if shift.compared < shift.pairs {
            let too_few = shift.pairs - shift.compared;
            out.push_str(&format!(
                " In {too_few} of {} variants too few cells turn (fewer than two, or than half).",
                shift.pairs
            ));
        }
        return out;
    }
    let mut out = format!("{} ({} levels) {does}", capital(words_of(&shift.axis)), shift.levels);
    let Some([high, low]) = &shift.ends else {
        let why = match shift.pairs {
            0 => "no two variants differ in it alone, so that it cannot be told from other axes",
            _ => "too few cells turn to compare any two variants that differ in it alone",
        };
        return format!("{out}: {why}.");
    };
    out.push_str(&format!(
        ": {} at most, from {} ({}) to {} ({})",
        share(shift),
        significant(high.mean, 3),
        high.level,
        significant(low.mean, 3),
        low.level,
    ));
    if !shift.at.is_empty() {
        out.push_str(&format!(" at {}", shift.at));
    }
    let fit = shares.and_then(|shares| Some((shares, shares.decomposition.as_ref()?)));
    let mine =
        fit.and_then(|(shares, fit)| fit.shares.iter().zip(&shares.intervals).find(|(s, _)| s.name == shift.axis));
    if let (Some((mine, intervals)), Some((_, fit))) = (mine.filter(|(mine, _)| mine.omega_squared >= 0.0005), fit) {
        let within = bracket(intervals.omega_squared, &|value| percent(value.max(0.0)));
        let against = mine.against.term.map_or("the residual", |term| words_of(&fit.shares[term].name));
        out.push_str(&format!(
            "; {}{within} of the variance of {name}, F({}, {}) = {} against {against}",
            percent(mine.omega_squared),
            mine.degrees,
            mine.against.degrees,
            significant(mine.f, 3),
        ));
    }
    out.push('.');
    if shift.compared < shift.pairs {
        out.push_str(&format!(
            " {} of {} pairs of variants could not be compared: too few cells turn (fewer than two, or than half).",
            shift.pairs - shift.compared,
            shift.pairs,
        ));
    }
    out
}

/// What cannot be judged since it did not vary.
pub(super) fn not_varied(question: &Question<'_>) -> Option<String> {
    if question.fixed.is_empty() {
        return None;
    }
    let names: Vec<&str> = question.fixed.iter().map(|axis| words_of(axis)).collect();
    let data = question.shifts.iter().any(|shift| shift.is_of_data());
    let unseen = match !data && question.fixed.iter().any(|axis| is_of_data(axis)) {
        true => {
            " One block of one data source was trained on: how ε* depends on the data cannot be judged from this run."
        }
        false => "",
    };
    Some(format!("Not varied, and so not judged: {}.{unseen}", listed(&names)))
}

/// How much wider other training errors of the same cells spread.
pub(super) fn comparison(spreads: &[Spread], question: &Question<'_>) -> Vec<String> {
    let of = |scope: Scope, quantity: Quantity| -> Vec<&Spread> {
        let mine = spreads.iter().filter(|row| (row.layer, row.observable) == (LAYER, question.observable));
        let mine = mine.filter(|row| (row.scope, row.quantity) == (scope, quantity));
        mine.filter(|row| row.ratio.is_some_and(|ratio| ratio.of_deviations.is_finite())).collect()
    };
    let mut out = Vec::new();
    // A scope that holds the cells of a wider one is listed as that one.
    let mut at_epoch = Vec::new();
    for scope in [Scope::All, Scope::Block, Scope::Optimiser] {
        at_epoch.extend(of(scope, Quantity::AtFixedEpoch));
    }
    out.extend(compared(
        &at_epoch,
        "within one optimiser, on the same data, the training error at a fixed epoch (the median t*)",
        question,
    ));
    out.extend(compared(
        &of(Scope::GradientDescent, Quantity::AtEqualTime),
        "over the learning rates of plain gradient descent, on the same data, the training error at one flow time (learning \
         rate × epochs)",
        question,
    ));
    out
}

fn compared(rows: &[&Spread], what: &str, question: &Question<'_>) -> Option<String> {
    let name = &question.name;
    let ratios: Vec<_> = rows.iter().filter_map(|row| row.ratio).collect();
    let times = |value: f64| significant(value, 3);
    match ratios.as_slice() {
        [] => None,
        [only] => Some(format!(
            "For comparison: {what} spreads {}{} times as widely as {name} over the same {} cells.",
            times(only.of_deviations),
            bracket(only.interval, &times),
            rows[0].cells,
        )),
        many => {
            let ends = |of: &dyn Fn(&crate::statistics::spread::Ratio) -> f64| {
                let values = many.iter().map(of).filter(|value| value.is_finite());
                values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
            };
            let (low, high) = ends(&|ratio| ratio.of_deviations);
            let above = many.iter().filter(|ratio| ratio.interval.low > 1.0).count();
            Some(format!(
                "For comparison: {what} spreads {} to {} times as widely as {name} over the same cells; in {above} of {} \
                 cases the 95% interval of the ratio lies above 1.",
                times(low),
                times(high),
                many.len(),
            ))
        }
    }
}
