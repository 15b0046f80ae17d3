//! The directories that the relative paths of a sweep start from.
//!
//! A path in the file starts from the file's own directory, one in a `--set` from the directory in which the command was
//! typed, and `~` is the home directory. Pure: no directory is looked at. Invariant: a path that is absolute, or empty
//! (which is an error of its own), stays as it was written.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::place::{FILE, SourceId};
use super::raw::RawSweep;
use super::reader::Field;

/// Where relative paths start. All directories are absolute.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Directories {
    /// Directory of the sweep file.
    pub file: PathBuf,
    /// Directory of each `--set`, in order.
    pub overrides: Vec<PathBuf>,
    /// The home directory, for `~`; without one, `~` is a name like any other.
    pub home: Option<PathBuf>,
}

impl Directories {
    /// The path that `written` means in the text `source`: the file is number 0, the n-th `--set` number n.
    fn absolute(&self, written: &str, source: SourceId) -> PathBuf {
        let beneath_home = written.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/'));
        if let (Some(rest), Some(home)) = (beneath_home, &self.home) {
            return tidied(&home.join(rest.trim_start_matches('/')));
        }
        let directory = if source == FILE { Some(&self.file) } else { self.overrides.get(source - 1 - FILE) };
        tidied(&directory.map_or_else(PathBuf::new, Clone::clone).join(written))
    }
}

/// The path without its `.` components; `..` stays, because what it means depends on symbolic links.
fn tidied(path: &Path) -> PathBuf {
    path.components().collect()
}

/// Makes every `path` of `[[data]]` absolute.
pub(crate) fn make_absolute(raw: &mut RawSweep, directories: &Directories) {
    for table in &mut raw.data {
        if let Field::Given(path) = &mut table.keys.path.field
            && !path.value.is_empty()
        {
            path.value = directories.absolute(&path.value, path.place.source).to_string_lossy().into_owned();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn directories() -> Directories {
        Directories {
            file: "/project/sweeps".into(),
            overrides: vec!["/elsewhere".into(), "/typed/here".into()],
            home: Some("/home/me".into()),
        }
    }

    #[test]
    fn each_text_has_its_own_directory() {
        let absolute = |written: &str, source| directories().absolute(written, source).display().to_string();
        assert_eq!(absolute("images", FILE), "/project/sweeps/images");
        assert_eq!(absolute("./images/", FILE), "/project/sweeps/images");
        assert_eq!(absolute("../images", 1), "/elsewhere/../images");
        assert_eq!(absolute("images", 2), "/typed/here/images");
        for source in [FILE, 1, 2] {
            assert_eq!(absolute("/data/images", source), "/data/images");
            assert_eq!(absolute("~/images", source), "/home/me/images");
            assert_eq!(absolute("~", source), "/home/me");
        }
        assert_eq!(absolute("~you/images", FILE), "/project/sweeps/~you/images");
        let homeless = Directories { home: None, ..directories() };
        assert_eq!(homeless.absolute("~/images", FILE), Path::new("/project/sweeps/~/images"));
    }

    #[test]
    fn paths_of_the_file_and_of_set_become_absolute_and_the_rest_stays() {
        let text = "[sweep]\nname = \"t\"\nseeds = 1\n[[data]]\nsource = \"idx\"\npath = \"a\"\n[[data]]\nsource = \"mnist\"\n\
                    path = \"/b\"\n[[data]]\nsource = \"kmnist\"\n[[subsample]]\nsize = 10\n[[architecture]]\nkind = \"mlp\"\n\
                    hidden = [5]\n[[optimiser]]\nkind = \"sgd\"\nlr = 0.1\n[train]\nepochs = 2\n";
        let sets = ["train.epochs=3".to_string(), "data.2.path=c".to_string()];
        let sweep = crate::sweep::parse_from(text, "t.toml", &sets, &directories()).unwrap();
        let paths: Vec<_> = sweep.data.iter().map(|data| data.path.clone()).collect();
        assert_eq!(paths, [Some("/project/sweeps/a".into()), Some("/b".into()), Some(PathBuf::from("/typed/here/c"))]);
        // An empty path is still an error, told as it was.
        let error =
            crate::sweep::parse_from(&text.replace("\"a\"", "\"\""), "t.toml", &[], &directories()).unwrap_err();
        assert!(error.to_string().contains("`path` is empty"), "{error}");
    }
}
