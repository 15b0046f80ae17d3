//! The cohorts of a run: where each one stands, which is next, and who waits for whom.
//!
//! Invariants (checked by [`Ledger::sanity_check`]): a cohort is in `ready` exactly if its state says so; `open` counts
//! the blocked, ready and running ones; the cells of open cohorts, done and failed ones add up to the total. A cohort
//! that was split is settled when all its pieces are, and counts as failed if one of them did.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use super::super::event::{Command, Note};
use super::super::outcome::{CellFailure, Seconds};
use super::super::task::{CohortTask, TaskId, WorkerId};
use super::speed::Portion;

/// Where a cohort stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Waits for other cohorts.
    Blocked,
    /// Waits for a worker.
    Ready,
    /// In the hands of a worker.
    Running(WorkerId),
    /// Replaced by its pieces, which are not settled yet.
    Split,
    /// Finished.
    Done,
    /// Given up, in whole or (if it was split) in part.
    Failed,
}

/// One cohort and what hangs on it.
#[derive(Debug)]
struct Cohort {
    /// The task; once settled or split, its cells are gone.
    task: CohortTask,
    state: State,
    /// Needs that are not finished yet.
    waiting_on: u32,
    /// Cohorts that wait for this one.
    dependents: Vec<TaskId>,
    /// The cohort that this one is a piece of.
    parent: Option<TaskId>,
    /// If split: pieces not settled yet, and whether one failed.
    pieces: u32,
    broken: bool,
}

/// What a worker is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pick {
    /// A ready cohort.
    Whole(TaskId),
    /// So many cells of a ready cohort, which is to be cut.
    Cut(TaskId, usize),
}

/// Order of the queue: with a checkpoint first, then the longest; among equals the lowest id. The greatest key is next.
type Key = (bool, u64, Reverse<TaskId>);

/// A prediction as an integer of the same order. [`Ledger::add`] has made it finite and not negative, where the bits of
/// an IEEE 754 number grow with its value.
fn rank(seconds: Seconds) -> u64 {
    seconds.max(0.0).to_bits()
}

fn key(task: &CohortTask) -> Key {
    (task.resume, rank(task.predicted_seconds), Reverse(task.id))
}

/// Every cohort of a run.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    cohorts: HashMap<TaskId, Cohort>,
    ready: BTreeSet<Key>,
    /// Cohorts blocked, ready or running.
    open: usize,
    blocked: usize,
    running: usize,
    /// Cells of all tasks, of finished ones, of failed ones, and of running ones.
    pub(super) total: u64,
    pub(super) done: u64,
    pub(super) failed: u64,
    pub(super) running_cells: u64,
    /// Predicted seconds of blocked and ready cohorts.
    pub(super) waiting_predicted: Seconds,
}

impl Ledger {
    /// Takes tasks in. Needs that name cohorts neither here nor among the new ones count as finished.
    pub(super) fn add(&mut self, tasks: Vec<CohortTask>, out: &mut Vec<Command>) {
        let mut added = Vec::with_capacity(tasks.len());
        self.cohorts.reserve(tasks.len());
        for mut task in tasks {
            if self.cohorts.contains_key(&task.id) {
                out.push(Command::Note(Note::Duplicate { cohort: task.id }));
                continue;
            }
            if !(task.predicted_seconds.is_finite() && task.predicted_seconds > 0.0) {
                task.predicted_seconds = 0.0;
            }
            added.push(task.id);
            self.total += task.cells.len() as u64;
            self.insert(task, State::Blocked, None);
        }
        // Only now: a task may need one that comes after it.
        for id in added {
            let Some(needs) = self.cohorts.get_mut(&id).map(|c| std::mem::take(&mut c.task.needs)) else { continue };
            let mut waiting_on = 0;
            let mut failed = None;
            for need in needs {
                match self.cohorts.get_mut(&need) {
                    None => {}
                    Some(n) if n.state == State::Done => {}
                    Some(n) if n.state == State::Failed => failed = Some(need),
                    Some(n) => {
                        n.dependents.push(id);
                        waiting_on += 1;
                    }
                }
            }
            if let Some(cohort) = self.cohorts.get_mut(&id) {
                cohort.waiting_on = waiting_on;
            }
            match failed {
                // It may have failed already, with one of the new tasks that it needs.
                Some(need) if self.state(id) == Some(State::Blocked) => {
                    self.give_up(id, CellFailure::NeedFailed { cohort: need }, out);
                }
                Some(_) => {}
                None if waiting_on == 0 => self.unblock(id),
                None => {}
            }
        }
    }

