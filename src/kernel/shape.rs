//! What fixes the buffers of a net: its layers, the replicas side by side, and the tiles of the product.

use super::layout::Layout;
use crate::problem::LayerShape;

/// Rows of the right operand that a panel's product takes at a time. Four vectors of eight lanes of so many are half a
/// first cache of 32 KiB, and every group of rows reads them from there. The sum goes on where the last block's stopped:
/// blocks change no bit.
pub(super) const AT_ONCE: usize = 128;

/// What fixes a net's buffers.
pub(super) struct Shape<'a> {
    /// All layers from input to output.
    pub(super) layers: &'a [LayerShape],
    /// Input of each row of a dense first layer.
    pub(super) order: &'a [u32],
    /// Replicas side by side.
    pub(super) replicas: usize,
    /// Samples in a tile.
    pub(super) tile: usize,
    /// Lanes, rows and vectors of the product.
    pub(super) product: [usize; 3],
    /// Whether the rule uses a first and a second moment.
    pub(super) moments: [bool; 2],
    /// Whether the activation's derivative must be kept apart.
    pub(super) slope: bool,
}

impl Shape<'_> {
    /// Lays out `rows` × `units` of every replica.
    pub(super) fn layout(&self, rows: usize, units: usize) -> Layout {
        let [lanes, mr, nv] = self.product;
        Layout::new(rows, units * self.replicas, lanes, mr, nv)
    }
}
