//! What can go wrong between the program, Slurm and the disk.

use std::path::PathBuf;

use super::job_id::JobId;

/// What can go wrong between the program, Slurm and the disk.
#[derive(Debug, thiserror::Error)]
pub enum SlurmError {
    /// No such program.
    #[error(
        "{program} is not on PATH, so this is no machine of a Slurm cluster: run this on a login node, or use `phasesweep submit --dry-run` and copy the script there"
    )]
    NotFound {
        /// sbatch, squeue or sacct.
        program: &'static str,
    },
    /// The program did not start.
    #[error("cannot start {program}: {source}")]
    Start {
        /// Its path.
        program: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// Slurm refused.
    #[error("{program} refused ({status}): {message}{advice}")]
    Refused {
        /// sbatch, squeue or sacct.
        program: &'static str,
        /// How it ended.
        status: String,
        /// What it wrote.
        message: String,
        /// What may help.
        advice: &'static str,
    },
    /// An answer that we cannot read.
    #[error(
        "{program} answered {answer:?}, which is not what it is documented to print; its site wrapper may be in the way"
    )]
    Answer {
        /// sbatch, squeue or sacct.
        program: &'static str,
        /// What it printed.
        answer: String,
    },
    /// A file could not be written or read.
    #[error("{path}: {source}; check that the run directory is writable and has space")]
    Disk {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A line of the list of jobs is not ours.
    #[error("{path}, line {line}: not a record of a job; remove the line, or the file if no job of this run is queued")]
    BadRecord {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// Submitted, but not recorded.
    #[error("job {id} was submitted, but its id could not be written: {source}. `scancel {}` ends it; it runs well without", .id.number())]
    NotRecorded {
        /// The job.
        id: JobId,
        /// Why it could not be written.
        source: Box<SlurmError>,
    },
}
