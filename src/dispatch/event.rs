//! What goes into the coordinator and what comes out: events, commands, and notes for the log.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::outcome::{CellFailure, Outcome, Seconds, StopCause};
use super::task::{CohortTask, FailureReason, TaskId, WorkerId};
use crate::amount::bytes;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A worker said its first word; it is not ready yet.
    Joined {
        /// The worker.
        worker: WorkerId,
    },
    /// A worker wants work.
    Ready {
        /// The worker.
        worker: WorkerId,
    },
    /// A worker finished its cohort, and wants work.
    Finished {
        /// The worker.
        worker: WorkerId,
        /// The cohort.
        cohort: TaskId,
        /// Seconds that the cohort took.
        seconds: Seconds,
    },
    /// A worker checkpointed its cohort and gave it back. Unasked, it means that the worker is leaving.
    Interrupted {
        /// The worker.
        worker: WorkerId,
        /// The cohort.
        cohort: TaskId,
    },
    /// A worker could not finish its cohort, survived, and wants work.
    Failed {
        /// The worker.
        worker: WorkerId,
        /// The cohort.
        cohort: TaskId,
        /// What kind of failure it was.
        reason: FailureReason,
        /// What is known of it, for a person.
        message: String,
    },
    /// How far a worker is.
    Heartbeat {
        /// The worker.
        worker: WorkerId,
        /// The cohort.
        cohort: TaskId,
        /// The epoch that the cohort has reached.
        epoch: u64,
        /// Share of the cohort that is done, in [0, 1].
        done_fraction: f64,
    },
    /// A worker is alive.
    Alive {
        /// The worker.
        worker: WorkerId,
    },
    /// Time passed.
    Tick,
    /// A stop signal arrived somewhere.
    StopRequested,
    /// A worker is known to be gone: its thread ended or its trainer could not be built. The transport goes on without it.
    Lost {
        /// The worker.
        worker: WorkerId,
        /// What is known of it, for a person.
        message: String,
    },
    /// Tasks: the first ones, or the answer to [`Command::AskMore`]. An empty answer means [`Event::NoMore`].
    More(Vec<CohortTask>),
    /// The answer to [`Command::AskMore`]: there is nothing more.
    NoMore,
}

/// Something to be done at the edge.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Hand a cohort out.
    Assign {
        /// The worker.
        worker: WorkerId,
        /// The cohort to be trained.
        task: CohortTask,
    },
    /// Have a worker checkpoint and give back what it has.
    Drain {
        /// The worker.
        worker: WorkerId,
    },
    /// Let a worker go.
    Release {
        /// The worker.
        worker: WorkerId,
    },
    /// Write to the log.
    Note(Note),
    /// Write down that these cells are given up.
    MarkFailed {
        /// Plan indices.
        cells: Vec<u32>,
        /// Why they are given up.
        reason: CellFailure,
    },
    /// Write down that a cohort was replaced by others.
    Split {
        /// The cohort that is no more.
        parent: TaskId,
        /// What replaces it, in the order of its cells.
        children: Vec<CohortTask>,
    },
    /// Everything is finished: is there more to do? Answer by [`Event::More`] or [`Event::NoMore`].
    AskMore,
    /// The run is over. Last command.
    End(Outcome),
}

/// What happened, for the log and the status file. `Display` is a sentence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Note {
    /// A worker is there.
    Joined {
        /// The worker.
        worker: WorkerId,
    },
    /// A cohort was handed out.
    Started {
        /// The worker.
        worker: WorkerId,
        /// The cohort.
        cohort: TaskId,
        /// Its cells, as indices into the plan.
        cells: Vec<u32>,
        /// How often it has crashed before.
        attempt: u32,
    },
    /// A cohort is finished.
    Finished {
        /// The worker.
        worker: WorkerId,
        /// The cohort.
        cohort: TaskId,
        /// Number of its cells.
        cells: u64,
        /// Seconds that the cohort took.
        seconds: Seconds,
    },
    /// A cohort was checkpointed and given back.
    Interrupted {
        /// The worker.
        worker: WorkerId,
        /// The cohort.
        cohort: TaskId,
    },
    /// A cohort failed.
    Failed {
        /// The worker.
        worker: WorkerId,
        /// The cohort.
        cohort: TaskId,
        /// What kind of failure it was.
        reason: FailureReason,
        /// What is known of it, for a person.
        message: String,
        /// How often it has crashed by now.
        attempt: u32,
    },
    /// The size that fits the device became known, or smaller.
    MemoryLimit {
        /// Largest footprint handed out from now on ([`CohortTask::footprint`]).
        footprint: u64,
    },
    /// A worker fell silent, died, or could not start.
    Lost {
        /// The worker.
        worker: WorkerId,
        /// The cohort that it had, if any.
        cohort: Option<TaskId>,
        /// What is known of it, for a person.
        message: String,
    },
    /// The run is being stopped.
    Stopping {
        /// Why it is stopped.
        cause: StopCause,
    },
    /// Nothing that is left fits before the walltime.
    NothingFits {
        /// The worker.
        worker: WorkerId,
        /// Seconds left for work.
        left: Seconds,
    },
    /// The coordinator itself stood still (suspended, or its machine asleep); silence in that time counts for nothing.
    StoodStill {
        /// Seconds that it stood still.
        seconds: Seconds,
    },
    /// A message that does not fit what is known; it was ignored.
    Unexpected {
        /// The worker.
        worker: WorkerId,
        /// The message that was ignored.
        message: String,
    },
    /// A task with the id of another was refused.
    Duplicate {
        /// The cohort.
        cohort: TaskId,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Joined { worker } => write!(f, "{worker} joined"),
            Note::Started { worker, cohort, cells, attempt: 0 } => {
                write!(f, "{worker} starts {cohort} ({} cells)", cells.len())
            }
            Note::Started { worker, cohort, cells, attempt } => {
                write!(f, "{worker} starts {cohort} ({} cells), which crashed {attempt} times", cells.len())
            }
            Note::Finished { worker, cohort, cells, seconds } => {
                write!(f, "{worker} finished {cohort} ({cells} cells) in {seconds:.1} s")
            }
            Note::Interrupted { worker, cohort } => write!(f, "{worker} checkpointed {cohort} and gave it back"),
            Note::Failed { worker, cohort, reason, message, attempt } => {
                write!(f, "{cohort} {reason} on {worker} (attempt {attempt}): {message}")
            }
            // A run predicts every cohort's bytes.
            Note::MemoryLimit { footprint } => {
                write!(f, "cohorts that take more than {} are split from now on", bytes(*footprint))
            }
            Note::Lost { worker, cohort: Some(cohort), message } => write!(f, "lost {worker} with {cohort}: {message}"),
            Note::Lost { worker, cohort: None, message } => write!(f, "lost {worker}: {message}"),
            Note::Stopping { cause } => write!(f, "stopping: {cause}"),
            Note::NothingFits { worker, left } => {
                write!(
                    f,
                    "{worker} is released: nothing left is predicted to fit in the {left:.0} s before the walltime"
                )
            }
            Note::StoodStill { seconds } => write!(f, "the coordinator stood still for {seconds:.0} s"),
            Note::Unexpected { worker, message } => write!(f, "ignored from {worker}: {message}"),
            Note::Duplicate { cohort } => write!(f, "{cohort} was given twice; the second is ignored"),
        }
    }
}
