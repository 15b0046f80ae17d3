//! How a subcommand ended, how that is printed, and the exit code that job scripts branch on.

use std::process::ExitCode;

use phasesweep::run_directory::RunDirectoryError;
use phasesweep::session::{Ending, SessionError};

// The exit codes. What is said of each here is what docs/command-line.md says (tests/docs.rs reads these lines), and the README.
/// complete
const COMPLETE: u8 = 0;
/// completed, with failed cells
const FAILED_CELLS: u8 = 1;
/// the input is wrong, or the data, the directory or the device that it names; or an allocation brought nothing, and another like it would bring no more
pub(super) const INPUT: u8 = 2;
/// a bug
const BUG: u8 = 70;
/// interrupted; the same command goes on
pub(super) const INTERRUPTED: u8 = 75;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Everything asked for is there.
    Complete,
    /// The work is done, but cells failed; `phasesweep status` names them.
    FailedCells,
    /// The user's input, or what it names, is wrong.
    Refused,
    /// A fault of the program.
    Bug,
    /// Interrupted; the same command continues where it stopped.
    Interrupted,
}

impl From<Ending> for Exit {
    fn from(ending: Ending) -> Exit {
        match ending {
            Ending::Complete => Exit::Complete,
            Ending::FailedCells => Exit::FailedCells,
            Ending::Interrupted => Exit::Interrupted,
        }
    }
}

/// Why a command could not do its work. Sentences without a prefix.
#[derive(Debug)]
pub(super) enum Failure {
    /// The user's input is wrong, or what it names.
    Input(String),
    /// Several things are wrong with it; a sentence each.
    Several(Vec<String>),
    /// A text that names its errors and their places itself, as compilers do.
    Diagnostics(String),
    /// Interrupted; the same command continues where it stopped.
    Interrupted(String),
    /// Everything has been printed, by another process.
    Said(Exit),
    /// A fault of the program.
    Bug(String),
}

impl Failure {
    /// A failure of the user's input, from any error that says what to do.
    pub(super) fn input(error: impl std::fmt::Display) -> Failure {
        Failure::Input(error.to_string())
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Failure {
        match error {
            SessionError::Sweep(diagnostics) => Failure::Diagnostics(diagnostics.to_string()),
            SessionError::Refused(sentences) => Failure::Several(sentences),
            SessionError::Resumable(message) => Failure::Interrupted(message),
            SessionError::OnRankZero => Failure::Said(Exit::Refused),
            SessionError::ResumableOnRankZero => Failure::Said(Exit::Interrupted),
            SessionError::Bug(message) => Failure::Bug(message),
            error => Failure::input(error),
        }
    }
}

impl From<RunDirectoryError> for Failure {
    fn from(error: RunDirectoryError) -> Failure {
        SessionError::from(error).into()
    }
}

/// Prints a failure, and turns the end of a subcommand into the exit code of the process.
pub(super) fn code(outcome: Result<Exit, Failure>) -> ExitCode {
    let exit = outcome.unwrap_or_else(|failure| match failure {
        Failure::Input(message) => refuse(&[message]),
        Failure::Several(messages) => refuse(&messages),
        Failure::Diagnostics(text) => {
            eprintln!("{}", text.trim_end());
            Exit::Refused
        }
        Failure::Interrupted(message) => {
            refuse(&[message]);
            Exit::Interrupted
        }
        Failure::Said(exit) => exit,
        Failure::Bug(message) => {
            eprintln!(
                "This is a bug in phasesweep, not in your sweep; please report it with the sweep file:\n{message}"
            );
            Exit::Bug
        }
    });
    ExitCode::from(match exit {
        Exit::Complete => COMPLETE,
        Exit::FailedCells => FAILED_CELLS,
        Exit::Refused => INPUT,
        Exit::Bug => BUG,
        Exit::Interrupted => INTERRUPTED,
    })
}

/// Prints what is wrong, with the prefix that no other place of the program writes before a sentence.
fn refuse(messages: &[String]) -> Exit {
    for message in messages {
        eprintln!("error: {}", message.trim_end());
    }
    Exit::Refused
}
