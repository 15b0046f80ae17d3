//! How far two cells agree on their stragglers: Jaccard's index over pairs of cells of one block, by what they differ in.

use polars::prelude::*;
use rand::Rng;
use rayon::prelude::*;

use crate::error::Result;
use crate::results::Results;
use crate::sample_sets;
use crate::statistics::additive::compress;
use crate::statistics::bootstrap::generator;
use crate::statistics::jaccard;
use crate::statistics::moments::{mean, standard_deviation};
use crate::stragglers::{Stragglers, by_block};
use crate::tables::frames::{missing, table};

/// Pairs of one block looked at, at most: beyond this they are drawn at random (seeded).
const MOST_PAIRS: usize = 300_000;

/// Agreement of pairs that differ in the same way.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreement {
    /// Data source and subsample.
    pub block: String,
    /// What the cells of a pair differ in: one axis, or `several`.
    pub differ_in: &'static str,
    /// Pairs.
    pub pairs: usize,
    /// Mean of Jaccard's index.
    pub mean: f64,
    /// Its standard deviation over pairs (which share cells: not an error of the mean).
    pub sd: f64,
    /// Mean index that independent random sets of these sizes would have.
    pub by_chance: f64,
}

const WAYS: [&str; 4] = ["seed", "architecture", "optimiser", "several"];

/// Agreement by block and by what differs.
pub fn agreements(results: &Results, all: &[Stragglers]) -> Vec<Agreement> {
    let codes = |axis: &&str| results.cells.column(axis).map(|labels| compress(labels.iter()));
    let columns: Vec<Vec<usize>> = WAYS[..3].iter().map(|axis| codes(axis).unwrap_or_default()).collect();
    let differ = |a: usize, b: usize| {
        let which = |axis: &usize| columns[*axis].get(a) != columns[*axis].get(b);
        let mut which = (0..3).filter(which);
        match (which.next(), which.next()) {
            (Some(only), None) => only,
            _ => 3,
        }
    };
    let size: Vec<usize> = all.iter().map(|cell| sample_sets::size(&cell.set)).collect();
    let mut out = Vec::new();
    for (stream, (block, members)) in by_block(results, all).into_iter().enumerate() {
        let count = members.len();
        let every = count * count.saturating_sub(1) / 2;
        let pairs: Vec<(usize, usize)> = if every <= MOST_PAIRS {
            (0..count).flat_map(|i| (0..i).map(move |j| (i, j))).collect()
        } else {
            let mut random = generator(stream as u64);
            let mut draw = || (random.random_range(0..count), random.random_range(0..count));
            (0..MOST_PAIRS).map(|_| draw()).filter(|(i, j)| i != j).collect()
        };
        let indices: Vec<(usize, f64, f64)> = pairs
            .par_iter()
            .map(|&(i, j)| {
                let (a, b) = (&all[members[i]], &all[members[j]]);
                let (size_a, size_b) = (size[members[i]], size[members[j]]);
                let chance = jaccard::by_chance(size_a as f64, size_b as f64, a.samples as f64);
                (differ(a.cell, b.cell), jaccard::index_of_sizes(&a.set, &b.set, size_a, size_b), chance)
            })
            .collect();
        for (way, name) in WAYS.into_iter().enumerate() {
            let mine = || indices.iter().filter(move |(which, index, _)| *which == way && index.is_finite());
            let values: Vec<f64> = mine().map(|(_, index, _)| *index).collect();
            if values.is_empty() {
                continue;
            }
            out.push(Agreement {
                block: block.clone(),
                differ_in: name,
                pairs: values.len(),
                mean: mean(&values),
                sd: standard_deviation(&values),
                by_chance: mean(&mine().map(|(_, _, chance)| *chance).collect::<Vec<_>>()),
            });
        }
    }
    out
}

/// The table.
pub fn frame(all: &[Agreement]) -> Result<DataFrame> {
    let number = |of: &dyn Fn(&Agreement) -> f64| missing(&all.iter().map(of).collect::<Vec<_>>());
    let columns = vec![
        Column::new("block".into(), all.iter().map(|row| row.block.as_str()).collect::<Vec<_>>()),
        Column::new("differ_in".into(), all.iter().map(|row| row.differ_in).collect::<Vec<_>>()),
        Column::new("pairs".into(), all.iter().map(|row| row.pairs as i64).collect::<Vec<_>>()),
        Column::new("jaccard".into(), number(&|row| row.mean)),
        Column::new("sd".into(), number(&|row| row.sd)),
        Column::new("by_chance".into(), number(&|row| row.by_chance)),
    ];
    table("the table of straggler agreement", DataFrame::new_infer_height(columns))
}
