//! Two moons: half circles in the plane that reach into each other (`make_moons` of scikit-learn, Pedregosa et al., JMLR 12, 2011).
//!
//! Class 0 is (cos θ, sin θ), class 1 is (1 − cos θ, 1/2 − sin θ), θ uniform on [0, π]; Gaussian noise is added to both
//! coordinates. Angles are drawn at random, where scikit-learn's are evenly spaced.

use std::f64::consts::PI;

use serde::Serialize;

use super::definition::{Decoded, Definition, Files, Listed, Sizes, digest_of_numbers};
use super::points::{NOISE, Points, TEST, TRAIN};
use crate::data::DataError;
use crate::data::stream::Stream;
use crate::key::{Key, Values};

/// The source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moons {
    /// Standard deviation of the noise of a coordinate.
    pub noise: f64,
    /// Points available for training.
    pub train: usize,
    /// Points of the test set.
    pub test: usize,
}

impl Moons {
    /// Everything that decides the points.
    fn numbers(&self) -> [u64; 3] {
        [self.noise.to_bits(), self.train as u64, self.test as u64]
    }

    fn points(&self) -> Points {
        Points { name: Self::NAME, dimension: 2, classes: 2, train: self.train, test: self.test }
    }

    /// Draws the class, the angle and the noise, so that a point moves with its noise alone.
    fn draw(&self, stream: &mut Stream, point: &mut [f32]) -> u32 {
        let class = stream.below(2) as u32;
        let (sine, cosine) = (PI * stream.uniform()).sin_cos();
        let curve = if class == 0 { [cosine, sine] } else { [1.0 - cosine, 0.5 - sine] };
        for (coordinate, on) in point.iter_mut().zip(curve) {
            *coordinate = (on + self.noise * stream.normal()) as f32;
        }
        class
    }
}

impl Definition for Moons {
    const NAME: &'static str = "moons";
    const ABOUT: &'static str = "two half circles in the plane that reach into each other";
    const KEYS: &'static [Key] = &[NOISE, TRAIN, TEST];
    const POINTS: bool = true;
    // Two classes of their own: parity and the like would be other names for them.
    const OWN_CLASSES: bool = true;
    const LISTED: Listed = Listed { features: Some(2), labels: Some(2), ..Listed::NOTHING };

    fn new(values: &Values) -> Moons {
        Moons { noise: values.real("noise"), train: values.whole("train"), test: values.whole("test") }
    }

    fn plain() -> Moons {
        Moons { noise: 0.1, train: 100, test: 100 }
    }

    fn classes(&self) -> Option<usize> {
        Some(2)
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

    fn drawn(noise: f64) -> (Vec<f32>, Vec<u32>) {
        let moons = Moons { noise, train: N, test: 0 };
        moons.points().draw(false, |stream, point| moons.draw(stream, point))
    }

    #[test]
    fn points_without_noise_lie_on_two_half_circles() {
        let (x, y) = drawn(0.0);
        for (point, y) in x.chunks(2).zip(&y) {
            let [a, b] = [point[0], point[1]].map(f64::from);
            let (from, half) = if *y == 0 { ([a, b], b) } else { ([a - 1.0, b - 0.5], 0.5 - b) };
            // Coordinates below 2 round to f32 within 1.2e-7.
            assert!((from[0].hypot(from[1]) - 1.0).abs() < 5e-7 && half > -5e-7, "{point:?} {y}");
        }
        // Means of (cos θ, sin θ) are (0, 2/π), their variances 1/2 and 1/2 − 4/π²; five standard errors of half the points.
        for (class, mean) in [(0, [0.0, 2.0 / PI]), (1, [1.0, 0.5 - 2.0 / PI])] {
            let of: Vec<&[f32]> = x.chunks(2).zip(&y).filter(|(_, y)| **y == class).map(|(point, _)| point).collect();
            assert!((of.len() as f64 / N as f64 - 0.5).abs() < 5.0 * 0.5 / (N as f64).sqrt());
            for (j, variance) in [(0, 0.5), (1, 0.5 - 4.0 / (PI * PI))] {
                let found = of.iter().map(|point| f64::from(point[j])).sum::<f64>() / of.len() as f64;
                assert!((found - mean[j]).abs() < 5.0 * (variance / of.len() as f64).sqrt(), "{class} {j}: {found}");
            }
        }
    }

    #[test]
    fn noise_has_its_standard_deviation_and_leaves_the_rest_as_it_is() {
        let ((clean, y), (noisy, same)) = (drawn(0.0), drawn(0.3));
        assert_eq!(y, same);
        let square = clean.iter().zip(&noisy).map(|(a, b)| f64::from(b - a).powi(2)).sum::<f64>() / (2 * N) as f64;
        // The mean of n squares of normals has the relative standard error √(2/n).
        assert!((square / 0.09 - 1.0).abs() < 5.0 * (1.0 / N as f64).sqrt(), "{square}");
    }
}
