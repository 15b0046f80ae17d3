//! What the files of a run directory say of a run: `phasesweep status` reads them and never talks to the run.
//!
//! Three sources, each for what it alone knows: the parts for cells that are done, `status.json` (that of `phasesweep observe`
//! in `observe/`) for what the coordinator last saw, `running/` and the lease for who is at work. Invariants: cells are counted by their ids, those of
//! the plan that the directory keeps, each once; the parts are read by their heads; what an absent or dead run last said is
//! marked as such; nothing is written.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::addition::{Addition, Measured};
use super::{KeptRun, RunDirectoryError};
use crate::dispatch::{Activity, Progress};
use crate::plan::CellId;
use crate::slurm::{self, Client};
use crate::store::holder::Process;
use crate::store::{CellStatus, PartSummary, RunDirectory, RunningCohort, StoreError, lease};

/// Without news for so long, a run on another host counts as silent. Longer than a stalled file system's pauses.
const SILENT: Duration = Duration::from_secs(60);

/// Everything that a run directory tells.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Name of the sweep; of the directory, while its run waits in the queue.
    pub name: String,
    /// What the sweep is for, if its file says so.
    pub description: Option<String>,
    /// Its cells, with those of an adaptive rule's that are done.
    pub cells: u64,
    /// Cells trained to their end.
    pub complete: u64,
    /// Cells that diverged: done too.
    pub diverged: u64,
    /// Cells that were given up.
    pub failed: Vec<CellId>,
    /// Cells in the hands of a rank.
    pub running: u64,
    /// Cells nobody has started.
    pub waiting: u64,
    /// Finished cells that lie in the directory and are not of the plan: of an earlier form of the sweep.
    pub others: u64,
    /// Parts of the directory that are torn, foreign, or of another version, with the sentence that says which.
    pub refused: Vec<String>,
    /// What was asked for after the run.
    pub additions: Vec<AdditionReport>,
    /// The run that works in it, or last did.
    pub run: Option<RunReport>,
    /// Slurm's jobs.
    pub jobs: Jobs,
    /// Whether one of them waits or runs, as far as is known.
    pub jobs_live: bool,
}

/// An observable that was asked for after the run, on the weights that it kept.
#[derive(Debug, Clone, Serialize)]
pub struct AdditionReport {
    /// The observable.
    pub observable: String,
    /// Cells of which it was measured.
    pub measured: u64,
    /// Cells of which it could not be measured.
    pub failed: u64,
    /// Trained cells of which it was not measured so far.
    pub waiting: u64,
}

/// The command that works in a directory, or last did: a run, or one that measures after it.
#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
    /// Whether it measures after the run.
    pub observes: bool,
    /// Whether it is alive; `None`: on another host, and silent.
    pub alive: Option<bool>,
    /// Who holds the directory.
    pub holder: Option<String>,
    /// Seconds since it last wrote its state; NaN if it never did.
    pub silent: f64,
    /// Seconds since it began, when it last wrote.
    pub elapsed: f64,
    /// Ranks.
    pub ranks: u32,
    /// Cells finished in a second since it began.
    pub rate: f64,
    /// Time left in seconds, from and to; unknown before the first cohort ends, and for a run that is not alive.
    pub left: Option<(f64, f64)>,
    /// What each rank does.
    pub of_rank: Vec<RankReport>,
}

/// What a rank does, as the coordinator last heard.
#[derive(Debug, Clone, Serialize)]
pub struct RankReport {
    /// The rank.
    pub rank: u32,
    /// Its host, while it trains.
    pub host: Option<String>,
    /// What it does.
    pub activity: Activity,
    /// Cells of its cohort.
    pub cells: u64,
    /// The epoch they have reached.
    pub epoch: u64,
    /// Share of the cohort that is done.
    pub done_fraction: f64,
    /// Seconds that it has had the cohort.
    pub seconds: f64,
    /// Seconds since it was last heard.
    pub silent: f64,
}

/// The Slurm jobs that were submitted for a run.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Jobs {
    /// None was.
    None,
    /// There were, and Slurm's word on the latest ones: name, state, reason, time, nodes.
    Known(Vec<[String; 5]>),
    /// There were, and Slurm cannot be asked from here, for this reason.
    Unknown(String),
}

/// Jobs asked about: a run that was submitted a hundred times has a history, not a state.
const LATEST_JOBS: usize = 5;

/// What `status.json` holds: the state of a run for `phasesweep status`, which never talks to the run itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStatus {
    /// Seconds since the run began.
    pub elapsed: f64,
    /// When it was written, seconds since 1970 on rank 0's clock.
    pub written: f64,
    /// Ranks of the run.
    pub ranks: u32,
    /// Cells that were done before the run began.
    pub before: u64,
    /// What the coordinator knows.
    pub progress: Progress,
}

