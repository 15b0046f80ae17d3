//! What a command line means by the sweep and the run directory that it names.
//!
//! `run`, `plan` and `submit` take a sweep file, a run directory, or the `sweep.toml` in one: the last two mean the run of
//! that directory, with its overrides. The commands that read a run take the same: a sweep file then stands for the
//! directory that `run` writes to unless told otherwise.

use std::path::{Path, PathBuf};

use super::RunDirectoryError;
use super::data_record::DataRecord;
use super::definition::Definition;
use super::older;
use super::record::Record;
use crate::data::{self, DataError, Shape};
use crate::store::RunDirectory;
use crate::sweep::{Diagnostics, Sweep};

/// A sweep that a command is to run, plan or submit.
#[derive(Debug, Clone)]
pub struct SweepInput {
    /// The sweep as it is asked for, all overrides included.
    pub definition: Definition,
    /// What errors call the file.
    pub name: String,
    /// The run directory that it was read from, if it was.
    pub from: Option<RunDirectory>,
    /// What that directory knows of the data.
    pub data: Vec<DataRecord>,
}

impl SweepInput {
    /// Reads a sweep: a sweep file, a run directory, or the `sweep.toml` in one. `sets` are the overrides of the command
    /// line; relative paths in them start from `sets_from`, or from the working directory.
    ///
    /// # Errors
    /// The file cannot be read, or the directory is not a run directory.
    pub fn read(path: &Path, sets: &[String], sets_from: Option<&Path>) -> Result<SweepInput, RunDirectoryError> {
        let here = working_directory()?;
        let sets_from = sets_from.map_or_else(|| here.clone(), Path::to_path_buf);
        let Some(directory) = run_directory_of(path)? else {
            let text = read_sweep_file(path)?;
            let file = std::path::absolute(path).map_err(unreadable(path))?;
            let (kept, text) = older::split(&text);
            if !kept.is_empty() {
                tracing::info!("{}: {} --set at its head apply", path.display(), kept.len());
            }
            let definition = Definition {
                directory: file.parent().map_or_else(|| here.clone(), Path::to_path_buf),
                sweep_file: Some(file),
                home: home(),
                text: text.to_string(),
                overrides: Vec::new(),
            };
            let definition = definition.overridden(&kept, &here).overridden(sets, &sets_from);
            return Ok(SweepInput { definition, name: path.display().to_string(), from: None, data: Vec::new() });
        };
        let file = directory.sweep_file();
        let (definition, data) = match Record::read(&directory)? {
            Some(Record { mut definition, data, .. }) => {
                if file.exists() {
                    let text = read_sweep_file(&file)?;
                    if text != definition.text {
                        tracing::info!("{} was edited since its run: it counts as it is now", file.display());
                        definition.text = text;
                    }
                }
                (definition, data)
            }
            None => (older::definition(&read_sweep_file(&file)?, &here, home().as_deref()), Vec::new()),
        };
        if !definition.overrides.is_empty() {
            tracing::info!("{}: with --set {}", directory.root().display(), definition.sets().join(" --set "));
        }
        let definition = definition.overridden(sets, &sets_from);
        Ok(SweepInput { definition, name: file.display().to_string(), from: Some(directory), data })
    }

    /// The checked sweep.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn sweep(&self) -> Result<Sweep, Diagnostics> {
        self.definition.sweep(&self.name)
    }

    /// Where a run of the sweep goes unless told otherwise: on in the directory it was read from, or to `runs/<name>`.
    pub fn default_directory(&self, sweep: &Sweep) -> PathBuf {
        self.from.as_ref().map_or_else(|| default_directory(&sweep.name), |directory| directory.root().to_path_buf())
    }

    /// Sizes of the sweep's data: as the run directory knows them, else from the heads of the files.
    ///
    /// # Errors
    /// The data of an entry that the run directory does not know are not there.
    pub fn shapes(&self, sweep: &Sweep) -> Result<Vec<Shape>, DataError> {
        let kept = |data| self.data.iter().find(|record| record.is_of(data)).map(|record| record.shape);
        sweep.data.iter().map(|data| kept(data).map_or_else(|| data::shape(data), Ok)).collect()
    }
}

/// The run directory that a command which reads a run means: the directory itself, that of its `sweep.toml`, or the one
/// that `run` writes to for a sweep file.
///
/// # Errors
/// There is no run; the sweep file is not valid.
pub fn locate(path: &Path) -> Result<RunDirectory, RunDirectoryError> {
    if let Some(directory) = run_directory_of(path)? {
        return Ok(directory);
    }
    let sweep = SweepInput::read(path, &[], None)?.sweep()?;
    let directory = RunDirectory::at(default_directory(&sweep.name));
    match is_run_directory(&directory) || directory.jobs_directory().is_dir() {
        true => Ok(directory),
        false => Err(RunDirectoryError::NoRun { path: directory.root().to_path_buf() }),
    }
}

/// The run directory that a path names: the directory, or that of the `sweep.toml` in it. `None`: another file.
fn run_directory_of(path: &Path) -> Result<Option<RunDirectory>, RunDirectoryError> {
    if path.is_file() {
        let parent = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let directory = RunDirectory::at(parent);
        let kept = path.file_name() == directory.sweep_file().file_name();
        return Ok((kept && is_run_directory(&directory)).then_some(directory));
    }
    // What is neither file nor directory may be a pipe that a shell made for a sweep file.
    if path.is_dir() || (!path.exists() && path.extension().is_none()) {
        let directory = RunDirectory::at(path);
        // A job that waits in the queue has not opened its run yet.
        if is_run_directory(&directory) || directory.jobs_directory().is_dir() {
            return Ok(Some(directory));
        }
        return Err(RunDirectoryError::NoRun { path: path.to_path_buf() });
    }
    Ok(None)
}

/// Whether there is a run: its record, or, from earlier versions, a sweep file beside parts.
fn is_run_directory(directory: &RunDirectory) -> bool {
    directory.record_file().is_file() || (directory.sweep_file().is_file() && directory.parts().is_dir())
}

fn default_directory(name: &str) -> PathBuf {
    PathBuf::from("runs").join(name)
}

fn read_sweep_file(path: &Path) -> Result<String, RunDirectoryError> {
    std::fs::read_to_string(path).map_err(|source| RunDirectoryError::Unreadable {
        what: "the sweep file",
        path: path.to_path_buf(),
        source,
        advice: ". The repository's sweeps/ holds examples to start from",
    })
}

fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> RunDirectoryError {
    let path = path.to_path_buf();
    move |source| RunDirectoryError::Unreadable { what: "the sweep file", path, source, advice: "" }
}

/// The working directory.
///
/// # Errors
/// It was removed, or may not be read.
pub(super) fn working_directory() -> Result<PathBuf, RunDirectoryError> {
    std::env::current_dir().map_err(|source| RunDirectoryError::Unreadable {
        what: "the working directory",
        path: PathBuf::from("."),
        source,
        advice: ". Change to a directory that exists",
    })
}

/// The home directory, if one is known.
pub(super) fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute())
}
