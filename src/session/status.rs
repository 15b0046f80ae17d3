//! What the files of a run directory say of a run: `phasesweep status` reads them and never talks to the run.
//!
//! Three sources, each for what it alone knows: the parts for cells that are done, `status.json` for what the run's
//! coordinator last saw, `running/` and the lease for who is at work. Invariants: the parts are counted from their
//! heads, a cell once; what an absent or dead run last said is marked as such; nothing is written.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use rayon::prelude::*;
use serde::Serialize;

use super::{RunStatus, SessionError, opening, time_left};
use crate::dispatch::Activity;
use crate::plan::{CellId, Plan};
use crate::slurm::{self, Client};
use crate::store::holder::Process;
use crate::store::{CellStatus, PartSummary, RunDirectory, RunningCohort, StoreError, lease};
use crate::sweep;

/// Without news for so long, a run on another host counts as silent. Longer than a stalled file system's pauses.
const SILENT: Duration = Duration::from_secs(60);

/// Everything that a run directory tells.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The sweep.
    pub name: String,
    /// Its cells, without those that an adaptive rule may add.
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
    /// Parts of the directory that are torn, foreign, or of another version, with the sentence that says which.
    pub refused: Vec<String>,
    /// The run that works in it, or last did.
    pub run: Option<RunReport>,
    /// Slurm's jobs.
    pub jobs: Jobs,
}

/// The run that works in a directory, or last did.
#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
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

impl Status {
    /// Reads a run directory.
    ///
    /// # Errors
    /// [`SessionError::Input`] if it is none; [`SessionError::Store`] if it cannot be read.
    pub fn read(directory: &RunDirectory) -> Result<Status, SessionError> {
        let path = directory.sweep_file();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => Some(text),
            // A job that waits in the queue has not opened its run yet.
            Err(_) if directory.root().join("slurm").is_dir() => None,
            Err(error) => {
                let reason = format!("error: {} cannot be read: {error}. Is this a run directory?", path.display());
                return Err(SessionError::Input(reason));
            }
        };
        let jobs = jobs(directory);
        let Some(text) = text else {
            let name = directory.root().display().to_string();
            let refused = Vec::new();
            let [cells, complete, diverged, running, waiting] = [0; 5];
            return Ok(Status {
                name,
                cells,
                complete,
                diverged,
                failed: Vec::new(),
                running,
                waiting,
                refused,
                run: None,
                jobs,
            });
        };
        let sweep = sweep::parse(&text, &path.display().to_string(), &opening::overrides_in(&text))
            .map_err(|diagnostics| SessionError::Input(diagnostics.to_string()))?;
        let name = sweep.name.clone();
        // Identities are not needed to count, so no data is read for its digest.
        let plan = Plan::new(sweep, &[]);
        let cells = (plan.variants().len() * plan.certain_seeds()) as u64;
        let count = Count::of(directory)?;
        let notes = RunningCohort::list(directory)?;
        let run = report(directory, &notes)?;
        let alive = run.as_ref().is_some_and(|run| run.alive != Some(false));
        let running = if alive { notes.iter().map(|note| note.cells.len() as u64).sum() } else { 0 };
        let done = count.complete + count.diverged + count.failed.len() as u64;
        Ok(Status {
            name,
            // A sweep that was made smaller leaves parts of cells that it no longer asks for.
            cells: cells.max(done),
            complete: count.complete,
            diverged: count.diverged,
            failed: count.failed,
            running,
            waiting: cells.saturating_sub(done + running),
            refused: count.refused,
            run,
            jobs,
        })
    }

    /// Whether every cell is there.
    pub fn is_over(&self) -> bool {
        self.waiting == 0 && self.running == 0
    }
}

/// Cells by how they ended, from the heads of the parts.
#[derive(Default)]
struct Count {
    complete: u64,
    diverged: u64,
    failed: Vec<CellId>,
    refused: Vec<String>,
}

