//! The coordinator's rules, one by one.

use std::collections::BTreeSet;

use super::super::*;
use super::task;
use crate::dispatch::outcome::CellFailure;
use crate::dispatch::task::{CohortTask, FailureReason};

fn assigned(commands: &[Command]) -> Vec<(u32, u64)> {
    let pick = |c: &Command| match c {
        Command::Assign { worker, task } => Some((worker.0, task.id.0)),
        _ => None,
    };
    commands.iter().filter_map(pick).collect()
}

fn ended(commands: &[Command]) -> Option<&Outcome> {
    commands.iter().find_map(|c| if let Command::End(outcome) = c { Some(outcome) } else { None })
}

fn released(commands: &[Command], worker: u32) -> bool {
    commands.contains(&Command::Release { worker: WorkerId(worker) })
}

/// A coordinator with tasks taken in and `workers` ready at time 0; also what their readiness led to.
fn started(rules: Rules, tasks: Vec<CohortTask>, workers: u32) -> (Coordinator, Vec<Command>) {
    let ids: Vec<WorkerId> = (0..workers).map(WorkerId).collect();
    let mut coordinator = Coordinator::new(rules, &ids, 0.0);
    let mut out = coordinator.handle(Event::More(tasks), 0.0);
    for &worker in &ids {
        out.extend(coordinator.handle(Event::Ready { worker }, 0.0));
    }
    (coordinator, out)
}

fn finish(coordinator: &mut Coordinator, worker: u32, cohort: u64, now: Seconds) -> Vec<Command> {
    let (worker, cohort) = (WorkerId(worker), TaskId(cohort));
    coordinator.handle(Event::Finished { worker, cohort, seconds: 1.0 }, now)
}

fn fail(coordinator: &mut Coordinator, worker: u32, cohort: u64, reason: FailureReason) -> Vec<Command> {
    let (worker, cohort) = (WorkerId(worker), TaskId(cohort));
    coordinator.handle(Event::Failed { worker, cohort, reason, message: "why".into() }, 0.0)
}

#[test]
fn checkpointed_first_then_longest_then_lowest_id() {
    let mut tasks = vec![task(1, 0..1, 5.0), task(2, 1..2, 9.0), task(3, 2..3, 1.0), task(4, 3..4, 5.0)];
    tasks[2].resume = true;
    tasks.push(task(5, 4..5, f64::NAN));
    let (mut c, out) = started(Rules::default(), tasks, 1);
    let mut order = assigned(&out);
    while order.len() < 5 {
        let (_, last) = order[order.len() - 1];
        order.extend(assigned(&finish(&mut c, 0, last, 1.0)));
    }
    assert_eq!(order.iter().map(|o| o.1).collect::<Vec<_>>(), [3, 2, 1, 4, 5]);
}

#[test]
fn asks_for_more_once_for_each_exhaustion_and_ends_when_there_is_none() {
    let (mut c, _) = started(Rules::default(), vec![task(1, 0..2, 1.0)], 1);
    assert!(finish(&mut c, 0, 1, 1.0).contains(&Command::AskMore));
    assert_eq!(c.handle(Event::Tick, 2.0), []);
    assert_eq!(assigned(&c.handle(Event::More(vec![task(2, 2..3, 1.0)]), 2.0)), [(0, 2)]);
    assert!(finish(&mut c, 0, 2, 3.0).contains(&Command::AskMore));
    let out = c.handle(Event::More(vec![]), 3.0);
    assert!(released(&out, 0));
    let outcome = ended(&out).unwrap();
    assert_eq!((&outcome.end, outcome.done, outcome.left), (&End::Complete, 3, 0));
    // Whoever comes too late is sent home.
    assert_eq!(c.handle(Event::Ready { worker: WorkerId(9) }, 4.0), [Command::Release { worker: WorkerId(9) }]);
}

