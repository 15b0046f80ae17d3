//! GPUs through whichever graphics interface the machine has, by WGSL, built in.

use ::burn::tensor::{Device, DeviceType};

use super::adapter::Adapter;
use super::graphics::{self, Interface};

/// What the machine's drivers show.
pub(super) fn adapters() -> Option<Vec<Adapter>> {
    let interface = Interface { listed: DeviceType::Wgpu, open: Device::wgpu, backends: wgpu::Backends::PRIMARY };
    Some(graphics::adapters(interface))
}
