//! The largest eigenvalues of a symmetric operator by a Lanczos process with full reorthogonalisation, one product after the
//! other: whoever has the operator asks for the vector that is wanted next and hands its image back.
//!
//! Invariant: what is found depends on the operator, the sizes and the seed alone, whoever computes the products and however many
//! processes go along side by side.

use super::super::training_loss::{dot, length};
use crate::data::stream::Key;
use crate::observe::spectrum::spectrum;

/// A Ritz value whose residual is less than this share of the greatest is good enough: by Kato and Temple the error of an
/// extreme eigenvalue is then of the order of the residual's square over the distance to the next one.
pub(super) const TOLERANCE: f64 = 1e-5;

/// A process.
#[derive(Debug)]
pub(super) struct Lanczos {
    key: Key,
    size: usize,
    count: usize,
    iterations: usize,
    /// Orthonormal vectors, of which the last one is wanted.
    basis: Vec<Vec<f64>>,
    diagonal: Vec<f64>,
    beside: Vec<f64>,
    /// The next vector, before it has length 1; empty where it is to be a random one.
    next: Vec<f64>,
    /// The greatest length of an image.
    scale: f64,
    found: (Vec<f64>, Vec<f64>),
    is_done: bool,
}

impl Lanczos {
    /// For the `count` largest eigenvalues on vectors of `size`, by so many products at most.
    pub(super) fn new(size: usize, count: usize, iterations: usize, seed: u64) -> Lanczos {
        Lanczos {
            key: Key::new("sharpness: start", &[seed]),
            size,
            count,
            iterations: iterations.min(size),
            basis: Vec::new(),
            diagonal: Vec::new(),
            beside: Vec::new(),
            next: Vec::new(),
            scale: 0.0,
            found: (vec![f64::NAN; count], vec![f64::NAN; count]),
            is_done: false,
        }
    }

    /// The vector whose image is wanted next; `None` once there is none.
    pub(super) fn wanted(&mut self) -> Option<&[f64]> {
        if self.is_done || self.basis.len() >= self.iterations {
            return None;
        }
        // At the start, and where the vectors so far span an invariant subspace, a random direction outside of it.
        if self.next.is_empty() {
            let mut numbers = self.key.at(self.basis.len() as u64 + 1);
            self.next = (0..self.size).map(|_| numbers.normal()).collect();
            orthogonalise(&mut self.next, &self.basis);
        }
        let norm = length(&self.next);
        self.next.iter_mut().for_each(|x| *x /= norm);
        self.basis.push(std::mem::take(&mut self.next));
        self.basis.last().map(Vec::as_slice)
    }

    /// Takes the image of the vector that was wanted.
    pub(super) fn take(&mut self, mut image: Vec<f64>) {
        let Some(last) = self.basis.last() else { return };
        let (step, along) = (self.basis.len(), dot(last, &image));
        if !along.is_finite() {
            self.found = (vec![f64::NAN; self.count], vec![f64::NAN; self.count]);
            self.is_done = true;
            return;
        }
        self.scale = self.scale.max(length(&image));
        orthogonalise(&mut image, &self.basis);
        self.diagonal.push(along);
        let mut off = length(&image);
        if off > 1e-12 * self.scale {
            self.next = image;
        } else {
            off = 0.0;
        }
        self.beside.push(off);
        if step.is_multiple_of(5) || off == 0.0 || step == self.iterations {
            let greatest;
            (self.found, greatest) = ritz(&self.diagonal, &self.beside, self.count);
            self.is_done = step >= self.count && self.found.1.iter().all(|residual| *residual <= TOLERANCE * greatest);
        }
    }

    /// The eigenvalues, descending, and their residuals; NaN where there are fewer, or where the operator is not finite.
    pub(super) fn found(self) -> (Vec<f64>, Vec<f64>) {
        self.found
    }
}

/// Takes from `vector` what lies along the vectors of an orthonormal basis; twice, since once leaves rounding errors
/// behind where little remains.
fn orthogonalise(vector: &mut [f64], basis: &[Vec<f64>]) {
    for along in basis.iter().chain(basis) {
        let share = dot(vector, along);
        vector.iter_mut().zip(along).for_each(|(v, a)| *v -= share * a);
    }
}

/// The largest eigenvalues of the tridiagonal matrix and their residuals, and the greatest absolute eigenvalue.
fn ritz(diagonal: &[f64], beside: &[f64], count: usize) -> ((Vec<f64>, Vec<f64>), f64) {
    let n = diagonal.len();
    let mut matrix = vec![0.0; n * n];
    for k in 0..n {
        matrix[k * n + k] = diagonal[k];
        if k + 1 < n {
            (matrix[k * n + k + 1], matrix[(k + 1) * n + k]) = (beside[k], beside[k]);
        }
    }
    let all = spectrum(&matrix, n, n);
    let greatest = all.values.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    let residual = |vector: &Vec<f64>| (beside[n - 1] * vector[n - 1]).abs();
    let mut residuals: Vec<f64> = all.vectors.iter().take(count).map(residual).collect();
    let mut values = all.values;
    values.resize(count, f64::NAN);
    residuals.resize(count, f64::NAN);
    ((values, residuals), greatest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn largest(product: impl Fn(&[f64]) -> Vec<f64>, mut process: Lanczos) -> (Vec<f64>, Vec<f64>) {
        while let Some(image) = process.wanted().map(&product) {
            process.take(image);
        }
        process.found()
    }

    /// A matrix of known eigenvalues, one of them twice, in fewer steps than its size, and a multiple of the identity,
    /// whose every vector spans an invariant subspace.
    #[test]
    fn eigenvalues_of_diagonal_matrices_are_their_entries() {
        let entries: Vec<f64> = (0..200).map(|k| if k < 2 { 7.0 } else { (k as f64).sin() }).collect();
        let product = |v: &[f64]| v.iter().zip(&entries).map(|(v, e)| v * e).collect();
        let (values, residuals) = largest(product, Lanczos::new(200, 1, 100, 3));
        assert!((values[0] - 7.0).abs() < 1e-9 && residuals[0] < 1e-4, "{values:?} {residuals:?}");
        let (values, _) = largest(|v| v.iter().map(|v| 2.5 * v).collect(), Lanczos::new(4, 6, 100, 3));
        assert!(values[..4].iter().all(|value| (value - 2.5).abs() < 1e-12), "{values:?}");
        assert!(values[4..].iter().all(|value| value.is_nan()));
        let (values, _) = largest(|v| vec![f64::NAN; v.len()], Lanczos::new(5, 2, 10, 3));
        assert!(values.iter().all(|value| value.is_nan()));
    }
}
