//! The stragglers of each cell as a block: bits of samples, where that is not too much for a page.

use serde::Serialize;

use super::block::Block;
use crate::error::Result;
use crate::sample_sets;
use crate::stragglers::Stragglers;

/// Bytes of bits that a page holds.
const MOST_BYTES: usize = 600_000;

#[derive(Serialize)]
struct Header {
    /// Samples of the largest block.
    samples: usize,
    /// Bytes of a set.
    bytes: usize,
    /// Where the cells of the sets are, ascending, and the bytes of each number.
    cells: (usize, usize),
    /// Sets.
    count: usize,
    /// Where the bits are: the first sample is the high bit.
    bits: usize,
    /// Why some cells have none, in a sentence; empty if none is left out.
    note: String,
}

/// The block; `None` where no cell has stragglers. Of more than a page holds, cells are taken evenly.
///
/// # Errors
/// As [`Block::seal`].
pub fn seal(cells: usize, all: &[Stragglers]) -> Result<Option<String>> {
    let Some(samples) = all.iter().map(|row| row.samples).max() else { return Ok(None) };
    let bytes = samples.div_ceil(8);
    let every = (all.len() * bytes).div_ceil(MOST_BYTES).max(1);
    let kept: Vec<&Stragglers> = all.iter().step_by(every).collect();
    let mut block = Block::default();
    let owners = block.whole(&kept.iter().map(|row| row.cell as u32).collect::<Vec<_>>());
    let mut bits = vec![0_u8; bytes * kept.len()];
    for (row, set) in kept.iter().zip(bits.chunks_mut(bytes.max(1))) {
        sample_sets::members(&row.set)
            .filter(|sample| sample / 8 < bytes)
            .for_each(|sample| set[sample / 8] |= 0x80 >> (sample % 8));
    }
    let bits = block.bytes(&bits);
    let note = match every {
        1 => String::new(),
        _ => format!(
            "The page holds which samples they are for {} of {cells} cells, taken evenly; “misclassified” in results.h5 has all.",
            kept.len()
        ),
    };
    block.seal(&Header { samples, bytes, cells: owners, count: kept.len(), bits, note }).map(Some)
}
