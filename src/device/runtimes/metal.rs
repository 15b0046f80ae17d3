//! Apple's GPUs through Metal, built in.

use ::burn::tensor::{Device, DeviceType};

use super::adapter::Adapter;
use super::graphics::{self, Interface};

/// What macOS shows.
pub(super) fn adapters() -> Option<Vec<Adapter>> {
    let interface = Interface { listed: DeviceType::Metal, open: Device::metal, backends: wgpu::Backends::METAL };
    Some(graphics::adapters(interface))
}
