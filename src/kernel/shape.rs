//! What fixes the buffers of a net: its layers, the replicas side by side, and the tiles of the product.

use std::sync::Arc;

use super::graph::walk::Walk;
use super::layout::Layout;
use crate::problem::LayerShape;

/// Rows of the right operand that a panel's product takes at a time. Four vectors of eight lanes of so many are half a
/// first cache of 32 KiB, and every group of rows reads them from there. The sum goes on where the last block's stopped:
/// blocks change no bit.
pub(super) const AT_ONCE: usize = 128;

/// What fixes a net's buffers.
pub(super) struct Shape<'a> {
    /// The network, if it is no chain.
    pub(super) walk: Option<&'a Arc<Walk>>,
    /// All layers of a chain from input to output.
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

    /// Numbers in a row of `units` values of every replica, padded to whole vectors, and the distance between such rows.
    pub(super) fn row(&self, units: usize) -> (usize, usize) {
        let [lanes, mr, _] = self.product;
        let columns = (units * self.replicas).next_multiple_of(lanes);
        // The gradient of the next layer's weights reads whole groups of units; an odd number of cache lines between
        // rows spreads them over the cache's sets.
        let stride = (columns.max(units.next_multiple_of(mr) * self.replicas).div_ceil(16) | 1) * 16;
        (columns, stride)
    }
}
