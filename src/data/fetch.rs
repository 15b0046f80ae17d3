//! Published data sets over HTTPS.
//!
//! Invariant: a file under its final name is whole, verified and on the disk. What is under way is called
//! `….partial`; it is locked while written, kept when the connection breaks, and continued from where it ended.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::Agent;

use super::catalogue::{self, Format, PUBLISHED, Published};
use super::checksum::{Verdict, sha256, verify};
use super::{DataError, Places, tar};

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
    #[error("{}: {what}. Remove it and run the command again", path.display())]
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
    PUBLISHED.map(|set| set.name).join(", ")
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

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The data set's directory.
    pub dir: PathBuf,
    /// Every file, with what became of it.
    pub files: Vec<(String, Outcome)>,
    /// Files that were there under these names but were not the published ones: renamed, not removed.
    pub set_aside: Vec<PathBuf>,
}

/// Downloads what is missing of a published data set, and verifies everything.
///
/// # Errors
/// No mirror has it, what they have is not what was published, or the file system refuses.
pub fn fetch(name: &str, options: &Options, progress: &mut dyn FnMut(Progress)) -> Result<Fetched, FetchError> {
    let set = catalogue::published(name).ok_or_else(|| FetchError::Unknown { name: name.to_owned() })?;
    fetch_set(set, options, progress)
}

fn fetch_set(set: &Published, options: &Options, progress: &mut dyn FnMut(Progress)) -> Result<Fetched, FetchError> {
    let mirrors = mirrors(set, options.mirror.as_deref())?;
    let agent = agent(options.mirror.is_none());
    fs::create_dir_all(&options.dir).map_err(|source| io(&options.dir, "create this directory", source))?;
    let mut fetched = Fetched { dir: options.dir.clone(), files: Vec::new(), set_aside: Vec::new() };
    let mut missing = Vec::new();
    for file in set.files {
        match present(set.format, &options.dir, file, &mut fetched.set_aside)? {
            Some(outcome) => fetched.files.push((file.name.to_owned(), outcome)),
            None => missing.push(file.name),
        }
    }
    for download in set.downloads {
        let wanted = match set.format {
            Format::Idx => missing.contains(&download.name),
            Format::Cifar => !missing.is_empty(),
        };
        if !wanted {
            continue;
        }
        let job = Job { set: set.name, file: download, mirrors: &mirrors, agent: &agent, options };
        let (partial, outcome) = job.run(progress)?;
        match set.format {
            Format::Idx => {
                publish(&partial.path, &options.dir.join(download.name))?;
                fetched.files.push((download.name.to_owned(), outcome));
            }
            Format::Cifar => {
                unpack(set, &partial.path, &options.dir, &missing)?;
                fs::remove_file(&partial.path).map_err(|source| io(&partial.path, "remove the archive", source))?;
                fetched.files.extend(missing.iter().map(|&name| (name.to_owned(), outcome)));
            }
        }
    }
    Ok(fetched)
}

/// Addresses of the directories to ask, in order.
fn mirrors(set: &Published, mirror: Option<&str>) -> Result<Vec<String>, FetchError> {
    match mirror {
        None => Ok(set.mirrors.iter().map(|&mirror| mirror.to_owned()).collect()),
        Some(mirror) if mirror.starts_with("https://") || mirror.starts_with("http://") => {
            Ok(vec![format!("{}/{}/", mirror.trim_end_matches('/'), set.name)])
        }
        Some(mirror) => Err(FetchError::Mirror { mirror: mirror.to_owned() }),
    }
}

fn agent(https_only: bool) -> Agent {
    Agent::config_builder()
        .https_only(https_only)
        .http_status_as_error(false)
        .user_agent(concat!("phasesweep/", env!("CARGO_PKG_VERSION")))
        // The files are compressed themselves; a second layer would spoil lengths, ranges and sums.
        .accept_encoding("identity")
        .timeout_connect(Some(Duration::from_secs(20)))
        .timeout_recv_response(Some(Duration::from_secs(60)))
        .timeout_per_read(Some(Duration::from_secs(60)))
        .build()
        .into()
}

