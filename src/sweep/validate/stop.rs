//! `[stop]`: when a replica may leave, and when seeds stop being added.

use super::judge::{Bound, Judge, Otherwise};
use super::schedule::LONGEST;
use crate::sweep::diagnostics::Diagnostics;
use crate::sweep::raw::{RawStop, RawTable};
use crate::sweep::reader::Field;
use crate::sweep::resolved::{AdaptiveSeeds, Stop};

/// The table, or what holds without it; `seeds` is the number of seeds listed, where it is known.
pub(crate) fn resolve(
    table: Option<&RawTable<RawStop>>,
    seeds: Option<usize>,
    diagnostics: &mut Diagnostics,
) -> Option<Stop> {
    let Some(table) = table else { return Some(Stop::default()) };
    let (raw, mut judge) = (&table.keys, Judge::of("[stop]", table, diagnostics));
    let before = judge.diagnostics.len();
    let after_inversion = judge.whole_if_given("after_inversion", &raw.after_inversion, 1..=LONGEST);
    let adaptive = !(raw.metric.is_absent() && raw.half_width.is_absent() && raw.max_seeds.is_absent());
    let half_width = if adaptive { adaptive_seeds(&mut judge, raw, seeds) } else { None };
    (judge.diagnostics.len() == before).then_some(Stop { after_inversion, half_width })
}

fn adaptive_seeds(judge: &mut Judge<'_>, raw: &RawStop, seeds: Option<usize>) -> Option<AdaptiveSeeds> {
    judge.choice("metric", &raw.metric, &[("epsilon_star", ())], Otherwise::Is(()));
    let half_width = match &raw.half_width {
        Field::Absent => judge.missing("half_width", "0.0005"),
        // ε* is a share of samples: an interval as wide as all of them is no rule.
        field => field.given().and_then(|given| judge.real("half_width", given, Bound::InsideUnit)),
    };
    let max_seeds = match &raw.max_seeds {
        Field::Absent => judge.missing("max_seeds", "256"),
        Field::Broken => None,
        Field::Given(given) => judge.whole_value("max_seeds", given, 1..=super::judge::SEED_LIMIT as i128),
    };
    if let (Some(most), Some(seeds)) = (&max_seeds, seeds.filter(|&seeds| most_is_less(&max_seeds, seeds))) {
        let error = judge.diagnostics.error(&most.place, "`max_seeds` is less than the seeds of [sweep]");
        error.label(format!("[sweep] lists {seeds} already"));
    }
    Some(AdaptiveSeeds { half_width: half_width?.value, max_seeds: max_seeds?.value })
}

fn most_is_less(most: &Option<crate::sweep::place::Located<usize>>, seeds: usize) -> bool {
    most.as_ref().is_some_and(|most| most.value < seeds)
}
