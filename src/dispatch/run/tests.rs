//! Whole runs on threads, with trainers that panic, fail, hang and are slow.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32};

use super::*;
use crate::dispatch::event::Note;
use crate::dispatch::observer::ObserverError;
use crate::dispatch::outcome::{CellFailure, End, Progress, StopCause};
use crate::dispatch::task::{FailureReason, TaskId};
use crate::dispatch::worker::{CohortOutcome, Control};

/// A trainer that does what a function says, and a tally of what was trained.
struct Actor<F> {
    act: F,
    trained: Arc<Mutex<Vec<u32>>>,
}

impl<F: FnMut(&CohortTask, &Control) -> CohortOutcome> CohortRunner for Actor<F> {
    fn run(&mut self, task: &CohortTask, control: &Control) -> CohortOutcome {
        let outcome = (self.act)(task, control);
        if let CohortOutcome::Finished { .. } = outcome {
            self.trained.lock().unwrap().extend(&task.cells);
        }
        outcome
    }
}

/// Keeps what it is told; may fail on request, and may have more tasks.
#[derive(Default)]
struct Witness {
    failed: Vec<(Vec<u32>, CellFailure)>,
    notes: Vec<Note>,
    progress: Vec<Progress>,
    later: Vec<Vec<CohortTask>>,
    full: bool,
}

impl Observer for Witness {
    fn progress(&mut self, progress: &Progress) -> Result<(), ObserverError> {
        self.progress.push(progress.clone());
        Ok(())
    }

    fn note(&mut self, note: &Note) -> Result<(), ObserverError> {
        self.notes.push(note.clone());
        if self.full && matches!(note, Note::Finished { .. }) { Err("no space left".into()) } else { Ok(()) }
    }

    fn failed(&mut self, cells: &[u32], reason: &CellFailure) -> Result<(), ObserverError> {
        self.failed.push((cells.to_vec(), reason.clone()));
        Ok(())
    }

    fn more(&mut self) -> Result<Vec<CohortTask>, ObserverError> {
        Ok(self.later.pop().unwrap_or_default())
    }
}

fn tasks(cells: u32, size: u32) -> Vec<CohortTask> {
    (0..cells)
        .step_by(size as usize)
        .map(|from| CohortTask {
            id: TaskId(u64::from(from)),
            cells: (from..(from + size).min(cells)).collect(),
            predicted_seconds: 1.0,
            memory: 0,
            attempt: 0,
            needs: Vec::new(),
            resume: false,
            least: 1,
        })
        .collect()
}

const DONE: CohortOutcome = CohortOutcome::Finished { seconds: 0.0 };

fn failed(reason: FailureReason) -> CohortOutcome {
    CohortOutcome::Failed { reason, message: "by intent".into() }
}

/// Runs on three threads; returns the outcome and the cells trained, as often as they were.
fn play<F>(
    tasks: Vec<CohortTask>,
    settings: &Settings,
    witness: &mut Witness,
    act: F,
) -> (Result<Outcome, DispatchError>, Vec<u32>)
where
    F: FnMut(&CohortTask, &Control) -> CohortOutcome + Clone + Send + Sync + 'static,
{
    let trained = Arc::new(Mutex::new(Vec::new()));
    let tally = trained.clone();
    let make = move |_| Ok(Actor { act: act.clone(), trained: tally.clone() });
    let outcome = run(Topology::Threads(3), tasks, settings, make, witness);
    let mut trained = trained.lock().unwrap().clone();
    trained.sort_unstable();
    (outcome, trained)
}

#[test]
fn every_cell_is_trained_once_and_more_are_asked_for() {
    let mut witness = Witness::default();
    let mut later = tasks(1200, 7).split_off(143);
    later.iter_mut().for_each(|t| t.needs = vec![TaskId(0)]);
    witness.later.push(later);
    let (outcome, trained) = play(tasks(1001, 7), &Settings::default(), &mut witness, |_, _| DONE);
    let outcome = outcome.unwrap();
    assert_eq!((outcome.end, outcome.done), (End::Complete, 1200));
    assert_eq!(trained, (0..1200).collect::<Vec<_>>());
    let last = witness.progress.last().unwrap();
    assert_eq!((last.done, last.running, last.waiting_predicted), (1200, 0, 0.0));
}

