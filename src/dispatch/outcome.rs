//! How a run ended, and how far it is: the numbers that leave the dispatcher.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::task::{TaskId, WorkerId};

/// Seconds on the coordinator's own monotonic clock; no other clock takes part in any decision.
pub type Seconds = f64;

/// How a run ended. Every rank returns the same one, unless it lost sight of the coordinator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// Cells finished in this run.
    pub done: u64,
    /// Cells marked as failed in this run.
    pub failed: u64,
    /// Cells left for a relaunch.
    pub left: u64,
    /// Workers that fell silent. Not empty under MPI: the world cannot be left in the orderly way, since its last step
    /// waits for everyone; end it by [`World::abort`](super::World::abort) instead.
    pub lost: Vec<WorkerId>,
}

/// Kind of end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum End {
    /// Every cell is finished.
    Complete,
    /// Every cell is finished or marked as failed.
    FailedCells,
    /// Stopped; a relaunch goes on from here.
    Interrupted(StopCause),
}

/// Why a run was stopped before its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum StopCause {
    /// A signal asked for it.
    Requested,
    /// The walltime is near: what is left is not predicted to fit.
    Walltime,
    /// A worker fell silent and the transport cannot go on without it.
    WorkerLost,
    /// No worker is left to do the rest.
    NoWorkers,
    /// The allocation has brought nothing, and another one would bring no more: the observer's word.
    NoProgress {
        /// What it said.
        message: String,
    },
    /// A durable write failed.
    Storage {
        /// What the worker said.
        message: String,
    },
}

impl fmt::Display for StopCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StopCause::Requested => f.write_str("a stop was requested"),
            StopCause::Walltime => f.write_str("the walltime is near"),
            StopCause::WorkerLost => f.write_str("a worker fell silent"),
            StopCause::NoWorkers => f.write_str("no worker is left"),
            StopCause::NoProgress { message } => f.write_str(message),
            StopCause::Storage { message } => write!(f, "a durable write failed: {message}"),
        }
    }
}

/// Why cells are given up. What is known of it goes into the results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum CellFailure {
    /// Alone in its cohort, the cell took its worker down as often as is allowed.
    Crash {
        /// The last message of the trainer; empty if all attempts were in earlier runs.
        message: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// Alone in its cohort, the cell does not fit the device.
    OutOfMemory {
        /// The device's message.
        message: String,
    },
    /// Alone in its cohort, the cell makes the trainer return an error.
    Error {
        /// The trainer's message.
        message: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// The cell needs results of a cohort that failed.
    NeedFailed {
        /// The cohort it needs.
        cohort: TaskId,
    },
    /// The cell waits for cohorts that wait for it.
    Circular,
}

impl fmt::Display for CellFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CellFailure::Crash { message, attempts } => write!(f, "crashed the trainer {attempts} times: {message}"),
            CellFailure::OutOfMemory { message } => write!(f, "does not fit the device alone: {message}"),
            CellFailure::Error { message, attempts } => write!(f, "failed {attempts} times: {message}"),
            CellFailure::NeedFailed { cohort } => write!(f, "needs results of {cohort}, which failed"),
            CellFailure::Circular => f.write_str("waits for cohorts that wait for it"),
        }
    }
}

/// How far a run is: what a progress bar, a status file and an estimate of the time left are made of.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Cells of this run.
    pub total: u64,
    /// Cells finished.
    pub done: u64,
    /// Cells marked as failed.
    pub failed: u64,
    /// Cells in the hands of a worker.
    pub running: u64,
    /// Seconds that the finished cohorts were predicted to take.
    pub finished_predicted: f64,
    /// Seconds that they took: the ratio corrects the prediction of the rest.
    pub finished_measured: f64,
    /// Sum over finished cohorts of (measured / predicted)², for the spread of that ratio.
    pub ratio_squares: f64,
    /// Sum over finished cohorts of measured / predicted.
    pub ratio_sum: f64,
    /// Finished cohorts that had a prediction.
    pub ratio_count: u64,
    /// Predicted seconds of the cohorts nobody has started.
    pub waiting_predicted: f64,
    /// Predicted seconds of what is left of the running cohorts.
    pub running_predicted: f64,
    /// Predicted seconds of what this run has done of the running cohorts.
    #[serde(default)]
    pub running_done: f64,
    /// Every worker ever expected, by id.
    pub workers: Vec<WorkerProgress>,
}

impl Progress {
    /// Time left as an interval in seconds: the share of predicted work done so far, in finished cohorts and in running
    /// ones, scales the time it took; the interval narrows with the number of finished cohorts. `None` before any work is
    /// done.
    pub fn time_left(&self, elapsed: std::time::Duration) -> Option<(f64, f64)> {
        let done = self.finished_predicted + self.running_done;
        if done <= 0.0 {
            return None;
        }
        let left = elapsed.as_secs_f64() * (self.waiting_predicted + self.running_predicted) / done;
        let spread = 1.0 + 1.0 / (1.0 + self.ratio_count as f64).sqrt();
        Some((left / spread, left * spread))
    }
}

/// What one worker does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerProgress {
    /// The worker.
    pub worker: WorkerId,
    /// What it does.
    pub activity: Activity,
    /// Its cohort, if it has one.
    pub cohort: Option<TaskId>,
    /// Cells of that cohort.
    pub cells: u64,
    /// Seconds since it was handed out.
    pub seconds: f64,
    /// The epoch it last reported.
    pub epoch: u64,
    /// Share of the cohort done, as last reported.
    pub done_fraction: f64,
    /// Seconds since anything was heard of it.
    pub silent: f64,
}

/// What a worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activity {
    /// Has not asked for work yet.
    Starting,
    /// Has nothing to do at the moment.
    Idle,
    /// Trains.
    Training,
    /// Was asked to checkpoint and stop.
    Draining,
    /// Was released.
    Released,
    /// Fell silent or died.
    Lost,
}
