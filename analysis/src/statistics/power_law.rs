//! Power laws y = c x^a by ordinary least squares on ln y against ln x, of the means over independent units (seeds).
//!
//! Two intervals of the exponent stand side by side, for they answer different questions. The bootstrap's resamples units,
//! the same ones at every x, and takes the percentiles of the refitted exponents: how far another set of seeds would move
//! it. The line's is Student's, a ± t s/√Σ(ln x − mean)², with s² = Σ r²/(n − 2) of the residuals r: how well the points
//! are on a line at all, which holds the draw of each x's samples and any bend. Invariant: an x enters the fit only with a
//! positive mean; a fit needs three of them, and an interval two units.

use std::collections::BTreeMap;

use rand::Rng;
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::bootstrap::{affordable, generator, percentile};
use super::interval::{COVERAGE, Interval};
use super::moments::mean;

/// Least number of points of a fit.
pub const LEAST_POINTS: usize = 3;

/// One measured value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// What is resampled as a whole: the seed.
    pub unit: usize,
    /// Abscissa, positive.
    pub x: f64,
    /// Value.
    pub y: f64,
}

/// A straight line through logarithms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Exponent a.
    pub exponent: f64,
    /// ln c.
    pub intercept: f64,
    /// Root mean square of the residuals of ln y, with n − 2 degrees of freedom; NaN for two points.
    pub residual: f64,
    /// Standard error of the exponent from these residuals; NaN for two points.
    pub error: f64,
    /// Points.
    pub points: usize,
}

impl Line {
    /// Value of the power law.
    pub fn at(&self, x: f64) -> f64 {
        (self.intercept + self.exponent * x.ln()).exp()
    }

    /// Student's interval of the exponent.
    pub fn interval(&self) -> Interval {
        let student = StudentsT::new(0.0, 1.0, self.points.saturating_sub(2) as f64);
        let (Ok(student), true) = (student, self.error.is_finite()) else { return Interval::UNKNOWN };
        let half = student.inverse_cdf((1.0 + COVERAGE) / 2.0) * self.error;
        Interval { low: self.exponent - half, high: self.exponent + half }
    }
}

/// A fitted power law.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PowerLaw {
    /// Through the means.
    pub line: Line,
    /// Bootstrap interval of the exponent over units.
    pub over_units: Interval,
    /// Least abscissa of the fit.
    pub from: f64,
    /// Greatest abscissa of the fit.
    pub to: f64,
}

/// The line of least squares through (ln x, ln y); `None` for fewer than two different x. All values positive.
pub fn line(points: &[(f64, f64)]) -> Option<Line> {
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let n = logs.len() as f64;
    let centre = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / n;
    let (x, y) = (centre(|point| point.0), centre(|point| point.1));
    let squares: f64 = logs.iter().map(|point| (point.0 - x).powi(2)).sum();
    let products: f64 = logs.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let exponent = products / squares;
    if !(squares > 0.0 && exponent.is_finite()) {
        return None;
    }
    let intercept = y - exponent * x;
    let left: f64 = logs.iter().map(|point| (point.1 - intercept - exponent * point.0).powi(2)).sum();
    let residual = if logs.len() > 2 { (left / (n - 2.0)).sqrt() } else { f64::NAN };
    Some(Line { exponent, intercept, residual, error: residual / squares.sqrt(), points: logs.len() })
}

/// Values sorted by x: for each, its units with their values.
struct ByX {
    x: Vec<f64>,
    values: Vec<Vec<(usize, f64)>>,
    units: usize,
}

