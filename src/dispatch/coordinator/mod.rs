//! The coordinator: a pure state machine that decides who trains what. Events and the time go in, commands come out;
//! it knows no thread, no clock, no MPI and no disk.
//!
//! Invariants: a cohort is in the hands of at most one worker, and of none after it is settled; every cell ends up
//! finished, marked as failed, or left for a relaunch; when nobody can do work any more, or nothing is left to do, the
//! run ends. An event costs O(log n) in the number of cohorts; [`Event::Tick`] is linear in the workers.

mod ledger;
mod memory;
mod pace;
mod roster;
mod rules;
mod speed;
#[cfg(test)]
mod tests;
mod trouble;

use super::event::{Command, Event, Note};
use super::outcome::{CellFailure, End, Outcome, Progress, Seconds, StopCause, WorkerProgress};
use super::task::{TaskId, WorkerId};
use ledger::{Ledger, Pick, State};
use memory::MemoryLimit;
use pace::Pace;
use roster::{Phase, Roster};
pub use rules::Rules;

/// Whether there may be more tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Supply {
    /// Not asked since the last tasks came.
    Open,
    /// Asked; no answer yet.
    Asked,
    /// There is nothing more.
    Closed,
}

/// The state machine. See the module.
#[derive(Debug)]
pub struct Coordinator {
    rules: Rules,
    /// When the first cohort could be handed out. Until then: when the coordinator began.
    began: Seconds,
    /// Whether a cohort could be handed out yet.
    open: bool,
    now: Seconds,
    last_tick: Seconds,
    ledger: Ledger,
    roster: Roster,
    memory: MemoryLimit,
    supply: Supply,
    stopping: Option<StopCause>,
    /// Someone was let go because nothing fits any more.
    starved: bool,
    ended: bool,
    pace: Pace,
}

impl Coordinator {
    /// A coordinator that expects these workers. It does nothing until its first event, normally [`Event::More`].
    pub fn new(rules: Rules, workers: &[WorkerId], now: Seconds) -> Coordinator {
        let mut roster = Roster::default();
        for &worker in workers {
            roster.expect(worker, now);
        }
        Coordinator {
            rules,
            began: now,
            open: false,
            now,
            last_tick: now,
            ledger: Ledger::default(),
            roster,
            memory: MemoryLimit::unknown(),
            supply: Supply::Open,
            stopping: None,
            starved: false,
            ended: false,
            pace: Pace::default(),
        }
    }

    /// Takes one event in; returns what is to be done, in order. `now` never runs backwards: an earlier time counts as
    /// the latest one seen.
    pub fn handle(&mut self, event: Event, now: Seconds) -> Vec<Command> {
        self.now = self.now.max(now);
        let mut out = Vec::new();
        if self.ended {
            if let Event::Joined { worker } | Event::Ready { worker } = event {
                out.push(Command::Release { worker });
            }
            return out;
        }
        self.take_in(event, &mut out);
        self.hand_out(&mut out);
        self.conclude(&mut out);
        out
    }

    /// Whether [`Command::End`] has been given.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether a cohort waits for a worker.
    pub(in crate::dispatch) fn has_ready(&self) -> bool {
        self.ledger.has_ready()
    }

    fn take_in(&mut self, event: Event, out: &mut Vec<Command>) {
        match event {
            Event::Joined { worker } => self.join(worker, out),
            Event::Ready { worker } => {
                self.join(worker, out);
                match self.roster.phase(worker) {
                    Phase::Starting | Phase::Idle => self.worker_is_free(worker, out),
                    Phase::Released | Phase::Lost => out.push(Command::Release { worker }),
                    Phase::Busy(cohort) | Phase::Draining(cohort) => {
                        unexpected(worker, format!("ready while it has {cohort}"), out);
                    }
                }
            }
            Event::Finished { worker, cohort, seconds } => self.finished(worker, cohort, seconds, out),
            Event::Interrupted { worker, cohort } => self.interrupted(worker, cohort, out),
            Event::Failed { worker, cohort, reason, message } => {
                if self.holds(worker, cohort, "failed", out) {
                    self.failed(worker, cohort, reason, message, out);
                    self.worker_is_free(worker, out);
                }
            }
            Event::Heartbeat { worker, cohort, epoch, done_fraction } => {
                self.hear(worker);
                // A report on an earlier cohort that was overtaken says nothing; no need to note it.
                if self.roster.phase(worker).cohort() == Some(cohort)
                    && let Some(w) = self.roster.get_mut(worker)
                {
                    w.epoch = epoch;
                    w.done_fraction = if done_fraction.is_finite() { done_fraction.clamp(0.0, 1.0) } else { 0.0 };
                    w.began_at.get_or_insert(w.done_fraction);
                }
            }
            Event::Alive { worker } => self.hear(worker),
            Event::Tick => self.tick(out),
            Event::StopRequested => self.stop(StopCause::Requested, out),
            Event::Lost { worker, message } => self.lose(worker, message, true, out),
            Event::More(tasks) => {
                if tasks.is_empty() && self.supply == Supply::Asked {
                    self.supply = Supply::Closed;
                } else if !tasks.is_empty() {
                    self.supply = Supply::Open;
                    self.ledger.add(tasks, out);
                }
            }
            Event::NoMore => self.supply = Supply::Closed,
        }
    }

