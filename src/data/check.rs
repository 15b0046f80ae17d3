//! `phasesweep data check`: are the files whole, and are they the published ones?

use std::path::{Path, PathBuf};

use super::census::sentences;
pub use super::checksum::Verdict;
use super::checksum::verify;
use super::inventory::Inventory;
use super::labels::listed;
use super::sources;
use super::{DataError, Places, Pool, idx_files};
use crate::sweep::{Data, Labels, Normalise, Selection};

/// One file's verdict.
#[derive(Debug)]
pub struct FileCheck {
    /// The file.
    pub path: PathBuf,
    /// What its sum says, or why it has none.
    pub verdict: Result<Verdict, DataError>,
}

/// What a check found.
#[derive(Debug)]
pub struct Report {
    /// Name of the source.
    pub name: String,
    /// Its directory, where it has files.
    pub dir: Option<PathBuf>,
    /// Every file there.
    pub files: Vec<FileCheck>,
    /// What it holds, if it can be read; else why not.
    pub content: Result<Content, DataError>,
}

/// What a source holds.
#[derive(Debug)]
pub struct Content {
    /// Training samples.
    pub train: usize,
    /// Test samples.
    pub test: usize,
    /// Inputs of a sample.
    pub features: usize,
    /// Labels, ascending.
    pub labels: Vec<u32>,
    /// What the samples are and hold.
    pub inventory: Inventory,
    /// What a person should know of it, in sentences.
    pub warnings: Vec<String>,
}

impl Content {
    fn of(name: &str, data: &Data, pool: &Pool) -> Content {
        let mut warnings = pool.remarks().to_vec();
        match pool.census_of_all(data) {
            Ok(census) => {
                let all = format!("all {} training samples", pool.len());
                warnings.extend(sentences(name, &[(all, census.findings())]));
            }
            Err(error) => warnings.push(error.to_string()),
        }
        let (train, test, features) = (pool.len(), pool.test_len(), pool.features());
        Content { train, test, features, labels: pool.labels().to_vec(), inventory: pool.inventory(), warnings }
    }
}

impl Report {
    /// Whether it can be read and no file differs from the published one.
    pub fn is_ok(&self) -> bool {
        self.content.is_ok()
            && self.files.iter().all(|file| matches!(file.verdict, Ok(Verdict::Published | Verdict::NoSum)))
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for file in &self.files {
            write!(f, "{}: ", file.path.display())?;
            match &file.verdict {
                Ok(Verdict::Published) => writeln!(f, "OK, sha256 as published")?,
                Ok(Verdict::NoSum) => writeln!(f, "no published sha256 to compare with")?,
                Ok(Verdict::Altered(sum)) => writeln!(
                    f,
                    "not the published file (sha256 of its content {sum}). Run 'phasesweep data fetch {}' for the published one",
                    self.name
                )?,
                Err(error) => writeln!(f, "{error}")?,
            }
        }
        match &self.content {
            Ok(Content { train, test, features, labels, inventory, warnings }) => {
                let verdict = if self.is_ok() { "OK" } else { "readable, but not as published" };
                write!(
                    f,
                    "{}: {verdict}: {train} training and {test} test samples, {features} inputs, {} labels ({})",
                    self.name,
                    labels.len(),
                    listed(labels)
                )?;
                warnings.iter().try_for_each(|warning| write!(f, "\nwarning: {warning}"))?;
                write!(f, "\n{inventory}")
            }
            Err(error) => write!(f, "{}: {error}", self.name),
        }
    }
}

