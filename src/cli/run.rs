//! `phasesweep run`: trains what a sweep asks for and is not there yet.

use std::path::PathBuf;

use super::sweep_file::SweepFile;
use super::{Exit, Failure};
use crate::session::{self, Ending, SessionError, Settings, Terms};
use crate::train::device;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    sweep: SweepFile,
    #[command(flatten)]
    terms: Terms,
    /// Run directory; runs/<sweep name> unless given, or the run directory that was named as the sweep. Run again into the
    /// same directory to continue or extend.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Seconds between two checkpoints of a cohort that is still training.
    #[arg(long, default_value_t = 300.0, value_name = "SECONDS")]
    checkpoint_seconds: f64,
    /// Seconds until the allocation ends; taken from SLURM_JOB_END_TIME where Slurm says so.
    #[arg(long, value_name = "SECONDS")]
    walltime: Option<f64>,
    /// Seconds before the end of the allocation from which on only cohorts that fit are started.
    #[arg(long, default_value_t = 60.0, value_name = "SECONDS")]
    margin: f64,
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
    /// Sleep so many seconds per cell instead of training.
    #[arg(long, hide = true, value_name = "SECONDS")]
    simulate: Option<f64>,
    /// Abort the process that is handed this seed, as a cell that kills its trainer would.
    #[arg(long, hide = true, value_name = "SEED")]
    simulate_poison: Option<u64>,
}

pub(super) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    device::settle_precision(arguments.terms.tf32);
    let settings = Settings {
        sweep_file: arguments.sweep.file.clone(),
        overrides: arguments.sweep.overrides.clone(),
        overrides_from: arguments.sweep.set_from.clone(),
        accept_changes: arguments.accept_changes,
        terms: arguments.terms,
        out: arguments.out,
        checkpoint_seconds: arguments.checkpoint_seconds,
        walltime: arguments.walltime,
        margin: arguments.margin,
        dedicated_coordinator: arguments.dedicated_coordinator,
        take_over: arguments.take_over,
        collect: !arguments.no_collect,
        quiet: arguments.quiet,
        simulate: arguments.simulate,
        poison: arguments.simulate_poison,
    };
    match session::run(&settings) {
        Ok(Ending::Complete) => Ok(Exit::Complete),
        Ok(Ending::FailedCells) => Ok(Exit::FailedCells),
        Ok(Ending::Interrupted) => Ok(Exit::Interrupted),
        Err(SessionError::Resumable(message)) => {
            if !message.is_empty() {
                eprintln!("{message}");
            }
            Ok(Exit::Interrupted)
        }
        Err(SessionError::Bug(message)) => Err(Failure::Bug(message)),
        Err(error) => Err(Failure::input(error)),
    }
}
