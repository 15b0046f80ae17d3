//! What the sources in MNIST's format have in common: four idx files of images and labels.

use std::path::Path;

use super::definition::{Decoded, Files, Half, Sizes, digest_of_wide_labels, plain_labels};
use crate::data::catalogue::Published;
use crate::data::idx_files::{self, Set, passed_over};
use crate::data::matrix::Matrix;
use crate::data::{DataError, idx};

/// Makes a type without fields the source of a published set in MNIST's format.
macro_rules! in_mnist_format {
    ($source:ident, $published:ident) => {
        impl crate::data::sources::definition::Definition for $source {
            const NAME: &'static str = $published.name;
            const ABOUT: &'static str = $published.about;
            const PATH: crate::data::sources::definition::PathKey = crate::data::sources::definition::PathKey::Optional;
            const PUBLISHED: Option<&'static crate::data::catalogue::Published> = Some(&$published);

            fn new(_: &crate::key::Values) -> $source {
                $source
            }

            fn plain() -> $source {
                $source
            }

            fn wanted() -> Vec<String> {
                crate::data::idx_files::names()
            }

            fn classes(&self) -> Option<usize> {
                Some(crate::data::sources::mnist_format::CLASSES)
            }

            fn known(&self) -> Option<crate::data::sources::definition::Sizes> {
                Some(crate::data::sources::mnist_format::published_sizes(&$published))
            }

            fn sizes(
                &self,
                files: &crate::data::sources::definition::Files<'_>,
            ) -> Result<crate::data::sources::definition::Sizes, crate::data::DataError> {
                crate::data::sources::mnist_format::sizes(files, &$published)
            }

            fn decode(
                &self,
                files: &crate::data::sources::definition::Files<'_>,
            ) -> Result<crate::data::sources::definition::Decoded, crate::data::DataError> {
                crate::data::sources::mnist_format::decode(files)
            }
        }
    };
}

pub(super) use in_mnist_format;

/// Classes of MNIST and of the sets that were made after it.
pub(super) const CLASSES: usize = 10;
/// Side of their images.
const SIDE: usize = 28;

/// Sizes as published.
pub(super) fn published_sizes(set: &Published) -> Sizes {
    let (train, test) = set.samples;
    Sizes { features: SIDE * SIDE, labels: CLASSES, train, test, image: Some([1, SIDE, SIDE]) }
}

/// Sizes by the headers of the files; as published where no file is there and none is named.
pub(super) fn sizes(files: &Files<'_>, set: &Published) -> Result<Sizes, DataError> {
    match files.find_or_published()? {
        None => Ok(published_sizes(set)),
        Some(dir) => sizes_of(&idx_files::files(&dir, &files.advice())?, CLASSES),
    }
}

/// Sizes of four files by the headers of those of images, and so many labels.
pub(super) fn sizes_of(files: &[std::path::PathBuf; 4], labels: usize) -> Result<Sizes, DataError> {
    let [images, _, test_images, _] = files;
    let [train, height, width] = idx::image_sizes(images)?;
    let [test, ..] = idx::image_sizes(test_images)?;
    Ok(Sizes { features: height * width, labels, train, test, image: Some([1, height, width]) })
}

/// Decodes a set of 28×28 images with labels 0 to 9.
pub(super) fn decode(files: &Files<'_>) -> Result<Decoded, DataError> {
    let dir = files.find()?;
    let paths = idx_files::files(&dir, &files.advice())?;
    let remarks = idx_files::leftovers(&dir).iter().map(|(empty, read)| passed_over(empty, read)).collect();
    decode_set(Set { dir, files: paths, remarks }, false, |part, [images, labels]| {
        if part.shape != [SIDE, SIDE] {
            let [height, width] = part.shape;
            return Err(DataError::Unsuitable {
                path: images.to_owned(),
                what: format!("holds images of {height}×{width}, but {} has {SIDE}×{SIDE}", files.name),
                advice: "Use source = \"idx\" for other data of this format".to_owned(),
            });
        }
        match part.labels.iter().position(|&label| label as usize >= CLASSES) {
            None => Ok(()),
            Some(index) => Err(DataError::Label {
                path: labels.to_owned(),
                index,
                label: part.labels[index],
                name: files.name.to_owned(),
                classes: CLASSES,
            }),
        }
    })
    .map(|decoded| Decoded { labels: plain_labels(CLASSES), ..decoded })
}

/// Decodes four files; `check` refuses what is not of the source. `transpose`: rows of images become columns. Labels are those
/// that occur.
pub(super) fn decode_set(
    set: Set,
    transpose: bool,
    check: impl Fn(&idx::Part, [&Path; 2]) -> Result<(), DataError>,
) -> Result<Decoded, DataError> {
    let [train_images, train_labels, test_images, test_labels] = set.files;
    let read = |images: &Path, labels: &Path| {
        let part = idx::read_part(images, labels)?;
        Ok(if transpose { part.transposed() } else { part })
    };
    let (train, test) = rayon::join(|| read(&train_images, &train_labels), || read(&test_images, &test_labels));
    let (train, test): (idx::Part, idx::Part) = (train?, test?);
    let size = |shape: [usize; 2]| format!("images of {}×{}", shape[0], shape[1]);
    if train.shape != test.shape {
        return Err(DataError::Mismatch {
            path: train_images,
            what: size(train.shape),
            other: test_images,
            other_what: size(test.shape),
        });
    }
    check(&train, [&train_images, &train_labels])?;
    check(&test, [&test_images, &test_labels])?;
    let [height, width] = train.shape;
    let features = height * width;
    let digest = digest_of_wide_labels(features, [(&train.pixels, &train.labels), (&test.pixels, &test.labels)]);
    let half = |part: idx::Part| Half { inputs: Matrix::bytes(part.pixels, features, 1, 255.0), labels: part.labels };
    let (train, test) = (half(train), half(test));
    let labels = super::definition::occurring([&train.labels, &test.labels]);
    Ok(Decoded {
        image: Some([1, height, width]),
        remarks: set.remarks,
        dir: Some(set.dir),
        ..Decoded::new(train, test, labels, digest)
    })
}
