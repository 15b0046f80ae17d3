//! The observables that stand for all classes: the mean radius, and the mean distance over all pairs of classes.
//!
//! This file is compiled into the program (which lets cells be pruned at the inversion of the mean distance) and into
//! the analysis (which judges it): one definition, as of turning points. With two classes there is one pair, and its
//! distance is the mean, bit for bit.

/// Arithmetic mean, at each epoch, of those of the series that were measured at all: a class of which the training block
/// holds no sample has no radius and no distance, and takes no part. NaN where one that takes part was not measured,
/// and throughout if none does. Sums are in f64, in the order given.
pub fn mean_of_measured(series: &[&[f32]]) -> Vec<f32> {
    let measured: Vec<&[f32]> = series.iter().copied().filter(|values| is_measured(values)).collect();
    let length = series.iter().map(|values| values.len()).min().unwrap_or(0);
    match measured.as_slice() {
        [] => vec![f32::NAN; length],
        [one] => one[..length].to_vec(),
        all => {
            let sum = |at: usize| all.iter().map(|values| f64::from(values[at])).sum::<f64>();
            (0..length).map(|at| (sum(at) / all.len() as f64) as f32).collect()
        }
    }
}

/// Whether a series has a value anywhere.
pub fn is_measured(values: &[f32]) -> bool {
    values.iter().any(|value| !value.is_nan())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_classes_take_no_part_in_the_mean() {
        let absent = [f32::NAN; 3];
        let (a, b) = ([1.0f32, 2.0, f32::NAN], [3.0f32, 5.0, 9.0]);
        let mean = mean_of_measured(&[&a, &absent, &b]);
        assert_eq!(mean[..2], [2.0, 3.5]);
        assert!(mean[2].is_nan(), "a series that ends takes the mean with it");
        assert!(mean_of_measured(&[&absent, &absent]).iter().all(|value| value.is_nan()));
        assert!(mean_of_measured(&[]).is_empty());
    }

    #[test]
    fn one_series_is_its_own_mean_to_the_bit() {
        let only = [0.1f32, f32::NAN, 1e-40, -0.0];
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&mean_of_measured(&[&only])), bits(&only));
    }
}
