//! The coordinator: a pure state machine that decides who trains what. Events and the time go in, commands come out;
//! it knows no thread, no clock, no MPI and no disk.
//!
//! Invariants: a cohort is in the hands of at most one worker, and of none after it is settled; every cell ends up
//! finished, marked as failed, or left for a relaunch; when nobody can do work any more, or nothing is left to do, the
//! run ends. An event costs O(log n) in the number of cohorts; [`Event::Tick`] is linear in the workers.

mod ledger;
mod memory;
mod roster;
#[cfg(test)]
mod tests;

use super::event::{Command, Event, Note};
use super::message::{CohortId, FailureReason, WorkerId};
use super::outcome::{CellFailure, End, Outcome, Progress, Seconds, StopCause, WorkerProgress};
use ledger::{Ledger, State};
use memory::MemoryLimit;
use roster::{Phase, Roster};

/// The rules of one run, in seconds on the coordinator's clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// When the allocation ends.
    pub deadline: Option<Seconds>,
    /// Time kept free before the deadline for checkpoints and the orderly end: when it begins, everyone is drained.
    pub margin: Seconds,
    /// A cohort that has crashed so often is not tried again as it is. At least 1.
    pub max_attempts: u32,
    /// A worker not heard for so long is lost; `None` where a worker's death is noticed otherwise.
    pub silence: Option<Seconds>,
    /// The same, before its first word: ranks start at different times.
    pub join_silence: Seconds,
    /// A worker that has not given its cohort back so long after it was asked to is lost.
    pub drain_grace: Seconds,
    /// Whether the run can go on after a worker fell silent (threads) or not (MPI).
    pub survives_loss: bool,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            deadline: None,
            margin: 60.0,
            max_attempts: 2,
            silence: None,
            join_silence: 600.0,
            drain_grace: 120.0,
            survives_loss: true,
        }
    }
}

