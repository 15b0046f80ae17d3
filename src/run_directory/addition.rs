//! What was asked for of a run after it was over: an observable that is measured on the weights that the run kept.
//!
//! `observe/NAME/asked.json` says which, durably, so that the same command goes on after a kill. Invariants: a directory
//! holds one request for each observable; what is measured for it lies in a directory of its settings' own, so that a
//! variable is never a mixture of two settings; cells and their ids know nothing of it.

use serde::{Deserialize, Serialize};

use super::RunDirectoryError;
use crate::observables::{Moments, OBSERVABLES, Scheduled};
use crate::plan::Plan;
use crate::store::{AdditionParts, CellStatus, RunDirectory, durable, scan};
use crate::sweep::{AskedAddition, parse_additions};

/// What every such file says of itself.
const FORMAT: &str = "phasesweep observe";
/// The version that is written, and the latest that is read.
const VERSION: u32 = 1;

/// An observable that was asked for after a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Addition {
    format: String,
    format_version: u32,
    /// Its name, which is its key in `[observe]`.
    pub observable: String,
    /// The `--set` arguments that asked for it, as they were typed.
    pub sets: Vec<String>,
    /// All of its keys with their values, as JSON; its schedule lists the epochs or steps that are measured.
    pub settings: String,
}

/// What is read of a file before it is known to be of a version that can be read.
#[derive(Deserialize)]
struct Head {
    format: String,
    format_version: u32,
}

impl Addition {
    /// The record of a request.
    pub fn new(asked: &AskedAddition) -> Addition {
        Addition {
            format: FORMAT.to_owned(),
            format_version: VERSION,
            observable: asked.observable.to_owned(),
            sets: asked.sets.clone(),
            settings: json(&asked.scheduled),
        }
    }

    /// The requests that a directory holds, by the observable's name.
    ///
    /// # Errors
    /// One cannot be read, is not such a record, or is of a later version.
    pub fn read_all(directory: &RunDirectory) -> Result<Vec<Addition>, RunDirectoryError> {
        directory.observables_added()?.iter().map(|name| Addition::read(directory, name)).collect()
    }

    fn read(directory: &RunDirectory, name: &str) -> Result<Addition, RunDirectoryError> {
        let path = directory.addition_file(name);
        let bytes = std::fs::read(&path).map_err(|source| RunDirectoryError::Unreadable {
            what: "what was asked for after the run",
            path: path.clone(),
            source,
            advice: "",
        })?;
        let wrong = |reason: String| RunDirectoryError::Record { path: path.clone(), reason };
        let unreadable = |error: serde_json::Error| {
            wrong(format!(
                "this is not a request that phasesweep wrote ({error}). Remove the folder that it lies in, and ask again"
            ))
        };
        let head: Head = serde_json::from_slice(&bytes).map_err(unreadable)?;
        if head.format != FORMAT {
            return Err(wrong(format!("its format is `{}`, not `{FORMAT}`: it is another program's", head.format)));
        }
        if head.format_version > VERSION {
            return Err(wrong(format!(
                "it is of format version {}, and this phasesweep reads up to {VERSION}: use the version that wrote it",
                head.format_version
            )));
        }
        let addition: Addition = serde_json::from_slice(&bytes).map_err(unreadable)?;
        if addition.observable != name {
            return Err(wrong(format!("it asks for {}, and lies in the folder of {name}", addition.observable)));
        }
        Ok(addition)
    }

