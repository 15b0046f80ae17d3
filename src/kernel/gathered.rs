//! Rows of inputs that were copied together for a tile, as the forward product reads them.

use super::simd::{Indices, Operand, Rows};

/// Rows of inputs gathered for a tile, one after the other.
#[derive(Clone, Copy)]
pub(super) struct Gathered<'a> {
    /// The inputs, for whole groups of rows.
    pub(super) x: &'a [f32],
    /// The weights' rows of the inputs, where they are not in order.
    pub(super) rows: Option<&'a Indices>,
    /// Inputs that the product takes at a time.
    pub(super) block: usize,
}

impl<'a> Gathered<'a> {
    /// The forward product of a group over a block of the inputs, as [`Set::piece`](super::inputs::Set::piece).
    #[inline(always)]
    pub(super) fn piece<const MR: usize>(
        self,
        inputs: usize,
        block: usize,
        group: usize,
    ) -> (Operand<'a>, Rows<'a>, usize) {
        let (first, last) = (block * self.block, inputs.min((block + 1) * self.block));
        let a = Operand { data: &self.x[group * MR * inputs + first..], row: inputs, step: 1 };
        match self.rows {
            None => (a, Rows::All(last - first), first),
            Some(rows) => (a, Rows::Listed(rows.range(first..last)), 0),
        }
    }
}
