//! What the sources of Gaussian points have in common: a point is drawn from a stream of its own.
//!
//! Invariant: coordinate j of point i is the same whatever the number of points, the dimension or the thread.

use rayon::prelude::*;

use super::definition::{Decoded, Files, Half, Sizes, digest_of_numbers, plain_labels};
use crate::data::DataError;
use crate::data::matrix::Matrix;
use crate::data::stream::{Key as StreamKey, Stream};
use crate::key::{Absent, Bound, Form, Key, Label, Literal};

/// Points and dimensions may not be more.
pub(super) const MANY: i128 = 1_000_000_000;

/// Number of coordinates.
pub(super) const DIMENSION: Key = Key {
    name: "dimension",
    form: Form::Integers,
    bound: Bound::Whole(1, MANY),
    absent: Absent::Required("10"),
    label: Label::Always("d"),
    doc: "number of coordinates",
    ..Key::BLANK
};
/// Points to train on.
pub(super) const TRAIN: Key = Key {
    name: "train",
    form: Form::Integers,
    bound: Bound::Whole(1, MANY),
    absent: Absent::Is(Literal::Integer(10_000)),
    instead: "; elsewhere [[subsample]] size",
    label: Label::IfTelling,
    doc: "points that subsamples are taken from",
    ..Key::BLANK
};
/// Points to test on.
pub(super) const TEST: Key = Key { name: "test", instead: "", doc: "test points", ..TRAIN };
/// Factor on the coordinates that carry nothing.
pub(super) const STRETCH: Key = Key {
    name: "stretch",
    form: Form::Numbers,
    bound: Bound::Positive,
    absent: Absent::Is(Literal::Number(1.0)),
    label: Label::IfUnusual,
    doc: "factor on the coordinates that the label does not depend on",
    ..Key::BLANK
};

/// Number of classes of a source that has any number of them.
pub(super) const CLASSES: Key = Key {
    name: "classes",
    form: Form::Integers,
    // A class is 16 bits wide wherever networks are trained.
    bound: Bound::Whole(2, u16::MAX as i128),
    absent: Absent::Is(Literal::Integer(2)),
    label: Label::Always("K"),
    doc: "number of classes K",
    ..Key::BLANK
};
/// Standard deviation of what is added to the coordinates of a curve's points.
pub(super) const NOISE: Key = Key {
    name: "noise",
    form: Form::Numbers,
    bound: Bound::NotNegative,
    absent: Absent::Is(Literal::Number(0.1)),
    label: Label::IfUnusual,
    doc: "standard deviation of the Gaussian noise that is added to each coordinate",
    ..Key::BLANK
};
/// Which of the random teachers.
pub(super) const TEACHER: Key = Key {
    name: "teacher",
    form: Form::Integers,
    bound: Bound::Whole(0, i64::MAX as i128),
    absent: Absent::Is(Literal::Integer(0)),
    label: Label::IfUnusual,
    doc: "number of the random teacher, the same for all seeds",
    ..Key::BLANK
};

/// Points of a source.
pub(super) struct Points {
    /// Name of the source and of its streams.
    pub(super) name: &'static str,
    /// Coordinates of a point.
    pub(super) dimension: usize,
    /// Classes.
    pub(super) classes: usize,
    /// Points to train on.
    pub(super) train: usize,
    /// Points to test on.
    pub(super) test: usize,
}

impl Points {
    /// Their sizes.
    pub(super) fn sizes(&self) -> Sizes {
        let &Points { dimension, classes, train, test, .. } = self;
        Sizes { features: dimension, labels: classes, train, test, image: None }
    }

    /// Coordinates `[point, coordinate]` and classes of the training or the test points; `draw` fills a point from its
    /// stream and answers its class.
    pub(super) fn draw(
        &self,
        test: bool,
        draw: impl Fn(&mut Stream, &mut [f32]) -> u32 + Sync,
    ) -> (Vec<f32>, Vec<u32>) {
        let points = if test { self.test } else { self.train };
        let key = StreamKey::new(self.name, &[u64::from(test)]);
        let mut x = vec![0.0; points * self.dimension];
        let classes = (x.par_chunks_mut(self.dimension.max(1)).enumerate())
            .map(|(index, point)| draw(&mut key.at(index as u64), point))
            .collect();
        (x, classes)
    }

    /// The decoded source; `numbers` is everything that decides the points, in the order of the digest.
    ///
    /// # Errors
    /// There are no points, they have no coordinates, or their classes are no 16-bit numbers.
    pub(super) fn decoded(
        &self,
        files: &Files<'_>,
        numbers: &[u64],
        draw: impl Fn(&mut Stream, &mut [f32]) -> u32 + Sync,
    ) -> Result<Decoded, DataError> {
        let Points { name, dimension, classes, train, test } = *self;
        if dimension == 0 || train == 0 || test == 0 {
            return Err(DataError::Request {
                name: files.name.to_owned(),
                what: format!("{train} training and {test} test points in {dimension} dimensions"),
                advice: "All three must be at least 1".to_owned(),
            });
        }
        if classes < 2 || classes > usize::from(u16::MAX) {
            return Err(DataError::Request {
                name: files.name.to_owned(),
                what: format!("{classes} classes"),
                advice: "There are at least 2 classes, and at most 65535".to_owned(),
            });
        }
        let half = |test| {
            let (points, labels) = self.draw(test, &draw);
            Half { inputs: Matrix::floats(points, dimension), labels }
        };
        Ok(Decoded::new(half(false), half(true), plain_labels(classes), digest_of_numbers(name, numbers)))
    }
}

/// Fills a point with independent standard normals.
pub(super) fn normals(stream: &mut Stream, point: &mut [f32]) {
    point.iter_mut().for_each(|coordinate| *coordinate = stream.normal() as f32);
}

/// Multiplies all coordinates from `first` on.
pub(super) fn stretch(point: &mut [f32], first: usize, factor: f64) {
    for coordinate in point.iter_mut().skip(first) {
        *coordinate = (f64::from(*coordinate) * factor) as f32;
    }
}
