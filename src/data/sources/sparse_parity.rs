//! Sparse parity: x uniform on {−1, 1}ⁿ, class 1 where the product of the first k coordinates is +1 (Barak et al., NeurIPS 2022,
//! arXiv 2207.08799). Which coordinates these are does not matter to a network without an order of its inputs.

use serde::Serialize;

use super::definition::{Decoded, Definition, Files, Listed, Sizes, digest_of_numbers};
use super::points::{DIMENSION, Points, TEST, TRAIN};
use crate::data::DataError;
use crate::data::stream::Stream;
use crate::key::{Absent, Bound, Form, Key, Label, Values};

const RELEVANT: Key = Key {
    name: "relevant",
    form: Form::Integers,
    bound: Bound::UpTo(1, "dimension"),
    absent: Absent::Required("3"),
    label: Label::Always("k"),
    doc: "coordinates k that the parity is taken of, the first ones",
    ..Key::BLANK
};

/// The source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SparseParity {
    /// Dimension n.
    pub dimension: usize,
    /// Coordinates k of the parity.
    pub relevant: usize,
    /// Points available for training.
    pub train: usize,
    /// Points of the test set.
    pub test: usize,
}

impl SparseParity {
    /// Everything that decides the points.
    fn numbers(&self) -> [u64; 4] {
        [self.dimension, self.relevant, self.train, self.test].map(|n| n as u64)
    }

    fn points(&self) -> Points {
        let &SparseParity { dimension, train, test, .. } = self;
        Points { name: Self::NAME, dimension, classes: 2, train, test }
    }

    fn draw(&self, stream: &mut Stream, point: &mut [f32]) -> u32 {
        let mut negative = 0;
        for (j, coordinate) in point.iter_mut().enumerate() {
            let bit = stream.below(2);
            *coordinate = if bit == 1 { 1.0 } else { -1.0 };
            negative += u32::from(bit == 0 && j < self.relevant);
        }
        1 - negative % 2
    }
}

impl Definition for SparseParity {
    const NAME: &'static str = "sparse-parity";
    const ABOUT: &'static str = "corners of a cube, classified by the parity of some coordinates";
    const KEYS: &'static [Key] = &[DIMENSION, RELEVANT, TRAIN, TEST];
    const POINTS: bool = true;
    // Two classes of their own: parity and the like would be other names for them.
    const OWN_CLASSES: bool = true;
    const LISTED: Listed = Listed { labels: Some(2), ..Listed::NOTHING };

    fn new(values: &Values) -> SparseParity {
        SparseParity {
            dimension: values.whole("dimension"),
            relevant: values.whole("relevant"),
            train: values.whole("train"),
            test: values.whole("test"),
        }
    }

    fn plain() -> SparseParity {
        SparseParity { dimension: 10, relevant: 3, train: 100, test: 100 }
    }

    fn classes(&self) -> Option<usize> {
        Some(2)
    }

    fn informative(&self) -> Option<usize> {
        Some(self.relevant)
    }

    fn known(&self) -> Option<Sizes> {
        Some(self.points().sizes())
    }

    fn generated_digest(&self) -> Option<blake3::Hash> {
        Some(digest_of_numbers(Self::NAME, &self.numbers()))
    }

    fn decode(&self, files: &Files<'_>) -> Result<Decoded, DataError> {
        if self.relevant == 0 || self.relevant > self.dimension {
            return Err(DataError::Request {
                name: files.name.to_owned(),
                what: format!("the parity of {} of {} coordinates", self.relevant, self.dimension),
                advice: "It is of at least one, and of no more than there are".to_owned(),
            });
        }
        self.points().decoded(files, &self.numbers(), |stream, point| self.draw(stream, point))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: usize = 40_000;

    #[test]
    fn the_class_is_the_product_of_the_relevant_coordinates_and_fewer_say_nothing() {
        for (dimension, relevant) in [(1, 1), (6, 2), (6, 3), (10, 10)] {
            let source = SparseParity { dimension, relevant, train: N, test: 0 };
            let (x, y) = source.points().draw(false, |stream, point| source.draw(stream, point));
            assert!(x.iter().all(|x| x.abs() == 1.0));
            let sign = |y: u32| if y == 1 { 1.0 } else { -1.0 };
            for (point, &y) in x.chunks(dimension).zip(&y) {
                assert_eq!(point[..relevant].iter().product::<f32>(), sign(y));
            }
            // Fourier coefficients: of a product of fewer coordinates (of none: the mean) they are 0. Five standard errors.
            for fewer in 0..relevant {
                let products =
                    x.chunks(dimension).zip(&y).map(|(point, &y)| sign(y) * point[..fewer].iter().product::<f32>());
                let coefficient = products.map(f64::from).sum::<f64>() / N as f64;
                assert!(coefficient.abs() < 5.0 / (N as f64).sqrt(), "{relevant} {fewer}: {coefficient}");
            }
        }
    }
}
