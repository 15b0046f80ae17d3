//! Adaptive seeds: how many seeds a group needs until the interval of its mean ε* is narrow enough. Pure.
//!
//! The rule is Chow and Robbins's (1965) for a confidence interval of fixed width, started from the sweep's own seeds:
//! stop at the first n with t(0.975, n − 1) · √((s² + m²/n⁴)/n) ≤ h, where m and s are the sample mean and standard
//! deviation of the ε* found, and h the half-width asked for; the second term keeps a lucky first sample of no spread
//! from stopping at once. Seeds
//! are added in stages, since seeds train together; a stage asks for what the present s suggests, and at most doubles.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::sweep::AdaptiveSeeds;

/// Fewest values that the rule may stop at: below, the sample deviation says too little.
const FEWEST: usize = 8;

/// Seeds that a group should have, given the ε* found among its first `seeds` seeds: `seeds` itself when it is done.
pub(in crate::session) fn seeds_wanted(found: &[f64], seeds: usize, rule: &AdaptiveSeeds) -> usize {
    if seeds >= rule.max_seeds {
        return seeds;
    }
    let doubled = (2 * seeds).max(seeds + 1).min(rule.max_seeds);
    let n = found.len();
    if n < FEWEST {
        // Too few inversions to judge by; more seeds may find some.
        return doubled;
    }
    if half_width(found) <= rule.half_width {
        return seeds;
    }
    let share_found = n as f64 / seeds as f64;
    let needed = (half_width(found) / rule.half_width).powi(2) * n as f64 / share_found;
    (needed.ceil() as usize).clamp(seeds + 1, doubled)
}

/// Half of the width of the 95% confidence interval of the mean, by Student's t, with the rule's inflation.
fn half_width(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let scale = mean.abs().max(f64::MIN_POSITIVE);
    let inflated = variance + (scale / (n * n)).powi(2);
    match StudentsT::new(0.0, 1.0, n - 1.0) {
        Ok(t) => t.inverse_cdf(0.975) * (inflated / n).sqrt(),
        Err(_) => f64::INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    fn normal(rng: &mut ChaCha8Rng, mean: f64, sd: f64) -> f64 {
        let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
        mean + sd * (-2.0 * u.ln()).sqrt() * (2.0 * std::f64::consts::PI * v).cos()
    }

    /// The interval covers the truth nearly as often as it says: 2,000 sweeps, each stopped by its own data. The
    /// binomial standard error of the coverage is 0.5%, and sequential stopping costs up to about 2% (Chow and Robbins).
    #[test]
    fn the_interval_covers_what_it_promises() {
        let (mean, sd) = (0.0921, 0.0015);
        for half_width in [0.0003, 0.0005, 0.001] {
            let rule = AdaptiveSeeds { half_width, max_seeds: 1000 };
            let mut covered = 0;
            for trial in 0..2000 {
                let mut rng = ChaCha8Rng::seed_from_u64(trial);
                let mut values: Vec<f64> = (0..16).map(|_| normal(&mut rng, mean, sd)).collect();
                loop {
                    let wanted = seeds_wanted(&values, values.len(), &rule);
                    if wanted == values.len() {
                        break;
                    }
                    values.resize_with(wanted, || normal(&mut rng, mean, sd));
                }
                let centre = values.iter().sum::<f64>() / values.len() as f64;
                covered += usize::from((centre - mean).abs() <= half_width);
            }
            assert!(covered as f64 / 2000.0 > 0.925, "half-width {half_width}: covered {covered} of 2000");
        }
    }

    #[test]
    fn a_group_without_inversions_runs_to_the_maximum() {
        let rule = AdaptiveSeeds { half_width: 1e-3, max_seeds: 50 };
        let mut seeds = 8;
        while seeds_wanted(&[], seeds, &rule) > seeds {
            seeds = seeds_wanted(&[], seeds, &rule);
        }
        assert_eq!(seeds, 50);
    }
}
