//! The worker: asks for a cohort, trains it, says how it went, until it is released. It does not know how its messages
//! travel, nor what a cohort is.
//!
//! Invariants: every assigned cohort is answered exactly once; a panic of the trainer ends the cohort, not the worker,
//! and the trainer is built anew after one; a worker that ends for any reason says so.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use super::message::{ToCoordinator, ToWorker};
use super::task::{CohortTask, FailureReason, TaskId, WorkerId};

/// What trains cohorts: built on the worker's own thread, used there, dropped there.
pub trait CohortRunner {
    /// Trains the task, to its end or until `control` says stop. [`CohortOutcome::Finished`] promises that the part is
    /// safe on disk; [`CohortOutcome::Interrupted`] that the checkpoint is.
    fn run(&mut self, task: &CohortTask, control: &Control) -> CohortOutcome;
}

/// How a cohort went.
#[derive(Debug, Clone, PartialEq)]
pub enum CohortOutcome {
    /// To its end.
    Finished {
        /// Seconds of training, for the prediction of the rest.
        seconds: f64,
    },
    /// Stopped when asked to, checkpointed.
    Interrupted,
    /// Given back: the trainer can train no more, as when its device is lost. No fault of the cohort, which goes on elsewhere
    /// from its last checkpoint; the worker leaves.
    Leaving {
        /// Why, for a person.
        message: String,
    },
    /// Not to its end.
    Failed {
        /// Kind of failure.
        reason: FailureReason,
        /// What is known, for a person.
        message: String,
    },
}

/// A running trainer's line to the coordinator.
#[derive(Debug)]
pub struct Control {
    worker: WorkerId,
    cohort: TaskId,
    drain: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    out: Sender<(WorkerId, ToCoordinator)>,
    every: Duration,
    last: Cell<Option<Instant>>,
}

impl Control {
    /// Whether to checkpoint and return [`CohortOutcome::Interrupted`] as soon as possible. Cheap: ask every epoch.
    pub fn stop_requested(&self) -> bool {
        self.drain.load(Ordering::Relaxed) || self.stop.load(Ordering::Relaxed)
    }

    /// Tells how far the cohort is. Cheap: what comes sooner than the heartbeat interval after the last is not sent.
    pub fn heartbeat(&self, epoch: u64, done_fraction: f64) {
        if self.last.get().is_some_and(|last| last.elapsed() < self.every) {
            return;
        }
        self.last.set(Some(Instant::now()));
        let done_fraction = if done_fraction.is_finite() { done_fraction.clamp(0.0, 1.0) } else { 0.0 };
        let message = ToCoordinator::Heartbeat { cohort: self.cohort, epoch, done_fraction };
        // Nobody listens any more: the run is over, and the worker will learn it from its inbox.
        let _ = self.out.send((self.worker, message));
    }

    /// Who trains.
    pub fn worker(&self) -> WorkerId {
        self.worker
    }

    /// A control that is tied to nothing, to run a trainer without a coordinator. `stop` is the stop flag.
    pub fn detached(stop: Arc<AtomicBool>) -> Control {
        Control {
            worker: WorkerId(0),
            cohort: TaskId(0),
            drain: Arc::default(),
            stop,
            out: std::sync::mpsc::channel().0,
            every: Duration::MAX,
            last: Cell::new(None),
        }
    }
}

/// A worker's ends of its channels.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) worker: WorkerId,
    pub(super) inbox: Receiver<ToWorker>,
    pub(super) out: Sender<(WorkerId, ToCoordinator)>,
    /// Set when this worker is asked to stop: it is reached while the trainer runs.
    pub(super) drain: Arc<AtomicBool>,
    /// Set by the signal handler.
    pub(super) stop: Arc<AtomicBool>,
    /// See [`Settings::fingerprint`](super::settings::Settings::fingerprint).
    pub(super) fingerprint: String,
    /// Least time between two reports on a cohort.
    pub(super) every: Duration,
}

