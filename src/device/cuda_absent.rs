//! CUDA by CubeCL, not built in.

use ::burn::tensor::Device;

use super::name::{DeviceError, DeviceName};

/// None.
pub(super) fn count() -> usize {
    0
}

/// Refuses.
pub(super) fn open(choice: DeviceName, _number: usize) -> Result<Device, DeviceError> {
    Err(DeviceError::NotBuilt { choice, feature: "cuda" })
}
