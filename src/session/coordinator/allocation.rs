//! Whether a job's allocations bring its run forward: one that does not is not worth another, and says so by an exit code
//! that job scripts do not requeue.
//!
//! `allocation.json` in the run directory remembers, from one launch to the next, what there was when the allocation
//! began. Invariants: only what is on disk counts as progress, finished cells and epochs in checkpoints; a job that is
//! interrupted early in its time (preempted, or stopped by a person) goes on; the decisions are pure.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::amount::span;
use crate::dispatch::StopCause;
use crate::run_directory::RunStatus;
use crate::session::error::SessionError;
use crate::store::{CheckpointSummary, RunDirectory, StoreError, durable};

/// Allocations in a row, all of one job, that may end without progress by an accident (a rank that fell silent, a kill
/// late in their time) before the job is given up.
const ACCIDENTS: u32 = 2;

/// Allocations in a row, all of one job, that may be interrupted early in their time without progress. A job may well be
/// preempted several times before it has begun; but Slurm's notice before the end of a short walltime comes early, too.
const INTERRUPTIONS: u32 = 10;

/// What is on disk: ordered by the cells that are done, then by what is in checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub(in crate::session) struct Reached {
    /// Cells that are finished, or given up.
    pub(in crate::session) cells: u64,
    /// Epochs in checkpoints, summed over their cells.
    pub(in crate::session) epochs: u64,
}

impl Reached {
    /// What a run directory holds, of which `cells` cells are done. A checkpoint that cannot be read counts as none.
    pub(in crate::session) fn of(directory: &RunDirectory, cells: u64) -> Result<Reached, StoreError> {
        Reached::of_all(std::slice::from_ref(directory), cells)
    }

    /// What several directories of checkpoints hold together.
    pub(in crate::session) fn of_all(directories: &[RunDirectory], cells: u64) -> Result<Reached, StoreError> {
        let mut epochs = 0;
        for directory in directories {
            let summaries =
                directory.checkpoint_files()?.into_iter().filter_map(|path| CheckpointSummary::read(&path).ok());
            epochs += summaries.flat_map(|summary| summary.cells).map(|(_, epoch)| epoch as u64).sum::<u64>();
        }
        Ok(Reached { cells, epochs })
    }
}

/// A job of Slurm, and how often it was requeued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Job {
    id: String,
    restarts: u64,
}

impl Job {
    /// The job that this process runs in.
    fn surrounding() -> Option<Job> {
        let id = std::env::var("SLURM_JOB_ID").ok()?;
        let restarts = std::env::var("SLURM_RESTART_COUNT").ok().and_then(|count| count.parse().ok()).unwrap_or(0);
        Some(Job { id, restarts })
    }
}

/// What `allocation.json` says. Times are seconds since 1970 on the clock of rank 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Record {
    /// `None` outside of Slurm, where every run is an allocation of its own.
    job: Option<Job>,
    /// When the first run of the allocation began.
    began: f64,
    /// When the allocation ends, if that is known.
    ends: Option<f64>,
    /// What there was when it began.
    reached: Reached,
    /// Allocations of the job right before this one that ended by an accident without progress.
    accidents: u32,
    /// The same for those that were interrupted early in their time.
    interruptions: u32,
    /// Whether the last run ended in order.
    ended: bool,
}

impl Record {
    /// The record of a run that begins now, given that of the run before it and when that one last gave a sign of life.
    ///
    /// # Errors
    /// A sentence, if the job's earlier allocations show that this one would bring nothing.
    fn begin(
        previous: Option<Record>,
        job: Option<Job>,
        reached: Reached,
        now: f64,
        ends: Option<f64>,
        last_sign: Option<f64>,
    ) -> Result<Record, String> {
        let fresh = Record { job, began: now, ends, reached, accidents: 0, interruptions: 0, ended: false };
        let (Some(previous), Some(job)) = (previous, &fresh.job) else { return Ok(fresh) };
        match &previous.job {
            // Launched again in the same allocation.
            Some(before) if before == job => Ok(Record { ends, ended: false, ..previous }),
            Some(before) if before.id == job.id && reached <= previous.reached => {
                let killed_late = !previous.ended && last_sign.is_some_and(|sign| previous.is_used_up(sign));
                let accidents = previous.accidents + u32::from(killed_late);
                if accidents >= ACCIDENTS {
                    let times = format!("in {accidents} allocations in a row, which were cut off late in their time");
                    return Err(no_progress(&times));
                }
                Ok(Record { accidents, interruptions: previous.interruptions, ..fresh })
            }
            _ => Ok(fresh),
        }
    }

