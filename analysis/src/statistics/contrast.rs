//! How far variants differ: contrasts of their means over seeds, and the largest of many contrasts with an interval that
//! knows that it is the largest.
//!
//! Variants need not spread alike, so each has a variance of its own (Welch 1947). Two variants of one *stratum* start
//! from the same initial weights at a seed: their values are compared seed by seed, and the variance of a contrast is
//! that of what each seed adds to it, V = Σ_s (Σ_v w_v (y_vs − ȳ_v)/√(n_v (n_v − 1)))². Of two variants with the same
//! seeds that is the paired t test's, of two strata Welch's. Strata are independent: their V add up, with Satterthwaite's
//! (1946) degrees of freedom (Σ V)²/Σ(V²/ν), ν = least n_v − 1 of a stratum.
//!
//! *The largest of m contrasts, θ = max |δᵢ|*, has the interval [max Lᵢ, max Uᵢ]. Uᵢ needs no correction for m: θ is one
//! of the |δᵢ|, and exceeds that one's U with probability 2.5% at most (the intersection–union principle of Berger 1982,
//! on which two one-sided tests of equivalence rest; Schuirmann 1987). Lᵢ does: it holds for all i at once, by Šidák's
//! (1967) level for each, as in Tamhane's (1979) T2 for unequal variances.

use std::collections::{BTreeMap, HashMap};

use super::interval::{COVERAGE, Interval, student};
use super::moments::mean;

/// Values of one variant, a value a seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// Variants of one stratum share what a seed decides.
    pub stratum: usize,
    /// Mean.
    pub mean: f64,
    /// Number of values.
    pub size: usize,
    /// (y − ȳ)/√(n (n − 1)) by seed, ascending; 0 throughout where all values are equal.
    scaled: Vec<(i64, f64)>,
    /// Square of the step of which values are multiples, over n.
    step: f64,
}

/// A contrast Σ w_v ȳ_v.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contrast {
    /// Its estimate.
    pub estimate: f64,
    /// Standard error; NaN where it is not known.
    pub error: f64,
    /// Degrees of freedom of the error.
    pub degrees: f64,
}

impl Variant {
    /// From pairs of seed and value; values are multiples of `step` (NaN where it is not known). `None` for fewer than two
    /// values: a single one says nothing of its spread.
    pub fn new(stratum: usize, values: &[(i64, f64)], step: f64) -> Option<Self> {
        if values.len() < 2 {
            return None;
        }
        let (size, mean) = (values.len() as f64, mean(&values.iter().map(|value| value.1).collect::<Vec<_>>()));
        let scale = (size * (size - 1.0)).sqrt();
        let mut scaled: Vec<(i64, f64)> = values.iter().map(|(seed, value)| (*seed, (value - mean) / scale)).collect();
        scaled.sort_by_key(|(seed, _)| *seed);
        Some(Variant { stratum, mean, size: values.len(), scaled, step: step * step / size })
    }

    /// Standard deviation of the values.
    pub fn deviation(&self) -> f64 {
        let squares: f64 = self.scaled.iter().map(|(_, deviation)| deviation * deviation).sum();
        (squares * self.size as f64).sqrt()
    }

    /// Square of the standard error of the mean. Of equal values it is known only that they spread less than a step.
    fn variance(&self) -> f64 {
        let variance: f64 = self.scaled.iter().map(|(_, deviation)| deviation * deviation).sum();
        if self.is_flat(variance) { self.step } else { variance }
    }

    /// Whether a variance is the rounding of none.
    fn is_flat(&self, variance: f64) -> bool {
        variance <= (1e-7 * self.mean).powi(2) / self.size as f64
    }
}

/// Mean of `a` less mean of `b`.
pub fn difference(a: &Variant, b: &Variant) -> Contrast {
    let estimate = a.mean - b.mean;
    let (size_a, size_b) = (a.size as f64 - 1.0, b.size as f64 - 1.0);
    if a.stratum != b.stratum {
        let (of_a, of_b) = (a.variance(), b.variance());
        let both = of_a + of_b;
        let degrees = both * both / (of_a * of_a / size_a + of_b * of_b / size_b);
        return Contrast { estimate, error: both.sqrt(), degrees };
    }
    let mut variance = 0.0;
    let (mut left, mut right) = (a.scaled.iter().peekable(), b.scaled.iter().peekable());
    while let Some(seed) = [left.peek(), right.peek()].into_iter().flatten().map(|(seed, _)| *seed).min() {
        let mut added = 0.0;
        while let Some((_, deviation)) = left.next_if(|(other, _)| *other == seed) {
            added += deviation;
        }
        while let Some((_, deviation)) = right.next_if(|(other, _)| *other == seed) {
            added -= deviation;
        }
        variance += added * added;
    }
    if a.is_flat(variance) {
        variance = a.step + b.step;
    }
    Contrast { estimate, error: variance.sqrt(), degrees: size_a.min(size_b) }
}

