//! The jackknife: the interval of any smooth statistic of independent units, from its values without each of them.
//!
//! Pseudo-values n θ − (n − 1) θ₍ᵢ₎ behave like n independent values whose mean is θ less its bias of order 1/n; Student's
//! interval of their mean is that of θ (Tukey 1958; Miller 1974; for functions of U-statistics, Arvesen 1969). Unlike
//! the bootstrap it meets no unit twice: resampled pairs of a run with its own copy do not arise, nor do variances
//! within groups that shrink by the copies in them.

use super::interval::{COVERAGE, Interval, student};

/// A statistic with its jackknife interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Jackknife {
    /// Mean of the pseudo-values: the statistic corrected for bias of order 1/n.
    pub corrected: f64,
    /// 95% interval about it.
    pub interval: Interval,
}

/// From the statistic of all units and its values without each of them. Unknown for fewer than three units, where a value
/// is not a number, and where leaving units out changes nothing.
pub fn jackknife(whole: f64, without: &[f64]) -> Jackknife {
    let units = without.len() as f64;
    if without.len() < 3 || !whole.is_finite() || without.iter().any(|value| !value.is_finite()) {
        return Jackknife { corrected: f64::NAN, interval: Interval::UNKNOWN };
    }
    let mean = without.iter().sum::<f64>() / units;
    let squares: f64 = without.iter().map(|value| (value - mean).powi(2)).sum();
    let corrected = units * whole - (units - 1.0) * mean;
    let error = ((units - 1.0) / units * squares).sqrt();
    // Rounding of a statistic that no unit decides is no error of it.
    let error = if error <= 1e-12 * whole.abs() { f64::NAN } else { error };
    let interval = Interval::around(corrected, student(0.5 + COVERAGE / 2.0, units - 1.0) * error);
    Jackknife { corrected, interval }
}
