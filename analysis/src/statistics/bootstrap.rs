//! Bootstrap intervals (Efron & Tibshirani, *An Introduction to the Bootstrap*, 1993, chapters 13 and 14).
//!
//! Means get the BCa interval; everything else (ratios, shares) the percentile interval of its resampled values.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use statrs::distribution::{ContinuousCDF, Normal};

use super::moments::{mean, quantile};

/// Probability that an interval is to cover.
pub const COVERAGE: f64 = 0.95;

/// A two-sided interval; NaN bounds where it is not defined.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

impl Interval {
    /// The interval that says nothing.
    pub const UNKNOWN: Interval = Interval { low: f64::NAN, high: f64::NAN };

    /// Whether both bounds are numbers.
    pub fn is_known(&self) -> bool {
        self.low.is_finite() && self.high.is_finite()
    }
}

/// Values drawn for one interval, at most: beyond this there are fewer resamples, but never under 200. The interval of
/// so many values is narrow, and its own error small beside it.
const MOST_DRAWN: usize = 20_000_000;

/// Resamples for an interval over `size` values, where so many were asked for.
pub fn affordable(resamples: usize, size: usize) -> usize {
    resamples.min((MOST_DRAWN / size.max(1)).max(200))
}

/// Random numbers of one interval: `stream` tells the intervals of a report apart.
pub fn generator(stream: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(0x7068_6173_6573_7765 ^ stream)
}

/// Percentile interval of resampled values (finite ones; at least 20 of them).
pub fn percentile(mut resampled: Vec<f64>) -> Interval {
    resampled.retain(|value| value.is_finite());
    if resampled.len() < 20 {
        return Interval::UNKNOWN;
    }
    resampled.sort_by(f64::total_cmp);
    let tail = (1.0 - COVERAGE) / 2.0;
    Interval { low: quantile(&resampled, tail), high: quantile(&resampled, 1.0 - tail) }
}

/// BCa interval of the mean: percentiles of the resampled means at Φ(z₀ + (z₀ + z_α)/(1 − a(z₀ + z_α))), with z₀ the
/// normal score of the share of resampled means below the mean and a = Σ d³ / (6 (Σ d²)^{3/2}), d = x̄ − x: the
/// jackknife's acceleration, which for a mean needs no jackknife (Efron & Tibshirani, eq. 14.9, 14.14, 14.15).
/// Unknown for fewer than two values; a point where all are equal.
pub fn mean_interval(values: &[f64], resamples: usize, stream: u64) -> Interval {
    let size = values.len();
    if size < 2 || resamples < 20 {
        return Interval::UNKNOWN;
    }
    let centre = mean(values);
    let (mut squares, mut cubes) = (0.0, 0.0);
    for value in values {
        let deviation = value - centre;
        squares += deviation.powi(2);
        cubes += deviation.powi(3);
    }
    // Deviations that are rounding of equal values carry no information on skewness.
    if squares <= size as f64 * (1e-14 * centre).powi(2) {
        return Interval { low: centre, high: centre };
    }
    // With θ(i) = (n x̄ − x_i)/(n − 1), θ(·) − θ(i) = (x_i − x̄)/(n − 1): the factor cancels.
    let acceleration = cubes / (6.0 * squares.powf(1.5));
    let resamples = affordable(resamples, size);
    let mut random = generator(stream);
    let mut resampled: Vec<f64> = (0..resamples)
        .map(|_| (0..size).map(|_| values[random.random_range(0..size)]).sum::<f64>() / size as f64)
        .collect();
    resampled.sort_by(f64::total_cmp);
    let below = resampled.partition_point(|value| *value < centre);
    let ties = resampled[below..].partition_point(|value| *value <= centre);
    let share = (below as f64 + 0.5 * ties as f64) / resamples as f64;
    let bounds = 0.5 / resamples as f64;
    let Ok(normal) = Normal::new(0.0, 1.0) else { return Interval::UNKNOWN };
    let bias = normal.inverse_cdf(share.clamp(bounds, 1.0 - bounds));
    let at = |probability: f64| {
        let score = bias + normal.inverse_cdf(probability);
        quantile(&resampled, normal.cdf(bias + score / (1.0 - acceleration * score)))
    };
    let tail = (1.0 - COVERAGE) / 2.0;
    Interval { low: at(tail), high: at(1.0 - tail) }
}
