//! The cylinder: Gaussian points x ~ N(0, I_d), y = sign(‖x_∥‖² − (d∥ − 2/3)), x_∥ the first d∥ coordinates (Paccolat et al.,
//! J. Stat. Mech. 2021, arXiv 2007.11471, section 3).

use serde::Serialize;

use super::definition::{Decoded, Definition, Files, Listed, Sizes, digest_of_numbers};
use super::points::{DIMENSION, Points, STRETCH, TEST, TRAIN, normals, stretch};
use crate::data::DataError;
use crate::data::stream::Stream;
use crate::key::{Absent, Bound, Form, Key, Label, Values};

const PARALLEL: Key = Key {
    name: "parallel",
    form: Form::Integers,
    // Informative dimensions are dimensions: no more of them than the smallest space has.
    bound: Bound::UpTo(1, "dimension"),
    absent: Absent::Required("2"),
    label: Label::Always("d∥"),
    doc: "coordinates that the label depends on, the first ones",
    ..Key::BLANK
};

/// The source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cylinder {
    /// Dimension d.
    pub dimension: usize,
    /// Informative dimensions d∥, the first ones.
    pub parallel: usize,
    /// Points available for training.
    pub train: usize,
    /// Points of the test set.
    pub test: usize,
    /// Factor on the coordinates that carry nothing.
    pub stretch: f64,
}

impl Cylinder {
    /// Everything that decides the points.
    fn numbers(&self) -> [u64; 5] {
        let size = |n: usize| n as u64;
        [size(self.dimension), size(self.parallel), self.stretch.to_bits(), size(self.train), size(self.test)]
    }

    fn points(&self) -> Points {
        let &Cylinder { dimension, train, test, .. } = self;
        Points { name: Self::NAME, dimension, classes: 2, train, test }
    }

    fn draw(&self, stream: &mut Stream, point: &mut [f32]) -> u32 {
        normals(stream, point);
        let class = u32::from(self.positive(point));
        stretch(point, self.parallel, self.stretch);
        class
    }

    /// Whether y = +1 at a point.
    fn positive(&self, point: &[f32]) -> bool {
        let squares: f64 = point.iter().take(self.parallel).map(|&x| f64::from(x) * f64::from(x)).sum();
        squares > self.parallel as f64 - 2.0 / 3.0
    }
}

impl Definition for Cylinder {
    const NAME: &'static str = "cylinder";
    const ABOUT: &'static str = "Gaussian points, a cylinder";
    const KEYS: &'static [Key] = &[DIMENSION, PARALLEL, TRAIN, TEST, STRETCH];
    const POINTS: bool = true;
    // Two classes of their own: parity and the like would be other names for them.
    const OWN_CLASSES: bool = true;
    const LISTED: Listed = Listed { labels: Some(2), ..Listed::NOTHING };

    fn new(values: &Values) -> Cylinder {
        Cylinder {
            dimension: values.whole("dimension"),
            parallel: values.whole("parallel"),
            train: values.whole("train"),
            test: values.whole("test"),
            stretch: values.real("stretch"),
        }
    }

    fn plain() -> Cylinder {
        Cylinder { dimension: 2, parallel: 2, train: 1, test: 1, stretch: 1.0 }
    }

    fn classes(&self) -> Option<usize> {
        Some(2)
    }

    fn informative(&self) -> Option<usize> {
        Some(self.parallel)
    }

    fn known(&self) -> Option<Sizes> {
        let &Cylinder { dimension, train, test, .. } = self;
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
    use statrs::distribution::{ChiSquared, ContinuousCDF};

    use super::*;

    const N: usize = 40_000;
    /// Four standard errors of a share near one half.
    const TOLERANCE: f64 = 4.0 * 0.5 / 200.0;

    fn drawn(spec: &Cylinder, test: bool) -> (Vec<f32>, Vec<u32>) {
        spec.points().draw(test, |stream, point| spec.draw(stream, point))
    }

    #[test]
    fn cylinders_take_their_share_of_a_chi_square() {
        for parallel in [1, 2, 3, 5] {
            let (_, y) = drawn(&Cylinder { dimension: 6, parallel, train: N, test: 0, stretch: 2.0 }, false);
            let share = y.iter().map(|&y| f64::from(y)).sum::<f64>() / y.len() as f64;
            let expected = ChiSquared::new(parallel as f64).unwrap().sf(parallel as f64 - 2.0 / 3.0);
            assert!((share - expected).abs() < TOLERANCE, "d∥ = {parallel}: {share} for {expected}");
        }
    }

    #[test]
    fn a_point_is_the_same_whatever_the_number_of_points_and_the_stretch() {
        let large = Cylinder { dimension: 4, parallel: 2, train: 100, test: 10, stretch: 1.0 };
        let small = Cylinder { train: 30, stretch: 3.0, ..large.clone() };
        let ((x, y), (sx, sy)) = (drawn(&large, false), drawn(&small, false));
        assert_eq!(y[..30], sy);
        for (whole, stretched) in x.chunks(4).zip(sx.chunks(4)) {
            assert_eq!(whole[..2], stretched[..2]);
            // One rounding to f32 of the product.
            assert!(whole[2..].iter().zip(&stretched[2..]).all(|(a, b)| (a * 3.0 - b).abs() <= a.abs() * 1e-6));
        }
        assert_ne!(drawn(&large, true).0[..4], x[..4], "test points are others");
    }
}
