//! How often each sample is a straggler: over all cells of its block, and by seed, architecture and optimiser.

use std::collections::BTreeMap;

use polars::prelude::*;
use rayon::prelude::*;

use crate::error::Result;
use crate::results::Results;
use crate::sample_sets;
use crate::stragglers::{Stragglers, by_block};
use crate::tables::frames::table;
use crate::tables::parts::{Parts, ROWS};

/// How often the samples of one block are stragglers among some cells.
#[derive(Debug, Clone, PartialEq)]
pub struct Frequency {
    /// Data source and subsample.
    pub block: String,
    /// `all`, or the axis that is held.
    pub axis: String,
    /// The level at which it is held; `all` for none.
    pub level: String,
    /// Cells.
    pub cells: usize,
    /// (sample, number of cells in which it is a straggler), for samples that ever are.
    pub counts: Vec<(u32, u32)>,
}

/// Counts, block by block: over all cells first, then by each axis that varies.
pub fn frequencies(results: &Results, all: &[Stragglers]) -> Vec<Frequency> {
    let axes: Vec<(&str, Vec<String>)> = ["architecture", "optimiser", "seed"]
        .into_iter()
        .filter_map(|axis| Some((axis, results.cells.column(axis)?)))
        .collect();
    let of_block = |(block, members): (String, Vec<usize>)| {
        let mut asked: Vec<(&str, &str, Vec<&Stragglers>)> =
            vec![("all", "all", members.iter().map(|&member| &all[member]).collect())];
        for (axis, labels) in &axes {
            let mut levels: BTreeMap<&str, Vec<&Stragglers>> = BTreeMap::new();
            members.iter().for_each(|&m| levels.entry(&labels[all[m].cell]).or_default().push(&all[m]));
            // A level of one cell repeats the cell's own set.
            if levels.len() > 1 && levels.values().any(|cells| cells.len() > 1) {
                asked.extend(levels.into_iter().map(|(level, cells)| (*axis, level, cells)));
            }
        }
        let counted: Vec<Frequency> =
            asked.into_par_iter().map(|(axis, level, cells)| count(&block, axis, level, &cells)).collect();
        counted
    };
    by_block(results, all).into_iter().flat_map(of_block).collect()
}

fn count(block: &str, axis: &str, level: &str, cells: &[&Stragglers]) -> Frequency {
    let words = cells.iter().map(|cell| cell.set.len()).max().unwrap_or(0);
    let mut counts = vec![0_u32; 64 * words];
    for cell in cells {
        sample_sets::members(&cell.set).for_each(|sample| counts[sample] += 1);
    }
    let counts = (0..).zip(counts).filter(|(_, count)| *count > 0).collect();
    Frequency { block: block.into(), axis: axis.into(), level: level.into(), cells: cells.len(), counts }
}

/// The table: `block`, `axis`, `level`, `sample`, `cells`, `count`, `frequency`; samples that never straggle are not in it.
pub fn parts(all: Vec<Frequency>) -> Parts<'static> {
    // So many levels of an axis as make a part.
    let mut ends = Vec::new();
    let mut rows = 0;
    for (place, group) in all.iter().enumerate() {
        rows += group.counts.len();
        if rows >= ROWS || place + 1 == all.len() {
            ends.push(place + 1);
            rows = 0;
        }
    }
    Parts::new(ends.len(), move |part| {
        let first = part.checked_sub(1).map_or(0, |before| ends[before]);
        frame(&all[first..ends.get(part).copied().unwrap_or(first)])
    })
}

/// The rows of some of them.
fn frame(all: &[Frequency]) -> Result<DataFrame> {
    let rows = || all.iter().flat_map(|group| group.counts.iter().map(move |count| (group, count)));
    let words = |name: &str, of: fn(&Frequency) -> &str| {
        let groups = all.iter().map(|group| of(group)).collect::<StringChunked>();
        let place = all.iter().enumerate().flat_map(|(at, group)| vec![at as IdxSize; group.counts.len()]);
        let places = IdxCa::from_vec("".into(), place.collect());
        groups.take(&places).map(|column| column.with_name(name.into()).into_column())
    };
    let what = "the table of straggler frequencies";
    let columns = vec![
        table(what, words("block", |group| &group.block))?,
        table(what, words("axis", |group| &group.axis))?,
        table(what, words("level", |group| &group.level))?,
        Column::new("sample".into(), rows().map(|(_, (sample, _))| i64::from(*sample)).collect::<Vec<_>>()),
        Column::new("cells".into(), rows().map(|(g, _)| g.cells as i64).collect::<Vec<_>>()),
        Column::new("count".into(), rows().map(|(_, (_, count))| i64::from(*count)).collect::<Vec<_>>()),
        Column::new("frequency".into(), rows().map(|(g, (_, n))| f64::from(*n) / g.cells as f64).collect::<Vec<_>>()),
    ];
    table(what, DataFrame::new_infer_height(columns))
}
