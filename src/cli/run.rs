//! `phasesweep run`: trains what a sweep asks for and is not there yet.

use std::path::PathBuf;
use std::time::Duration;

use super::execution_arguments::ExecutionArguments;
use super::exit::{self, Exit, Failure};
use super::sweep_file::SweepFile;
use phasesweep::device;
use phasesweep::session::{self, AbortCodes, Ending, Settings};
use phasesweep::slurm::{TimeLeft, Walltime, parse_interval};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    sweep: SweepFile,
    #[command(flatten)]
    execution: ExecutionArguments,
    /// Run directory; runs/NAME of the sweep unless given, or the run directory that was named as the sweep. Run again into the
    /// same directory to continue or extend.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Seconds between two checkpoints of a cohort that is still training.
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
    /// Go on in a run directory that belongs to another sweep, or whose data changed since.
    #[arg(long)]
    accept_changes: bool,
    /// Leave results.h5 as it is; `phasesweep collect` makes it later.
    #[arg(long)]
    no_collect: bool,
    /// No progress on standard error.
    #[arg(short, long)]
    quiet: bool,
    /// Sleep this many seconds per cell instead of training.
    #[arg(long, hide = true, value_name = "SECONDS", value_parser = parse_interval)]
    simulate: Option<Duration>,
    /// Abort the process that is handed this seed, as a cell that kills its trainer would.
    #[arg(long, hide = true, value_name = "SEED")]
    simulate_poison: Option<u64>,
}

pub(super) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    device::settle_precision(arguments.execution.tf32);
    let settings = Settings {
        sweep_file: arguments.sweep.file.clone(),
        overrides: arguments.sweep.overrides.clone(),
        overrides_from: arguments.sweep.set_from.clone(),
        accept_changes: arguments.accept_changes,
        execution: arguments.execution.into(),
        out: arguments.out,
        checkpoint_every: arguments.checkpoint_seconds,
        walltime: arguments.walltime,
        margin: arguments.margin,
        dedicated_coordinator: arguments.dedicated_coordinator,
        take_over: arguments.take_over,
        collect: !arguments.no_collect,
        quiet: arguments.quiet,
        simulate: arguments.simulate.map(|seconds| seconds.as_secs_f64()),
        poison: arguments.simulate_poison,
        abort_codes: AbortCodes { failed: exit::INPUT.into(), resumable: exit::INTERRUPTED.into() },
    };
    Ok(match session::run(&settings)? {
        Ending::Complete => Exit::Complete,
        Ending::FailedCells => Exit::FailedCells,
        Ending::Interrupted => Exit::Interrupted,
    })
}