#[test]
fn a_slow_worker_gets_pieces_of_what_is_left_and_a_fast_one_whole_cohorts() {
    let tasks = (0..10).map(|k| task(k, 20 * k as u32..20 * k as u32 + 20, 20.0)).collect();
    let given = |out: &[Command]| -> Vec<(u32, TaskId, u32)> {
        assert!(!out.iter().any(|command| matches!(command, Command::Split { .. })), "nothing of it is on disk");
        let of = |command: &Command| match command {
            Command::Assign { worker, task } => Some((worker.0, task.id, task.cells.len() as u32)),
            _ => None,
        };
        out.iter().filter_map(of).collect()
    };
    let finish = |c: &mut Coordinator, (worker, cohort, cells): (u32, TaskId, u32), speed: f64| {
        let seconds = f64::from(cells) / speed;
        given(&c.handle(Event::Finished { worker: WorkerId(worker), cohort, seconds }, 100.0))[0]
    };
    let (mut c, out) = started(Rules::default(), tasks, 2);
    // Of 200 s on two workers of which nothing is known, an eighth of a worker's half: 12.5 s, then of what is left 11.75.
    let [fast, slow] = given(&out)[..] else { panic!("{out:?}") };
    assert_eq!((fast.0, fast.2, slow.0, slow.2), (0, 12, 1, 11));
    // 8 predicted seconds a second: whole cohorts.
    let fast = finish(&mut c, fast, 8.0);
    assert_eq!((fast.0, fast.2), (0, 20));
    // Half a second a second, of 157 that are left to 8.5: two fifths of the 18.5 s until then, 3.7.
    let slow = finish(&mut c, slow, 0.5);
    assert_eq!((slow.0, slow.2), (1, 3));
    // To the end, every cell once, and the slow one never holds more than it does in two fifths of what is left.
    let (mut done, mut held) = (23, [fast, slow]);
    while c.progress().waiting_predicted > 0.0 {
        for (place, speed) in [(0, 8.0), (0, 8.0), (1, 0.5)] {
            let waiting = c.progress().waiting_predicted;
            done += held[place].2;
            let seconds = f64::from(held[place].2) / speed;
            let (worker, cohort) = (WorkerId(place as u32), held[place].1);
            let Some(&next) = given(&c.handle(Event::Finished { worker, cohort, seconds }, 100.0)).first() else {
                held[place].2 = 0;
                break;
            };
            assert!(place == 0 || f64::from(next.2) <= (0.2 * waiting / 8.5).max(1.0), "{next:?} of {waiting}");
            held[place] = next;
            c.sanity_check().unwrap();
        }
    }
    assert_eq!(done + held[0].2 + held[1].2, 200);
}

#[test]
fn near_the_walltime_only_what_fits_is_started() {
    let rules = Rules { deadline: Some(100.0), margin: 10.0, ..Rules::default() };
    let tasks = vec![task(1, 0..1, 80.0), task(2, 1..2, 50.0), task(3, 2..3, 15.0), task(4, 3..4, 10.0)];
    let (mut c, out) = started(rules, tasks, 1);
    assert_eq!(assigned(&out), [(0, 1)]);
    // 90 − 70 = 20 s are left for work: 50 does not fit, 15 does.
    let finished = Event::Finished { worker: WorkerId(0), cohort: TaskId(1), seconds: 80.0 };
    assert_eq!(assigned(&c.handle(finished, 70.0)), [(0, 3)]);
    // 3 took 30 s instead of 15; 95 s predicted took 110: 10 s predicted are 11.6, and 12 are left.
    let finished = Event::Finished { worker: WorkerId(0), cohort: TaskId(3), seconds: 30.0 };
    assert_eq!(assigned(&c.handle(finished, 78.0)), [(0, 4)]);
    let finished = Event::Finished { worker: WorkerId(0), cohort: TaskId(4), seconds: 2.0 };
    let out = c.handle(finished, 80.0);
    assert!(released(&out, 0));
    let outcome = ended(&out).unwrap();
    assert_eq!((&outcome.end, outcome.left), (&End::Interrupted(StopCause::Walltime), 1));
}

/// A cohort that fits between the deadline and the margin, but not after the ranks have started, fits in no allocation of
/// this length: it starts, and goes on from its checkpoint in the next one.
#[test]
fn what_fits_before_the_ranks_have_started_only_is_started_all_the_same() {
    let rules = Rules { deadline: Some(100.0), margin: 10.0, ..Rules::default() };
    let mut c = Coordinator::new(rules, &[WorkerId(0)], 0.0);
    c.handle(Event::More(vec![task(1, 0..1, 80.0)]), 0.0);
    let out = c.handle(Event::Ready { worker: WorkerId(0) }, 30.0);
    assert_eq!(assigned(&out), [(0, 1)]);
}

