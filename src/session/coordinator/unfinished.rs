//! What an earlier launch left unfinished in a directory of parts, checkpoints and notes.

use std::collections::HashMap;

use crate::plan::{CellId, CohortId};
use crate::session::schedule::remaining::Unfinished;
use crate::store::{CheckpointSummary, RunDirectory, RunningCohort, StoreError, durable, set_aside};

/// Cohorts that an earlier run left unfinished: those with a checkpoint, and those whose rank died.
pub(in crate::session) fn unfinished(
    directory: &RunDirectory,
    done: &dyn Fn(&CellId) -> bool,
) -> Result<Vec<Unfinished>, StoreError> {
    let mut of: HashMap<CohortId, Unfinished> = HashMap::new();
    for path in directory.checkpoint_files()? {
        match CheckpointSummary::read(&path) {
            Ok(summary) if summary.cells.iter().any(|(cell, _)| done(cell)) => durable::remove(&path)?,
            Ok(summary) => {
                let cells = summary.cells.iter().map(|(cell, _)| *cell).collect();
                of.insert(summary.cohort, Unfinished { cells, checkpoint: true, deaths: 0 });
            }
            Err(StoreError::Torn { .. }) => {
                set_aside(&path)?;
            }
            Err(error) => tracing::warn!("{error}; its cells start afresh"),
        }
    }
    for running in RunningCohort::list(directory)? {
        if running.cells.iter().any(done) {
            running.end()?;
            continue;
        }
        // A checkpoint written since the cohort began means that it was not the cohort that stood in the way.
        let progressed = running.is_older_than(&directory.checkpoint(running.cohort));
        let deaths = if progressed { 0 } else { running.attempts };
        tracing::info!(
            "cohort {} was running on rank {} of {} when it ended",
            running.cohort,
            running.rank,
            running.host
        );
        of.entry(running.cohort)
            .or_insert_with(|| Unfinished { cells: running.cells.clone(), checkpoint: false, deaths: 0 })
            .deaths = deaths;
    }
    let mut all: Vec<(CohortId, Unfinished)> = of.into_iter().collect();
    all.sort_by_key(|(cohort, _)| *cohort);
    Ok(all.into_iter().map(|(_, unfinished)| unfinished).collect())
}
