//! A random teacher: Gaussian points x ~ N(0, I_d), whose class is the greatest output of a network of random weights. Without
//! hidden units the teacher is a perceptron (Gardner and Derrida, J. Phys. A 22, 1989); with M of them a committee whose output
//! weights are random too (Saad and Solla, Phys. Rev. E 52, 1995; Goldt et al., NeurIPS 2019, arXiv 1906.08632).
//!
//! Output k is f_k(x) = Σ_m V_km tanh(w_m·x/√d), or w_k·x without hidden units; all V and w are standard normals. The class is
//! argmax_k f_k: of two classes, the sign of f_1 − f_0, itself such a teacher of one output. As every f_k is odd in x, two
//! classes are balanced whatever the teacher.

use serde::Serialize;

use super::definition::{Decoded, Definition, Files, Sizes, digest_of_numbers};
use super::points::{CLASSES, DIMENSION, MANY, Points, TEACHER, TEST, TRAIN, normals};
use crate::data::DataError;
use crate::data::stream::Key as StreamKey;
use crate::key::{Absent, Bound, Form, Key, Label, Literal, Values};

const UNITS: Key = Key {
    name: "units",
    form: Form::Integers,
    bound: Bound::Whole(0, MANY),
    absent: Absent::Is(Literal::Integer(0)),
    label: Label::Always("M"),
    doc: "hidden tanh units M of the teacher; 0 is a perceptron",
    ..Key::BLANK
};

/// The source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RandomTeacher {
    /// Dimension d.
    pub dimension: usize,
    /// Classes K: outputs of the teacher.
    pub classes: usize,
    /// Hidden units M of the teacher; 0 where it is linear.
    pub units: usize,
    /// Number of the teacher's random stream.
    pub teacher: usize,
    /// Points available for training.
    pub train: usize,
    /// Points of the test set.
    pub test: usize,
}

/// The weights of a teacher.
struct Teacher {
    /// w `[unit, coordinate]`, one of each output where there are no hidden units.
    first: Vec<Vec<f64>>,
    /// V `[output, unit]`; empty where there are no hidden units.
    second: Vec<Vec<f64>>,
}

impl Teacher {
    /// The class of a point.
    fn class(&self, point: &[f32]) -> u32 {
        let dot = |weights: &[f64]| weights.iter().zip(point).map(|(w, &x)| w * f64::from(x)).sum::<f64>();
        let first = self.first.iter().map(|weights| dot(weights));
        let outputs: Vec<f64> = if self.second.is_empty() {
            first.collect()
        } else {
            let scale = 1.0 / (point.len() as f64).sqrt();
            let units: Vec<f64> = first.map(|sum| (sum * scale).tanh()).collect();
            self.second.iter().map(|weights| weights.iter().zip(&units).map(|(v, unit)| v * unit).sum()).collect()
        };
        let mut best = 0;
        for (k, output) in outputs.iter().enumerate() {
            // The first of equal outputs, which have probability 0.
            if *output > outputs[best] {
                best = k;
            }
        }
        best as u32
    }
}

impl RandomTeacher {
    /// Everything that decides the points.
    fn numbers(&self) -> [u64; 6] {
        let &RandomTeacher { dimension, classes, units, teacher, train, test } = self;
        [dimension, classes, units, teacher, train, test].map(|n| n as u64)
    }

    fn points(&self) -> Points {
        let &RandomTeacher { dimension, classes, train, test, .. } = self;
        Points { name: Self::NAME, dimension, classes, train, test }
    }

    /// The teacher: each unit from a stream of its own, so that more of them begin with the same.
    fn teacher(&self) -> Teacher {
        let layer = |number: u64, rows: usize, columns: usize| -> Vec<Vec<f64>> {
            let key = StreamKey::new("random-teacher: weights", &[self.teacher as u64, number]);
            let row = |row: usize| {
                let mut stream = key.at(row as u64);
                (0..columns).map(|_| stream.normal()).collect()
            };
            (0..rows).map(row).collect()
        };
        match self.units {
            0 => Teacher { first: layer(0, self.classes, self.dimension), second: Vec::new() },
            units => Teacher { first: layer(0, units, self.dimension), second: layer(1, self.classes, units) },
        }
    }
}

