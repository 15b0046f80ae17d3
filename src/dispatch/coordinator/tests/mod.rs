//! The coordinator against its rules one by one, and against arbitrary histories.

mod histories;
mod rules;

use super::super::outcome::Seconds;
use super::super::task::{CohortTask, TaskId};

fn task(id: u64, cells: std::ops::Range<u32>, seconds: Seconds) -> CohortTask {
    CohortTask {
        id: TaskId(id),
        cells: cells.collect(),
        predicted_seconds: seconds,
        memory: 0,
        attempt: 0,
        needs: Vec::new(),
        resume: false,
        least: 1,
    }
}