/// Mean over several circumstances of the difference of a pair, the first less the second, each in units of its own scale.
pub fn mean_difference(pairs: &[(&Variant, &Variant)], scales: &[f64]) -> Contrast {
    let number = pairs.len() as f64;
    let signed = || {
        let each = pairs.iter().zip(scales);
        each.flat_map(move |((a, b), scale)| [(1.0 / (number * scale), *a), (-1.0 / (number * scale), *b)])
    };
    let mut added: Vec<((usize, i64), f64)> = Vec::new();
    let mut strata: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    for (weight, variant) in signed() {
        added.extend(variant.scaled.iter().map(|(seed, deviation)| ((variant.stratum, *seed), weight * deviation)));
        let (variance, degrees) = strata.entry(variant.stratum).or_insert((0.0, f64::INFINITY));
        if variant.is_flat(variant.scaled.iter().map(|(_, deviation)| deviation * deviation).sum()) {
            *variance += weight * weight * variant.step;
        }
        *degrees = degrees.min(variant.size as f64 - 1.0);
    }
    // Runs of ascending seeds one behind another, which a stable sort merges: what a seed adds stays in the order of variants.
    added.sort_by_key(|(of, _)| *of);
    for of_seed in added.chunk_by(|a, b| a.0 == b.0) {
        let sum: f64 = of_seed.iter().fold(0.0, |sum, (_, part)| sum + part);
        if let Some((variance, _)) = strata.get_mut(&of_seed[0].0.0) {
            *variance += sum * sum;
        }
    }
    let variance: f64 = strata.values().map(|(variance, _)| variance).sum();
    let spread: f64 = strata.values().map(|(variance, degrees)| variance * variance / degrees).sum();
    let estimate = signed().map(|(weight, variant)| weight * variant.mean).sum();
    let error = if variance > 0.0 { variance.sqrt() } else { f64::NAN };
    Contrast { estimate, error, degrees: variance * variance / spread }
}

impl Contrast {
    /// In units of a scale whose own error is neglected.
    pub fn over(self, scale: f64) -> Self {
        Contrast { estimate: self.estimate / scale, error: self.error / scale, degrees: self.degrees }
    }

    /// Its own two-sided interval, at a level for each of so many contrasts that all of them hold at once.
    pub fn interval(&self, contrasts: usize) -> Interval {
        Interval::around(self.estimate, self.error * student(upper(1.0 - COVERAGE, contrasts), self.degrees))
    }
}

/// The probability below the upper end of a two-sided interval that misses with probability `miss`, all of so many at
/// once (Šidák 1967).
pub fn upper(miss: f64, contrasts: usize) -> f64 {
    let each = -((-miss).ln_1p() / contrasts.max(1) as f64).exp_m1();
    1.0 - each / 2.0
}

/// The largest of the |δᵢ|: greatest estimate and 95% interval. `single` are the contrasts whose largest is asked for;
/// `means` are means of some of these, none of which can be larger than the largest: they raise the lower bound where
/// single contrasts are of few seeds. Unknown where a contrast's error is.
pub fn largest(single: &[Contrast], means: &[Contrast]) -> (f64, Interval) {
    let estimate = single.iter().map(|contrast| contrast.estimate.abs()).fold(f64::NAN, f64::max);
    let tail = (1.0 - COVERAGE) / 2.0;
    let (family, mut interval) = (single.len() + means.len(), Interval { low: 0.0, high: 0.0 });
    // Quantiles by degrees of freedom, of which there are few where contrasts are of pairs.
    let mut quantiles: HashMap<u64, [f64; 2]> = HashMap::new();
    for (place, contrast) in single.iter().chain(means).enumerate() {
        let degrees = contrast.degrees;
        let [simultaneous, alone] = *(quantiles.entry(degrees.to_bits()))
            .or_insert_with(|| [upper(tail, family), 1.0 - tail].map(|probability| student(probability, degrees)));
        let below = contrast.estimate.abs() - contrast.error * simultaneous;
        let above = contrast.estimate.abs() + contrast.error * alone;
        if !(below.is_finite() && above.is_finite() && contrast.error > 0.0) {
            return (estimate, Interval::UNKNOWN);
        }
        interval.low = interval.low.max(below);
        if place < single.len() {
            interval.high = interval.high.max(above);
        }
    }
    (estimate, if single.is_empty() { Interval::UNKNOWN } else { interval })
}
