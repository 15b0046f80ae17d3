//! The one way in which files that must survive come to disk.
//!
//! The content goes to a temporary file in the same directory, is flushed and synced, the file is renamed to its name,
//! and the directory is synced. Invariants: under its own name a file is always whole, the old content or the new, at
//! any kill and any power failure; a failed write leaves the old content and no temporary file behind (a kill may
//! leave one: [`remove_partials`]).

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::StoreError;

/// How names of temporary files end.
pub const PARTIAL: &str = ".partial";

/// Writes `bytes` to `path`, durably.
///
/// # Errors
/// [`StoreError::Io`] with the stage that failed; the old file, if any, is then untouched.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    write_with(path, |file| file.write_all(bytes))
}

/// Writes what `fill` puts into the file to `path`, durably. On a shared file system that is six operations on metadata:
/// create, sync, rename, and open, sync and close of the directory.
///
/// # Errors
/// As [`write()`].
pub fn write_with(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), StoreError> {
    put(path, |mut file, _| {
        fill(&mut file).and_then(|()| file.flush()).map_err(StoreError::io("write", path))?;
        Ok(((), file))
    })
}

/// Lets `fill` write a file at the path it is given (an empty file is there), and puts it at `path`, durably.
/// For writers that open files themselves, as HDF5 does; `fill` must have closed the file when it returns.
///
/// # Errors
/// What `fill` returns, or [`StoreError::Io`] with the stage that failed; the old file, if any, is then untouched.
pub fn replace<T>(path: &Path, fill: impl FnOnce(&Path) -> Result<T, StoreError>) -> Result<T, StoreError> {
    put(path, |file, temporary| {
        drop(file);
        let value = fill(temporary)?;
        let file = OpenOptions::new().write(true).open(temporary).map_err(StoreError::io("sync", path))?;
        Ok((value, file))
    })
}

/// Lets `fill` write a new file, which it is given with its path and gives back open, and puts it at `path`, durably.
fn put<T>(path: &Path, fill: impl FnOnce(File, &Path) -> Result<(T, File), StoreError>) -> Result<T, StoreError> {
    let temporary = partial_path(path);
    let file = OpenOptions::new().write(true).create_new(true).open(&temporary);
    let file = file.map_err(StoreError::io("create", path))?;
    let finish = || {
        let (value, file) = fill(file, &temporary)?;
        file.sync_all().map_err(StoreError::io("sync", path))?;
        drop(file);
        fs::rename(&temporary, path).map_err(StoreError::io("rename", path))?;
        Ok(value)
    };
    let value = finish().inspect_err(|_| {
        // Best effort: the failure being reported matters more than the leavings.
        let _ = fs::remove_file(&temporary);
    })?;
    sync_parent(path)?;
    Ok(value)
}

/// Gives a file another name in its directory, durably; what had the name is replaced.
///
/// # Errors
/// [`StoreError::Io`]; both files are then as they were.
pub fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(StoreError::io("rename", from))?;
    sync_parent(to)
}

/// Removes a file, durably; that there is none is no error.
///
/// # Errors
/// [`StoreError::Io`].
pub fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StoreError::io("remove", path)(error)),
        Ok(()) => sync_parent(path),
    }
}

/// Creates a directory with its parents; when this returns they are on disk.
///
/// # Errors
/// [`StoreError::Io`].
pub fn create_directory(path: &Path) -> Result<(), StoreError> {
    let missing: Vec<&Path> = path.ancestors().take_while(|ancestor| !ancestor.exists()).collect();
    fs::create_dir_all(path).map_err(StoreError::io("create the directory", path))?;
    missing.into_iter().try_for_each(sync_parent)
}

/// Removes temporary files that killed writers left in `directory`. Only for who alone writes there.
///
/// # Errors
/// [`StoreError::Io`].
pub fn remove_partials(directory: &Path) -> Result<usize, StoreError> {
    let mut removed = 0;
    for entry in fs::read_dir(directory).map_err(StoreError::io("list", directory))? {
        let entry = entry.map_err(StoreError::io("list", directory))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') && name.ends_with(PARTIAL) {
            fs::remove_file(entry.path()).map_err(StoreError::io("remove", &entry.path()))?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Makes the entries of the directory that holds `path` durable.
pub(crate) fn sync_parent(path: &Path) -> Result<(), StoreError> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let synced = File::open(directory).and_then(|handle| handle.sync_all());
    match synced {
        // Some network and FUSE file systems know no sync of directories and say so with EINVAL or ENOTSUP; their
        // renames reach the server at once, and nothing better can be done.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        other => other.map_err(StoreError::io("sync the directory", directory)),
    }
}

/// A name beside `path` that no other process or thread uses: hidden, so that no scan takes it for a file of its own.
fn partial_path(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    // Ranks on different hosts may share a pid: the nonce tells them apart.
    name.push(format!(".{:08x}-{}-{count}{PARTIAL}", crate::host::place::nonce() as u32, std::process::id()));
    path.with_file_name(name)
}
