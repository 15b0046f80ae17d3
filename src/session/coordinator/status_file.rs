//! `status.json`, written by rank 0 for `phasesweep status`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::dispatch::Progress;
use crate::run_directory::RunStatus;
use crate::store::RunDirectory;

/// Time between two writings.
const EVERY: Duration = Duration::from_secs(2);

/// The status file of a command at work.
pub(in crate::session) struct StatusFile {
    path: PathBuf,
    ranks: u32,
    before: u64,
    written: Option<Instant>,
    last: Option<Progress>,
}

impl StatusFile {
    /// That of a directory. `before` cells were done when the command began.
    pub(in crate::session) fn new(directory: &RunDirectory, ranks: u32, before: u64) -> StatusFile {
        StatusFile { path: directory.status_file(), ranks, before, written: None, last: None }
    }

    /// Writes how far the work is, `elapsed` after it began, unless that was done a moment ago.
    ///
    /// # Errors
    /// The disk refuses.
    pub(in crate::session) fn write(&mut self, progress: &Progress, elapsed: Duration) -> std::io::Result<()> {
        self.last = Some(progress.clone());
        if self.written.is_some_and(|last| last.elapsed() < EVERY) {
            return Ok(());
        }
        self.written = Some(Instant::now());
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let status = RunStatus {
            elapsed: elapsed.as_secs_f64(),
            written: now.as_secs_f64(),
            ranks: self.ranks,
            before: self.before,
            progress: progress.clone(),
        };
        // Not synced: it is out of date in two seconds.
        let temporary = self.path.with_extension("json.partial");
        std::fs::write(&temporary, serde_json::to_vec(&status)?)?;
        std::fs::rename(&temporary, &self.path)
    }

    /// Writes what was last known; where that cannot be done, it is said in the log.
    pub(in crate::session) fn finish(&mut self, elapsed: Duration) {
        if let Some(progress) = self.last.take() {
            self.written = None;
            if let Err(error) = self.write(&progress, elapsed) {
                tracing::warn!("the status file could not be written: {error}");
            }
        }
    }
}
