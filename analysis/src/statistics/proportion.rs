//! Proportions of few cells, and the difference of two of them.
//!
//! Wilson's (1927) score interval of a proportion, and Newcombe's (1998, method 10) interval of the difference of two
//! independent ones made of it: unlike the normal interval, both are right where all or none of a few cells turn.

use statrs::distribution::{ContinuousCDF, Normal};

use super::interval::Interval;

/// So many of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Those that do.
    pub of: usize,
    /// All.
    pub all: usize,
}

impl Count {
    /// The proportion; NaN of none.
    pub fn share(self) -> f64 {
        self.of as f64 / self.all as f64
    }
}

/// Wilson's interval of a proportion whose ends are `z` standard errors away. Unknown for no cell.
pub fn wilson(count: Count, z: f64) -> Interval {
    let (n, p) = (count.all as f64, count.share());
    if !(p.is_finite() && z.is_finite()) {
        return Interval::UNKNOWN;
    }
    let centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    Interval { low: (centre - half).max(0.0), high: (centre + half).min(1.0) }
}

/// Newcombe's interval of the first share less the second; `probability` is that below its upper end (0.975 for a 95%
/// interval).
pub fn difference(first: Count, second: Count, probability: f64) -> Interval {
    let z = Normal::standard().inverse_cdf(probability);
    let (a, b) = (wilson(first, z), wilson(second, z));
    let (p, q) = (first.share(), second.share());
    if !(a.is_known() && b.is_known()) {
        return Interval::UNKNOWN;
    }
    let apart = p - q;
    Interval {
        low: apart - ((p - a.low).powi(2) + (b.high - q).powi(2)).sqrt(),
        high: apart + ((a.high - p).powi(2) + (q - b.low).powi(2)).sqrt(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of Newcombe (1998), table II, method 10: four printed decimals.
    #[test]
    fn differences_are_those_that_newcombe_prints() {
        for ([a, n, b, m], [low, high]) in
            [([56, 70, 48, 80], [0.0524, 0.3339]), ([9, 10, 3, 10], [0.1705, 0.8090]), ([10, 10, 0, 10], [0.6075, 1.0])]
        {
            let found = difference(Count { of: a, all: n }, Count { of: b, all: m }, 0.975);
            assert!((found.low - low).abs() < 5.1e-5 && (found.high - high).abs() < 5.1e-5, "{found:?}");
        }
        assert!(!difference(Count { of: 0, all: 0 }, Count { of: 1, all: 2 }, 0.975).is_known());
    }
}
