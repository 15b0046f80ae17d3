//! How widely a quantity spreads over cells: the standard deviation of what a seed decides, and how much wider one
//! quantity spreads than another over the same cells.
//!
//! The claim "the training error at inversion hardly depends on anything but the data" means something only beside the
//! spread of other training errors of the same cells: at a fixed epoch, at the best test error, at the end.
//!
//! Intervals of standard deviations and of their ratios are jackknife intervals of their logarithms, a seed left out at a
//! time (Miller 1968): right to first order whatever the distribution, where χ² and F need normal values.

use std::collections::BTreeMap;

use super::interval::Interval;
use super::jackknife::jackknife;
use super::moments::{coefficient_of_variation, mean, standard_deviation};

/// Ratio of two spreads over the same cells, with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// sd(other)/sd(base).
    pub of_deviations: f64,
    /// Its 95% interval; unknown for fewer than three seeds.
    pub interval: Interval,
    /// CV(other)/CV(base).
    pub of_variations: f64,
}

/// Number, sum and sum of squares of values that are taken from a common centre.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    number: f64,
    sum: f64,
    square: f64,
}

impl Sums {
    fn add(&mut self, value: f64) {
        self.number += 1.0;
        self.sum += value;
        self.square += value * value;
    }

    fn less(self, other: Sums) -> Sums {
        Sums { number: self.number - other.number, sum: self.sum - other.sum, square: self.square - other.square }
    }

    /// Sum of squares about the mean; 0 for no value.
    fn about_mean(self) -> f64 {
        if self.number > 0.0 { (self.square - self.sum * self.sum / self.number).max(0.0) } else { 0.0 }
    }

    fn deviation(self) -> f64 {
        if self.number > 1.0 { (self.about_mean() / (self.number - 1.0)).sqrt() } else { f64::NAN }
    }
}

/// Compares the spread of `other` with that of `base`; the two are paired by cell, and `seed` is that of each cell. NaN
/// where either has no spread.
pub fn ratio(other: &[f64], base: &[f64], seed: &[i64]) -> Ratio {
    let quotient = |numerator: f64, denominator: f64| {
        if numerator > 0.0 && denominator > 0.0 { numerator / denominator } else { f64::NAN }
    };
    let of_deviations = quotient(standard_deviation(other), standard_deviation(base));
    let sums = [other, base].map(|values| {
        let centre = mean(values);
        let (mut all, mut of_seed) = (Sums::default(), BTreeMap::<i64, Sums>::new());
        for (value, seed) in values.iter().zip(seed) {
            all.add(value - centre);
            of_seed.entry(*seed).or_default().add(value - centre);
        }
        of_seed.into_values().map(move |out| all.less(out).deviation()).collect::<Vec<_>>()
    });
    let without: Vec<f64> = sums[0].iter().zip(&sums[1]).map(|(a, b)| quotient(*a, *b).ln()).collect();
    Ratio {
        of_deviations,
        interval: jackknife(of_deviations.ln(), &without).interval.map(f64::exp),
        of_variations: quotient(coefficient_of_variation(other), coefficient_of_variation(base)),
    }
}

/// What the seed alone decides: the standard deviation within groups that differ in the seed alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Within {
    /// √(Σ (y − ȳ_g)²/Σ (n_g − 1)); NaN where no group has two values.
    pub deviation: f64,
    /// Its 95% interval; unknown for fewer than three seeds, and where nothing spreads.
    pub interval: Interval,
}

/// The pooled standard deviation within groups. `group` and `seed` are those of each value.
pub fn within(values: &[f64], group: &[usize], seed: &[i64]) -> Within {
    let mut centres: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    for (value, group) in values.iter().zip(group) {
        let (number, sum) = centres.entry(*group).or_default();
        (*number, *sum) = (*number + 1.0, *sum + value);
    }
    let mut groups: BTreeMap<usize, Sums> = BTreeMap::new();
    let mut of_seeds: BTreeMap<i64, BTreeMap<usize, Sums>> = BTreeMap::new();
    for ((value, group), seed) in values.iter().zip(group).zip(seed) {
        let (number, sum) = centres[group];
        let value = value - sum / number;
        groups.entry(*group).or_default().add(value);
        of_seeds.entry(*seed).or_default().entry(*group).or_default().add(value);
    }
    let (squares, degrees) = groups
        .values()
        .fold((0.0, 0.0), |(squares, degrees), of| (squares + of.about_mean(), degrees + (of.number - 1.0).max(0.0)));
    let root = |squares: f64, degrees: f64| if degrees > 0.5 { (squares / degrees).max(0.0).sqrt() } else { f64::NAN };
    let deviation = root(squares, degrees);
    // Deviations that are rounding of equal values are no spread, and have no logarithm.
    if deviation.is_nan() || deviation <= 1e-13 * mean(values).abs() {
        return Within { deviation, interval: Interval::UNKNOWN };
    }
    let leave_out = |of_seed: &BTreeMap<usize, Sums>| {
        let change = |(group, out): (&usize, &Sums)| {
            let (with, without) = (groups[group], groups[group].less(*out));
            (with.about_mean() - without.about_mean(), (with.number - 1.0).max(0.0) - (without.number - 1.0).max(0.0))
        };
        let (lost, fewer) = of_seed.iter().map(change).fold((0.0, 0.0), |sum, lost| (sum.0 + lost.0, sum.1 + lost.1));
        root(squares - lost, degrees - fewer).ln()
    };
    let without: Vec<f64> = of_seeds.values().map(leave_out).collect();
    Within { deviation, interval: jackknife(deviation.ln(), &without).interval.map(f64::exp) }
}