/// Works until released. Runs on a thread of its own.
pub(super) fn work<R: CohortRunner>(port: &Port, make_runner: &dyn Fn(WorkerId) -> Result<R, String>) {
    // If even this function unwinds, the worker's end is told.
    let ended = catch_unwind(AssertUnwindSafe(|| work_until_released(port, make_runner)));
    let message = match ended {
        Ok(Ok(())) => return,
        Ok(Err(message)) => message,
        Err(panic) => format!("the worker panicked: {}", panic_message(&*panic)),
    };
    port.say(ToCoordinator::Gone { message: brief(&message) });
}

fn work_until_released<R: CohortRunner>(
    port: &Port,
    make_runner: &dyn Fn(WorkerId) -> Result<R, String>,
) -> Result<(), String> {
    port.say(ToCoordinator::Joined { fingerprint: port.fingerprint.clone() });
    let build = || match catch_unwind(AssertUnwindSafe(|| make_runner(port.worker))) {
        Ok(built) => built,
        Err(panic) => Err(format!("building the trainer panicked: {}", panic_message(&*panic))),
    };
    let mut runner = build()?;
    port.say(ToCoordinator::Ready);
    // A closed inbox means that the coordinator is gone; so is the run.
    while let Ok(message) = port.inbox.recv() {
        let task = match message {
            ToWorker::Assign(task) => task,
            ToWorker::Release | ToWorker::Ended { .. } | ToWorker::Refused { .. } => return Ok(()),
            ToWorker::Drain | ToWorker::Alive | ToWorker::Deserted => continue,
        };
        let control = port.control(task.id);
        let outcome = catch_unwind(AssertUnwindSafe(|| runner.run(&task, &control)));
        let cohort = task.id;
        let panicked = outcome.is_err();
        let outcome = outcome.unwrap_or_else(|panic| CohortOutcome::Failed {
            reason: FailureReason::Crash,
            message: format!("the trainer panicked: {}", panic_message(&*panic)),
        });
        let answer = match outcome {
            CohortOutcome::Leaving { message } => {
                port.say(ToCoordinator::Interrupted { cohort });
                return Err(message);
            }
            CohortOutcome::Finished { seconds } => {
                ToCoordinator::Finished { cohort, seconds: if seconds.is_finite() { seconds.max(0.0) } else { 0.0 } }
            }
            CohortOutcome::Interrupted => {
                if port.stop.load(Ordering::Relaxed) {
                    // First, so that the cohort is not handed out again between the two.
                    port.say(ToCoordinator::StopRequested);
                }
                ToCoordinator::Interrupted { cohort }
            }
            CohortOutcome::Failed { reason, message } => {
                ToCoordinator::Failed { cohort, reason, message: brief(&message) }
            }
        };
        let rebuilt = if panicked {
            // What a panic leaves behind may not be used again; dropping it may panic as well.
            let old = runner;
            let _ = catch_unwind(AssertUnwindSafe(move || drop(old)));
            build()
        } else {
            Ok(runner)
        };
        port.say(answer);
        runner = rebuilt?;
    }
    Ok(())
}

impl Port {
    fn say(&self, message: ToCoordinator) {
        // Fails only if the coordinator's loop is gone, and then so is the run: the inbox tells.
        let _ = self.out.send((self.worker, message));
    }

    fn control(&self, cohort: TaskId) -> Control {
        Control {
            worker: self.worker,
            cohort,
            drain: self.drain.clone(),
            stop: self.stop.clone(),
            out: self.out.clone(),
            every: self.every,
            last: Cell::new(None),
        }
    }
}

/// What a panic said.
fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("(no message)")
}

/// A message cut to a size that MPI sends without waiting for its receiver (its eager limit is 4 KiB and more).
fn brief(message: &str) -> String {
    const LONGEST: usize = 1000;
    let clean: String = message.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect();
    if clean.len() <= LONGEST {
        return clean;
    }
    let end = (0..=LONGEST).rev().find(|&i| clean.is_char_boundary(i)).unwrap_or(0);
    format!("{} …", &clean[..end])
}
