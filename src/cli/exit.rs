//! How a subcommand ended, how that is printed, and the exit code that job scripts branch on.

use std::process::ExitCode;

/// How a command that did its work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Everything asked for is there.
    Complete,
    /// The work is done, but cells failed; `phasesweep status` names them.
    FailedCells,
    /// Interrupted; the same command continues where it stopped.
    Interrupted,
}

/// Why a command could not do its work.
#[derive(Debug)]
pub(super) enum Failure {
    /// The user's input is wrong, or what it names: printed as it is.
    Input(String),
    /// A fault of the program.
    Bug(String),
}

impl Failure {
    /// A failure of the user's input, from any error that says what to do.
    pub(super) fn input(error: impl std::fmt::Display) -> Failure {
        Failure::Input(error.to_string())
    }
}

/// Exit codes, as documented in the README.
mod code {
    pub(super) const COMPLETE: u8 = 0;
    pub(super) const FAILED_CELLS: u8 = 1;
    pub(super) const INPUT: u8 = 2;
    pub(super) const BUG: u8 = 70;
    pub(super) const INTERRUPTED: u8 = 75;
}

/// Prints a failure, and turns the end of a subcommand into the exit code of the process.
pub(super) fn code(outcome: Result<Exit, Failure>) -> ExitCode {
    ExitCode::from(match outcome {
        Ok(Exit::Complete) => code::COMPLETE,
        Ok(Exit::FailedCells) => code::FAILED_CELLS,
        Ok(Exit::Interrupted) => code::INTERRUPTED,
        Err(Failure::Input(message)) => {
            if !message.is_empty() {
                eprintln!("{}", message.trim_end());
            }
            code::INPUT
        }
        Err(Failure::Bug(message)) => {
            eprintln!(
                "This is a bug in phasesweep, not in your sweep; please report it with the sweep file:\n{message}"
            );
            code::BUG
        }
    })
}
