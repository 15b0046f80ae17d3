//! Values of a tile's samples, wherever a network keeps them.

/// Values of a tile's samples, a row each, `[unit, replica]`.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) out: &'a [f32],
    /// Distance between the rows.
    pub(super) stride: usize,
    /// Numbers in a row, padded to whole vectors.
    pub(super) columns: usize,
    /// Numbers of a sample and replica.
    pub(super) units: usize,
}

/// Outputs of a tile's samples, a row each, `[output, replica]`.
pub(super) struct Outputs<'a> {
    pub(super) out: &'a mut [f32],
    /// Distance between the rows.
    pub(super) stride: usize,
    /// Outputs of a replica.
    pub(super) outputs: usize,
}