impl ByX {
    /// `units`: one more than the greatest unit.
    fn new(observations: &[Observation], units: usize) -> Self {
        // Positive floats sort as their bits do.
        let mut sorted: BTreeMap<u64, Vec<(usize, f64)>> = BTreeMap::new();
        for one in observations.iter().filter(|one| one.x > 0.0 && one.x.is_finite() && one.y.is_finite()) {
            sorted.entry(one.x.to_bits()).or_default().push((one.unit, one.y));
        }
        let mean_of = |values: &Vec<(usize, f64)>| mean(&values.iter().map(|value| value.1).collect::<Vec<_>>());
        sorted.retain(|_, values| mean_of(values) > 0.0);
        let x = sorted.keys().map(|bits| f64::from_bits(*bits)).collect();
        ByX { x, values: sorted.into_values().collect(), units }
    }

    /// The line through the means, each unit counted so often. `None` if some x is left without a positive mean: the fit
    /// would be one over another range.
    fn weighted(&self, weights: &[usize]) -> Option<Line> {
        let point = |(x, values): (&f64, &Vec<(usize, f64)>)| {
            let (mut sum, mut count) = (0.0, 0);
            for (unit, y) in values {
                sum += weights[*unit] as f64 * y;
                count += weights[*unit];
            }
            (count > 0 && sum > 0.0).then(|| (*x, sum / count as f64))
        };
        let points: Option<Vec<(f64, f64)>> = self.x.iter().zip(&self.values).map(point).collect();
        line(&points?)
    }

    /// Units that have a value.
    fn present(&self) -> Vec<usize> {
        let mut present: Vec<usize> = self.values.iter().flatten().map(|(unit, _)| *unit).collect();
        present.sort_unstable();
        present.dedup();
        present
    }
}

/// Counts of a draw with replacement from some units.
fn draw(present: &[usize], units: usize, random: &mut impl Rng) -> Vec<usize> {
    let mut weights = vec![0; units];
    for _ in present {
        weights[present[random.random_range(0..present.len())]] += 1;
    }
    weights
}

fn units(observations: &[&[Observation]]) -> usize {
    observations.iter().flat_map(|all| all.iter()).map(|one| one.unit + 1).max().unwrap_or(0)
}

/// Fits a power law to means over units. `None` for fewer than [`LEAST_POINTS`] points.
pub fn power_law(observations: &[Observation], resamples: usize, stream: u64) -> Option<PowerLaw> {
    let sorted = ByX::new(observations, units(&[observations]));
    let line = sorted.weighted(&vec![1; sorted.units]).filter(|line| line.points >= LEAST_POINTS)?;
    let present = sorted.present();
    let mut over_units = Interval::UNKNOWN;
    if present.len() > 1 {
        let mut random = generator(stream);
        let resamples = affordable(resamples, observations.len());
        let exponent = |_| {
            let weights = draw(&present, sorted.units, &mut random);
            sorted.weighted(&weights).map_or(f64::NAN, |line| line.exponent)
        };
        over_units = percentile((0..resamples).map(exponent).collect());
    }
    let (from, to) = (*sorted.x.first()?, *sorted.x.last()?);
    Some(PowerLaw { line, over_units, from, to })
}

/// Exponent of the first less that of the second, with its bootstrap interval: the same units are drawn for both.
pub fn difference(
    first: &[Observation],
    second: &[Observation],
    resamples: usize,
    stream: u64,
) -> Option<(f64, Interval)> {
    let units = units(&[first, second]);
    let both = [ByX::new(first, units), ByX::new(second, units)];
    let of = |weights: &[usize]| Some(both[0].weighted(weights)?.exponent - both[1].weighted(weights)?.exponent);
    if both.iter().any(|one| one.x.len() < LEAST_POINTS) {
        return None;
    }
    let centre = of(&vec![1; units])?;
    let mut present = [both[0].present(), both[1].present()].concat();
    present.sort_unstable();
    present.dedup();
    if present.len() < 2 {
        return Some((centre, Interval::UNKNOWN));
    }
    let mut random = generator(stream);
    let resamples = affordable(resamples, first.len() + second.len());
    let drawn = |_| of(&draw(&present, units, &mut random)).unwrap_or(f64::NAN);
    Some((centre, percentile((0..resamples).map(drawn).collect())))
}
