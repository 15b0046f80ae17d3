//! LibTorch, not built in.

use ::burn::tensor::Device;

use super::name::{DeviceError, DeviceName};

/// LibTorch is not here.
pub(super) const BUILT: bool = false;

/// None.
pub(super) fn cuda_count() -> usize {
    0
}

/// Refuses.
pub(super) fn cpu(choice: DeviceName) -> Result<Device, DeviceError> {
    Err(DeviceError::NotBuilt { choice, feature: "tch" })
}

/// Refuses.
pub(super) fn cuda(choice: DeviceName, _number: usize) -> Result<Device, DeviceError> {
    Err(DeviceError::NotBuilt { choice, feature: "tch" })
}
