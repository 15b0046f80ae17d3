//! Whether a sweep may be run into a directory in which another one was run before.
//!
//! A directory belongs to one sweep, which may grow, shrink and change at any time: the sweep of the same name in the same
//! file, or of the same name with at least one cell in common (a copy of the file, or a file that was moved). What belongs
//! to another sweep, or was trained on other samples, is not shared unseen.

use super::RunDirectoryError;
use super::data_record::DataRecord;
use super::definition::Definition;
use super::kept_run::KeptRun;
use super::record::Record;
use crate::plan::Plan;
use crate::store::RunDirectory;

/// Refuses a directory that belongs to another sweep, or whose data changed. `record` and `plan` are those of the sweep
/// that is to be run.
///
/// # Errors
/// [`RunDirectoryError::AnotherSweep`], [`RunDirectoryError::DataChanged`]; the directory's record cannot be read.
pub fn check_claim(directory: &RunDirectory, record: &Record, plan: &Plan) -> Result<(), RunDirectoryError> {
    let Some(kept) = Record::read(directory)? else { return check_old_directory(directory, record) };
    check_data(directory, &kept.data, &record.data)?;
    let (old, new) = (&kept.definition, &record.definition);
    let same_file = old.sweep_file.is_none() || old.sweep_file == new.sweep_file;
    if kept.name == record.name && (same_file || old == new || share_a_cell(directory, plan)) {
        return Ok(());
    }
    Err(another(directory, kept.title(), record))
}

fn another(directory: &RunDirectory, kept: String, asked: &Record) -> RunDirectoryError {
    RunDirectoryError::AnotherSweep { path: directory.root().to_path_buf(), kept, asked: asked.title() }
}

/// Refuses a directory that belongs to a sweep of another name: what can be told before the data are looked at. `definition`
/// and `name` are those of the sweep that is to be run.
///
/// # Errors
/// [`RunDirectoryError::AnotherSweep`]; the directory's record cannot be read.
pub fn check_name(directory: &RunDirectory, name: &str, definition: &Definition) -> Result<(), RunDirectoryError> {
    let asked = Record::new(name, definition.clone(), Vec::new());
    match Record::read(directory)? {
        None => check_old_directory(directory, &asked),
        Some(kept) if kept.name == name => Ok(()),
        Some(kept) => Err(another(directory, kept.title(), &asked)),
    }
}

/// Refuses data whose samples are not those that were kept.
///
/// # Errors
/// [`RunDirectoryError::DataChanged`].
pub fn check_data(directory: &RunDirectory, kept: &[DataRecord], now: &[DataRecord]) -> Result<(), RunDirectoryError> {
    for data in now {
        if let Some(kept) = kept.iter().find(|kept| kept.is_of_the_source_of(data))
            && kept.digest() != data.digest()
        {
            return Err(changed(directory, &data.name, &data.place(), kept.digest(), data.digest()));
        }
    }
    Ok(())
}

/// The error about samples in `place` whose digest was `kept` and now is `found`.
pub(super) fn changed(directory: &RunDirectory, name: &str, place: &str, kept: &str, found: &str) -> RunDirectoryError {
    let short = |digest: &str| digest.get(..12).unwrap_or(digest).to_string();
    RunDirectoryError::DataChanged {
        path: directory.root().to_path_buf(),
        name: name.to_string(),
        place: place.to_string(),
        kept: short(kept),
        found: short(found),
    }
}

/// Directories of earlier versions know the name of their sweep and no more.
fn check_old_directory(directory: &RunDirectory, record: &Record) -> Result<(), RunDirectoryError> {
    let Some(kept) = KeptRun::name_of_old(directory) else { return Ok(()) };
    if kept == record.name {
        return Ok(());
    }
    Err(another(directory, format!("`{kept}`"), record))
}

/// Whether a cell of the plan is one of the directory's sweep. A kept sweep that this version does not read any more
/// shares none.
fn share_a_cell(directory: &RunDirectory, plan: &Plan) -> bool {
    let Ok(kept) = KeptRun::open(directory) else { return false };
    let ids: std::collections::HashSet<_> = kept.ids().iter().collect();
    plan.ids().iter().any(|id| ids.contains(id))
}
