//! The lease on a run directory: one run at a time, on local disks and on NFS.
//!
//! The lease file comes into being by `link`, which is atomic on NFS where `O_EXCL` and `flock` are not to be relied
//! on. Its holder rewrites it in place through the file it keeps open: a reader's `open` then sees the new content
//! (NFS's close-to-open consistency), and a holder that was taken over writes into the file that was moved away and so
//! clobbers nobody. Whether a lease is stale decides [`super::holder`]. A stale lease is renamed away before the new one
//! is linked; of two that try, one finds that it moved a fresh lease, puts it back, and gives up.
//!
//! Invariant: at no time do two live runs, both of which renew in time, hold the same directory.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::durable;
use super::error::StoreError;
use super::holder::{Holder, Process, Sight, Verdict, Watch};
use crate::host::place::{self, Place};

/// How often a lease is renewed and how long a still one is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Time between renewals.
    pub renew: Duration,
    /// A lease that is not renewed for so long is stale. Several renewals, and NFS's attribute cache, must fit in.
    pub patience: Duration,
}

impl Default for Timing {
    fn default() -> Timing {
        Timing { renew: Duration::from_secs(5), patience: Duration::from_secs(45) }
    }
}

/// The lease on a run directory, renewed by a thread of its own until it is dropped.
#[derive(Debug)]
pub struct Lease {
    path: PathBuf,
    nonce: u64,
    lost: Arc<Mutex<Option<String>>>,
    stop: Option<mpsc::Sender<()>>,
    renewer: Option<JoinHandle<()>>,
}

impl Lease {
    /// Takes the lease whose file is `path`. If somebody on another host holds it, this watches until the beat moves
    /// (refused) or has stood still for the patience (taken over, with a warning in the log).
    ///
    /// # Errors
    /// [`StoreError::Held`] naming the holder; [`StoreError::Io`].
    pub fn acquire(path: &Path, timing: Timing) -> Result<Lease, StoreError> {
        let begun = Instant::now();
        let mut watch = Watch::new(timing.patience);
        let mut told = false;
        loop {
            let sight = look(path)?;
            let seen = sight.clone();
            match watch.judge(begun.elapsed(), sight) {
                Verdict::Free => {
                    if let Some(lease) = Lease::create(path, timing)? {
                        return Ok(lease);
                    }
                }
                Verdict::Held(holder) => return Err(held(path, holder)),
                Verdict::Stale(holder) => {
                    tracing::warn!("{holder} held {} and is gone: taking over", path.display());
                    move_away(path, &seen)?;
                    watch = Watch::new(timing.patience);
                }
                Verdict::Wait => {
                    if !told {
                        tracing::info!("{} exists: watching whether its holder lives", path.display());
                        told = true;
                    }
                    std::thread::sleep((timing.renew / 4).min(Duration::from_millis(500)));
                }
            }
        }
    }

    /// Fails once the lease was lost: to be asked before work is handed out or written.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`].
    pub fn check(&self) -> Result<(), StoreError> {
        match &*self.lost.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(holder) => Err(StoreError::LeaseLost { path: directory(&self.path), holder: holder.clone() }),
            None => Ok(()),
        }
    }

    /// Puts a lease file there, unless one is: `None` then.
    fn create(path: &Path, timing: Timing) -> Result<Option<Lease>, StoreError> {
        let mut holder = Holder {
            place: Place::here(),
            pid: std::process::id(),
            pid_started: place::started(std::process::id()),
            nonce: place::nonce(),
            beat: 0,
            since: jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            job: std::env::var("SLURM_JOB_ID").ok(),
        };
        let temporary = path.with_file_name(format!(".lease-{:016x}{}", holder.nonce, durable::PARTIAL));
        let mut file =
            OpenOptions::new().write(true).create_new(true).open(&temporary).map_err(StoreError::io("create", path))?;
        let linked = write(&mut file, &holder).and_then(|()| link(&temporary, path));
        // The name is no longer needed, whether it was linked or not.
        let _ = fs::remove_file(&temporary);
        match linked {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            // A file system without hard links: then exclusive creation must do.
            Err(error) if matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied) => {
                file = match OpenOptions::new().write(true).create_new(true).open(path) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
                    other => other.map_err(StoreError::io("create", path))?,
                };
                write(&mut file, &holder).map_err(StoreError::io("write", path))?;
            }
            Err(error) => return Err(StoreError::io("create", path)(error)),
        }
        durable::sync_parent(path)?;
        let lost = Arc::new(Mutex::new(None));
        let (stop, stopped) = mpsc::channel();
        let nonce = holder.nonce;
        let renewer = std::thread::Builder::new().name("lease".to_owned()).spawn({
            let (path, lost) = (path.to_owned(), Arc::clone(&lost));
            move || {
                while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(timing.renew) {
                    holder.beat += 1;
                    if let Some(other) = renew(&path, &mut file, &holder) {
                        tracing::error!("lost the lease {} to {other}", path.display());
                        *lost.lock().unwrap_or_else(PoisonError::into_inner) = Some(other);
                        return;
                    }
                }
            }
        });
        let renewer = renewer.map_err(StoreError::io("start the thread that renews", path))?;
        Ok(Some(Lease { path: path.to_owned(), nonce, lost, stop: Some(stop), renewer: Some(renewer) }))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(renewer) = self.renewer.take() {
            // The thread does not panic; were it to, the lease is to be given up all the same.
            let _ = renewer.join();
        }
        match look(&self.path) {
            Ok(Sight::Held(holder, _)) if holder.nonce == self.nonce => {
                if let Err(error) = fs::remove_file(&self.path) {
                    tracing::warn!("could not remove {}: {error}; the next run will", self.path.display());
                }
            }
            _ => {}
        }
    }
}

