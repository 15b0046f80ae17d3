//! Names of idx files: the four of MNIST, in their spellings, and those of the sets made after it, which begin with the
//! set's name (`emnist-letters-train-images-idx3-ubyte`, `qmnist-test-labels-idx2-int`).
//!
//! An empty file beside one of another spelling that is not (the leftover of a broken download or unpacking) is passed
//! over. Invariant: of two files that could both be meant none is chosen without a word.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::DataError;

/// The four files' stems with the number of dimensions, in the order images, labels for training, then testing.
const STEMS: [(&str, char); 4] =
    [("train-images", '3'), ("train-labels", '1'), ("t10k-images", '3'), ("t10k-labels", '1')];

/// The names under which a directory may hold one of the four files.
fn spellings(stem: &str, dimensions: char) -> [String; 4] {
    let (dash, dot) = (format!("{stem}-idx{dimensions}-ubyte"), format!("{stem}.idx{dimensions}-ubyte"));
    [dash.clone(), format!("{dash}.gz"), dot.clone(), format!("{dot}.gz")]
}

/// The names under which a directory may hold the file of this name (dashed, plain); none for other names.
pub(super) fn spellings_of(name: &str) -> Vec<String> {
    (STEMS.iter().map(|&(stem, dimensions)| spellings(stem, dimensions)))
        .find(|spellings| spellings[0] == name)
        .map_or_else(Vec::new, Vec::from)
}

/// Every name that marks a directory as one of idx files; the first is the one to name in messages.
pub(super) fn names() -> Vec<String> {
    STEMS.iter().flat_map(|&(stem, dimensions)| spellings(stem, dimensions)).collect()
}

/// The four files of a directory: training images and labels, test images and labels.
///
/// # Errors
/// Any is missing: all missing ones are named.
pub(super) fn files(dir: &Path, advice: &str) -> Result<[PathBuf; 4], DataError> {
    let found = STEMS.map(|(stem, dimensions)| {
        let there = present(dir, stem, dimensions);
        there.iter().find(|path| !is_empty(path)).or(there.first()).cloned()
    });
    match found {
        [Some(a), Some(b), Some(c), Some(d)] => Ok([a, b, c, d]),
        found => Err(DataError::Incomplete {
            dir: dir.to_owned(),
            missing: (STEMS.iter().zip(&found))
                .filter(|(_, path)| path.is_none())
                .map(|((stem, dimensions), _)| format!("{stem}-idx{dimensions}-ubyte"))
                .collect(),
            advice: advice.to_owned(),
        }),
    }
}

/// Files of a directory that are passed over because they are empty, each with the one that is read instead.
pub(super) fn leftovers(dir: &Path) -> Vec<(PathBuf, PathBuf)> {
    let of = |(stem, dimensions)| {
        let (empty, whole): (Vec<PathBuf>, Vec<PathBuf>) =
            present(dir, stem, dimensions).into_iter().partition(|path| is_empty(path));
        let read = whole.first().cloned();
        empty.into_iter().filter_map(move |path| Some((path, read.clone()?)))
    };
    STEMS.into_iter().flat_map(of).collect()
}

/// The spellings of one of the four files that a directory holds.
fn present(dir: &Path, stem: &str, dimensions: char) -> Vec<PathBuf> {
    spellings(stem, dimensions).into_iter().map(|name| dir.join(name)).filter(|path| path.is_file()).collect()
}

fn is_empty(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|about| about.len() == 0)
}

/// Words that name one of the four files: of which samples, and what of them.
const HALVES: [(&str, usize); 3] = [("train", 0), ("t10k", 1), ("test", 1)];
/// Ends of names: what the file holds, in the order in which of several the first is read.
const ENDS: [(&str, usize, &str); 5] = [
    ("images", 0, "idx3-ubyte"),
    ("labels", 1, "idx1-ubyte"),
    ("labels", 1, "idx1-int"),
    ("labels", 1, "idx2-int"),
    ("labels", 1, "idx1-short"),
];

/// How a name is spelt; of several, the least is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Spelling {
    /// Place in [`HALVES`].
    half: usize,
    /// Place in [`ENDS`].
    end: usize,
    /// Whether a dot stands before the end, for a dash.
    dotted: bool,
    /// Whether it ends in `.gz`.
    packed: bool,
}

/// A file by its name.
#[derive(Debug, Clone, PartialEq)]
struct Named {
    path: PathBuf,
    spelling: Spelling,
}

/// Of each set, by what its names begin with: the files that can be each of the four.
type Sets = BTreeMap<String, [Vec<Named>; 4]>;

