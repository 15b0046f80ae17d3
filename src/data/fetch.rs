//! Published data sets over HTTPS.
//!
//! Invariant: a file under its final name is whole, verified and on the disk. What is under way is called
//! `….partial`; it is locked while written, kept when the connection breaks, and continued from where it ended.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::catalogue::{self, Format, Published};
use super::checksum::{Verdict, verify};
use super::download::{Job, agent};
use super::fetching::{FetchError, Options, Outcome, Progress, io};
use super::{DataError, sources, tar};

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
    let set = sources::published_as(name).ok_or_else(|| FetchError::Unknown { name: name.to_owned() })?;
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

/// Whether a file is there under any of its names; what is there but wrong is set aside, since it would be read first.
fn present(
    format: Format,
    dir: &Path,
    file: &catalogue::File,
    set_aside: &mut Vec<PathBuf>,
) -> Result<Option<Outcome>, FetchError> {
    let mut names = match format {
        Format::Idx => super::idx_files::spellings_of(file.name.trim_end_matches(".gz")),
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

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
