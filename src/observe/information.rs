//! Mutual information of a number with a label.

/// I(bin; label) in bits, with samples cut into `bins` bins of equal counts by their values (equal values share a bin, that
/// of the first of them), by the shares of samples in each bin and class, less that estimator's bias of the first order,
/// (B − 1)(C − 1)/(2 n ln 2) for B occupied bins, C classes and n samples (Miller 1955; Panzeri and Treves 1996). May so be
/// slightly negative. NaN without samples or bins, and where a value is not finite. The sign of a label is its class.
pub fn information(values: &[f64], labels: &[f64], bins: usize) -> f64 {
    let n = values.len();
    if n == 0 || bins == 0 || labels.len() != n || !values.iter().all(|value| value.is_finite()) {
        return f64::NAN;
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut counts = vec![[0usize; 2]; bins];
    let mut first = 0;
    for rank in 0..n {
        if values[order[rank]] != values[order[first]] {
            first = rank;
        }
        counts[first * bins / n][usize::from(labels[order[rank]] > 0.0)] += 1;
    }
    let total = n as f64;
    let classes = [0, 1].map(|class| counts.iter().map(|bin| bin[class]).sum::<usize>() as f64 / total);
    let mut sum = 0.0;
    for bin in &counts {
        let of_bin = (bin[0] + bin[1]) as f64 / total;
        for (count, class) in bin.iter().zip(classes).filter(|(count, _)| **count > 0) {
            let share = *count as f64 / total;
            sum += share * (share / (of_bin * class)).log2();
        }
    }
    let occupied = counts.iter().filter(|bin| bin[0] + bin[1] > 0).count() as f64;
    let known = classes.iter().filter(|class| **class > 0.0).count() as f64;
    sum - (occupied - 1.0) * (known - 1.0) / (2.0 * total * std::f64::consts::LN_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_decides_the_label_holds_its_entropy_and_what_does_not_holds_nothing() {
        let n = 4096;
        let values: Vec<f64> = (0..n).map(|i| f64::from(i) / f64::from(n)).collect();
        let bias = |bins: f64| (bins - 1.0) / (2.0 * f64::from(n) * std::f64::consts::LN_2);
        // The label is 1 in the upper quarter: H(1/4) = 2 − ¾ log₂ 3 bits.
        let upper: Vec<f64> = values.iter().map(|&v| if v >= 0.75 { 1.0 } else { -1.0 }).collect();
        let entropy = 2.0 - 0.75 * 3f64.log2();
        assert!((information(&values, &upper, 16) - (entropy - bias(16.0))).abs() < 1e-12);
        // Every other sample is of either class: each bin holds as many of both.
        let alternating: Vec<f64> = (0..n).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
        assert!((information(&values, &alternating, 16) + bias(16.0)).abs() < 1e-12);
        // A binary symmetric channel: within the halves, every eighth label is the other one. 1 − H(1/8).
        let noisy: Vec<f64> = (0..n).map(|i| if (i >= n / 2) == (i % 8 != 0) { 1.0 } else { -1.0 }).collect();
        let h = |p: f64| -p * p.log2() - (1.0 - p) * (1.0 - p).log2();
        assert!((information(&values, &noisy, 2) - (1.0 - h(0.125) - bias(2.0))).abs() < 1e-12);
    }

    #[test]
    fn equal_values_share_a_bin_and_the_bias_is_taken_off() {
        // Values that say nothing, in one bin: no information, whatever the labels are.
        assert_eq!(information(&[1.0; 6], &[1.0, -1.0, 1.0, -1.0, 1.0, -1.0], 4), 0.0);
        assert!(information(&[], &[], 4).is_nan() && information(&[f64::NAN], &[1.0], 4).is_nan());
        // Independent values and labels: the mean over draws is zero to within five standard errors of their scatter.
        let mut state = 3u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let draws: Vec<f64> = (0..400)
            .map(|_| {
                let values: Vec<f64> = (0..256).map(|_| uniform()).collect();
                let labels: Vec<f64> = (0..256).map(|_| if uniform() < 0.5 { -1.0 } else { 1.0 }).collect();
                information(&values, &labels, 16)
            })
            .collect();
        let mean = draws.iter().sum::<f64>() / 400.0;
        let deviation = (draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 399.0).sqrt();
        // What is left of the bias is of the second order, (B/n)² = 0.004 bits at most.
        assert!(mean.abs() < 5.0 * deviation / 20.0 + 0.004, "{mean} {deviation}");
    }
}
