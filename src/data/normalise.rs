//! Inputs scaled by the training block's own numbers.
//!
//! Means and standard deviations are taken in f64, in two passes, from the values as stored; the scale of the pixels
//! (1/255, 1/16) cancels in both and is applied only where inputs are left as they are.

use rayon::prelude::*;

use super::matrix::Matrix;
use crate::sweep::Normalise;

/// A fitted scaling.
#[derive(Debug)]
pub(super) struct Scaling {
    /// Inputs kept, ascending.
    pub(super) live: Vec<u32>,
    /// Subtracted from each kept input.
    mean: Vec<f64>,
    /// What each kept input is then multiplied by.
    factor: Vec<f64>,
    /// Whether each row is finally brought to norm √features.
    sphere: bool,
}

impl Scaling {
    /// The scaling by the numbers of the stated rows. Constant inputs are dropped from [`Normalise::Standardise`],
    /// or become 0 where `keep_constant` asks for whole images.
    pub(super) fn fit(matrix: &Matrix, rows: &[u32], normalise: Normalise, keep_constant: bool) -> Scaling {
        let d = matrix.features;
        let all = || (0..d as u32).collect::<Vec<_>>();
        if normalise == Normalise::None {
            return Scaling { live: all(), mean: vec![0.0; d], factor: vec![1.0 / matrix.white(); d], sphere: false };
        }
        let mut row = vec![0.0; d];
        let mut mean = vec![0.0; d];
        let (mut least, mut greatest) = (vec![f64::INFINITY; d], vec![f64::NEG_INFINITY; d]);
        for &index in rows {
            matrix.read(index as usize, &mut row);
            for j in 0..d {
                mean[j] += row[j];
                least[j] = least[j].min(row[j]);
                greatest[j] = greatest[j].max(row[j]);
            }
        }
        mean.iter_mut().for_each(|sum| *sum /= rows.len() as f64);
        if normalise == Normalise::Sphere {
            return Scaling { live: all(), mean, factor: vec![1.0; d], sphere: true };
        }
        let mut squares = vec![0.0; d];
        for &index in rows {
            matrix.read(index as usize, &mut row);
            for j in 0..d {
                squares[j] += (row[j] - mean[j]) * (row[j] - mean[j]);
            }
        }
        // Constant means equal values, not a vanishing sum of squares: rounding of the mean may leave some.
        let constant = |j: usize| least[j] >= greatest[j];
        let live: Vec<u32> = all().into_iter().filter(|&j| keep_constant || !constant(j as usize)).collect();
        let factor = |j: usize| if constant(j) { 0.0 } else { ((rows.len() - 1) as f64 / squares[j]).sqrt() };
        Scaling {
            mean: live.iter().map(|&j| mean[j as usize]).collect(),
            factor: live.iter().map(|&j| factor(j as usize)).collect(),
            live,
            sphere: false,
        }
    }

    /// A value of the input at a place of `live`, less the mean and over the standard deviation (or as the scaling has
    /// it, short of the sphere).
    pub(super) fn standardised(&self, place: usize, value: f64) -> f64 {
        (value - self.mean[place]) * self.factor[place]
    }

    /// Whether nothing but constants is left.
    pub(super) fn is_constant(&self) -> bool {
        self.factor.iter().all(|&factor| factor == 0.0)
    }

