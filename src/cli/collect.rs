//! `phasesweep collect`: parts → results.h5, for a run that was interrupted or told not to.

use std::path::PathBuf;

use super::{Exit, Failure};
use crate::session;
use crate::store::RunDirectory;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Run directory.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

pub(super) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let directory = RunDirectory::at(&arguments.directory);
    let collected = session::gather_directory(&directory).map_err(Failure::input)?;
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
