//! Overlap of the misclassified samples of independent runs at every snapshot (the authors' experiment 4).

use ndarray::Ix2;
use phasesweep_results::variables::{MISCLASSIFIED, TRAIN_ERROR};
use polars::prelude::*;
use rayon::prelude::*;

use crate::error::Result;
use crate::groups::Groups;
use crate::results::{Results, Status};
use crate::sample_sets::{self, Set};
use crate::statistics::interval::Interval;
use crate::statistics::moments::mean;
use crate::statistics::overlap::{Overlap, all_pairs};
use crate::tables::frames::{missing, table};
use crate::tables::text::significant;
use crate::turning::{Rule, SLAB_BYTES, TurningPoints};

/// Groups whose overlap is taken, at most: each is all pairs of its runs at every snapshot.
const MOST_GROUPS: usize = 64;
/// Words compared in all, at most: larger groups are cut to their first runs (the table says how many).
const MOST_WORDS: usize = 10_000_000_000;

/// Overlap of one group's runs at one snapshot.
#[derive(Debug, Clone)]
pub struct Moment {
    /// Index of the group.
    pub group: usize,
    /// Epoch of the snapshot.
    pub epoch: i64,
    /// Mean training error of the runs at that epoch.
    pub error: f64,
    /// What the pairs say.
    pub overlap: Overlap,
}

/// Overlap at every snapshot of every group of at least three complete, unpruned runs.
pub fn moments(results: &Results, groups: &Groups) -> Result<Vec<Moment>> {
    if !results.has(MISCLASSIFIED.name) {
        return Ok(Vec::new());
    }
    let sets = groups.all.len().min(MOST_GROUPS) * results.snapshot_epochs.len().max(1);
    let words = results.set_bytes.div_ceil(8).max(1);
    let most_runs = (2.0 * MOST_WORDS as f64 / (sets * words) as f64).sqrt() as usize;
    let runs = read(results, groups, most_runs.max(3))?;
    let of_group = |(group, runs): (usize, &Runs)| {
        let Some(&first) = runs.cells.first() else { return Vec::new() };
        let samples = sample_sets::samples(results, first, results.set_bytes);
        let of_snapshot = |(snapshot, &epoch): (usize, &i64)| {
            let sets: Vec<&[u64]> = runs.sets.iter().filter_map(|run| run.get(snapshot)?.as_deref()).collect();
            let overlap = all_pairs(&sets, samples as f64)?;
            let errors: Vec<f64> =
                runs.errors.iter().map(|run| run[snapshot]).filter(|error| error.is_finite()).collect();
            Some(Moment { group, epoch, error: mean(&errors), overlap })
        };
        results.snapshot_epochs.iter().enumerate().filter_map(of_snapshot).collect::<Vec<_>>()
    };
    let found: Vec<Vec<Moment>> = runs.par_iter().enumerate().map(of_group).collect();
    Ok(found.concat())
}

/// The runs of one group.
#[derive(Debug, Default)]
struct Runs {
    cells: Vec<usize>,
    /// `[run][snapshot]`.
    sets: Vec<Vec<Option<Set>>>,
    /// Training error, `[run][snapshot]`; NaN where the epoch was not recorded.
    errors: Vec<Vec<f64>>,
}

/// The complete, unpruned runs of the first groups, the first so many of each, in one pass over the file.
fn read(results: &Results, groups: &Groups, most_runs: usize) -> Result<Vec<Runs>> {
    let whole = results.cells.unpruned();
    let group = groups.of_cells(results.cells.len());
    let mut runs: Vec<Runs> = groups.all.iter().take(MOST_GROUPS).map(|_| Runs::default()).collect();
    let recorded: Vec<Option<usize>> =
        results.snapshot_epochs.iter().map(|epoch| results.epochs.binary_search(epoch).ok()).collect();
    let usable = |cell: usize| whole[cell] && results.cells.status[cell] == Status::Complete;
    for range in results.slabs(SLAB_BYTES) {
        if range.clone().all(|cell| !usable(cell) || runs.get(group[cell]).is_none_or(|r| r.cells.len() >= most_runs)) {
            continue;
        }
        let error = results.slab(TRAIN_ERROR.name, range.clone())?.and_then(|a| a.into_dimensionality::<Ix2>().ok());
        let Some(snapshots) = sample_sets::read(results, range.clone())? else { continue };
        for (row, (cell, sets)) in range.zip(snapshots.sets).enumerate() {
            let Some(runs) = runs.get_mut(group[cell]) else { continue };
            if !usable(cell) || runs.cells.len() >= most_runs {
                continue;
            }
            let at = |index: &Option<usize>| match (&error, index) {
                (Some(error), Some(index)) => f64::from(error[[row, *index]]),
                _ => f64::NAN,
            };
            runs.cells.push(cell);
            runs.sets.push(sets);
            runs.errors.push(recorded.iter().map(at).collect());
        }
    }
    Ok(runs)
}

