//! The events of a simulated job, in the order of their times: what ranks do, what rank 0 hears, and what it costs.
//!
//! Invariants: events of one time happen in the order in which they were announced; rank 0 takes in one message at a time,
//! and what it sends leaves one after the other.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use super::super::coordinator::{Coordinator, Rules};
use super::super::event::{Command, Event, Note};
use super::super::outcome::{End, Seconds};
use super::super::task::{CohortTask, TaskId, WorkerId};
use super::job::{Draws, Job};
use super::report::Report;
use crate::pack::{Limits, Pending, pack};

/// How often the coordinator is told the time, as in a run.
const TICK: Seconds = 0.1;

/// Ticks between two looks at how far the run is: fewer than in a run, since each costs the same.
const LOOK: u64 = 600;

/// Without a sign of life for so long, a rank is lost: the defaults of a run.
const SILENCE: Seconds = 60.0;
const DRAIN_GRACE: Seconds = 120.0;

/// Ranks come up within this time.
const START: Seconds = 5.0;

/// What happens.
enum Happening {
    /// Rank 0 hears that a rank wants work.
    Ready(WorkerId),
    /// A rank's trainer comes to its end, unless it was stopped or died: `turn` tells.
    Ends { rank: u32, turn: u32 },
    /// Rank 0 hears that a cohort is finished.
    Finished { rank: u32, cohort: TaskId, seconds: Seconds },
    /// Rank 0 hears that a cohort was given back.
    GivenBack { rank: u32, cohort: TaskId },
    /// Rank 0 hears a rank's signs of life.
    Beat(u32),
    /// A rank hears of a cohort.
    Assigned { rank: u32, task: Box<CohortTask> },
    /// A rank hears that it is to stop.
    Drained(u32),
    /// The coordinator is told the time.
    Tick,
}

struct At {
    time: Seconds,
    number: u64,
    what: Happening,
}

impl PartialEq for At {
    fn eq(&self, other: &At) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for At {}

impl PartialOrd for At {
    fn partial_cmp(&self, other: &At) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for At {
    fn cmp(&self, other: &At) -> Ordering {
        self.time.total_cmp(&other.time).then(self.number.cmp(&other.number))
    }
}

/// A rank at work.
struct Work {
    task: CohortTask,
    began: Seconds,
    /// Share that was done before, from a checkpoint.
    before: f64,
    /// Seconds that the whole cohort takes this rank.
    whole: Seconds,
    /// When the rank stops, if it was asked to.
    stops: Option<Seconds>,
}

impl Work {
    fn done(&self, now: Seconds) -> f64 {
        (self.before + (now - self.began) / self.whole.max(1e-9)).clamp(0.0, 1.0)
    }
}

#[derive(Default)]
struct Rank {
    work: Option<Work>,
    turn: u32,
    dies: Seconds,
    /// When it last came to the end of a cohort.
    idle_from: Seconds,
}

/// One allocation.
struct Allocation<'a> {
    job: &'a Job,
    coordinator: Coordinator,
    ranks: Vec<Rank>,
    events: BinaryHeap<Reverse<At>>,
    number: u64,
    /// Until when rank 0 is busy.
    busy_until: Seconds,
    busy: Seconds,
    /// Capacity left over since nothing is left to be handed out: when that was.
    empty_since: Option<Seconds>,
    end: Option<(Seconds, End)>,
    stopping: bool,
    /// Where cohorts stand that were interrupted: their cells and the share done.
    saved: &'a mut BTreeMap<TaskId, (Vec<u32>, f64)>,
    done: &'a mut [bool],
    report: &'a mut Report,
    clock: &'a mut dyn FnMut() -> Seconds,
}

/// All allocations of a job.
pub(super) struct Play<'a> {
    job: &'a Job,
    clock: &'a mut dyn FnMut() -> Seconds,
    watch: &'a mut dyn FnMut(&str),
}

impl<'a> Play<'a> {
    pub(super) fn new(job: &'a Job, clock: &'a mut dyn FnMut() -> Seconds, watch: &'a mut dyn FnMut(&str)) -> Self {
        Play { job, clock, watch }
    }

