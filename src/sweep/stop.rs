//! `[stop]`: when a replica may leave, and when seeds stop being added.

use super::diagnostics::Diagnostics;
use super::judge::{Judge, SEED_LIMIT, words};
use super::schedule::LONGEST;
use super::table::{RawTable, Table, keys, no_kinds};
use crate::key::{Absent, Bound, Literal};

/// What the interval of added seeds can be of.
const METRICS: [(&str, ()); 1] = [("epsilon_star", ())];

keys! {
    /// Keys of `[stop]`.
    RawStop {
        /// Epochs after every observed radius and distance (of the classes that the block holds) has turned, when a cell
        /// leaves.
        after_inversion: i128 = integer { bound: Bound::Whole(1, LONGEST), absent: Absent::Means("never") },
        /// What the interval is of: the training error at the inversion of the distance (with more than two classes, of its
        /// mean).
        metric: String = string { words: Some(|| words(&METRICS)), absent: Absent::Is(Literal::Word("epsilon_star")) },
        /// Seeds are added until half of each group's 95% interval is this narrow.
        half_width: f64 = number { bound: Bound::InsideUnit, absent: Absent::Means("the seeds as listed") },
        /// No group gets more seeds. Required with `half_width`.
        max_seeds: i128 = integer {
            bound: Bound::Whole(1, SEED_LIMIT as i128),
            absent: Absent::Means("the seeds as listed"),
            applies_to: "`half_width`",
        },
    }
}

/// `[stop]`
pub(crate) const TABLE: Table = Table {
    name: "stop",
    header: "[stop]",
    about: "When a cell leaves early, and when seeds stop being added. Not of gradient flows.",
    keys: RawStop::KEYS,
    kinds: no_kinds,
};

/// When to stop.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stop {
    /// A replica leaves so many epochs after every observed class radius and distance has turned; `None`: never.
    pub after_inversion: Option<usize>,
    /// Add seeds until every group's confidence interval is this narrow; `None`: the seeds are as listed.
    pub half_width: Option<AdaptiveSeeds>,
}

/// Sequential rule for the number of seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdaptiveSeeds {
    /// Half of the width of the 95% confidence interval of mean ε* to be reached.
    pub half_width: f64,
    /// No group gets more seeds than this.
    pub max_seeds: usize,
}

/// The table, or what holds without it; `seeds` is the number of seeds listed, where it is known.
pub(crate) fn resolve(
    table: Option<&RawTable<RawStop>>,
    seeds: Option<usize>,
    diagnostics: &mut Diagnostics,
) -> Option<Stop> {
    let Some(table) = table else { return Some(Stop::default()) };
    let (raw, mut judge) = (&table.keys, Judge::of(TABLE.header, table, diagnostics));
    let before = judge.diagnostics.len();
    let after_inversion = judge.whole(&raw.after_inversion);
    let adaptive = !(raw.metric.is_absent() && raw.half_width.is_absent() && raw.max_seeds.is_absent());
    let half_width = if adaptive { adaptive_seeds(&mut judge, raw, seeds) } else { None };
    (judge.diagnostics.len() == before).then_some(Stop { after_inversion, half_width })
}

fn adaptive_seeds(judge: &mut Judge<'_>, raw: &RawStop, seeds: Option<usize>) -> Option<AdaptiveSeeds> {
    judge.choice(&raw.metric, &METRICS);
    if raw.half_width.is_absent() {
        judge.missing::<()>("half_width", "0.0005");
    }
    // ε* is a share of samples: an interval as wide as all of them is no rule.
    let half_width = judge.number(&raw.half_width);
    if raw.max_seeds.is_absent() {
        judge.missing::<()>("max_seeds", "256");
    }
    let max_seeds = judge.whole(&raw.max_seeds);
    if let (Some(given), Some(most), Some(seeds)) = (raw.max_seeds.given(), max_seeds, seeds)
        && most < seeds
    {
        let error = judge.diagnostics.error(&given.place, "`max_seeds` is less than the seeds of [sweep]");
        error.label(format!("[sweep] lists {seeds} already"));
    }
    Some(AdaptiveSeeds { half_width: half_width?, max_seeds: max_seeds? })
}
