//! `phasesweep plan`: axes, cells, cohorts, bytes, operations and the time to expect, and what is odd
//! about the data; trains nothing.

use super::execution_arguments::ExecutionArguments;
use super::exit::{Exit, Failure};
use super::sweep_file::SweepFile;
use phasesweep::data::DataError;
use phasesweep::session::{Forecast, SessionError, findings_of_plan};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    sweep: SweepFile,
    #[command(flatten)]
    execution: ExecutionArguments,
    /// Ranks that would share the work.
    #[arg(long, default_value_t = 1)]
    ranks: usize,
    /// Print one JSON object, with what is odd about the data in `findings`.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let (input, sweep) = arguments.sweep.read()?;
    let findings = match (findings_of_plan(&sweep), &input.from) {
        // A run directory is planned without the data: it keeps what was found of them.
        (Err(SessionError::Data(DataError::NotFound { .. })), Some(directory)) => {
            directory.data_findings().map_err(SessionError::from)?
        }
        (found, _) => found?,
    };
    let shapes = input.shapes(&sweep).map_err(SessionError::from)?;
    let forecast = Forecast::new(sweep, &shapes, &arguments.execution.into(), arguments.ranks)?;
    if arguments.json {
        let mut all = forecast.json();
        all["findings"] = findings.into();
        println!("{all}");
        return Ok(Exit::Complete);
    }
    print!("{forecast}");
    findings.iter().for_each(|finding| eprintln!("warning: {finding}"));
    Ok(Exit::Complete)
}
