//! A power-law spectrum: Gaussian points whose coordinate j = 1 … d has the variance λ_j = j^{−a}, the eigenvalues of their
//! covariance, classified by a random linear teacher (Bordelon, Canatar and Pehlevan, ICML 2020, arXiv 2002.02561; Maloney,
//! Roberts and Sully 2022, arXiv 2210.16859, where a = 1 + α).
//!
//! Class 1 is where w·x > 0; the teacher's weights w are standard normals. The greatest eigenvalue is 1, so that a coordinate is
//! the same whatever the dimension. Any rotation of the points would be the same task to a network of Gaussian initial weights.

use serde::Serialize;

use super::definition::{Decoded, Definition, Files, Listed, Sizes, digest_of_numbers};
use super::points::{DIMENSION, Points, TEACHER, TEST, TRAIN};
use crate::data::DataError;
use crate::data::stream::{Key as StreamKey, Stream};
use crate::key::{Absent, Bound, Form, Key, Label, Values};

const EXPONENT: Key = Key {
    name: "exponent",
    form: Form::Numbers,
    bound: Bound::NotNegative,
    absent: Absent::Required("1.5"),
    label: Label::Always("a"),
    doc: "exponent a of the covariance's eigenvalues j^−a; 0 is white",
    ..Key::BLANK
};

/// The source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PowerLaw {
    /// Dimension d.
    pub dimension: usize,
    /// Exponent a of the spectrum.
    pub exponent: f64,
    /// Number of the teacher's random stream.
    pub teacher: usize,
    /// Points available for training.
    pub train: usize,
    /// Points of the test set.
    pub test: usize,
}

impl PowerLaw {
    /// Everything that decides the points.
    fn numbers(&self) -> [u64; 5] {
        let &PowerLaw { dimension, exponent, teacher, train, test } = self;
        let size = |n: usize| n as u64;
        [size(dimension), exponent.to_bits(), size(teacher), size(train), size(test)]
    }

    fn points(&self) -> Points {
        let &PowerLaw { dimension, train, test, .. } = self;
        Points { name: Self::NAME, dimension, classes: 2, train, test }
    }

    /// √λ_j and w_j of each coordinate.
    fn axes(&self) -> Vec<(f64, f64)> {
        let mut stream = StreamKey::new("power-law: teacher", &[self.teacher as u64]).at(0);
        (1..=self.dimension).map(|j| ((j as f64).powf(-self.exponent / 2.0), stream.normal())).collect()
    }
}

fn draw(axes: &[(f64, f64)], stream: &mut Stream, point: &mut [f32]) -> u32 {
    let mut output = 0.0;
    for (coordinate, (deviation, weight)) in point.iter_mut().zip(axes) {
        *coordinate = (stream.normal() * deviation) as f32;
        output += weight * f64::from(*coordinate);
    }
    u32::from(output > 0.0)
}

impl Definition for PowerLaw {
    const NAME: &'static str = "power-law";
    const ABOUT: &'static str = "Gaussian points of a power-law spectrum, classified by a linear teacher";
    const KEYS: &'static [Key] = &[DIMENSION, EXPONENT, TEACHER, TRAIN, TEST];
    const POINTS: bool = true;
    // Two classes of their own: parity and the like would be other names for them.
    const OWN_CLASSES: bool = true;
    const LISTED: Listed = Listed { labels: Some(2), ..Listed::NOTHING };

    fn new(values: &Values) -> PowerLaw {
        PowerLaw {
            dimension: values.whole("dimension"),
            exponent: values.real("exponent"),
            teacher: values.whole("teacher"),
            train: values.whole("train"),
            test: values.whole("test"),
        }
    }

    fn plain() -> PowerLaw {
        PowerLaw { dimension: 10, exponent: 1.5, teacher: 0, train: 100, test: 100 }
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
        let axes = self.axes();
        self.points().decoded(files, &self.numbers(), |stream, point| draw(&axes, stream, point))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: usize = 40_000;

    fn drawn(source: &PowerLaw) -> (Vec<(f64, f64)>, Vec<f32>, Vec<u32>) {
        let axes = source.axes();
        let (x, y) = source.points().draw(false, |stream, point| draw(&axes, stream, point));
        (axes, x, y)
    }

    #[test]
    fn the_covariance_falls_as_the_power_says() {
        for exponent in [0.0, 1.0, 2.5] {
            let d = 8;
            let (_, x, _) = drawn(&PowerLaw { dimension: d, exponent, teacher: 0, train: N, test: 0 });
            let moment = |i: usize, j: usize| {
                x.chunks(d).map(|point| f64::from(point[i]) * f64::from(point[j])).sum::<f64>() / N as f64
            };
            for i in 0..d {
                let expected = 1.0 / ((i + 1) as f64).powf(exponent);
                // The mean of n squares of normals has the relative standard error √(2/n).
                assert!((moment(i, i) / expected - 1.0).abs() < 5.0 * (2.0 / N as f64).sqrt(), "{exponent} {i}");
                for j in 0..i {
                    let correlation = moment(i, j) / (moment(i, i) * moment(j, j)).sqrt();
                    assert!(correlation.abs() < 5.0 / (N as f64).sqrt(), "{exponent} {i} {j}: {correlation}");
                }
            }
        }
    }

    #[test]
    fn the_teacher_agrees_with_a_coordinate_as_their_correlation_says() {
        for teacher in 0..3 {
            let d = 6;
            let (axes, x, y) = drawn(&PowerLaw { dimension: d, exponent: 1.0, teacher, train: N, test: 0 });
            let norm = axes.iter().map(|(deviation, w)| (w * deviation).powi(2)).sum::<f64>().sqrt();
            for (j, (deviation, weight)) in axes.iter().enumerate() {
                // Signs of Gaussian numbers of correlation ρ agree with probability 1 − arccos(ρ)/π.
                let share = 1.0 - (weight * deviation / norm).acos() / std::f64::consts::PI;
                let found =
                    x.chunks(d).zip(&y).filter(|(point, y)| (point[j] > 0.0) == (**y == 1)).count() as f64 / N as f64;
                // Five standard errors of a binomial share.
                assert!(
                    (found - share).abs() < 5.0 * (share * (1.0 - share) / N as f64).sqrt(),
                    "{teacher} {j}: {found}"
                );
            }
        }
    }
}
