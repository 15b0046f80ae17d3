//! What `phasesweep run` and `phasesweep observe` were asked to do, and how they ended.

use std::path::PathBuf;
use std::time::Duration;

use super::execution::ExecutionOptions;
use crate::slurm::TimeLeft;

/// How the ranks of a job work, whatever they are asked to do.
#[derive(Debug, Clone)]
pub struct JobSettings {
    /// Device, engine, threads and memory.
    pub execution: ExecutionOptions,
    /// Time between two checkpoints of a cohort.
    pub checkpoint_every: Duration,
    /// Time until the allocation ends, if it is told; else Slurm is asked.
    pub walltime: Option<TimeLeft>,
    /// Time kept free before that.
    pub margin: Duration,
    /// Rank 0 coordinates only.
    pub dedicated_coordinator: bool,
    /// Take the directory's lease without watching whether its holder lives.
    pub take_over: bool,
    /// Collect `results.h5` at the end.
    pub collect: bool,
    /// Show no progress.
    pub quiet: bool,
    /// What the ranks of a job end with when one of them must end all.
    pub abort_codes: AbortCodes,
}

/// What `phasesweep run` was asked to do.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How the ranks work.
    pub job: JobSettings,
    /// The sweep file, a run directory, or the sweep file in one.
    pub sweep_file: PathBuf,
    /// `--set` overrides.
    pub overrides: Vec<String>,
    /// Directory that relative paths in them start from; the working directory unless given.
    pub overrides_from: Option<PathBuf>,
    /// Go on in a directory that belongs to another sweep, or whose data changed.
    pub accept_changes: bool,
    /// Run directory; `runs/<sweep name>` unless given.
    pub out: Option<PathBuf>,
    /// Seconds per cell that a simulated trainer sleeps.
    pub simulate: Option<f64>,
    /// The seed at which a trainer aborts the process, to prove that its cell is isolated.
    pub poison: Option<u64>,
}

/// What `phasesweep observe` was asked to do.
#[derive(Debug, Clone)]
pub struct ObserveSettings {
    /// How the ranks work.
    pub job: JobSettings,
    /// The run directory.
    pub directory: PathBuf,
    /// `--set` arguments that ask for observables; none: go on with what was asked for before.
    pub sets: Vec<String>,
    /// Measure anew what was asked for before with other settings.
    pub replace: bool,
}

/// Exit codes of a job that cannot end in the orderly way; the command line knows what they mean to a job script.
#[derive(Debug, Clone, Copy)]
pub struct AbortCodes {
    /// The run failed.
    pub failed: i32,
    /// The run can go on from where it stopped.
    pub resumable: i32,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Every cell is there.
    Complete,
    /// Every cell was tried, some failed.
    FailedCells,
    /// Interrupted; run again to continue.
    Interrupted,
}
