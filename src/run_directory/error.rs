//! What can be wrong with a run directory, or with what is to be done in it.

use std::path::PathBuf;

use crate::data::DataError;
use crate::store::StoreError;
use crate::sweep::Diagnostics;

/// Why a run directory could not be read or used. A sentence for a person, without a prefix.
#[derive(Debug, thiserror::Error)]
pub enum RunDirectoryError {
    /// There is no run in the directory.
    #[error(
        "{} is not a run directory: it holds no sweep.toml. Name the directory that `phasesweep run` wrote to, which is \
         runs/<sweep name> unless --out said otherwise",
        path.display()
    )]
    NoRun {
        /// What was named.
        path: PathBuf,
    },
    /// A file that a run directory or a sweep consists of cannot be read.
    #[error("{what} {} cannot be read: {source}{advice}", path.display())]
    Unreadable {
        /// What the file is, with its article.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
        /// What to do, beginning with a full stop and a space, or nothing.
        advice: &'static str,
    },
    /// `run.json` is not what this version reads.
    #[error("{}: {reason}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// The sweep is not valid.
    #[error("{0}")]
    Sweep(#[from] Diagnostics),
    /// A data set is not there or not right.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The disk, or what lies on it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The directory belongs to another sweep.
    #[error(
        "{} holds the run of another sweep: {kept}. This is {asked}. Run it into a directory of its own (--out DIR), or say \
         `run --accept-changes` to go on here: parts stay where they are, and results.h5 becomes that of the new sweep",
        path.display()
    )]
    AnotherSweep {
        /// The run directory.
        path: PathBuf,
        /// The sweep that it belongs to: name and file.
        kept: String,
        /// The sweep that is to be run: name and file.
        asked: String,
    },
    /// The samples are not those that the directory's cells were trained on.
    #[error(
        "the data changed since {} was run: the samples of {name} had the digest {kept}, and those in {place} have {found}. \
         All of its cells would get other ids. Restore the files, run the sweep into a directory of its own from the \
         original sweep file, or say --accept-changes to train on the data as they are now",
        path.display()
    )]
    DataChanged {
        /// The run directory.
        path: PathBuf,
        /// The source's name.
        name: String,
        /// Where the samples are now.
        place: String,
        /// First digits of the digest that was kept.
        kept: String,
        /// First digits of the digest now.
        found: String,
    },
    /// A results file with fewer measured cells would have replaced one with more.
    #[error(
        "{} was left as it is: it holds {kept} measured cells, and the run directory has {now} measured cells of the sweep \
         that it keeps. If that is what you want, `phasesweep collect {} --allow-fewer` replaces it",
        path.display(),
        directory.display()
    )]
    Fewer {
        /// The results file.
        path: PathBuf,
        /// The run directory.
        directory: PathBuf,
        /// Measured cells of the file that is there.
        kept: u64,
        /// Measured cells of the one that was to replace it.
        now: u64,
    },
    /// What lies under the name of the results file cannot be told to be one.
    #[error(
        "{} was left as it is, because it cannot be told how many measured cells it holds: {reason}. Move it away, or \
         `phasesweep collect {} --allow-fewer` replaces it",
        path.display(),
        directory.display()
    )]
    UnknownResults {
        /// The file.
        path: PathBuf,
        /// The run directory.
        directory: PathBuf,
        /// Why it cannot be told.
        reason: String,
    },
    /// No cell, or more than one, has an id that begins so.
    #[error("{0}")]
    Cell(String),
}
