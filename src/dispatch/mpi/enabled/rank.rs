//! Every rank but the first: carries messages between its own worker and the coordinator, and watches that the
//! coordinator is alive.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::super::super::in_process::InProcess;
use super::super::super::message::{ToCoordinator, ToWorker};
use super::super::super::outcome::{End, Outcome, StopCause};
use super::super::super::settings::{DispatchError, Settings};
use super::super::super::task::WorkerId;
use super::super::super::transport::{Transport, TransportError};
use super::post::Post;
use super::{Nap, World};

/// Longest sleep while the worker trains: nothing but a drain can come, and a drain has time.
const WHILE_TRAINING: Duration = Duration::from_millis(20);

/// Longest sleep while the worker waits for its next cohort.
const WHILE_WAITING: Duration = Duration::from_millis(2);

/// How long the worker may take to go after the run has ended.
const FAREWELL: Duration = Duration::from_secs(10);

/// Serves this rank's worker until the coordinator ends the run, or falls silent.
pub(in crate::dispatch) fn serve(
    world: &World,
    threads: InProcess,
    settings: &Settings,
) -> Result<Outcome, DispatchError> {
    let now = Instant::now();
    let post = Post::new(&world.ranks);
    let mut rank = Rank {
        me: WorkerId(world.rank()),
        world,
        threads,
        post,
        settings,
        nap: Nap::short(),
        heard: now,
        heard_at_all: false,
        beaten: now,
        training: false,
        stop_told: false,
        deserted: None,
    };
    let mut looked = now;
    loop {
        let gap = looked.elapsed();
        looked = Instant::now();
        if gap > settings.silence / 2 {
            // It was this rank that stood still; the coordinator's words of that time lie in the mail.
            rank.heard += gap;
        }
        while let Some((from, message)) = rank.post.receive::<ToWorker>()? {
            rank.nap.reset();
            if let Some(ending) = rank.hear(from, message)? {
                return ending;
            }
        }
        rank.pass_on()?;
        if let Some(outcome) = rank.watch()? {
            return Ok(outcome);
        }
    }
}

/// This rank's worker and its line to the coordinator.
struct Rank<'w> {
    me: WorkerId,
    world: &'w World,
    threads: InProcess,
    post: Post<'w>,
    settings: &'w Settings,
    nap: Nap,
    /// When the coordinator was last heard, and whether it ever was.
    heard: Instant,
    heard_at_all: bool,
    /// When it was last told anything, and so that this rank is alive.
    beaten: Instant,
    training: bool,
    stop_told: bool,
    /// Set when the coordinator fell silent.
    deserted: Option<Deserted>,
}

/// A rank without a coordinator: checkpoints, tells the others, and waits a while for them to do the same, since the
/// first rank to end takes all with it.
struct Deserted {
    until: Instant,
    told: bool,
    /// Ranks, this one included, whose work is safe.
    safe: BTreeSet<u32>,
}

impl Rank<'_> {
    /// A message from the coordinator (or, without one, from another rank); the ending, if it was the last.
    fn hear(&mut self, from: u32, message: ToWorker) -> Result<Option<Result<Outcome, DispatchError>>, TransportError> {
        if from == 0 {
            (self.heard, self.heard_at_all) = (Instant::now(), true);
        }
        match message {
            ToWorker::Alive => {}
            ToWorker::Deserted => {
                self.desert()?.safe.insert(from);
            }
            ToWorker::Ended { outcome, error } => {
                let whole = outcome.lost.is_empty();
                if !whole {
                    self.world.mark_broken();
                }
                self.farewell(whole)?;
                let error = error.map(|message| DispatchError::GivenUp { message });
                return Ok(Some(error.map_or(Ok(outcome), Err)));
            }
            ToWorker::Refused { expected: ours } => {
                self.farewell(true)?;
                let theirs = self.settings.fingerprint.clone();
                return Ok(Some(Err(DispatchError::Fingerprint { worker: self.me, theirs, ours })));
            }
            message => {
                self.training |= matches!(message, ToWorker::Assign(_));
                self.threads.send(self.me, message)?;
            }
        }
        Ok(None)
    }

    /// The worker's next word, waited for a little, and what this rank itself has to say.
    fn pass_on(&mut self) -> Result<(), TransportError> {
        self.nap.limit(if self.training { WHILE_TRAINING } else { WHILE_WAITING });
        if let Some((_, message)) = self.threads.receive(self.nap.next())? {
            self.nap.reset();
            self.training &= !matches!(
                message,
                ToCoordinator::Finished { .. }
                    | ToCoordinator::Interrupted { .. }
                    | ToCoordinator::Failed { .. }
                    | ToCoordinator::Gone { .. }
            );
            self.post.send(0, &message)?;
            self.beaten = Instant::now();
        }
        if !self.stop_told && self.settings.stop.load(Ordering::Relaxed) {
            self.stop_told = true;
            self.post.send(0, &ToCoordinator::StopRequested)?;
        }
        // A trainer that says how far it is says that the rank is alive: only where it is late, the rank does.
        if self.beaten.elapsed() >= self.settings.heartbeat * 3 / 2 {
            self.beaten = Instant::now();
            self.post.send(0, &ToCoordinator::Alive)?;
        }
        Ok(())
    }

    /// Looks after the coordinator; the outcome, if it is gone and this rank is done without it.
    fn watch(&mut self) -> Result<Option<Outcome>, TransportError> {
        let settings = self.settings;
        let patience = if self.heard_at_all { settings.silence } else { settings.join_silence };
        if self.deserted.is_none() && self.heard.elapsed() > patience {
            self.desert()?;
        }
        let Some(deserted) = &mut self.deserted else { return Ok(None) };
        if !self.training && !deserted.told {
            deserted.told = true;
            deserted.safe.insert(self.me.0);
            for rank in (1..self.world.size()).filter(|&rank| rank != self.me.0) {
                self.post.send(rank, &ToWorker::Deserted)?;
            }
        }
        let everyone = deserted.safe.len() as u32 == self.world.size() - 1;
        if !(deserted.told && everyone || Instant::now() > deserted.until) {
            return Ok(None);
        }
        self.world.mark_deserted();
        self.farewell(false)?;
        let end = End::Interrupted(StopCause::WorkerLost);
        Ok(Some(Outcome { end, done: 0, failed: 0, left: 0, lost: vec![WorkerId(0)] }))
    }

    /// The coordinator is gone: have the worker checkpoint.
    fn desert(&mut self) -> Result<&mut Deserted, TransportError> {
        if self.deserted.is_none() {
            tracing::error!(
                "rank {}: nothing heard of rank 0 for {:.0} s; checkpointing, and ending the job",
                self.me.0,
                self.heard.elapsed().as_secs_f64()
            );
            self.threads.send(self.me, ToWorker::Drain)?;
        }
        let until = Instant::now() + self.settings.drain_grace;
        Ok(self.deserted.get_or_insert(Deserted { until, told: false, safe: BTreeSet::new() }))
    }

    /// Lets the worker go; `whole`: waits, at most [`FAREWELL`], until the last words have left.
    fn farewell(&mut self, whole: bool) -> Result<(), TransportError> {
        self.threads.send(self.me, ToWorker::Release)?;
        self.threads.close(FAREWELL)?;
        let (mut nap, until) = (Nap::short(), Instant::now() + FAREWELL);
        while whole && !self.post.is_empty()? && Instant::now() < until {
            nap.sleep();
        }
        Ok(())
    }
}
