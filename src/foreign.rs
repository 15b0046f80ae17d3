//! Readers of foreign bytes that lie inside other rooms, in reach of `tests/fuzz` and of the tests that keep what fuzzing
//! found. No part of the library's interface: nothing else may call it.

use std::path::Path;

use crate::linear_regions::{SlicePlane, Weights};
use crate::run_directory::Status;
use crate::store::schema::Format;
use crate::store::seal;

pub use crate::dispatch::foreign::hear;

/// A part's file of this summary and body, with the checksums that make it whole.
pub fn sealed_part(summary: &[u8], body: &[u8]) -> Vec<u8> {
    [seal::encode(Format::Part, summary, body, 512).as_slice(), body].concat()
}

/// A checkpoint's file of this summary and body, with the checksums that make it whole.
pub fn sealed_checkpoint(summary: &[u8], body: &[u8]) -> Vec<u8> {
    [seal::encode(Format::Checkpoint, summary, body, 1).as_slice(), body].concat()
}

/// Reads the network of a safetensors file, as `slice --weights` does.
///
/// # Errors
/// The sentence that the user would read.
pub fn weights(path: &Path) -> Result<(), String> {
    Weights::read(path).map(drop).map_err(|error| error.to_string())
}

/// Reads the plane of a safetensors file, as `slice --plane` does.
///
/// # Errors
/// The sentence that the user would read.
pub fn plane(path: &Path) -> Result<(), String> {
    SlicePlane::from_file(path, 1.0).map(drop).map_err(|error| error.to_string())
}

/// What `phasesweep status` prints.
pub fn describe(status: &Status) -> String {
    status.to_string()
}
