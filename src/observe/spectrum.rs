//! Eigenvalues and eigenvectors of symmetric matrices (faer), and what those of a Gram matrix say of labels.
//!
//! Invariant: eigenvalues come in descending order, as many as were asked for, NaN where the matrix has fewer.

use faer::{MatRef, Side};
use phasesweep_passes::by_faer;

/// The leading part of a symmetric matrix's spectrum.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrum {
    /// Largest eigenvalues, descending.
    pub values: Vec<f64>,
    /// Their eigenvectors, of unit length, one after another; empty where there are no values.
    pub vectors: Vec<Vec<f64>>,
}

/// The `count` largest eigenvalues of a symmetric `n × n` matrix and their eigenvectors. Where the decomposition fails
/// (the matrix is not finite), values are NaN and there are no vectors.
pub fn spectrum(matrix: &[f64], n: usize, count: usize) -> Spectrum {
    let missing = Spectrum { values: vec![f64::NAN; count], vectors: Vec::new() };
    if n == 0 || !matrix.iter().all(|value| value.is_finite()) {
        return missing;
    }
    let matrix = MatRef::from_column_major_slice(matrix, n, n);
    let Ok(decomposition) = by_faer(|| matrix.self_adjoint_eigen(Side::Lower)) else {
        return missing;
    };
    let (vectors, values) = (decomposition.U(), decomposition.S().column_vector());
    // faer's are ascending.
    let order = || (0..n).rev().take(count);
    let mut kept: Vec<f64> = order().map(|k| values[k]).collect();
    kept.resize(count, f64::NAN);
    Spectrum { values: kept, vectors: order().map(|k| (0..n).map(|i| vectors[(i, k)]).collect()).collect() }
}

/// The `count` largest eigenvalues.
pub fn eigenvalues(matrix: &[f64], n: usize, count: usize) -> Vec<f64> {
    spectrum(matrix, n, count).values
}

/// (v_k·y)²/‖y‖² for each of the vectors.
pub fn projections(vectors: &[Vec<f64>], labels: &[f64]) -> Vec<f64> {
    let norm: f64 = labels.iter().map(|y| y * y).sum();
    let along = |vector: &Vec<f64>| vector.iter().zip(labels).map(|(v, y)| v * y).sum::<f64>();
    vectors.iter().map(|vector| along(vector).powi(2) / norm).collect()
}

/// yᵀKy/(‖K‖ ‖y‖²), Frobenius norm (Cristianini et al. 2001).
pub fn alignment(matrix: &[f64], labels: &[f64]) -> f64 {
    let n = labels.len();
    let along: f64 = matrix
        .chunks_exact(n.max(1))
        .zip(labels)
        .map(|(column, y)| y * column.iter().zip(labels).map(|(k, y)| k * y).sum::<f64>())
        .sum();
    along / (frobenius(matrix) * labels.iter().map(|y| y * y).sum::<f64>())
}

/// Frobenius norm.
pub fn frobenius(matrix: &[f64]) -> f64 {
    matrix.iter().map(|value| value * value).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_made_of_its_spectrum_gives_it_back() {
        // 9 u uᵀ + 2 v vᵀ with u = (3, 4, 0)/5, v = (0, 0, 1).
        let (u, v) = ([0.6, 0.8, 0.0], [0.0, 0.0, 1.0]);
        let matrix: Vec<f64> = (0..9).map(|k| 9.0 * u[k / 3] * u[k % 3] + 2.0 * v[k / 3] * v[k % 3]).collect();
        let found = spectrum(&matrix, 3, 4);
        for (value, expected) in found.values.iter().zip([9.0, 2.0, 0.0]) {
            assert!((value - expected).abs() < 1e-12, "{:?}", found.values);
        }
        assert!(found.values[3].is_nan());
        let labels = [1.0, 1.0, -1.0];
        let parts = projections(&found.vectors, &labels);
        assert!((parts[0] - 1.96 / 3.0).abs() < 1e-12 && (parts[1] - 1.0 / 3.0).abs() < 1e-12);
        assert!((parts.iter().sum::<f64>() - 1.0).abs() < 1e-12, "eigenvectors are a basis");
        let aligned = (9.0 * 1.96 + 2.0) / (85f64.sqrt() * 3.0);
        assert!((alignment(&matrix, &labels) - aligned).abs() < 1e-12);
    }

    #[test]
    fn what_is_not_finite_has_no_spectrum() {
        let found = spectrum(&[1.0, f64::NAN, f64::NAN, 1.0], 2, 2);
        assert!(found.values.iter().all(|value| value.is_nan()) && found.vectors.is_empty());
    }
}
