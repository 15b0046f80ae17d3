//! The runs that are served, by name: those that were named, and those in the directories that were named, as they come.
//!
//! Invariants: a name means one run for as long as the server lives; two runs of one name are told apart by a number.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use phasesweep::run_directory::locate;
use phasesweep::store::RunDirectory;

use super::super::exit::Failure;
use super::live::{LiveRun, Turn};
use super::request::is_name;

/// A directory is listed anew after so long.
const LIST_EVERY: Duration = Duration::from_secs(3);
/// Runs of a directory at most: more are no list that a person reads.
const MOST: usize = 1000;

/// A folder for reports, removed when the server ends.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// A new one in the directory for temporary files, which nobody else may enter.
    pub(super) fn new() -> std::io::Result<Scratch> {
        use std::os::unix::fs::DirBuilderExt;
        let path = std::env::temp_dir().join(format!("phasesweep-serve-{}", std::process::id()));
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Scratch(path))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.0);
    }
}

/// When directories were last listed, and the runs by their names.
type Known = (Option<Instant>, BTreeMap<String, Arc<LiveRun>>);

/// All runs that are served.
pub(super) struct Runs {
    /// Directories of runs.
    parents: Vec<PathBuf>,
    scratch: PathBuf,
    renew: Duration,
    known: Mutex<Known>,
    /// Who makes a report.
    pub(super) turn: Arc<Turn>,
}

impl Runs {
    /// From run directories, and directories of such.
    pub(super) fn new(directories: Vec<PathBuf>, scratch: PathBuf, renew: Duration) -> Result<Runs, Failure> {
        let mut runs = Runs { parents: Vec::new(), scratch, renew, known: Mutex::default(), turn: Arc::default() };
        for path in directories {
            match is_run(&path) {
                true => runs.add(&locate(&path)?),
                false if path.is_dir() => runs.parents.push(path),
                // The error of every other subcommand.
                false => runs.add(&locate(&path)?),
            }
        }
        runs.list();
        Ok(runs)
    }

    /// Names and runs, those that came since included.
    pub(super) fn list(&self) -> Vec<(String, Arc<LiveRun>)> {
        let is_due = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let due = known.0.is_none_or(|at| at.elapsed() >= LIST_EVERY);
            if due {
                known.0 = Some(Instant::now());
            }
            due
        };
        if is_due {
            for parent in &self.parents {
                let Ok(entries) = std::fs::read_dir(parent) else { continue };
                let mut found: Vec<PathBuf> =
                    entries.flatten().map(|entry| entry.path()).filter(|path| is_run(path)).take(MOST).collect();
                found.sort();
                found.iter().for_each(|path| self.add(&RunDirectory::at(path)));
            }
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.1.iter().map(|(name, run)| (name.clone(), Arc::clone(run))).collect()
    }

    /// The run of a name.
    pub(super) fn named(&self, name: &str) -> Option<Arc<LiveRun>> {
        self.list().into_iter().find(|(known, _)| known == name).map(|(_, run)| run)
    }

    fn add(&self, directory: &RunDirectory) {
        let root = std::fs::canonicalize(directory.root()).unwrap_or_else(|_| directory.root().to_owned());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.1.values().any(|run| run.root() == root) {
            return;
        }
        let name = root.file_name().map_or_else(|| "run".to_owned(), |name| name.to_string_lossy().into_owned());
        let name = if is_name(&name) { name } else { "run".to_owned() };
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let free = [name.clone()].into_iter().chain(numbered).find(|name| !known.1.contains_key(name)).unwrap_or(name);
        let scratch = self.scratch.join(known.1.len().to_string());
        let run = LiveRun::new(RunDirectory::at(root), scratch, self.renew);
        known.1.insert(free, Arc::new(run));
    }
}

/// Whether a directory holds a run, or waits for its first allocation. A sweep file alone may lie beside runs.
fn is_run(path: &Path) -> bool {
    let directory = RunDirectory::at(path);
    let of_an_earlier_version = directory.sweep_file().exists() && directory.parts().is_dir();
    directory.record_file().exists() || of_an_earlier_version || directory.jobs_directory().exists()
}
