//! Messages of unknown origin, heard by a coordinator: what fuzzing feeds it.

use super::coordinator::{Coordinator, Rules};
use super::event::{Command, Event};
use super::message::{ToCoordinator, ToWorker};
use super::task::{CohortTask, TaskId, WorkerId};

/// Has a coordinator of three workers and six cohorts hear the lines of `bytes`: a byte that says which worker speaks and how
/// much time has passed, then a message. What is no message from a worker is read as one to a worker.
///
/// # Panics
/// The coordinator contradicts itself: a bug.
pub fn hear(bytes: &[u8]) {
    let rules = Rules {
        deadline: Some(1000.0),
        margin: 10.0,
        max_attempts: 3,
        silence: Some(60.0),
        join_silence: 60.0,
        drain_grace: 30.0,
        survives_loss: true,
    };
    let workers = [0, 1, 2].map(WorkerId);
    let mut coordinator = Coordinator::new(rules, &workers, 0.0);
    let task = |id: u64| CohortTask {
        id: TaskId(id),
        cells: (4 * id as u32..4 * id as u32 + 4).collect(),
        predicted_seconds: 10.0,
        memory: 100 * id,
        attempt: 0,
        needs: if id == 5 { vec![TaskId(1)] } else { vec![] },
        resume: id == 3,
        least: 1,
    };
    let mut now = 0.0;
    let mut events = vec![Event::More((0..6).map(task).collect())];
    for line in bytes.split(|&byte| byte == b'\n').take(200) {
        let Some((first, message)) = line.split_first() else { continue };
        now += f64::from(first >> 2);
        match serde_json::from_slice::<ToCoordinator>(message) {
            Ok(message) => events.push(message.event(WorkerId(u32::from(first & 3)))),
            Err(_) => drop(serde_json::from_slice::<ToWorker>(message)),
        }
        events.push(Event::Tick);
        for event in events.drain(..) {
            for command in coordinator.handle(event, now) {
                if let Command::Note(note) = command {
                    assert!(!note.to_string().is_empty());
                }
            }
            if let Err(contradiction) = coordinator.sanity_check() {
                panic!("{contradiction}");
            }
        }
    }
    let _ = coordinator.progress();
}
