//! `run.json`: what a run directory knows of its run besides the text of its sweep file: overrides, where paths start
//! from, and what a plan needs of the data.
//!
//! Invariants: it is replaced whole, so that text, overrides and data in it belong together at any kill; `sweep.toml`
//! beside it is a copy of its text for people, and for `phasesweep run`.

use std::io::ErrorKind;

use serde::{Deserialize, Serialize};

use super::RunDirectoryError;
use super::data_record::DataRecord;
use super::definition::Definition;
use crate::store::{RunDirectory, durable};

/// What every such file says of itself.
const FORMAT: &str = "phasesweep run";
/// The version that is written, and the latest that is read.
const VERSION: u32 = 1;

/// What a run directory knows of its run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    format: String,
    format_version: u32,
    /// Name of the sweep.
    pub name: String,
    /// The sweep as it was asked for.
    pub definition: Definition,
    /// The data of each `[[data]]` of the sweep, spread out, in order.
    pub data: Vec<DataRecord>,
}

/// What is read of a file before it is known to be of a version that can be read.
#[derive(Deserialize)]
struct Head {
    format: String,
    format_version: u32,
}

impl Record {
    /// The record of a run.
    pub fn new(name: &str, definition: Definition, data: Vec<DataRecord>) -> Record {
        Record { format: FORMAT.to_string(), format_version: VERSION, name: name.to_string(), definition, data }
    }

    /// The sweep's name and file, for people.
    pub(super) fn title(&self) -> String {
        match &self.definition.sweep_file {
            Some(file) => format!("`{}` of {}", self.name, file.display()),
            None => format!("`{}`", self.name),
        }
    }

    /// Identities of the data, in order.
    pub fn identities(&self) -> Vec<String> {
        self.data.iter().map(|data| data.identity.clone()).collect()
    }

    /// Reads the record of a directory; `None` if there is none, as in directories of earlier versions.
    ///
    /// # Errors
    /// The file cannot be read, is not such a record, or is of a later version.
    pub fn read(directory: &RunDirectory) -> Result<Option<Record>, RunDirectoryError> {
        let path = directory.record_file();
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(source) => {
                return Err(RunDirectoryError::Unreadable { what: "the run's record", path, source, advice: "" });
            }
        };
        let wrong = |reason: String| RunDirectoryError::Record { path: path.clone(), reason };
        let unreadable = |error: serde_json::Error| {
            wrong(format!(
                "this is not the record of a run that phasesweep wrote ({error}). If it was edited, put it back; without it, \
                 the directory is read by its sweep.toml alone"
            ))
        };
        let head: Head = serde_json::from_slice(&bytes).map_err(unreadable)?;
        if head.format != FORMAT {
            return Err(wrong(format!(
                "its format is `{}`, not `{FORMAT}`: it belongs to another program",
                head.format
            )));
        }
        if head.format_version > VERSION {
            return Err(wrong(format!(
                "it is of format version {}, and this phasesweep reads up to {VERSION}: use the version that wrote it",
                head.format_version
            )));
        }
        serde_json::from_slice(&bytes).map(Some).map_err(unreadable)
    }

    /// Keeps the record and, beside it, the sweep's text. What an earlier run of the directory kept is replaced; a
    /// `sweep.toml` that a person edited since goes to `sweep.toml.edited`.
    ///
    /// # Errors
    /// The disk refuses, or a path is not UTF-8.
    pub fn keep(&self, directory: &RunDirectory) -> Result<(), RunDirectoryError> {
        let path = directory.record_file();
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| RunDirectoryError::Record {
            path: path.clone(),
            reason: format!("cannot be written: {error}"),
        })?;
        bytes.push(b'\n');
        self.move_edited(directory)?;
        if std::fs::read(&path).ok().as_deref() != Some(&bytes) {
            durable::write(&path, &bytes)?;
        }
        directory.keep_sweep(&self.definition.text)?;
        Ok(())
    }

    /// Moves a `sweep.toml` away that is neither what the directory kept nor what is about to be kept.
    fn move_edited(&self, directory: &RunDirectory) -> Result<(), RunDirectoryError> {
        let file = directory.sweep_file();
        let (Some(before), Ok(there)) = (Record::read(directory)?, std::fs::read(&file)) else { return Ok(()) };
        if there != before.definition.text.as_bytes() && there != self.definition.text.as_bytes() {
            let edited = directory.edited_sweep_file();
            tracing::warn!("{} was edited since its run; what it said is in {} now", file.display(), edited.display());
            durable::rename(&file, &edited)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::super::definition::Override;
    use super::*;

    fn record() -> Record {
        let set = |set: &str| Override { set: set.into(), directory: "/typed/here".into() };
        let definition = Definition {
            sweep_file: Some("/project/sweep.toml".into()),
            directory: "/project".into(),
            home: None,
            text: "\u{feff}[sweep]\r\nname = \"t\"\r\n# 数 \u{1f600} \"quoted\" \\ \t\n".into(),
            overrides: vec![set("optimiser.lr=[0.1,\n 0.2]"), set("name=a\u{0}b"), set("")],
        };
        Record::new("t", definition, Vec::new())
    }

    #[test]
    fn what_was_kept_is_read_again_byte_for_byte() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = RunDirectory::at(scratch.path());
        assert_eq!(Record::read(&directory).unwrap(), None);
        record().keep(&directory).unwrap();
        assert_eq!(Record::read(&directory).unwrap().unwrap(), record());
        assert_eq!(std::fs::read(directory.sweep_file()).unwrap(), record().definition.text.as_bytes());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn any_text_and_override_comes_back(text in ".*|(?s).*", sets in prop::collection::vec("(?s).{0,20}", 0..4)) {
            let scratch = tempfile::tempdir().unwrap();
            let directory = RunDirectory::at(scratch.path());
            let mut kept = record();
            kept.definition.text = text;
            kept.definition.overrides.clear();
            kept.definition = kept.definition.overridden(&sets, std::path::Path::new("/somewhere"));
            kept.keep(&directory).unwrap();
            prop_assert_eq!(Record::read(&directory).unwrap(), Some(kept));
        }
    }

    #[test]
    fn what_a_person_wrote_into_the_directory_is_not_lost() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = RunDirectory::at(scratch.path());
        record().keep(&directory).unwrap();
        let mut next = record();
        next.definition.text.push_str("# more\n");
        // What the directory kept itself is replaced.
        next.keep(&directory).unwrap();
        assert!(!directory.edited_sweep_file().exists());
        std::fs::write(directory.sweep_file(), "# mine\n").unwrap();
        record().keep(&directory).unwrap();
        assert_eq!(std::fs::read(directory.edited_sweep_file()).unwrap(), b"# mine\n");
        assert_eq!(std::fs::read(directory.sweep_file()).unwrap(), record().definition.text.as_bytes());
    }

    #[test]
    fn other_files_and_later_versions_are_refused_with_a_sentence() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = RunDirectory::at(scratch.path());
        let refused = |text: &str| {
            std::fs::write(directory.record_file(), text).unwrap();
            Record::read(&directory).unwrap_err().to_string()
        };
        for text in ["", "{", "[]", "{\"format\": \"phasesweep run\", \"format_version\": 1}"] {
            assert!(refused(text).contains("not the record of a run"), "{text}");
        }
        assert!(refused("{\"format\": \"other\", \"format_version\": 1}").contains("another program"));
        let later = serde_json::to_string(&record()).unwrap().replace("\"format_version\":1", "\"format_version\":9");
        assert!(refused(&later).contains("reads up to 1: use the version that wrote it"), "{}", refused(&later));
    }
}