    pub(super) fn run(self) -> Report {
        let Play { job, clock, watch } = self;
        let cells: u32 = job.kinds.iter().map(|kind| kind.cells).sum();
        let mut done = vec![false; cells as usize];
        let (mut report, mut saved) = (Report::default(), BTreeMap::new());
        let speed: f64 = job.speeds.iter().sum();
        let (mut busy, mut tail) = (0.0, 0.0);
        // A job whose allocations bring nothing is given up, as in a run.
        while report.cells < u64::from(cells) && report.allocations < 1000 {
            let tasks = tasks(job, &done, &saved);
            watch("packed");
            let workers: Vec<WorkerId> = (0..job.speeds.len() as u32).map(WorkerId).collect();
            let rules = Rules {
                deadline: job.walltime,
                margin: job.margin,
                silence: Some(SILENCE),
                drain_grace: DRAIN_GRACE,
                survives_loss: false,
                ..Rules::default()
            };
            let mut draws = Draws::new(job.seed, 1 + u64::from(report.allocations));
            let mut life = || match job.mean_life {
                // The inverse of the exponential distribution; 1 - u is never 0.
                Some(mean) => -mean * (1.0 - draws.uniform()).ln(),
                None => Seconds::INFINITY,
            };
            let ranks = workers.iter().map(|_| Rank { dies: life(), ..Rank::default() }).collect();
            let mut allocation = Allocation {
                job,
                coordinator: Coordinator::new(rules, &workers, 0.0),
                ranks,
                events: BinaryHeap::new(),
                number: 0,
                busy_until: 0.0,
                busy: 0.0,
                empty_since: None,
                end: None,
                stopping: false,
                saved: &mut saved,
                done: &mut done,
                report: &mut report,
                clock: &mut *clock,
            };
            allocation.feed(Event::More(tasks), 0.0);
            watch("handed to the coordinator");
            allocation.play();
            let seconds = allocation.end.as_ref().map_or(0.0, |(at, _)| *at);
            busy += allocation.busy;
            let lost = allocation.empty_since.map_or(0.0, |since| allocation.idle(since, seconds));
            tail = lost;
            report.allocations += 1;
            report.seconds += seconds;
        }
        watch("ended");
        report.ideal /= speed;
        report.tail = tail / (speed * report.seconds);
        report.busy = busy / report.seconds;
        report
    }
}

/// The cohorts that are left: those with a checkpoint as they were, the rest packed anew.
fn tasks(job: &Job, done: &[bool], saved: &BTreeMap<TaskId, (Vec<u32>, f64)>) -> Vec<CohortTask> {
    let mut first = 0;
    let kind_from: Vec<u32> = (job.kinds.iter())
        .map(|kind| {
            first += kind.cells;
            first - kind.cells
        })
        .collect();
    let kind_of = |cell: u32| kind_from.partition_point(|&from| from <= cell) - 1;
    let task = |id: TaskId, cells: Vec<u32>, resume: bool| CohortTask {
        id,
        least: cells.first().map_or(1, |&cell| job.kinds[kind_of(cell)].at_once.efficient as u32),
        predicted_seconds: cells.iter().map(|&cell| job.kinds[kind_of(cell)].seconds).sum(),
        cells,
        memory: 0,
        attempt: 0,
        needs: Vec::new(),
        resume,
    };
    let pinned: std::collections::HashSet<u32> = saved.values().flat_map(|(cells, _)| cells.iter().copied()).collect();
    let pending: Vec<Pending> = (job.kinds.iter().enumerate())
        .map(|(k, kind)| Pending {
            cells: (kind_from[k]..kind_from[k] + kind.cells)
                .filter(|cell| !done[*cell as usize] && !pinned.contains(cell))
                .collect(),
            kind: k as u32,
            seconds: kind.seconds,
            bytes: 1,
            shared_bytes: 1,
            at_once: kind.at_once,
        })
        .collect();
    let limits = Limits { workers: job.speeds.len(), memory: 1 << 40, most_replicas: job.replicas };
    let mut tasks: Vec<CohortTask> = saved.iter().map(|(&id, (cells, _))| task(id, cells.clone(), true)).collect();
    tasks.extend(pack(&pending, &limits).into_iter().map(|packed| {
        let id = TaskId(u64::from(packed.cells[0]));
        task(id, packed.cells, false)
    }));
    tasks
}

