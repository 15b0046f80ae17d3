//! What pruning does to the test error, plain and under noise, in sentences: what Fig. 2c of Ciceri et al. (2024) shows, of
//! this file.
//!
//! Invariant: what is left out is compared with its control and with the whole block seed by seed; "less" and "more" are said
//! where Student's 95% interval of the mean difference lies on one side of 0.

use super::outcomes::{Kind, Outcome};
use crate::statistics::interval::mean_interval;
use crate::statistics::moments::mean;
use crate::tables::text::significant;
use crate::turning::{TurningPoints, symbol};

/// Sentences at most; the table has all.
const MOST: usize = 48;

/// The epoch, of those whose misclassified samples were left out, at which the whole block's training error was nearest to ε*,
/// as a ratio.
pub fn nearest_to_inversion(mine: &[&Outcome]) -> Option<i64> {
    let of = |outcome: &&&Outcome| match outcome.kind {
        Some((Kind::Misclassified(epoch), false)) => Some((epoch, (outcome.parent_error / outcome.star).ln().abs())),
        _ => None,
    };
    let distances = mine.iter().filter_map(|outcome| of(&outcome)).filter(|(_, distance)| distance.is_finite());
    distances.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(epoch, _)| epoch)
}

/// The sentences of every circumstance, each named where there are several.
pub fn sentences(points: &TurningPoints, all: &[Outcome]) -> Vec<String> {
    let mut circumstances: Vec<&Vec<String>> = all.iter().map(|outcome| &outcome.circumstance).collect();
    circumstances.dedup();
    let several = circumstances.len() > 1;
    let said = |circumstance: &Vec<String>| {
        let mine: Vec<&Outcome> = all.iter().filter(|outcome| outcome.circumstance == *circumstance).collect();
        let place = if several { format!("{} – ", circumstance.join(" · ")) } else { String::new() };
        of_circumstance(points, &mine).into_iter().map(|sentence| format!("{place}{sentence}")).collect::<Vec<_>>()
    };
    circumstances.into_iter().flat_map(said).take(MOST).collect()
}

/// The sentences of one circumstance: of the plain test error, and of each noise.
fn of_circumstance(points: &TurningPoints, mine: &[&Outcome]) -> Vec<String> {
    let whole = mine.iter().find(|outcome| outcome.kind == Some((Kind::None, false)));
    let of = |kind: Kind, random: bool| mine.iter().find(|outcome| outcome.kind == Some((kind, random)));
    let star = format!("ε*({})", points.principal.map_or_else(String::new, |place| symbol(&points.observables[place])));
    let mut out = Vec::new();
    let misclassified = nearest_to_inversion(mine).map(Kind::Misclassified);
    for kind in misclassified.into_iter().chain([Kind::Stragglers]) {
        let Some(pruned) = of(kind, false) else { continue };
        let control = of(kind, true);
        let what = match kind {
            Kind::Misclassified(epoch) => format!(
                "Without the samples still misclassified at epoch {epoch}, the one nearest to the inversion (training error {}; {star} = {})",
                significant(pruned.parent_error, 3),
                significant(pruned.star, 3)
            ),
            _ => format!("Without the {}", pruned.prune),
        };
        out.extend(compared(&what, "test error at the end", pruned, whole, control, &|of| Some(of.by_seed.clone())));
        for (place, noisy) in pruned.noisy.iter().enumerate() {
            let measured = match noisy.over_draws.is_finite() {
                true => format!(
                    "test error under noise of σ = {} (draws of it spread by {})",
                    noisy.sigma,
                    significant(noisy.over_draws, 2)
                ),
                false => format!("test error under noise of σ = {}", noisy.sigma),
            };
            let by_seed = |of: &Outcome| of.noisy.get(place).map(|noisy| noisy.by_seed.clone());
            out.extend(compared(&what, &measured, pruned, whole, control, &by_seed));
        }
    }
    out.extend(least(mine, &star));
    out
}

/// What is compared: errors by seed, where they were measured.
type ErrorOf<'a> = &'a dyn Fn(&Outcome) -> Option<Vec<(i64, f64)>>;
/// Errors by seed.
type BySeed = [(i64, f64)];

