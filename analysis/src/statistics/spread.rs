//! How widely a quantity spreads over cells, and how much wider than another one over the same cells.
//!
//! The claim "the training error at inversion hardly depends on anything but the data" means something only beside the
//! spread of other training errors of the same cells: at a fixed epoch, at the best test error, at the end.

use rand::Rng;

use super::bootstrap::{Interval, affordable, generator, percentile};
use super::moments::{coefficient_of_variation, standard_deviation};

/// Ratio of two spreads over the same cells, with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// sd(other)/sd(base).
    pub of_deviations: f64,
    /// Its 95% percentile bootstrap interval, cells resampled in pairs.
    pub interval: Interval,
    /// CV(other)/CV(base).
    pub of_variations: f64,
}

/// Compares the spread of `other` with that of `base`; the two are paired by cell. NaN where either has no spread.
pub fn ratio(other: &[f64], base: &[f64], resamples: usize, stream: u64) -> Ratio {
    let quotient =
        |numerator: f64, denominator: f64| if denominator > 0.0 { numerator / denominator } else { f64::NAN };
    let deviations = |a: &[f64], b: &[f64]| quotient(standard_deviation(a), standard_deviation(b));
    let size = base.len().min(other.len());
    let mut random = generator(stream);
    let mut drawn = (vec![0.0; size], vec![0.0; size]);
    let resampled = (0..if size < 3 { 0 } else { affordable(resamples, size) })
        .map(|_| {
            for place in 0..size {
                let row = random.random_range(0..size);
                (drawn.0[place], drawn.1[place]) = (other[row], base[row]);
            }
            deviations(&drawn.0, &drawn.1)
        })
        .collect();
    Ratio {
        of_deviations: deviations(other, base),
        interval: percentile(resampled),
        of_variations: quotient(coefficient_of_variation(other), coefficient_of_variation(base)),
    }
}