    /// Keeps the request, durably; one for the same observable is replaced, and what was measured for it removed.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn keep(&self, directory: &RunDirectory) -> Result<(), RunDirectoryError> {
        let own = self.directory(directory);
        own.create()?;
        let path = directory.addition_file(&self.observable);
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| RunDirectoryError::Record {
            path: path.clone(),
            reason: format!("it cannot be written: {error}"),
        })?;
        bytes.push(b'\n');
        // The same in other words stays as it was typed first.
        let kept = if path.exists() { Some(Addition::read(directory, &self.observable)?) } else { None };
        if kept.is_none_or(|kept| kept.settings != self.settings) {
            durable::write(&path, &bytes)?;
        }
        Ok(directory.remove_replaced_additions(&self.observable, &self.key())?)
    }

    /// What stands for its settings in names.
    fn key(&self) -> String {
        let digest = blake3::derive_key("phasesweep 1 settings of an addition", self.settings.as_bytes());
        digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Where its parts are, laid out as a run directory.
    pub fn directory(&self, run: &RunDirectory) -> RunDirectory {
        run.addition(&self.observable, &self.key())
    }

    /// What its parts are to `results.h5`; `None` if this version does not know the observable.
    pub fn parts(&self, run: &RunDirectory) -> Option<AdditionParts> {
        let entry = OBSERVABLES.iter().find(|entry| entry.name == self.observable)?;
        Some(AdditionParts {
            observable: self.observable.clone(),
            settings: self.settings.clone(),
            variables: entry.variables,
            parts: self.directory(run).parts(),
        })
    }

    /// The request as it is read again, for a run of that plan.
    ///
    /// # Errors
    /// It means something else now: to another version of phasesweep, or because the run keeps weights at other moments.
    pub fn asked(&self, plan: &Plan) -> Result<AskedAddition, String> {
        let sweep = plan.sweep();
        let read = parse_additions(&self.sets, sweep.train.epochs, &kept_moments(plan));
        let again = || {
            let sets: Vec<String> = self.sets.iter().map(|set| format!("--set '{set}'")).collect();
            format!("Ask for it again with {} --replace, which measures it anew", sets.join(" "))
        };
        let read = read.map_err(|error| {
            format!("what was asked for of {} is not valid any more. {}:\n{error}", self.observable, again())
        })?;
        let asked = read.into_iter().find(|asked| asked.observable == self.observable);
        asked.filter(|asked| json(&asked.scheduled) == self.settings).ok_or_else(|| {
            format!(
                "what was asked for of {} means something else now, because the run keeps weights at other moments or \
                 because this is another version of phasesweep. {}",
                self.observable,
                again()
            )
        })
    }

    /// Cells of which it was measured, and of which that failed.
    ///
    /// # Errors
    /// The parts cannot be listed.
    pub fn measured(&self, run: &RunDirectory) -> Result<Measured, RunDirectoryError> {
        let parts = self.directory(run).parts();
        let mut measured = Measured::default();
        if parts.is_dir() {
            for (id, found) in scan(&parts)?.done {
                match found.status {
                    CellStatus::Failed => measured.failed.push(id),
                    CellStatus::Complete | CellStatus::Diverged => measured.cells.push(id),
                }
            }
        }
        Ok(measured)
    }
}

/// Cells of an addition by how they ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    /// Those that were measured.
    pub cells: Vec<crate::plan::CellId>,
    /// Those that could not be.
    pub failed: Vec<crate::plan::CellId>,
}

/// The moments at which the cells of a plan keep their weights.
pub fn kept_moments(plan: &Plan) -> Moments {
    let sweep = plan.sweep();
    sweep.observe.probes.weights.as_ref().map_or_else(Moments::default, |at| at.moments(sweep.train.epochs))
}

/// Whether the run measures an observable itself.
pub fn is_measured_by_the_run(plan: &Plan, observable: &str) -> bool {
    let entry = OBSERVABLES.iter().find(|entry| entry.name == observable);
    let own = |scheduled: &Scheduled| -> Vec<&'static str> {
        scheduled.asked().iter().flat_map(|(variables, _)| variables.iter().map(|variable| variable.name)).collect()
    };
    let names = own(&plan.sweep().observe.probes);
    entry.is_some_and(|entry| entry.variables.iter().any(|variable| names.contains(&variable.name)))
}

fn json(scheduled: &Scheduled) -> String {
    serde_json::to_string(scheduled)
        .unwrap_or_else(|error| unreachable!("settings of numbers and names always have a JSON form: {error}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn addition(set: &str) -> Addition {
        let asked = parse_additions(&[set.to_owned()], 100, &Moments::epochs(vec![0, 50, 100])).unwrap();
        Addition::new(&asked[0])
    }

    #[test]
    fn what_was_asked_for_is_read_again_and_other_settings_have_another_place() {
        let scratch = tempfile::tempdir().unwrap();
        let run = RunDirectory::at(scratch.path());
        assert_eq!(Addition::read_all(&run).unwrap(), []);
        let (first, second) = (addition("sharpness={}"), addition("sharpness={probes=3}"));
        first.keep(&run).unwrap();
        addition("collapse={}").keep(&run).unwrap();
        assert_eq!(Addition::read_all(&run).unwrap(), [addition("collapse={}"), first.clone()]);
        let (old, new) = (first.directory(&run), second.directory(&run));
        assert_ne!(old, new);
        assert!(old.parts().is_dir());
        second.keep(&run).unwrap();
        assert!(!old.root().exists() && new.parts().is_dir(), "what was measured with other settings is gone");
        // Typed otherwise, the same settings.
        assert_eq!(addition("observe.sharpness={at=[0,50,100]}").directory(&run), old);
    }

    #[test]
    fn other_files_and_later_versions_are_refused_with_a_sentence() {
        let scratch = tempfile::tempdir().unwrap();
        let run = RunDirectory::at(scratch.path());
        addition("sharpness={}").keep(&run).unwrap();
        let path = run.addition_file("sharpness");
        let sound = std::fs::read_to_string(&path).unwrap();
        let refused = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Addition::read_all(&run).unwrap_err().to_string()
        };
        assert!(refused("{").contains("Remove the folder"));
        assert!(refused(&sound.replace("phasesweep observe", "other")).contains("another program"));
        assert!(refused(&sound.replace("\"format_version\": 1", "\"format_version\": 9")).contains("reads up to 1"));
        assert!(
            refused(&sound.replace("\"observable\": \"sharpness\"", "\"observable\": \"x\"")).contains("folder of")
        );
    }
}
