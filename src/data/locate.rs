//! Where a source's files lie: the directory named in the sweep, else the known places in order.

use std::path::{Path, PathBuf};

use super::DataError;
use super::catalogue::Published;

/// The places in which data sets are looked for. [`Places::from_env`] reads them once, at the edge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// `PHASESWEEP_DATA`: holds `mnist`, `fashion-mnist` …
    pub root: Option<PathBuf>,
    /// Where Debian's dataset-* packages install: `/usr/share/datasets`.
    pub system: Option<PathBuf>,
    /// Where `phasesweep data fetch` puts things: `$XDG_DATA_HOME/phasesweep/data`, by default below `~/.local/share`.
    pub home: Option<PathBuf>,
}

impl Places {
    /// The places by the environment: `PHASESWEEP_DATA`, `XDG_DATA_HOME`, `HOME`. Empty variables count as unset.
    pub fn from_env() -> Places {
        let var = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        // The XDG base directory specification: a relative path is to be ignored.
        let share = var("XDG_DATA_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| var("HOME").map(|home| home.join(".local/share")));
        Places {
            root: var("PHASESWEEP_DATA"),
            system: Some(PathBuf::from("/usr/share/datasets")),
            home: share.map(|share| share.join("phasesweep/data")),
        }
    }

    /// The directory that `data fetch` fills for that name.
    ///
    /// # Errors
    /// Neither `XDG_DATA_HOME` nor `HOME` is set.
    pub fn fetched(&self, name: &str) -> Result<PathBuf, DataError> {
        self.home.as_ref().map(|home| home.join(name)).ok_or_else(|| DataError::Request {
            name: name.to_owned(),
            what: "there is no place to put it: neither XDG_DATA_HOME nor HOME is set".to_owned(),
            advice: "Set one of them, or name a directory".to_owned(),
        })
    }

    /// The first directory that holds any of the `wanted` file names; `path`, where given, is the only one looked at.
    ///
    /// # Errors
    /// None does: lists every place with what was there.
    pub(super) fn find(
        &self,
        name: &str,
        path: Option<&Path>,
        wanted: &[String],
        published: Option<&Published>,
    ) -> Result<PathBuf, DataError> {
        let unset = |what: &str| format!("{what}: not set");
        let mut looked = Vec::new();
        let candidates: Vec<(Option<PathBuf>, &str)> = match path {
            Some(path) => vec![(Some(path.to_owned()), "path in [[data]]")],
            None => vec![
                (self.root.as_ref().map(|root| root.join(name)), "PHASESWEEP_DATA"),
                (self.system.as_ref().map(|system| system.join(name)), "Debian's dataset packages"),
                (self.home.as_ref().map(|home| home.join(name)), "phasesweep data fetch"),
            ],
        };
        for (directory, what) in candidates {
            let Some(directory) = directory else {
                looked.push(unset(what));
                continue;
            };
            // The archive of CIFAR-10 unpacks into a directory of its own; so it may have been left.
            for dir in [directory.clone(), directory.join("cifar-10-batches-bin")] {
                if wanted.iter().any(|file| dir.join(file).is_file()) {
                    return Ok(dir);
                }
            }
            let there = if directory.is_dir() {
                "no such files in this directory"
            } else if directory.exists() {
                "not a directory"
            } else {
                "does not exist"
            };
            looked.push(format!("{} ({what}): {there}", directory.display()));
        }
        Err(DataError::NotFound { name: name.to_owned(), looked, advice: advice(name, wanted, published) })
    }
}

/// What to do about a source that is nowhere.
pub(super) fn advice(name: &str, wanted: &[String], published: Option<&Published>) -> String {
    let first = wanted.first().map_or("", String::as_str);
    if let Some(set) = published {
        let package = set.package.map_or_else(String::new, |package| format!(", or install Debian's {package}"));
        format!(
            "Run 'phasesweep data fetch {name}'{package}, or name the directory that holds {first} … with path in [[data]] \
             or as PHASESWEEP_DATA=DIR (DIR/{name})"
        )
    } else {
        format!("Name the directory that holds {first} … with path in [[data]], or as PHASESWEEP_DATA=DIR (DIR/{name})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::sources;

    #[test]
    fn the_named_directory_wins_and_the_order_is_kept() {
        let tmp = tempfile::tempdir().unwrap();
        let wanted = vec!["a.bin".to_owned()];
        let place = |name: &str| {
            let dir = tmp.path().join(name).join("set");
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::write(dir.join("a.bin"), b"x").unwrap();
            tmp.path().join(name)
        };
        let mut places = Places { root: Some(place("r")), system: Some(place("s")), home: Some(place("h")) };
        let named = tmp.path().join("h").join("set");
        assert_eq!(places.find("set", Some(&named), &wanted, None).unwrap(), named);
        assert_eq!(places.find("set", None, &wanted, None).unwrap(), tmp.path().join("r/set"));
        places.root = Some(tmp.path().join("nothing"));
        assert_eq!(places.find("set", None, &wanted, None).unwrap(), tmp.path().join("s/set"));
        places.system = None;
        assert_eq!(places.find("set", None, &wanted, None).unwrap(), tmp.path().join("h/set"));
    }

    #[test]
    fn a_missing_source_is_told_with_every_place_and_the_next_command() {
        let tmp = tempfile::tempdir().unwrap();
        let places = Places { root: Some(tmp.path().join("root")), system: Some(tmp.path().to_owned()), home: None };
        std::fs::create_dir(tmp.path().join("mnist")).unwrap();
        let text = places
            .find("mnist", None, &["train-images-idx3-ubyte".to_owned()], sources::published_as("mnist"))
            .unwrap_err()
            .to_string();
        for part in [
            tmp.path().join("root/mnist").to_str().unwrap(),
            tmp.path().join("mnist").to_str().unwrap(),
            "does not exist",
            "no such files",
            "not set",
            "phasesweep data fetch mnist",
            "PHASESWEEP_DATA=DIR",
        ] {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
        // A directory that was named is not silently replaced by another.
        let text = places.find("mnist", Some(Path::new("/nowhere")), &["x".to_owned()], None).unwrap_err().to_string();
        assert!(text.contains("/nowhere") && !text.contains("root/mnist"), "{text}");
    }
}
