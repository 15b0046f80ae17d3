//! What stands in for a runtime that is not built in.

// Which of these is asked depends on what is built in.
#![allow(dead_code)]

use ::burn::tensor::Device;

use super::adapter::Adapter;

/// Not built in.
pub(super) fn adapters() -> Option<Vec<Adapter>> {
    None
}

/// Not built in.
pub(super) fn cpu() -> Option<Device> {
    None
}
