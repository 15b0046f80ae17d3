//! What rank 0 keeps of a job while it lasts, whatever the job does: the lease of the directory, the display, `status.json`,
//! and the rate at which ranks work.
//!
//! Invariants: the lease is checked before anything is written; what is known of a cohort that is split or given up is
//! forgotten, so that nothing counts it as another death.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::allocation::{Allocation, Reached};
use super::progress::Display;
use super::status_file::StatusFile;
use crate::cost::Rates;
use crate::dispatch::{CellFailure, CohortTask, End, Note, ObserverError, Outcome, Progress, StopCause, TaskId};
use crate::plan::{CellId, CohortId, Plan};
use crate::store::{Lease, Part, RunDirectory, RunningCohort, durable};

/// A job as rank 0 sees it.
pub(super) struct Observation {
    pub(super) lease: Lease,
    pub(super) display: Display,
    pub(super) started: Instant,
    pub(super) status: StatusFile,
    pub(super) rates: Rates,
    pub(super) cells_of: HashMap<TaskId, Vec<u32>>,
    pub(super) allocation: Allocation,
    /// Cells that were done before the job began.
    pub(super) found: u64,
}

impl Observation {
    /// Ends the observation: the last status; the rates are remembered if `remember`. Answers how long the job took.
    pub(super) fn finish(&mut self, remember: bool) -> Duration {
        self.display.end();
        let elapsed = self.started.elapsed();
        self.status.finish(elapsed);
        if remember
            && let Some(path) = Rates::default_path()
            && let Err(error) = self.rates.write(&path)
        {
            tracing::debug!("rates are not remembered: {}: {error}", path.display());
        }
        elapsed
    }

    /// Shows how far the job is.
    pub(super) fn progress(&mut self, progress: &Progress) -> Result<(), ObserverError> {
        self.lease.check()?;
        let elapsed = self.started.elapsed();
        self.display.show(progress, elapsed);
        Ok(self.status.write(progress, elapsed)?)
    }

    /// Logs a note, each kind at its level. `work` answers the operations of a cohort's cells and under which key their
    /// rate is kept.
    pub(super) fn note(
        &mut self,
        note: &Note,
        work: impl FnOnce(&[u32]) -> Option<(String, f64)>,
    ) -> Result<(), ObserverError> {
        match note {
            Note::Started { cohort, cells, .. } => {
                self.lease.check()?;
                self.cells_of.insert(*cohort, cells.clone());
                tracing::debug!("{note}");
            }
            Note::Finished { cohort, seconds, .. } => {
                let cells = self.cells_of.remove(cohort).unwrap_or_default();
                if let Some((key, operations)) = work(&cells) {
                    self.rates.add(&key, operations, *seconds);
                }
                tracing::debug!("{note}");
            }
            Note::Joined { .. } | Note::Interrupted { .. } => tracing::debug!("{note}"),
            Note::Failed { .. } | Note::Lost { .. } | Note::Duplicate { .. } => tracing::warn!("{note}"),
            _ => tracing::info!("{note}"),
        }
        Ok(())
    }

    /// Whether the allocation has brought the job further, where it ends before the job does: one that did not must not be
    /// followed by another.
    pub(super) fn conclude(
        &mut self,
        outcome: &mut Outcome,
        reached: impl FnOnce(u64) -> Result<Reached, ObserverError>,
    ) -> Result<(), ObserverError> {
        let End::Interrupted(cause) = &outcome.end else { return Ok(()) };
        let reached = reached(self.found + outcome.done + outcome.failed)?;
        if let Some(message) = self.allocation.end(reached, cause)? {
            outcome.end = End::Interrupted(StopCause::NoProgress { message });
        }
        Ok(())
    }
}

/// Writes a part for a cell that is given up, which says why.
pub(super) fn give_up(
    directory: &RunDirectory,
    plan: &Plan,
    (cell, id): (u32, CellId),
    reason: &CellFailure,
) -> Result<(), ObserverError> {
    let specification = plan.specification(plan.variant_of(cell)).to_string();
    let part = Part::given_up(id, plan.seed_of(cell), specification, reason.to_string());
    let cohort = part.cohort;
    part.write(&directory.part(cohort))?;
    // What is known of it is in the part now; a leftover would have it tried again, or count as another death.
    Ok(RunningCohort::forget(directory, cohort)?)
}

/// Forgets a cohort that is split into others: its cells are known by theirs from now on.
pub(super) fn forget_split(
    directory: &RunDirectory,
    ids: &[CellId],
    parent: TaskId,
    children: &[CohortTask],
) -> Result<(), ObserverError> {
    let cohort = CohortId::of(ids);
    tracing::info!("{parent} is split into {} of {} cells in all", children.len(), ids.len());
    RunningCohort::forget(directory, cohort)?;
    let checkpoint = directory.checkpoint(cohort);
    if checkpoint.exists() {
        durable::remove(&checkpoint)?;
    }
    Ok(())
}