    /// The run has stopped for this reason at this time. A sentence, if the allocation has brought nothing and another
    /// one would bring no more.
    fn end(&mut self, reached: Reached, cause: &StopCause, now: f64) -> Option<String> {
        self.ended = true;
        if reached > self.reached {
            (self.accidents, self.interruptions) = (0, 0);
            return None;
        }
        let time = span((now - self.began).max(0.0));
        match cause {
            StopCause::Walltime => Some(no_progress(&format!("before the end of the allocation, in {time}"))),
            StopCause::Requested if self.is_used_up(now) => Some(no_progress(&format!(
                "before the run was asked to stop near the end of its allocation, in {time}"
            ))),
            StopCause::Requested if self.job.is_some() => {
                self.interruptions += 1;
                let times = format!("in {} allocations in a row, which were interrupted", self.interruptions);
                (self.interruptions >= INTERRUPTIONS).then(|| no_progress(&times))
            }
            StopCause::WorkerLost | StopCause::NoWorkers if self.job.is_some() => {
                self.accidents += 1;
                let times = format!("in {} allocations in a row, which lost their ranks", self.accidents);
                (self.accidents >= ACCIDENTS).then(|| no_progress(&times))
            }
            _ => None,
        }
    }

    /// Whether more than half of the allocation's time had passed at this time.
    fn is_used_up(&self, at: f64) -> bool {
        self.ends.is_some_and(|ends| at - self.began >= (ends - self.began) / 2.0)
    }
}

fn no_progress(when: &str) -> String {
    format!(
        "nothing was finished or checkpointed {when}: another allocation like it would do no better, so this is not \
         resumed by itself. Ask for more time (--time, --walltime), for smaller cohorts (--replicas), for more frequent \
         checkpoints (--checkpoint-seconds), or for less time before the end (--margin, --notice); then run again"
    )
}

/// The allocation that a run works in.
#[derive(Debug)]
pub(in crate::session) struct Allocation {
    path: PathBuf,
    record: Record,
}

impl Allocation {
    /// Takes note that a run begins, which ends in `left` at the latest. For who holds the directory's lease.
    ///
    /// # Errors
    /// [`SessionError::Input`] if the job's earlier allocations brought nothing; [`SessionError::Store`].
    pub(in crate::session) fn begin(
        directory: &RunDirectory,
        reached: Reached,
        left: Option<Duration>,
    ) -> Result<Allocation, SessionError> {
        let path = directory.allocation_file();
        // What cannot be read or understood is no reason not to run: it only forgets how the last allocation went.
        let read = |path: PathBuf| std::fs::read(path).ok();
        let previous = read(path.clone()).and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let status = read(directory.status_file()).and_then(|bytes| serde_json::from_slice::<RunStatus>(&bytes).ok());
        let last_sign = status.map(|status| status.written);
        let ends = left.map(|left| seconds_since_1970() + left.as_secs_f64());
        let record = Record::begin(previous, Job::surrounding(), reached, seconds_since_1970(), ends, last_sign)
            .map_err(SessionError::Input)?;
        let allocation = Allocation { path, record };
        allocation.write()?;
        Ok(allocation)
    }

    /// Takes note that the run has stopped. A sentence, if another allocation is not worth it.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the note cannot be written.
    pub(in crate::session) fn end(
        &mut self,
        reached: Reached,
        cause: &StopCause,
    ) -> Result<Option<String>, StoreError> {
        let sentence = self.record.end(reached, cause, seconds_since_1970());
        self.write()?;
        Ok(sentence)
    }

    fn write(&self) -> Result<(), StoreError> {
        let bug = |error: serde_json::Error| StoreError::contradiction(&self.path, error.to_string());
        durable::write(&self.path, &serde_json::to_vec(&self.record).map_err(bug)?)
    }
}

