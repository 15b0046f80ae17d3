//! What a source of data says of itself, and what is made of it: the trait that a source's file implements, its sizes and its
//! samples, and the digests that stand for them in cells' ids.

use std::path::{Path, PathBuf};

use crate::data::catalogue::Published;
use crate::data::locate::advice;
use crate::data::matrix::Matrix;
use crate::data::{DataError, Places, stream};
use crate::key::{Key, Values};

/// Whether a source has files, and whether a sweep must name their directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathKey {
    /// It has no files.
    None,
    /// They are looked for in the known places unless `path` names their directory.
    Optional,
    /// `path` must name it.
    Required,
}

/// Sizes of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Inputs of a sample.
    pub features: usize,
    /// Labels.
    pub labels: usize,
    /// Samples that subsamples are taken from.
    pub train: usize,
    /// Test samples.
    pub test: usize,
    /// `[channels, height, width]` where the source is images.
    pub image: Option<[usize; 3]>,
}

/// What `phasesweep data list` shows of a source whose numbers do not depend on its keys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listed {
    /// Inputs, where fixed.
    pub(crate) features: Option<usize>,
    /// Labels, where fixed.
    pub(crate) labels: Option<usize>,
    /// Training and test samples, where fixed.
    pub(crate) samples: Option<(usize, usize)>,
    /// Its licence, where it has one of its own.
    pub(crate) licence: Option<&'static str>,
}

impl Listed {
    /// Nothing is fixed.
    pub(super) const NOTHING: Listed = Listed { features: None, labels: None, samples: None, licence: None };
}

/// Where the files of a source may lie.
pub(crate) struct Files<'a> {
    /// Name of the source.
    pub(crate) name: &'static str,
    /// The directory that the sweep names.
    path: Option<&'a Path>,
    places: &'a Places,
    wanted: Vec<String>,
    published: Option<&'static Published>,
}

impl<'a> Files<'a> {
    /// What the sweep names, whether it is there or not.
    pub(super) fn named(&self) -> Option<&'a Path> {
        self.path
    }

    /// The directory that holds them.
    ///
    /// # Errors
    /// They are nowhere.
    pub(crate) fn find(&self) -> Result<PathBuf, DataError> {
        self.places.find(self.name, self.path, &self.wanted, self.published)
    }

    /// What the sweep names: a directory, or whatever else its source takes for one.
    pub(super) fn path(&self) -> Option<&Path> {
        self.path
    }

    /// The directory that holds them; `None` where the sweep names none and the published set is nowhere yet.
    ///
    /// # Errors
    /// They are not where the sweep says.
    pub(super) fn find_or_published(&self) -> Result<Option<PathBuf>, DataError> {
        match self.find() {
            Ok(dir) => Ok(Some(dir)),
            Err(_) if self.path.is_none() && self.published.is_some() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What to do if files are missing.
    pub(super) fn advice(&self) -> String {
        advice(self.name, &self.wanted, self.published)
    }
}

/// A source, decoded.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// Samples that subsamples are taken from.
    pub(crate) train: Half,
    /// Test samples.
    pub(crate) test: Half,
    /// Labels of the source, ascending: those that occur where the source does not fix them.
    pub(crate) labels: Vec<u32>,
    /// What each label is called, where it is not by its number; else empty.
    pub(crate) texts: Vec<String>,
    /// `[channels, height, width]` where the source is images.
    pub(crate) image: Option<[usize; 3]>,
    /// Of samples and labels, wherever and however they are stored; of generated sources, of all that decides them.
    pub(crate) digest: blake3::Hash,
    /// Directory that the files were found in.
    pub(crate) dir: Option<PathBuf>,
    /// What should be known of the files that were read, in sentences.
    pub(crate) remarks: Vec<String>,
}

impl Decoded {
    /// Samples that are no images and come from no files.
    pub(super) fn new(train: Half, test: Half, labels: Vec<u32>, digest: blake3::Hash) -> Decoded {
        Decoded { train, test, labels, texts: Vec::new(), image: None, digest, dir: None, remarks: Vec::new() }
    }
}

/// Training or test samples: as many rows of inputs as labels.
#[derive(Debug)]
pub(crate) struct Half {
    /// Inputs.
    pub(crate) inputs: Matrix,
    /// Label of each sample, one of the source's.
    pub(crate) labels: Vec<u32>,
}

impl Half {
    /// Samples whose labels are bytes.
    pub(super) fn of_bytes(inputs: Matrix, labels: &[u8]) -> Half {
        Half { inputs, labels: labels.iter().map(|&label| u32::from(label)).collect() }
    }
}

