//! `phasesweep collect`: parts → results.h5, for a run that was interrupted or told not to.

use super::exit::{Exit, Failure};
use super::sweep_file::RunArgument;
use phasesweep::run_directory::{KeptRun, collect_run};
use phasesweep::session;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    run: RunArgument,
    /// Replace a results file that holds more measured cells than there are now.
    #[arg(long)]
    allow_fewer: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let directory = arguments.run.locate()?;
    let collected = collect_run(&KeptRun::open(&directory)?, arguments.allow_fewer)?;
    println!(
        "{}: {} cells complete, {} diverged, {} failed, {} missing",
        directory.results().display(),
        collected.complete,
        collected.diverged,
        collected.failed,
        collected.missing
    );
    println!("{}", session::cost(&collected));
    Ok(match (collected.missing, collected.failed) {
        // Job scripts go by this: what is missing, another run of the same sweep will train.
        (1.., _) => Exit::Interrupted,
        (0, 1..) => Exit::FailedCells,
        (0, 0) => Exit::Complete,
    })
}
