//! LibTorch, built in. burn 0.22 deprecates it in favour of CubeCL; it stays the path whose speed is measured.
#![allow(deprecated)]

use ::burn::tensor::{Device, DeviceType};

use super::name::{DeviceError, DeviceName};

/// LibTorch is here.
pub(super) const BUILT: bool = true;

/// CUDA devices that LibTorch sees.
pub(super) fn cuda_count() -> usize {
    let devices = Device::enumerate(DeviceType::LibTorch).into_vec();
    devices.iter().enumerate().filter(|(number, device)| **device == Device::libtorch_cuda(*number)).count()
}

/// The CPU.
pub(super) fn cpu(_choice: DeviceName) -> Result<Device, DeviceError> {
    Ok(Device::libtorch())
}

/// Opens a CUDA device.
pub(super) fn cuda(choice: DeviceName, number: usize) -> Result<Device, DeviceError> {
    let seen = cuda_count();
    if number < seen { Ok(Device::libtorch_cuda(number)) } else { Err(DeviceError::Absent { choice, seen }) }
}