/// The moment at which a group's z is greatest.
pub fn peak(moments: &[Moment], group: usize) -> Option<&Moment> {
    let finite = moments.iter().filter(|moment| moment.group == group && moment.overlap.z.is_finite());
    finite.max_by(|a, b| a.overlap.z.total_cmp(&b.overlap.z))
}

/// Where z is greatest, beside ε*: a sentence per group.
pub fn sentences(groups: &Groups, points: &TurningPoints, all: &[Moment]) -> Vec<String> {
    let mut shown: Vec<usize> = all.iter().map(|moment| moment.group).collect();
    shown.dedup();
    let sentence = |group: usize| {
        let peak = peak(all, group)?;
        let observable = points.principal?;
        let star = |cell: &usize| points.at(*cell, 0, observable, Rule::Prominence).map(|row| row.epsilon_star);
        let stars: Vec<f64> = groups.all[group].cells.iter().filter_map(star).filter(|star| star.is_finite()).collect();
        let Interval { low, high } = peak.overlap.interval;
        let corrected = match peak.overlap.interval.is_known() {
            true => format!(
                " ({} after correction for the number of runs, 95% interval {} to {})",
                significant(peak.overlap.corrected, 3),
                significant(low, 3),
                significant(high, 3)
            ),
            false => String::new(),
        };
        Some(format!(
            "{}: over {} pairs of runs z is greatest, {}{corrected}, at a mean training error of {} (epoch {}); ε* is {}.",
            groups.circumstance(group),
            peak.overlap.pairs,
            significant(peak.overlap.z, 3),
            significant(peak.error, 3),
            peak.epoch,
            significant(mean(&stars), 3),
        ))
    };
    shown.into_iter().filter_map(sentence).take(24).collect()
}

/// The table: the grouping columns, `epoch`, `train_error`, `runs`, `pairs`, `size`, `overlap`, `expectation`, `sd`, `z`
/// `z_corrected` with `low` and `high` (95% jackknife over runs), and `z_hypergeometric`.
pub fn frame(groups: &Groups, all: &[Moment]) -> Result<DataFrame> {
    let number = |of: &dyn Fn(&Moment) -> f64| missing(&all.iter().map(of).collect::<Vec<_>>());
    let mut columns: Vec<Column> = (groups.columns.iter().enumerate())
        .map(|(place, name)| {
            let values: Vec<&str> = all.iter().map(|moment| groups.all[moment.group].values[place].as_str()).collect();
            Column::new(name.into(), values)
        })
        .collect();
    columns.extend([
        Column::new("epoch".into(), all.iter().map(|moment| moment.epoch).collect::<Vec<_>>()),
        Column::new("train_error".into(), number(&|moment| moment.error)),
        Column::new("runs".into(), all.iter().map(|moment| moment.overlap.runs as i64).collect::<Vec<_>>()),
        Column::new("pairs".into(), all.iter().map(|moment| moment.overlap.pairs as i64).collect::<Vec<_>>()),
        Column::new("size".into(), number(&|moment| moment.overlap.size)),
        Column::new("overlap".into(), number(&|moment| moment.overlap.mean)),
        Column::new("expectation".into(), number(&|moment| moment.overlap.expectation)),
        Column::new("sd".into(), number(&|moment| moment.overlap.deviation)),
        Column::new("z".into(), number(&|moment| moment.overlap.z)),
        Column::new("z_corrected".into(), number(&|moment| moment.overlap.corrected)),
        Column::new("low".into(), number(&|moment| moment.overlap.interval.low)),
        Column::new("high".into(), number(&|moment| moment.overlap.interval.high)),
        Column::new("z_hypergeometric".into(), number(&|moment| moment.overlap.z_hypergeometric)),
    ]);
    table("the table of overlaps", DataFrame::new_infer_height(columns))
}
