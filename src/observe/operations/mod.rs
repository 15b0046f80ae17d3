//! What nodes of a network compute over a batch, and the way back through it: shared by what is measured in double
//! precision ([`super::batch`]) and by what is measured at many points in single precision ([`super::network`]).
//!
//! Samples are rows `[row, value]`; parameters lie in the graph's layout. Invariant: one thread and products of a fixed
//! shape, so that the numbers depend on the layer and on the rows alone.

mod activation;
mod linear;
mod normalise;
mod pool;
mod real;

pub(super) use linear::Linear;
pub(super) use normalise::Normaliser;
pub(super) use pool::Windows;
pub(super) use real::Real;

/// Adds numbers to others.
pub(super) fn add<T: Real>(sums: &mut [T], own: &[T]) {
    sums.iter_mut().zip(own).for_each(|(sum, &own)| *sum += own);
}