/// Who holds the lease at the moment, if a look can tell.
///
/// # Errors
/// [`StoreError::Io`].
pub fn holder(path: &Path) -> Result<Option<(Holder, Process)>, StoreError> {
    Ok(match look(path)? {
        Sight::Held(holder, process) => Some((holder, process)),
        Sight::Absent | Sight::Unreadable(_) => None,
    })
}

fn directory(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_owned()
}

fn held(path: &Path, holder: String) -> StoreError {
    StoreError::Held { path: directory(path), holder }
}

fn look(path: &Path) -> Result<Sight, StoreError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Sight::Absent),
        Err(error) if error.kind() == io::ErrorKind::StaleNetworkFileHandle => return Ok(Sight::Absent),
        Err(error) => return Err(StoreError::io("read", path)(error)),
    };
    let Ok(holder) = serde_json::from_slice::<Holder>(&bytes) else { return Ok(Sight::Unreadable(bytes)) };
    let process = if !Place::here().shares_pids_with(&holder.place) {
        Process::Elsewhere
    } else if holder.pid_started.is_some() && place::started(holder.pid) == holder.pid_started {
        Process::Alive
    } else {
        Process::Gone
    };
    Ok(Sight::Held(holder, process))
}

/// Rewrites the lease in place. All beats are written with the same length: never is a longer text's tail left behind.
fn write(file: &mut File, holder: &Holder) -> io::Result<()> {
    const LENGTH: usize = 1024;
    let mut text = serde_json::to_vec(holder)?;
    text.resize(text.len().next_multiple_of(LENGTH) - 1, b' ');
    text.push(b'\n');
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&text)?;
    file.sync_all()
}

/// Hard link as an atomic test-and-set: whether `path` is now `temporary`.
fn link(temporary: &Path, path: &Path) -> io::Result<bool> {
    match fs::hard_link(temporary, path) {
        Ok(()) => Ok(true),
        // NFS may lose the answer to a link that was made: two names of the file tell (open(2), O_EXCL).
        Err(error) => match links(temporary) {
            Ok(2) => Ok(true),
            _ if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            // Who got the lease meanwhile has tidied up.
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => Ok(false),
            _ => Err(error),
        },
    }
}

#[cfg(unix)]
fn links(path: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(fs::metadata(path)?.nlink())
}

#[cfg(not(unix))]
fn links(_: &Path) -> io::Result<u64> {
    Ok(1)
}

/// Writes the next beat; returns who has the lease instead, if another has.
fn renew(path: &Path, file: &mut File, holder: &Holder) -> Option<String> {
    if let Err(error) = write(file, holder) {
        // A full disk or a server that is away: the run goes on, and others see the beat stand still until it moves.
        tracing::warn!("could not renew {}: {error}", path.display());
    }
    for last in [false, true] {
        match look(path) {
            Ok(Sight::Held(other, _)) if other.nonce == holder.nonce => return None,
            Ok(Sight::Held(other, _)) if last => return Some(other.to_string()),
            Ok(Sight::Absent) if last => return Some("somebody who removed the lease".to_owned()),
            // What cannot be read now says nothing; the next renewal asks again.
            Ok(Sight::Unreadable(_)) | Err(_) => return None,
            // Another run that took ours for stale puts it back when it sees its mistake: look once more.
            Ok(_) => std::thread::sleep(Duration::from_millis(200)),
        }
    }
    None
}

/// Moves a stale lease out of the way, unless it turns out that it has changed since it was seen.
fn move_away(path: &Path, seen: &Sight) -> Result<(), StoreError> {
    // Not named as a partial file: whoever gets the lease next removes those.
    let aside = path.with_file_name(format!(".stale-lease-{:016x}", place::nonce()));
    match fs::rename(path, &aside) {
        Ok(()) => {}
        // Another took it over first: the next look shows who.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::io("rename", path)(error)),
    }
    let moved = look(&aside)?;
    let removed = if moved == *seen {
        fs::remove_file(&aside)
    } else {
        match fs::hard_link(&aside, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(StoreError::io("put back", path)(error));
            }
            _ => fs::remove_file(&aside),
        }
    };
    removed.map_err(StoreError::io("remove", &aside))
}
