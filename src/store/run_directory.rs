//! A run directory: where each of its files is.
//!
//! Invariant: paths inside a run directory are made here and nowhere else.

use std::fs;
use std::path::{Path, PathBuf};

use crate::observables::{Moment, Unit};
use crate::plan::{CellId, CohortId};

use super::durable;
use super::error::StoreError;
use super::lease::{Lease, Timing};
use super::{checkpoint, part, weights};

/// A run directory: `run.json`, `sweep.toml`, `data-findings.txt`, `images.h5`, `parts/`, `checkpoints/`, `running/`, `weights/`, `results.h5`,
/// `report/`, `status.json`, `allocation.json`, and `lease` while a run works in it. `observe/` holds what was measured
/// after the run on the weights that it kept: `status.json`, `allocation.json`, and for each observable a folder of its
/// name with `asked.json` and a folder for its settings, laid out as a run directory with `parts/`, `checkpoints/` and
/// `running/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDirectory {
    root: PathBuf,
}

impl RunDirectory {
    /// The run directory at `root`, which may not exist yet.
    pub fn at(root: impl Into<PathBuf>) -> RunDirectory {
        RunDirectory { root: root.into() }
    }

    /// Creates what of the directory is missing, durably.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn create(&self) -> Result<(), StoreError> {
        [self.parts(), self.checkpoints(), self.running()].iter().try_for_each(|path| durable::create_directory(path))
    }

    /// Takes the lease on the directory, which must exist. Whoever holds it may call [`RunDirectory::tidy`].
    ///
    /// # Errors
    /// [`StoreError::Held`] naming who works in it; [`StoreError::Io`].
    pub fn lease(&self, timing: Timing) -> Result<Lease, StoreError> {
        Lease::acquire(&self.lease_file(), timing)
    }

    /// Removes temporary files that killed writers left. Only for who holds the lease, before anything is written.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn tidy(&self) -> Result<usize, StoreError> {
        durable::remove(&self.results_candidate())?;
        let mut directories = vec![self.parts(), self.checkpoints(), self.running(), self.root.clone()];
        directories.extend(list_if_there(&self.weights())?.into_iter().filter(|path| path.is_dir()));
        directories.iter().map(|directory| durable::remove_partials(directory)).sum()
    }

    /// Keeps the sweep file as it was given. The text of an earlier sweep is replaced: parts go by their cells' ids.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn keep_sweep(&self, text: &str) -> Result<(), StoreError> {
        let path = self.sweep_file();
        match fs::read(&path) {
            Ok(kept) if kept == text.as_bytes() => Ok(()),
            _ => durable::write(&path, text.as_bytes()),
        }
    }

    /// Keeps what was found of the sweep's data, one sentence a line, for who collects without the data.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn keep_data_findings(&self, sentences: &[String]) -> Result<(), StoreError> {
        let path = self.data_findings_file();
        let text: String = sentences.iter().map(|sentence| format!("{}\n", sentence.replace('\n', " "))).collect();
        match fs::read(&path) {
            Ok(kept) if kept == text.as_bytes() => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && text.is_empty() => Ok(()),
            _ => durable::write(&path, text.as_bytes()),
        }
    }

    /// What was found of the sweep's data when it was last run; nothing for a run of an earlier phasesweep.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn data_findings(&self) -> Result<Vec<String>, StoreError> {
        let path = self.data_findings_file();
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(StoreError::io("read", &path)(error)),
        }
    }

    /// What was found of the sweep's data.
    pub fn data_findings_file(&self) -> PathBuf {
        self.root.join("data-findings.txt")
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The sweep file as given.
    pub fn sweep_file(&self) -> PathBuf {
        self.root.join("sweep.toml")
    }

    /// Where a kept sweep file goes that a person edited.
    pub fn edited_sweep_file(&self) -> PathBuf {
        self.root.join("sweep.toml.edited")
    }

    /// What the directory knows of its run besides the text of the sweep file.
    pub fn record_file(&self) -> PathBuf {
        self.root.join("run.json")
    }

    /// Images of the training block, for `results.h5`; not there where cells have no such block in common.
    pub fn images_file(&self) -> PathBuf {
        self.root.join("images.h5")
    }

    /// Directory of the parts.
    pub fn parts(&self) -> PathBuf {
        self.root.join("parts")
    }

    /// The part of a cohort.
    pub fn part(&self, cohort: CohortId) -> PathBuf {
        self.parts().join(format!("{cohort}.{}", part::SUFFIX))
    }

    /// Directory of the checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }

    /// The checkpoint of a cohort.
    pub fn checkpoint(&self, cohort: CohortId) -> PathBuf {
        self.checkpoints().join(format!("{cohort}.{}", checkpoint::SUFFIX))
    }

    /// Directory of the weights that were kept, a directory for each cell in it; not there where none were asked for.
    pub fn weights(&self) -> PathBuf {
        self.root.join("weights")
    }

    /// Directory of a cell's weights.
    pub fn cell_weights(&self, cell: CellId) -> PathBuf {
        self.weights().join(cell.to_string())
    }

    /// A cell's weights at an epoch or step.
    pub fn weights_file(&self, cell: CellId, at: Moment) -> PathBuf {
        self.cell_weights(cell).join(format!("{}-{:09}.{}", at.unit.name(), at.count, weights::SUFFIX))
    }

    /// The weights of a cell's gradient flow at the stage of that share of fitted samples.
    pub fn stage_weights_file(&self, cell: CellId, share: f64) -> PathBuf {
        self.cell_weights(cell).join(format!("stage-{share}.{}", weights::SUFFIX))
    }

    /// A cell's weights that were kept at epochs or steps, in this order; none if there are none.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn weights_files(&self, cell: CellId) -> Result<Vec<(Moment, PathBuf)>, StoreError> {
        let mut files = Vec::new();
        for path in list_if_there(&self.cell_weights(cell))? {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let Some((unit, count)) =
                name.strip_suffix(&format!(".{}", weights::SUFFIX)).and_then(|stem| stem.split_once('-'))
            else {
                continue;
            };
            let unit = Unit::ALL.into_iter().find(|known| known.name() == unit);
            let at = unit.zip(count.parse().ok()).map(|(unit, count)| Moment { unit, count });
            files.extend(at.map(|at| (at, path)));
        }
        files.sort_unstable();
        Ok(files)
    }

    /// Directory of what is measured after the run: `status.json` and `allocation.json` of `phasesweep observe` lie in it as
    /// those of `phasesweep run` lie in the run directory. Not there where nothing was asked for.
    pub fn additions(&self) -> RunDirectory {
        RunDirectory::at(self.root.join("observe"))
    }

    /// What was asked for of an observable after the run.
    pub fn addition_file(&self, observable: &str) -> PathBuf {
        self.additions().root.join(observable).join("asked.json")
    }

    /// Parts, checkpoints and notes of what is measured of an observable after the run, with the settings of that key. Other
    /// settings have another directory, so that a variable is never a mixture of both.
    pub fn addition(&self, observable: &str, settings: &str) -> RunDirectory {
        RunDirectory::at(self.additions().root.join(observable).join(settings))
    }

    /// The observables that were asked for after the run, by name.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn observables_added(&self) -> Result<Vec<String>, StoreError> {
        let mut names: Vec<String> = list_if_there(&self.additions().root)?
            .into_iter()
            .filter_map(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()))
            .filter(|name| self.addition_file(name).is_file())
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Removes what was measured of an observable after the run with other settings than those of that key.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn remove_replaced_additions(&self, observable: &str, settings: &str) -> Result<(), StoreError> {
        for path in list_if_there(&self.additions().root.join(observable))? {
            if path.is_dir() && path.file_name().is_some_and(|name| name != settings) {
                fs::remove_dir_all(&path).map_err(StoreError::io("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Directory of [`super::running`].
    pub fn running(&self) -> PathBuf {
        self.root.join("running")
    }

    /// The checkpoints there are, by name.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn checkpoint_files(&self) -> Result<Vec<PathBuf>, StoreError> {
        let mut files = list_if_there(&self.checkpoints())?;
        files.retain(|path| path.extension().is_some_and(|extension| extension == checkpoint::SUFFIX));
        files.sort_unstable();
        Ok(files)
    }

    /// What a run last told of itself, for who watches it.
    pub fn status_file(&self) -> PathBuf {
        self.root.join("status.json")
    }

    /// What the run directory held when the job's allocation began.
    pub fn allocation_file(&self) -> PathBuf {
        self.root.join("allocation.json")
    }

    /// The results file.
    pub fn results(&self) -> PathBuf {
        self.root.join(phasesweep_results::RESULTS_FILE)
    }

    /// The results file while it is being made and judged.
    pub fn results_candidate(&self) -> PathBuf {
        self.root.join("results.h5.new")
    }

    /// Directory of the report.
    pub fn report(&self) -> PathBuf {
        self.root.join("report")
    }

    /// Directory of the exact linear regions of a cell's network on a slice.
    pub fn cell_slices(&self, cell: CellId) -> PathBuf {
        self.root.join(phasesweep_results::slice::FOLDER).join(cell.to_string())
    }

    /// Directory of the job scripts and logs of `phasesweep submit`.
    pub fn jobs_directory(&self) -> PathBuf {
        self.root.join("slurm")
    }

    /// The lease.
    pub fn lease_file(&self) -> PathBuf {
        self.root.join("lease")
    }
}

/// What is in a directory, in no order; nothing if the directory is not there.
fn list_if_there(directory: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(StoreError::io("list", directory))?,
    };
    entries.map(|entry| Ok(entry.map_err(StoreError::io("list", directory))?.path())).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn created_with_parents_and_tidied_of_partials_only() {
        let scratch = tempfile::tempdir().unwrap();
        let run = RunDirectory::at(scratch.path().join("runs/a sweep"));
        run.create().unwrap();
        run.create().unwrap();
        run.keep_sweep("[sweep]\n").unwrap();
        run.keep_sweep("# changed\n").unwrap();
        assert_eq!(fs::read_to_string(run.sweep_file()).unwrap(), "# changed\n");
        fs::write(run.parts().join(".0000000000000001.h5.1-2-3.partial"), "half").unwrap();
        fs::write(run.part(CohortId(1)), "whole").unwrap();
        fs::write(run.checkpoint(CohortId(1)), "whole").unwrap();
        fs::write(run.checkpoints().join("0000000000000002.ckpt.torn"), "half").unwrap();
        let kept = run.cell_weights(CellId([7; 16]));
        fs::create_dir_all(&kept).unwrap();
        fs::write(kept.join(".epoch-000000003.safetensors.1-2-3.partial"), "half").unwrap();
        fs::write(run.weights_file(CellId([7; 16]), Moment::epoch(2)), "whole").unwrap();
        fs::write(kept.join("notes.txt"), "mine").unwrap();
        fs::write(run.weights_file(CellId([7; 16]), Moment::step(120)), "whole").unwrap();
        fs::write(run.stage_weights_file(CellId([7; 16]), 0.5), "whole").unwrap();
        assert_eq!(run.tidy().unwrap(), 2);
        assert_eq!(fs::read_dir(&kept).unwrap().count(), 4);
        let files = run.weights_files(CellId([7; 16])).unwrap();
        let expected = [Moment::epoch(2), Moment::step(120)].map(|at| (at, run.weights_file(CellId([7; 16]), at)));
        assert_eq!(files, expected);
        assert_eq!(run.weights_files(CellId([8; 16])).unwrap(), []);
        assert_eq!(run.checkpoint_files().unwrap(), [run.checkpoint(CohortId(1))]);
        assert_eq!(fs::read_dir(run.parts()).unwrap().count(), 1);
    }
}
