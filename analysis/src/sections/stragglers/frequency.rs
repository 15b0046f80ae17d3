//! How often each sample is a straggler: over all cells of its block, and by seed, architecture and optimiser.

use std::collections::BTreeMap;

use polars::prelude::*;

use crate::error::Result;
use crate::results::Results;
use crate::sample_sets;
use crate::stragglers::{Stragglers, by_block};
use crate::tables::frames::table;
use crate::tables::parts::{Parts, ROWS};

/// Cells of one block, all of them or those at one level of an axis.
#[derive(Debug, Clone)]
pub struct Counted<'a> {
    /// Data source and subsample.
    pub block: String,
    /// `all`, or the axis that is held.
    pub axis: &'static str,
    /// The level at which it is held; `all` for none.
    pub level: String,
    /// The cells.
    pub cells: Vec<&'a Stragglers>,
}

/// How often the samples of one block are stragglers among some cells.
#[derive(Debug, Clone, PartialEq)]
pub struct Frequency {
    /// Data source and subsample.
    pub block: String,
    /// `all`, or the axis that is held.
    pub axis: &'static str,
    /// The level at which it is held; `all` for none.
    pub level: String,
    /// Cells.
    pub cells: usize,
    /// (sample, number of cells in which it is a straggler), for samples that ever are.
    pub counts: Vec<(u32, u32)>,
}

/// What is counted, block by block: all cells first, then each level of every axis that varies.
pub fn counted<'a>(results: &Results, all: &'a [Stragglers]) -> Vec<Counted<'a>> {
    let axes: Vec<(&str, Vec<String>)> = ["architecture", "optimiser", "seed"]
        .into_iter()
        .filter_map(|axis| Some((axis, results.cells.column(axis)?)))
        .collect();
    let mut out = Vec::new();
    for (block, members) in by_block(results, all) {
        let cells = members.iter().map(|&member| &all[member]).collect();
        out.push(Counted { block: block.clone(), axis: "all", level: "all".to_owned(), cells });
        for (axis, labels) in &axes {
            let mut levels: BTreeMap<&str, Vec<&Stragglers>> = BTreeMap::new();
            members.iter().for_each(|&m| levels.entry(&labels[all[m].cell]).or_default().push(&all[m]));
            // A level of one cell repeats the cell's own set.
            if levels.len() > 1 && levels.values().any(|cells| cells.len() > 1) {
                let of_level =
                    |(level, cells): (&str, _)| Counted { block: block.clone(), axis, level: level.to_owned(), cells };
                out.extend(levels.into_iter().map(of_level));
            }
        }
    }
    out
}

/// The counts over all cells of each block.
pub fn over_all(counted: &[Counted<'_>]) -> Vec<Frequency> {
    counted.iter().filter(|of| of.axis == "all").map(count).collect()
}

fn count(of: &Counted<'_>) -> Frequency {
    let words = of.cells.iter().map(|cell| cell.set.len()).max().unwrap_or(0);
    let mut counts = vec![0_u32; 64 * words];
    for cell in &of.cells {
        sample_sets::members(&cell.set).for_each(|sample| counts[sample] += 1);
    }
    let counts = (0..).zip(counts).filter(|(_, count)| *count > 0).collect();
    Frequency { block: of.block.clone(), axis: of.axis, level: of.level.clone(), cells: of.cells.len(), counts }
}

/// The table: `block`, `axis`, `level`, `sample`, `cells`, `count`, `frequency`; samples that never straggle are not in it.
pub fn parts(counted: Vec<Counted<'_>>) -> Parts<'_> {
    let most = counted.iter().flat_map(|of| &of.cells).map(|cell| cell.samples).max().unwrap_or(0);
    let of_part = (ROWS / most.max(1)).max(1);
    Parts::new(counted.len().div_ceil(of_part), move |part| {
        let end = ((part + 1) * of_part).min(counted.len());
        frame(&counted[(part * of_part).min(end)..end].iter().map(count).collect::<Vec<_>>())
    })
}

/// The rows of some of them.
fn frame(all: &[Frequency]) -> Result<DataFrame> {
    let rows = || all.iter().flat_map(|group| group.counts.iter().map(move |count| (group, count)));
    let words = |name: &str, of: fn(&Frequency) -> &str| {
        let groups = all.iter().map(of).collect::<StringChunked>();
        let place = all.iter().enumerate().flat_map(|(at, group)| vec![at as IdxSize; group.counts.len()]);
        let places = IdxCa::from_vec("".into(), place.collect());
        groups.take(&places).map(|column| column.with_name(name.into()).into_column())
    };
    let what = "the table of straggler frequencies";
    let columns = vec![
        table(what, words("block", |group| &group.block))?,
        table(what, words("axis", |group| group.axis))?,
        table(what, words("level", |group| &group.level))?,
        Column::new("sample".into(), rows().map(|(_, (sample, _))| i64::from(*sample)).collect::<Vec<_>>()),
        Column::new("cells".into(), rows().map(|(g, _)| g.cells as i64).collect::<Vec<_>>()),
        Column::new("count".into(), rows().map(|(_, (_, count))| i64::from(*count)).collect::<Vec<_>>()),
        Column::new("frequency".into(), rows().map(|(g, (_, n))| f64::from(*n) / g.cells as f64).collect::<Vec<_>>()),
    ];
    table(what, DataFrame::new_infer_height(columns))
}
