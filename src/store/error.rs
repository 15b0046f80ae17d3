//! What can go wrong on disk, told with the place and with what to do next.
//!
//! Invariant: every error names the path, and one that a person can mend says how.

use std::io;
use std::path::{Path, PathBuf};

use phasesweep_results::FormatError;

/// A failure of the store. A failed durable write is a reason to stop: what was finished before it stays valid.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("could not {doing} {}: {source}{}", path.display(), advice(source.kind()))]
    Io {
        /// What was tried: "create", "write", "sync", "rename", "read" …
        doing: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The HDF5 library refused.
    #[error("HDF5 could not {doing} {}: {reason}{}", path.display(), advice_in(reason))]
    Hdf5 {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// The library's error stack in one line.
        reason: String,
    },
    /// The file is not one that this program reads.
    #[error("{}: {source}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// In which way.
        source: FormatError,
    },
    /// The file is one of ours but not whole.
    #[error("{} is torn ({reason}): move it away and run again, its cells are then trained anew", path.display())]
    Torn {
        /// The file.
        path: PathBuf,
        /// How it is known.
        reason: String,
    },
    /// The file is whole, yet contradicts itself: a bug of the program that wrote it.
    #[error("{} contradicts itself: {reason}; please report this as a bug", path.display())]
    Contradiction {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// Another run works in the directory.
    #[error(
        "{} is in use by {holder}: wait for it, stop it, or choose another directory with --out", path.display()
    )]
    Held {
        /// The run directory.
        path: PathBuf,
        /// Who holds it.
        holder: String,
    },
    /// The run directory was taken over by another run while this one did not renew its lease.
    #[error(
        "{} was taken over by {holder}, because this run did not renew its lease in time: this run stops; \
         what it finished stays valid", path.display()
    )]
    LeaseLost {
        /// The run directory.
        path: PathBuf,
        /// Who holds it now.
        holder: String,
    },
}

impl StoreError {
    /// An [`StoreError::Io`], for `map_err`.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
        move |source| StoreError::Io { doing, path: path.to_owned(), source }
    }

    /// An [`StoreError::Hdf5`], for `map_err`.
    pub(crate) fn hdf5(doing: &'static str, path: &Path) -> impl FnOnce(hdf5::Error) -> StoreError {
        move |source| StoreError::Hdf5 { doing, path: path.to_owned(), reason: source.to_string() }
    }

    /// A [`StoreError::Format`], for `map_err`.
    pub(crate) fn format(path: &Path) -> impl FnOnce(FormatError) -> StoreError {
        move |source| StoreError::Format { path: path.to_owned(), source }
    }

    /// A [`StoreError::Torn`].
    pub(crate) fn torn(path: &Path, reason: impl Into<String>) -> StoreError {
        StoreError::Torn { path: path.to_owned(), reason: reason.into() }
    }

    /// A [`StoreError::Contradiction`].
    pub(crate) fn contradiction(path: &Path, reason: impl Into<String>) -> StoreError {
        StoreError::Contradiction { path: path.to_owned(), reason: reason.into() }
    }

    /// Whether the disk (or the quota) is full.
    pub fn is_disk_full(&self) -> bool {
        match self {
            StoreError::Io { source, .. } => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            StoreError::Hdf5 { reason, .. } => FULL.iter().any(|text| reason.contains(text)),
            _ => false,
        }
    }
}

/// How ENOSPC and EDQUOT read inside an HDF5 error stack.
const FULL: [&str; 2] = ["No space left on device", "Disk quota exceeded"];

/// What a person can do about an operating-system error; begins with a semicolon, or is empty.
fn advice(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free some space (or choose another place with --out) and run again: what was finished is kept"
        }
        io::ErrorKind::ReadOnlyFilesystem => "; the file system is read-only: choose another place with --out",
        io::ErrorKind::PermissionDenied => {
            "; you may not write or read there: mend its permissions (ls -ld shows them) or choose another place \
             with --out"
        }
        io::ErrorKind::StaleNetworkFileHandle => "; the network file system lost the file: run again",
        _ => "",
    }
}

/// [`advice`] for a system error buried in an HDF5 error stack.
fn advice_in(reason: &str) -> &'static str {
    if FULL.iter().any(|text| reason.contains(text)) {
        advice(io::ErrorKind::StorageFull)
    } else if reason.contains("Read-only file system") {
        advice(io::ErrorKind::ReadOnlyFilesystem)
    } else if reason.contains("Permission denied") {
        advice(io::ErrorKind::PermissionDenied)
    } else if reason.contains("unable to lock file") {
        // EAGAIN, as flock(2) answers for a lock that is held.
        if reason.contains("Resource temporarily unavailable") {
            "; another program has the file open and locked: close it there, or set HDF5_USE_FILE_LOCKING=FALSE"
        } else {
            "; the file system has no file locks: set HDF5_USE_FILE_LOCKING=FALSE and run again"
        }
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What HDF5 1.10.8 says, for a lock that is held and on a file system without locks.
    #[test]
    fn locks_are_told_from_torn_files() {
        let said = |errno: u32, message: &str| {
            let reason = format!("unable to lock file, errno = {errno}, error message = '{message}'");
            StoreError::Hdf5 { doing: "open", path: "/r/results.h5".into(), reason }.to_string()
        };
        let held = said(11, "Resource temporarily unavailable");
        assert!(held.contains("another program has the file open and locked"), "{held}");
        for none in
            [said(38, "Function not implemented"), said(37, "No locks available"), said(524, "Unknown error 524")]
        {
            assert!(none.contains("the file system has no file locks") && none.contains("=FALSE"), "{none}");
        }
        assert!(!held.contains("torn"));
    }
}