/// Values of keys that contradict each other: the key to complain about, what is wrong with it, to follow its name, and
/// what to do.
pub(crate) type Conflict = (&'static str, &'static str, &'static str);

/// What a source says of itself.
pub(crate) trait Definition: Sized + Clone {
    /// Name in sweep files, labels and identities.
    const NAME: &'static str;
    /// One line about it.
    const ABOUT: &'static str;
    /// Its keys, of the forms integers, numbers, strings, lists of names and boolean; the fields of its type are named after
    /// them. One that is false unless a sweep says so need not be serialised where it is false.
    const KEYS: &'static [Key] = &[];
    /// Whether it has files.
    const PATH: PathKey = PathKey::None;
    /// Whether it is points, which are not images and are not scaled unless a sweep says so.
    const POINTS: bool = false;
    /// Whether its classes are its own, so that labels are `classes` or `random`.
    const OWN_CLASSES: bool = false;
    /// The largest label there may be.
    const LARGEST_LABEL: usize = 9;
    /// The published data set that it is.
    const PUBLISHED: Option<&'static Published> = None;
    /// What to do about a subsample that is larger than the source.
    const TOO_LARGE: &'static str = "";
    /// What is listed of it; a published set's own numbers are.
    const LISTED: Listed = Listed::NOTHING;

    /// The source of checked values: one for each of [`Definition::KEYS`].
    fn new(values: &Values) -> Self;

    /// A small one, for `phasesweep data check`.
    fn plain() -> Self;

    /// What of the values contradicts what, if anything does; each alone is within its bound.
    fn conflict(_: &Values) -> Option<Conflict> {
        None
    }

    /// The source without what only says where its samples are, where the digest of the samples stands for that: what
    /// is left is part of cells' ids.
    fn by_content(&self) -> Self {
        self.clone()
    }

    /// Names of its files, of which any marks a directory; the first is the one to name in messages.
    fn wanted() -> Vec<String> {
        Vec::new()
    }

    /// Number of its labels, where the sweep alone decides it.
    fn classes(&self) -> Option<usize> {
        None
    }

    /// Number of coordinates that the label depends on, the first ones, where not all do.
    fn informative(&self) -> Option<usize> {
        None
    }

    /// Its sizes, if they are known without a look at any file.
    fn known(&self) -> Option<Sizes> {
        None
    }

    /// Its sizes, by the headers of its files, or as published where they are not there yet.
    ///
    /// # Errors
    /// The files are nowhere, or their headers are malformed.
    fn sizes(&self, files: &Files<'_>) -> Result<Sizes, DataError> {
        match self.known() {
            Some(sizes) => Ok(sizes),
            None => files.find().and(Err(DataError::Request {
                name: Self::NAME.to_owned(),
                what: "its sizes are not known".to_owned(),
                advice: "This is a bug of phasesweep, please report it".to_owned(),
            })),
        }
    }

    /// The digest of a source that is generated, without generating it.
    fn generated_digest(&self) -> Option<blake3::Hash> {
        None
    }

    /// Reads or generates it.
    ///
    /// # Errors
    /// The files are nowhere, unreadable or malformed, or the sizes asked for are impossible.
    fn decode(&self, files: &Files<'_>) -> Result<Decoded, DataError>;
}

/// The files of a source.
pub(super) fn files_of<'a, D: Definition>(path: Option<&'a Path>, places: &'a Places) -> Files<'a> {
    Files { name: D::NAME, path, places, wanted: D::wanted(), published: D::PUBLISHED }
}

/// The labels 0, 1, 2 … of a source that has so many.
pub(super) fn plain_labels(count: usize) -> Vec<u32> {
    (0..).take(count).collect()
}

/// The labels that occur, ascending.
pub(super) fn occurring(halves: [&[u32]; 2]) -> Vec<u32> {
    let mut labels = halves.concat();
    labels.sort_unstable();
    labels.dedup();
    labels
}

/// The digest of a generated source: of the generator's version and everything that decides the samples.
pub(super) fn digest_of_numbers(name: &str, numbers: &[u64]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_derive_key("phasesweep data digest: generated");
    hasher.update(&stream::VERSION.to_le_bytes());
    hasher.update(name.as_bytes());
    numbers.iter().for_each(|number| {
        hasher.update(&number.to_le_bytes());
    });
    hasher.finalize()
}

/// The digest of samples of bytes: inputs, and bytes with labels of training and test samples.
pub(super) fn digest_of_samples(features: usize, parts: [(&[u8], &[u8]); 2]) -> blake3::Hash {
    hashed("phasesweep data digest: samples", features, parts.map(|(pixels, labels)| (pixels, labels.len(), labels)))
}

/// As [`digest_of_samples`], of labels of any width. Those that fit a byte count as bytes, however wide a file has them:
/// the samples are the same.
pub(super) fn digest_of_wide_labels(features: usize, parts: [(&[u8], &[u32]); 2]) -> blake3::Hash {
    let narrow = parts.map(|(_, labels)| labels.iter().map(|&label| u8::try_from(label).ok()).collect::<Option<_>>());
    if let [Some(first), Some(second)] = narrow {
        let (first, second): (Vec<u8>, Vec<u8>) = (first, second);
        return digest_of_samples(features, [(parts[0].0, &first), (parts[1].0, &second)]);
    }
    let wide = parts.map(|(_, labels)| labels.iter().flat_map(|label| label.to_le_bytes()).collect::<Vec<u8>>());
    let of = |half: usize| (parts[half].0, parts[half].1.len(), wide[half].as_slice());
    hashed("phasesweep data digest: samples of labels in four bytes", features, [of(0), of(1)])
}

/// The hash of inputs, numbers of samples, and bytes with their labels.
fn hashed(purpose: &str, features: usize, parts: [(&[u8], usize, &[u8]); 2]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_derive_key(purpose);
    hasher.update(&(features as u64).to_le_bytes());
    for (pixels, samples, labels) in parts {
        hasher.update(&(samples as u64).to_le_bytes());
        hasher.update(pixels);
        hasher.update(labels);
    }
    hasher.finalize()
}