#[test]
fn panics_errors_and_full_devices_cost_their_own_cells_only() {
    let mut witness = Witness::default();
    let (outcome, trained) = play(tasks(128, 32), &Settings::default(), &mut witness, |task, _| {
        assert!(!task.cells.contains(&5), "cell 5 is poison");
        if task.cells.contains(&70) {
            return failed(FailureReason::Error);
        }
        if task.cells.len() > 20 || task.cells == [100] {
            return failed(FailureReason::OutOfMemory);
        }
        // Cell 100 needs more memory than all others together.
        if task.cells.contains(&100) { failed(FailureReason::OutOfMemory) } else { DONE }
    });
    assert_eq!(outcome.unwrap().end, End::FailedCells);
    let given_up: BTreeSet<u32> = witness.failed.iter().flat_map(|(cells, _)| cells.clone()).collect();
    assert_eq!(given_up, BTreeSet::from([5, 70, 100]));
    assert_eq!(trained, (0..128).filter(|c| !given_up.contains(c)).collect::<Vec<_>>());
    for (cells, reason) in &witness.failed {
        match (cells[0], reason) {
            (5, CellFailure::Crash { message, attempts: 2 }) => assert!(message.contains("cell 5 is poison")),
            (70, CellFailure::Error { message, .. }) | (100, CellFailure::OutOfMemory { message }) => {
                assert_eq!(message, "by intent");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_trainer_is_built_anew_after_a_panic() {
    static BUILT: AtomicU32 = AtomicU32::new(0);
    struct Fragile(bool);
    impl CohortRunner for Fragile {
        fn run(&mut self, _: &CohortTask, _: &Control) -> CohortOutcome {
            assert!(!self.0, "used after a panic");
            self.0 = true;
            panic!("once for each trainer");
        }
    }
    impl Drop for Fragile {
        fn drop(&mut self) {
            if self.0 {
                panic!("and once more when it is dropped");
            }
        }
    }
    let make = |_| {
        BUILT.fetch_add(1, Ordering::Relaxed);
        Ok(Fragile(false))
    };
    let mut witness = Witness::default();
    let outcome = run(Topology::Threads(1), tasks(1, 1), &Settings::default(), make, &mut witness).unwrap();
    assert_eq!((outcome.end, outcome.failed), (End::FailedCells, 1));
    assert_eq!(BUILT.load(Ordering::Relaxed), 3);
    assert!(matches!(&witness.failed[0].1, CellFailure::Crash { message, .. } if message.contains("once for each")));
}

#[test]
fn a_worker_whose_device_is_lost_gives_its_cohort_back_and_leaves() {
    let leave = || CohortOutcome::Leaving { message: "the device is lost".into() };
    // One worker of several loses its device with the first cohort that it is given: the others train all of them, and no attempt
    // is counted against the cohort.
    let lost = Arc::new(AtomicU32::new(0));
    let mut witness = Witness::default();
    let (outcome, trained) = play(tasks(64, 2), &Settings::default(), &mut witness, move |task, control| {
        let first = lost.compare_exchange(0, control.worker().0 + 1, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        assert!(first || lost.load(Ordering::SeqCst) != control.worker().0 + 1, "given {} after it left", task.id);
        if first { leave() } else { DONE }
    });
    let outcome = outcome.unwrap();
    assert_eq!((outcome.end, outcome.done), (End::Complete, 64));
    assert_eq!(trained, (0..64).collect::<Vec<_>>());
    assert!(witness.notes.iter().all(|note| !matches!(note, Note::Failed { .. })));
    // All of them lose theirs: nothing is called failed, and the same command goes on.
    let mut witness = Witness::default();
    let (outcome, trained) = play(tasks(64, 2), &Settings::default(), &mut witness, move |_, _| leave());
    let outcome = outcome.unwrap();
    assert_eq!((outcome.end, outcome.failed, outcome.left), (End::Interrupted(StopCause::NoWorkers), 0, 64));
    assert!(trained.is_empty());
}

#[test]
fn a_stop_flag_drains_everyone_and_what_is_left_adds_up() {
    let mut witness = Witness::default();
    let settings = Settings::default();
    let stop = settings.stop.clone();
    let (outcome, trained) = play(tasks(64, 2), &settings, &mut witness, move |task, control| {
        if task.cells[0] == 20 {
            stop.store(true, Ordering::Relaxed);
        }
        if task.cells[0] < 16 {
            return DONE;
        }
        while !control.stop_requested() {
            std::thread::sleep(Duration::from_millis(1));
        }
        CohortOutcome::Interrupted
    });
    let outcome = outcome.unwrap();
    assert_eq!(outcome.end, End::Interrupted(StopCause::Requested));
    assert_eq!((outcome.done, outcome.left, trained.len()), (16, 48, 16));
    let given_back = witness.notes.iter().filter(|n| matches!(n, Note::Interrupted { .. })).count();
    assert_eq!(given_back, 3);
}

#[test]
fn the_deadline_drains_and_a_hung_trainer_is_left_behind() {
    let mut witness = Witness::default();
    let settings = Settings {
        deadline: Some(Instant::now() + Duration::from_millis(700)),
        margin: Duration::from_millis(500),
        drain_grace: Duration::from_millis(300),
        ..Settings::default()
    };
    let release = Arc::new(AtomicBool::new(false));
    let (hold, began) = (release.clone(), Instant::now());
    let (outcome, _) = play(tasks(3, 1), &settings, &mut witness, move |task, control| {
        while (!control.stop_requested() || task.id.0 == 1) && !hold.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
        CohortOutcome::Interrupted
    });
    // 200 ms to the margin, 300 ms of grace, 1 s for a thread to go that never will; a loaded machine may add to it.
    assert!(began.elapsed() < Duration::from_secs(8));
    release.store(true, Ordering::Relaxed);
    let outcome = outcome.unwrap();
    assert_eq!((outcome.end, outcome.left), (End::Interrupted(StopCause::Walltime), 3));
    assert_eq!(outcome.lost.len(), 1);
}

#[test]
fn what_cannot_be_written_down_stops_the_run() {
    let mut witness = Witness { full: true, ..Witness::default() };
    let (outcome, trained) = play(tasks(1000, 1), &Settings::default(), &mut witness, |_, _| {
        std::thread::sleep(Duration::from_millis(1));
        DONE
    });
    assert!(outcome.unwrap_err().to_string().contains("no space left"));
    assert!(trained.len() < 1000);
}

#[test]
fn workers_that_cannot_start_are_done_without_unless_there_are_none() {
    struct Trainer;
    impl CohortRunner for Trainer {
        fn run(&mut self, _: &CohortTask, _: &Control) -> CohortOutcome {
            DONE
        }
    }
    let mut witness = Witness::default();
    let make = |worker: WorkerId| if worker.0 == 1 { Ok(Trainer) } else { Err(format!("no device {}", worker.0)) };
    let outcome = run(Topology::Threads(3), tasks(9, 2), &Settings::default(), make, &mut witness).unwrap();
    assert_eq!((outcome.end, outcome.done, outcome.lost.len()), (End::Complete, 9, 0));

    let make = |worker: WorkerId| -> Result<Trainer, String> { Err(format!("no device {}", worker.0)) };
    let error = run(Topology::Threads(2), tasks(9, 2), &Settings::default(), make, &mut witness).unwrap_err();
    assert!(error.to_string().contains("worker 0: no device 0"), "{error}");
    assert!(error.to_string().contains("worker 1: no device 1"), "{error}");
}

#[test]
fn a_million_cells_pass_in_seconds() {
    let mut witness = Witness::default();
    let began = Instant::now();
    let (outcome, trained) = play(tasks(1_000_000, 64), &Settings::default(), &mut witness, |_, _| DONE);
    assert_eq!(outcome.unwrap().done, 1_000_000);
    assert_eq!(trained.len(), 1_000_000);
    // The promise is 100,000 a second.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}
