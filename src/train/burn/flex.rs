//! burn's own CPU backend, whose elementwise operations use one core.

use ::burn::tensor::Device;

/// Whether this is burn's own CPU backend.
pub(in crate::train) fn on_flex(device: &Device) -> bool {
    *device == Device::flex()
}
