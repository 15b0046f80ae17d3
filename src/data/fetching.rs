//! What fetching a data set and downloading one of its files have in common: where from and where to, how far it is, what
//! became of a file, and what can go wrong.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{DataError, Places, sources};

/// A data set could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// There is nothing of that name to fetch.
    #[error("there is no data set named {name:?} to fetch. Choose from {}", known())]
    Unknown {
        /// The name.
        name: String,
    },
    /// The address given instead of the mirrors is none.
    #[error("{mirror:?} is no address of a mirror: PHASESWEEP_MIRROR must begin with https:// or http://")]
    Mirror {
        /// The address.
        mirror: String,
    },
    /// Another process is downloading the same file.
    #[error("{}: another process is fetching this file. Wait for it to end, then run the command again", path.display())]
    Busy {
        /// The partial file.
        path: PathBuf,
    },
    /// The file system refuses.
    #[error("{}: cannot {doing}: {source}. What was downloaded is kept; free space or choose another directory, then run the command again", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// The refusal.
        source: std::io::Error,
    },
    /// No mirror gave the file.
    #[error("{file} of {name} could not be fetched:\n{}\nTry again later (what was downloaded is kept), or put the file into {} by hand", reasons.iter().map(|r| format!("  - {r}")).collect::<Vec<_>>().join("\n"), dir.display())]
    NoMirror {
        /// Name of the data set.
        name: String,
        /// Name of the file.
        file: String,
        /// What happened at each mirror.
        reasons: Vec<String>,
        /// Where the file belongs.
        dir: PathBuf,
    },
    /// An archive that was verified does not hold what it should.
    #[error("{}: {what}. Move it out of its directory and run the command again", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A file that is already there cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
}

fn known() -> String {
    sources::published().iter().map(|set| set.name).collect::<Vec<_>>().join(", ")
}

/// Where from and where to.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data set's own directory.
    pub dir: PathBuf,
    /// A mirror instead of the published ones: the files of every set lie at `<mirror>/<set>/<file>`, as they do in
    /// `PHASESWEEP_DATA`. Plain HTTP is allowed here, since every file is verified.
    pub mirror: Option<String>,
    /// How often a mirror is asked again after the connection broke.
    pub attempts: u32,
    /// Pause before asking again; doubled each time.
    pub pause: Duration,
}

impl Options {
    /// By the environment: into the place where sweeps look last ([`Places::home`]), from `PHASESWEEP_MIRROR` if set.
    ///
    /// # Errors
    /// There is no such place.
    pub fn from_env(name: &str) -> Result<Options, DataError> {
        let mirror = std::env::var("PHASESWEEP_MIRROR").ok().filter(|mirror| !mirror.is_empty());
        Ok(Options { dir: Places::from_env().fetched(name)?, mirror, attempts: 4, pause: Duration::from_secs(1) })
    }
}

/// How far a download is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The file.
    pub file: &'a str,
    /// Bytes there, those of an earlier attempt included.
    pub received: u64,
    /// Bytes in all.
    pub total: u64,
}

/// What became of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was there, and it is the published one.
    Present,
    /// It was there, and no sum was published that it could be compared with.
    Unverified,
    /// It was downloaded.
    Downloaded,
    /// The rest of it was downloaded.
    Resumed,
}

/// A refusal of the file system.
pub(super) fn io(path: &Path, doing: &'static str, source: std::io::Error) -> FetchError {
    FetchError::Io { path: path.to_owned(), doing, source }
}
