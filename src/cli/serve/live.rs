//! The report of a run that may still be at work: what is finished is collected and rendered outside the run directory.
//!
//! A scratch directory holds links to the run's files and is collected as a run directory is; `phasesweep-report` renders it. So
//! nothing is written into the run directory, not even where a torn part is set aside: its link is. Invariants: one report is
//! made at a time, and of one run at most so often; the last one that was made stays until another is whole; what went
//! wrong is kept as a sentence and shown.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use phasesweep::run_directory::{KeptRun, Status, StatusReader, collect_run};
use phasesweep::store::RunDirectory;
use serde::Serialize;

use super::super::analysis_program;

/// A status is read anew after so long: a thousand readers cost as much as one.
const STATUS_EVERY: Duration = Duration::from_secs(2);

/// When the directory was looked at, and what it said.
type Looked = (Instant, Result<Status, String>);

/// A run that is served.
pub(super) struct LiveRun {
    directory: RunDirectory,
    scratch: PathBuf,
    renew: Duration,
    status: Mutex<(StatusReader, Option<Looked>)>,
    report: Mutex<Report>,
}

/// The report that is shown.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Report {
    /// Counts the reports that were made; 0: none is there.
    pub(super) number: u64,
    /// Whether another is being made.
    pub(super) making: bool,
    /// Why the last attempt made none.
    pub(super) error: Option<String>,
    /// The folder that holds it.
    #[serde(skip)]
    folder: Option<PathBuf>,
    /// What the run held when it was begun, and when that was.
    #[serde(skip)]
    of: Option<(Finished, Instant)>,
}

/// What a run directory holds that a report shows: another value, another report.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finished(Vec<(PathBuf, Option<SystemTime>, usize)>);

/// A mutex whose holder panicked holds what it held: these are values that are replaced whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LiveRun {
    /// A run, and where its reports are made.
    pub(super) fn new(directory: RunDirectory, scratch: PathBuf, renew: Duration) -> LiveRun {
        let status = Mutex::new((StatusReader::new(directory.clone()), None));
        LiveRun { directory, scratch, renew, status, report: Mutex::default() }
    }

    /// The run directory.
    pub(super) fn root(&self) -> &Path {
        self.directory.root()
    }

    /// How far it is, at most two seconds old.
    pub(super) fn status(&self) -> Result<Status, String> {
        let mut held = locked(&self.status);
        if let Some((at, status)) = &held.1
            && at.elapsed() < STATUS_EVERY
        {
            return status.clone();
        }
        let status = held.0.read().map_err(|error| error.to_string());
        held.1 = Some((Instant::now(), status.clone()));
        status
    }

    /// What is known of its report.
    pub(super) fn report(&self) -> Report {
        locked(&self.report).clone()
    }

    /// The folder of the report that is shown.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        locked(&self.report).folder.clone()
    }

    /// Whether a report is to be made now: there is none of what the run holds, none is being made, and the last one was begun
    /// long enough ago. If so it counts as being made from here on.
    fn begin(&self) -> Option<Finished> {
        let now = self.finished();
        let mut report = locked(&self.report);
        let is_due = report.of.as_ref().is_none_or(|(of, at)| *of != now && at.elapsed() >= self.renew);
        if report.making || !is_due {
            return None;
        }
        report.making = true;
        report.of = Some((now.clone(), Instant::now()));
        Some(now)
    }

    /// Makes a report in a thread of its own, if one is due. `turn` is held by whoever makes one.
    pub(super) fn renew(self: &Arc<LiveRun>, turn: &Arc<Turn>) {
        if self.begin().is_none() {
            return;
        }
        let (run, turn) = (Arc::clone(self), Arc::clone(turn));
        std::thread::spawn(move || {
            let number = run.report().number + 1;
            let made = turn.take(|turn| run.make(number, turn));
            let mut report = locked(&run.report);
            report.making = false;
            match made {
                Ok(folder) => {
                    let old = report.folder.replace(folder);
                    (report.number, report.error) = (number, None);
                    drop(report);
                    // Nobody reads it any more but a request that is under way, which has its file open.
                    old.map(fs::remove_dir_all);
                }
                Err(sentence) => report.error = Some(sentence),
            }
        });
    }

    /// Collects and renders; the folder of the report.
    fn make(&self, number: u64, turn: &Turn) -> Result<PathBuf, String> {
        let mirror = self.scratch.join("run");
        let folder = self.scratch.join(format!("report-{number}"));
        let failed = |what: &str, error: io::Error| format!("{what}: {error}");
        for old in [&mirror, &folder] {
            match fs::remove_dir_all(old) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed("the scratch folder", error));
                }
                _ => {}
            }
        }
        self.link(&mirror).map_err(|error| failed("the run's files cannot be linked to", error))?;
        let linked = RunDirectory::at(&mirror);
        let run = KeptRun::open(&linked).map_err(|error| error.to_string())?;
        let collected = collect_run(&run, true).map_err(|error| error.to_string())?;
        if collected.complete + collected.diverged == 0 {
            return Err("no cell is finished so far: the report is made once one is".to_owned());
        }
        let program = analysis_program::path();
        let child = Command::new(&program)
            .args([linked.results().as_os_str(), "--out".as_ref(), folder.as_os_str()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(&format!("{} cannot be started", program.display()), error))?;
        let output = turn.wait(child).map_err(|error| failed("phasesweep-report", error))?;
        match output.status.success() {
            true => Ok(folder),
            false => Err(String::from_utf8_lossy(&output.stderr).trim().trim_start_matches("error: ").to_owned()),
        }
    }

    /// A directory of links to everything that is collected, under `to`.
    fn link(&self, to: &Path) -> io::Result<()> {
        fs::create_dir_all(to)?;
        for file in [self.directory.sweep_file(), self.directory.record_file(), self.directory.images_file()]
            .into_iter()
            .chain([self.directory.data_findings_file(), self.directory.status_file()])
        {
            link(&file, to)?;
        }
        for folder in [self.directory.parts(), self.directory.additions().root().to_owned()] {
            link_tree(&folder, to)?;
        }
        // The layout of a run directory has more folders, which a run may find empty.
        RunDirectory::at(to).create().map_err(|error| io::Error::other(error.to_string()))
    }

    /// Its parts' and additions' folders, by when they last changed and how many files they hold.
    fn finished(&self) -> Finished {
        let mut all = Vec::new();
        let mut folders = vec![self.directory.parts(), self.directory.additions().root().to_owned()];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            let mut files = 0;
            for entry in entries.flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                    _ => files += usize::from(entry.path().extension().is_some_and(|end| end == "h5")),
                }
            }
            let changed = fs::metadata(&folder).and_then(|data| data.modified()).ok();
            all.push((folder, changed, files));
        }
        all.sort();
        Finished(all)
    }
}

