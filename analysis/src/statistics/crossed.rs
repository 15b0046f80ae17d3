//! The interval of a mean over two things that both vary at random and are crossed: seeds, and draws of the training samples.
//!
//! All cells of one draw share what the draw decides, all of one seed what the seed decides; cells are not independent, and
//! Student's interval over them is too narrow. With y = μ + a_draw + b_seed + e the mean's variance is σ_a²/D + σ_b²/S + σ_e²/(D S);
//! var(draws' means)/D + var(seeds' means)/S estimates that and no less, σ_e²/(D S) being counted twice (a conservative bound of
//! the two-way layout; Searle, Casella & McCulloch, *Variance Components*, 1992, chapter 4). Degrees of freedom are
//! Satterthwaite's (1946).

use std::collections::BTreeMap;

use super::interval::{COVERAGE, Interval, mean_interval, student};
use super::moments::{mean, standard_deviation};

/// Mean of values with its 95% interval; each value comes with its draw and its seed. With one draw, or one seed, Student's
/// interval over the others. Unknown for a single value, and where none differ.
pub fn crossed_interval(values: &[(usize, i64, f64)]) -> (f64, Interval) {
    let (mut draws, mut seeds) = (BTreeMap::<usize, Vec<f64>>::new(), BTreeMap::<i64, Vec<f64>>::new());
    for (draw, seed, value) in values {
        draws.entry(*draw).or_default().push(*value);
        seeds.entry(*seed).or_default().push(*value);
    }
    let all: Vec<f64> = values.iter().map(|(_, _, value)| *value).collect();
    let means = |of: Vec<Vec<f64>>| of.iter().map(|values| mean(values)).collect::<Vec<f64>>();
    let (draws, seeds) = (means(draws.into_values().collect()), means(seeds.into_values().collect()));
    if draws.len() < 2 || seeds.len() < 2 {
        return (mean(&all), mean_interval(&all));
    }
    let part = |of: &[f64]| (standard_deviation(of).powi(2) / of.len() as f64, of.len() as f64 - 1.0);
    let ((of_draws, free), (of_seeds, of_freedom)) = (part(&draws), part(&seeds));
    let variance = of_draws + of_seeds;
    let degrees = variance * variance / (of_draws * of_draws / free + of_seeds * of_seeds / of_freedom);
    // Deviations that are rounding of equal values are no spread.
    if variance.sqrt() <= 1e-13 * mean(&all).abs() {
        return (mean(&all), Interval::UNKNOWN);
    }
    (mean(&all), Interval::around(mean(&all), student(0.5 + COVERAGE / 2.0, degrees) * variance.sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_count_once_however_many_seeds_share_them() {
        // Two draws 1 apart, three seeds that decide nothing: the mean of two values.
        let values: Vec<(usize, i64, f64)> =
            (0..2).flat_map(|draw| (0..3).map(move |seed| (draw, seed, draw as f64))).collect();
        let (centre, interval) = crossed_interval(&values);
        // t(0.975, 1) = 12.706, times sd/√2 = 0.5.
        assert!((centre - 0.5).abs() < 1e-12 && (interval.high - centre - 6.353).abs() < 1e-3, "{interval:?}");
        // One draw: Student's over seeds, t(0.975, 2) = 4.303 times 1/√3.
        let (_, interval) = crossed_interval(&[(0, 0, 0.0), (0, 1, 1.0), (0, 2, 2.0)]);
        assert!((interval.high - 1.0 - 4.303 / 3f64.sqrt()).abs() < 1e-3);
        assert!(!crossed_interval(&[(0, 0, 1.0), (1, 1, 1.0)]).1.is_known());
    }
}
