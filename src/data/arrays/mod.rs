//! A researcher's own arrays: samples and targets from files of the formats in which people keep them.
//!
//! - [`npy`], [`npz`], [`h5`], [`safe_tensors`]: files that hold arrays by name, one format each (`Container`, in [`container`]).
//! - [`table`]: CSV and TSV, whose columns are inputs and targets.
//! - [`element`]: types of elements, and how their bytes become numbers.
//! - [`shape`]: what the dimensions of an array of samples mean.
//! - [`classes`]: labels from targets: integers, whole floats, texts, one-hot rows.
//! - [`split`]: a test set cut off from the samples.
//!
//! Invariants: a file is read as NumPy reads it, or refused with a sentence that names the array and says what to do. No
//! more memory is taken than the bytes of a file justify. Inputs go into the bytes or floats that training blocks are cut from
//! as they are read: there is no second copy of them.

mod classes;
mod container;
mod element;
mod h5;
mod npy;
mod npz;
mod read;
mod safe_tensors;
mod shape;
mod split;
mod table;

pub(super) use container::Inputs;
pub(super) use read::{Arrays, Facts, Part, Wanted, read, sizes};
pub(super) use split::Cut;
