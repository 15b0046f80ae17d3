//! A Gaussian mixture: classes are isotropic Gaussian clouds of unit variance around means that all lie the same distance
//! apart (Mignacco et al., ICML 2020, arXiv 2002.11544, for two classes; Loureiro et al., NeurIPS 2021, arXiv 2106.03791, for
//! several).
//!
//! Class k of K has the mean μ_k = (s/√2)(e_k − (1/K) Σ_j e_j), so that ‖μ_k − μ_l‖ = s and Σ_k μ_k = 0. Its share is
//! p_k ∝ ρ^{−k/(K−1)}: the first class is ρ times as frequent as the last (the exponential profile of Cui et al., CVPR 2019,
//! arXiv 1901.05555). The least error that any classifier of two balanced classes can have is Φ(−s/2).

use serde::Serialize;

use super::definition::{Decoded, Definition, Files, Sizes, digest_of_numbers};
use super::points::{DIMENSION, Points, TEST, TRAIN, normals};
use crate::data::DataError;
use crate::data::stream::Stream;
use crate::key::{Absent, Bound, Form, Key, Label, Literal, Values};

const CLASSES: Key = Key {
    name: "classes",
    form: Form::Integers,
    // Each mean lies along a coordinate of its own.
    bound: Bound::UpTo(2, "dimension"),
    absent: Absent::Is(Literal::Integer(2)),
    label: Label::Always("K"),
    doc: "number of classes K, at most the number of coordinates",
    ..Key::BLANK
};
const SEPARATION: Key = Key {
    name: "separation",
    form: Form::Numbers,
    bound: Bound::NotNegative,
    absent: Absent::Required("2"),
    label: Label::Always("s"),
    doc: "distance s between the means of any two classes, in standard deviations of a class",
    ..Key::BLANK
};
const IMBALANCE: Key = Key {
    name: "imbalance",
    form: Form::Numbers,
    bound: Bound::Positive,
    absent: Absent::Is(Literal::Number(1.0)),
    label: Label::IfUnusual,
    doc: "ratio ρ of the shares of the first and the last class; those between fall geometrically",
    ..Key::BLANK
};

/// The source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GaussianMixture {
    /// Dimension d.
    pub dimension: usize,
    /// Classes K, no more than the dimension.
    pub classes: usize,
    /// Distance s between the means of any two classes.
    pub separation: f64,
    /// Ratio ρ of the shares of the first and the last class.
    pub imbalance: f64,
    /// Points available for training.
    pub train: usize,
    /// Points of the test set.
    pub test: usize,
}

impl GaussianMixture {
    /// Everything that decides the points.
    fn numbers(&self) -> [u64; 6] {
        let &GaussianMixture { dimension, classes, separation, imbalance, train, test } = self;
        let size = |n: usize| n as u64;
        [size(dimension), size(classes), separation.to_bits(), imbalance.to_bits(), size(train), size(test)]
    }

    fn points(&self) -> Points {
        let &GaussianMixture { dimension, classes, train, test, .. } = self;
        Points { name: Self::NAME, dimension, classes, train, test }
    }

    /// Shares of the classes, added up: the last is 1.
    fn cumulative_shares(&self) -> Vec<f64> {
        let last = (self.classes - 1).max(1) as f64;
        let weights: Vec<f64> = (0..self.classes).map(|k| self.imbalance.powf(-(k as f64) / last)).collect();
        let whole: f64 = weights.iter().sum();
        let mut sum = 0.0;
        let sums = weights.iter().map(|weight| {
            sum += weight / whole;
            sum
        });
        sums.collect()
    }

    /// Draws the class first and then the coordinates, so that they are the same whatever the separation.
    fn draw(&self, shares: &[f64], stream: &mut Stream, point: &mut [f32]) -> u32 {
        let uniform = stream.uniform();
        // The last sum may be less than 1 by a rounding error.
        let class = shares.iter().position(|&sum| uniform < sum).unwrap_or(self.classes - 1);
        normals(stream, point);
        let along = self.separation / std::f64::consts::SQRT_2;
        for (k, coordinate) in point.iter_mut().take(self.classes).enumerate() {
            let mean = along * (f64::from(u8::from(k == class)) - 1.0 / self.classes as f64);
            *coordinate = (f64::from(*coordinate) + mean) as f32;
        }
        class as u32
    }
}

impl Definition for GaussianMixture {
    const NAME: &'static str = "gaussian-mixture";
    const ABOUT: &'static str = "Gaussian clouds, one for each class, whose means lie the same distance apart";
    const KEYS: &'static [Key] = &[
        Key { bound: Bound::Whole(2, super::points::MANY), ..DIMENSION },
        CLASSES,
        SEPARATION,
        IMBALANCE,
        TRAIN,
        TEST,
    ];
    const POINTS: bool = true;
    const LARGEST_LABEL: usize = 65_535;

    fn new(values: &Values) -> GaussianMixture {
        GaussianMixture {
            dimension: values.whole("dimension"),
            classes: values.whole("classes"),
            separation: values.real("separation"),
            imbalance: values.real("imbalance"),
            train: values.whole("train"),
            test: values.whole("test"),
        }
    }

    fn plain() -> GaussianMixture {
        GaussianMixture { dimension: 2, classes: 2, separation: 2.0, imbalance: 1.0, train: 100, test: 100 }
    }

    fn classes(&self) -> Option<usize> {
        Some(self.classes)
    }

    fn known(&self) -> Option<Sizes> {
        let &GaussianMixture { dimension, classes, train, test, .. } = self;
        Some(Sizes { features: dimension, labels: classes, train, test, image: None })
    }

    fn generated_digest(&self) -> Option<blake3::Hash> {
        Some(digest_of_numbers(Self::NAME, &self.numbers()))
    }

    fn decode(&self, files: &Files<'_>) -> Result<Decoded, DataError> {
        let &GaussianMixture { dimension, classes, .. } = self;
        // A class is 16 bits wide wherever networks are trained.
        if classes < 2 || classes > dimension || classes > usize::from(u16::MAX) {
            return Err(DataError::Request {
                name: files.name.to_owned(),
                what: format!("{classes} classes in {dimension} dimensions"),
                advice: "There are at least 2 classes, at most 65535, and no more than dimensions".to_owned(),
            });
        }
        let shares = self.cumulative_shares();
        self.points().decoded(files, &self.numbers(), |stream, point| self.draw(&shares, stream, point))
    }
}

