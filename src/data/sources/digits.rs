//! UCI's optical digits: 1797 images of 8×8 pixels with values 0 to 16, in the binary. See `DIGITS.md` for the
//! attribution (E. Alpaydin and C. Kaynak 1998, CC BY 4.0) and for how the file was made. The samples after `train` are
//! the test set.

use std::io::Read;

use serde::Serialize;

use super::definition::{Decoded, Definition, Files, Half, Listed, Sizes, digest_of_samples, plain_labels};
use crate::data::DataError;
use crate::data::matrix::Matrix;
use crate::key::{Absent, Bound, Form, Key, Label, Literal, Values};

/// The source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Digits {
    /// Number of samples, from the first, that subsamples are taken from.
    pub train: usize,
}

impl Definition for Digits {
    const NAME: &'static str = "digits";
    const ABOUT: &'static str = "handwritten digits of UCI, 8×8; those after the first `train` are the test set";
    const KEYS: &'static [Key] = &[Key {
        name: "train",
        form: Form::Integers,
        bound: Bound::Whole(1, SAMPLES as i128 - 1),
        absent: Absent::Is(Literal::Integer(1500)),
        instead: "; elsewhere [[subsample]] size",
        label: Label::IfTelling,
        doc: "samples, from the first, that subsamples are taken from; the others are the test set",
        ..Key::BLANK
    }];
    const TOO_LARGE: &'static str =
        "digits: 1797 samples in all; those after `train` in [[data]] (1500 unless set) are the test set";
    const LISTED: Listed = Listed {
        features: Some(PIXELS),
        labels: Some(CLASSES),
        samples: Some((SAMPLES, 0)),
        licence: Some("CC BY 4.0"),
    };

    fn new(values: &Values) -> Digits {
        Digits { train: values.whole("train") }
    }

    fn plain() -> Digits {
        Digits { train: 1500 }
    }

    fn classes(&self) -> Option<usize> {
        Some(CLASSES)
    }

    fn known(&self) -> Option<Sizes> {
        let test = SAMPLES.saturating_sub(self.train);
        Some(Sizes { features: PIXELS, labels: CLASSES, train: self.train, test, image: Some([1, 8, 8]) })
    }

    fn decode(&self, files: &Files<'_>) -> Result<Decoded, DataError> {
        let train = self.train;
        if train == 0 || train >= SAMPLES {
            return Err(DataError::Request {
                name: files.name.to_owned(),
                what: format!("train = {train}, but there are {SAMPLES} images, of which some must be left to test on"),
                advice: format!("Choose from 1 to {}", SAMPLES - 1),
            });
        }
        let (mut pixels, mut labels) = digits();
        let digest = digest_of_samples(PIXELS, [(&pixels, &labels), (&[], &[])]);
        let (test_pixels, test_labels) = (pixels.split_off(train * PIXELS), labels.split_off(train));
        let half = |pixels, labels: Vec<u8>| Half::of_bytes(Matrix::bytes(pixels, PIXELS, 1, WHITE), &labels);
        let (train, test) = (half(pixels, labels), half(test_pixels, test_labels));
        Ok(Decoded { image: Some([1, 8, 8]), ..Decoded::new(train, test, plain_labels(CLASSES), digest) })
    }
}

/// Images.
const SAMPLES: usize = 1797;
/// Pixels of an image.
const PIXELS: usize = 64;
/// Classes: the digits.
const CLASSES: usize = 10;
/// The greatest pixel value.
const WHITE: f32 = 16.0;

/// Records of the digit, then the pixels; gzip.
static PACKED: &[u8] = include_bytes!("digits.bin.gz");

/// Pixels `[image, row, column]` and the digits.
///
/// # Panics
/// The file in the binary is damaged: a bug of the build, which the tests would have met.
fn digits() -> (Vec<u8>, Vec<u8>) {
    let mut records = Vec::with_capacity(SAMPLES * (1 + PIXELS));
    let read = flate2::read::GzDecoder::new(PACKED).read_to_end(&mut records);
    assert!(
        read.is_ok() && records.len() == SAMPLES * (1 + PIXELS),
        "the digits in this binary are damaged ({} bytes, {read:?}): build it anew",
        records.len()
    );
    let mut pixels = Vec::with_capacity(SAMPLES * PIXELS);
    let mut labels = Vec::with_capacity(SAMPLES);
    for record in records.chunks_exact(1 + PIXELS) {
        labels.push(record[0]);
        pixels.extend_from_slice(&record[1..]);
    }
    (pixels, labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_the_digits_of_scikit_learn() {
        let (pixels, labels) = digits();
        // np.bincount(load_digits().target)
        let mut counts = [0; CLASSES];
        labels.iter().for_each(|&label| counts[usize::from(label)] += 1);
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        assert_eq!(pixels.iter().max(), Some(&16));
        // load_digits().images[0], its first three rows.
        assert_eq!(pixels[..24], [0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0, 0, 3, 15, 2, 0, 11, 8, 0]);
    }
}
