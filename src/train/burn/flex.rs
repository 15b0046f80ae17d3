//! burn's own CPU backend, whose elementwise operations use one core.

use ::burn::tensor::Device;

/// Whether this is burn's own CPU backend.
pub(super) fn on_flex(device: &Device) -> bool {
    *device == Device::flex()
}
