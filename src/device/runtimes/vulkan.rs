//! GPUs through Vulkan, by SPIR-V, built in.

use ::burn::tensor::{Device, DeviceType};

use super::adapter::Adapter;
use super::graphics::{self, Interface};

/// What the machine's Vulkan drivers show.
pub(super) fn adapters() -> Option<Vec<Adapter>> {
    let interface = Interface { listed: DeviceType::Vulkan, open: Device::vulkan, backends: wgpu::Backends::VULKAN };
    Some(graphics::adapters(interface))
}
