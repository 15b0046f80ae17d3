//! Gram matrices of rows, and how alike two of them are.
//!
//! Matrices are `n × n`, symmetric up to rounding, in one slice. Invariant: one thread and products of a fixed shape, so that
//! the numbers depend on the rows alone.

use faer::{Accum, MatMut, MatRef};
use phasesweep_passes::multiply;

/// The products of all pairs of `count` rows, which lie one after another.
pub fn gram(rows: &[f64], count: usize) -> Vec<f64> {
    let mut out = vec![0.0; count * count];
    let x = MatRef::from_row_major_slice(rows, count, rows.len().checked_div(count).unwrap_or(0));
    let target = MatMut::from_row_major_slice_mut(&mut out, count, count);
    multiply(target, Accum::Replace, x, x.transpose());
    out
}

/// H K H with H = 1 − 11ᵀ/n: the Gram matrix of the rows around their mean.
pub fn centre(matrix: &mut [f64], count: usize) {
    let means: Vec<f64> = matrix.chunks_exact(count.max(1)).map(|row| row.iter().sum::<f64>() / count as f64).collect();
    let mean = means.iter().sum::<f64>() / count as f64;
    for (row, own) in matrix.chunks_exact_mut(count.max(1)).zip(&means) {
        row.iter_mut().zip(&means).for_each(|(value, other)| *value += mean - own - other);
    }
}

/// ⟨A, B⟩/(‖A‖ ‖B‖), Frobenius; NaN where one of them is zero.
pub fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    product(a, b) / (product(a, a).sqrt() * product(b, b).sqrt())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn three_rows_by_hand() {
        let rows = [1.0, 2.0, 3.0, 4.0, 5.0, 9.0];
        let mut found = gram(&rows, 3);
        assert_eq!(found, [5.0, 11.0, 23.0, 11.0, 25.0, 51.0, 23.0, 51.0, 106.0]);
        centre(&mut found, 3);
        // Around (3, 5): (−2, −3), (0, −1), (2, 4).
        let expected = [13.0, 3.0, -16.0, 3.0, 1.0, -4.0, -16.0, -4.0, 20.0];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-13), "{found:?}");
        assert!(cosine(&[0.0; 4], &[1.0; 4]).is_nan());
    }

    proptest! {
        /// Whatever a rotation, a factor and a shift do to the rows, their centred matrices have cosine 1.
        #[test]
        fn centred_matrices_know_no_rotation_scale_or_shift(
            rows in prop::collection::vec(-1.0..1.0f64, 8 * 3),
            angle in 0.0..6.0f64,
            factor in 0.1..10.0f64,
            shift in -3.0..3.0f64,
        ) {
            let moved: Vec<f64> = rows.chunks(3).flat_map(|row| {
                let (s, c) = angle.sin_cos();
                [c * row[0] - s * row[2] + shift, row[1] - shift, s * row[0] + c * row[2]].map(|x| factor * x)
            }).collect();
            let [a, b] = [&rows, &moved].map(|rows| {
                let mut own = gram(rows, 8);
                centre(&mut own, 8);
                own
            });
            let alike = cosine(&a, &b);
            // Cancellation of a shift 30 times the rows: (30)² rounding errors.
            prop_assert!((alike - 1.0).abs() < 1e-10, "{alike}");
        }
    }
}
