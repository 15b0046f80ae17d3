//! Starting `phasesweep-report` from beside this binary or from PATH, as git starts its subcommands, so that a compute node's
//! binary carries no polars and a laptop can report without MPI.
//!
//! Invariant: what it prints is not touched, and its exit codes are those of `exit`.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::exit::{Exit, Failure};
use super::waiting;

const NAME: &str = "phasesweep-report";

/// Where it is: beside this program, else in the first directory of PATH that has it; `None` where neither does.
pub(super) fn found() -> Option<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|exe| exe.parent().map(|dir| dir.join(NAME)));
    let on_path = || {
        let directories = std::env::var_os("PATH")?;
        std::env::split_paths(&directories).map(|dir| dir.join(NAME)).find(|path| path.is_file())
    };
    beside.filter(|path| path.is_file()).or_else(on_path)
}

/// Where it is, or its name, which starting it then fails by.
pub(super) fn path() -> PathBuf {
    found().unwrap_or_else(|| PathBuf::from(NAME))
}

/// Why it could not be started, with what to do about it.
pub(super) fn not_started(program: &Path, error: &std::io::Error) -> Failure {
    Failure::Input(format!(
        "{} cannot be started: {error}. Build it with `cargo build --release -p phasesweep-analysis` and put it beside phasesweep or on PATH.",
        program.display()
    ))
}

/// Runs one of its subcommands, which say nothing while they work.
pub(super) fn subcommand(name: &str, arguments: Vec<OsString>) -> Result<Exit, Failure> {
    waiting::on(NAME, || run([OsString::from(name)].into_iter().chain(arguments)))
}

/// Runs it to its end with these arguments. The report shows by itself how far it is.
pub(super) fn run(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Exit, Failure> {
    let program = path();
    let mut command = Command::new(&program);
    command.args(arguments);
    let status = command.status().map_err(|error| not_started(&program, &error))?;
    match status.code() {
        Some(0) => Ok(Exit::Complete),
        Some(2) => Err(Failure::Said(Exit::Refused)),
        other => Err(Failure::Bug(format!(
            "{NAME} ended with {}",
            other.map_or("a signal".into(), |code| format!("code {code}"))
        ))),
    }
}
