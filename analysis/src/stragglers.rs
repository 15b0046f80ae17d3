//! Stragglers: the training samples that a cell still misclassifies at its inversion, from the snapshot nearest to it.

use phasesweep_results::variables::MISCLASSIFIED;
use polars::prelude::*;

use crate::error::Result;
use crate::results::Results;
use crate::sample_sets::{self, Set};
use crate::statistics::moments::{mean, median, standard_deviation};
use crate::tables::frames::{self, table};
use crate::tables::text::mean_and_deviation;
use crate::turning::{Rule, SLAB_BYTES, TurningPoints};

/// One cell's stragglers.
#[derive(Debug, Clone, PartialEq)]
pub struct Stragglers {
    /// Index of the cell.
    pub cell: usize,
    /// t*.
    pub inversion: i64,
    /// Epoch of the snapshot that the set is taken from: t* itself if there is one, else the nearest.
    pub snapshot: i64,
    /// Samples of the block.
    pub samples: usize,
    /// The set.
    pub set: Set,
}

/// Sets of all unpruned cells that show an inversion and have a snapshot.
pub fn read(results: &Results, points: &TurningPoints) -> Result<Vec<Stragglers>> {
    let mut out = Vec::new();
    let Some(observable) = points.principal.filter(|_| results.has(MISCLASSIFIED.name)) else { return Ok(out) };
    let whole = results.cells.unpruned();
    for range in results.slabs(SLAB_BYTES) {
        let Some(snapshots) = sample_sets::read(results, range.clone())? else { return Ok(out) };
        for (cell, sets) in range.zip(snapshots.sets) {
            let row = points.at(cell, 0, observable, Rule::Prominence).filter(|_| whole[cell]);
            let Some(inversion) = row.and_then(|row| row.epoch) else { continue };
            let taken = sets
                .into_iter()
                .enumerate()
                .filter_map(|(snapshot, set)| Some((results.snapshot_epochs[snapshot], set?)));
            let Some((snapshot, set)) = taken.min_by_key(|(epoch, _)| (epoch - inversion).abs()) else { continue };
            let samples = sample_sets::samples(results, cell, 8 * set.len());
            out.push(Stragglers { cell, inversion, snapshot, samples, set });
        }
    }
    Ok(out)
}

/// The table: the cells' columns, `inversion` (t*), `snapshot` and whether it is `exact`, `size` and `share`.
pub fn frame(results: &Results, all: &[Stragglers]) -> Result<DataFrame> {
    let what = "the table of stragglers";
    let index: IdxCa = all.iter().map(|row| Some(row.cell as IdxSize)).collect();
    let mut out = table(what, frames::cells(results)?.take(&index))?;
    let size = |row: &Stragglers| sample_sets::size(&row.set);
    let added = [
        Column::new("inversion".into(), all.iter().map(|row| row.inversion).collect::<Vec<_>>()),
        Column::new("snapshot".into(), all.iter().map(|row| row.snapshot).collect::<Vec<_>>()),
        Column::new("exact".into(), all.iter().map(|row| row.snapshot == row.inversion).collect::<Vec<_>>()),
        Column::new("size".into(), all.iter().map(|row| size(row) as i64).collect::<Vec<_>>()),
        Column::new("share".into(), all.iter().map(|row| size(row) as f64 / row.samples as f64).collect::<Vec<_>>()),
    ];
    for column in added {
        table(what, out.with_column(column))?;
    }
    Ok(out)
}

/// Where the sets come from and how large they are, in a sentence; `None` if there is none.
pub fn summary(all: &[Stragglers]) -> Option<String> {
    let sizes: Vec<f64> = all.iter().map(|row| sample_sets::size(&row.set) as f64).collect();
    let exact = all.iter().filter(|row| row.snapshot == row.inversion).count();
    let far: Vec<f64> = all.iter().map(|row| (row.snapshot - row.inversion).abs() as f64).collect();
    let farthest = far.iter().copied().fold(0.0, f64::max);
    let from = if exact == all.len() {
        "Every set is from the epoch of the cell's inversion.".to_owned()
    } else {
        format!(
            "In {exact} of {} cells the set is from the epoch of the inversion itself, in the others from the nearest \
             snapshot: {:.0} epochs away in the median, {farthest:.0} at most.",
            all.len(),
            median(&far),
        )
    };
    let size = mean_and_deviation(mean(&sizes), standard_deviation(&sizes));
    (!all.is_empty()).then(|| {
        format!("{size} samples (mean ± sd over {} cells) are misclassified at the inversion. {from}", all.len())
    })
}

/// Cells with stragglers by the block they were trained on: cells of one block may be compared sample by sample.
pub fn by_block(results: &Results, all: &[Stragglers]) -> Vec<(String, Vec<usize>)> {
    let axes: Vec<&Vec<String>> =
        results.cells.axes.iter().filter(|(name, _)| name == "data" || name == "subsample").map(|(_, v)| v).collect();
    let mut out: Vec<(String, Vec<usize>)> = Vec::new();
    for (index, row) in all.iter().enumerate() {
        let name = axes.iter().map(|labels| labels[row.cell].as_str()).collect::<Vec<_>>().join(" · ");
        match out.iter_mut().find(|(known, _)| *known == name) {
            Some((_, members)) => members.push(index),
            None => out.push((name, vec![index])),
        }
    }
    out
}