impl RunStatus {
    /// Reads what a run last wrote of itself; `None` if it wrote nothing that this version understands.
    pub fn read(directory: &RunDirectory) -> Option<RunStatus> {
        std::fs::read(directory.status_file()).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok())
    }
}

/// Looks at a run directory again and again; the sweep is read again only when it changed.
#[derive(Debug)]
pub struct StatusReader {
    directory: RunDirectory,
    run: Option<KeptRun>,
    /// The plan's cells, and whether each runs whatever an adaptive rule decides.
    cells: HashMap<CellId, bool>,
}

impl StatusReader {
    /// A reader of a run directory.
    pub fn new(directory: RunDirectory) -> StatusReader {
        StatusReader { directory, run: None, cells: HashMap::new() }
    }

    /// Reads the directory.
    ///
    /// # Errors
    /// There is no run in it, its record or sweep is not valid, or it cannot be read.
    pub fn read(&mut self) -> Result<Status, RunDirectoryError> {
        let (jobs, jobs_live) = jobs(&self.directory);
        let queued = Status::queued(&self.directory, jobs, jobs_live);
        if self.run.as_ref().is_none_or(|run| !run.is_current()) {
            match KeptRun::open(&self.directory) {
                Ok(run) => {
                    let certain = |place: usize| place % run.plan.seeds().len() < run.plan.certain_seeds();
                    self.cells = run.ids().iter().enumerate().map(|(place, id)| (*id, certain(place))).collect();
                    self.run = Some(run);
                }
                // A job that waits in the queue has not opened its run yet.
                Err(RunDirectoryError::NoRun { .. }) if self.directory.jobs_directory().is_dir() => {
                    return Ok(queued);
                }
                Err(error) => return Err(error),
            }
        }
        let name = self.run.as_ref().map_or_else(String::new, |run| run.plan.sweep().name.clone());
        let found = Found::of(&self.directory)?;
        let notes = RunningCohort::list(&self.directory)?;
        let run = report(&self.directory, &notes)?;

        let description = self.run.as_ref().and_then(|run| run.plan.sweep().description.clone());
        let mut status = Status { name, description, ..queued };
        let mut added = 0;
        for (id, ended) in &found.cells {
            let Some(&certain) = self.cells.get(id) else {
                status.others += 1;
                continue;
            };
            added += u64::from(!certain);
            match ended {
                CellStatus::Complete => status.complete += 1,
                CellStatus::Diverged => status.diverged += 1,
                CellStatus::Failed => status.failed.push(*id),
            }
        }
        status.failed.sort_unstable();
        status.cells = self.cells.values().filter(|certain| **certain).count() as u64 + added;
        if run.as_ref().is_some_and(|run| run.alive != Some(false)) {
            let of_plan = |id: &&CellId| self.cells.contains_key(*id) && !found.cells.contains_key(*id);
            status.running = notes.iter().flat_map(|note| &note.cells).filter(of_plan).count() as u64;
        }
        let done = status.complete + status.diverged + status.failed.len() as u64;
        status.waiting = status.cells.saturating_sub(done + status.running);
        status.refused = found.refused;
        let measurable = |id: &CellId| {
            self.cells.contains_key(id) && found.cells.get(id).is_some_and(|ended| *ended != CellStatus::Failed)
        };
        for addition in Addition::read_all(&self.directory)? {
            let Measured { cells, failed } = addition.measured(&self.directory)?;
            let count = |ids: Vec<CellId>| ids.into_iter().filter(|id| measurable(id)).count() as u64;
            let (measured, failed) = (count(cells), count(failed));
            let waiting = (status.complete + status.diverged).saturating_sub(measured + failed);
            status.additions.push(AdditionReport { observable: addition.observable, measured, failed, waiting });
        }
        status.run = run;
        Ok(status)
    }
}

impl Status {
    /// Reads a run directory once.
    ///
    /// # Errors
    /// As [`StatusReader::read`].
    pub fn read(directory: &RunDirectory) -> Result<Status, RunDirectoryError> {
        StatusReader::new(directory.clone()).read()
    }

    /// Of a directory in which no run has been opened so far.
    fn queued(directory: &RunDirectory, jobs: Jobs, jobs_live: bool) -> Status {
        let [cells, complete, diverged, running, waiting, others] = [0; 6];
        Status {
            name: directory.root().display().to_string(),
            description: None,
            cells,
            complete,
            diverged,
            failed: Vec::new(),
            running,
            waiting,
            others,
            refused: Vec::new(),
            additions: Vec::new(),
            run: None,
            jobs,
            jobs_live,
        }
    }

    /// Whether there is nothing to wait for: every cell is there, no run is at work any more, and none is queued.
    pub fn is_over(&self) -> bool {
        let at_work = self.run.as_ref().is_some_and(|run| run.alive == Some(true));
        let queued = self.cells == 0 && self.jobs_live;
        self.waiting == 0 && self.running == 0 && !at_work && !queued
    }
}

