//! What coordinator and workers say to one another: ids, tasks, and the two directions of messages.
//!
//! Messages carry ids and small numbers, never tensors: every rank has computed the same plan, so a cell is its index
//! there. They are JSON on the wire; both ends are the same program (the fingerprint in [`ToCoordinator::Joined`] sees
//! to it), so the encoding has no version. Numbers on the wire are finite: JSON knows no NaN.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::event::Event;
use super::outcome::Outcome;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $inner:ty, $word:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($word, " {}"), self.0)
            }
        }
    };
}

id!(
    /// One trainer: the rank under MPI, the thread's number otherwise.
    WorkerId, u32, "worker"
);
id!(
    /// One cohort of this run. Ids with the high bit set are taken by cohorts that arise from splitting; those of the
    /// plan must leave it clear.
    TaskId, u64, "cohort"
);

impl TaskId {
    /// Bit that tells a cohort split from another apart from a planned one.
    pub const SPLIT: u64 = 1 << 63;

    /// Id of the `part`-th piece of this cohort when it is cut in `parts`: a function of its arguments alone, so that a
    /// relaunch that cuts alike names alike (SplitMix64's finaliser, Steele, Lea and Flood 2014).
    fn piece(self, part: usize, parts: usize) -> TaskId {
        let mut z = self.0 ^ ((parts as u64) << 32 | (part as u64 + 1)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        TaskId((z ^ (z >> 31)) | TaskId::SPLIT)
    }
}

/// One unit of work: cells that are trained together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CohortTask {
    /// Its name in this run.
    pub id: TaskId,
    /// Indices into the plan that every rank has computed.
    pub cells: Vec<u32>,
    /// Seconds it is predicted to take on one worker. Not finite or negative means unknown, and counts as 0.
    pub predicted_seconds: f64,
    /// Device memory it is predicted to take, in bytes; 0 if unknown, and then the number of cells stands for it. Only
    /// comparisons between the tasks of one run are made of it.
    pub memory: u64,
    /// How many times it has taken its worker down, earlier runs included.
    pub attempt: u32,
    /// Cohorts that must be finished first. An id that is not among this run's tasks counts as finished.
    pub needs: Vec<TaskId>,
    /// A checkpoint of it exists: it is handed out before all others.
    pub resume: bool,
}

impl CohortTask {
    /// What its size in memory is compared by: the predicted bytes, or the number of cells where they are unknown.
    pub fn footprint(&self) -> u64 {
        if self.memory == 0 { self.cells.len() as u64 } else { self.memory }
    }

    /// Cuts it into `parts` nearly equal runs of consecutive cells (fewer if there are fewer cells), with fresh
    /// attempts; time and memory are shared out in proportion.
    pub fn split(&self, parts: usize) -> Vec<CohortTask> {
        let cells = self.cells.len();
        let parts = parts.clamp(1, cells.max(1));
        (0..parts)
            .map(|part| {
                let (from, to) = (part * cells / parts, (part + 1) * cells / parts);
                let share = (to - from) as f64 / cells.max(1) as f64;
                CohortTask {
                    id: self.id.piece(part, parts),
                    cells: self.cells[from..to].to_vec(),
                    predicted_seconds: self.predicted_seconds * share,
                    memory: (self.memory as f64 * share).ceil() as u64,
                    attempt: 0,
                    needs: Vec::new(),
                    resume: false,
                }
            })
            .collect()
    }
}

/// Why a worker could not finish a cohort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureReason {
    /// The trainer panicked, or took its worker down.
    Crash,
    /// The device has no room for the cohort: it is split at once.
    OutOfMemory,
    /// The trainer returned an error; handled as a crash, since it may lie in one cell.
    Error,
    /// A durable write failed (disk full, unwritable). No fault of the cohort: the run stops, resumable.
    Storage,
}

impl fmt::Display for FailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FailureReason::Crash => "crashed",
            FailureReason::OutOfMemory => "ran out of device memory",
            FailureReason::Error => "failed",
            FailureReason::Storage => "could not write its results",
        })
    }
}

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
        /// Which.
        cohort: TaskId,
        /// How long it took.
        seconds: f64,
    },
    /// The cohort was stopped, is checkpointed, and is given back.
    Interrupted {
        /// Which.
        cohort: TaskId,
    },
    /// The cohort could not be finished.
    Failed {
        /// Which.
        cohort: TaskId,
        /// Kind of failure.
        reason: FailureReason,
        /// What is known, for a person.
        message: String,
    },
    /// How far the cohort is.
    Heartbeat {
        /// Which.
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
        /// How.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_hold_every_cell_once_in_order_with_distinct_ids() {
        for cells in 1..40u32 {
            for parts in 1..12 {
                let task = CohortTask {
                    id: TaskId(7),
                    cells: (100..100 + cells).collect(),
                    predicted_seconds: 12.0,
                    memory: 1000,
                    attempt: 2,
                    needs: vec![TaskId(1)],
                    resume: true,
                };
                let pieces = task.split(parts);
                assert_eq!(pieces.len(), parts.min(cells as usize));
                let all: Vec<u32> = pieces.iter().flat_map(|p| p.cells.clone()).collect();
                assert_eq!(all, task.cells);
                let sizes: Vec<usize> = pieces.iter().map(|p| p.cells.len()).collect();
                assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
                let ids: std::collections::BTreeSet<_> = pieces.iter().map(|p| p.id).collect();
                assert_eq!(ids.len(), pieces.len());
                // A sum of at most twelve shares: a few rounding errors of 12.0.
                assert!((pieces.iter().map(|p| p.predicted_seconds).sum::<f64>() - 12.0).abs() < 1e-12);
            }
        }
    }
}