#[test]
fn what_no_walltime_holds_is_started_and_drained_at_the_margin() {
    let rules = Rules { deadline: Some(100.0), margin: 10.0, ..Rules::default() };
    let (mut c, out) = started(rules, vec![task(1, 0..1, 1000.0)], 1);
    assert_eq!(assigned(&out), [(0, 1)]);
    for second in 1..90 {
        assert!(!c.handle(Event::Tick, f64::from(second)).contains(&Command::Drain { worker: WorkerId(0) }));
    }
    assert!(c.handle(Event::Tick, 90.5).contains(&Command::Drain { worker: WorkerId(0) }));
    let out = c.handle(Event::Interrupted { worker: WorkerId(0), cohort: TaskId(1) }, 91.0);
    assert_eq!(ended(&out).unwrap().end, End::Interrupted(StopCause::Walltime));
}

#[test]
fn a_poisonous_cell_is_cornered_and_the_rest_is_finished() {
    let (mut c, mut out) = started(Rules::default(), vec![task(1, 0..64, 64.0)], 1);
    let (mut done, mut crashes, mut given_up) = (BTreeSet::new(), 0, Vec::new());
    while ended(&out).is_none() {
        let next =
            out.iter().find_map(|c| if let Command::Assign { task, .. } = c { Some(task.clone()) } else { None });
        given_up.extend(out.iter().filter_map(|c| match c {
            Command::MarkFailed { cells, reason } => Some((cells.clone(), reason.clone())),
            _ => None,
        }));
        out = match next {
            Some(task) if task.cells.contains(&37) => {
                crashes += 1;
                fail(&mut c, 0, task.id.0, FailureReason::Crash)
            }
            Some(task) => {
                done.extend(task.cells);
                finish(&mut c, 0, task.id.0, 0.0)
            }
            None => c.handle(Event::NoMore, 0.0),
        };
        c.sanity_check().unwrap();
    }
    assert_eq!(given_up, [(vec![37], CellFailure::Crash { message: "why".into(), attempts: 2 })]);
    assert_eq!(done.len(), 63);
    // Sizes 64, 32, … 1, twice each.
    assert_eq!(crashes, 14);
    assert_eq!(ended(&out).unwrap().end, End::FailedCells);
}

#[test]
fn crashes_of_earlier_runs_count() {
    let mut worn = task(1, 0..2, 1.0);
    worn.attempt = 2;
    let mut alone = task(2, 2..3, 5.0);
    alone.attempt = 5;
    let (mut c, out) = started(Rules::default(), vec![worn, alone], 1);
    let given_up = out.iter().find_map(|c| if let Command::MarkFailed { cells, .. } = c { Some(cells) } else { None });
    assert_eq!(given_up, Some(&vec![2]));
    let handed = |out: &[Command]| {
        out.iter()
            .find_map(|c| if let Command::Assign { task, .. } = c { Some((task.cells.clone(), task.id)) } else { None })
    };
    let (cells, id) = handed(&out).unwrap();
    assert_eq!(cells.len(), 1, "the worn cohort is handed out whole");
    let (others, _) = handed(&finish(&mut c, 0, id.0, 0.0)).unwrap();
    assert_eq!(BTreeSet::from([cells[0], others[0]]), BTreeSet::from([0, 1]));
}

#[test]
fn out_of_memory_splits_at_once_and_later_tasks_before_they_start() {
    let tasks = vec![task(1, 0..64, 3.0), task(2, 64..128, 2.0), task(3, 128..144, 1.0)];
    let (mut c, _) = started(Rules::default(), tasks, 1);
    let mut out = fail(&mut c, 0, 1, FailureReason::OutOfMemory);
    let mut sizes = Vec::new();
    while let Some(Command::Assign { task, .. }) = out.iter().find(|c| matches!(c, Command::Assign { .. })) {
        sizes.push(task.cells.len());
        let overflows = task.cells.len() > 20;
        let id = task.id.0;
        out = if overflows { fail(&mut c, 0, id, FailureReason::OutOfMemory) } else { finish(&mut c, 0, id, 0.0) };
        c.sanity_check().unwrap();
    }
    // 32 does not fit either: one half of it is tried, and nothing larger than 16 is handed out ever after.
    assert_eq!(sizes, [vec![32], vec![16; 9]].concat());
    let outcome_cells = c.progress().done;
    assert_eq!(outcome_cells, 144);
}

