//! Curves of the cells that train, from what is on disk: the checkpoint of a rank's cohort; where there is none, the cells that
//! were finished last.
//!
//! A run keeps no curve of a cell that trains but in its checkpoints, which are minutes apart. Invariants: nothing is asked of
//! the run; a file that is being replaced, is torn or too large is passed over with a word, never waited for.

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use phasesweep::amount::span;
use phasesweep::run_directory::StoredCell;
use phasesweep::store::{Checkpoint, Part, RunDirectory, RunningCohort, Values};
use phasesweep_results::dimension;

use super::view::Curves;

/// A larger file is not read every few seconds.
const MOST_BYTES: u64 = 64 << 20;
/// What is drawn, where it was recorded.
const VARIABLES: [&str; 3] = ["train_error", "test_error", "train_loss"];
/// Cells of a part that are read: more are not drawn.
const MOST_CELLS: usize = 64;

/// Curves of the cells of a rank, or of those that were finished last.
pub(super) fn read(directory: &RunDirectory, rank: Option<u32>) -> Curves {
    let notes = RunningCohort::list(directory).unwrap_or_default();
    let note = rank.and_then(|rank| notes.into_iter().find(|note| note.rank == rank));
    let mut missing = String::new();
    if let Some(note) = note {
        match of_checkpoint(directory.checkpoint(note.cohort)) {
            Ok(curves) => return curves,
            Err(reason) => missing = format!("{reason}; "),
        }
    }
    match of_last_part(directory) {
        Ok(curves) => Curves { source: format!("{missing}{}", curves.source), ..curves },
        Err(reason) => Curves { source: format!("{missing}{reason}"), ..Curves::default() },
    }
}

/// How long ago a file was written.
fn age(path: &PathBuf) -> Option<(u64, String)> {
    let data = fs::metadata(path).ok()?;
    let age = data.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok()).unwrap_or_default();
    Some((data.len(), span(age.as_secs_f64())))
}

fn of_checkpoint(path: PathBuf) -> Result<Curves, String> {
    let Some((bytes, age)) = age(&path) else { return Err("no checkpoint of this rank's cells yet".to_owned()) };
    if bytes > MOST_BYTES {
        return Err(format!("the checkpoint of this rank's cells is larger than {} MB", MOST_BYTES >> 20));
    }
    let checkpoint =
        Checkpoint::read(&path).map_err(|_| "the checkpoint of this rank's cells cannot be read".to_owned())?;
    let mut variables = Vec::new();
    for name in VARIABLES {
        let series = |(own, values): &(String, Values)| match values {
            Values::F32(values) if own == name => {
                Some(points(values.iter().enumerate().map(|(at, value)| (at as f64, *value))))
            }
            _ => None,
        };
        let all: Vec<_> = checkpoint.states.iter().filter_map(|state| state.arrays.iter().find_map(series)).collect();
        if !all.is_empty() {
            variables.push((name.to_owned(), all));
        }
    }
    Ok(Curves { source: format!("at a checkpoint, {age} old"), along: "recorded epochs".to_owned(), variables })
}

fn of_last_part(directory: &RunDirectory) -> Result<Curves, String> {
    let nothing = || "no cell is finished so far".to_owned();
    let entries = fs::read_dir(directory.parts()).map_err(|_| nothing())?;
    let is_part = |path: &PathBuf| path.extension().is_some_and(|end| end == "h5");
    let written = |path: &PathBuf| fs::metadata(path).and_then(|data| data.modified()).ok();
    let last = entries.flatten().map(|entry| entry.path()).filter(is_part).max_by_key(written).ok_or_else(nothing)?;
    let (bytes, age) = age(&last).ok_or_else(nothing)?;
    if bytes > MOST_BYTES {
        return Err(format!("the last finished part is larger than {} MB", MOST_BYTES >> 20));
    }
    let part = Part::read(&last).map_err(|_| "the last finished part cannot be read".to_owned())?;
    let mut variables = Vec::new();
    for name in VARIABLES {
        let of = |id| {
            let cell = StoredCell::of(&part, id, &last).ok()?;
            let epochs = cell.integers(dimension::EPOCH);
            let values = cell.series(name)?.floats().to_vec();
            Some(points(epochs.into_iter().map(|epoch| epoch as f64).zip(values)))
        };
        let all: Vec<_> = part.cells.iter().take(MOST_CELLS).filter_map(|cell| of(cell.id)).collect();
        if !all.is_empty() {
            variables.push((name.to_owned(), all));
        }
    }
    Ok(Curves { source: format!("finished {age} ago"), along: "epoch".to_owned(), variables })
}

fn points(values: impl Iterator<Item = (f64, f32)>) -> Vec<(f64, f64)> {
    values.map(|(at, value)| (at, f64::from(value))).filter(|(_, value)| value.is_finite()).collect()
}
