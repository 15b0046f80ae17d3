//! phasesweep: sweeps of training dynamics, told as the way of the data.
//!
//! ```text
//! sweep → plan → pack → dispatch → train ⇄ observe → store → collect → analysis
//! ```
//!
//! - [`sweep`]: the question, a checked TOML file.
//! - [`data`]: where samples come from and how a block of them is prepared.
//! - [`train`]: cohorts of replicas, trained as one stacked program.
//! - [`observe`]: what is measured of a network along training.
//! - [`dispatch`]: who trains which cohort; the only room that names MPI.
//! - [`store`]: parts, checkpoints and the results file; every durable write.
//! - [`slurm`]: job scripts, what they refuse, and their submission.

pub mod data;
pub mod dispatch;
pub mod observe;
pub mod slurm;
pub mod store;
pub mod sweep;
pub mod train;
