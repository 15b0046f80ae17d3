//! Mean, standard deviation, coefficient of variation, median and quantiles.

/// Arithmetic mean; NaN for no value.
pub fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { f64::NAN } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// Sum of squared deviations from the mean, Σ(x − x̄)².
pub fn sum_of_squares(values: &[f64]) -> f64 {
    let centre = mean(values);
    values.iter().map(|x| (x - centre).powi(2)).sum()
}

/// Sample standard deviation, √(Σ(x − x̄)²/(n − 1)); NaN for fewer than two values.
pub fn standard_deviation(values: &[f64]) -> f64 {
    if values.len() < 2 { f64::NAN } else { (sum_of_squares(values) / (values.len() - 1) as f64).sqrt() }
}

/// Coefficient of variation, sd/|mean|; NaN where the mean is 0 or the sd is not defined.
pub fn coefficient_of_variation(values: &[f64]) -> f64 {
    let centre = mean(values).abs();
    if centre > 0.0 { standard_deviation(values) / centre } else { f64::NAN }
}

/// Quantile of *ascending* values, linear between order statistics (Hyndman & Fan 1996, type 7: numpy's default).
/// NaN for no value.
pub fn quantile(ascending: &[f64], probability: f64) -> f64 {
    let Some(last) = ascending.len().checked_sub(1) else { return f64::NAN };
    let place = probability.clamp(0.0, 1.0) * last as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    ascending[below] + (place - below as f64) * (ascending[above] - ascending[below])
}

/// Median of the finite values among these; NaN if there is none.
pub fn median(values: &[f64]) -> f64 {
    let mut finite: Vec<f64> = values.iter().copied().filter(|x| x.is_finite()).collect();
    finite.sort_by(f64::total_cmp);
    quantile(&finite, 0.5)
}
