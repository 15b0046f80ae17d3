//! `[[subsample]]`: contiguous blocks or random draws, which must fit every source.

use super::judge::{Judge, Otherwise};
use crate::sweep::diagnostics::Diagnostics;
use crate::sweep::place::Located;
use crate::sweep::raw::{RawSubsample, RawTable};
use crate::sweep::reader::Field;
use crate::sweep::resolved::Subsample;

/// Sizes and block numbers may not be more.
const MANY: i128 = 1_000_000_000_000;

/// The entries of one `[[subsample]]`; `pools` are the sources of known size.
pub(crate) fn resolve(
    table: &RawTable<RawSubsample>,
    pools: &[(&'static str, usize)],
    diagnostics: &mut Diagnostics,
) -> Option<Vec<Subsample>> {
    let (raw, mut judge) = (&table.keys, Judge::of("[[subsample]]", table, diagnostics));
    let smallest = pools.iter().min_by_key(|(_, count)| *count).copied();
    let sizes = judge.wholes("size", &raw.size, 1..=MANY, Otherwise::Required("1000"));
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
        let balanced = raw.balanced.given().is_some_and(|given| given.value);
        let entry = |[s, d]: [usize; 2]| match (sizes[s].value, draws[d]) {
            (size, draw) if balanced => Subsample::Balanced { size, draw },
            (size, draw) => Subsample::Draw { size, draw },
        };
        return Some(combinations.map(entry).collect());
    }
    let balanced = raw.balanced.given().filter(|given| given.value).map(|given| given.place.clone());
    judge.not_applicable("blocks", &[("balanced", balanced, "`draw`: a block is what it is")]);
    let blocks = judge.wholes("block", &raw.block, 0..=MANY, Otherwise::Is(0))?;
    let sizes = sizes?;
    if let (Some(pool), true, Field::Given(_)) = (smallest, sizes_fit, &raw.block) {
        blocks_fit(&mut judge, &sizes, &blocks, pool);
    }
    let combinations = judge.combinations([sizes.len(), blocks.len()])?;
    let entry = |[s, b]: [usize; 2]| Subsample::Block { size: sizes[s].value, block: blocks[b].value };
    Some(combinations.map(entry).collect())
}

fn sizes_fit(judge: &mut Judge<'_>, sizes: &[Located<usize>], (source, count): (&str, usize)) -> bool {
    let before = judge.diagnostics.len();
    for size in sizes.iter().filter(|size| size.value > count) {
        let error = judge.diagnostics.error(&size.place, "`size` is larger than the data");
        error.label(format!("{source} has {count} training samples"));
        if source == "digits" {
            error.help(
                "digits: 1797 samples in all; those after `train` in [[data]] (1500 unless set) are the test set",
            );
        }
    }
    judge.diagnostics.len() == before
}

fn blocks_fit(
    judge: &mut Judge<'_>,
    sizes: &[Located<usize>],
    blocks: &[Located<usize>],
    (source, count): (&str, usize),
) {
    let Some(size) = sizes.iter().map(|size| size.value).max() else { return };
    let fitting = count / size;
    for block in blocks.iter().filter(|block| block.value >= fitting) {
        let end = (block.value as u128 + 1) * size as u128;
        let message = format!("block {} of size {size} ends at sample {end}", block.value);
        let error = judge.diagnostics.error(&block.place, message);
        error.label(format!("{source} has {count} training samples"));
        error.help(format!("at this size there are blocks 0 to {}", fitting.saturating_sub(1)));
    }
}
