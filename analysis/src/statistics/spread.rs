//! How widely a quantity spreads over cells, and how much wider than another one over the same cells.
//!
//! The claim "the training error at inversion hardly depends on anything but the data" means something only beside the
//! spread of other training errors of the same cells: at a fixed epoch, at the best test error, at the end.

use rand::Rng;
use rayon::prelude::*;

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
    let resamples = if size < 3 { 0 } else { affordable(resamples, size) };
    // Every resample has random numbers of its own, so that they may be drawn in parallel and still be the same.
    let resampled: Vec<f64> = (0..resamples as u64)
        .into_par_iter()
        .map(|resample| {
            let mut random = generator((stream << 32) | resample);
            let rows: Vec<usize> = (0..size).map(|_| random.random_range(0..size)).collect();
            let drawn = |values: &[f64]| rows.iter().map(|&row| values[row]).collect::<Vec<_>>();
            deviations(&drawn(other), &drawn(base))
        })
        .collect();
    Ratio {
        of_deviations: deviations(other, base),
        interval: percentile(resampled),
        of_variations: quotient(coefficient_of_variation(other), coefficient_of_variation(base)),
    }
}