    fn insert(&mut self, task: CohortTask, state: State, parent: Option<TaskId>) {
        self.open += 1;
        self.waiting_predicted += task.predicted_seconds;
        match state {
            State::Blocked => self.blocked += 1,
            _ => {
                self.ready.insert(key(&task));
            }
        }
        let (waiting_on, dependents, pieces, broken) = (0, Vec::new(), 0, false);
        self.cohorts.insert(task.id, Cohort { task, state, waiting_on, dependents, parent, pieces, broken });
    }

    fn unblock(&mut self, id: TaskId) {
        if let Some(cohort) = self.cohorts.get_mut(&id)
            && cohort.state == State::Blocked
        {
            cohort.state = State::Ready;
            self.blocked -= 1;
            self.ready.insert(key(&cohort.task));
        }
    }

    /// State of a cohort.
    pub(super) fn state(&self, id: TaskId) -> Option<State> {
        self.cohorts.get(&id).map(|c| c.state)
    }

    /// The task of a cohort.
    pub(super) fn task(&self, id: TaskId) -> Option<&CohortTask> {
        self.cohorts.get(&id).map(|c| &c.task)
    }

    /// Whether every cohort is settled.
    pub(super) fn is_settled(&self) -> bool {
        self.open == 0
    }

    /// Cohorts in the hands of workers.
    pub(super) fn running(&self) -> usize {
        self.running
    }

    /// Whether all that is left waits for something that will never come.
    pub(super) fn is_stuck(&self) -> bool {
        self.blocked > 0 && self.blocked == self.open
    }

    /// Whether a cohort waits for a worker.
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The next cohort to hand out: of those with a checkpoint, else of all ready ones, the longest that is predicted
    /// to take at most `limit`, or more than `hopeless`: one that no allocation of this length has room for must be
    /// done in pieces, from checkpoint to checkpoint, and can start at any time. Of those without a checkpoint, only what
    /// `portion` leaves to the worker.
    pub(super) fn next(&self, limit: Seconds, hopeless: Seconds, portion: Portion) -> Option<Pick> {
        if limit < 0.0 {
            return None;
        }
        [true, false].into_iter().find_map(|resume| {
            let lowest = (resume, 0, Reverse(TaskId(u64::MAX)));
            let highest = |bits| (resume, bits, Reverse(TaskId(0)));
            let within = |seconds| self.ready.range(lowest..=highest(rank(seconds))).next_back();
            let &(_, bits, Reverse(longest)) = self.ready.range(lowest..=highest(u64::MAX)).next_back()?;
            let most = match portion {
                _ if resume => None,
                Portion::AtMost(most) => Some(most.min(limit)),
                Portion::Stranger { try_first, hurry } => (bits <= rank(hurry)).then_some(try_first.min(limit)),
                Portion::Longest => None,
            };
            if let Some(most) = most.filter(|&most| bits > rank(most)) {
                // The longest first even so, or it would be left for the end.
                if let Some(cells) = self.portion_of(longest, most) {
                    return Some(Pick::Cut(longest, cells));
                }
                if let Some(key) = within(most) {
                    return Some(Pick::Whole(key.2.0));
                }
                if let Portion::AtMost(_) = portion
                    && let Some(&(_, bits, Reverse(shortest))) = self.ready.range(lowest..).next()
                    && bits <= rank(limit)
                {
                    return Some(
                        self.smallest_piece(shortest).map_or(Pick::Whole(shortest), |n| Pick::Cut(shortest, n)),
                    );
                }
            }
            if bits <= rank(limit) || bits > rank(hopeless) {
                return Some(Pick::Whole(longest));
            }
            within(limit).map(|key| Pick::Whole(key.2.0))
        })
    }

    /// How many cells of a ready cohort take at most so many predicted seconds, if a piece of them can be cut off: a cohort
    /// of which nothing is on disk yet, and of which both pieces would be large enough.
    fn portion_of(&self, id: TaskId, most: Seconds) -> Option<usize> {
        let task = &self.cohorts.get(&id)?.task;
        let cells = (task.cells.len() as f64 * most / task.predicted_seconds) as usize;
        (cells >= self.smallest_piece(id)? && cells + task.least.max(1) as usize <= task.cells.len()).then_some(cells)
    }