fn seconds_since_1970() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(cells: u64, epochs: u64) -> Reached {
        Reached { cells, epochs }
    }

    fn job(id: &str, restarts: u64) -> Option<Job> {
        Some(Job { id: id.to_owned(), restarts })
    }

    /// An allocation of 1000 s that began at 0 with three cells and 50 epochs.
    fn record(of: Option<Job>) -> Record {
        Record::begin(None, of, reached(3, 50), 0.0, Some(1000.0), None).unwrap()
    }

    #[test]
    fn progress_is_cells_or_epochs() {
        assert!(reached(4, 0) > reached(3, 50) && reached(3, 51) > reached(3, 50));
        for now in [reached(4, 0), reached(3, 60)] {
            for cause in [StopCause::Walltime, StopCause::Requested, StopCause::WorkerLost] {
                assert_eq!(record(job("7", 0)).end(now, &cause, 990.0), None);
            }
        }
    }

    #[test]
    fn an_allocation_that_brought_nothing_is_the_last() {
        let end = |cause: StopCause, now: f64, of| record(of).end(reached(3, 50), &cause, now);
        assert!(end(StopCause::Walltime, 940.0, None).unwrap().contains("--time"));
        assert!(end(StopCause::Walltime, 10.0, job("7", 0)).is_some(), "nothing fits from the start");
        assert!(end(StopCause::Requested, 900.0, job("7", 0)).is_some(), "the notice before the walltime");
        assert_eq!(end(StopCause::Requested, 100.0, job("7", 0)), None, "preempted, or stopped by a person");
        assert_eq!(end(StopCause::WorkerLost, 100.0, job("7", 0)), None, "an accident may be one");
        assert_eq!(end(StopCause::WorkerLost, 100.0, None), None);
        let mut unlimited = Record { ends: None, ..record(job("7", 0)) };
        assert_eq!(unlimited.end(reached(3, 50), &StopCause::Requested, 1e9), None);
    }

    #[test]
    fn accidents_in_a_row_are_counted_over_requeues() {
        let again = |previous: &Record, restarts, now, at, sign| {
            Record::begin(Some(previous.clone()), job("7", restarts), now, at, Some(at + 1000.0), sign)
        };
        let mut first = record(job("7", 0));
        assert_eq!(first.end(reached(3, 50), &StopCause::WorkerLost, 100.0), None);
        let mut second = again(&first, 1, reached(3, 50), 2000.0, Some(100.0)).unwrap();
        assert_eq!(second.accidents, 1);
        assert!(second.clone().end(reached(3, 50), &StopCause::WorkerLost, 2100.0).is_some());
        // Progress in between forgives.
        assert_eq!(second.end(reached(5, 0), &StopCause::WorkerLost, 2100.0), None);
        assert_eq!(again(&second, 2, reached(5, 0), 4000.0, None).unwrap().accidents, 0);
        // Killed without a word, twice, late in their time.
        let killed = record(job("7", 0));
        let second = again(&killed, 1, reached(3, 50), 2000.0, Some(800.0)).unwrap();
        let sentence = again(&second, 2, reached(3, 50), 4000.0, Some(2990.0)).unwrap_err();
        assert!(sentence.contains("2 allocations in a row"), "{sentence}");
        assert!(again(&second, 2, reached(3, 51), 4000.0, Some(2990.0)).is_ok(), "a checkpoint more");
        assert!(again(&second, 2, reached(3, 50), 4000.0, Some(2100.0)).is_ok(), "killed early, as by preemption");
        assert!(
            Record::begin(Some(second), job("8", 0), reached(3, 50), 4e3, None, Some(2990.0)).is_ok(),
            "another job"
        );
    }

    /// Slurm's notice before the end of a walltime of a minute may come in its first second.
    #[test]
    fn early_interruptions_without_progress_are_not_endless() {
        let mut record = record(job("7", 0));
        for restart in 1..10_u32 {
            assert_eq!(record.end(reached(3, 50), &StopCause::Requested, record.began + 10.0), None);
            let began = 2000.0 * f64::from(restart);
            record = Record::begin(
                Some(record),
                job("7", restart.into()),
                reached(3, 50),
                began,
                Some(began + 1000.0),
                None,
            )
            .unwrap();
        }
        assert!(record.clone().end(reached(3, 50), &StopCause::Requested, record.began + 10.0).is_some());
        assert_eq!(record.end(reached(4, 0), &StopCause::Requested, record.began + 10.0), None);
        assert_eq!(record.interruptions, 0);
    }

    #[test]
    fn a_launch_in_the_same_allocation_keeps_its_beginning() {
        let first = record(job("7", 2));
        let again = Record::begin(Some(first), job("7", 2), reached(4, 0), 500.0, Some(1000.0), None).unwrap();
        assert_eq!((again.began, again.reached), (0.0, reached(3, 50)));
        // What an earlier launch finished is the allocation's progress, though this launch added nothing.
        assert_eq!(again.clone().end(reached(4, 0), &StopCause::Walltime, 940.0), None);
        let outside = Record::begin(Some(record(None)), None, reached(4, 0), 500.0, None, None).unwrap();
        assert_eq!(outside.began, 500.0);
    }
}
