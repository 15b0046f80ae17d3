//! The way from the device back to the host: whoever fetches waits until the device has done all that it was given.
//!
//! Invariant: nothing else in this folder reads a tensor, so that the number of fetches is the number of times that training waits;
//! a test counts them.

use ::burn::tensor::{Tensor, TensorData, Transaction};

use super::failure::classify;
use crate::train::TrainError;

#[cfg(test)]
std::thread_local! {
    static FETCHES: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// The values of tensors, each in row-major order, when the device has them: waited for once.
///
/// # Errors
/// [`TrainError`] if the device fails, now or in what it still had to do.
pub(in crate::train) fn fetch<const D: usize>(tensors: Vec<Tensor<D>>) -> Result<Vec<Vec<f32>>, TrainError> {
    let all = wait(tensors)?.into_iter();
    all.map(|data| data.try_into_vec::<f32>().map_err(|error| TrainError::Device(format!("{error:?}")))).collect()
}

/// As [`fetch`], of tensors of either precision: the same numbers in double precision.
///
/// # Errors
/// As [`fetch`].
pub(in crate::train) fn fetch_wide<const D: usize>(tensors: Vec<Tensor<D>>) -> Result<Vec<Vec<f64>>, TrainError> {
    Ok(wait(tensors)?.iter().map(|data| data.iter::<f64>().collect()).collect())
}

fn wait<const D: usize>(tensors: Vec<Tensor<D>>) -> Result<Vec<TensorData>, TrainError> {
    if tensors.is_empty() {
        return Ok(Vec::new());
    }
    #[cfg(test)]
    FETCHES.set(FETCHES.get() + 1);
    let transaction = tensors.into_iter().fold(Transaction::default(), Transaction::register);
    transaction.try_execute().map_err(classify)
}

/// Fetches of this thread so far.
#[cfg(test)]
pub(in crate::train) fn fetches() -> usize {
    FETCHES.get()
}
