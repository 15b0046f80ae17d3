//! Cohorts of replicas, trained as one stacked program.
//!
//! [`drive()`] is the epoch loop; it advances an [`Engine`] that [`build_engine`] chose. Two engines stand behind that
//! trait: [`burn`], on every device, and the CPU [`kernel`]; a third, [`flow`], follows gradient flows.

pub mod burn;
mod choice;
mod drive;
pub mod flow;
pub mod kernel;
mod leaving;
pub mod order;
mod problem;
#[cfg(test)]
mod tests;

pub use choice::{Choice, build_engine};
pub use drive::{DriveError, Ended, Measuring, Pace, drive};
pub use problem::{Engine, Problem, Replica, ReplicaState, TrainError, steps_per_epoch};
