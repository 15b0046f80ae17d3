//! The edge around the coordinator: clock, transport and observer, and the one function that runs a sweep's cohorts.
//!
//! Invariants: commands are carried out in order; every command's consequence is durable (the observer has returned)
//! before the next event is looked at; if the observer fails, the run stops and the error is returned.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::coordinator::{Coordinator, Rules};
use super::event::{Command, Event};
use super::in_process::InProcess;
use super::message::{ToCoordinator, ToWorker};
use super::mpi::{self, World};
use super::observer::Observer;
use super::outcome::Outcome;
use super::settings::{DispatchError, Settings};
use super::task::{CohortTask, WorkerId};
use super::transport::Transport;
use super::worker::CohortRunner;

/// Where the workers are.
#[derive(Debug)]
pub enum Topology<'w> {
    /// So many threads of this process, at least one.
    Threads(usize),
    /// The ranks of an MPI world: one worker on each. To be called on every rank, by the thread that started the world.
    World {
        /// The world.
        world: &'w World,
        /// Rank 0 coordinates only, and has no worker. Ignored in a world of one.
        dedicated: bool,
    },
}

/// Runs the tasks to their end, on every worker of the topology. Under MPI it is called on every rank; `tasks` and
/// `observer` matter on rank 0 alone.
///
/// `make_runner` builds a worker's trainer on the worker's thread, and again after a panic; an error says for a person
/// why it cannot be built. Trainer threads are not scoped, hence `'static`: share what they need by `Arc`.
///
/// # Errors
/// [`DispatchError`]. An orderly stop is no error but [`End::Interrupted`](super::outcome::End::Interrupted).
pub fn run<R, F>(
    topology: Topology<'_>,
    tasks: Vec<CohortTask>,
    settings: &Settings,
    make_runner: F,
    observer: &mut dyn Observer,
) -> Result<Outcome, DispatchError>
where
    R: CohortRunner,
    F: Fn(WorkerId) -> Result<R, String> + Send + Sync + 'static,
{
    let make_runner = Arc::new(make_runner);
    match topology {
        Topology::Threads(count) => {
            let workers: Vec<WorkerId> = (0..count.max(1) as u32).map(WorkerId).collect();
            let mut transport = InProcess::spawn(&workers, settings, &make_runner)?;
            coordinate(&mut transport, tasks, settings, observer)
        }
        Topology::World { world, dedicated } => {
            let rank = world.rank();
            let own = if rank == 0 && dedicated && world.size() > 1 { vec![] } else { vec![WorkerId(rank)] };
            let threads = InProcess::spawn(&own, settings, &make_runner)?;
            if rank == 0 {
                coordinate(&mut mpi::Hub::new(world, threads), tasks, settings, observer)
            } else {
                mpi::serve(world, threads, settings)
            }
        }
    }
}

/// How often the coordinator is told the time.
const TICK: Duration = Duration::from_millis(100);

/// How long workers may take to go after they were released.
const FAREWELL: Duration = Duration::from_secs(10);

/// The same, if one of them did not stop when asked to: it will not go either.
const HASTY_FAREWELL: Duration = Duration::from_secs(1);

/// The coordinator's loop.
fn coordinate(
    transport: &mut dyn Transport,
    tasks: Vec<CohortTask>,
    settings: &Settings,
    observer: &mut dyn Observer,
) -> Result<Outcome, DispatchError> {
    let began = Instant::now();
    let rules = Rules {
        deadline: settings.deadline.map(|d| d.saturating_duration_since(began).as_secs_f64()),
        margin: settings.margin.as_secs_f64(),
        max_attempts: settings.max_attempts.max(1),
        silence: transport.has_heartbeat().then_some(settings.silence.as_secs_f64()),
        join_silence: settings.join_silence.as_secs_f64(),
        drain_grace: settings.drain_grace.as_secs_f64(),
        survives_loss: transport.survives_loss(),
    };
    let workers = transport.workers();
    let mut desk = Desk {
        coordinator: Coordinator::new(rules, &workers, 0.0),
        transport,
        observer,
        settings,
        began,
        gone: Vec::new(),
        error: None,
        outcome: None,
        someone_started: false,
    };
    desk.handle(Event::More(tasks))?;
    let (mut ticked, mut shown, mut beaten) = (began, began, began);
    let mut stop_seen = false;
    let outcome = loop {
        if let Some(outcome) = desk.outcome.take() {
            break outcome;
        }
        let message = desk.transport.receive(TICK.saturating_sub(ticked.elapsed()))?;
        let quiet = message.is_none();
        if let Some((worker, message)) = message {
            desk.hear(worker, message)?;
        }
        if !stop_seen && settings.stop.load(Ordering::Relaxed) {
            stop_seen = true;
            desk.handle(Event::StopRequested)?;
        }
        // Time is told when the mail is read, or is overdue: a rank is not to be called silent while its word waits.
        if ticked.elapsed() >= TICK && (quiet || ticked.elapsed() >= 10 * TICK) {
            ticked = Instant::now();
            desk.handle(Event::Tick)?;
        }
        if shown.elapsed() >= settings.progress {
            shown = Instant::now();
            desk.show();
        }
        if beaten.elapsed() >= settings.heartbeat {
            beaten = Instant::now();
            desk.transport.beat()?;
        }
    };
    desk.show();
    if !desk.someone_started && !desk.gone.is_empty() && desk.error.is_none() {
        desk.error = Some(DispatchError::NoWorkers { messages: std::mem::take(&mut desk.gone) });
    }
    let error = desk.error.as_ref().map(ToString::to_string);
    for worker in workers {
        desk.transport.send(worker, ToWorker::Ended { outcome: outcome.clone(), error: error.clone() })?;
    }
    let patience = if outcome.lost.is_empty() { FAREWELL } else { HASTY_FAREWELL };
    desk.transport.close(patience)?;
    desk.error.map_or(Ok(outcome), Err)
}