    /// The smallest number of cells that can be cut off a ready cohort, if it can be cut at all.
    fn smallest_piece(&self, id: TaskId) -> Option<usize> {
        let task = &self.cohorts.get(&id)?.task;
        let least = task.least.max(1) as usize;
        (!task.resume && task.attempt == 0 && 2 * least <= task.cells.len()).then_some(least)
    }

    /// Hands a ready cohort to a worker; returns the task.
    pub(super) fn start(&mut self, id: TaskId, worker: WorkerId) -> Option<CohortTask> {
        self.leave_queue(id)?;
        let cohort = self.cohorts.get_mut(&id)?;
        cohort.state = State::Running(worker);
        self.running += 1;
        self.running_cells += cohort.task.cells.len() as u64;
        Some(cohort.task.clone())
    }

    /// Takes a ready cohort out of the queue, still counted as open.
    fn leave_queue(&mut self, id: TaskId) -> Option<()> {
        let cohort = self.cohorts.get(&id).filter(|c| c.state == State::Ready)?;
        self.ready.remove(&key(&cohort.task));
        self.stop_waiting(cohort.task.predicted_seconds);
        Some(())
    }

    /// Takes a prediction out of the sum, which is exactly 0 again when nothing waits.
    fn stop_waiting(&mut self, seconds: Seconds) {
        self.waiting_predicted -= seconds;
        if self.ready.is_empty() && self.blocked == 0 {
            self.waiting_predicted = 0.0;
        }
    }

    /// A running cohort leaves its worker and goes back into the queue, changed by `change`.
    pub(super) fn give_back(&mut self, id: TaskId, change: impl FnOnce(&mut CohortTask)) {
        let Some(cohort) = self.cohorts.get_mut(&id) else { return };
        if let State::Running(_) = cohort.state {
            cohort.state = State::Ready;
            change(&mut cohort.task);
            self.running -= 1;
            self.running_cells -= cohort.task.cells.len() as u64;
            self.waiting_predicted += cohort.task.predicted_seconds;
            self.ready.insert(key(&cohort.task));
        }
    }

    /// A running or ready cohort is finished. Returns how many cells it had.
    pub(super) fn finish(&mut self, id: TaskId, out: &mut Vec<Command>) -> u64 {
        let cells = self.close(id);
        self.done += cells.len() as u64;
        self.settle(id, true, out);
        cells.len() as u64
    }

    /// A cohort in any open state is given up.
    pub(super) fn give_up(&mut self, id: TaskId, reason: CellFailure, out: &mut Vec<Command>) {
        let cells = self.close(id);
        self.failed += cells.len() as u64;
        out.push(Command::MarkFailed { cells, reason });
        self.settle(id, false, out);
    }

    /// Replaces a running or ready cohort by `parts` pieces, ready at once.
    pub(super) fn split(&mut self, id: TaskId, parts: usize, out: &mut Vec<Command>) {
        let Some(children) = self.cohorts.get(&id).map(|c| c.task.split(parts)) else { return };
        let children = self.replace(id, children);
        out.push(Command::Split { parent: id, children });
    }

    /// Cuts so many cells off a ready cohort of which nothing is on disk, so that nothing needs to be written down; answers
    /// the piece that has them.
    pub(super) fn cut(&mut self, id: TaskId, cells: usize) -> Option<TaskId> {
        let pieces = self.cohorts.get(&id)?.task.cut(cells);
        self.replace(id, pieces.into()).first().map(|piece| piece.id)
    }

    /// Puts pieces in the place of a running or ready cohort; answers them under the ids that they got.
    fn replace(&mut self, id: TaskId, mut pieces: Vec<CohortTask>) -> Vec<CohortTask> {
        self.close(id);
        for piece in &mut pieces {
            while self.cohorts.contains_key(&piece.id) {
                piece.id = TaskId(piece.id.0.wrapping_add(1) | TaskId::SPLIT);
            }
            self.insert(piece.clone(), State::Ready, Some(id));
        }
        if let Some(cohort) = self.cohorts.get_mut(&id) {
            cohort.state = State::Split;
            cohort.pieces = pieces.len() as u32;
        }
        pieces
    }

    /// Gives up everything that waits for something that will never come.
    pub(super) fn give_up_stuck(&mut self, out: &mut Vec<Command>) {
        let mut stuck: Vec<TaskId> =
            self.cohorts.iter().filter(|(_, c)| c.state == State::Blocked).map(|(&id, _)| id).collect();
        stuck.sort_unstable();
        for id in stuck {
            // One of them failing takes others with it.
            if self.state(id) == Some(State::Blocked) {
                self.give_up(id, CellFailure::Circular, out);
            }
        }
    }

