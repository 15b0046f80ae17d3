//! How often each sample is a straggler: over all cells of its block, and by seed, architecture and optimiser.

use std::collections::BTreeMap;

use polars::prelude::*;

use super::sets::{Stragglers, by_block};
use crate::error::Result;
use crate::results::Results;
use crate::sample_sets;
use crate::tables::frames::table;

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
    pub counts: Vec<(usize, usize)>,
}

/// Counts, block by block: over all cells first, then by each axis that varies.
pub fn frequencies(results: &Results, all: &[Stragglers]) -> Vec<Frequency> {
    let mut out = Vec::new();
    for (block, members) in by_block(results, all) {
        out.push(count(&block, "all", "all", members.iter().map(|&m| &all[m])));
        for axis in ["architecture", "optimiser", "seed"] {
            let Some(labels) = results.cells.column(axis) else { continue };
            let mut levels: BTreeMap<&str, Vec<&Stragglers>> = BTreeMap::new();
            members.iter().for_each(|&m| levels.entry(&labels[all[m].cell]).or_default().push(&all[m]));
            // A level of one cell repeats the cell's own set.
            if levels.len() > 1 && levels.values().any(|cells| cells.len() > 1) {
                out.extend(levels.iter().map(|(level, cells)| count(&block, axis, level, cells.iter().copied())));
            }
        }
    }
    out
}

fn count<'a>(block: &str, axis: &str, level: &str, cells: impl Iterator<Item = &'a Stragglers>) -> Frequency {
    let (mut total, mut counts) = (0, Vec::new());
    for cell in cells {
        total += 1;
        counts.resize(counts.len().max(64 * cell.set.len()), 0);
        sample_sets::members(&cell.set).for_each(|sample| counts[sample] += 1);
    }
    let counts: Vec<(usize, usize)> = counts.into_iter().enumerate().filter(|(_, count)| *count > 0).collect();
    Frequency { block: block.into(), axis: axis.into(), level: level.into(), cells: total, counts }
}

/// The table: `block`, `axis`, `level`, `sample`, `cells`, `count`, `frequency`; samples that never straggle are not in it.
pub fn frame(all: &[Frequency]) -> Result<DataFrame> {
    let rows = || all.iter().flat_map(|group| group.counts.iter().map(move |count| (group, count)));
    let columns = vec![
        Column::new("block".into(), rows().map(|(g, _)| g.block.as_str()).collect::<Vec<_>>()),
        Column::new("axis".into(), rows().map(|(g, _)| g.axis.as_str()).collect::<Vec<_>>()),
        Column::new("level".into(), rows().map(|(g, _)| g.level.as_str()).collect::<Vec<_>>()),
        Column::new("sample".into(), rows().map(|(_, (sample, _))| *sample as i64).collect::<Vec<_>>()),
        Column::new("cells".into(), rows().map(|(g, _)| g.cells as i64).collect::<Vec<_>>()),
        Column::new("count".into(), rows().map(|(_, (_, count))| *count as i64).collect::<Vec<_>>()),
        Column::new("frequency".into(), rows().map(|(g, (_, n))| *n as f64 / g.cells as f64).collect::<Vec<_>>()),
    ];
    table("the table of straggler frequencies", DataFrame::new_infer_height(columns))
}
