//! What can go wrong between a results file and a report, told to the person who asked for it.
//!
//! Every variant is the user's or the disk's doing; a bug panics. The binary turns all of them into exit code 2.

use std::path::PathBuf;

/// A report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path does not exist.
    #[error(
        "{} does not exist: give a run directory (it holds results.h5) or a results file; \
         `phasesweep collect DIR` makes one from the parts",
        .0.display()
    )]
    NotFound(PathBuf),

    /// A run directory without a results file.
    #[error("{} has no results.h5: run `phasesweep collect {}` first", .0.display(), .0.display())]
    NotCollected(PathBuf),

    /// HDF5 could not open the file.
    #[error("{} cannot be read as HDF5 ({source}): {}", .path.display(), advice(&.source.to_string()))]
    Open {
        /// The file.
        path: PathBuf,
        /// What HDF5 said.
        source: hdf5::Error,
    },

    /// The file is HDF5, but not ours.
    #[error("{} is not a phasesweep results file: {why}", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is missing or wrong.
        why: String,
    },

    /// Written by a newer phasesweep.
    #[error(
        "{} has format version {found}, this program reads {known}: it was written by a newer phasesweep; \
         report with that version (or newer)",
        .path.display()
    )]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The version this program reads.
        known: i64,
    },

    /// Written by an older phasesweep.
    #[error(
        "{} has format version {found}, this program reads {known}: it was written by an older phasesweep; \
         run `phasesweep collect` again with this version, from the parts",
        .path.display()
    )]
    TooOld {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The version this program reads.
        known: i64,
    },

    /// A variable could not be read.
    #[error("{}: variable `{variable}` cannot be read: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The variable.
        variable: String,
        /// What HDF5 said.
        source: hdf5::Error,
    },

    /// A variable's dimensions do not fit the others.
    #[error("{}: variable `{variable}` has shape {found:?}, expected {expected:?}: the file is inconsistent", .path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The variable.
        variable: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that the coordinates ask for.
        expected: Vec<usize>,
    },

    /// A column named by the user does not exist.
    #[error("no column `{name}` to group by; {} has: {}", .path.display(), .known.join(", "))]
    UnknownColumn {
        /// What was asked for.
        name: String,
        /// The file.
        path: PathBuf,
        /// What there is.
        known: Vec<String>,
    },

    /// A setting outside its range.
    #[error("{0}")]
    Setting(String),

    /// A file of the report could not be written.
    #[error("{} cannot be written: {source}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },

    /// A table could not be made or written.
    #[error("{what}: {source}")]
    Table {
        /// Which table.
        what: String,
        /// What polars said.
        source: polars::error::PolarsError,
    },

    /// The page could not be rendered.
    #[error("the page could not be rendered: {0}")]
    Page(#[from] minijinja::Error),

    /// What the page's explorer is given could not be packed.
    #[error("the page's data cannot be packed: {0}")]
    Embed(std::io::Error),
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What a person can do about a file that HDF5 does not open, by what HDF5 says.
fn advice(reason: &str) -> &'static str {
    if reason.contains("unable to lock file") {
        // EAGAIN, as flock(2) answers for a lock that is held.
        if reason.contains("Resource temporarily unavailable") {
            "another program has the file open and locked; close it there, or set HDF5_USE_FILE_LOCKING=FALSE"
        } else {
            "the file system has no file locks; set HDF5_USE_FILE_LOCKING=FALSE"
        }
    } else if reason.contains("Permission denied") {
        "you may not read it; `ls -l` shows its permissions"
    } else {
        "it may be torn or another kind of file; collect it again"
    }
}