#[cfg(test)]
mod tests {
    use statrs::distribution::{ContinuousCDF, Normal};

    use super::*;

    const N: usize = 40_000;

    fn drawn(mixture: &GaussianMixture) -> (Vec<f32>, Vec<u32>) {
        let shares = mixture.cumulative_shares();
        mixture.points().draw(false, |stream, point| mixture.draw(&shares, stream, point))
    }

    fn mixture(dimension: usize, classes: usize, separation: f64, imbalance: f64) -> GaussianMixture {
        GaussianMixture { dimension, classes, separation, imbalance, train: N, test: 0 }
    }

    /// The class with the nearest mean: the one whose coordinate is greatest.
    fn nearest(point: &[f32], classes: usize) -> u32 {
        (0..classes).max_by(|&a, &b| point[a].total_cmp(&point[b])).expect("a class") as u32
    }

    #[test]
    fn two_balanced_classes_are_told_apart_as_well_as_the_bayes_error_allows() {
        let normal = Normal::standard();
        for separation in [0.5, 1.0, 2.0, 4.0] {
            let (x, y) = drawn(&mixture(5, 2, separation, 1.0));
            let wrong = x.chunks(5).zip(&y).filter(|(point, y)| nearest(point, 2) != **y).count();
            let (found, bayes) = (wrong as f64 / N as f64, normal.cdf(-separation / 2.0));
            // Four standard errors of a binomial share.
            let tolerance = 4.0 * (bayes * (1.0 - bayes) / N as f64).sqrt();
            assert!((found - bayes).abs() < tolerance, "s = {separation}: {found} for {bayes}");
        }
    }

    #[test]
    fn shares_fall_geometrically_from_the_first_class_to_the_last() {
        for (classes, imbalance, expected) in [
            (2, 1.0, vec![0.5, 0.5]),
            (2, 4.0, vec![0.8, 0.2]),
            // 1 : 1/2 : 1/4, of 7/4.
            (3, 4.0, vec![4.0 / 7.0, 2.0 / 7.0, 1.0 / 7.0]),
            (4, 1.0, vec![0.25; 4]),
        ] {
            let (_, y) = drawn(&mixture(4, classes, 1.0, imbalance));
            for (class, share) in expected.into_iter().enumerate() {
                let found = y.iter().filter(|&&y| y as usize == class).count() as f64 / N as f64;
                // Four standard errors of a binomial share.
                assert!((found - share).abs() < 4.0 * (share * (1.0 - share) / N as f64).sqrt(), "{classes} {class}");
            }
        }
    }

    #[test]
    fn means_lie_the_stated_distance_apart_around_the_origin_and_clouds_have_unit_variance() {
        let (dimension, classes, separation) = (4, 3, 3.0);
        let (x, y) = drawn(&mixture(dimension, classes, separation, 1.0));
        let of = |class: u32| x.chunks(dimension).zip(&y).filter(move |(_, y)| **y == class).map(|(point, _)| point);
        let mean =
            |class: u32, j: usize| of(class).map(|point| f64::from(point[j])).sum::<f64>() / of(class).count() as f64;
        let means: Vec<Vec<f64>> = (0..3).map(|class| (0..dimension).map(|j| mean(class, j)).collect()).collect();
        // Five standard errors of a mean of some 13,000 unit normals, in each of four coordinates of two means.
        let tolerance = 5.0 * (8.0 / 13_000.0_f64).sqrt();
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            let square: f64 = means[a].iter().zip(&means[b]).map(|(a, b)| (a - b).powi(2)).sum();
            assert!((square.sqrt() - separation).abs() < tolerance, "{a} {b}: {}", square.sqrt());
        }
        for j in 0..dimension {
            let centre: f64 = means.iter().map(|mean| mean[j]).sum();
            assert!(centre.abs() < tolerance, "{j}: {centre}");
            let variance =
                of(0).map(|point| (f64::from(point[j]) - means[0][j]).powi(2)).sum::<f64>() / of(0).count() as f64;
            // The variance of n normals has the standard error √(2/n).
            assert!((variance - 1.0).abs() < 5.0 * (2.0 / 13_000.0_f64).sqrt(), "{j}: {variance}");
        }
    }

    #[test]
    fn a_point_moves_with_its_mean_alone_when_the_separation_changes() {
        let ((near, y), (far, same)) = (drawn(&mixture(3, 2, 1.0, 2.0)), drawn(&mixture(3, 2, 5.0, 2.0)));
        assert_eq!(y, same);
        for (near, far) in near.chunks(3).zip(far.chunks(3)) {
            assert_eq!(near[2], far[2]);
            // μ moves by 4/√2/2 along each of two coordinates; values below 10 round to f32 within 5e-7 each.
            assert!(((far[0] - near[0]).abs() - 2.0_f32.sqrt()).abs() < 2e-6);
        }
    }
}
