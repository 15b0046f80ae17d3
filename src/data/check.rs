//! `phasesweep data check`: are the files whole, are they the published ones, and what do the samples hold?
//!
//! A source is checked by its name, with the labels that it has, or as an entry of a sweep, with the labels, choices and sizes
//! that the sweep asks for.

use std::path::{Path, PathBuf};

use super::census::sentences;
pub use super::checksum::Verdict;
use super::checksum::verify;
use super::inventory::Inventory;
use super::labels::listed;
use super::sources;
use super::{DataError, Picture, Places, Pool, idx_files};
use crate::sweep::{Data, Labels, Normalise, Selection, Subsample};

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
    /// How blocks of the sizes that were asked for would look.
    pub blocks: Vec<FirstBlock>,
    /// Samples by class, if a picture was asked for and they are images.
    pub picture: Option<Picture>,
}

impl Content {
    fn of(name: &str, data: &Data, pool: &Pool, wanted: Wanted<'_>) -> Result<Content, DataError> {
        let [train, test] = pool.samples(data)?;
        let mut warnings = pool.remarks().to_vec();
        match pool.census_of_all(data) {
            Ok(census) => {
                let all = format!("all {train} training samples");
                warnings.extend(sentences(name, &[(all, census.findings())]));
            }
            Err(error) => warnings.push(error.to_string()),
        }
        let inventory = pool.inventory(data)?;
        let picture = if wanted.picture { pool.picture(data, &inventory)? } else { None };
        let blocks = wanted.blocks.iter().map(|&size| FirstBlock::of(name, data, pool, size, train)).collect();
        let (features, labels) = (pool.features(), inventory.labels.iter().map(|(label, _)| *label).collect());
        Ok(Content { train, test, features, labels, inventory, warnings, blocks, picture })
    }
}

/// What is asked for besides the counts.
#[derive(Debug, Clone, Copy)]
struct Wanted<'a> {
    /// Sizes of blocks.
    blocks: &'a [usize],
    picture: bool,
}

/// How training blocks of a size would look.
#[derive(Debug)]
pub struct FirstBlock {
    /// Samples of a block.
    pub size: usize,
    /// How many such blocks there are.
    pub blocks: usize,
    /// Each class of the first one with its samples; why there is none.
    pub classes: Result<Vec<(String, usize)>, DataError>,
    /// What a person should know of the first one, in sentences.
    pub findings: Vec<String>,
    /// Why a balanced draw of that size is impossible; `None`: it is not.
    pub unbalanced: Option<DataError>,
}

impl FirstBlock {
    fn of(name: &str, data: &Data, pool: &Pool, size: usize, train: usize) -> FirstBlock {
        let first = pool.census(data, &Subsample::Block { size, block: 0 }, true);
        let findings = first
            .as_ref()
            .map_or_else(|_| Vec::new(), |census| sentences(name, &[(format!("{size} block 0"), census.findings())]));
        FirstBlock {
            size,
            blocks: train.checked_div(size).unwrap_or(0),
            classes: first.map(|census| census.classes.into_iter().zip(census.train).collect()),
            findings,
            unbalanced: pool.census(data, &Subsample::Balanced { size, draw: 0 }, false).err(),
        }
    }
}

impl std::fmt::Display for FirstBlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        /// Classes of which the samples are listed one by one, at most.
        const FEW: usize = 30;
        let FirstBlock { size, blocks, classes, findings, unbalanced } = self;
        write!(f, "blocks of {size} samples: ")?;
        match classes {
            Err(error) => write!(f, "none. {error}")?,
            Ok(classes) => {
                let counts = || classes.iter().map(|(_, count)| *count);
                write!(f, "{blocks}; the first has ")?;
                if classes.len() <= FEW {
                    let each: Vec<String> = classes.iter().map(|(name, count)| format!("{count} of {name}")).collect();
                    f.write_str(&each.join(", "))?;
                } else {
                    let (least, most) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
                    write!(f, "{least} to {most} of each of {} classes", classes.len())?;
                }
            }
        }
        match unbalanced {
            None => f.write_str("\n  a balanced draw of that size is possible")?,
            // That there are too few at all was said.
            Some(_) if *blocks == 0 => {}
            Some(error) => write!(f, "\n  no balanced draw: {error}")?,
        }
        findings.iter().try_for_each(|finding| write!(f, "\n  warning: {finding}"))
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
            Ok(Content { train, test, features, labels, inventory, warnings, blocks, .. }) => {
                let verdict = if self.is_ok() { "OK" } else { "readable, but not as published" };
                write!(
                    f,
                    "{}: {verdict}: {train} training and {test} test samples, {features} inputs, {} labels ({})",
                    self.name,
                    labels.len(),
                    listed(labels)
                )?;
                warnings.iter().try_for_each(|warning| write!(f, "\nwarning: {warning}"))?;
                write!(f, "\n{inventory}")?;
                blocks.iter().try_for_each(|block| write!(f, "\n{block}"))
            }
            Err(error) => write!(f, "{}: {error}", self.name),
        }
    }
}