/// How far measured times are allowed to scale predicted ones when the walltime is near. Too low costs a checkpoint,
/// too high leaves a worker idle; a few odd cohorts should do neither.
const RATIO: std::ops::RangeInclusive<f64> = 0.5..=10.0;

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
    began: Seconds,
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
    finished_predicted: Seconds,
    finished_measured: Seconds,
    ratio_sum: f64,
    ratio_squares: f64,
    ratio_count: u64,
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
            now,
            last_tick: now,
            ledger: Ledger::default(),
            roster,
            memory: MemoryLimit::unknown(),
            supply: Supply::Open,
            stopping: None,
            starved: false,
            ended: false,
            finished_predicted: 0.0,
            finished_measured: 0.0,
            ratio_sum: 0.0,
            ratio_squares: 0.0,
            ratio_count: 0,
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

    fn take_in(&mut self, event: Event, out: &mut Vec<Command>) {
        match event {
            Event::Joined { worker } => {
                self.roster.expect(worker, self.now);
                self.hear(worker);
                if let Some(w) = self.roster.get_mut(worker)
                    && !std::mem::replace(&mut w.joined, true)
                {
                    out.push(Command::Note(Note::Joined { worker }));
                }
            }
            Event::Ready { worker } => {
                self.roster.expect(worker, self.now);
                self.hear(worker);
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

    /// Whether the worker has this cohort in its hands; notes it if not.
    fn holds(&mut self, worker: WorkerId, cohort: CohortId, word: &str, out: &mut Vec<Command>) -> bool {
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

    /// The worker has nothing in hand: it waits for work, or is let go if the run is being stopped.
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

    fn finished(&mut self, worker: WorkerId, cohort: CohortId, seconds: Seconds, out: &mut Vec<Command>) {
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
            // A resumed cohort was not trained whole in this time.
            if task.predicted_seconds > 0.0 && !task.resume {
                let ratio = seconds / task.predicted_seconds;
                self.finished_predicted += task.predicted_seconds;
                self.finished_measured += seconds;
                self.ratio_sum += ratio;
                self.ratio_squares += ratio * ratio;
                self.ratio_count += 1;
            }
        }
        let cells = self.ledger.finish(cohort, out);
        out.push(Command::Note(Note::Finished { worker, cohort, cells, seconds }));
        if !late {
            self.worker_is_free(worker, out);
        }
    }

    fn interrupted(&mut self, worker: WorkerId, cohort: CohortId, out: &mut Vec<Command>) {
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

    /// A cohort came to grief on a worker: again, in pieces, or never.
    fn failed(
        &mut self,
        worker: WorkerId,
        cohort: CohortId,
        reason: FailureReason,
        message: String,
        out: &mut Vec<Command>,
    ) {
        let Some(task) = self.ledger.task(cohort) else { return };
        let counts = matches!(reason, FailureReason::Crash | FailureReason::Error);
        let attempt = task.attempt.saturating_add(u32::from(counts));
        let (cells, footprint) = (task.cells.len(), task.footprint());
        let noted = Note::Failed { worker, cohort, reason, message: message.clone(), attempt };
        out.push(Command::Note(noted));
        match reason {
            FailureReason::Storage => {
                self.ledger.give_back(cohort, |_| {});
                self.stop(StopCause::Storage { message }, out);
            }
            FailureReason::OutOfMemory => {
                if self.memory.overflowed(footprint) {
                    out.push(Command::Note(Note::MemoryLimit { footprint: self.memory.largest() }));
                }
                if cells > 1 {
                    let parts = self.memory.pieces(footprint, cells).max(2);
                    self.ledger.split(cohort, parts, out);
                } else {
                    self.ledger.give_up(cohort, CellFailure::OutOfMemory { message }, out);
                }
            }
            FailureReason::Crash | FailureReason::Error => {
                if attempt < self.rules.max_attempts {
                    self.ledger.give_back(cohort, |task| task.attempt = attempt);
                } else if cells > 1 {
                    self.ledger.split(cohort, 2, out);
                } else if reason == FailureReason::Crash {
                    self.ledger.give_up(cohort, CellFailure::Crash { message, attempts: attempt }, out);
                } else {
                    self.ledger.give_up(cohort, CellFailure::Error { message, attempts: attempt }, out);
                }
            }
        }
    }

    /// A worker is gone. `clean` if its going leaves the transport whole.
    fn lose(&mut self, worker: WorkerId, message: String, clean: bool, out: &mut Vec<Command>) {
        self.roster.expect(worker, self.now);
        let phase = self.roster.phase(worker);
        if matches!(phase, Phase::Lost | Phase::Released) {
            return;
        }
        let cohort = phase.cohort();
        out.push(Command::Note(Note::Lost { worker, cohort, message: message.clone() }));
        self.roster.set(worker, Phase::Lost, self.now);
        if let Some(w) = self.roster.get_mut(worker) {
            (w.lost_with, w.silent) = (cohort, !clean);
        }
        if let Some(cohort) = cohort {
            if clean || self.rules.survives_loss {
                self.failed(worker, cohort, FailureReason::Crash, message, out);
            } else {
                self.ledger.give_back(cohort, |_| {});
            }
        }
        if !clean && !self.rules.survives_loss {
            self.stop(StopCause::WorkerLost, out);
        }
    }

    fn tick(&mut self, out: &mut Vec<Command>) {
        // If no tick came for long, it was the coordinator that stood still, and it cannot blame the others.
        let gap = self.now - self.last_tick;
        self.last_tick = self.now;
        let patience = self.rules.silence.unwrap_or(self.rules.join_silence).min(self.rules.drain_grace);
        if gap > patience / 2.0 {
            self.roster.forgive(gap);
            out.push(Command::Note(Note::StoodStill { seconds: gap }));
        }
        let mut gone = Vec::new();
        for (id, worker) in self.roster.iter() {
            let silent = self.now - worker.heard;
            match (worker.phase, self.rules.silence) {
                (Phase::Draining(_), _) if self.now - worker.since > self.rules.drain_grace => {
                    gone.push((id, format!("asked to stop, but still busy after {:.0} s", self.now - worker.since)));
                }
                (Phase::Starting, Some(_)) if !worker.joined => {
                    if silent > self.rules.join_silence {
                        gone.push((id, format!("never started: nothing heard for {silent:.0} s")));
                    }
                }
                (Phase::Starting | Phase::Idle | Phase::Busy(_) | Phase::Draining(_), Some(limit))
                    if silent > limit =>
                {
                    gone.push((id, format!("silent for {silent:.0} s: stopped, or its node is dead or cut off")));
                }
                _ => {}
            }
        }
        for (worker, message) in gone {
            self.lose(worker, message, false, out);
        }
        if let Some(deadline) = self.rules.deadline
            && self.now >= deadline - self.rules.margin
            && !self.ledger.is_settled()
        {
            self.stop(StopCause::Walltime, out);
        }
    }

    fn stop(&mut self, cause: StopCause, out: &mut Vec<Command>) {
        if self.stopping.is_some() {
            return;
        }
        self.stopping = Some(cause.clone());
        out.push(Command::Note(Note::Stopping { cause }));
        for worker in self.roster.which(|p| matches!(p, Phase::Starting | Phase::Idle)) {
            self.release(worker, out);
        }
        let busy: Vec<(WorkerId, CohortId)> = (self.roster.iter())
            .filter_map(|(id, w)| if let Phase::Busy(cohort) = w.phase { Some((id, cohort)) } else { None })
            .collect();
        for (worker, cohort) in busy {
            self.roster.set(worker, Phase::Draining(cohort), self.now);
            out.push(Command::Drain { worker });
        }
    }

    /// Gives idle workers the next cohorts.
    fn hand_out(&mut self, out: &mut Vec<Command>) {
        if self.stopping.is_some() {
            return;
        }
        let measured =
            if self.finished_predicted > 0.0 { self.finished_measured / self.finished_predicted } else { 1.0 };
        let ratio = measured.clamp(*RATIO.start(), *RATIO.end());
        let room = |from: Seconds| self.rules.deadline.map_or(Seconds::INFINITY, |d| d - self.rules.margin - from);
        let left = room(self.now);
        let (limit, hopeless) = (left / ratio, room(self.began) / ratio);
        while let Some(worker) = self.roster.an_idle_one() {
            let Some(cohort) = self.ledger.next(limit, hopeless) else {
                if self.ledger.has_ready() {
                    self.starved = true;
                    out.push(Command::Note(Note::NothingFits { worker, left }));
                    self.release(worker, out);
                    continue;
                }
                return;
            };
            if self.cut_down(cohort, out) {
                continue;
            }
            let Some(task) = self.ledger.start(cohort, worker) else { return };
            self.roster.set(worker, Phase::Busy(cohort), self.now);
            let (cells, attempt) = (task.cells.clone(), task.attempt);
            out.push(Command::Note(Note::Started { worker, cohort, cells, attempt }));
            out.push(Command::Assign { worker, task });
        }
    }

    /// Splits or gives up a ready cohort that must not be handed out as it is. Returns whether it did.
    fn cut_down(&mut self, cohort: CohortId, out: &mut Vec<Command>) -> bool {
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
        let mut running_predicted = 0.0;
        let workers = (self.roster.iter())
            .map(|(worker, w)| {
                let cohort = w.phase.cohort();
                let task = cohort.and_then(|c| self.ledger.task(c));
                running_predicted += task.map_or(0.0, |t| t.predicted_seconds * (1.0 - w.done_fraction));
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
            finished_predicted: self.finished_predicted,
            finished_measured: self.finished_measured,
            ratio_squares: self.ratio_squares,
            ratio_sum: self.ratio_sum,
            ratio_count: self.ratio_count,
            waiting_predicted: self.ledger.waiting_predicted,
            running_predicted,
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
