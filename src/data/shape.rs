//! What is known of a source without reading its samples: for plans, and for the checks of a sweep file.

use std::path::{Path, PathBuf};

use super::catalogue::{PUBLISHED, published};
use super::decode::occurring;
use super::labels::classes;
use super::locate::advice;
use super::synthetic::Spec;
use super::{DataError, Places, cifar, digits, idx};
use crate::sweep::{Channels, Data, Source};

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

/// The sizes of a source, from the headers of its files; from the published numbers where a published set's files are
/// not there yet, so that a sweep can be planned before its data is fetched.
///
/// # Errors
/// The files named by `path` (or any of [`Source::Idx`]) are nowhere, or their headers are malformed.
pub fn shape(data: &Data) -> Result<Shape, DataError> {
    shape_from(data, &Places::from_env())
}

/// As [`shape`], with the places given.
///
/// # Errors
/// As [`shape`].
pub fn shape_from(data: &Data, places: &Places) -> Result<Shape, DataError> {
    let with = |features, labels, train, test, image| Shape {
        features,
        classes: classes(data.labels, labels),
        train,
        test,
        image,
    };
    let name = name(&data.source);
    if let Some(spec) = Spec::of(&data.source) {
        return Ok(with(spec.dimension, 2, spec.train, spec.test, None));
    }
    let path = data.path.as_deref();
    match &data.source {
        Source::Digits { train } => {
            let test = digits::SAMPLES.saturating_sub(*train);
            Ok(with(digits::PIXELS, digits::CLASSES, *train, test, known_image(&data.source).flatten()))
        }
        Source::Cifar10 { .. } => {
            let image = known_image(&data.source).flatten();
            let features = image.map_or(0, |image| image.iter().product());
            let (train, test) = match find(name, path, places, &cifar::NAMES.map(str::to_owned))? {
                Found::Published(samples) => samples,
                Found::Dir(dir) => {
                    let mut counts = Vec::new();
                    for file in cifar::files(&dir, &advice(name, &cifar::NAMES.map(str::to_owned)))? {
                        counts.push(cifar::records(&file)?);
                    }
                    let test = counts.pop().unwrap_or(0);
                    (counts.iter().sum(), test)
                }
            };
            Ok(with(features, 10, train, test, image))
        }
        source => match find(name, path, places, &idx::names())? {
            Found::Published((train, test)) => Ok(with(784, 10, train, test, Some([1, 28, 28]))),
            Found::Dir(dir) => {
                let [images, labels, test_images, test_labels] = idx::files(&dir, &advice(name, &idx::names()))?;
                let [train, height, width] = idx::image_sizes(&images)?;
                let [test, ..] = idx::image_sizes(&test_images)?;
                let count = if *source == Source::Idx {
                    occurring([&idx::read_labels(&labels)?, &idx::read_labels(&test_labels)?]).len()
                } else {
                    10
                };
                Ok(with(height * width, count, train, test, Some([1, height, width])))
            }
        },
    }
}

/// Where a source's sizes come from.
enum Found {
    /// Its files.
    Dir(PathBuf),
    /// What was published.
    Published((usize, usize)),
}

fn find(name: &str, path: Option<&Path>, places: &Places, wanted: &[String]) -> Result<Found, DataError> {
    match (places.find(name, path, wanted), published(name)) {
        (Ok(dir), _) => Ok(Found::Dir(dir)),
        (Err(_), Some(set)) if path.is_none() => Ok(Found::Published(set.samples)),
        (Err(error), _) => Err(error),
    }
}

/// `[channels, height, width]` of a source's images, `Some(None)` for points, as far as known without its files.
pub fn known_image(source: &Source) -> Option<Option<[usize; 3]>> {
    match source {
        Source::Digits { .. } => Some(Some([1, 8, 8])),
        Source::Mnist | Source::FashionMnist | Source::Kmnist => Some(Some([1, 28, 28])),
        Source::Cifar10 { channels: Channels::Sum } => Some(Some([1, 32, 32])),
        Source::Cifar10 { channels: Channels::Flat } => Some(Some([3, 32, 32])),
        Source::Idx => None,
        Source::Stripe { .. } | Source::Cylinder { .. } => Some(None),
    }
}

/// Name of a source, as in a sweep file.
pub fn name(source: &Source) -> &'static str {
    match source {
        Source::Digits { .. } => "digits",
        Source::Mnist => "mnist",
        Source::FashionMnist => "fashion-mnist",
        Source::Kmnist => "kmnist",
        Source::Cifar10 { .. } => "cifar10",
        Source::Idx => "idx",
        Source::Stripe { .. } => "stripe",
        Source::Cylinder { .. } => "cylinder",
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
pub fn sources(places: &Places) -> Vec<Listing> {
    let own = |name, about, status| Listing {
        name,
        about,
        features: None,
        labels: None,
        samples: None,
        licence: None,
        status,
    };
    let mut rows = vec![Listing {
        features: Some(digits::PIXELS),
        labels: Some(digits::CLASSES),
        samples: Some((digits::SAMPLES, 0)),
        licence: Some("CC BY 4.0"),
        ..own(
            "digits",
            "handwritten digits of UCI, 8×8; those after the first `train` are the test set",
            Status::Embedded,
        )
    }];
    rows.extend(PUBLISHED.iter().map(|set| {
        let wanted = match set.name {
            "cifar10" => cifar::NAMES.map(str::to_owned).to_vec(),
            _ => idx::names(),
        };
        Listing {
            features: Some(set.features),
            labels: Some(10),
            samples: Some(set.samples),
            licence: Some(set.licence),
            ..own(set.name, set.about, places.find(set.name, None, &wanted).map_or(Status::NotFetched, Status::At))
        }
    }));
    rows.push(own("idx", "any directory with the four files of MNIST's format", Status::Named));
    rows.push(Listing {
        labels: Some(2),
        ..own("stripe", "Gaussian points, two parallel interfaces", Status::Generated)
    });
    rows.push(Listing { labels: Some(2), ..own("cylinder", "Gaussian points, a cylinder", Status::Generated) });
    rows
}