    /// Takes an open cohort off every count of open ones; returns its cells. The caller says what becomes of it.
    fn close(&mut self, id: TaskId) -> Vec<u32> {
        let Some(cohort) = self.cohorts.get_mut(&id) else { return Vec::new() };
        let cells = std::mem::take(&mut cohort.task.cells);
        let (state, predicted) = (cohort.state, cohort.task.predicted_seconds);
        match state {
            State::Running(_) => {
                self.running -= 1;
                self.running_cells -= cells.len() as u64;
            }
            State::Ready => {
                self.leave_queue(id);
            }
            State::Blocked => {
                self.blocked -= 1;
                self.stop_waiting(predicted);
            }
            State::Split | State::Done | State::Failed => return cells,
        }
        self.open -= 1;
        cells
    }

    /// Tells a settled cohort's dependents and the cohort it is a piece of. A worklist, not a recursion: chains of
    /// needs may be long.
    fn settle(&mut self, id: TaskId, finished: bool, out: &mut Vec<Command>) {
        let mut settled = vec![(id, finished)];
        while let Some((id, finished)) = settled.pop() {
            let Some(cohort) = self.cohorts.get_mut(&id) else { continue };
            cohort.state = if finished { State::Done } else { State::Failed };
            let dependents = std::mem::take(&mut cohort.dependents);
            let parent = cohort.parent;
            for dependent in dependents {
                let Some(waiting) = self.cohorts.get_mut(&dependent) else { continue };
                if waiting.state != State::Blocked {
                    continue;
                }
                if finished {
                    waiting.waiting_on -= 1;
                    if waiting.waiting_on == 0 {
                        self.unblock(dependent);
                    }
                } else {
                    let cells = self.close(dependent);
                    self.failed += cells.len() as u64;
                    out.push(Command::MarkFailed { cells, reason: CellFailure::NeedFailed { cohort: id } });
                    settled.push((dependent, false));
                    // Settled twice otherwise, if it needs two cohorts that fail in the same breath.
                    if let Some(closed) = self.cohorts.get_mut(&dependent) {
                        closed.state = State::Failed;
                    }
                }
            }
            if let Some(parent) = parent
                && let Some(whole) = self.cohorts.get_mut(&parent)
            {
                whole.pieces -= 1;
                whole.broken |= !finished;
                if whole.pieces == 0 {
                    settled.push((parent, !whole.broken));
                }
            }
        }
    }

    /// Recounts everything.
    pub(super) fn sanity_check(&self) -> Result<(), String> {
        let count = |wanted: fn(State) -> bool| self.cohorts.values().filter(|c| wanted(c.state)).count();
        let ready = count(|s| s == State::Ready);
        let blocked = count(|s| s == State::Blocked);
        let running = count(|s| matches!(s, State::Running(_)));
        let cells: u64 = self.cohorts.values().map(|c| c.task.cells.len() as u64).sum();
        let running_cells: u64 = (self.cohorts.values())
            .filter(|c| matches!(c.state, State::Running(_)))
            .map(|c| c.task.cells.len() as u64)
            .sum();
        let waiting: Seconds = (self.cohorts.values())
            .filter(|c| matches!(c.state, State::Ready | State::Blocked))
            .map(|c| c.task.predicted_seconds)
            .sum();
        let queued = self.cohorts.values().filter(|c| self.ready.contains(&key(&c.task))).count();
        let checks = [
            (ready == self.ready.len() && queued == ready, "the queue does not hold exactly the ready cohorts"),
            (blocked == self.blocked, "blocked cohorts miscounted"),
            (running == self.running, "running cohorts miscounted"),
            (ready + blocked + running == self.open, "open cohorts miscounted"),
            (running_cells == self.running_cells, "running cells miscounted"),
            (cells + self.done + self.failed == self.total, "cells lost or counted twice"),
            // Sums of the same terms in another order.
            ((waiting - self.waiting_predicted).abs() <= 1e-6 * (1.0 + waiting), "predicted seconds miscounted"),
            (
                self.cohorts.values().all(|c| c.state != State::Blocked || c.waiting_on > 0),
                "a blocked cohort waits for nothing",
            ),
        ];
        match checks.into_iter().find(|(holds, _)| !holds) {
            Some((_, what)) => Err(format!("{what}: {self:?}")),
            None => Ok(()),
        }
    }
}
