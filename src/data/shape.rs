//! What is known of a source without reading its samples: for plans, and for the checks of a sweep file.

use std::path::PathBuf;

use super::labels::classes;
use super::sources::{self, PathKey};
use super::{DataError, Places, Pool};
use crate::sweep::Data;

/// Sizes of a source under the sweep's labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Shape {
    /// Inputs of a sample, constant ones included: at most these remain after standardisation.
    pub features: usize,
    /// Number of classes.
    pub classes: usize,
    /// Samples that subsamples are taken from.
    pub train: usize,
    /// Test samples.
    pub test: usize,
    /// `[channels, height, width]` where the source is images.
    pub image: Option<[usize; 3]>,
}

/// The sizes of a source, from the headers of its files, and of the samples that the sweep uses of it, which takes a look at
/// every label where it uses some labels alone; from the published numbers where a published set's files are
/// not there yet, so that a sweep can be planned before its data is fetched. (How many samples the labels in use have is
/// then not known: it is put down as their share of the labels, which holds within a tenth for the published sets.)
///
/// # Errors
/// The files named by `path` (or any of [`Source::Idx`](super::sources::Source::Idx)) are nowhere, or their headers are malformed.
pub fn shape(data: &Data) -> Result<Shape, DataError> {
    shape_from(data, &Places::from_env())
}

/// As [`shape`], with the places given.
///
/// # Errors
/// As [`shape`].
pub fn shape_from(data: &Data, places: &Places) -> Result<Shape, DataError> {
    let sizes = data.source.sizes(data.path.as_deref(), places)?;
    if let Some(labels) = data.selection.labels() {
        return match Pool::load_from(data, places) {
            Ok(pool) => pool.shape(data),
            Err(DataError::NotFound { .. }) if data.path.is_none() && sizes.labels > 0 => {
                let share = |samples: usize| samples * labels.len().min(sizes.labels) / sizes.labels;
                let (train, test) = (share(sizes.train), share(sizes.test));
                let classes = classes(data.labels, data.selection.classes().unwrap_or(sizes.labels));
                Ok(Shape { features: sizes.features, classes, train, test, image: sizes.image })
            }
            Err(error) => Err(error),
        };
    }
    let classes = classes(data.labels, sizes.labels);
    Ok(Shape { features: sizes.features, classes, train: sizes.train, test: sizes.test, image: sizes.image })
}

impl Pool {
    /// Sizes of the samples that the sweep uses.
    ///
    /// # Errors
    /// A label that is asked for does not exist, or none of those that are has a training or a test sample.
    pub fn shape(&self, data: &Data) -> Result<Shape, DataError> {
        let [train, test] = self.samples(data)?;
        Ok(Shape { features: self.features(), classes: self.classes(data), train, test, image: self.image() })
    }
}

/// A row of `phasesweep data list`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Name, as in a sweep file.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// Inputs, where fixed.
    pub features: Option<usize>,
    /// Labels, where fixed.
    pub labels: Option<usize>,
    /// Training and test samples, where fixed.
    pub samples: Option<(usize, usize)>,
    /// Its licence, where it has one of its own.
    pub licence: Option<&'static str>,
    /// Where it is.
    pub status: Status,
}

/// Where a source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// In the binary.
    Embedded,
    /// Made on the spot.
    Generated,
    /// In this directory.
    At(PathBuf),
    /// Nowhere; `phasesweep data fetch` gets it.
    NotFetched,
    /// Wherever `path` in `[[data]]` says.
    Named,
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Status::Embedded => f.write_str("in the binary"),
            Status::Generated => f.write_str("generated"),
            Status::At(dir) => dir.display().fmt(f),
            Status::NotFetched => f.write_str("not here; 'phasesweep data fetch' gets it"),
            Status::Named => f.write_str("where path in [[data]] says"),
        }
    }
}

/// Every source that a sweep file may name, with where it is.
pub fn listings(places: &Places) -> Vec<Listing> {
    let listing = |kind: sources::Kind| {
        let (name, wanted) = (kind.variant.name, (kind.wanted)());
        let status = match kind.path {
            PathKey::Required => Status::Named,
            PathKey::Optional => {
                places.find(name, None, &wanted, kind.published).map_or(Status::NotFetched, Status::At)
            }
            PathKey::None if (kind.plain)().generated_digest().is_some() => Status::Generated,
            PathKey::None => Status::Embedded,
        };
        let sources::Listed { features, labels, samples, licence } = kind.listed;
        Listing { name, about: kind.variant.about, features, labels, samples, licence, status }
    };
    sources::kinds().into_iter().map(listing).collect()
}
