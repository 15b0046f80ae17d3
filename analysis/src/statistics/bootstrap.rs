//! Percentile intervals of resampled values (Efron & Tibshirani, *An Introduction to the Bootstrap*, 1993, chapter 13):
//! those of the power laws of gradient flows. Statistics of stability are of few seeds, where the bootstrap covers too
//! little; they have Student's interval and the jackknife's.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::interval::{COVERAGE, Interval};
use super::moments::quantile;

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

/// Percentile interval of resampled values (finite ones; at least 20 of them). Unknown where they are all equal: what does
/// not vary over resamples was not measured finely enough to say how far it would.
pub fn percentile(mut resampled: Vec<f64>) -> Interval {
    resampled.retain(|value| value.is_finite());
    if resampled.len() < 20 {
        return Interval::UNKNOWN;
    }
    resampled.sort_by(f64::total_cmp);
    let tail = (1.0 - COVERAGE) / 2.0;
    let (low, high) = (quantile(&resampled, tail), quantile(&resampled, 1.0 - tail));
    if low < high { Interval { low, high } } else { Interval::UNKNOWN }
}