/// Verifies a source's files: sums against the published ones, then counts and labels by reading them.
///
/// # Errors
/// The name is unknown, or its files are nowhere. What is wrong with files that are there is told in the report.
pub fn check(name: &str, path: Option<&Path>, places: &Places) -> Result<Report, DataError> {
    let kind = kind(name)?;
    let data = Data {
        source: (kind.plain)(),
        labels: Labels::Classes,
        label_noise: 0.0,
        label_draw: 0,
        normalise: Normalise::Standardise,
        selection: Selection::All,
        path: path.map(Path::to_owned),
    };
    let (set, wanted) = (kind.published, (kind.wanted)());
    // Other files have no published sums; reading them tells whether they are there.
    let dir = match set {
        None => None,
        Some(_) => Some(places.find(name, path, &wanted, set)?),
    };
    let files: Vec<PathBuf> = dir.iter().flat_map(|dir| wanted.iter().map(|file| dir.join(file))).collect();
    let stem = |file: &str| file.trim_end_matches(".gz").replace(".idx", "-idx");
    // What is passed over when it is read need not be the published file.
    let passed_over: Vec<PathBuf> =
        dir.iter().flat_map(|dir| idx_files::leftovers(dir)).map(|(empty, _)| empty).collect();
    let there = |path: &PathBuf| path.is_file() && !passed_over.contains(path);
    let verdicts = files.into_iter().filter(there).filter_map(|path| {
        let there = stem(path.file_name()?.to_str()?);
        let file = set?.files.iter().find(|file| stem(file.name) == there)?;
        Some(FileCheck { verdict: verify(&path, file), path })
    });
    let content = Pool::load_from(&data, places).map(|pool| Content::of(name, &data, &pool));
    Ok(Report { name: name.to_owned(), dir, files: verdicts.collect(), content })
}

/// The kind of source of that name.
fn kind(name: &str) -> Result<sources::Kind, DataError> {
    sources::kinds().into_iter().find(|kind| kind.variant.name == name).ok_or_else(|| DataError::Request {
        name: name.to_owned(),
        what: "there is no source of that name".to_owned(),
        advice: "'phasesweep data list' shows all".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::sources::PathKey;

    fn write(dir: &Path, labels: &[u8]) {
        let images = [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28][..], &[7; 2 * 784]].concat();
        for half in ["train", "t10k"] {
            std::fs::write(dir.join(format!("{half}-images.idx3-ubyte")), &images).unwrap();
            std::fs::write(dir.join(format!("{half}-labels-idx1-ubyte")), labels).unwrap();
        }
    }

    #[test]
    fn readable_is_not_yet_published() {
        let dir = tempfile::tempdir().unwrap();
        let labels = [0, 0, 8, 1, 0, 0, 0, 2, 3, 9];
        write(dir.path(), &labels);
        let places = Places::default();
        let report = check("mnist", Some(dir.path()), &places).unwrap();
        assert!(!report.is_ok());
        assert_eq!(report.files.len(), 4);
        assert!(report.files.iter().all(|file| matches!(file.verdict, Ok(Verdict::Altered(_)))));
        let text = report.to_string();
        assert!(text.contains("not the published file") && text.contains("2 training and 2 test"), "{text}");
        assert!(text.contains("784 inputs, 10 labels (0 to 9)\nwarning: "), "{text}");
        for part in ["bytes, images of 1 × 28 × 28, from 7 to 7", "constant in training: 784 of 784", "\n  3: 1 and 1"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
        // KMNIST's plain files have no published sums, and any directory will do for idx.
        for name in ["kmnist", "idx"] {
            let report = check(name, Some(dir.path()), &places).unwrap();
            assert!(report.is_ok(), "{report}");
        }
        write(dir.path(), &labels[..9]);
        let report = check("kmnist", Some(dir.path()), &places).unwrap();
        assert!(!report.is_ok() && report.to_string().contains("truncated"), "{report}");
    }

    #[test]
    fn sources_without_files_are_checked_by_making_them() {
        let kinds = sources::kinds();
        for name in kinds.iter().filter(|kind| kind.path == PathKey::None).map(|kind| kind.variant.name) {
            let report = check(name, None, &Places::default()).unwrap();
            assert!(report.is_ok() && report.dir.is_none(), "{report}");
        }
        assert!(check("mnits", None, &Places::default()).unwrap_err().to_string().contains("data list"));
    }
}
