//! The sweep file as the subcommands that take one read it.

use std::path::PathBuf;

use super::Failure;
use crate::sweep::{self, Sweep};

/// A sweep file and what overrides it.
#[derive(clap::Args, Debug, Clone)]
pub(super) struct SweepFile {
    /// The sweep file.
    #[arg(value_name = "SWEEP.toml")]
    pub(super) file: PathBuf,
    /// Override a value of the file, e.g. --set train.epochs=100 or --set optimiser.lr=0.1,0.2; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) overrides: Vec<String>,
}

impl SweepFile {
    /// The file's text.
    pub(super) fn text(&self) -> Result<String, Failure> {
        std::fs::read_to_string(&self.file).map_err(|error| {
            Failure::Input(format!(
                "error: the sweep file {} cannot be read: {error}. The repository's sweeps/ holds examples to start from.",
                self.file.display()
            ))
        })
    }

    /// The checked sweep.
    pub(super) fn read(&self) -> Result<(String, Sweep), Failure> {
        let text = self.text()?;
        let sweep = sweep::parse(&text, &self.file.display().to_string(), &self.overrides).map_err(Failure::input)?;
        Ok((text, sweep))
    }
}
