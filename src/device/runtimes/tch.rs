//! LibTorch, built in. burn 0.22 deprecates it in favour of CubeCL; it stays the path whose speed is measured.
#![allow(deprecated)]

use ::burn::tensor::{Device, DeviceType};

use super::adapter::{Adapter, AdapterKind};

/// The CUDA devices that LibTorch sees.
pub(super) fn adapters() -> Option<Vec<Adapter>> {
    let devices = Device::enumerate(DeviceType::LibTorch).into_vec();
    // LibTorch lists its CPU among them.
    let gpus = devices.into_iter().enumerate().filter(|(number, device)| *device == Device::libtorch_cuda(*number));
    Some(gpus.map(|(_, device)| Adapter::of(device, AdapterKind::Discrete)).collect())
}

/// The CPU.
pub(super) fn cpu() -> Option<Device> {
    Some(Device::libtorch())
}
