//! Every rank but the first: carries messages between its own worker and the coordinator, and watches that the
//! coordinator is alive.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::super::super::in_process::InProcess;
use super::super::super::message::{ToCoordinator, ToWorker, WorkerId};
use super::super::super::outcome::{End, Outcome, StopCause};
use super::super::super::run::{DispatchError, Settings};
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
    mut threads: InProcess,
    settings: &Settings,
) -> Result<Outcome, DispatchError> {
    let me = WorkerId(world.rank());
    let mut post = Post::new(&world.ranks);
    let mut nap = Nap::short();
    let (mut heard, mut beaten, mut looked) = (Instant::now(), Instant::now(), Instant::now());
    let mut heard_at_all = false;
    let mut stop_told = false;
    let mut training = false;
    // Set when the coordinator fell silent: until when the worker may checkpoint.
    let mut deserted: Option<Instant> = None;
    let outcome = loop {
        let gap = looked.elapsed();
        looked = Instant::now();
        if gap > settings.silence / 2 {
            // It was this rank that stood still; the coordinator's words of that time lie in the mail.
            heard += gap;
        }
        while let Some((_, message)) = post.receive::<ToWorker>()? {
            (heard, heard_at_all) = (Instant::now(), true);
            nap.reset();
            match message {
                ToWorker::Alive => {}
                ToWorker::Ended(outcome) => {
                    threads.send(me, ToWorker::Release)?;
                    threads.close(FAREWELL)?;
                    if !outcome.lost.is_empty() {
                        world.mark_broken();
                    }
                    settle(&mut post, outcome.lost.is_empty())?;
                    return Ok(outcome);
                }
                ToWorker::Refused { expected: ours } => {
                    threads.send(me, ToWorker::Release)?;
                    threads.close(FAREWELL)?;
                    settle(&mut post, true)?;
                    let theirs = settings.fingerprint.clone();
                    return Err(DispatchError::Fingerprint { worker: me, theirs, ours });
                }
                message => {
                    training |= matches!(message, ToWorker::Assign(_));
                    threads.send(me, message)?;
                }
            }
        }
        nap.limit(if training { WHILE_TRAINING } else { WHILE_WAITING });
        if let Some((_, message)) = threads.receive(nap.next())? {
            nap.reset();
            let over = matches!(
                message,
                ToCoordinator::Finished { .. }
                    | ToCoordinator::Interrupted { .. }
                    | ToCoordinator::Failed { .. }
                    | ToCoordinator::Gone { .. }
            );
            training &= !over;
            post.send(0, &message)?;
        }
        if !stop_told && settings.stop.load(Ordering::Relaxed) {
            stop_told = true;
            post.send(0, &ToCoordinator::StopRequested)?;
        }
        if beaten.elapsed() >= settings.heartbeat {
            beaten = Instant::now();
            post.send(0, &ToCoordinator::Alive)?;
        }
        let patience = if heard_at_all { settings.silence } else { settings.join_silence };
        match deserted {
            None if heard.elapsed() > patience => {
                tracing::error!(
                    "nothing heard of the coordinator (rank 0) for {:.0} s: this rank checkpoints and ends",
                    heard.elapsed().as_secs_f64()
                );
                threads.send(me, ToWorker::Drain)?;
                deserted = Some(Instant::now() + settings.drain_grace);
            }
            Some(until) if !training || Instant::now() > until => {
                world.mark_broken();
                threads.send(me, ToWorker::Release)?;
                threads.close(FAREWELL)?;
                break Outcome {
                    end: End::Interrupted(StopCause::WorkerLost),
                    done: 0,
                    failed: 0,
                    left: 0,
                    lost: vec![WorkerId(0)],
                };
            }
            _ => {}
        }
    };
    Ok(outcome)
}

/// Waits, at most [`FAREWELL`], until the last words have left.
fn settle(post: &mut Post<'_>, whole: bool) -> Result<(), TransportError> {
    let (mut nap, until) = (Nap::short(), Instant::now() + FAREWELL);
    while whole && !post.is_empty()? && Instant::now() < until {
        nap.sleep();
    }
    Ok(())
}