#[test]
fn needs_order_and_spread_failure_through_splits() {
    let mut second = task(2, 4..6, 9.0);
    second.needs = vec![TaskId(1), TaskId(77)];
    let mut third = task(3, 6..7, 9.0);
    third.needs = vec![TaskId(2)];
    // Given before what it needs.
    let (mut c, out) = started(Rules::default(), vec![third.clone(), second.clone(), task(1, 0..2, 1.0)], 2);
    assert_eq!(assigned(&out), [(0, 1)]);
    assert_eq!(assigned(&finish(&mut c, 0, 1, 1.0)), [(0, 2)]);
    assert_eq!(assigned(&finish(&mut c, 0, 2, 1.0)), [(0, 3)]);

    let rules = Rules { max_attempts: 1, ..Rules::default() };
    let (mut c, _) = started(rules, vec![third, second, task(1, 0..2, 1.0)], 1);
    let out = fail(&mut c, 0, 1, FailureReason::Error);
    let halves = assigned(&out);
    let out = fail(&mut c, 0, halves[0].1, FailureReason::Error);
    assert!(!out.iter().any(|c| matches!(c, Command::MarkFailed { cells, .. } if cells.len() > 1)), "too early");
    let out = finish(&mut c, 0, assigned(&out)[0].1, 1.0);
    let spread: Vec<_> = out.iter().filter(|c| matches!(c, Command::MarkFailed { .. })).collect();
    assert_eq!(
        spread,
        [
            &Command::MarkFailed { cells: vec![4, 5], reason: CellFailure::NeedFailed { cohort: TaskId(1) } },
            &Command::MarkFailed { cells: vec![6], reason: CellFailure::NeedFailed { cohort: TaskId(2) } },
        ]
    );
    assert_eq!(ended(&c.handle(Event::NoMore, 2.0)).unwrap().end, End::FailedCells);
}

#[test]
fn circles_of_needs_are_given_up_not_waited_for() {
    let (mut first, mut second) = (task(1, 0..1, 1.0), task(2, 1..2, 1.0));
    first.needs = vec![TaskId(2)];
    second.needs = vec![TaskId(1)];
    let (mut c, out) = started(Rules::default(), vec![first, second], 1);
    let circular = Command::MarkFailed { cells: vec![0], reason: CellFailure::Circular };
    assert!(out.contains(&circular));
    assert_eq!(ended(&c.handle(Event::NoMore, 0.0)).unwrap().failed, 2);
}

#[test]
fn silence_ends_the_run_resumable_where_the_transport_cannot_lose_anyone() {
    let rules = Rules { silence: Some(10.0), survives_loss: false, ..Rules::default() };
    let (mut c, _) = started(rules, vec![task(1, 0..1, 1.0), task(2, 1..2, 1.0), task(3, 2..3, 1.0)], 2);
    for now in 1..=10 {
        assert_eq!(c.handle(Event::Alive { worker: WorkerId(1) }, f64::from(now)), []);
        assert_eq!(c.handle(Event::Tick, f64::from(now)), []);
    }
    c.handle(Event::Alive { worker: WorkerId(1) }, 11.0);
    let out = c.handle(Event::Tick, 11.0);
    assert!(
        out.iter().any(|c| matches!(c, Command::Note(Note::Lost { worker: WorkerId(0), cohort: Some(TaskId(1)), .. })))
    );
    assert!(out.contains(&Command::Drain { worker: WorkerId(1) }));
    let out = c.handle(Event::Interrupted { worker: WorkerId(1), cohort: TaskId(2) }, 12.0);
    let outcome = ended(&out).unwrap();
    assert_eq!(outcome.end, End::Interrupted(StopCause::WorkerLost));
    assert_eq!((outcome.left, &outcome.lost[..]), (3, &[WorkerId(0)][..]));
}

