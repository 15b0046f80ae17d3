//! The coordinator against arbitrary histories: any order of events, any failures, any losses.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::*;
use super::task;
use crate::dispatch::outcome::CellFailure;
use crate::dispatch::task::{CohortTask, FailureReason};

/// What a history is drawn from.
#[derive(Debug, Clone)]
struct Scenario {
    sizes: Vec<u32>,
    needs: Vec<(u8, u8)>,
    seconds: Vec<u16>,
    poison: BTreeSet<u32>,
    capacity: u32,
    workers: u32,
    survives: bool,
    deadline: Option<u16>,
    /// Tasks held back for the answer to `AskMore`.
    later: usize,
    choices: Vec<(u8, u8, u8)>,
    troubled: bool,
}

fn scenario() -> impl Strategy<Value = Scenario> {
    let tasks = prop::collection::vec((1..12u32, 0..200u16), 0..14);
    let needs = prop::collection::vec((any::<u8>(), any::<u8>()), 0..8);
    let poison = prop::collection::btree_set(0..60u32, 0..4);
    let machine = (1..12u32, 1..5u32, any::<bool>(), prop::option::of(50..600u16), 0..4usize, any::<bool>());
    let choices = prop::collection::vec(any::<(u8, u8, u8)>(), 0..120);
    (tasks, needs, poison, machine, choices).prop_map(|(tasks, needs, poison, machine, choices)| {
        let (sizes, seconds) = tasks.into_iter().unzip();
        let (capacity, workers, survives, deadline, later, troubled) = machine;
        Scenario { sizes, needs, seconds, poison, capacity, workers, survives, deadline, later, choices, troubled }
    })
}

/// The world around a coordinator: workers that do what cells and chance make them do.
struct Play {
    coordinator: Coordinator,
    scenario: Scenario,
    now: Seconds,
    held: BTreeMap<WorkerId, CohortTask>,
    drained: BTreeSet<WorkerId>,
    finished: BTreeSet<u32>,
    failed: BTreeMap<u32, CellFailure>,
    later: Vec<CohortTask>,
    outcome: Option<Outcome>,
    /// Who has been lost or silent: what they do later is not to be trusted.
    absent: BTreeSet<WorkerId>,
    /// Cohorts by what they need, to check the order.
    needs: BTreeMap<TaskId, Vec<u32>>,
    /// Time that there was for work when the first cohort was handed out.
    most: Option<f64>,
}

impl Play {
    fn new(scenario: Scenario) -> (Play, Vec<CohortTask>) {
        let mut first = 0;
        let mut tasks = Vec::new();
        for (i, (&size, &seconds)) in scenario.sizes.iter().zip(&scenario.seconds).enumerate() {
            tasks.push(task(i as u64, first..first + size, f64::from(seconds)));
            first += size;
        }
        let mut needs = BTreeMap::new();
        for &(a, b) in &scenario.needs {
            let (a, b) = (usize::from(a), usize::from(b));
            if tasks.len() > 1 && a % tasks.len() != b % tasks.len() {
                // Of the lower id, so that there are no circles; given in reverse, so that the order does not matter.
                let (low, high) = ((a % tasks.len()).min(b % tasks.len()), (a % tasks.len()).max(b % tasks.len()));
                tasks[high].needs.push(TaskId(low as u64));
                let cells = tasks[low].cells.clone();
                needs.entry(TaskId(high as u64)).or_insert_with(Vec::new).extend(cells);
            }
        }
        let later = tasks.split_off(tasks.len().saturating_sub(scenario.later));
        tasks.reverse();
        let rules = Rules {
            deadline: scenario.deadline.map(f64::from),
            margin: 20.0,
            silence: Some(30.0),
            join_silence: 50.0,
            drain_grace: 25.0,
            survives_loss: scenario.survives,
            ..Rules::default()
        };
        let workers: Vec<WorkerId> = (0..scenario.workers).map(WorkerId).collect();
        let play = Play {
            coordinator: Coordinator::new(rules, &workers, 0.0),
            scenario,
            now: 0.0,
            held: BTreeMap::new(),
            drained: BTreeSet::new(),
            finished: BTreeSet::new(),
            failed: BTreeMap::new(),
            later,
            outcome: None,
            absent: BTreeSet::new(),
            needs,
            most: None,
        };
        (play, tasks)
    }

