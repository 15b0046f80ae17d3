//! The workers of a run: what each one does and when it was last heard.
//!
//! Invariant: `idle` holds exactly the workers whose phase is idle, `active` counts those that may still do work, and `speeds`
//! sums theirs.

use std::collections::{BTreeMap, BTreeSet};

use super::super::outcome::{Activity, Seconds};
use super::super::task::{TaskId, WorkerId};
use super::speed::{Portion, Speed, Speeds};

/// What a worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Expected; has not asked for work.
    Starting,
    /// Wants work.
    Idle,
    /// Has a cohort.
    Busy(TaskId),
    /// Has a cohort and was asked to give it back.
    Draining(TaskId),
    /// Was let go.
    Released,
    /// Silent or dead.
    Lost,
}

impl Phase {
    /// Its cohort.
    pub(super) fn cohort(self) -> Option<TaskId> {
        match self {
            Phase::Busy(cohort) | Phase::Draining(cohort) => Some(cohort),
            _ => None,
        }
    }

    fn is_active(self) -> bool {
        !matches!(self, Phase::Released | Phase::Lost)
    }

    /// The same, for [`WorkerProgress`](super::super::outcome::WorkerProgress).
    pub(super) fn activity(self) -> Activity {
        match self {
            Phase::Starting => Activity::Starting,
            Phase::Idle => Activity::Idle,
            Phase::Busy(_) => Activity::Training,
            Phase::Draining(_) => Activity::Draining,
            Phase::Released => Activity::Released,
            Phase::Lost => Activity::Lost,
        }
    }
}

/// One worker.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    pub(super) phase: Phase,
    /// When the phase began.
    pub(super) since: Seconds,
    /// When it was last heard.
    pub(super) heard: Seconds,
    /// Whether it has said its first word.
    pub(super) joined: bool,
    /// The cohort it was lost with.
    pub(super) lost_with: Option<TaskId>,
    /// Whether it was given up for its silence, and may still be there.
    pub(super) silent: bool,
    /// Last report on its cohort.
    pub(super) epoch: u64,
    pub(super) done_fraction: f64,
    /// Its first report on its cohort: what was done before, from a checkpoint, is not this run's pace.
    pub(super) began_at: Option<f64>,
    /// How fast it was so far.
    pub(super) speed: Option<Speed>,
}

/// Every worker of a run.
#[derive(Debug, Default)]
pub(super) struct Roster {
    workers: BTreeMap<WorkerId, Worker>,
    idle: BTreeSet<WorkerId>,
    active: usize,
    /// Speeds of the active ones.
    speeds: Speeds,
}

impl Roster {
    /// Puts a worker on the list, if it is not there.
    pub(super) fn expect(&mut self, worker: WorkerId, now: Seconds) {
        self.workers.entry(worker).or_insert_with(|| {
            self.active += 1;
            Worker {
                phase: Phase::Starting,
                since: now,
                heard: now,
                joined: false,
                lost_with: None,
                silent: false,
                epoch: 0,
                done_fraction: 0.0,
                began_at: None,
                speed: None,
            }
        });
    }

    /// One worker, for what is not its phase.
    pub(super) fn get_mut(&mut self, worker: WorkerId) -> Option<&mut Worker> {
        self.workers.get_mut(&worker)
    }

    /// A worker's phase; lost if it is not on the list.
    pub(super) fn phase(&self, worker: WorkerId) -> Phase {
        self.workers.get(&worker).map_or(Phase::Lost, |w| w.phase)
    }

    /// Changes a worker's phase.
    pub(super) fn set(&mut self, worker: WorkerId, phase: Phase, now: Seconds) {
        let Some(w) = self.workers.get_mut(&worker) else { return };
        self.active = self.active + usize::from(phase.is_active()) - usize::from(w.phase.is_active());
        if w.phase.is_active() && !phase.is_active() {
            self.speeds.forget(w.speed);
        }
        if w.phase.cohort() != phase.cohort() {
            (w.epoch, w.done_fraction, w.began_at) = (0, 0.0, None);
        }
        (w.phase, w.since) = (phase, now);
        if phase == Phase::Idle {
            self.idle.insert(worker);
        } else {
            self.idle.remove(&worker);
        }
    }

    /// A worker finished a cohort of so many predicted seconds in so many.
    pub(super) fn learn(&mut self, worker: WorkerId, predicted: Seconds, measured: Seconds) {
        let Some(w) = self.workers.get_mut(&worker) else { return };
        let speed = Speed::after(w.speed, predicted, measured);
        if w.phase.is_active() {
            self.speeds.forget(w.speed);
            self.speeds.count(speed);
        }
        w.speed = speed;
    }

    /// How fast a worker was so far; `None` before its first cohort, or where its cohorts had no prediction.
    pub(super) fn speed(&self, worker: WorkerId) -> Option<f64> {
        self.workers.get(&worker).and_then(|w| w.speed).map(Speed::value)
    }

    /// How long a cohort a worker should be given when so many predicted seconds of work wait.
    pub(super) fn portion(&self, worker: WorkerId, waiting: Seconds) -> Portion {
        self.speeds.portion(self.speed(worker), waiting, self.active)
    }

    /// A worker that wants work.
    pub(super) fn an_idle_one(&self) -> Option<WorkerId> {
        self.idle.first().copied()
    }

    /// Whether anyone may still do work.
    pub(super) fn any_active(&self) -> bool {
        self.active > 0
    }

    /// Everyone, by id.
    pub(super) fn iter(&self) -> impl Iterator<Item = (WorkerId, &Worker)> {
        self.workers.iter().map(|(&id, w)| (id, w))
    }

    /// Ids of everyone whose phase is as wanted.
    pub(super) fn which(&self, wanted: impl Fn(Phase) -> bool) -> Vec<WorkerId> {
        self.iter().filter(|(_, w)| wanted(w.phase)).map(|(id, _)| id).collect()
    }

    /// Time in which nobody could have been heard.
    pub(super) fn forgive(&mut self, seconds: Seconds) {
        for worker in self.workers.values_mut() {
            worker.heard += seconds;
            if let Phase::Draining(_) = worker.phase {
                worker.since += seconds;
            }
        }
    }

    /// Recounts everything.
    pub(super) fn sanity_check(&self) -> Result<(), String> {
        let idle: BTreeSet<WorkerId> = self.which(|p| p == Phase::Idle).into_iter().collect();
        let active = self.which(Phase::is_active).len();
        let mut speeds = Speeds::default();
        self.workers.values().filter(|w| w.phase.is_active()).for_each(|w| speeds.count(w.speed));
        if idle == self.idle && active == self.active && speeds.is_about(&self.speeds) {
            Ok(())
        } else {
            Err(format!("idle or active workers or their speeds miscounted: {self:?}"))
        }
    }
}
