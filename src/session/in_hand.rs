//! The cohort that this process has in hand, so that a process which is asked to stop can say at once that whatever
//! comes next is no fault of the cohort's.
//!
//! A launcher that loses one rank ends the others: a signal first, and soon after a kill that waits for no epoch. Only
//! the rank that died by itself may leave its note behind; else two deaths anywhere would brand every cohort that was
//! running at the time.

use std::sync::{Mutex, PoisonError};

use crate::store::{RunningCohort, StoreError};

/// The note of the cohort in hand, if there is one. Shared by the worker and the thread that hears signals.
#[derive(Debug, Default)]
pub(super) struct InHand(Mutex<Option<RunningCohort>>);

impl InHand {
    /// The worker has begun this cohort.
    pub(super) fn take(&self, running: RunningCohort) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
    }

    /// The cohort is no longer trained, or whatever ends it will not be its own doing: removes its note.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the note cannot be removed.
    pub(super) fn clear(&self) -> Result<(), StoreError> {
        // Taken out first: the lock must not be held while a slow file system answers.
        let running = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        running.map_or(Ok(()), RunningCohort::end)
    }
}