impl Definition for RandomTeacher {
    const NAME: &'static str = "random-teacher";
    const ABOUT: &'static str = "Gaussian points, classified by a network of random weights";
    const KEYS: &'static [Key] = &[DIMENSION, CLASSES, UNITS, TEACHER, TRAIN, TEST];
    const POINTS: bool = true;
    const LARGEST_LABEL: usize = 65_534;

    fn new(values: &Values) -> RandomTeacher {
        RandomTeacher {
            dimension: values.whole("dimension"),
            classes: values.whole("classes"),
            units: values.whole("units"),
            teacher: values.whole("teacher"),
            train: values.whole("train"),
            test: values.whole("test"),
        }
    }

    fn plain() -> RandomTeacher {
        RandomTeacher { dimension: 2, classes: 2, units: 0, teacher: 0, train: 100, test: 100 }
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
        let teacher = self.teacher();
        self.points().decoded(files, &self.numbers(), |stream, point| {
            normals(stream, point);
            teacher.class(point)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: usize = 40_000;

    fn drawn(source: &RandomTeacher) -> (Teacher, Vec<f32>, Vec<u32>) {
        let teacher = source.teacher();
        let (x, y) = source.points().draw(false, |stream, point| {
            normals(stream, point);
            teacher.class(point)
        });
        (teacher, x, y)
    }

    fn source(dimension: usize, classes: usize, units: usize, teacher: usize) -> RandomTeacher {
        RandomTeacher { dimension, classes, units, teacher, train: N, test: 0 }
    }

    /// Five standard errors of a binomial share.
    fn close(found: f64, share: f64) -> bool {
        (found - share).abs() < 5.0 * (share * (1.0 - share) / N as f64).sqrt()
    }

    #[test]
    fn a_perceptron_agrees_with_another_as_the_angle_between_them_says() {
        for number in 0..3 {
            let (teacher, x, y) = drawn(&source(4, 2, 0, number));
            let w: Vec<f64> = teacher.first[1].iter().zip(&teacher.first[0]).map(|(b, a)| b - a).collect();
            let norm = w.iter().map(|w| w * w).sum::<f64>().sqrt();
            for (j, weight) in w.iter().enumerate() {
                // Two half-spaces of Gaussian points agree with probability 1 − θ/π.
                let expected = 1.0 - (weight / norm).acos() / std::f64::consts::PI;
                let agreeing = x.chunks(4).zip(&y).filter(|(point, y)| (point[j] > 0.0) == (**y == 1)).count();
                assert!(close(agreeing as f64 / N as f64, expected), "{number} {j}: {agreeing} for {expected}");
            }
        }
    }

    #[test]
    fn two_classes_are_balanced_and_a_point_and_its_opposite_differ() {
        for units in [0, 1, 5] {
            let (teacher, x, y) = drawn(&source(3, 2, units, 1));
            let share = y.iter().filter(|&&y| y == 1).count() as f64 / N as f64;
            assert!(close(share, 0.5), "{units}: {share}");
            for (point, y) in x.chunks(3).zip(&y).take(1000) {
                let opposite: Vec<f32> = point.iter().map(|x| -x).collect();
                assert_eq!(teacher.class(&opposite), 1 - y);
            }
        }
    }

    #[test]
    fn one_hidden_unit_is_the_perceptron_of_its_weights() {
        // V_1 tanh(w·x) > V_0 tanh(w·x) just where (V_1 − V_0) w·x > 0.
        let (teacher, x, y) = drawn(&source(6, 2, 1, 3));
        let sign = teacher.second[1][0] - teacher.second[0][0];
        for (point, y) in x.chunks(6).zip(&y) {
            let mut sum = 0.0;
            for (w, x) in teacher.first[0].iter().zip(point) {
                sum += w * f64::from(*x);
            }
            assert_eq!(*y, u32::from(sum * sign > 0.0));
        }
    }

    #[test]
    fn every_class_of_several_occurs_and_teachers_differ() {
        let (_, _, y) = drawn(&source(20, 5, 30, 0));
        assert!((0..5).all(|class| y.contains(&class)));
        let (_, _, other) = drawn(&source(20, 5, 30, 1));
        assert_ne!(y, other);
    }
}
