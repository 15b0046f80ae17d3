//! `phasesweep collect`: parts → results.h5, for a run that was interrupted or told not to.

use serde_json::json;

use super::exit::{Exit, Failure};
use super::sweep_file::RunArgument;
use super::waiting;
use phasesweep::run_directory::{KeptRun, collect_run};
use phasesweep::session;
use phasesweep::store::Collected;

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    run: RunArgument,
    /// Replace a results file that holds more measured cells than there are now.
    #[arg(long)]
    allow_fewer: bool,
    /// Print one JSON object: the file, and its cells by how they ended.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let directory = arguments.run.locate()?;
    let run = KeptRun::open(&directory)?;
    let what = format!("collecting {}", directory.root().display());
    let collected = waiting::on(&what, || collect_run(&run, arguments.allow_fewer).map_err(Failure::from))?;
    if arguments.json {
        println!(
            "{}",
            json!({
                "file": directory.results(),
                "complete": collected.complete,
                "diverged": collected.diverged,
                "failed": collected.failed,
                "missing": collected.missing,
                "training_seconds": collected.training_seconds,
            })
        );
        return Ok(ending(&collected));
    }
    println!(
        "{}: {} cells complete, {} diverged, {} failed, {} missing",
        directory.results().display(),
        collected.complete,
        collected.diverged,
        collected.failed,
        collected.missing
    );
    println!("{}", session::cost(&collected));
    Ok(ending(&collected))
}

/// How the command ends.
fn ending(collected: &Collected) -> Exit {
    match (collected.missing, collected.failed) {
        // Job scripts go by this: what is missing, another run of the same sweep will train.
        (1.., _) => Exit::Interrupted,
        (0, 1..) => Exit::FailedCells,
        (0, 0) => Exit::Complete,
    }
}
