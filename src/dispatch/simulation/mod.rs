//! A job of many ranks on paper: a discrete-event simulation around the coordinator that runs use.
//!
//! Ranks train for as long as their cohorts take at their speed, messages travel and wait for one another at rank 0, ranks
//! die, allocations end and are followed by others; only the coordinator and the packing are real. Invariants: the same
//! [`Job`] gives the same history, bit for bit (times measured by the caller's clock apart); every cell ends up finished
//! once; the coordinator is told nothing that a run's transport would not tell it.

mod job;
mod play;
mod report;
#[cfg(test)]
mod tests;

use super::outcome::Seconds;
pub use job::{Job, Kind, MEASURED_RATIOS, mixed_speeds};
use play::Play;
pub use report::Report;

/// Conducts the job to its end. `clock` tells the time by which the coordinator is measured; `watch` is called when cohorts
/// were packed and handed to a coordinator, for who measures memory.
pub fn simulate(job: &Job, clock: &mut dyn FnMut() -> Seconds, watch: &mut dyn FnMut(&str)) -> Report {
    Play::new(job, clock, watch).run()
}