#[test]
fn silence_is_no_ones_fault_when_the_coordinator_itself_stood_still() {
    let rules = Rules { silence: Some(10.0), survives_loss: false, ..Rules::default() };
    let (mut c, _) = started(rules, vec![task(1, 0..1, 1.0)], 1);
    c.handle(Event::Tick, 1.0);
    let out = c.handle(Event::Tick, 3600.0);
    assert!(matches!(out[..], [Command::Note(Note::StoodStill { .. })]));
    assert_eq!(assigned(&finish(&mut c, 0, 1, 3601.0)), []);
    assert!(ended(&c.handle(Event::NoMore, 3602.0)).is_some());
}

#[test]
fn a_lost_thread_is_survived_and_its_late_result_counts_once() {
    for begun_again in [false, true] {
        let (mut c, _) = started(Rules::default(), vec![task(1, 0..4, 1.0), task(2, 4..5, 1.0)], 2);
        c.handle(Event::Lost { worker: WorkerId(0), message: "died".into() }, 1.0);
        if begun_again {
            assert_eq!(assigned(&finish(&mut c, 1, 2, 1.0)), [(1, 1)]);
        }
        let out = finish(&mut c, 0, 1, 2.0);
        assert!(released(&out, 0));
        assert_eq!(c.progress().done, if begun_again { 1 } else { 4 });
        c.sanity_check().unwrap();
        finish(&mut c, 1, if begun_again { 1 } else { 2 }, 3.0);
        let out = c.handle(Event::NoMore, 3.0);
        assert_eq!((ended(&out).unwrap().done, &ended(&out).unwrap().lost[..]), (5, &[][..]));
    }
}

#[test]
fn a_worker_that_will_not_stop_is_not_waited_for() {
    let rules = Rules { drain_grace: 30.0, ..Rules::default() };
    let (mut c, _) = started(rules, vec![task(1, 0..1, 1.0)], 1);
    assert!(c.handle(Event::StopRequested, 0.0).contains(&Command::Drain { worker: WorkerId(0) }));
    let ends: Vec<u32> = (1..60).filter(|&t| ended(&c.handle(Event::Tick, f64::from(t))).is_some()).collect();
    assert_eq!(ends, [31]);
}

#[test]
fn a_full_disk_stops_the_run_and_blames_no_cell() {
    let (mut c, _) = started(Rules::default(), vec![task(1, 0..8, 1.0)], 1);
    let out = fail(&mut c, 0, 1, FailureReason::Storage);
    let outcome = ended(&out).unwrap();
    assert_eq!(outcome.end, End::Interrupted(StopCause::Storage { message: "why".into() }));
    assert_eq!((outcome.failed, outcome.left), (0, 8));
}

#[test]
fn the_pace_of_a_continued_cohort_starts_where_this_run_took_it_up() {
    let mut tasks = vec![task(1, 0..4, 100.0), task(2, 4..8, 50.0)];
    tasks[0].resume = true;
    let (mut c, _) = started(Rules::default(), tasks, 1);
    assert_eq!(c.progress().running_done, 0.0);
    let heartbeat = |c: &mut Coordinator, cohort: u64, done_fraction: f64, now: Seconds| {
        let (worker, cohort) = (WorkerId(0), TaskId(cohort));
        c.handle(Event::Heartbeat { worker, cohort, epoch: 1, done_fraction }, now);
        c.progress()
    };
    // Three quarters were done by an earlier run.
    assert_eq!(heartbeat(&mut c, 1, 0.75, 1.0).running_done, 0.0);
    let progress = heartbeat(&mut c, 1, 0.875, 2.0);
    assert_eq!((progress.running_done, progress.running_predicted, progress.waiting_predicted), (12.5, 12.5, 50.0));
    // The next cohort has a pace of its own.
    finish(&mut c, 0, 1, 3.0);
    assert_eq!(heartbeat(&mut c, 2, 0.5, 4.0).running_done, 0.0);
    assert_eq!(heartbeat(&mut c, 2, 0.75, 5.0).running_done, 12.5);
}