/// The coordinator with everything that its commands act on.
struct Desk<'a> {
    coordinator: Coordinator,
    transport: &'a mut dyn Transport,
    observer: &'a mut dyn Observer,
    settings: &'a Settings,
    began: Instant,
    /// What workers said that went before their time.
    gone: Vec<String>,
    /// The first error, kept while the run is brought to its orderly end.
    error: Option<DispatchError>,
    outcome: Option<Outcome>,
    someone_started: bool,
}

impl Desk<'_> {
    fn hear(&mut self, worker: WorkerId, message: ToCoordinator) -> Result<(), DispatchError> {
        match &message {
            ToCoordinator::Joined { fingerprint } if *fingerprint != self.settings.fingerprint => {
                let (theirs, ours) = (fingerprint.clone(), self.settings.fingerprint.clone());
                self.transport.send(worker, ToWorker::Refused { expected: ours.clone() })?;
                self.give_up(DispatchError::Fingerprint { worker, theirs, ours })?;
                return self.handle(Event::Lost { worker, message: "runs another build or plan".to_owned() });
            }
            ToCoordinator::Ready => self.someone_started = true,
            ToCoordinator::Gone { message } => self.gone.push(format!("{worker}: {message}")),
            _ => {}
        }
        self.handle(message.event(worker))
    }

    /// Keeps the first error and has everyone stop.
    fn give_up(&mut self, error: DispatchError) -> Result<(), DispatchError> {
        if self.error.is_none() {
            self.error = Some(error);
            self.handle(Event::StopRequested)?;
        }
        Ok(())
    }

    /// Feeds an event to the coordinator and carries its commands out, and those of the events that they lead to.
    fn handle(&mut self, event: Event) -> Result<(), DispatchError> {
        let mut commands: VecDeque<Command> = self.feed(event).into();
        while let Some(command) = commands.pop_front() {
            let watched = match command {
                Command::Assign { worker, task } => {
                    self.transport.send(worker, ToWorker::Assign(task))?;
                    Ok(())
                }
                Command::Drain { worker } => {
                    self.transport.send(worker, ToWorker::Drain)?;
                    Ok(())
                }
                Command::Release { worker } => {
                    self.transport.send(worker, ToWorker::Release)?;
                    Ok(())
                }
                Command::Note(note) => self.observer.note(&note),
                Command::MarkFailed { cells, reason } => self.observer.failed(&cells, &reason),
                Command::Split { parent, children } => self.observer.split(parent, &children),
                Command::AskMore => match self.observer.more() {
                    _ if self.error.is_some() => {
                        commands.extend(self.feed(Event::NoMore));
                        Ok(())
                    }
                    Ok(tasks) => {
                        commands.extend(self.feed(Event::More(tasks)));
                        Ok(())
                    }
                    Err(error) => {
                        commands.extend(self.feed(Event::NoMore));
                        Err(error)
                    }
                },
                Command::End(mut outcome) => {
                    let concluded = self.observer.conclude(&mut outcome);
                    self.outcome = Some(outcome);
                    concluded
                }
            };
            if let Err(error) = watched
                && self.error.is_none()
            {
                self.error = Some(DispatchError::Observer(error));
                commands.extend(self.feed(Event::StopRequested));
            }
        }
        Ok(())
    }

    fn feed(&mut self, event: Event) -> Vec<Command> {
        self.coordinator.handle(event, self.began.elapsed().as_secs_f64())
    }

    fn show(&mut self) {
        if let Err(error) = self.observer.progress(&self.coordinator.progress())
            && self.error.is_none()
        {
            self.error = Some(DispatchError::Observer(error));
            // The same way as a stop signal: the loop hears of it in its next round.
            self.settings.stop.store(true, Ordering::Relaxed);
        }
    }
}
