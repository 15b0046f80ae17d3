//! Intervals, and Student's t: the interval of a mean of few values.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::moments::{mean, standard_deviation};

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

    /// centre ± half; unknown where the half-width is not a positive number.
    pub fn around(centre: f64, half: f64) -> Self {
        if half > 0.0 && half.is_finite() {
            Interval { low: centre - half, high: centre + half }
        } else {
            Interval::UNKNOWN
        }
    }

    /// The interval of an increasing function of the quantity.
    pub fn map(self, function: impl Fn(f64) -> f64) -> Self {
        if self.is_known() { Interval { low: function(self.low), high: function(self.high) } } else { self }
    }
}

/// Quantile of Student's t distribution; NaN for no degree of freedom. Degrees need not be whole (Satterthwaite 1946).
pub fn student(probability: f64, degrees: f64) -> f64 {
    StudentsT::new(0.0, 1.0, degrees).map_or(f64::NAN, |law| law.inverse_cdf(probability))
}

/// Student's interval of the mean (Student 1908): x̄ ± t s/√n. Exact for normal values at any n, where the bootstrap covers
/// too seldom at the few seeds that a group has (docs/stability.md has the coverage). Unknown for fewer than two values,
/// and where all are equal: ε* is a multiple of 1/P, and a few equal values say only that the spread is below such a step.
pub fn mean_interval(values: &[f64]) -> Interval {
    let (size, centre, deviation) = (values.len() as f64, mean(values), standard_deviation(values));
    // Deviations that are rounding of equal values are no spread.
    if values.len() < 2 || deviation <= 1e-13 * centre.abs() {
        return Interval::UNKNOWN;
    }
    Interval::around(centre, student(0.5 + COVERAGE / 2.0, size - 1.0) * deviation / size.sqrt())
}
