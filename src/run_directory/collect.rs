//! Collecting a run's parts into `results.h5`, with every axis and number of the specification as a coordinate.
//!
//! Invariants: no data are needed, and the same directory gives the same file on every machine, but for the time at which
//! it was collected; a results file is never replaced by one with fewer measured cells unless that is asked for.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::addition::{Addition, is_measured_by_the_run};
use super::coordinates::coordinates;
use super::images;
use super::{Definition, KeptRun, RunDirectoryError, RunStatus};
use crate::plan::{CellId, Plan};
use crate::store::{
    AdditionParts, CellStatus, Collected, PartSummary, Provenance, RunDirectory, Scan, collect, durable, results, scan,
    set_aside,
};

/// What is collected, and how.
#[derive(Debug, Clone, Copy)]
pub struct Collecting<'a> {
    /// The plan whose cells are collected.
    pub plan: &'a Plan,
    /// Ids of its cells, in order.
    pub ids: &'a [CellId],
    /// Identities of its data, in order.
    pub identities: &'a [String],
    /// The sweep as it was asked for.
    pub definition: &'a Definition,
    /// Where the parts are, and the results file.
    pub directory: &'a RunDirectory,
    /// Ranks of the run; 0 where unknown.
    pub ranks: u32,
    /// Wall time of the run in seconds; NaN where unknown.
    pub wall_seconds: f64,
    /// Whether a results file with more measured cells may be replaced.
    pub allow_fewer: bool,
}

/// Collects what a run directory holds of its run.
///
/// # Errors
/// As [`Collecting::collect`].
pub fn collect_run(run: &KeptRun, allow_fewer: bool) -> Result<Collected, RunDirectoryError> {
    let status = RunStatus::read(&run.directory);
    let collecting = Collecting {
        plan: &run.plan,
        ids: run.ids(),
        identities: &run.identities,
        definition: &run.definition,
        directory: &run.directory,
        ranks: status.as_ref().map_or(0, |status| status.ranks),
        wall_seconds: status.as_ref().map_or(f64::NAN, |status| status.elapsed),
        allow_fewer,
    };
    collecting.collect()
}

impl Collecting<'_> {
    /// Collects the parts. Cells that an adaptive rule never asked for and nobody trained are left out.
    ///
    /// # Errors
    /// [`RunDirectoryError::Fewer`] and [`RunDirectoryError::UnknownResults`] if the results file that is there was left as
    /// it is; [`RunDirectoryError::Store`] if parts cannot be read or the file cannot be written.
    pub fn collect(&self) -> Result<Collected, RunDirectoryError> {
        let Collecting { plan, ids, directory, .. } = *self;
        let found = scan_whole(&directory.parts())?;
        let certain = plan.certain_seeds();
        let is_wanted =
            |cell: u32| cell as usize % plan.seeds().len() < certain || found.done.contains_key(&ids[cell as usize]);
        let cells: Vec<u32> = (0..plan.len() as u32).filter(|&cell| is_wanted(cell)).collect();
        let of_cells: Vec<CellId> = cells.iter().map(|&cell| ids[cell as usize]).collect();
        let is_measured = |id: &&CellId| found.done.get(*id).is_some_and(|found| found.status != CellStatus::Failed);
        let measured = of_cells.iter().filter(is_measured).count() as u64;
        // Before a large file is written for nothing; what is written is counted again below.
        let kept = self.kept()?;
        self.check(kept, measured)?;

        let (host, device) = origins(&found.parts);
        let provenance = Provenance {
            sweep_name: plan.sweep().name.clone(),
            description: plan.sweep().description.clone(),
            sweep_file: self.definition.text.clone(),
            overrides: self.definition.sets(),
            version: env!("CARGO_PKG_VERSION").to_string(),
            git_commit: env!("PHASESWEEP_GIT_COMMIT").to_string(),
            host,
            device,
            ranks: self.ranks,
            wall_seconds: self.wall_seconds,
            created: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            report: plan.sweep().report.clone(),
            data_findings: directory.data_findings()?,
            images: images::of_run(directory, plan, self.identities),
        };
        // Under a name of its own first: a part may turn out torn only when it is read.
        let candidate = directory.results_candidate();
        let additions = self.additions()?;
        let coordinates = coordinates(plan, &cells);
        let collected = collect(found, additions, &of_cells, &coordinates, &provenance, &candidate)?;
        if let Err(refusal) = self.check(kept, (collected.complete + collected.diverged) as u64) {
            durable::remove(&candidate)?;
            return Err(refusal);
        }
        durable::rename(&candidate, &directory.results())?;
        for (observable, cells) in &collected.added {
            let measured = collected.complete + collected.diverged;
            if *cells < measured {
                tracing::warn!(
                    "{observable} was asked for after the run, and was measured of {cells} of {measured} cells so far: \
                     `phasesweep observe {}` goes on",
                    directory.root().display()
                );
            }
        }
        Ok(collected)
    }

    /// What was measured after the run; what the run measures itself, as the sweep is now, is left out with a word.
    fn additions(&self) -> Result<Vec<(AdditionParts, Scan)>, RunDirectoryError> {
        let mut parts = Vec::new();
        for addition in Addition::read_all(self.directory)? {
            let observable = &addition.observable;
            if is_measured_by_the_run(self.plan, observable) {
                tracing::warn!(
                    "{observable} was asked for after the run, and the run measures it itself now: what was measured \
                     afterwards is left out of the results"
                );
                continue;
            }
            match addition.parts(self.directory) {
                Some(of) if of.parts.is_dir() => {
                    let found = scan_whole(&of.parts)?;
                    parts.push((of, found));
                }
                // Nothing has been measured so far.
                Some(_) => {}
                None => tracing::warn!(
                    "{observable} was measured after the run by a later phasesweep, and is left out of the results: \
                     collect with that version"
                ),
            }
        }
        Ok(parts)
    }

    /// Measured cells of the results file that is there; `None` if it may be replaced whatever it holds.
    fn kept(&self) -> Result<Option<u64>, RunDirectoryError> {
        let path = self.directory.results();
        if self.allow_fewer || is_absent(&path) {
            return Ok(None);
        }
        results::measured_cells(&path).map(Some).map_err(|error| RunDirectoryError::UnknownResults {
            path,
            directory: self.directory.root().to_path_buf(),
            reason: error.to_string(),
        })
    }

    fn check(&self, kept: Option<u64>, now: u64) -> Result<(), RunDirectoryError> {
        match kept {
            Some(kept) if kept > now => Err(RunDirectoryError::Fewer {
                path: self.directory.results(),
                directory: self.directory.root().to_path_buf(),
                kept,
                now,
            }),
            _ => Ok(()),
        }
    }
}

/// Scans a directory of parts and sets the torn ones aside.
fn scan_whole(parts: &Path) -> Result<Scan, RunDirectoryError> {
    let mut found = scan(parts)?;
    for (path, _) in found.torn.drain(..) {
        set_aside(&path)?;
    }
    Ok(found)
}

fn is_absent(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

/// Hosts and devices behind the parts, each once.
fn origins(parts: &[(std::path::PathBuf, PartSummary)]) -> (String, String) {
    let join = |name: fn(&PartSummary) -> &str| {
        let names: BTreeSet<&str> =
            parts.iter().map(|(_, summary)| name(summary)).filter(|name| !name.is_empty()).collect();
        names.into_iter().collect::<Vec<_>>().join(", ")
    };
    (join(|summary| &summary.host), join(|summary| &summary.device))
}
