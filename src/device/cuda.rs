//! CUDA by CubeCL, built in.

use ::burn::tensor::{Device, DeviceType};

use super::name::{DeviceError, DeviceName};

/// CUDA devices seen. CubeCL panics where there is no driver: that is none.
pub(super) fn count() -> usize {
    std::panic::catch_unwind(|| Device::enumerate(DeviceType::Cuda).into_vec().len()).unwrap_or(0)
}

/// Opens a device.
pub(super) fn open(choice: DeviceName, number: usize) -> Result<Device, DeviceError> {
    let seen = count();
    if number < seen { Ok(Device::cuda(number)) } else { Err(DeviceError::Absent { choice, seen }) }
}
