//! The coordinator's transport under MPI: other ranks by message, rank 0's own worker by channel.

use std::time::{Duration, Instant};

use super::super::super::in_process::InProcess;
use super::super::super::message::{ToCoordinator, ToWorker};
use super::super::super::task::WorkerId;
use super::super::super::transport::{Transport, TransportError};
use super::post::Post;
use super::{Nap, World};

/// Rank 0's end of every line. A worker's id is its rank.
pub(in crate::dispatch) struct Hub<'w> {
    world: &'w World,
    post: Post<'w>,
    threads: InProcess,
    nap: Nap,
    /// Rank 0's own worker is as alive as this process; said at every beat.
    own_beats: Vec<WorkerId>,
    /// A rank fell silent.
    broken: bool,
}

impl<'w> Hub<'w> {
    /// `threads` holds rank 0's own worker, or none.
    pub(in crate::dispatch) fn new(world: &'w World, threads: InProcess) -> Hub<'w> {
        let post = Post::new(&world.ranks);
        Hub { world, post, threads, nap: Nap::short(), own_beats: Vec::new(), broken: false }
    }

    fn others(&self) -> impl Iterator<Item = u32> + use<> {
        1..self.world.size()
    }
}

impl Transport for Hub<'_> {
    fn workers(&self) -> Vec<WorkerId> {
        self.threads.workers().into_iter().chain(self.others().map(WorkerId)).collect()
    }

    fn send(&mut self, worker: WorkerId, message: ToWorker) -> Result<(), TransportError> {
        if let ToWorker::Ended { outcome, .. } = &message
            && !outcome.lost.is_empty()
        {
            self.world.mark_broken();
            self.broken = true;
        }
        if worker.0 == self.world.rank() {
            self.threads.send(worker, message)
        } else {
            self.post.send(worker.0, &message)
        }
    }

    fn receive(&mut self, patience: Duration) -> Result<Option<(WorkerId, ToCoordinator)>, TransportError> {
        let until = Instant::now() + patience;
        loop {
            if let Some(worker) = self.own_beats.pop() {
                return Ok(Some((worker, ToCoordinator::Alive)));
            }
            if let Some((rank, message)) = self.post.receive()? {
                self.nap.reset();
                return Ok(Some((WorkerId(rank), message)));
            }
            let left = until.saturating_duration_since(Instant::now());
            // Waiting on the own worker's channel is the sleep between two probes.
            if let Some(message) = self.threads.receive(self.nap.next().min(left))? {
                self.nap.reset();
                return Ok(Some(message));
            }
            if left.is_zero() {
                return Ok(None);
            }
        }
    }

    fn survives_loss(&self) -> bool {
        false
    }

    fn has_heartbeat(&self) -> bool {
        true
    }

    fn beat(&mut self) -> Result<(), TransportError> {
        self.own_beats = self.threads.workers();
        self.others().try_for_each(|rank| self.post.send(rank, &ToWorker::Alive))
    }

    fn close(&mut self, patience: Duration) -> Result<(), TransportError> {
        let until = Instant::now() + patience;
        self.threads.close(patience)?;
        self.nap.reset();
        // Nothing sent to a silent rank may ever leave.
        while !self.post.is_empty()? && Instant::now() < until && !self.broken {
            // Late words are of no interest any more, but must be taken, or their senders wait.
            while self.post.receive::<ToCoordinator>()?.is_some() {}
            self.nap.sleep();
        }
        Ok(())
    }
}
