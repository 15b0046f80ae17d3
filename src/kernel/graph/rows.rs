//! What steps do to rows of numbers.

use crate::simd::{Lane, get, put};

/// Adds a vector to the numbers of a slice, as far as it goes.
#[inline(always)]
pub(super) fn add<V: Lane>(to: &mut [f32], what: V) {
    put(get::<V>(to).add(what), to);
}

/// Clears the first numbers of each row.
pub(super) fn clear(rows: &mut [f32], stride: usize, numbers: usize, valid: usize) {
    rows.chunks_exact_mut(stride).take(valid).for_each(|row| row[..numbers].fill(0.0));
}

/// Adds a vector to sums in f64.
#[inline(always)]
pub(super) fn widen<V: Lane>(sums: &mut [f64], what: V) {
    let mut all = [0f32; 16];
    what.store(&mut all);
    for (sum, &own) in sums.iter_mut().zip(&all[..V::LEN]) {
        *sum += f64::from(own);
    }
}
