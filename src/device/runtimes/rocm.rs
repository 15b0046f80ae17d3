//! AMD's GPUs by CubeCL's HIP, built in.

use ::burn::tensor::{Device, DeviceType};

use super::adapter::{Adapter, AdapterKind};
use super::enumeration::found_or_none;

/// What the driver shows to this process.
pub(super) fn adapters() -> Option<Vec<Adapter>> {
    let devices = found_or_none(|| Device::enumerate(DeviceType::Rocm).into_vec());
    Some(devices.into_iter().map(|device| Adapter::of(device, AdapterKind::Discrete)).collect())
}