    fn hear(&mut self, worker: WorkerId) {
        let now = self.now;
        if let Some(w) = self.roster.get_mut(worker) {
            w.heard = now;
        }
    }

    fn join(&mut self, worker: WorkerId, out: &mut Vec<Command>) {
        self.roster.expect(worker, self.now);
        self.hear(worker);
        if let Some(w) = self.roster.get_mut(worker)
            && !std::mem::replace(&mut w.joined, true)
        {
            out.push(Command::Note(Note::Joined { worker }));
        }
    }

    /// Whether the worker has this cohort in its hands; notes it if not.
    fn holds(&mut self, worker: WorkerId, cohort: TaskId, word: &str, out: &mut Vec<Command>) -> bool {
        self.hear(worker);
        let holds = self.roster.phase(worker).cohort() == Some(cohort);
        if !holds {
            unexpected(worker, format!("{word} {cohort}, which it does not have"), out);
            if self.roster.phase(worker) == Phase::Lost {
                out.push(Command::Release { worker });
            }
        }
        holds
    }

    /// The worker has no cohort: it waits for work, or is let go if the run is being stopped.
    fn worker_is_free(&mut self, worker: WorkerId, out: &mut Vec<Command>) {
        if self.stopping.is_some() {
            self.release(worker, out);
        } else {
            self.roster.set(worker, Phase::Idle, self.now);
        }
    }

    fn release(&mut self, worker: WorkerId, out: &mut Vec<Command>) {
        self.roster.set(worker, Phase::Released, self.now);
        out.push(Command::Release { worker });
    }

    fn finished(&mut self, worker: WorkerId, cohort: TaskId, seconds: Seconds, out: &mut Vec<Command>) {
        // A worker taken for lost may come back with its work. If nobody else has begun it, it is done.
        let was_its = self.roster.get_mut(worker).is_some_and(|w| w.lost_with == Some(cohort));
        let late = was_its && self.ledger.state(cohort) == Some(State::Ready);
        if late {
            out.push(Command::Release { worker });
        } else if !self.holds(worker, cohort, "finished", out) {
            return;
        }
        let seconds = if seconds.is_finite() { seconds.max(0.0) } else { 0.0 };
        if let Some(task) = self.ledger.task(cohort) {
            self.memory.fitted(task.footprint());
            self.pace.finished(task, seconds);
            if !task.resume {
                self.roster.learn(worker, task.predicted_seconds, seconds);
            }
        }
        let cells = self.ledger.finish(cohort, out);
        out.push(Command::Note(Note::Finished { worker, cohort, cells, seconds }));
        if !late {
            self.worker_is_free(worker, out);
        }
    }

    fn interrupted(&mut self, worker: WorkerId, cohort: TaskId, out: &mut Vec<Command>) {
        if !self.holds(worker, cohort, "gave back", out) {
            return;
        }
        let left = 1.0 - self.roster.get_mut(worker).map_or(0.0, |w| w.done_fraction);
        self.ledger.give_back(cohort, |task| {
            task.resume = true;
            task.predicted_seconds *= left;
        });
        out.push(Command::Note(Note::Interrupted { worker, cohort }));
        // Asked for or not: who gives a cohort back is leaving. Handing it another would only come back the same way.
        self.release(worker, out);
    }

    /// Gives idle workers the next cohorts.
    fn hand_out(&mut self, out: &mut Vec<Command>) {
        if self.stopping.is_some() {
            return;
        }
        if !self.open && self.roster.an_idle_one().is_some() && self.ledger.has_ready() {
            // What is started late is started late in every allocation. If the time from now on is too short for a
            // cohort, then it is hopeless and may start: waiting for a better allocation would be waiting for ever.
            self.open = true;
            self.began = self.now;
        }
        let room = |from: Seconds| self.rules.deadline.map_or(Seconds::INFINITY, |d| d - self.rules.margin - from);
        let (left, all) = (room(self.now), room(self.began));
        while let Some(worker) = self.roster.an_idle_one() {
            let ratio = self.pace.ratio_of(self.roster.speed(worker));
            let portion = self.roster.portion(worker, self.ledger.waiting_predicted);
            let Some(pick) = self.ledger.next(left / ratio, all / ratio, portion) else {
                if self.ledger.has_ready() {
                    self.starved = true;
                    out.push(Command::Note(Note::NothingFits { worker, left }));
                    self.release(worker, out);
                    continue;
                }
                return;
            };
            let (Pick::Whole(cohort) | Pick::Cut(cohort, _)) = pick;
            if self.cut_down(cohort, out) {
                continue;
            }
            let cohort = match pick {
                Pick::Whole(cohort) => cohort,
                Pick::Cut(whole, cells) => self.ledger.cut(whole, cells).unwrap_or(whole),
            };
            let Some(task) = self.ledger.start(cohort, worker) else { return };
            self.roster.set(worker, Phase::Busy(cohort), self.now);
            let (cells, attempt) = (task.cells.clone(), task.attempt);
            out.push(Command::Note(Note::Started { worker, cohort, cells, attempt }));
            out.push(Command::Assign { worker, task });
        }
    }

