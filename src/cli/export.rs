//! `phasesweep export`: runs `phasesweep-report export`.

use std::ffi::OsString;

use super::analysis_program;
use super::exit::{Exit, Failure};

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(super) struct Arguments {
    /// Run directory, or a results.h5, and options; --help lists them.
    #[arg(
        required = true,
        allow_hyphen_values = true,
        trailing_var_arg = true,
        value_name = "DIR --to FORMAT [OPTIONS]"
    )]
    rest: Vec<OsString>,
}

pub(super) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    analysis_program::subcommand("export", arguments.rest)
}
