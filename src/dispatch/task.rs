//! One unit of work: its name, the worker that may have it, its cells, and why a worker could not finish it.
//!
//! Everything else in this room imports these types; they import nothing of it.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $inner:ty, $word:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($word, " {}"), self.0)
            }
        }
    };
}

id!(
    /// One trainer: the rank under MPI, the thread's number otherwise.
    WorkerId, u32, "worker"
);
id!(
    /// One cohort of this run. Ids with the high bit set are taken by cohorts that arise from splitting; those of the
    /// plan must leave it clear.
    TaskId, u64, "cohort"
);

impl TaskId {
    /// Bit that tells a cohort split from another apart from a planned one.
    pub const SPLIT: u64 = 1 << 63;

    /// Id of the `part`-th piece of this cohort when it is cut in `parts`: a function of its arguments alone, so that a
    /// relaunch that cuts alike names alike (SplitMix64's finaliser, Steele, Lea and Flood 2014).
    fn piece(self, part: usize, parts: usize) -> TaskId {
        let mut z = self.0 ^ ((parts as u64) << 32 | (part as u64 + 1)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        TaskId((z ^ (z >> 31)) | TaskId::SPLIT)
    }
}

/// One unit of work: cells that are trained together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CohortTask {
    /// Its name in this run.
    pub id: TaskId,
    /// Indices into the plan that every rank has computed.
    pub cells: Vec<u32>,
    /// Seconds it is predicted to take on one worker. Not finite or negative means unknown, and counts as 0.
    pub predicted_seconds: f64,
    /// Device memory it is predicted to take, in bytes; 0 if unknown, and then the number of cells stands for it. Only
    /// comparisons between the tasks of one run are made of it.
    pub memory: u64,
    /// How many times it has taken its worker down, earlier runs included.
    pub attempt: u32,
    /// Cohorts that must be finished first. An id that is not among this run's tasks counts as finished.
    pub needs: Vec<TaskId>,
    /// A checkpoint of it exists: it is handed out before all others.
    pub resume: bool,
    /// Cells below which a piece of it would waste its device: nothing smaller is cut off to share the work out better. 0
    /// counts as 1.
    pub least: u32,
}

impl CohortTask {
    /// What its size in memory is compared by: the predicted bytes, or the number of cells where they are unknown.
    pub fn footprint(&self) -> u64 {
        if self.memory == 0 { self.cells.len() as u64 } else { self.memory }
    }

    /// Cuts it into `parts` nearly equal runs of consecutive cells (fewer if there are fewer cells), with fresh
    /// attempts; time and memory are shared out in proportion.
    pub fn split(&self, parts: usize) -> Vec<CohortTask> {
        let cells = self.cells.len();
        let parts = parts.clamp(1, cells.max(1));
        (0..parts)
            .map(|part| self.piece(self.id.piece(part, parts), part * cells / parts..(part + 1) * cells / parts))
            .collect()
    }

    /// Cuts the first `cells` off from the rest: both in this order, as [`CohortTask::split`] cuts.
    pub fn cut(&self, cells: usize) -> [CohortTask; 2] {
        let (all, cells) = (self.cells.len(), cells.min(self.cells.len()));
        // Another number of parts than any split has: the pieces of a cut and of a split are never called alike.
        let parts = usize::try_from(u32::MAX).unwrap_or(usize::MAX) - cells;
        [self.piece(self.id.piece(0, parts), 0..cells), self.piece(self.id.piece(1, parts), cells..all)]
    }

    fn piece(&self, id: TaskId, cells: std::ops::Range<usize>) -> CohortTask {
        let share = cells.len() as f64 / self.cells.len().max(1) as f64;
        CohortTask {
            id,
            cells: self.cells[cells].to_vec(),
            predicted_seconds: self.predicted_seconds * share,
            memory: (self.memory as f64 * share).ceil() as u64,
            attempt: 0,
            needs: Vec::new(),
            resume: false,
            least: self.least,
        }
    }
}

/// Why a worker could not finish a cohort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureReason {
    /// The trainer panicked, or took its worker down.
    Crash,
    /// The device has no room for the cohort: it is split at once.
    OutOfMemory,
    /// The trainer returned an error; handled as a crash, since it may lie in one cell.
    Error,
    /// A durable write failed (disk full, unwritable). No fault of the cohort: the run stops, resumable.
    Storage,
}

impl fmt::Display for FailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FailureReason::Crash => "crashed",
            FailureReason::OutOfMemory => "ran out of device memory",
            FailureReason::Error => "failed",
            FailureReason::Storage => "could not write its results",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_hold_every_cell_once_in_order_with_distinct_ids() {
        for cells in 1..40u32 {
            for parts in 1..12 {
                let task = CohortTask {
                    id: TaskId(7),
                    cells: (100..100 + cells).collect(),
                    predicted_seconds: 12.0,
                    memory: 1000,
                    attempt: 2,
                    needs: vec![TaskId(1)],
                    resume: true,
                    least: 1,
                };
                let pieces = task.split(parts);
                assert_eq!(pieces.len(), parts.min(cells as usize));
                let all: Vec<u32> = pieces.iter().flat_map(|p| p.cells.clone()).collect();
                assert_eq!(all, task.cells);
                let sizes: Vec<usize> = pieces.iter().map(|p| p.cells.len()).collect();
                assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
                let ids: std::collections::BTreeSet<_> = pieces.iter().map(|p| p.id).collect();
                assert_eq!(ids.len(), pieces.len());
                // A sum of at most twelve shares: a few rounding errors of 12.0.
                assert!((pieces.iter().map(|p| p.predicted_seconds).sum::<f64>() - 12.0).abs() < 1e-12);
            }
        }
    }
}
