//! The crash marker of the cohort that this process trains, so that a termination signal can remove it before the launcher
//! kills the process: a cohort is then not blamed for a kill from outside.
//!
//! A launcher that loses one rank ends the others: a signal first, and soon after a kill that waits for no epoch. Only
//! the rank that died by itself may leave its marker behind; else two deaths anywhere would brand every cohort that was
//! running at the time.

use std::sync::{Mutex, PoisonError};

use crate::store::{RunningCohort, StoreError};

/// The marker of the cohort that is trained, if there is one. Shared by the worker and the thread that hears signals.
#[derive(Debug, Default)]
pub(in crate::session) struct CrashMarker(Mutex<Option<RunningCohort>>);

impl CrashMarker {
    /// The worker has begun this cohort.
    pub(in crate::session) fn take(&self, running: RunningCohort) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
    }

    /// The cohort is no longer trained, or whatever ends it will not be its own doing: removes its marker.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the marker cannot be removed.
    pub(in crate::session) fn clear(&self) -> Result<(), StoreError> {
        // Taken out first: the lock must not be held while a slow file system answers.
        let running = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        running.map_or(Ok(()), RunningCohort::end)
    }
}