/// What a set's names begin with, which of the four files this one is, and how it is spelt.
fn named(name: &str) -> Option<(&str, usize, Spelling)> {
    let packed = name.ends_with(".gz");
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    ENDS.iter().enumerate().find_map(|(end, (what, part, suffix))| {
        let (dotted, stem) = match plain.strip_suffix(suffix)? {
            rest if rest.ends_with('-') => (false, &rest[..rest.len() - 1]),
            rest if rest.ends_with('.') => (true, &rest[..rest.len() - 1]),
            _ => return None,
        };
        let stem = stem.strip_suffix(what)?.strip_suffix('-')?;
        HALVES.iter().enumerate().find_map(|(half, (word, which))| {
            let set = stem.strip_suffix(word)?;
            let whole = set.is_empty() || set.ends_with(['-', '_', '.']);
            whole.then_some((set, 2 * which + part, Spelling { half, end, dotted, packed }))
        })
    })
}

/// The sets of a directory.
fn sets(dir: &Path) -> Result<Sets, DataError> {
    let mut sets = Sets::new();
    for entry in std::fs::read_dir(dir).map_err(|error| DataError::io(dir, error))? {
        let path = entry.map_err(|error| DataError::io(dir, error))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).and_then(named);
        if let (Some((set, which, spelling)), true) = (name, path.is_file()) {
            sets.entry(set.to_owned()).or_default()[which].push(Named { path: path.clone(), spelling });
        }
    }
    sets.values_mut().flatten().for_each(|files| files.sort_by_key(|file| file.spelling));
    Ok(sets)
}

/// Four files that belong together.
#[derive(Debug, PartialEq)]
pub(super) struct Set {
    /// Where they lie.
    pub(super) dir: PathBuf,
    /// Training images and labels, test images and labels.
    pub(super) files: [PathBuf; 4],
    /// What should be known of the choice, in sentences.
    pub(super) remarks: Vec<String>,
}

