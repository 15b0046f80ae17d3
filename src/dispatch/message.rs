//! What the coordinator and the workers say to one another, in the two directions.
//!
//! Messages carry ids and small numbers, never tensors: every rank has computed the same plan, so a cell is its index
//! there. They are JSON on the wire; both ends are the same program (the fingerprint in [`ToCoordinator::Joined`] sees
//! to it), so the encoding has no version. Numbers on the wire are finite: JSON knows no NaN.

use serde::{Deserialize, Serialize};

use super::event::Event;
use super::outcome::Outcome;
use super::task::{CohortTask, FailureReason, TaskId, WorkerId};

/// From a worker (or its rank) to the coordinator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum ToCoordinator {
    /// First message: who it is by build and plan. A different fingerprint ends the run with an error.
    Joined {
        /// Hash of the build and the plan.
        fingerprint: String,
    },
    /// The trainer is built and wants its first cohort. After a cohort, its end says so too.
    Ready,
    /// The cohort is finished and its part is safe on disk.
    Finished {
        /// The cohort.
        cohort: TaskId,
        /// Seconds that the cohort took.
        seconds: f64,
    },
    /// The cohort was stopped, is checkpointed, and is given back.
    Interrupted {
        /// The cohort.
        cohort: TaskId,
    },
    /// The cohort could not be finished.
    Failed {
        /// The cohort.
        cohort: TaskId,
        /// What kind of failure it was.
        reason: FailureReason,
        /// What is known, for a person.
        message: String,
    },
    /// How far the cohort is.
    Heartbeat {
        /// The cohort.
        cohort: TaskId,
        /// The epoch reached.
        epoch: u64,
        /// Share of the work done, in [0, 1].
        done_fraction: f64,
    },
    /// The rank is alive, whatever its trainer does.
    Alive,
    /// A stop signal reached this rank.
    StopRequested,
    /// The trainer could not be built, or its thread ended: this worker takes no more work.
    Gone {
        /// What is known, for a person.
        message: String,
    },
}

impl ToCoordinator {
    /// What the coordinator makes of it, said by `worker`.
    pub(super) fn event(self, worker: WorkerId) -> Event {
        match self {
            ToCoordinator::Joined { .. } => Event::Joined { worker },
            ToCoordinator::Ready => Event::Ready { worker },
            ToCoordinator::Finished { cohort, seconds } => Event::Finished { worker, cohort, seconds },
            ToCoordinator::Interrupted { cohort } => Event::Interrupted { worker, cohort },
            ToCoordinator::Failed { cohort, reason, message } => Event::Failed { worker, cohort, reason, message },
            ToCoordinator::Heartbeat { cohort, epoch, done_fraction } => {
                Event::Heartbeat { worker, cohort, epoch, done_fraction }
            }
            ToCoordinator::Alive => Event::Alive { worker },
            ToCoordinator::StopRequested => Event::StopRequested,
            ToCoordinator::Gone { message } => Event::Lost { worker, message },
        }
    }
}

/// From the coordinator to a worker (or its rank).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum ToWorker {
    /// Train this.
    Assign(CohortTask),
    /// Checkpoint what is running and give it back; nothing more will come.
    Drain,
    /// No more work; the trainer may go.
    Release,
    /// The coordinator is alive.
    Alive,
    /// The run is over, for everyone. Last message.
    Ended {
        /// How the run ended.
        outcome: Outcome,
        /// Why it was given up, if it was.
        error: Option<String>,
    },
    /// From one rank to another, when both have lost sight of the coordinator: this one's work is safe on disk.
    Deserted,
    /// The rank's fingerprint is not the coordinator's. Last message.
    Refused {
        /// The coordinator's fingerprint.
        expected: String,
    },
}

/// A message that could not be read: the other end is not this program.
#[derive(Debug, thiserror::Error)]
#[error("a message between ranks could not be read ({0}): are all ranks running the same phasesweep binary?")]
pub struct MessageError(#[from] serde_json::Error);
