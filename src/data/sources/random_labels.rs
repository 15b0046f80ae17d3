//! Random labels: Gaussian points x ~ N(0, I_d) whose classes are drawn uniformly and know nothing of them. How many such
//! points a network can fit is its storage capacity (Gardner, J. Phys. A 21, 1988; 2d for a perceptron: Cover, IEEE Trans.
//! Electron. Comput. 14, 1965).
//!
//! Test classes are drawn as well: no classifier errs less than 1 − 1/K there. `labels = "random"` draws other classes for the
//! points of any source; here they belong to the points, so that label noise and parity apply to them.

use serde::Serialize;

use super::definition::{Decoded, Definition, Files, Sizes, digest_of_numbers};
use super::points::{CLASSES, DIMENSION, Points, TEST, TRAIN, normals};
use crate::data::DataError;
use crate::data::stream::Stream;
use crate::key::{Key, Values};

/// The source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RandomLabels {
    /// Dimension d.
    pub dimension: usize,
    /// Classes K.
    pub classes: usize,
    /// Points available for training.
    pub train: usize,
    /// Points of the test set.
    pub test: usize,
}

impl RandomLabels {
    /// Everything that decides the points.
    fn numbers(&self) -> [u64; 4] {
        [self.dimension, self.classes, self.train, self.test].map(|n| n as u64)
    }

    fn points(&self) -> Points {
        let &RandomLabels { dimension, classes, train, test } = self;
        Points { name: Self::NAME, dimension, classes, train, test }
    }

    fn draw(&self, stream: &mut Stream, point: &mut [f32]) -> u32 {
        let class = stream.below(self.classes as u64) as u32;
        normals(stream, point);
        class
    }
}

impl Definition for RandomLabels {
    const NAME: &'static str = "random-labels";
    const ABOUT: &'static str = "Gaussian points with random classes";
    const KEYS: &'static [Key] = &[DIMENSION, CLASSES, TRAIN, TEST];
    const POINTS: bool = true;
    const LARGEST_LABEL: usize = 65_534;

    fn new(values: &Values) -> RandomLabels {
        RandomLabels {
            dimension: values.whole("dimension"),
            classes: values.whole("classes"),
            train: values.whole("train"),
            test: values.whole("test"),
        }
    }

    fn plain() -> RandomLabels {
        RandomLabels { dimension: 2, classes: 2, train: 100, test: 100 }
    }

    fn classes(&self) -> Option<usize> {
        Some(self.classes)
    }

    fn known(&self) -> Option<Sizes> {
        Some(self.points().sizes())
    }

    fn generated_digest(&self) -> Option<blake3::Hash> {
        Some(digest_of_numbers(Self::NAME, &self.numbers()))
    }

    fn decode(&self, files: &Files<'_>) -> Result<Decoded, DataError> {
        self.points().decoded(files, &self.numbers(), |stream, point| self.draw(stream, point))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: usize = 40_000;

    #[test]
    fn classes_are_as_frequent_as_one_another_and_independent_of_the_points() {
        let source = RandomLabels { dimension: 3, classes: 4, train: N, test: 0 };
        let (x, y) = source.points().draw(false, |stream, point| source.draw(stream, point));
        for class in 0..4 {
            let of: Vec<&[f32]> = x.chunks(3).zip(&y).filter(|(_, y)| **y == class).map(|(point, _)| point).collect();
            let share = of.len() as f64 / N as f64;
            // Five standard errors of a binomial share.
            assert!((share - 0.25).abs() < 5.0 * (0.25 * 0.75 / N as f64).sqrt(), "{class}: {share}");
            for j in 0..3 {
                let mean = of.iter().map(|point| f64::from(point[j])).sum::<f64>() / of.len() as f64;
                // Five standard errors of a mean of unit normals.
                assert!(mean.abs() < 5.0 / (of.len() as f64).sqrt(), "{class} {j}: {mean}");
            }
        }
    }
}
