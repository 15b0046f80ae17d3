//! Messages between ranks: immediate sends from buffers kept until they have left, and receives that do not wait.

#![allow(unsafe_code)]

use std::collections::VecDeque;
use std::os::raw::c_int;

use ::mpi::ffi;
use ::mpi::point_to_point::MatchedReceiveVec;
use ::mpi::topology::SimpleCommunicator;
use ::mpi::traits::{AsRaw, Communicator, Equivalence, Source};
use serde::{Deserialize, Serialize};

use super::super::super::message::MessageError;
use super::super::super::transport::TransportError;

/// Tag of every message of the dispatcher.
const TAG: c_int = 7351;

/// A message from its bytes.
fn decode<M: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<M, MessageError> {
    Ok(serde_json::from_slice(bytes)?)
}

/// A message on its way. The buffer is a `Vec`, which may move while MPI reads what it points to.
struct Sending {
    _bytes: Vec<u8>,
    request: ffi::MPI_Request,
}

/// A rank's letter box.
pub(super) struct Post<'w> {
    ranks: &'w SimpleCommunicator,
    sending: VecDeque<Sending>,
    /// How many may be on their way before they are looked through.
    patience: usize,
}

/// Messages on their way that are not worth a look.
const FEW: usize = 64;

impl<'w> Post<'w> {
    pub(super) fn new(ranks: &'w SimpleCommunicator) -> Post<'w> {
        Post { ranks, sending: VecDeque::new(), patience: FEW }
    }

    /// Sends; does not wait for the receiver.
    pub(super) fn send<M: Serialize>(&mut self, rank: u32, message: &M) -> Result<(), TransportError> {
        let doing = "send a message";
        let bytes = serde_json::to_vec(message).map_err(MessageError::from)?;
        let length = c_int::try_from(bytes.len()).map_err(|_| TransportError::Mpi { doing, code: -1 })?;
        let mut request = std::mem::MaybeUninit::uninit();
        // SAFETY: the bytes live in `sending` until MPI_Test says that they have left, or for ever (see Drop); MPI
        // writes the request if it succeeds.
        let code = unsafe {
            ffi::MPI_Isend(
                bytes.as_ptr().cast(),
                length,
                u8::equivalent_datatype().as_raw(),
                rank as c_int,
                TAG,
                self.ranks.as_raw(),
                request.as_mut_ptr(),
            )
        };
        if code != 0 {
            return Err(TransportError::Mpi { doing, code });
        }
        // SAFETY: written by the successful call above.
        let request = unsafe { request.assume_init() };
        self.sending.push_back(Sending { _bytes: bytes, request });
        // Looking through all of them after each would make a word to each of n ranks n²/2 looks.
        if self.sending.len() >= self.patience {
            self.sweep()?;
            self.patience = FEW.max(2 * self.sending.len());
        }
        Ok(())
    }

    /// Forgets what has left.
    fn sweep(&mut self) -> Result<(), TransportError> {
        let mut failure = 0;
        self.sending.retain_mut(|sending| {
            let mut left: c_int = 0;
            // SAFETY: the request is one that MPI_Isend returned and that has not been completed before.
            let code = unsafe { ffi::MPI_Test(&mut sending.request, &mut left, ffi::RSMPI_STATUS_IGNORE) };
            failure = if code == 0 { failure } else { code };
            code != 0 || left == 0
        });
        if failure == 0 { Ok(()) } else { Err(TransportError::Mpi { doing: "finish a send", code: failure }) }
    }

    /// Whether everything has left.
    pub(super) fn is_empty(&mut self) -> Result<bool, TransportError> {
        self.sweep()?;
        Ok(self.sending.is_empty())
    }

    /// The next message and its sender, if one is there.
    pub(super) fn receive<M: for<'a> Deserialize<'a>>(&mut self) -> Result<Option<(u32, M)>, TransportError> {
        let Some(waiting) = self.ranks.any_process().immediate_matched_probe_with_tag(TAG) else {
            return Ok(None);
        };
        let (bytes, status) = waiting.matched_receive_vec::<u8>();
        Ok(Some((status.source_rank() as u32, decode(&bytes)?)))
    }
}

impl Drop for Post<'_> {
    fn drop(&mut self) {
        // What has not left is for ranks that fell silent. MPI may still read it.
        for sending in self.sending.drain(..) {
            std::mem::forget(sending._bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::super::message::ToWorker;
    use super::super::super::super::task::{CohortTask, TaskId};
    use super::*;

    #[test]
    fn an_assignment_survives_the_wire_and_noise_is_named() {
        let message = ToWorker::Assign(CohortTask {
            id: TaskId(u64::MAX),
            cells: vec![0, u32::MAX],
            predicted_seconds: 0.1,
            memory: u64::MAX,
            attempt: 1,
            needs: vec![TaskId(3)],
            resume: true,
            least: 1,
        });
        let bytes = serde_json::to_vec(&message).unwrap();
        assert_eq!(decode::<ToWorker>(&bytes).unwrap(), message);
        assert!(decode::<ToWorker>(b"\x00\x01").unwrap_err().to_string().contains("same phasesweep binary"));
    }
}
