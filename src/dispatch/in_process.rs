//! Workers as threads of this process, reached by channels.
//!
//! Threads are not scoped: a trainer that hangs must not keep the run from ending. A thread that is done is joined.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::message::{ToCoordinator, ToWorker};
use super::settings::{DispatchError, Settings};
use super::task::WorkerId;
use super::transport::{Transport, TransportError};
use super::worker::{CohortRunner, Port, work};

/// One worker, seen from outside its thread.
#[derive(Debug)]
struct Mailbox {
    inbox: Sender<ToWorker>,
    drain: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// Worker threads and the channels to them.
#[derive(Debug)]
pub(super) struct InProcess {
    mailboxes: BTreeMap<WorkerId, Mailbox>,
    incoming: Receiver<(WorkerId, ToCoordinator)>,
    /// Keeps the channel open when there are no workers, so that waiting on it waits.
    _open: Sender<(WorkerId, ToCoordinator)>,
}

impl InProcess {
    /// Starts one thread for each worker; each builds its own trainer.
    ///
    /// # Errors
    /// [`DispatchError::Thread`] if the system has no room for another thread.
    pub(super) fn spawn<R, F>(
        workers: &[WorkerId],
        settings: &Settings,
        make_runner: &Arc<F>,
    ) -> Result<Self, DispatchError>
    where
        R: CohortRunner,
        F: Fn(WorkerId) -> Result<R, String> + Send + Sync + 'static,
    {
        let (out, incoming) = channel();
        let mut mailboxes = BTreeMap::new();
        for &worker in workers {
            let (inbox, receiver) = channel();
            let drain = Arc::new(AtomicBool::new(false));
            let port = Port {
                worker,
                inbox: receiver,
                out: out.clone(),
                drain: drain.clone(),
                stop: settings.stop.clone(),
                fingerprint: settings.fingerprint.clone(),
                every: settings.heartbeat,
            };
            let make_runner = make_runner.clone();
            let thread = thread::Builder::new()
                .name(format!("trainer-{}", worker.0))
                .spawn(move || work(&port, &*make_runner))
                .map_err(DispatchError::Thread)?;
            mailboxes.insert(worker, Mailbox { inbox, drain, thread });
        }
        Ok(InProcess { mailboxes, incoming, _open: out })
    }
}

impl Transport for InProcess {
    fn workers(&self) -> Vec<WorkerId> {
        self.mailboxes.keys().copied().collect()
    }

    fn send(&mut self, worker: WorkerId, message: ToWorker) -> Result<(), TransportError> {
        if let Some(mailbox) = self.mailboxes.get(&worker) {
            if message == ToWorker::Drain {
                mailbox.drain.store(true, Ordering::Relaxed);
            }
            // A closed inbox: the worker has said that it is gone, or is about to.
            let _ = mailbox.inbox.send(message);
        }
        Ok(())
    }

    fn receive(&mut self, patience: Duration) -> Result<Option<(WorkerId, ToCoordinator)>, TransportError> {
        match self.incoming.recv_timeout(patience) {
            Ok(message) => Ok(Some(message)),
            // Never disconnected: `_open` is a sender.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Ok(None),
        }
    }

    fn survives_loss(&self) -> bool {
        true
    }

    fn has_heartbeat(&self) -> bool {
        false
    }

    fn beat(&mut self) -> Result<(), TransportError> {
        Ok(())
    }

    fn close(&mut self, patience: Duration) -> Result<(), TransportError> {
        let until = Instant::now() + patience;
        for (worker, mailbox) in std::mem::take(&mut self.mailboxes) {
            drop(mailbox.inbox);
            let mut nap = Duration::from_micros(50);
            while !mailbox.thread.is_finished() && Instant::now() < until {
                thread::sleep(nap);
                nap = (nap * 2).min(Duration::from_millis(10));
            }
            if mailbox.thread.is_finished() {
                // Its panics were caught and told.
                let _ = mailbox.thread.join();
            } else {
                tracing::warn!("{worker} is still busy and is left behind");
            }
        }
        Ok(())
    }
}
