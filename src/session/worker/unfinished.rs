//! Why a worker did not finish a cohort.

use crate::dispatch::{CohortOutcome, FailureReason};
use crate::store::StoreError;

/// Why a cohort was not finished.
pub(in crate::session) enum Unfinished {
    /// It was asked to stop, and is checkpointed.
    Stopped,
    /// The device is lost, in the words of a person: nothing can be trained there any more.
    DeviceLost(String),
    /// It failed, in the words of a person.
    Failed(FailureReason, String),
}

impl From<StoreError> for Unfinished {
    fn from(error: StoreError) -> Unfinished {
        Unfinished::Failed(FailureReason::Storage, error.to_string())
    }
}

impl Unfinished {
    /// A failure that may be one cell's.
    pub(in crate::session) fn error(error: impl std::fmt::Display) -> Unfinished {
        Unfinished::Failed(FailureReason::Error, error.to_string())
    }

    /// As the coordinator is told.
    pub(in crate::session) fn outcome(self) -> CohortOutcome {
        match self {
            Unfinished::Stopped => CohortOutcome::Interrupted,
            Unfinished::DeviceLost(message) => {
                tracing::error!(
                    "{message}; this rank trains no more, and its cells go on elsewhere or in the next job"
                );
                CohortOutcome::Leaving { message }
            }
            Unfinished::Failed(reason, message) => CohortOutcome::Failed { reason, message },
        }
    }
}
