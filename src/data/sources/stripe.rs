//! The stripe: Gaussian points x ~ N(0, I_d), y = +1 where −0.3 < x₁ < 1.18549 (Paccolat et al., J. Stat. Mech. 2021, arXiv
//! 2007.11471, section 3).

use serde::Serialize;

use super::definition::{Decoded, Definition, Files, Listed, Sizes, digest_of_numbers};
use super::points::{DIMENSION, Points, STRETCH, TEST, TRAIN, normals, stretch};
use crate::data::DataError;
use crate::data::stream::Stream;
use crate::key::{Key, Values};

/// The interval on the first coordinate; its ends are the paper's, and half of all points lie within.
const ENDS: [f32; 2] = [-0.3, 1.185_49];

/// The source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stripe {
    /// Dimension d.
    pub dimension: usize,
    /// Points available for training.
    pub train: usize,
    /// Points of the test set.
    pub test: usize,
    /// Factor on the coordinates that carry nothing.
    pub stretch: f64,
}

impl Stripe {
    /// Everything that decides the points.
    fn numbers(&self) -> [u64; 5] {
        let size = |n: usize| n as u64;
        [size(self.dimension), 1, self.stretch.to_bits(), size(self.train), size(self.test)]
    }

    fn points(&self) -> Points {
        let &Stripe { dimension, train, test, .. } = self;
        Points { name: Self::NAME, dimension, classes: 2, train, test }
    }

    fn draw(&self, stream: &mut Stream, point: &mut [f32]) -> u32 {
        normals(stream, point);
        let class = u32::from(self.positive(point));
        stretch(point, 1, self.stretch);
        class
    }

    /// Whether y = +1 at a point.
    fn positive(&self, point: &[f32]) -> bool {
        point.first().is_some_and(|&x| ENDS[0] < x && x < ENDS[1])
    }
}

impl Definition for Stripe {
    const NAME: &'static str = "stripe";
    const ABOUT: &'static str = "Gaussian points, two parallel interfaces";
    const KEYS: &'static [Key] = &[DIMENSION, TRAIN, TEST, STRETCH];
    const POINTS: bool = true;
    // Two classes of their own: parity and the like would be other names for them.
    const OWN_CLASSES: bool = true;
    const LISTED: Listed = Listed { labels: Some(2), ..Listed::NOTHING };

    fn new(values: &Values) -> Stripe {
        Stripe {
            dimension: values.whole("dimension"),
            train: values.whole("train"),
            test: values.whole("test"),
            stretch: values.real("stretch"),
        }
    }

    fn plain() -> Stripe {
        Stripe { dimension: 2, train: 1, test: 1, stretch: 1.0 }
    }

    fn classes(&self) -> Option<usize> {
        Some(2)
    }

    fn informative(&self) -> Option<usize> {
        Some(1)
    }

    fn known(&self) -> Option<Sizes> {
        let &Stripe { dimension, train, test, .. } = self;
        Some(Sizes { features: dimension, labels: 2, train, test, image: None })
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
    use statrs::distribution::{ContinuousCDF, Normal};

    use super::*;

    const N: usize = 40_000;
    /// Four standard errors of a share near one half.
    const TOLERANCE: f64 = 4.0 * 0.5 / 200.0;

    #[test]
    fn stripes_take_their_share_of_a_normal() {
        let spec = Stripe { dimension: 3, train: N, test: 0, stretch: 1.0 };
        let (_, y) = spec.points().draw(false, |stream, point| spec.draw(stream, point));
        let share = y.iter().map(|&y| f64::from(y)).sum::<f64>() / y.len() as f64;
        let normal = Normal::standard();
        let expected = normal.cdf(1.18549) - normal.cdf(-0.3);
        assert!((share - expected).abs() < TOLERANCE);
        // The paper chose the ends so that the classes balance.
        assert!((expected - 0.5).abs() < 1e-4, "{expected}");
    }

    #[test]
    fn the_stretch_acts_on_the_uninformative_coordinates_alone() {
        let spec = Stripe { dimension: 3, train: N, test: 0, stretch: 4.0 };
        let (x, y) = spec.points().draw(false, |stream, point| spec.draw(stream, point));
        for (coordinate, expected) in [(0, 1.0), (1, 16.0), (2, 16.0)] {
            let square = x.chunks(3).map(|p| f64::from(p[coordinate]).powi(2)).sum::<f64>() / N as f64;
            // The mean of n squares of normals has the relative standard error √(2/n).
            assert!((square / expected - 1.0).abs() < 5.0 * f64::sqrt(2.0 / N as f64), "{coordinate}: {square}");
        }
        assert!(x.chunks(3).zip(&y).all(|(p, &y)| (y == 1) == (p[0] > -0.3 && p[0] < 1.18549)));
    }
}
