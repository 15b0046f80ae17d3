//! Which samples of a tile count, and whose moments a batch normalisation takes.

use super::simd::Lane;

/// The weight of a sample for each replica.
#[derive(Clone, Copy)]
pub(super) enum Weights<'a> {
    /// Every sample counts.
    All,
    /// 1 where a sample is kept, else 0: `[position, replica]`, from the tile's first position on.
    Kept(&'a [f32]),
}

impl Weights<'_> {
    /// The weights of a sample of the tile.
    #[inline(always)]
    pub(super) fn of<V: Lane, const R: usize>(&self, row: usize) -> V {
        match self {
            Weights::All => V::splat(1.0),
            Weights::Kept(kept) => V::pattern::<R>(&kept[row * R..]),
        }
    }
}

/// What a batch normalisation normalises a tile by; nothing else asks.
#[derive(Clone, Copy)]
pub(super) enum Moments<'a> {
    /// The running averages: evaluation.
    Running,
    /// The moments of those of the tile's samples that count; the tile is then all of a step.
    Step(Weights<'a>),
}
