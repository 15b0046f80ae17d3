//! Stripe and cylinder: Gaussian points whose class depends on few of their coordinates (Paccolat et al., J. Stat.
//! Mech. 2021, arXiv 2007.11471, section 3). Coordinate j of point i is the same whatever the number of points, the
//! dimension or the thread.

use rayon::prelude::*;

use super::stream::Key;
use crate::sweep::Source;

/// The interval of the stripe on the first coordinate; its ends are the paper's, and half of all points lie within.
pub(super) const STRIPE: [f32; 2] = [-0.3, 1.185_49];

/// A shape of boundary in a dimension.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spec {
    /// Whether it is the cylinder; else the stripe.
    cylinder: bool,
    /// Dimension d.
    pub(super) dimension: usize,
    /// Informative dimensions d∥, the first ones.
    parallel: usize,
    /// Factor on the other coordinates.
    stretch: f64,
    /// Points to train on.
    pub(super) train: usize,
    /// Points to test on.
    pub(super) test: usize,
}

impl Spec {
    /// The spec of a generated source; `None` for the others.
    pub(super) fn of(source: &Source) -> Option<Spec> {
        match *source {
            Source::Stripe { dimension, train, test, stretch } => {
                Some(Spec { cylinder: false, dimension, parallel: 1, stretch, train, test })
            }
            Source::Cylinder { dimension, parallel, train, test, stretch } => {
                Some(Spec { cylinder: true, dimension, parallel, stretch, train, test })
            }
            _ => None,
        }
    }

    /// Name of the source.
    pub(super) fn name(&self) -> &'static str {
        if self.cylinder { "cylinder" } else { "stripe" }
    }

    /// Everything that decides the points, in order.
    pub(super) fn numbers(&self) -> [u64; 5] {
        let size = |n: usize| n as u64;
        [size(self.dimension), size(self.parallel), self.stretch.to_bits(), size(self.train), size(self.test)]
    }

    /// Coordinates `[point, coordinate]` and classes (1 for y = +1) of the training or the test points.
    pub(super) fn points(&self, test: bool) -> (Vec<f32>, Vec<u8>) {
        let points = if test { self.test } else { self.train };
        let key = Key::new(self.name(), &[u64::from(test)]);
        let mut x = vec![0.0; points * self.dimension];
        let classes = (x.par_chunks_mut(self.dimension.max(1)).enumerate())
            .map(|(index, point)| {
                let mut stream = key.at(index as u64);
                point.iter_mut().for_each(|coordinate| *coordinate = stream.normal() as f32);
                let class = u8::from(self.positive(point));
                for coordinate in point.iter_mut().skip(self.parallel) {
                    *coordinate = (f64::from(*coordinate) * self.stretch) as f32;
                }
                class
            })
            .collect();
        (x, classes)
    }

    /// Whether y = +1 at a point.
    fn positive(&self, point: &[f32]) -> bool {
        if self.cylinder {
            let squares: f64 = point.iter().take(self.parallel).map(|&x| f64::from(x) * f64::from(x)).sum();
            squares > self.parallel as f64 - 2.0 / 3.0
        } else {
            point.first().is_some_and(|&x| STRIPE[0] < x && x < STRIPE[1])
        }
    }
}

#[cfg(test)]
mod tests {
    use statrs::distribution::{ChiSquared, ContinuousCDF, Normal};

    use super::*;

    const N: usize = 40_000;

    fn share_of_positive(spec: &Spec) -> f64 {
        let (_, y) = spec.points(false);
        y.iter().map(|&y| f64::from(y)).sum::<f64>() / y.len() as f64
    }

    /// Four standard errors of a share near one half.
    const TOLERANCE: f64 = 4.0 * 0.5 / 200.0;

    #[test]
    fn stripes_take_their_share_of_a_normal() {
        let spec = Spec { cylinder: false, dimension: 3, parallel: 1, stretch: 1.0, train: N, test: 0 };
        let normal = Normal::standard();
        let expected = normal.cdf(1.18549) - normal.cdf(-0.3);
        assert!((share_of_positive(&spec) - expected).abs() < TOLERANCE);
        // The paper chose the ends so that the classes balance.
        assert!((expected - 0.5).abs() < 1e-4, "{expected}");
    }

    #[test]
    fn cylinders_take_their_share_of_a_chi_square() {
        for parallel in [1, 2, 3, 5] {
            let spec = Spec { cylinder: true, dimension: 6, parallel, stretch: 2.0, train: N, test: 0 };
            let expected = ChiSquared::new(parallel as f64).unwrap().sf(parallel as f64 - 2.0 / 3.0);
            let share = share_of_positive(&spec);
            assert!((share - expected).abs() < TOLERANCE, "d∥ = {parallel}: {share} for {expected}");
        }
    }

    #[test]
    fn a_point_is_the_same_whatever_the_number_of_points_and_the_stretch() {
        let large = Spec { cylinder: true, dimension: 4, parallel: 2, stretch: 1.0, train: 100, test: 10 };
        let small = Spec { train: 30, stretch: 3.0, ..large };
        let ((x, y), (sx, sy)) = (large.points(false), small.points(false));
        assert_eq!(y[..30], sy);
        for (whole, stretched) in x.chunks(4).zip(sx.chunks(4)) {
            assert_eq!(whole[..2], stretched[..2]);
            // One rounding to f32 of the product.
            assert!(whole[2..].iter().zip(&stretched[2..]).all(|(a, b)| (a * 3.0 - b).abs() <= a.abs() * 1e-6));
        }
        assert_ne!(large.points(true).0[..4], x[..4], "test points are others");
    }

    #[test]
    fn the_stretch_acts_on_the_uninformative_coordinates_alone() {
        let spec = Spec { cylinder: false, dimension: 3, parallel: 1, stretch: 4.0, train: N, test: 0 };
        let (x, y) = spec.points(false);
        for (coordinate, expected) in [(0, 1.0), (1, 16.0), (2, 16.0)] {
            let square = x.chunks(3).map(|p| f64::from(p[coordinate]).powi(2)).sum::<f64>() / N as f64;
            // The mean of n squares of normals has the relative standard error √(2/n).
            assert!((square / expected - 1.0).abs() < 5.0 * f64::sqrt(2.0 / N as f64), "{coordinate}: {square}");
        }
        assert!(x.chunks(3).zip(&y).all(|(p, &y)| (y == 1) == (p[0] > -0.3 && p[0] < 1.18549)));
    }
}