    /// Splits or gives up a ready cohort that must not be handed out as it is. Returns whether it did.
    fn cut_down(&mut self, cohort: TaskId, out: &mut Vec<Command>) -> bool {
        let Some(task) = self.ledger.task(cohort) else { return false };
        let (cells, attempts) = (task.cells.len(), task.attempt);
        let pieces = self.memory.pieces(task.footprint(), cells);
        if attempts >= self.rules.max_attempts {
            if cells > 1 {
                self.ledger.split(cohort, 2, out);
            } else {
                let message = "took its worker down in earlier runs".to_owned();
                self.ledger.give_up(cohort, CellFailure::Crash { message, attempts }, out);
            }
            return true;
        }
        if pieces > 1 {
            self.ledger.split(cohort, pieces, out);
            return true;
        }
        false
    }

    /// Ends the run, or asks for more, if nothing is left to do or nobody to do it.
    fn conclude(&mut self, out: &mut Vec<Command>) {
        if self.ledger.is_stuck() {
            self.ledger.give_up_stuck(out);
        }
        let end = if self.ledger.is_settled() {
            match self.supply {
                Supply::Open => {
                    self.supply = Supply::Asked;
                    out.push(Command::AskMore);
                    return;
                }
                Supply::Asked => return,
                // A lost worker holds nothing by now; waiting for one that drains would be for its `Finished` alone.
                Supply::Closed if self.ledger.failed > 0 => End::FailedCells,
                Supply::Closed => End::Complete,
            }
        } else if self.roster.any_active() {
            return;
        } else {
            let starved = if self.starved { StopCause::Walltime } else { StopCause::NoWorkers };
            End::Interrupted(self.stopping.clone().unwrap_or(starved))
        };
        for worker in self.roster.which(|p| !matches!(p, Phase::Released | Phase::Lost)) {
            self.release(worker, out);
        }
        self.ended = true;
        let ledger = &self.ledger;
        out.push(Command::End(Outcome {
            end,
            done: ledger.done,
            failed: ledger.failed,
            left: ledger.total - ledger.done - ledger.failed,
            lost: self.roster.iter().filter(|(_, w)| w.silent).map(|(id, _)| id).collect(),
        }));
    }

    /// How far the run is. Linear in the workers.
    pub fn progress(&self) -> Progress {
        let (mut running_predicted, mut running_done) = (0.0, 0.0);
        let workers = (self.roster.iter())
            .map(|(worker, w)| {
                let cohort = w.phase.cohort();
                let task = cohort.and_then(|c| self.ledger.task(c));
                let predicted = task.map_or(0.0, |t| t.predicted_seconds);
                running_predicted += predicted * (1.0 - w.done_fraction);
                running_done += predicted * (w.done_fraction - w.began_at.unwrap_or(w.done_fraction)).max(0.0);
                WorkerProgress {
                    worker,
                    activity: w.phase.activity(),
                    cohort,
                    cells: task.map_or(0, |t| t.cells.len() as u64),
                    seconds: self.now - w.since,
                    epoch: w.epoch,
                    done_fraction: w.done_fraction,
                    silent: self.now - w.heard,
                }
            })
            .collect();
        Progress {
            total: self.ledger.total,
            done: self.ledger.done,
            failed: self.ledger.failed,
            running: self.ledger.running_cells,
            finished_predicted: self.pace.predicted,
            finished_measured: self.pace.measured,
            ratio_squares: self.pace.squares,
            ratio_sum: self.pace.ratios,
            ratio_count: self.pace.count,
            waiting_predicted: self.ledger.waiting_predicted,
            running_predicted,
            running_done,
            workers,
        }
    }

    /// Recounts everything that is kept as a running count, and checks that workers and cohorts agree on who has what.
    ///
    /// # Errors
    /// A description of the first disagreement: a bug.
    pub fn sanity_check(&self) -> Result<(), String> {
        self.ledger.sanity_check()?;
        self.roster.sanity_check()?;
        let mut running = 0;
        for (id, worker) in self.roster.iter() {
            if let Some(cohort) = worker.phase.cohort() {
                if self.ledger.state(cohort) != Some(State::Running(id)) {
                    return Err(format!("{id} has {cohort}, which does not know: {:?}", self.ledger.state(cohort)));
                }
                running += 1;
            }
        }
        if running != self.ledger.running() {
            return Err(format!("{running} workers are busy, {} cohorts are running", self.ledger.running()));
        }
        if !self.ended && self.stopping.is_none() && self.roster.an_idle_one().is_some() && self.ledger.has_ready() {
            return Err("a worker idles while a cohort waits".to_owned());
        }
        Ok(())
    }
}

fn unexpected(worker: WorkerId, message: String, out: &mut Vec<Command>) {
    out.push(Command::Note(Note::Unexpected { worker, message }));
}
