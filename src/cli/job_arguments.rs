//! The arguments that say how the ranks of a job work: the same for `run` and for `observe`.

use std::time::Duration;

use super::exit;
use phasesweep::device;
use phasesweep::session::{AbortCodes, ExecutionOptions, JobSettings};
use phasesweep::slurm::{TimeLeft, Walltime, parse_interval};

/// Checkpoints, the end of the allocation, the coordinator.
#[derive(clap::Args, Debug, Clone)]
pub(super) struct JobArguments {
    /// Seconds between two checkpoints of a cohort that is still at work.
    #[arg(long, default_value = "300", value_name = "SECONDS", value_parser = parse_interval)]
    checkpoint_seconds: Duration,
    /// Time until the allocation ends: seconds, or a time as Slurm writes it, such as 12:00:00 or UNLIMITED. Taken from
    /// SLURM_JOB_END_TIME where Slurm says so and this is not given.
    #[arg(long, value_name = "SECONDS", value_parser = Walltime::parse_seconds)]
    walltime: Option<TimeLeft>,
    /// Seconds kept free before the allocation ends, for checkpoints and the orderly end; at most half of the time left.
    #[arg(long, default_value = "60", value_name = "SECONDS", value_parser = parse_interval)]
    margin: Duration,
    /// Keep rank 0 free for coordinating; worth a rank in jobs of hundreds.
    #[arg(long)]
    dedicated_coordinator: bool,
    /// Take the run directory over at once from a run that is known to be dead.
    #[arg(long)]
    take_over: bool,
    /// Leave results.h5 as it is; `phasesweep collect` makes it later.
    #[arg(long)]
    no_collect: bool,
    /// No progress on standard error.
    #[arg(short, long)]
    quiet: bool,
}

impl JobArguments {
    /// The settings of a job that is executed so.
    pub(super) fn settings(self, execution: ExecutionOptions) -> JobSettings {
        device::settle_precision(execution.tf32);
        JobSettings {
            execution,
            checkpoint_every: self.checkpoint_seconds,
            walltime: self.walltime,
            margin: self.margin,
            dedicated_coordinator: self.dedicated_coordinator,
            take_over: self.take_over,
            collect: !self.no_collect,
            quiet: self.quiet,
            abort_codes: AbortCodes { failed: exit::INPUT.into(), resumable: exit::INTERRUPTED.into() },
        }
    }
}
