//! How widely a quantity spreads over cells: the standard deviation of what a seed decides, and how much wider one
//! quantity spreads than another over the same cells.
//!
//! The claim "the training error at inversion hardly depends on anything but the data" means something only beside the
//! spread of other training errors of the same cells: at a fixed epoch, at the best test error, at the end.
//!
//! Intervals of standard deviations and of their ratios are jackknife intervals of their logarithms, a seed left out at a
//! time (Miller 1968): right to first order whatever the distribution, where χ² and F need normal values.

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

/// So many rows, ascending by a key; those of one key in their order.
fn by_key<Key: Ord>(rows: usize, key: impl Fn(usize) -> Key) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows).collect();
    order.sort_by_key(|&row| key(row));
    order
}

/// Compares the spread of `other` with that of `base`; the two are paired by cell, and `seed` is that of each cell. NaN
/// where either has no spread.
pub fn ratio(other: &[f64], base: &[f64], seed: &[i64]) -> Ratio {
    let quotient = |numerator: f64, denominator: f64| {
        if numerator > 0.0 && denominator > 0.0 { numerator / denominator } else { f64::NAN }
    };
    let of_deviations = quotient(standard_deviation(other), standard_deviation(base));
    let order = by_key(seed.len(), |row| seed[row]);
    let sums = [other, base].map(|values| {
        let centre = mean(values);
        let mut all = Sums::default();
        values.iter().for_each(|value| all.add(value - centre));
        let of_seed = order.chunk_by(|a, b| seed[*a] == seed[*b]).map(|rows| {
            let mut out = Sums::default();
            rows.iter().for_each(|&row| out.add(values[row] - centre));
            out
        });
        of_seed.map(|out| all.less(out).deviation()).collect::<Vec<_>>()
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
    let count = group.iter().max().map_or(0, |most| most + 1);
    let mut centres = vec![(0.0, 0.0); count];
    for (value, group) in values.iter().zip(group) {
        let (number, sum): &mut (f64, f64) = &mut centres[*group];
        (*number, *sum) = (*number + 1.0, *sum + value);
    }
    let about_centre = |row: usize| {
        let (number, sum) = centres[group[row]];
        values[row] - sum / number
    };
    let mut groups = vec![Sums::default(); count];
    (0..values.len()).for_each(|row| groups[group[row]].add(about_centre(row)));
    let (squares, degrees) = groups
        .iter()
        .fold((0.0, 0.0), |(squares, degrees), of| (squares + of.about_mean(), degrees + (of.number - 1.0).max(0.0)));
    let root = |squares: f64, degrees: f64| if degrees > 0.5 { (squares / degrees).max(0.0).sqrt() } else { f64::NAN };
    let deviation = root(squares, degrees);
    // Deviations that are rounding of equal values are no spread, and have no logarithm.
    if deviation.is_nan() || deviation <= 1e-13 * mean(values).abs() {
        return Within { deviation, interval: Interval::UNKNOWN };
    }
    let order = by_key(values.len(), |row| (seed[row], group[row]));
    let leave_out = |of_seed: &[usize]| {
        let change = |rows: &[usize]| {
            let mut out = Sums::default();
            rows.iter().for_each(|&row| out.add(about_centre(row)));
            let with = groups[group[rows[0]]];
            let without = with.less(out);
            (with.about_mean() - without.about_mean(), (with.number - 1.0).max(0.0) - (without.number - 1.0).max(0.0))
        };
        let of_groups = of_seed.chunk_by(|a, b| group[*a] == group[*b]);
        let (lost, fewer) = of_groups.map(change).fold((0.0, 0.0), |sum, lost| (sum.0 + lost.0, sum.1 + lost.1));
        root(squares - lost, degrees - fewer).ln()
    };
    let without: Vec<f64> = order.chunk_by(|a, b| seed[*a] == seed[*b]).map(leave_out).collect();
    Within { deviation, interval: jackknife(deviation.ln(), &without).interval.map(f64::exp) }
}