impl Count {
    fn of(directory: &RunDirectory) -> Result<Count, StoreError> {
        let parts = directory.parts();
        let entries = std::fs::read_dir(&parts).map_err(StoreError::io("list", &parts))?;
        let paths: Vec<_> = entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "h5"))
            .collect();
        let each = |path: &std::path::PathBuf| -> (Count, HashSet<CellId>) {
            let mut count = Count::default();
            let mut measured = HashSet::new();
            match PartSummary::read(path) {
                Ok(summary) => {
                    for (id, status) in summary.cells {
                        match status {
                            CellStatus::Complete => count.complete += 1,
                            CellStatus::Diverged => count.diverged += 1,
                            CellStatus::Failed => count.failed.push(id),
                        }
                        // A cell that was given up lies alone in its part, so its other part can be this small only.
                        if status != CellStatus::Failed {
                            measured.insert(id);
                        }
                    }
                    if count.failed.is_empty() && measured.len() > 1 {
                        measured.clear();
                    }
                }
                // Being renamed or removed as we look: the next look will tell.
                Err(StoreError::Io { .. }) => {}
                Err(error) => count.refused.push(error.to_string()),
            }
            (count, measured)
        };
        let sum = |mut a: (Count, HashSet<CellId>), b: (Count, HashSet<CellId>)| {
            a.0.complete += b.0.complete;
            a.0.diverged += b.0.diverged;
            a.0.failed.extend(b.0.failed);
            a.0.refused.extend(b.0.refused);
            a.1.extend(b.1);
            a
        };
        let (mut count, measured) = paths.par_iter().map(each).reduce(Default::default, sum);
        count.failed.sort_unstable();
        count.failed.dedup();
        count.failed.retain(|id| !measured.contains(id));
        count.refused.sort_unstable();
        Ok(count)
    }
}

/// The run that works in the directory, or last did; `None` if none ever wrote its state.
fn report(directory: &RunDirectory, notes: &[RunningCohort]) -> Result<Option<RunReport>, StoreError> {
    let holder = lease::holder(&directory.lease_file())?;
    let path = directory.status_file();
    let status: Option<RunStatus> = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
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
        return Ok(Some(RunReport { alive, holder, silent, elapsed: 0.0, ranks: 0, rate: 0.0, left: None, of_rank }));
    };
    let progress = &status.progress;
    // A file that another program wrote may say anything, more seconds than a duration holds included.
    let elapsed = Duration::try_from_secs_f64(status.elapsed.max(0.0)).unwrap_or(Duration::MAX);
    let host_of = |rank: u32| notes.iter().find(|note| note.rank == rank).map(|note| note.host.clone());
    let of_rank = progress.workers.iter().map(|worker| RankReport {
        rank: worker.worker.0,
        host: host_of(worker.worker.0),
        activity: worker.activity,
        cells: worker.cells,
        epoch: worker.epoch,
        done_fraction: worker.done_fraction,
        seconds: worker.seconds,
        silent: worker.silent,
    });
    Ok(Some(RunReport {
        alive,
        holder,
        silent,
        elapsed: status.elapsed,
        ranks: status.ranks,
        rate: progress.done as f64 / status.elapsed.max(1e-9),
        left: time_left(progress, elapsed).filter(|_| alive != Some(false)),
        of_rank: of_rank.collect(),
    }))
}

/// Slurm's word on the run's latest jobs.
fn jobs(directory: &RunDirectory) -> Jobs {
    let records = match slurm::read_jobs(directory.root()) {
        Ok(records) => records,
        Err(error) => return Jobs::Unknown(error.to_string()),
    };
    let ids: Vec<_> = records.into_iter().map(|record| record.id).collect();
    let latest = &ids[ids.len().saturating_sub(LATEST_JOBS)..];
    if latest.is_empty() {
        return Jobs::None;
    }
    match slurm::job_states(&Client::from_env(), latest) {
        Ok(states) => Jobs::Known(
            states
                .into_iter()
                .map(|job| [job.name, format!("{:?}", job.state).to_uppercase(), job.reason, job.elapsed, job.nodes])
                .collect(),
        ),
        Err(error) => Jobs::Unknown(error.to_string()),
    }
}
