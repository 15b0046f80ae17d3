//! `phasesweep compare`: runs `phasesweep-report compare`.

use std::ffi::OsString;

use super::analysis_program;
use super::exit::{Exit, Failure};

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(super) struct Arguments {
    /// Run directories or results files, and options; --help lists them.
    #[arg(required = true, allow_hyphen_values = true, trailing_var_arg = true, value_name = "RUN RUN [OPTIONS]")]
    rest: Vec<OsString>,
}

pub(super) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    analysis_program::subcommand("compare", arguments.rest)
}