    fn feed(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for command in self.coordinator.handle(event, self.now) {
                assert!(self.outcome.is_none() || matches!(command, Command::Release { .. }), "a word after the end");
                match command {
                    Command::Assign { worker, task } => self.assign(worker, task),
                    Command::Drain { worker } => {
                        assert!(self.held.contains_key(&worker));
                        self.drained.insert(worker);
                    }
                    Command::MarkFailed { cells, reason } => {
                        for cell in cells {
                            assert!(!self.finished.contains(&cell), "a finished cell is given up");
                            assert!(self.failed.insert(cell, reason.clone()).is_none(), "given up twice");
                        }
                    }
                    Command::AskMore => {
                        let more = std::mem::take(&mut self.later);
                        events.push(if more.is_empty() { Event::NoMore } else { Event::More(more) });
                    }
                    Command::End(outcome) => self.outcome = Some(outcome),
                    // From here on its cohort is the coordinator's again.
                    Command::Note(Note::Lost { worker, .. }) => {
                        self.held.remove(&worker);
                        self.absent.insert(worker);
                    }
                    Command::Release { .. } | Command::Note(_) | Command::Split { .. } => {}
                }
            }
        }
        self.coordinator.sanity_check().unwrap();
    }

    fn assign(&mut self, worker: WorkerId, task: CohortTask) {
        assert!(!self.drained.contains(&worker));
        for cell in &task.cells {
            assert!(!self.finished.contains(cell) && !self.failed.contains_key(cell), "a settled cell is handed out");
            let twice = self.held.iter().find(|(_, t)| t.cells.contains(cell));
            assert!(twice.is_none(), "cell {cell} is handed out twice: {twice:?}");
        }
        for cell in self.needs.get(&task.id).into_iter().flatten() {
            assert!(self.finished.contains(cell), "{} before what it needs", task.id);
        }
        if let Some(deadline) = self.scenario.deadline {
            let left = f64::from(deadline) - 20.0 - self.now;
            let all = *self.most.get_or_insert(left);
            // Every cohort of the play takes what was predicted: the ratio is 1 (or no prediction was made).
            assert!(left >= 0.0 && (task.predicted_seconds <= left || task.predicted_seconds > all));
        }
        let before = self.held.insert(worker, task);
        assert!(before.is_none(), "{worker} gets a second cohort");
    }

    /// The worker's cohort goes the way of its cells.
    fn work(&mut self, worker: WorkerId) {
        let Some(task) = self.held.remove(&worker) else { return };
        let cohort = task.id;
        let message = "why".to_owned();
        let event = if task.cells.len() as u32 > self.scenario.capacity {
            Event::Failed { worker, cohort, reason: FailureReason::OutOfMemory, message }
        } else if task.cells.iter().any(|c| self.scenario.poison.contains(c)) {
            Event::Failed { worker, cohort, reason: FailureReason::Crash, message }
        } else if self.drained.contains(&worker) && cohort.0 % 2 == 0 {
            Event::Interrupted { worker, cohort }
        } else {
            self.finished.extend(&task.cells);
            Event::Finished { worker, cohort, seconds: task.predicted_seconds }
        };
        self.feed(event);
    }

    fn present(&self) -> Vec<WorkerId> {
        (0..self.scenario.workers).map(WorkerId).filter(|w| !self.absent.contains(w)).collect()
    }

    fn step(&mut self, (what, who, how): (u8, u8, u8)) {
        let present = self.present();
        let Some(&worker) = present.get(usize::from(who) % present.len().max(1)) else { return };
        let cohort = TaskId(u64::from(how) % 16);
        match what % 16 {
            0..=2 => self.feed(Event::Ready { worker }),
            3..=8 => self.work(worker),
            9 => {
                // Time passes in steps that are shorter than any patience; those present are heard.
                for _ in 0..how % 8 {
                    self.now += 5.0;
                    for &w in &present {
                        self.feed(Event::Alive { worker: w });
                    }
                    self.feed(Event::Tick);
                }
            }
            10 => self.feed(Event::Joined { worker }),
            11 => self.feed(Event::Heartbeat { worker, cohort, epoch: 3, done_fraction: 0.5 }),
            // Words that make no sense.
            12 if self.held.get(&worker).is_none_or(|t| t.id != cohort) => {
                self.feed(Event::Finished { worker, cohort, seconds: 1.0 });
                self.feed(Event::Interrupted { worker, cohort });
                let reason = FailureReason::Crash;
                self.feed(Event::Failed { worker, cohort, reason, message: String::new() });
            }
            13 if self.scenario.troubled => {
                self.held.remove(&worker);
                self.absent.insert(worker);
                self.feed(Event::Lost { worker, message: "died".into() });
            }
            14 if self.scenario.troubled => {
                // Silent from now on.
                self.absent.insert(worker);
            }
            15 if self.scenario.troubled && how < 40 => self.feed(Event::StopRequested),
            15 if self.scenario.troubled && how < 120 => {
                if let Some(task) = self.held.remove(&worker) {
                    self.absent.insert(worker);
                    self.feed(Event::Interrupted { worker, cohort: task.id });
                }
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn no_cell_is_lost_or_doubled_and_every_run_ends(scenario in scenario()) {
        let (mut play, tasks) = Play::new(scenario.clone());
        play.feed(Event::More(tasks));
        for &choice in &scenario.choices {
            play.step(choice);
        }
        // Whoever is there does what is asked, and time passes.
        for _ in 0..2000 {
            if play.outcome.is_some() {
                break;
            }
            for worker in play.present() {
                if play.held.contains_key(&worker) { play.work(worker) } else { play.feed(Event::Ready { worker }) }
            }
            play.step((9, 0, 1));
            if play.present().is_empty() {
                play.now += 5.0;
                play.feed(Event::Tick);
            }
        }
        let outcome = play.outcome.clone().expect("the run does not end");
        let given: u64 = scenario.sizes.iter().map(|&s| u64::from(s)).sum();
        let held_back: u64 = play.later.iter().map(|t| t.cells.len() as u64).sum();
        prop_assert_eq!(outcome.done, play.finished.len() as u64);
        prop_assert_eq!(outcome.failed, play.failed.len() as u64);
        prop_assert_eq!(outcome.done + outcome.failed + outcome.left + held_back, given);
        prop_assert!(play.finished.is_disjoint(&scenario.poison));
        match outcome.end {
            End::Complete => prop_assert!(outcome.failed == 0 && outcome.left == 0 && held_back == 0),
            End::FailedCells => prop_assert!(outcome.failed > 0 && outcome.left == 0 && held_back == 0),
            End::Interrupted(_) => prop_assert!(outcome.left > 0),
        }
        if !scenario.troubled && scenario.deadline.is_none() {
            prop_assert!(!matches!(outcome.end, End::Interrupted(_)));
            // Nobody is to blame but poison, cells that need it, and nothing else.
            for (cell, reason) in &play.failed {
                let to_blame = scenario.poison.contains(cell) && matches!(reason, CellFailure::Crash { .. });
                prop_assert!(to_blame || matches!(reason, CellFailure::NeedFailed { .. }), "{} {:?}", cell, reason);
            }
        }
    }
}
