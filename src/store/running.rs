//! Which cohorts are being trained: a small file for each while it runs, so that a cohort that takes its rank down is
//! known by what it leaves.
//!
//! Invariant: after a run has ended in order there is none. One that is found at the start is an attempt that crashed,
//! and says which cells it had and how many attempts there were.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::plan::{CellId, CohortId};

use super::durable;
use super::error::StoreError;
use super::run_directory::RunDirectory;

/// How names of these files end.
pub const SUFFIX: &str = "json";

/// A cohort that is being trained, or was when its rank died.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunningCohort {
    /// The cohort.
    pub cohort: CohortId,
    /// Its cells.
    pub cells: Vec<CellId>,
    /// Which attempt it is, from 1.
    pub attempts: u32,
    /// The rank.
    pub rank: u32,
    /// Its host.
    pub host: String,
    /// Its process.
    pub pid: u32,
    #[serde(skip)]
    path: PathBuf,
}

impl RunningCohort {
    /// Notes that this process trains the cohort from now on.
    ///
    /// The file is not synced, by design: it speaks of a process that dies, which the page cache (and, on NFS, the
    /// close) outlives; a power failure that takes it along is no fault of the cohort's, and a sync for each cohort
    /// would cost more than short cohorts do.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn begin(
        directory: &RunDirectory,
        cohort: CohortId,
        cells: &[CellId],
        attempts: u32,
        rank: u32,
    ) -> Result<RunningCohort, StoreError> {
        let path = note(directory, cohort);
        let pid = std::process::id();
        let running =
            RunningCohort { cohort, cells: cells.to_vec(), attempts, rank, host: crate::host::name(), pid, path };
        let path = &running.path;
        let temporary = path.with_file_name(format!(".{cohort}-{rank}-{pid}{}", durable::PARTIAL));
        let text = serde_json::to_vec(&running).map_err(|error| StoreError::io("write", path)(error.into()))?;
        fs::write(&temporary, text).map_err(StoreError::io("write", path))?;
        fs::rename(&temporary, path).map_err(StoreError::io("rename", path))?;
        Ok(running)
    }

    /// Notes that the cohort is not being trained any more: done, checkpointed, or given up.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn end(self) -> Result<(), StoreError> {
        remove(&self.path)
    }

    /// Removes the note of a cohort, if there is one, whoever made it.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn forget(directory: &RunDirectory, cohort: CohortId) -> Result<(), StoreError> {
        remove(&note(directory, cohort))
    }

    /// Whether the file there was written after the cohort began; not so if there is none. Both times are of the file
    /// system that holds both, so no two clocks are compared.
    pub fn is_older_than(&self, file: &Path) -> bool {
        let written = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified());
        matches!((written(&self.path), written(file)), (Ok(mine), Ok(other)) if mine < other)
    }

    /// What is being trained, or, with the directory's lease in hand and nothing begun, what crashed. By cohort. Files
    /// that cannot be read (a node died while they were written) are named in the log and left out.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn list(directory: &RunDirectory) -> Result<Vec<RunningCohort>, StoreError> {
        let directory = directory.running();
        let mut all = Vec::new();
        for entry in fs::read_dir(&directory).map_err(StoreError::io("list", &directory))? {
            let path = entry.map_err(StoreError::io("list", &directory))?.path();
            if path.extension().is_none_or(|extension| extension != SUFFIX) {
                continue;
            }
            let bytes = match fs::read(&path) {
                // Its cohort has ended between listing and reading.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other.map_err(StoreError::io("read", &path))?,
            };
            match serde_json::from_slice::<RunningCohort>(&bytes) {
                Ok(running) => all.push(RunningCohort { path, ..running }),
                Err(error) => tracing::warn!("{} cannot be read ({error}) and is passed over", path.display()),
            }
        }
        all.sort_by_key(|running| running.cohort);
        Ok(all)
    }
}

fn note(directory: &RunDirectory, cohort: CohortId) -> PathBuf {
    directory.running().join(format!("{cohort}.{SUFFIX}"))
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ended_is_found_with_its_attempts() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = RunDirectory::at(scratch.path());
        directory.create().unwrap();
        let cells = [CellId([9; 16]), CellId([0; 16])];
        let begin = |cohort, attempts| RunningCohort::begin(&directory, CohortId(cohort), &cells, attempts, 3).unwrap();
        begin(9, 1);
        let ended = begin(2, 1);
        let crashed = begin(9, 2);
        ended.clone().end().unwrap();
        ended.end().unwrap();
        fs::write(directory.running().join("0000000000000001.json"), "{\"cohort\":").unwrap();
        let left = RunningCohort::list(&directory).unwrap();
        assert_eq!(left, [crashed]);
        assert_eq!((left[0].attempts, left[0].cells.as_slice(), left[0].rank), (2, cells.as_slice(), 3));
        assert!(!left[0].is_older_than(&directory.checkpoint(CohortId(9))), "there is no checkpoint");
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::write(directory.checkpoint(CohortId(9)), "").unwrap();
        assert!(left[0].is_older_than(&directory.checkpoint(CohortId(9))));
        begin(7, 1);
        RunningCohort::forget(&directory, CohortId(7)).unwrap();
        RunningCohort::forget(&directory, CohortId(7)).unwrap();
        left.into_iter().for_each(|left| left.end().unwrap());
        assert!(RunningCohort::list(&directory).unwrap().is_empty());
    }
}