/// "…, the test error under noise of σ = 1 is 0.11, 0.02 [0.01, 0.03] less than without as many random samples (0.13) …".
fn compared(
    what: &str,
    measured: &str,
    pruned: &Outcome,
    whole: Option<&&Outcome>,
    control: Option<&&Outcome>,
    of: ErrorOf<'_>,
) -> Option<String> {
    let own = of(pruned)?;
    let level = |of: &BySeed| significant(mean(&of.iter().map(|(_, error)| *error).collect::<Vec<_>>()), 3);
    if own.is_empty() {
        return None;
    }
    let beside = |other: Option<&&Outcome>, words: &str| {
        let other = of(other?)?;
        Some(format!("{} {words} ({})", difference(&own, &other)?, level(&other)))
    };
    let parts: Vec<String> = [beside(control, "without as many random samples"), beside(whole, "with the whole block")]
        .into_iter()
        .flatten()
        .collect();
    let rest = if parts.is_empty() { String::new() } else { format!(": {}", parts.join("; ")) };
    Some(format!("{what}, the {measured} is {}{rest}.", level(&own)))
}

/// The mean difference over common seeds, in words; `None` where there is no common seed.
fn difference(own: &BySeed, other: &BySeed) -> Option<String> {
    let both: Vec<f64> =
        (own.iter()).filter_map(|(seed, error)| Some(error - other.iter().find(|(of, _)| of == seed)?.1)).collect();
    if both.is_empty() {
        return None;
    }
    let (centre, interval) = (mean(&both), mean_interval(&both));
    let number = |value: f64| significant(value, 2);
    Some(match () {
        () if both.iter().all(|difference| *difference == 0.0) => "no other than".to_owned(),
        () if !interval.is_known() => {
            format!("{} {} than", number(centre.abs()), if centre < 0.0 { "less" } else { "more" })
        }
        () if interval.high < 0.0 => {
            format!("{} [{}, {}] less than", number(-centre), number(-interval.high), number(-interval.low))
        }
        () if interval.low > 0.0 => {
            format!("{} [{}, {}] more than", number(centre), number(interval.low), number(interval.high))
        }
        () => format!(
            "not measurably other ({} [{}, {}]) than",
            number(centre),
            number(interval.low),
            number(interval.high)
        ),
    })
}

/// Where the test error is least, by what was left out: of the greatest noise, or plain where there is none.
fn least(mine: &[&Outcome], star: &str) -> Option<String> {
    let of = |outcome: &Outcome| outcome.noisy.last().map_or(outcome.at_end.mean, |noisy| noisy.level.mean);
    let pruned: Vec<&&Outcome> = (mine.iter())
        .filter(|outcome| matches!(outcome.kind, Some((Kind::Misclassified(_), false))))
        .filter(|outcome| of(outcome).is_finite() && outcome.parent_error.is_finite())
        .collect();
    let best = pruned.iter().min_by(|a, b| of(a).total_cmp(&of(b))).filter(|_| pruned.len() > 2)?;
    let Some((Kind::Misclassified(epoch), _)) = best.kind else { return None };
    let measured = best.noisy.last().map_or_else(
        || "test error at the end".to_owned(),
        |noisy| format!("test error under noise of σ = {}", noisy.sigma),
    );
    let error = significant(best.parent_error, 3);
    let placed = match best.star.is_finite() {
        true => format!("{} times {star} ({error})", significant(best.parent_error / best.star, 2)),
        false => error,
    };
    Some(format!(
        "Of {} epochs whose misclassified samples were left out, the {measured} is least, {}, for epoch {epoch}, at which the whole \
         block's training error was {placed}.",
        pruned.len(),
        significant(of(best), 3),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_taken_seed_by_seed() {
        let own = [(0, 0.10), (1, 0.20), (2, 0.30), (9, 0.0)];
        let other = [(2, 0.41), (0, 0.20), (1, 0.29)];
        // −0.10, −0.09, −0.11: mean −0.10, Student's half-width 4.303 · 0.01/√3 = 0.0248.
        assert_eq!(difference(&own, &other).as_deref(), Some("0.10 [0.075, 0.12] less than"));
        assert_eq!(difference(&other, &own).as_deref(), Some("0.10 [0.075, 0.12] more than"));
        assert_eq!(
            difference(&own[..2], &[(0, 0.2), (1, 0.1)]).map(|said| said.starts_with("not measurably")),
            Some(true)
        );
        assert_eq!(difference(&own, &[(7, 0.2)]), None);
    }
}