/// Verifies a source's files: sums against the published ones, then counts and labels by reading them. `blocks` are the sizes of
/// training blocks to look at; `picture`: draws samples.
///
/// # Errors
/// The name is unknown, or its files are nowhere. What is wrong with files that are there is told in the report.
pub fn check(
    name: &str,
    path: Option<&Path>,
    blocks: &[usize],
    picture: bool,
    places: &Places,
) -> Result<Report, DataError> {
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
    check_entry(name, &data, blocks, picture, places)
}

/// As [`check`], of a sweep's entry, which is called `label`: of the labels that it chooses, by its rule of classes.
///
/// # Errors
/// As [`check`].
pub fn check_entry(
    label: &str,
    data: &Data,
    blocks: &[usize],
    picture: bool,
    places: &Places,
) -> Result<Report, DataError> {
    let (name, path) = (data.source.name(), data.path.as_deref());
    let kind = kind(name)?;
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
    let content =
        Pool::load_from(data, places).and_then(|pool| Content::of(label, data, &pool, Wanted { blocks, picture }));
    Ok(Report { name: label.to_owned(), dir, files: verdicts.collect(), content })
}

/// Whether there is a source of that name.
pub fn is_source(name: &str) -> bool {
    kind(name).is_ok()
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
        let report = check("mnist", Some(dir.path()), &[], false, &places).unwrap();
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
            let report = check(name, Some(dir.path()), &[], false, &places).unwrap();
            assert!(report.is_ok(), "{report}");
        }
        write(dir.path(), &labels[..9]);
        let report = check("kmnist", Some(dir.path()), &[], false, &places).unwrap();
        assert!(!report.is_ok() && report.to_string().contains("truncated"), "{report}");
    }

    #[test]
    fn sources_without_files_are_checked_by_making_them() {
        let kinds = sources::kinds();
        for name in kinds.iter().filter(|kind| kind.path == PathKey::None).map(|kind| kind.variant.name) {
            let report = check(name, None, &[], true, &Places::default()).unwrap();
            assert!(report.is_ok() && report.dir.is_none(), "{report}");
        }
        assert!(check("mnits", None, &[], false, &Places::default()).unwrap_err().to_string().contains("data list"));
    }

    /// Class counts of the first block by scikit-learn's `load_digits`: numpy.bincount(load_digits().target[:500]).
    #[test]
    fn blocks_are_looked_at_before_anything_is_trained() {
        let digits = |blocks: &[usize]| check("digits", None, blocks, true, &Places::default()).unwrap();
        let report = digits(&[500, 1480, 2000]);
        let content = report.content.as_ref().unwrap();
        let block = &content.blocks[0];
        let counts: Vec<usize> = block.classes.as_ref().unwrap().iter().map(|(_, count)| *count).collect();
        assert_eq!((block.blocks, counts), (3, vec![51, 52, 50, 53, 49, 50, 51, 50, 46, 48]));
        let text = report.to_string();
        for part in [
            "blocks of 500 samples: 3; the first has 51 of 0, 52 of 1, 50 of 2",
            "a balanced draw of that size is possible",
            "no balanced draw: a balanced draw of 1480 needs 148 samples of class 8",
            "blocks of 2000 samples: none. block 0 of 2000 needs 2000 training samples, but digits has 1500",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let picture = content.picture.as_ref().unwrap();
        // Ten classes of sixteen images of 40 × 40, with two pixels between and around them.
        assert_eq!((picture.size, picture.rows.len()), ([16 * 42 + 2, 10 * 42 + 2], 10));
        let moons = check("moons", None, &[], true, &Places::default()).unwrap();
        assert!(moons.content.unwrap().picture.is_none());
    }

    #[test]
    fn an_entry_of_a_sweep_is_checked_by_its_own_labels() {
        let groups = Selection::Groups(vec![vec![0, 2, 4], vec![1, 3]]);
        let data = Data {
            source: (kind("digits").unwrap().plain)(),
            labels: Labels::Classes,
            label_noise: 0.0,
            label_draw: 0,
            normalise: Normalise::Standardise,
            selection: groups,
            path: None,
        };
        let report = check_entry("digits in groups", &data, &[100], true, &Places::default()).unwrap();
        let content = report.content.as_ref().unwrap();
        assert_eq!(content.labels, [0, 1, 2, 3, 4]);
        assert_eq!(content.picture.as_ref().unwrap().rows, ["0 (labels 0, 2 and 4)", "1 (labels 1 and 3)"]);
        let text = report.to_string();
        assert!(text.contains("digits in groups: OK") && text.contains(" of 1 (labels 1 and 3)"), "{text}");
    }
}