/// Whether a file is there under any of its names; what is there but wrong is set aside, since it would be read first.
fn present(
    format: Format,
    dir: &Path,
    file: &catalogue::File,
    set_aside: &mut Vec<PathBuf>,
) -> Result<Option<Outcome>, FetchError> {
    let mut names = match format {
        Format::Idx => super::idx::spellings_of(file.name.trim_end_matches(".gz")),
        Format::Cifar => Vec::new(),
    };
    if !names.iter().any(|name| name == file.name) {
        names.push(file.name.to_owned());
    }
    let mut outcome = None;
    for path in names.iter().map(|name| dir.join(name)).filter(|path| path.is_file()) {
        match verify(&path, file) {
            Ok(Verdict::Published) => return Ok(Some(Outcome::Present)),
            Ok(Verdict::NoSum) => outcome = outcome.or(Some(Outcome::Unverified)),
            Err(DataError::Io { path, source }) if source.kind() == std::io::ErrorKind::PermissionDenied => {
                return Err(io(&path, "read this file", source));
            }
            // Altered, or so damaged that it cannot be unpacked.
            Ok(Verdict::Altered(_)) | Err(DataError::Io { .. }) => {
                let mut aside = path.clone().into_os_string();
                aside.push(".damaged");
                fs::rename(&path, &aside).map_err(|source| io(&path, "set this file aside", source))?;
                set_aside.push(aside.into());
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(outcome)
}

/// A download.
struct Job<'a> {
    set: &'a str,
    file: &'a catalogue::File,
    mirrors: &'a [String],
    agent: &'a Agent,
    options: &'a Options,
}

/// A partial file, locked while this lives.
struct Partial {
    path: PathBuf,
    handle: File,
}

/// Why one request did not bring the whole file.
enum Trouble {
    /// Worth asking the same mirror again.
    Passing(String),
    /// Not worth it.
    Lasting(String),
    /// The disk, not the mirror.
    Disk(FetchError),
}

impl Job<'_> {
    /// Downloads and verifies; the partial file is then complete.
    fn run(&self, progress: &mut dyn FnMut(Progress)) -> Result<(Partial, Outcome), FetchError> {
        let mut partial = self.open()?;
        let mut reasons = Vec::new();
        let mut outcome = if partial.len()? > 0 { Outcome::Resumed } else { Outcome::Downloaded };
        for mirror in self.mirrors {
            let url = format!("{mirror}{}", self.file.name);
            let mut pause = self.options.pause;
            let (mut asked, mut best) = (0, partial.len()?);
            while asked < self.options.attempts.max(1) {
                asked += 1;
                let before = partial.len()?;
                let reason = match self.ask(&url, &mut partial, progress) {
                    Ok(()) => match self.verified(&partial)? {
                        Ok(()) => return Ok((partial, outcome)),
                        Err(reason) => {
                            // Nothing of it can be trusted. If some was from before, the mirror gets another chance.
                            partial.clear()?;
                            outcome = Outcome::Downloaded;
                            reasons.push(format!("{url}: {reason}"));
                            if before > 0 {
                                continue;
                            }
                            break;
                        }
                    },
                    Err(Trouble::Disk(error)) => return Err(error),
                    Err(Trouble::Lasting(reason)) => {
                        reasons.push(format!("{url}: {reason}"));
                        break;
                    }
                    Err(Trouble::Passing(reason)) => reason,
                };
                reasons.push(format!("{url}: {reason}"));
                // As long as it gets further, the mirror is not given up.
                let reached = partial.len()?;
                if reached > best {
                    (asked, best, pause) = (0, reached, self.options.pause);
                }
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_secs(30));
            }
        }
        reasons.dedup();
        Err(FetchError::NoMirror {
            name: self.set.to_owned(),
            file: self.file.name.to_owned(),
            reasons,
            dir: self.options.dir.clone(),
        })
    }

    fn open(&self) -> Result<Partial, FetchError> {
        let path = self.options.dir.join(format!("{}.partial", self.file.name));
        let handle = (File::options().read(true).write(true).create(true).truncate(false).open(&path))
            .map_err(|source| io(&path, "write this file", source))?;
        match handle.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(FetchError::Busy { path }),
            // Some network file systems have no locks; the sums guard the content there.
            Err(fs::TryLockError::Error(error)) => tracing::debug!("{}: not locked: {error}", path.display()),
        }
        let mut partial = Partial { path, handle };
        if partial.len()? > self.file.bytes {
            partial.clear()?;
        }
        Ok(partial)
    }

    /// One request for what is missing; appends what comes.
    fn ask(&self, url: &str, partial: &mut Partial, progress: &mut dyn FnMut(Progress)) -> Result<(), Trouble> {
        let total = self.file.bytes;
        let mut received = partial.len().map_err(Trouble::Disk)?;
        if received == total {
            return Ok(());
        }
        let mut request = self.agent.get(url);
        if received > 0 {
            request = request.header("Range", format!("bytes={received}-"));
        }
        let response = request.call().map_err(|error| match error {
            ureq::Error::BadUri(_) | ureq::Error::RequireHttpsOnly(_) => Trouble::Lasting(error.to_string()),
            error => Trouble::Passing(error.to_string()),
        })?;
        let status = response.status();
        match status.as_u16() {
            200 => {
                partial.clear().map_err(Trouble::Disk)?;
                received = 0;
            }
            206 => {
                let range = response.headers().get("content-range").and_then(|value| value.to_str().ok());
                let start =
                    range.and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.parse::<u64>().ok());
                if start != Some(received) {
                    partial.clear().map_err(Trouble::Disk)?;
                    return Err(Trouble::Passing(format!("another part came than was asked for ({range:?})")));
                }
            }
            416 => {
                partial.clear().map_err(Trouble::Disk)?;
                return Err(Trouble::Passing("the file there is shorter than what was downloaded before".to_owned()));
            }
            408 | 425 | 429 | 500..=599 => return Err(Trouble::Passing(format!("the server answers {status}"))),
            _ => return Err(Trouble::Lasting(format!("the server answers {status}"))),
        }
        let mut body = response.into_body().into_reader();
        let mut buffer = vec![0; 1 << 16];
        loop {
            progress(Progress { file: self.file.name, received, total });
            let count = match body.read(&mut buffer) {
                Ok(0) if received < total => {
                    return Err(Trouble::Passing(format!("the connection ended after {received} of {total} bytes")));
                }
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) => {
                    return Err(Trouble::Passing(format!(
                        "the connection broke after {received} of {total} bytes: {error}"
                    )));
                }
            };
            if received + count as u64 > total {
                partial.clear().map_err(Trouble::Disk)?;
                return Err(Trouble::Lasting(format!("more than the {total} bytes of the published file came")));
            }
            (partial.handle.write_all(&buffer[..count]))
                .map_err(|source| Trouble::Disk(io(&partial.path, "write this file", source)))?;
            received += count as u64;
        }
    }

    /// Whether a whole partial file is the published one; else what it is.
    fn verified(&self, partial: &Partial) -> Result<Result<(), String>, FetchError> {
        let found =
            sha256(&partial.path, File::open(&partial.path).map_err(|e| io(&partial.path, "read this file", e))?)?;
        Ok(match self.file.packed.or(self.file.plain) {
            Some(expected) if expected == found => Ok(()),
            Some(expected) => Err(format!("its sha256 is {found}, not {expected}")),
            None => Err("there is no sum to verify it by".to_owned()),
        })
    }
}

