//! How messages travel between the coordinator and its workers, seen from the coordinator.
//!
//! Two kinds: threads of one process ([`InProcess`](super::in_process::InProcess)), and ranks under MPI, where the
//! first rank's own worker is a thread too.

use std::time::Duration;

use super::message::{MessageError, ToCoordinator, ToWorker};
use super::task::WorkerId;

/// A transport that cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// Something arrived that no phasesweep of this build sends.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// MPI refused an operation.
    #[error("MPI could not {doing} (error {code}): the job cannot go on; run it again, finished cohorts are safe")]
    Mpi {
        /// What was being done.
        doing: &'static str,
        /// The library's error code.
        code: i32,
    },
}

/// The coordinator's end of the transport.
pub(super) trait Transport {
    /// Everyone to expect.
    fn workers(&self) -> Vec<WorkerId>;

    /// Sends; never waits for the receiver. A message to a worker that is gone is dropped: its going is reported by
    /// [`Transport::receive`].
    ///
    /// # Errors
    /// [`TransportError`] if nothing can be sent any more.
    fn send(&mut self, worker: WorkerId, message: ToWorker) -> Result<(), TransportError>;

    /// The next message, if one comes within `patience`.
    ///
    /// # Errors
    /// [`TransportError`] if nothing can be received any more.
    fn receive(&mut self, patience: Duration) -> Result<Option<(WorkerId, ToCoordinator)>, TransportError>;

    /// Whether the run can go on after a worker fell silent.
    fn survives_loss(&self) -> bool;

    /// Whether workers say that they are alive, so that silence means something.
    fn has_heartbeat(&self) -> bool;

    /// Tells workers that the coordinator is alive, where they would otherwise not know.
    ///
    /// # Errors
    /// As [`Transport::send`].
    fn beat(&mut self) -> Result<(), TransportError>;

    /// After the last message: waits, at most so long, until what was sent has left and local workers are gone.
    ///
    /// # Errors
    /// As [`Transport::send`].
    fn close(&mut self, patience: Duration) -> Result<(), TransportError>;
}
