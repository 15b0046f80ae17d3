//! The jobs of a run: one line each in `<run directory>/slurm/jobs`, appended and synced, never rewritten.
//!
//! A line is `id`, the time of submission (RFC 3339, UTC) and the script's path, separated by tabs. A last line without
//! its line break was cut off while it was written; it is passed over if it cannot be read, and a later record starts on
//! a line of its own.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::error::SlurmError;
use super::job_id::JobId;

/// A job that was submitted for a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRecord {
    /// Its id.
    pub id: JobId,
    /// When sbatch took it.
    pub submitted: jiff::Timestamp,
    /// The script that was submitted.
    pub script: PathBuf,
}

impl JobRecord {
    fn line(&self) -> String {
        format!("{}\t{}\t{}\n", self.id, self.submitted, self.script.display())
    }

    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.splitn(3, '\t');
        let id = JobId::parse(fields.next()?)?;
        let submitted = fields.next()?.parse().ok()?;
        let script = PathBuf::from(fields.next()?);
        Some(JobRecord { id, submitted, script })
    }
}

fn jobs_file(run_dir: &Path) -> PathBuf {
    run_dir.join("slurm").join("jobs")
}

/// Appends `record` to the run's list of jobs and returns once it is on disk, the directory entry included.
///
/// # Errors
/// [`SlurmError::Disk`].
pub fn record_job(run_dir: &Path, record: &JobRecord) -> Result<(), SlurmError> {
    let path = jobs_file(run_dir);
    append(&path, &record.line()).map_err(|source| SlurmError::Disk { path, source })
}

fn append(path: &Path, line: &str) -> std::io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir)?;
    let mut file = std::fs::OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let mut last = [b'\n'];
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    // One write, so that two submissions at once do not mix their lines.
    let text = if last == [b'\n'] { line.to_owned() } else { format!("\n{line}") };
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::File::open(dir)?.sync_all()
}

/// The jobs of a run, oldest first; none if none was ever submitted.
///
/// # Errors
/// [`SlurmError::Disk`] if the list cannot be read, [`SlurmError::BadRecord`] if a line of it is none of ours.
pub fn read_jobs(run_dir: &Path) -> Result<Vec<JobRecord>, SlurmError> {
    let path = jobs_file(run_dir);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(SlurmError::Disk { path, source }),
    };
    let mut jobs = Vec::new();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for (index, line) in lines.iter().enumerate() {
        let whole = line.ends_with('\n');
        match JobRecord::parse(line.trim_end_matches('\n')) {
            Some(job) => jobs.push(job),
            None if !whole || is_torn(line) => {
                tracing::warn!(file = %path.display(), line = index + 1, "passed over a record that was cut off");
            }
            None => return Err(SlurmError::BadRecord { path, line: index + 1 }),
        }
    }
    Ok(jobs)
}

/// Whether a line is the beginning of a record, to which a later one gave its line break.
fn is_torn(line: &str) -> bool {
    let line = line.trim_end_matches('\n');
    line.splitn(3, '\t').count() < 3 && line.bytes().next().is_none_or(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn record(id: &str, script: &str) -> JobRecord {
        JobRecord {
            id: JobId::parse(id).unwrap(),
            submitted: "2026-03-01T10:00:00Z".parse().unwrap(),
            script: script.into(),
        }
    }

    #[test]
    fn ids_of_sbatch() {
        let id = JobId::parse("4711;west").unwrap();
        assert_eq!((id.number(), id.cluster()), (4711, Some("west")));
        assert_eq!(id.to_string(), "4711;west");
        assert_eq!(JobId::parse("4711").unwrap().to_string(), "4711");
        for wrong in ["", ";", "x", "-1", "+1", "1;", "1 2", "1;a b", "99999999999999999999"] {
            assert_eq!(JobId::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn records_come_back_in_order() {
        let run = tempfile::tempdir().unwrap();
        assert_eq!(read_jobs(run.path()).unwrap(), []);
        let jobs = [record("7", "/r/a b.sbatch"), record("8;west", "/r/c.sbatch")];
        for job in &jobs {
            record_job(run.path(), job).unwrap();
        }
        assert_eq!(read_jobs(run.path()).unwrap(), jobs);
    }

    /// A record cut off at any byte loses itself at most, and never the ones before or after it.
    #[test]
    fn a_torn_record_costs_no_other() {
        let (before, torn, after) = (record("7", "/r/a"), record("8", "/r/b"), record("9", "/r/c"));
        for cut in 0..torn.line().len() {
            let run = tempfile::tempdir().unwrap();
            record_job(run.path(), &before).unwrap();
            let path = run.path().join("slurm/jobs");
            let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
            file.write_all(&torn.line().as_bytes()[..cut]).unwrap();
            record_job(run.path(), &after).unwrap();
            let ids: Vec<_> = read_jobs(run.path()).unwrap().iter().map(|job| job.id.number()).collect();
            assert!(ids == [7, 9] || ids == [7, 8, 9], "cut at {cut}: {ids:?}");
        }
    }

    #[test]
    fn a_foreign_line_is_named() {
        let run = tempfile::tempdir().unwrap();
        record_job(run.path(), &record("7", "/r/a")).unwrap();
        let path = run.path().join("slurm/jobs");
        std::fs::write(&path, "7\t2026-03-01T10:00:00Z\t/r/a\nhello\n").unwrap();
        let message = read_jobs(run.path()).unwrap_err().to_string();
        assert!(message.contains("slurm/jobs") && message.contains("line 2"), "{message}");
    }
}
