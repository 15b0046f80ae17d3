//! phasesweep: sweeps of training dynamics, told as the way of the data.
//!
//! ```text
//! sweep → plan → pack → dispatch → train ⇄ observe → store → collect → analysis
//! ```
//!
//! The command line stands on this library: `src/main.rs` and `src/cli`.
//!
//! - [`sweep`]: the question, a checked TOML file.
//! - [`key`]: what a key of a sweep file is: form, bound, default, documentation.
//! - [`plan`]: the cells a sweep asks for, each with an id that is its content.
//! - [`pack`]: which cells train together, by what they [`cost`].
//! - [`data`]: where samples come from and how a block of them is prepared.
//! - [`train`]: cohorts of replicas, trained as one stacked program; the CPU kernel behind it is the crate
//!   [`phasesweep_kernel`].
//! - [`observables`]: what is measured along training, a file for each observable, and the registry of them.
//! - [`observe`]: a network on the host, and the rule of turning points.
//! - [`linear_regions`]: where a network is affine, exactly, on a plane.
//! - [`host`]: the machine under the process, and what of it the job allows.
//! - [`device`]: where cohorts are trained: names of devices, and the GPU of each rank.
//! - [`dispatch`]: who trains which cohort; the only room that names MPI.
//! - [`store`]: parts, checkpoints and the results file; every durable write.
//! - [`run_directory`]: a run as its directory keeps it: what was asked for, its cells, how far it is, its results.
//! - [`session`]: how the rooms meet in one run.
//! - [`slurm`]: job scripts, what they refuse, and their submission.

pub mod amount;
pub mod cost;
pub mod data;
pub mod device;
pub mod dispatch;
#[doc(hidden)]
pub mod foreign;
pub mod host;
pub mod key;
pub mod linear_regions;
pub mod observables;
pub mod observe;
pub mod pack;
pub mod plan;
pub mod run_directory;
pub mod session;
pub mod slurm;
pub mod store;
pub mod sweep;
pub mod train;
