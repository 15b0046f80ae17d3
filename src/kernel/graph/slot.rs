//! The buffer of a value.

use crate::simd::Buffer;
use crate::values::Values;

/// A value and its gradient, for each sample of the tile a row.
pub(super) struct Slot {
    pub(super) value: Buffer,
    pub(super) gradient: Buffer,
    /// Numbers of a sample and replica.
    pub(super) units: usize,
    /// Numbers in a row, padded to whole vectors.
    pub(super) columns: usize,
    /// Distance between rows.
    pub(super) stride: usize,
}

impl Slot {
    pub(super) fn values(&self) -> Values<'_> {
        Values { out: &self.value, stride: self.stride, columns: self.columns, units: self.units }
    }
}
