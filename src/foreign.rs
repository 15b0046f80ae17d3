//! Readers of foreign bytes that lie inside other rooms, in reach of `tests/fuzz` and of the tests that keep what fuzzing
//! found. No part of the library's interface: nothing else may call it.

use std::path::Path;

use phasesweep_networks::{Activation, ArchitectureKind, Mlp, Ports};

use crate::linear_regions::{SlicePlane, Weights};
use crate::plan::CellId;
use crate::run_directory::Status;
use crate::store::schema::Format;
use crate::store::{read_parameters, seal};

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
    Weights::read(path, Some([1, 2, 2])).map(drop).map_err(|error| error.to_string())
}

/// Reads the parameters of a safetensors file, as `observe` does: those of a small network of the cell of zeros at epoch 0.
///
/// # Errors
/// The sentence that the user would read.
pub fn kept_parameters(path: &Path) -> Result<(), String> {
    let ports = Ports { inputs: 2, image: None, classes: 2 };
    let network = ArchitectureKind::Mlp(Mlp { hidden: vec![3] });
    let graph = network.graph(ports, Activation::Relu).map_err(|misfit| misfit.to_string())?;
    read_parameters(path, CellId([0; 16]), crate::observables::Moment::epoch(0), &graph, "").map(drop)
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
