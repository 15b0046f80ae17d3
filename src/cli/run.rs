//! `phasesweep run`: trains what a sweep asks for and is not there yet.

use std::path::PathBuf;
use std::time::Duration;

use super::execution_arguments::ExecutionArguments;
use super::exit::{Exit, Failure};
use super::job_arguments::JobArguments;
use super::sweep_file::SweepFile;
use phasesweep::session::{self, Settings};
use phasesweep::slurm::parse_interval;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    sweep: SweepFile,
    #[command(flatten)]
    execution: ExecutionArguments,
    #[command(flatten)]
    job: JobArguments,
    /// Run directory; runs/NAME of the sweep unless given, or the run directory that was named as the sweep. Run again into the
    /// same directory to continue or extend.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on in a run directory that belongs to another sweep, or whose data changed since.
    #[arg(long)]
    accept_changes: bool,
    /// Sleep this many seconds per cell instead of training.
    #[arg(long, hide = true, value_name = "SECONDS", value_parser = parse_interval)]
    simulate: Option<Duration>,
    /// Abort the process that is handed this seed, as a cell that kills its trainer would.
    #[arg(long, hide = true, value_name = "SEED")]
    simulate_poison: Option<u64>,
}

pub(super) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let settings = Settings {
        job: arguments.job.settings(arguments.execution.into()),
        sweep_file: arguments.sweep.file.clone(),
        overrides: arguments.sweep.overrides.clone(),
        overrides_from: arguments.sweep.set_from.clone(),
        accept_changes: arguments.accept_changes,
        out: arguments.out,
        simulate: arguments.simulate.map(|seconds| seconds.as_secs_f64()),
        poison: arguments.simulate_poison,
    };
    Ok(session::run(&settings)?.into())
}
