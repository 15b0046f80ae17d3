//! The sweep as the subcommands that take one read it, and the run directory as those that read a run do.

use std::path::{Path, PathBuf};

use super::exit::Failure;
use phasesweep::run_directory::{RunDirectoryError, SweepInput, locate};
use phasesweep::store::RunDirectory;
use phasesweep::sweep::Sweep;

/// A sweep file and what overrides it.
#[derive(clap::Args, Debug, Clone)]
pub(super) struct SweepFile {
    /// The sweep file; or a run directory, or the sweep.toml in it, which is the run of that directory, overrides included.
    #[arg(value_name = "SWEEP.toml")]
    pub(super) file: PathBuf,
    /// Override a value of the file, e.g. --set train.epochs=100 or --set optimiser.lr=0.1,0.2; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) overrides: Vec<String>,
    /// Directory that relative paths in --set start from, instead of the working directory.
    #[arg(long, hide = true, value_name = "DIR")]
    pub(super) set_from: Option<PathBuf>,
}

impl SweepFile {
    /// What is asked for, and the checked sweep.
    pub(super) fn read(&self) -> Result<(SweepInput, Sweep), Failure> {
        let input = SweepInput::read(&self.file, &self.overrides, self.set_from.as_deref())?;
        let sweep = input.sweep().map_err(RunDirectoryError::from)?;
        Ok((input, sweep))
    }
}

/// The run that a subcommand reads.
#[derive(clap::Args, Debug, Clone)]
pub(super) struct RunArgument {
    /// Run directory, the sweep.toml in it, or a sweep file whose run is in runs/NAME of the sweep.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl RunArgument {
    /// The run directory.
    pub(super) fn locate(&self) -> Result<RunDirectory, Failure> {
        located(&self.directory)
    }
}

/// The run directory that a path means.
pub(super) fn located(path: &Path) -> Result<RunDirectory, Failure> {
    Ok(locate(path)?)
}
