//! Spirals: arms that wind around one another in the plane, one for each class (Lang and Witbrock, Proc. 1988 Connectionist Models
//! Summer School, for two).
//!
//! Arm k of K is the Archimedean spiral of radius r uniform on [0, 1) at the angle 2π(t·r + k/K), t being the number of turns;
//! Gaussian noise is added to both coordinates.

use std::f64::consts::TAU;

use serde::Serialize;

use super::definition::{Decoded, Definition, Files, Listed, Sizes, digest_of_numbers};
use super::points::{CLASSES, NOISE, Points, TEST, TRAIN};
use crate::data::DataError;
use crate::data::stream::Stream;
use crate::key::{Absent, Bound, Form, Key, Label, Literal, Values};

const TURNS: Key = Key {
    name: "turns",
    form: Form::Numbers,
    bound: Bound::NotNegative,
    absent: Absent::Is(Literal::Number(1.0)),
    label: Label::IfUnusual,
    doc: "turns of an arm around the origin",
    ..Key::BLANK
};

/// The source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spirals {
    /// Classes K: arms.
    pub classes: usize,
    /// Turns t of an arm.
    pub turns: f64,
    /// Standard deviation of the noise of a coordinate.
    pub noise: f64,
    /// Points available for training.
    pub train: usize,
    /// Points of the test set.
    pub test: usize,
}

impl Spirals {
    /// Everything that decides the points.
    fn numbers(&self) -> [u64; 5] {
        let &Spirals { classes, turns, noise, train, test } = self;
        [classes as u64, turns.to_bits(), noise.to_bits(), train as u64, test as u64]
    }

    fn points(&self) -> Points {
        let &Spirals { classes, train, test, .. } = self;
        Points { name: Self::NAME, dimension: 2, classes, train, test }
    }

    /// Draws the class, the radius and the noise, so that a point moves with its noise alone.
    fn draw(&self, stream: &mut Stream, point: &mut [f32]) -> u32 {
        let class = stream.below(self.classes as u64);
        let radius = stream.uniform();
        let (sine, cosine) = (TAU * (self.turns * radius + class as f64 / self.classes as f64)).sin_cos();
        for (coordinate, on) in point.iter_mut().zip([radius * cosine, radius * sine]) {
            *coordinate = (on + self.noise * stream.normal()) as f32;
        }
        class as u32
    }
}

impl Definition for Spirals {
    const NAME: &'static str = "spirals";
    const ABOUT: &'static str = "spiral arms in the plane, one for each class";
    const KEYS: &'static [Key] =
        &[CLASSES, TURNS, Key { absent: Absent::Is(Literal::Number(0.02)), ..NOISE }, TRAIN, TEST];
    const POINTS: bool = true;
    const LARGEST_LABEL: usize = 65_534;
    const LISTED: Listed = Listed { features: Some(2), ..Listed::NOTHING };

    fn new(values: &Values) -> Spirals {
        Spirals {
            classes: values.whole("classes"),
            turns: values.real("turns"),
            noise: values.real("noise"),
            train: values.whole("train"),
            test: values.whole("test"),
        }
    }

    fn plain() -> Spirals {
        Spirals { classes: 2, turns: 1.0, noise: 0.02, train: 100, test: 100 }
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
    fn an_arm_can_be_told_from_radius_and_angle() {
        for (classes, turns) in [(2, 1.0), (3, 2.5), (5, 0.0)] {
            let spirals = Spirals { classes, turns, noise: 0.0, train: N, test: 0 };
            let (x, y) = spirals.points().draw(false, |stream, point| spirals.draw(stream, point));
            for (point, y) in x.chunks(2).zip(&y) {
                let [a, b] = [point[0], point[1]].map(f64::from);
                let radius = a.hypot(b);
                let arm = (b.atan2(a) / TAU - turns * radius).rem_euclid(1.0) * classes as f64;
                // Angles near the origin are as exact as f32 coordinates are: relative errors of 1e-7, wherever the point is.
                assert_eq!(arm.round() as usize % classes, *y as usize, "{point:?}");
                assert!((arm - arm.round()).abs() < 1e-5, "{point:?}: {arm}");
            }
            // Radii are uniform: mean 1/2, variance 1/12; five standard errors.
            let mean = x.chunks(2).map(|point| f64::from(point[0].hypot(point[1]))).sum::<f64>() / N as f64;
            assert!((mean - 0.5).abs() < 5.0 / (12.0 * N as f64).sqrt(), "{mean}");
            for class in 0..classes {
                let found = y.iter().filter(|&&y| y as usize == class).count() as f64 / N as f64;
                let share = 1.0 / classes as f64;
                // Five standard errors of a binomial share.
                assert!((found - share).abs() < 5.0 * (share * (1.0 - share) / N as f64).sqrt(), "{class}: {found}");
            }
        }
    }
}
