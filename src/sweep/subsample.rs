//! `[[subsample]]`: contiguous blocks or random draws, which must fit every source.

use serde::Serialize;

use super::diagnostics::Diagnostics;
use super::judge::Judge;
use super::place::Located;
use super::reader::{Field, Integers, List};
use super::table::{Keyed, RawTable, Table, keys, no_kinds};
use crate::data::sources::Source;
use crate::key::{Absent, Bound, Literal};

/// Sizes and block numbers may not be more.
const MANY: i128 = 1_000_000_000_000;

keys! {
    /// Keys of `[[subsample]]`.
    RawSubsample {
        /// Training samples.
        size: List<i128> = integers { bound: Bound::Whole(1, MANY), absent: Absent::Required("1000") },
        /// Which contiguous block of `size` samples, counted from 0.
        block: List<i128> = integers { bound: Bound::Whole(0, MANY), absent: Absent::Is(Literal::Integer(0)) },
        /// Instead of `block`: the number of a random draw without replacement, a list of numbers, or a range. A draw is the
        /// same for every seed.
        draw: Integers = counted { bound: Bound::Whole(0, i64::MAX as i128), absent: Absent::Means("a block") },
        /// Whether a draw takes as many samples of each class that occurs.
        balanced: bool = boolean {
            absent: Absent::Is(Literal::Flag(false)),
            applies_to: "`draw`",
            instead: ": a block is what it is",
        },
        /// Whether a draw may take a sample several times (`torch.randint` of indices). Other samples than those of a draw
        /// without replacement of the same number; not together with `balanced`.
        replacement: bool = boolean {
            absent: Absent::Is(Literal::Flag(false)),
            applies_to: "`draw`",
            instead: ": a block is what it is",
        },
    }
}

/// `[[subsample]]`
pub(crate) const TABLE: Table = Table {
    name: "subsample",
    header: "[[subsample]]",
    about: "Which samples of a source are trained on. They must fit every source of the sweep.",
    keys: RawSubsample::KEYS,
    kinds: no_kinds,
};

/// Which samples of a source a cell trains on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Subsample {
    /// Samples `block · size .. (block + 1) · size`.
    Block {
        /// Samples.
        size: usize,
        /// Which contiguous block, from 0.
        block: usize,
    },
    /// `size` samples drawn without replacement; the draw is numbered and does not depend on the cell's seed.
    Draw {
        /// Samples.
        size: usize,
        /// The draw's number, its own random stream.
        draw: u64,
    },
    /// `size` samples each drawn from all; one may be drawn several times, and is trained on as often.
    WithReplacement {
        /// Samples.
        size: usize,
        /// The draw's number.
        draw: u64,
    },
    /// As [`Subsample::Draw`], with as many samples of each class; where they do not divide, of the first classes one
    /// more.
    Balanced {
        /// Samples.
        size: usize,
        /// The draw's number.
        draw: u64,
    },
}

impl Subsample {
    /// Number of training samples, each as often as it was drawn.
    pub fn size(&self) -> usize {
        match *self {
            Subsample::Block { size, .. }
            | Subsample::Draw { size, .. }
            | Subsample::WithReplacement { size, .. }
            | Subsample::Balanced { size, .. } => size,
        }
    }
}

/// The entries of one `[[subsample]]`; `pools` are the sources of known size.
pub(crate) fn resolve(
    table: &RawTable<RawSubsample>,
    pools: &[Source],
    diagnostics: &mut Diagnostics,
) -> Option<Vec<Subsample>> {
    let (raw, mut judge) = (&table.keys, Judge::of(TABLE.header, table, diagnostics));
    let smallest = pools.iter().filter_map(Pool::of).min_by_key(|pool| pool.count);
    let sizes = judge.wholes(&raw.size);
    let sizes_fit = match (&sizes, smallest) {
        (Some(sizes), Some(pool)) => sizes_fit(&mut judge, sizes, pool),
        _ => true,
    };
    if let (Some(_), Some(draw)) = (raw.block.given(), raw.draw.given()) {
        judge
            .diagnostics
            .error(&draw.place, "`block` and `draw` exclude each other")
            .label("this [[subsample]] has a `block` too")
            .help("write one [[subsample]] for the blocks and another for the draws");
    }
    if !raw.draw.is_absent() {
        let draws = judge.streams("draw", raw.draw.given()?, false)?;
        let sizes = sizes?;
        let combinations = judge.combinations([sizes.len(), draws.len()])?;
        let is_set = |key: &Keyed<bool>| key.given().filter(|given| given.value).map(|given| given.place.clone());
        let (balanced, replacement) = (is_set(&raw.balanced), is_set(&raw.replacement));
        if let (Some(_), Some(place)) = (&balanced, &replacement) {
            let error = judge.diagnostics.error(place, "`balanced` and `replacement` exclude each other");
            error.label("this [[subsample]] has `balanced` too");
            return None;
        }
        let entry = |[s, d]: [usize; 2]| match (sizes[s].value, draws[d]) {
            (size, draw) if balanced.is_some() => Subsample::Balanced { size, draw },
            (size, draw) if replacement.is_some() => Subsample::WithReplacement { size, draw },
            (size, draw) => Subsample::Draw { size, draw },
        };
        return Some(combinations.map(entry).collect());
    }
    if judge.flag(&raw.balanced) == Some(true) {
        judge.does_not_apply("blocks", &raw.balanced);
    }
    if judge.flag(&raw.replacement) == Some(true) {
        judge.does_not_apply("blocks", &raw.replacement);
    }
    let blocks = judge.wholes(&raw.block)?;
    let sizes = sizes?;
    if let (Some(pool), true, Field::Given(_)) = (smallest, sizes_fit, &raw.block.field) {
        blocks_fit(&mut judge, &sizes, &blocks, pool);
    }
    let combinations = judge.combinations([sizes.len(), blocks.len()])?;
    let entry = |[s, b]: [usize; 2]| Subsample::Block { size: sizes[s].value, block: blocks[b].value };
    Some(combinations.map(entry).collect())
}

/// A source with its number of training samples.
#[derive(Clone, Copy)]
struct Pool<'a> {
    source: &'a Source,
    count: usize,
}

impl Pool<'_> {
    fn of(source: &Source) -> Option<Pool<'_>> {
        source.known().map(|sizes| Pool { source, count: sizes.train })
    }
}

fn sizes_fit(judge: &mut Judge<'_>, sizes: &[Located<usize>], pool: Pool<'_>) -> bool {
    let Pool { source, count } = pool;
    let before = judge.diagnostics.len();
    for size in sizes.iter().filter(|size| size.value > count) {
        let error = judge.diagnostics.error(&size.place, "`size` is larger than the data");
        error.label(format!("{} has {count} training samples", source.name()));
        if !source.too_large().is_empty() {
            error.help(source.too_large());
        }
    }
    judge.diagnostics.len() == before
}

fn blocks_fit(judge: &mut Judge<'_>, sizes: &[Located<usize>], blocks: &[Located<usize>], pool: Pool<'_>) {
    let Pool { source, count } = pool;
    let Some(size) = sizes.iter().map(|size| size.value).max() else { return };
    let fitting = count / size;
    for block in blocks.iter().filter(|block| block.value >= fitting) {
        let end = (block.value as u128 + 1) * size as u128;
        let message = format!("block {} of size {size} ends at sample {end}", block.value);
        let error = judge.diagnostics.error(&block.place, message);
        error.label(format!("{} has {count} training samples", source.name()));
        error.help(format!("at this size there are blocks 0 to {}", fitting.saturating_sub(1)));
    }
}
