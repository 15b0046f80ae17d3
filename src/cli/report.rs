//! `phasesweep report`: runs `phasesweep-report` from beside this binary or from PATH, as git runs its subcommands, so
//! that a compute node's binary carries no polars and a laptop can report without MPI.

use std::path::PathBuf;
use std::process::Command;

use super::exit::{Exit, Failure};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Run directory, or a results.h5, and further options of phasesweep-report.
    #[arg(required = true, allow_hyphen_values = true, trailing_var_arg = true, value_name = "DIR [OPTIONS]")]
    rest: Vec<String>,
}

pub(super) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    const NAME: &str = "phasesweep-report";
    let beside = std::env::current_exe().ok().and_then(|exe| exe.parent().map(|dir| dir.join(NAME)));
    let program = beside.filter(|path| path.is_file()).unwrap_or_else(|| PathBuf::from(NAME));
    let status = Command::new(&program).args(&arguments.rest).status().map_err(|error| {
        Failure::Input(format!(
            "{} cannot be started: {error}. Build it with `cargo build --release -p phasesweep-analysis` and put it beside phasesweep or on PATH.",
            program.display()
        ))
    })?;
    match status.code() {
        Some(0) => Ok(Exit::Complete),
        Some(2) => Err(Failure::Said(Exit::Refused)),
        other => Err(Failure::Bug(format!(
            "{NAME} ended with {}",
            other.map_or("a signal".into(), |code| format!("code {code}"))
        ))),
    }
}