/// A link to a file, in a folder; none to what is not there.
fn link(file: &Path, folder: &Path) -> io::Result<()> {
    let file = match fs::canonicalize(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    let name = file.file_name().unwrap_or_default();
    std::os::unix::fs::symlink(&file, folder.join(name))
}

/// A folder of links to the files of a folder, and of those below it; what is not there or is being removed has none.
fn link_tree(from: &Path, to: &Path) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(from) else { return Ok(()) };
    let to = to.join(from.file_name().unwrap_or_default());
    fs::create_dir_all(&to)?;
    for entry in entries.flatten() {
        match entry.file_type()?.is_dir() {
            true => link_tree(&entry.path(), &to)?,
            false => link(&entry.path(), &to)?,
        }
    }
    Ok(())
}

/// One report at a time, and the process that makes it, so that it ends with the server.
#[derive(Default)]
pub(super) struct Turn {
    one: Mutex<()>,
    child: Mutex<(bool, Option<Child>)>,
}

impl Turn {
    fn take<T>(&self, make: impl FnOnce(&Turn) -> T) -> T {
        let _held = locked(&self.one);
        make(self)
    }

    /// Waits for a process, which [`Turn::end`] may end.
    fn wait(&self, mut child: Child) -> io::Result<std::process::Output> {
        let errors = child.stderr.take();
        {
            let mut held = locked(&self.child);
            if held.0 {
                child.kill()?;
            }
            held.1 = Some(child);
        }
        // To its end, which comes when the process does.
        let mut said = Vec::new();
        if let Some(mut errors) = errors {
            io::Read::read_to_end(&mut errors, &mut said)?;
        }
        let child = locked(&self.child).1.take();
        let status = child.map(|mut child| child.wait()).transpose()?.unwrap_or_default();
        Ok(std::process::Output { status, stdout: Vec::new(), stderr: said })
    }

    /// Ends what is being made, now and from here on.
    pub(super) fn end(&self) {
        let mut held = locked(&self.child);
        held.0 = true;
        if let Some(child) = &mut held.1 {
            // One that has ended already needs no signal.
            _ = child.kill();
            _ = child.wait();
        }
    }
}
