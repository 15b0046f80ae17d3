//! What the coordinator does when something goes wrong: failed cohorts, lost workers, time running out, stopping.

use super::super::event::{Command, Note};
use super::super::outcome::{CellFailure, StopCause};
use super::super::task::{FailureReason, TaskId, WorkerId};
use super::Coordinator;
use super::roster::Phase;

impl Coordinator {
    /// A cohort came to grief on a worker: again, in pieces, or never.
    pub(super) fn failed(
        &mut self,
        worker: WorkerId,
        cohort: TaskId,
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
    pub(super) fn lose(&mut self, worker: WorkerId, message: String, clean: bool, out: &mut Vec<Command>) {
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

    pub(super) fn tick(&mut self, out: &mut Vec<Command>) {
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
            let (silent, busy) = (self.now - worker.heard, self.now - worker.since);
            let patience =
                if worker.joined { self.rules.silence } else { self.rules.silence.and(Some(self.rules.join_silence)) };
            if matches!(worker.phase, Phase::Released | Phase::Lost) {
                continue;
            } else if matches!(worker.phase, Phase::Draining(_)) && busy > self.rules.drain_grace {
                gone.push((id, format!("asked to stop, but still busy after {busy:.0} s")));
            } else if patience.is_some_and(|p| silent > p) {
                gone.push((id, format!("silent for {silent:.0} s: stopped, or its node is dead or cut off")));
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

    pub(super) fn stop(&mut self, cause: StopCause, out: &mut Vec<Command>) {
        if self.stopping.is_some() {
            return;
        }
        self.stopping = Some(cause.clone());
        out.push(Command::Note(Note::Stopping { cause }));
        for worker in self.roster.which(|p| matches!(p, Phase::Starting | Phase::Idle)) {
            self.release(worker, out);
        }
        let busy: Vec<(WorkerId, TaskId)> = (self.roster.iter())
            .filter_map(|(id, w)| if let Phase::Busy(cohort) = w.phase { Some((id, cohort)) } else { None })
            .collect();
        for (worker, cohort) in busy {
            self.roster.set(worker, Phase::Draining(cohort), self.now);
            out.push(Command::Drain { worker });
        }
    }
}
