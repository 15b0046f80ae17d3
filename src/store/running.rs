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

const SUFFIX: &str = "json";

/// A cohort that is being trained, or was when its rank died.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Running {
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
}

impl Running {
    /// Notes in `directory` that the cohort is being trained.
    ///
    /// The file is not synced, by design: it speaks of a process that dies, which the page cache (and, on NFS, the
    /// close) outlives; a power failure that takes it along is no fault of the cohort's, and a sync for each cohort
    /// would cost more than short cohorts do.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn begin(&self, directory: &Path) -> Result<(), StoreError> {
        let path = path(directory, self.cohort);
        let temporary = directory.join(format!(".{}-{}-{}{}", self.cohort, self.rank, self.pid, durable::PARTIAL));
        let text = serde_json::to_vec(self).map_err(|error| StoreError::io("write", &path)(error.into()))?;
        fs::write(&temporary, text).map_err(StoreError::io("write", &path))?;
        fs::rename(&temporary, &path).map_err(StoreError::io("rename", &path))
    }
}

/// Notes that the cohort is not being trained any more: done, checkpointed, or given up.
///
/// # Errors
/// [`StoreError::Io`].
pub fn end(directory: &Path, cohort: CohortId) -> Result<(), StoreError> {
    let path = path(directory, cohort);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("remove", &path)(error)),
        _ => Ok(()),
    }
}

/// What is being trained, or, with the directory's lease in hand and nothing begun, what crashed. By cohort. Files that
/// cannot be read (a node died while they were written) are named in the log and left out.
///
/// # Errors
/// [`StoreError::Io`].
pub fn list(directory: &Path) -> Result<Vec<Running>, StoreError> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory).map_err(StoreError::io("list", directory))? {
        let path = entry.map_err(StoreError::io("list", directory))?.path();
        if path.extension().is_none_or(|extension| extension != SUFFIX) {
            continue;
        }
        let bytes = match fs::read(&path) {
            // Its cohort has ended between listing and reading.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other.map_err(StoreError::io("read", &path))?,
        };
        match serde_json::from_slice::<Running>(&bytes) {
            Ok(running) => all.push(running),
            Err(error) => tracing::warn!("{} cannot be read ({error}) and is passed over", path.display()),
        }
    }
    all.sort_by_key(|running| running.cohort);
    Ok(all)
}

fn path(directory: &Path, cohort: CohortId) -> PathBuf {
    directory.join(format!("{cohort}.{SUFFIX}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ended_is_found_with_its_attempts() {
        let directory = tempfile::tempdir().unwrap();
        let running = |cohort, attempts| Running {
            cohort: CohortId(cohort),
            cells: vec![CellId([cohort as u8; 16]), CellId([0; 16])],
            attempts,
            rank: 3,
            host: "n1".into(),
            pid: 7,
        };
        for running in [running(9, 1), running(2, 1), running(9, 2)] {
            running.begin(directory.path()).unwrap();
        }
        end(directory.path(), CohortId(2)).unwrap();
        end(directory.path(), CohortId(5)).unwrap();
        fs::write(directory.path().join("0000000000000001.json"), "{\"cohort\":").unwrap();
        assert_eq!(list(directory.path()).unwrap(), [running(9, 2)]);
    }
}
