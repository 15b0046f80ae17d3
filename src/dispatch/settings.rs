//! How a run is conducted, and why one could not be: what every topology is told and what it may answer.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::observer::ObserverError;
use super::task::WorkerId;
use super::transport::TransportError;

/// How a run is conducted.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Hash of build and plan: ranks that differ are refused.
    pub fingerprint: String,
    /// When the allocation ends.
    pub deadline: Option<Instant>,
    /// Time kept free before the deadline for checkpoints and the orderly end.
    pub margin: Duration,
    /// Crashes after which a cohort is not tried again as it is.
    pub max_attempts: u32,
    /// Interval of the signs of life between ranks, and least time between two reports on one cohort.
    pub heartbeat: Duration,
    /// A rank not heard for so long is lost. Several heartbeats, and longer than a stalled file system lasts.
    pub silence: Duration,
    /// The same before a rank's first word.
    pub join_silence: Duration,
    /// A worker that has not given its cohort back so long after it was asked to is lost.
    pub drain_grace: Duration,
    /// Interval of [`Observer::progress`](super::Observer::progress).
    pub progress: Duration,
    /// Set (by a signal handler, on any rank) to have everyone checkpoint and stop.
    pub stop: Arc<AtomicBool>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            fingerprint: String::new(),
            deadline: None,
            margin: Duration::from_secs(60),
            max_attempts: 2,
            heartbeat: Duration::from_secs(2),
            silence: Duration::from_secs(60),
            join_silence: Duration::from_secs(600),
            drain_grace: Duration::from_secs(120),
            progress: Duration::from_millis(500),
            stop: Arc::default(),
        }
    }
}

/// Why a run could not be conducted at all, or had to be given up. Finished cohorts are safe in every case.
#[derive(Debug, thiserror::Error)]
pub enum DispatchError {
    /// A rank runs another build or has computed another plan.
    #[error(
        "{worker} differs from rank 0 in its build or its plan ({theirs} instead of {ours}): all ranks must run the \
         same binary on the same sweep file and the same data"
    )]
    Fingerprint {
        /// The worker whose rank differs.
        worker: WorkerId,
        /// Its fingerprint.
        theirs: String,
        /// Rank 0's.
        ours: String,
    },
    /// Not one worker could start.
    #[error("no worker could start:\n{}", .messages.join("\n"))]
    NoWorkers {
        /// What each said.
        messages: Vec<String>,
    },
    /// The observer failed.
    #[error("the run was stopped, resumable: {0}")]
    Observer(#[source] ObserverError),
    /// Rank 0 gave the run up; it says why in full.
    #[error("the run was given up by rank 0: {message}")]
    GivenUp {
        /// Rank 0's reason.
        message: String,
    },
    /// No room for another thread.
    #[error("the system refused to start a thread ({0}): use fewer workers, or raise the limit (ulimit -u)")]
    Thread(#[source] std::io::Error),
    /// The transport failed.
    #[error(transparent)]
    Transport(#[from] TransportError),
}
