//! One file over HTTPS: asked of one mirror after the other, continued where the connection broke, verified at the end.
//!
//! Invariants: the partial file holds a prefix of what some mirror sent, and is locked while written; what
//! [`Job::run`] hands out is complete and has the published sum.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::time::Duration;

use ureq::Agent;

use super::catalogue;
use super::checksum::sha256;
use super::fetching::{FetchError, Options, Outcome, Progress, io};

/// What asks; plain HTTP only where a mirror was named.
pub(super) fn agent(https_only: bool) -> Agent {
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

/// A download.
pub(super) struct Job<'a> {
    /// Name of the data set.
    pub(super) set: &'a str,
    /// The file.
    pub(super) file: &'a catalogue::File,
    /// Addresses of directories, each ending with `/`.
    pub(super) mirrors: &'a [String],
    /// What asks.
    pub(super) agent: &'a Agent,
    /// Where to, and how often.
    pub(super) options: &'a Options,
}

/// A partial file, locked while this lives.
#[derive(Debug)]
pub(super) struct Partial {
    /// Where it lies.
    pub(super) path: PathBuf,
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
    ///
    /// # Errors
    /// No mirror has it, another process is at it, or the file system refuses.
    pub(super) fn run(&self, progress: &mut dyn FnMut(Progress)) -> Result<(Partial, Outcome), FetchError> {
        let mut partial = self.open()?;
        let mut reasons: Vec<String> = Vec::new();
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