/// Cells by how they ended, from the heads of the parts.
#[derive(Default)]
struct Found {
    cells: HashMap<CellId, CellStatus>,
    refused: Vec<String>,
}

impl Found {
    fn of(directory: &RunDirectory) -> Result<Found, StoreError> {
        let parts = directory.parts();
        let entries = std::fs::read_dir(&parts).map_err(StoreError::io("list", &parts))?;
        let mut paths: Vec<PathBuf> = entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "h5"))
            .collect();
        paths.sort_unstable();
        let summaries: Vec<_> = paths.par_iter().map(|path| PartSummary::read(path)).collect();
        let mut found = Found::default();
        for summary in summaries {
            match summary {
                Ok(summary) => {
                    for (id, status) in summary.cells {
                        let kept = found.cells.entry(id).or_insert(status);
                        // A cell that was given up once and measured later is measured.
                        if *kept == CellStatus::Failed {
                            *kept = status;
                        }
                    }
                }
                // Being renamed or removed as we look: the next look will tell.
                Err(StoreError::Io { .. }) => {}
                Err(error) => found.refused.push(error.to_string()),
            }
        }
        Ok(found)
    }
}

/// The run that works in the directory, or last did; `None` if none ever wrote its state.
fn report(directory: &RunDirectory, notes: &[RunningCohort]) -> Result<Option<RunReport>, StoreError> {
    let holder = lease::holder(&directory.lease_file())?;
    let observes = is_newer(&directory.additions().status_file(), &directory.status_file());
    let directory = if observes { directory.additions() } else { directory.clone() };
    let path = directory.status_file();
    let status = RunStatus::read(&directory);
    if status.is_none() && holder.is_none() {
        return Ok(None);
    }
    // Both times are the file server's or this host's own, which the writer's clock is not.
    let written = std::fs::metadata(&path).and_then(|data| data.modified()).ok();
    let silent = written.map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
    let alive = match &holder {
        None | Some((_, Process::Gone)) => Some(false),
        Some((_, Process::Alive)) => Some(true),
        Some((_, Process::Elsewhere)) => silent.is_some_and(|silent| silent < SILENT).then_some(true),
    };
    let holder = holder.map(|(holder, _)| holder.to_string());
    let silent = silent.map_or(f64::NAN, |silent| silent.as_secs_f64());
    let Some(status) = status else {
        let of_rank = Vec::new();
        let (elapsed, ranks, rate) = (0.0, 0, 0.0);
        return Ok(Some(RunReport { observes, alive, holder, silent, elapsed, ranks, rate, left: None, of_rank }));
    };
    let progress = &status.progress;
    // A file that another program wrote may say anything, more seconds than a duration holds included.
    let elapsed = Duration::try_from_secs_f64(status.elapsed.max(0.0)).unwrap_or(Duration::MAX);
    let hosts: HashMap<u32, &String> = notes.iter().rev().map(|note| (note.rank, &note.host)).collect();
    let of_rank = progress.workers.iter().map(|worker| RankReport {
        rank: worker.worker.0,
        host: hosts.get(&worker.worker.0).map(|host| (*host).clone()),
        activity: worker.activity,
        cells: worker.cells,
        epoch: worker.epoch,
        done_fraction: worker.done_fraction,
        seconds: worker.seconds,
        silent: worker.silent,
    });
    Ok(Some(RunReport {
        observes,
        alive,
        holder,
        silent,
        elapsed: status.elapsed,
        ranks: status.ranks,
        rate: progress.done as f64 / status.elapsed.max(1e-9),
        left: progress.time_left(elapsed).filter(|_| alive != Some(false)),
        of_rank: of_rank.collect(),
    }))
}

/// Whether a file was written after another one; times are of the one file system that holds both.
fn is_newer(file: &Path, other: &Path) -> bool {
    let written = |path: &Path| std::fs::metadata(path).and_then(|data| data.modified()).ok();
    written(file) > written(other)
}

/// Slurm's word on the run's latest jobs, and whether one of them may still run. One that cannot be asked about may.
fn jobs(directory: &RunDirectory) -> (Jobs, bool) {
    let records = match slurm::read_jobs(directory.root()) {
        Ok(records) => records,
        Err(error) => return (Jobs::Unknown(error.to_string()), true),
    };
    let ids: Vec<_> = records.into_iter().map(|record| record.id).collect();
    let latest = &ids[ids.len().saturating_sub(LATEST_JOBS)..];
    if latest.is_empty() {
        return (Jobs::None, false);
    }
    match slurm::job_states(&Client::from_env(), latest) {
        Ok(states) => {
            let live = states.iter().any(|job| job.state.is_live());
            let texts = states
                .into_iter()
                .map(|job| [job.name, format!("{:?}", job.state).to_uppercase(), job.reason, job.elapsed, job.nodes]);
            (Jobs::Known(texts.collect()), live)
        }
        Err(error) => (Jobs::Unknown(error.to_string()), true),
    }
}