impl Partial {
    /// Bytes there; writing goes on after them.
    fn len(&mut self) -> Result<u64, FetchError> {
        self.handle.seek(SeekFrom::End(0)).map_err(|source| io(&self.path, "read this file", source))
    }

    /// Starts anew.
    fn clear(&mut self) -> Result<(), FetchError> {
        self.handle.set_len(0).map_err(|source| io(&self.path, "write this file", source))?;
        self.len().map(|_| ())
    }
}

/// Takes the missing files out of a verified archive, each verified again.
fn unpack(set: &Published, archive: &Path, dir: &Path, missing: &[&str]) -> Result<(), FetchError> {
    let wrong = |what: String| FetchError::Archive { path: archive.to_owned(), what };
    let open = File::open(archive).map_err(|source| io(archive, "read this file", source))?;
    let mut found = Vec::new();
    let mut failure = None;
    let walk = tar::each_file(flate2::read::GzDecoder::new(std::io::BufReader::new(open)), |name, _, content| {
        let Some(file) = set.files.iter().find(|file| file.name == name && missing.contains(&name)) else {
            return Ok(());
        };
        let partial = dir.join(format!("{name}.partial"));
        let written = (|| {
            let mut out = File::create(&partial).map_err(|source| io(&partial, "write this file", source))?;
            std::io::copy(content, &mut out).map_err(|source| io(&partial, "write this file", source))?;
            match verify(&partial, file)? {
                Verdict::Published => publish(&partial, &dir.join(name)),
                _ => Err(wrong(format!("its {name} is not the published one"))),
            }
        })();
        match written {
            Ok(()) => found.push(file.name),
            Err(error) => failure = Some(error),
        }
        if failure.is_some() { Err(std::io::ErrorKind::Other.into()) } else { Ok(()) }
    });
    if let Some(error) = failure {
        return Err(error);
    }
    walk.map_err(|error| wrong(format!("cannot be unpacked: {error}")))?;
    match missing.iter().find(|name| !found.contains(name)) {
        Some(name) => Err(wrong(format!("holds no {name}"))),
        None => Ok(()),
    }
}

/// Gives a verified file its final name, durably: its content is on the disk before the name is, and the name before
/// this returns.
fn publish(partial: &Path, path: &Path) -> Result<(), FetchError> {
    File::open(partial).and_then(|file| file.sync_all()).map_err(|source| io(partial, "flush this file", source))?;
    fs::rename(partial, path).map_err(|source| io(path, "give the file this name", source))?;
    let dir = path.parent().unwrap_or(Path::new("."));
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|source| io(dir, "flush this directory", source))
}

fn io(path: &Path, doing: &'static str, source: std::io::Error) -> FetchError {
    FetchError::Io { path: path.to_owned(), doing, source }
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
