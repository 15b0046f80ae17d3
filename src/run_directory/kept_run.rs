//! A run as its directory keeps it: the sweep, its plan, and the ids of its cells, without any data.
//!
//! Invariant: opening reads the directory and, for directories of earlier versions alone, the data; it writes nothing.

use std::io::ErrorKind;
use std::sync::OnceLock;

use super::RunDirectoryError;
use super::definition::Definition;
use super::input::{home, working_directory};
use super::older;
use super::record::Record;
use crate::plan::{CellId, Plan};
use crate::store::RunDirectory;

/// A run as its directory keeps it.
#[derive(Debug)]
pub struct KeptRun {
    /// Where it lies.
    pub directory: RunDirectory,
    /// The sweep as it was asked for.
    pub definition: Definition,
    /// Its cells.
    pub plan: Plan,
    /// Identity of each of its data.
    pub identities: Vec<String>,
    /// What `run.json` held; `None` in directories of earlier versions.
    record: Option<Record>,
    ids: OnceLock<Vec<CellId>>,
}

impl KeptRun {
    /// Opens a run directory.
    ///
    /// # Errors
    /// There is no run in it; its record or its sweep is not valid; for directories of earlier versions, neither the
    /// data nor the parts tell which samples the run is of.
    pub fn open(directory: &RunDirectory) -> Result<KeptRun, RunDirectoryError> {
        let file = directory.sweep_file();
        let name = file.display().to_string();
        let text = std::fs::read_to_string(&file);
        let record = Record::read(directory)?;
        let Some(record) = record else {
            let text = text.map_err(|source| match source.kind() {
                ErrorKind::NotFound | ErrorKind::NotADirectory => {
                    RunDirectoryError::NoRun { path: directory.root().to_path_buf() }
                }
                _ => RunDirectoryError::Unreadable { what: "the sweep file", path: file.clone(), source, advice: "" },
            })?;
            let definition = older::definition(&text, &working_directory()?, home().as_deref());
            let sweep = definition.sweep(&name)?;
            let identities = older::identities(directory, &sweep)?;
            return Ok(KeptRun::new(directory, definition, Plan::new(sweep, &identities), identities, None));
        };
        if text.is_ok_and(|text| text != record.definition.text) {
            tracing::warn!(
                "{name} was edited since its run, which this goes by; `phasesweep run {name}` runs what it says now"
            );
        }
        let identities = record.identities();
        let plan = Plan::new(record.definition.sweep(&name)?, &identities);
        if plan.sweep().data.len() != identities.len() {
            let reason =
                format!("it knows {} data sets, and its sweep has {}", identities.len(), plan.sweep().data.len());
            return Err(RunDirectoryError::Record { path: directory.record_file(), reason });
        }
        Ok(KeptRun::new(directory, record.definition.clone(), plan, identities, Some(record)))
    }

    fn new(
        directory: &RunDirectory,
        definition: Definition,
        plan: Plan,
        identities: Vec<String>,
        record: Option<Record>,
    ) -> KeptRun {
        KeptRun { directory: directory.clone(), definition, plan, identities, record, ids: OnceLock::new() }
    }

    /// Name of the sweep of a directory of an earlier version; `None` if there is none, or if it is not valid any more.
    pub(super) fn name_of_old(directory: &RunDirectory) -> Option<String> {
        let text = std::fs::read_to_string(directory.sweep_file()).ok()?;
        if !directory.parts().is_dir() {
            return None;
        }
        let definition = older::definition(&text, &working_directory().ok()?, home().as_deref());
        Some(definition.sweep("").ok()?.name)
    }

    /// Ids of the plan's cells, in order.
    pub fn ids(&self) -> &[CellId] {
        self.ids.get_or_init(|| self.plan.ids())
    }

    /// Whether `run.json` still holds what was opened.
    pub fn is_current(&self) -> bool {
        Record::read(&self.directory).is_ok_and(|now| now == self.record)
    }
}
