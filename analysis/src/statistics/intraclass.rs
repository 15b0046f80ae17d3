//! Intraclass correlation ICC(1) (Shrout & Fleiss 1979, case 1; Donner 1986 for unequal groups).
//!
//! ICC(1) = (MSB − MSW)/(MSB + (k₀ − 1) MSW), MSB and MSW the mean squares between and within the groups of a one-way
//! analysis of variance and k₀ = (N − Σ n_g²/N)/(a − 1). It estimates the share of the variance that lies between
//! groups; it may fall below 0 where groups differ less than chance would have them.

use super::moments::{mean, sum_of_squares};

/// ICC(1) of groups of values; groups without values do not count. NaN for fewer than two groups, or where no group
/// has two values.
pub fn icc1(groups: &[Vec<f64>]) -> f64 {
    let groups: Vec<&Vec<f64>> = groups.iter().filter(|group| !group.is_empty()).collect();
    let total: usize = groups.iter().map(|group| group.len()).sum();
    let count = groups.len();
    if count < 2 || total <= count {
        return f64::NAN;
    }
    let all: Vec<f64> = groups.iter().flat_map(|group| group.iter().copied()).collect();
    let within: f64 = groups.iter().map(|group| sum_of_squares(group)).sum();
    let centre = mean(&all);
    let between: f64 = groups.iter().map(|group| group.len() as f64 * (mean(group) - centre).powi(2)).sum();
    let between_mean = between / (count - 1) as f64;
    let within_mean = within / (total - count) as f64;
    let squares: f64 = groups.iter().map(|group| (group.len() as f64).powi(2)).sum();
    let size = (total as f64 - squares / total as f64) / (count - 1) as f64;
    (between_mean - within_mean) / (between_mean + (size - 1.0) * within_mean)
}