    /// The rows, scaled: `[row, live input]`.
    pub(super) fn apply(&self, matrix: &Matrix, rows: impl IndexedParallelIterator<Item = usize>) -> Vec<f32> {
        let inputs = self.live.len();
        let mut out = vec![0.0f32; rows.len() * inputs];
        out.par_chunks_mut(inputs.max(1)).zip(rows).for_each_init(
            || vec![0.0; matrix.features],
            |row, (scaled, index)| {
                matrix.read(index, row);
                let mut square = 0.0;
                for (place, &j) in self.live.iter().enumerate() {
                    let value = (row[j as usize] - self.mean[place]) * self.factor[place];
                    square += value * value;
                    row[j as usize] = value;
                }
                // A sample that equals the mean has no direction and stays at the centre.
                let length = if self.sphere && square > 0.0 { (matrix.features as f64 / square).sqrt() } else { 1.0 };
                for (x, &j) in scaled.iter_mut().zip(&self.live) {
                    *x = (row[j as usize] * length) as f32;
                }
            },
        );
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(n: usize) -> impl IndexedParallelIterator<Item = usize> {
        (0..n).into_par_iter()
    }

    proptest! {
        #[test]
        fn standardised_inputs_have_mean_zero_and_unit_sample_deviation(
            (n, d, bytes) in (2usize..40, 1usize..12).prop_flat_map(|(n, d)| {
                (Just(n), Just(d), prop::collection::vec(any::<u8>(), n * d))
            }),
        ) {
            let matrix = Matrix::bytes(bytes.clone(), d, 1, 255.0);
            let rows: Vec<u32> = (0..n as u32).collect();
            let scaling = Scaling::fit(&matrix, &rows, Normalise::Standardise, false);
            let x = scaling.apply(&matrix, all(n));
            let columns = |j: usize| bytes.iter().skip(j).step_by(d).copied();
            let varied: Vec<u32> = (0..d as u32).filter(|&j| columns(j as usize).any(|b| b != bytes[j as usize])).collect();
            prop_assert_eq!(&scaling.live, &varied);
            for place in 0..varied.len() {
                let column: Vec<f64> = x.iter().skip(place).step_by(varied.len()).map(|&v| f64::from(v)).collect();
                let mean = column.iter().sum::<f64>() / n as f64;
                let variance = column.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1) as f64;
                // Values up to √n ≈ 6, each rounded to f32 (relative 6e-8).
                prop_assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-5, "{} {}", mean, variance);
            }
        }
    }

    #[test]
    fn kept_constants_are_zero_in_both_sets() {
        // Input 1 is constant in the first two rows, but not in the third.
        let matrix = Matrix::bytes(vec![1, 7, 3, 7, 5, 200], 2, 1, 255.0);
        let whole = Scaling::fit(&matrix, &[0, 1], Normalise::Standardise, true);
        assert_eq!(whole.live, [0, 1]);
        let x = whole.apply(&matrix, all(3));
        // Mean 2, sample deviation √2: (1 − 2)/√2, (3 − 2)/√2, (5 − 2)/√2.
        let root = 0.5f32.sqrt();
        assert_eq!(x, [-root, 0.0, root, 0.0, 3.0 * root, 0.0]);
        let dropped = Scaling::fit(&matrix, &[0, 1], Normalise::Standardise, false);
        assert_eq!(dropped.live, [0]);
        assert_eq!(dropped.apply(&matrix, all(3)), [-root, root, 3.0 * root]);
        assert!(Scaling::fit(&matrix, &[2], Normalise::Standardise, true).is_constant());
    }

    #[test]
    fn constants_that_are_no_binary_fractions_are_still_constants() {
        // Ten times 0.1 does not sum to 1 in f64: the mean is not the value.
        let matrix = Matrix::floats(vec![0.1; 10], 1);
        let rows: Vec<u32> = (0..10).collect();
        assert!(Scaling::fit(&matrix, &rows, Normalise::Standardise, false).live.is_empty());
    }

    #[test]
    fn the_sphere_has_radius_root_d_around_the_block_mean() {
        let matrix = Matrix::floats(vec![1.0, 0.0, 0.0, 1.0, 5.0, 5.0, 0.5, 0.5], 2);
        let scaling = Scaling::fit(&matrix, &[0, 1], Normalise::Sphere, false);
        let x = scaling.apply(&matrix, all(4));
        // Mean (½, ½): the rows become ±(½, −½), (4½, 4½) and 0; scaled to norm √2.
        let expected = [1.0, -1.0, -1.0, 1.0, 1.0, 1.0, 0.0, 0.0];
        assert!(x.iter().zip(expected).all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-6), "{x:?}");
    }

    #[test]
    fn planes_are_summed_and_plain_values_divided_by_white() {
        let matrix = Matrix::bytes(vec![1, 2, 10, 20, 100, 200], 2, 3, 255.0);
        let x = Scaling::fit(&matrix, &[0], Normalise::None, false).apply(&matrix, all(1));
        assert_eq!(x, [111.0 / 255.0, 222.0 / 255.0]);
    }
}
