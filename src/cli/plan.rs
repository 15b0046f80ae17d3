//! `phasesweep plan`: axes, cells, cohorts, bytes, operations and the time to expect, and what is odd
//! about the data; trains nothing.

use super::exit::{Exit, Failure};
use super::sweep_file::SweepFile;
use phasesweep::data::DataError;
use phasesweep::session::{Forecast, SessionError, Terms, findings_of_plan};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    sweep: SweepFile,
    #[command(flatten)]
    terms: Terms,
    /// Ranks that would share the work.
    #[arg(long, default_value_t = 1)]
    ranks: usize,
}

pub(super) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let (input, sweep) = arguments.sweep.read()?;
    let findings = match (findings_of_plan(&sweep), &input.from) {
        // A run directory is planned without the data: it keeps what was found of them.
        (Err(SessionError::Data(DataError::NotFound { .. })), Some(directory)) => {
            directory.data_findings().map_err(SessionError::from).map_err(Failure::input)?
        }
        (found, _) => found.map_err(Failure::input)?,
    };
    let shapes = input.shapes(&sweep).map_err(SessionError::from).map_err(Failure::input)?;
    let forecast = Forecast::new(sweep, &shapes, &arguments.terms, arguments.ranks).map_err(Failure::input)?;
    print!("{forecast}");
    findings.iter().for_each(|finding| eprintln!("warning: {finding}"));
    Ok(Exit::Complete)
}
