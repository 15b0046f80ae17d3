//! Rings: one circle around the origin for each class (`make_circles` of scikit-learn, Pedregosa et al., JMLR 12, 2011, is the
//! case of two classes).
//!
//! Class k of K has the radius (k + 1)/K and a uniform angle; Gaussian noise is added to both coordinates.

use std::f64::consts::TAU;

use serde::Serialize;

use super::definition::{Decoded, Definition, Files, Listed, Sizes, digest_of_numbers};
use super::points::{CLASSES, NOISE, Points, TEST, TRAIN};
use crate::data::DataError;
use crate::data::stream::Stream;
use crate::key::{Key, Values};

/// The source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rings {
    /// Classes K.
    pub classes: usize,
    /// Standard deviation of the noise of a coordinate.
    pub noise: f64,
    /// Points available for training.
    pub train: usize,
    /// Points of the test set.
    pub test: usize,
}

impl Rings {
    /// Everything that decides the points.
    fn numbers(&self) -> [u64; 4] {
        [self.classes as u64, self.noise.to_bits(), self.train as u64, self.test as u64]
    }

    fn points(&self) -> Points {
        let &Rings { classes, train, test, .. } = self;
        Points { name: Self::NAME, dimension: 2, classes, train, test }
    }

    /// Draws the class, the angle and the noise, so that a point moves with its noise alone.
    fn draw(&self, stream: &mut Stream, point: &mut [f32]) -> u32 {
        let class = stream.below(self.classes as u64);
        let radius = (class + 1) as f64 / self.classes as f64;
        let (sine, cosine) = (TAU * stream.uniform()).sin_cos();
        for (coordinate, on) in point.iter_mut().zip([radius * cosine, radius * sine]) {
            *coordinate = (on + self.noise * stream.normal()) as f32;
        }
        class as u32
    }
}

impl Definition for Rings {
    const NAME: &'static str = "rings";
    const ABOUT: &'static str = "circles in the plane around one another, one for each class";
    const KEYS: &'static [Key] = &[CLASSES, NOISE, TRAIN, TEST];
    const POINTS: bool = true;
    const LARGEST_LABEL: usize = 65_534;
    const LISTED: Listed = Listed { features: Some(2), ..Listed::NOTHING };

    fn new(values: &Values) -> Rings {
        Rings {
            classes: values.whole("classes"),
            noise: values.real("noise"),
            train: values.whole("train"),
            test: values.whole("test"),
        }
    }

    fn plain() -> Rings {
        Rings { classes: 2, noise: 0.1, train: 100, test: 100 }
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
    fn a_class_has_its_radius_its_share_and_its_noise() {
        for (classes, noise) in [(2, 0.0), (3, 0.0), (3, 0.2)] {
            let rings = Rings { classes, noise, train: N, test: 0 };
            let (x, y) = rings.points().draw(false, |stream, point| rings.draw(stream, point));
            for class in 0..classes {
                let radius = (class + 1) as f64 / classes as f64;
                let squares: Vec<f64> = (x.chunks(2).zip(&y).filter(|(_, y)| **y as usize == class))
                    .map(|(point, _)| f64::from(point[0]).powi(2) + f64::from(point[1]).powi(2))
                    .collect();
                let (share, n) = (1.0 / classes as f64, squares.len() as f64);
                // Five standard errors of a binomial share.
                assert!((n / N as f64 - share).abs() < 5.0 * (share * (1.0 - share) / N as f64).sqrt());
                let mean = squares.iter().sum::<f64>() / n;
                // ‖x‖² has the mean r² + 2σ² and the variance 4σ⁴ + 4r²σ²: five standard errors, and rounding to f32.
                let variance = 4.0 * noise.powi(4) + 4.0 * (radius * noise).powi(2);
                let tolerance = 5.0 * (variance / n).sqrt() + 1e-6;
                assert!((mean - radius * radius - 2.0 * noise * noise).abs() < tolerance, "{classes} {class}: {mean}");
                if noise == 0.0 {
                    assert!(squares.iter().all(|square| (square.sqrt() - radius).abs() < 5e-7));
                }
            }
        }
    }
}
