//! Spearman's rank correlation (C. Spearman, American Journal of Psychology 15, 72–101, 1904): Pearson's of the ranks, with the mean
//! rank where values are equal. What is measured along training and the report go by the same one.

/// The rank correlation of pairs; NaN with fewer than three, where one side does not vary, or where a value is missing.
pub fn spearman(x: &[f64], y: &[f64]) -> f64 {
    if x.len() != y.len() || x.len() < 3 || x.iter().chain(y).any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let (x, y) = (ranks(x), ranks(y));
    // The mean of 1 … n.
    let middle = (x.len() + 1) as f64 / 2.0;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - middle) * (b - middle)).sum::<f64>();
    product(&x, &y) / (product(&x, &x) * product(&y, &y)).sqrt()
}

/// Ranks from 1 on.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut from = 0;
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = from as f64 + (equal.len() + 1) as f64 / 2.0;
        equal.iter().for_each(|&place| ranks[place] = rank);
        from += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlations_are_those_of_scipy() {
        // scipy.stats.spearmanr of these, without and with ties.
        let found = spearman(&[1.0, 2.0, 3.0, 4.0, 5.0], &[5.0, 6.0, 7.0, 8.0, 7.0]);
        assert!((found - 0.820_782_681_668_123_2).abs() < 1e-15, "{found}");
        let found = spearman(&[3.0, 1.0, 1.0, 4.0, 1.0, 5.0], &[2.0, 7.0, 1.0, 8.0, 2.0, 8.0]);
        // Ranks 4 2 2 5 2 6 and 2.5 4 1 5.5 2.5 5.5: 12/√(15.5 · 16.5).
        assert!((found - 12.0 / (15.5_f64 * 16.5).sqrt()).abs() < 1e-15, "{found}");
        assert_eq!(spearman(&[1.0, 2.0, 4.0], &[-1.0, -5.0, -6.0]), -1.0);
    }

    #[test]
    fn what_has_no_order_has_no_correlation() {
        assert!(spearman(&[1.0, 1.0, 1.0], &[1.0, 2.0, 3.0]).is_nan());
        assert!(spearman(&[1.0, f64::NAN, 3.0], &[1.0, 2.0, 3.0]).is_nan());
        assert!(spearman(&[1.0, 2.0], &[1.0, 2.0]).is_nan());
    }
}