impl Allocation<'_> {
    fn play(&mut self) {
        let mut draws = Draws::new(self.job.seed, u64::MAX - u64::from(self.report.allocations));
        for rank in 0..self.ranks.len() as u32 {
            let up = START * draws.uniform();
            self.at(up + self.job.latency, Happening::Ready(WorkerId(rank)));
            // Beats are out of step with one another, as ranks that came up at different times are.
            self.at(up + self.job.latency + self.job.heartbeat, Happening::Beat(rank));
        }
        self.at(TICK, Happening::Tick);
        while self.end.is_none() {
            let Some(Reverse(At { time, what, .. })) = self.events.pop() else { break };
            self.happen(time, what);
        }
    }

    fn at(&mut self, time: Seconds, what: Happening) {
        self.number += 1;
        self.events.push(Reverse(At { time, number: self.number, what }));
    }

    fn happen(&mut self, now: Seconds, what: Happening) {
        match what {
            Happening::Ready(worker) => self.hear(Event::Ready { worker }, now),
            Happening::Finished { rank, cohort, seconds } => {
                self.hear(Event::Finished { worker: WorkerId(rank), cohort, seconds }, now);
            }
            Happening::GivenBack { rank, cohort } => {
                self.hear(Event::Interrupted { worker: WorkerId(rank), cohort }, now);
            }
            Happening::Beat(rank) => self.beat(rank, now),
            Happening::Tick => {
                let at = now.max(self.busy_until);
                let before = (self.clock)();
                let commands = self.coordinator.handle(Event::Tick, at);
                self.report.ticking += (self.clock)() - before;
                self.report.ticks += 1;
                self.obey(commands, at);
                if self.report.ticks.is_multiple_of(LOOK) {
                    let before = (self.clock)();
                    std::hint::black_box(self.coordinator.progress());
                    self.report.looking += (self.clock)() - before;
                    self.report.looks += 1;
                }
                // The root's own signs of life, one to each rank.
                let beats = (self.job.heartbeat / TICK).round().max(1.0) as u64;
                if self.report.ticks.is_multiple_of(beats) {
                    self.occupy(at, self.job.send * self.ranks.len() as f64);
                }
                self.at(now + TICK, Happening::Tick);
            }
            Happening::Assigned { rank, task } => self.begin(rank, *task, now),
            Happening::Drained(rank) => self.drain(rank, now),
            Happening::Ends { rank, turn } => self.ends(rank, turn, now),
        }
    }

    fn begin(&mut self, rank: u32, task: CohortTask, now: Seconds) {
        let speed = self.job.speeds[rank as usize];
        let before = self.saved.remove(&task.id).map_or(0.0, |(_, share)| share);
        // The prediction of a cohort that was given back in this allocation is of its rest.
        let predicted: Seconds = task.predicted_seconds;
        let ratio = ratio(&self.job.ratios, Draws::new(self.job.seed ^ task.id.0, 0).uniform());
        let whole = predicted * ratio / speed;
        let of_rank = &mut self.ranks[rank as usize];
        of_rank.turn += 1;
        let (turn, ends) = (of_rank.turn, now + whole * (1.0 - before));
        of_rank.work = Some(Work { task, began: now, before, whole, stops: None });
        self.at(ends, Happening::Ends { rank, turn });
    }

    fn drain(&mut self, rank: u32, now: Seconds) {
        let reaction = self.job.epoch * Draws::new(self.job.seed, u64::from(rank) << 32).uniform();
        let of_rank = &mut self.ranks[rank as usize];
        let turn = of_rank.turn;
        if let Some(work) = &mut of_rank.work {
            work.stops = Some(now + reaction);
            self.at(now + reaction, Happening::Ends { rank, turn });
        }
    }

    /// A rank's trainer is done, or stops.
    fn ends(&mut self, rank: u32, turn: u32, now: Seconds) {
        let speed = self.job.speeds[rank as usize];
        let of_rank = &mut self.ranks[rank as usize];
        if of_rank.turn != turn || of_rank.dies <= now {
            return;
        }
        let Some(work) = of_rank.work.take() else { return };
        of_rank.idle_from = now;
        let arrives = now + self.job.latency;
        let done = work.done(now);
        self.report.ideal += (done - work.before) * work.whole * speed;
        let (cohort, seconds) = (work.task.id, work.whole);
        // What rounding leaves of a cohort that came to its end.
        if work.stops.is_none() || done > 1.0 - 1e-9 {
            for &cell in &work.task.cells {
                assert!(!std::mem::replace(&mut self.done[cell as usize], true), "cell {cell} is finished twice");
            }
            self.report.cells += work.task.cells.len() as u64;
            self.report.cohorts += 1;
            self.at(arrives, Happening::Finished { rank, cohort, seconds });
        } else {
            self.saved.insert(cohort, (work.task.cells, done));
            self.at(arrives, Happening::GivenBack { rank, cohort });
        }
    }

    /// A rank's sign of life reaches rank 0: how far its cohort is, if it trains.
    fn beat(&mut self, rank: u32, now: Seconds) {
        let worker = WorkerId(rank);
        let of_rank = &self.ranks[rank as usize];
        if of_rank.dies <= now {
            self.report.deaths += 1;
            // Its cohort goes on from the last checkpoint.
            if let Some(work) = self.ranks[rank as usize].work.take() {
                let kept = (work.done(now) * work.whole / self.job.checkpoint).floor() * self.job.checkpoint;
                let share = (kept / work.whole.max(1e-9)).max(work.before);
                if share > 0.0 {
                    self.saved.insert(work.task.id, (work.task.cells, share));
                }
            }
            return;
        }
        let told = of_rank.work.as_ref().map(|work| (work.task.id, work.done(now - self.job.latency)));
        let event = match told {
            Some((cohort, done_fraction)) => Event::Heartbeat { worker, cohort, epoch: 0, done_fraction },
            None => Event::Alive { worker },
        };
        self.hear(event, now);
        self.at(now + self.job.heartbeat, Happening::Beat(rank));
    }

    /// Rank 0 is busy for so long, from `now` on or from when it has done what it was at.
    fn occupy(&mut self, now: Seconds, seconds: Seconds) -> Seconds {
        self.busy_until = self.busy_until.max(now) + seconds;
        self.busy += seconds;
        self.busy_until
    }

    /// Rank 0 takes a message in that arrives now, when it has done what came before.
    fn hear(&mut self, event: Event, now: Seconds) {
        let waited = self.busy_until - now;
        if !self.stopping {
            self.report.longest_wait = self.report.longest_wait.max(waited);
        }
        let at = self.occupy(now, self.job.receive);
        self.report.messages += 1;
        self.feed(event, at);
    }

    fn feed(&mut self, event: Event, at: Seconds) {
        let before = (self.clock)();
        let commands = self.coordinator.handle(event, at);
        self.report.handling += (self.clock)() - before;
        self.obey(commands, at);
    }

    fn obey(&mut self, commands: Vec<Command>, at: Seconds) {
        let mut commands = VecDeque::from(commands);
        while let Some(command) = commands.pop_front() {
            match command {
                Command::Assign { worker, task } => {
                    let leaves = self.occupy(at, self.job.send);
                    let task = Box::new(task);
                    self.at(leaves + self.job.latency, Happening::Assigned { rank: worker.0, task });
                }
                Command::Drain { worker } => {
                    let leaves = self.occupy(at, self.job.send);
                    self.at(leaves + self.job.latency, Happening::Drained(worker.0));
                }
                Command::Release { .. } => _ = self.occupy(at, self.job.send),
                Command::AskMore => {
                    commands.extend(self.coordinator.handle(Event::NoMore, at));
                }
                Command::Note(Note::Stopping { .. }) => self.stopping = true,
                Command::Note(_) | Command::MarkFailed { .. } | Command::Split { .. } => {}
                Command::End(outcome) => self.end = Some((at, outcome.end)),
            }
        }
        if self.empty_since.is_none() && !self.stopping && !self.coordinator.has_ready() {
            self.empty_since = Some(at);
        }
    }

    /// Capacity that was not used from `since` to `end`, when nothing was left to be handed out.
    fn idle(&self, since: Seconds, end: Seconds) -> f64 {
        (self.ranks.iter().zip(&self.job.speeds))
            .map(|(rank, speed)| {
                let until = rank.idle_from.max(since);
                (end - until).max(0.0) * speed
            })
            .sum()
    }
}

/// The value at `share` of evenly spaced quantiles, linear between them; 1 if there are none.
fn ratio(quantiles: &[f64], share: f64) -> f64 {
    let Some(last) = quantiles.len().checked_sub(1) else { return 1.0 };
    let place = share * last as f64;
    let below = (place as usize).min(last);
    let above = (below + 1).min(last);
    quantiles[below] + (quantiles[above] - quantiles[below]) * (place - below as f64)
}
