//! Who watches a run from outside: progress bars, logs, journals, adaptive seeds.

use super::event::Note;
use super::outcome::{CellFailure, Outcome, Progress};
use super::task::{CohortTask, TaskId};

/// What an observer may fail with.
pub type ObserverError = Box<dyn std::error::Error + Send + Sync>;

/// Watches a run, on rank 0 alone and on the coordinator's thread: while it works, no cohort is handed out. An error
/// stops the run: what it was to write down could not be.
pub trait Observer {
    /// How far the run is: at every [`Settings::progress`](super::Settings::progress), and once at the end.
    ///
    /// # Errors
    /// Stops the run.
    fn progress(&mut self, progress: &Progress) -> Result<(), ObserverError> {
        let _ = progress;
        Ok(())
    }

    /// What happened. [`Note::Started`] is told before the cohort is handed out, so that a started cohort can be
    /// written down before it can take the job down.
    ///
    /// # Errors
    /// Stops the run.
    fn note(&mut self, note: &Note) -> Result<(), ObserverError> {
        let _ = note;
        Ok(())
    }

    /// These cells (plan indices) are given up.
    ///
    /// # Errors
    /// Stops the run.
    fn failed(&mut self, cells: &[u32], reason: &CellFailure) -> Result<(), ObserverError>;

    /// A cohort was replaced by others.
    ///
    /// # Errors
    /// Stops the run.
    fn split(&mut self, parent: TaskId, children: &[CohortTask]) -> Result<(), ObserverError> {
        let _ = (parent, children);
        Ok(())
    }

    /// Everything is finished: what else is to be done? Asked again after every answer that is not empty.
    ///
    /// # Errors
    /// Stops the run.
    fn more(&mut self) -> Result<Vec<CohortTask>, ObserverError> {
        Ok(Vec::new())
    }

    /// The run is over, and no worker holds a cohort any more. The observer may name another cause of an interruption
    /// than the coordinator saw, before every rank is told.
    ///
    /// # Errors
    /// Stops the run.
    fn conclude(&mut self, outcome: &mut Outcome) -> Result<(), ObserverError> {
        let _ = outcome;
        Ok(())
    }
}
