//! What a directory of parts holds: the cells that are done, and the files that are not what they should be.
//!
//! Reads heads only, in parallel, and never calls HDF5. Invariants: a cell found in several parts counts once, a
//! measured one before a failed one, then the part whose name sorts first; what the scan does not understand it leaves
//! where it is and names.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::plan::CellId;

use super::durable;
use super::error::StoreError;
use super::part::{self, CellStatus, PartSummary};

/// Where a cell was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Index into [`Scan::parts`].
    pub part: u32,
    /// Its row there.
    pub row: u32,
    /// How it ended.
    pub status: CellStatus,
}

/// What a directory of parts holds.
#[derive(Debug, Default)]
pub struct Scan {
    /// The whole parts, by name.
    pub parts: Vec<(PathBuf, PartSummary)>,
    /// Every cell of theirs.
    pub done: HashMap<CellId, Found>,
    /// Files that are not whole, with the reason; [`set_aside`] moves them.
    pub torn: Vec<(PathBuf, String)>,
    /// Files of other programs or of other versions, with the sentence that says so; they are left alone.
    pub refused: Vec<(PathBuf, StoreError)>,
}

/// Scans a directory of parts. Only files that end in `.h5` are looked at.
///
/// # Errors
/// [`StoreError::Io`] if the directory or a part cannot be read.
pub fn scan(directory: &Path) -> Result<Scan, StoreError> {
    scan_new(directory, &HashSet::new())
}

/// Scans a directory of parts but for those of the names in `known`, which are not opened: parts are immutable.
///
/// # Errors
/// As [`scan`].
pub fn scan_new(directory: &Path, known: &HashSet<OsString>) -> Result<Scan, StoreError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(StoreError::io("list", directory))? {
        let path = entry.map_err(StoreError::io("list", directory))?.path();
        let is_new = path.file_name().is_some_and(|name| !known.contains(name));
        if is_new && path.extension().is_some_and(|extension| extension == part::SUFFIX) {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    let summaries: Vec<_> = paths.par_iter().map(|path| PartSummary::read(path)).collect();
    let mut scan = Scan::default();
    for (path, summary) in paths.into_iter().zip(summaries) {
        match summary {
            Ok(summary) => scan.add(path, summary),
            Err(StoreError::Torn { reason, .. }) => scan.torn.push((path, reason)),
            Err(error @ (StoreError::Format { .. } | StoreError::Contradiction { .. })) => {
                scan.refused.push((path, error));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(scan)
}

impl Scan {
    fn add(&mut self, path: PathBuf, summary: PartSummary) {
        let part = self.parts.len() as u32;
        for (row, &(id, status)) in summary.cells.iter().enumerate() {
            let found = Found { part, row: row as u32, status };
            let kept = self.done.entry(id).or_insert(found);
            if status.replaces(kept.status) {
                *kept = found;
            }
        }
        self.parts.push((path, summary));
    }
}

/// Moves a torn file out of the way, to `<name>.torn` (or `.torn-2` …), durably, and returns where it now is. Its cells
/// are then not done.
///
/// # Errors
/// [`StoreError::Io`].
pub fn set_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".torn");
    let mut aside = PathBuf::from(&name);
    for count in 2.. {
        if !aside.exists() {
            break;
        }
        let mut numbered = name.clone();
        numbered.push(format!("-{count}"));
        aside = PathBuf::from(numbered);
    }
    fs::rename(path, &aside).map_err(StoreError::io("rename", path))?;
    durable::sync_parent(path)?;
    tracing::warn!("{} is torn: set aside as {}; its cells count as not done", path.display(), aside.display());
    Ok(aside)
}