/// The set that a path means: the one in a directory, or with `DIR/emnist-letters` the one in `DIR` whose names begin so.
/// `None` where nothing is there.
///
/// # Errors
/// The directory cannot be listed; several sets are there and none is named; a file is missing, or there under two names.
pub(super) fn set_at(path: &Path) -> Result<Option<Set>, DataError> {
    let shown = |name: &str| name.trim_end_matches(['-', '_', '.']).to_owned();
    let (dir, wanted) = match (path.is_dir(), path.parent(), path.file_name().and_then(|name| name.to_str())) {
        (true, ..) => (path, None),
        (false, Some(dir), Some(name)) if dir.is_dir() => (dir, Some(shown(name))),
        _ => return Ok(None),
    };
    let sets = sets(dir)?;
    let of = |wanted: &str| sets.iter().find(|(name, _)| shown(name) == wanted);
    let chosen = match &wanted {
        Some(wanted) => of(wanted),
        // Files of MNIST's own names are what a directory is known by.
        None => of("").or(if sets.len() == 1 { sets.iter().next() } else { None }),
    };
    let named: Vec<String> = sets.keys().map(|name| shown(name)).filter(|name| !name.is_empty()).collect();
    let Some((name, files)) = chosen else {
        return match (wanted, named.first()) {
            (None, None) => Ok(None),
            (None, Some(first)) => Err(DataError::Unsuitable {
                path: dir.to_owned(),
                what: format!("holds several sets: {}", named.join(", ")),
                advice: format!("Name one of them in [[data]]: path = {:?}", dir.join(first).display().to_string()),
            }),
            (Some(_), None) => Ok(None),
            (Some(wanted), Some(_)) => Err(DataError::Unsuitable {
                path: dir.to_owned(),
                what: format!("holds no set {wanted}, but {}", named.join(", ")),
                advice: "Name one of those in [[data]]".to_owned(),
            }),
        };
    };
    let mut remarks = Vec::new();
    let mut found: Vec<PathBuf> = Vec::new();
    let mut missing = Vec::new();
    for (which, files) in files.iter().enumerate() {
        let Some(read) = files.iter().find(|file| !is_empty(&file.path)).or(files.first()) else {
            let (half, part) = (["train", "test"][which / 2], which % 2);
            let (what, _, end) = ENDS[part];
            missing.push(format!("{name}{half}-{what}-{end}"));
            continue;
        };
        for file in files.iter().filter(|file| *file != read) {
            let [file_name, read_name] = [&file.path, &read.path].map(|path| file_name(path));
            if is_empty(&file.path) {
                remarks.push(passed_over(&file.path, &read.path));
            } else if file.spelling.half != read.spelling.half {
                return Err(DataError::Unsuitable {
                    path: dir.to_owned(),
                    what: format!("holds its test set under two names, {read_name} and {file_name}"),
                    advice: "Move one of them elsewhere".to_owned(),
                });
            } else if file.spelling.end != read.spelling.end {
                remarks.push(format!("{file_name} is not read: {read_name} beside it is"));
            }
        }
        found.push(read.path.clone());
    }
    match <[PathBuf; 4]>::try_from(found) {
        Ok(files) => Ok(Some(Set { dir: dir.to_owned(), files, remarks })),
        Err(_) => Err(DataError::Incomplete {
            dir: dir.to_owned(),
            missing,
            advice: "All four must be there, each plain or .gz".to_owned(),
        }),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// What is said of an empty file beside another that is read.
pub(super) fn passed_over(empty: &Path, read: &Path) -> String {
    format!("{} is empty (0 bytes) and is passed over: {} beside it is read", empty.display(), file_name(read))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of files of these names, each with a byte in it.
    fn holding(names: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            std::fs::write(dir.path().join(name), b"x").unwrap();
        }
        dir
    }

    fn names(set: &Set) -> Vec<String> {
        set.files.iter().map(|path| file_name(path)).collect()
    }

    #[test]
    fn sets_are_known_by_what_their_names_begin_with() {
        let four = |set: &str, test: &str, labels: &str| {
            ["train-images", "train-labels", "test-images", "test-labels"]
                .map(|name| name.replace("test", test))
                .map(|name| format!("{set}{name}-{}", if name.ends_with("images") { "idx3-ubyte" } else { labels }))
        };
        let (letters, digits) =
            (four("emnist-letters-", "test", "idx1-ubyte"), four("emnist-digits-", "test", "idx1-ubyte"));
        let (plain, table) = (four("", "t10k", "idx1-ubyte"), four("qmnist-", "test", "idx2-int"));
        for set in [&letters, &plain, &table] {
            let dir = holding(&set.each_ref().map(String::as_str));
            assert_eq!(names(&set_at(dir.path()).unwrap().unwrap()), *set);
        }
        // Of several, the one that is named; without a name none, unless one is of MNIST's own names.
        let both: Vec<&str> = letters.iter().chain(&digits).map(String::as_str).collect();
        let dir = holding(&both);
        let one = set_at(&dir.path().join("emnist-digits")).unwrap().unwrap();
        assert_eq!((names(&one), one.dir.as_path()), (digits.to_vec(), dir.path()));
        let error = set_at(dir.path()).unwrap_err().to_string();
        assert!(error.contains("several sets: emnist-digits, emnist-letters") && error.contains("path = "), "{error}");
        let error = set_at(&dir.path().join("emnist-letter")).unwrap_err().to_string();
        assert!(error.contains("no set emnist-letter, but emnist-digits, emnist-letters"), "{error}");
        std::fs::remove_file(dir.path().join(&digits[3])).unwrap();
        let error = set_at(&dir.path().join("emnist-digits")).unwrap_err().to_string();
        assert!(error.contains("missing emnist-digits-test-labels-idx1-ubyte. All four"), "{error}");
        for name in &plain {
            std::fs::write(dir.path().join(name), b"x").unwrap();
        }
        assert_eq!(names(&set_at(dir.path()).unwrap().unwrap()), plain);
        assert_eq!(set_at(Path::new("/nowhere/at all")).unwrap(), None);
        assert_eq!(set_at(holding(&["train-images.png", "notes-idx3-ubyte"]).path()).unwrap(), None);
    }

    #[test]
    fn of_two_files_that_could_be_meant_none_is_taken_without_a_word() {
        let dir = holding(&[
            "qmnist-train-images-idx3-ubyte.gz",
            "qmnist-train-labels-idx2-int.gz",
            "qmnist-test-images-idx3-ubyte.gz",
            "qmnist-test-labels-idx1-ubyte.gz",
            "qmnist-test-labels-idx2-int.gz",
        ]);
        let set = set_at(dir.path()).unwrap().unwrap();
        assert_eq!(names(&set)[3], "qmnist-test-labels-idx1-ubyte.gz");
        assert_eq!(
            set.remarks,
            ["qmnist-test-labels-idx2-int.gz is not read: qmnist-test-labels-idx1-ubyte.gz beside it is"]
        );
        std::fs::write(dir.path().join("qmnist-test-labels-idx1-ubyte.gz"), b"").unwrap();
        let set = set_at(dir.path()).unwrap().unwrap();
        assert_eq!(names(&set)[3], "qmnist-test-labels-idx2-int.gz");
        assert!(set.remarks[0].contains("is empty (0 bytes)"), "{:?}", set.remarks);
        std::fs::write(dir.path().join("qmnist-t10k-images-idx3-ubyte.gz"), b"x").unwrap();
        let error = set_at(dir.path()).unwrap_err().to_string();
        assert!(error.contains("under two names, qmnist-t10k-images-idx3-ubyte.gz and qmnist-test-images"), "{error}");
    }
}
