//! Bit sets of samples, as they lie in `results.h5`.
//!
//! The file's bytes hold the block's samples in order, the first in the high bit; here they are big-endian words, so
//! that sample i is bit 63 − i mod 64 of word ⌊i/64⌋. Bits beyond the block are cleared.

use std::ops::Range;

use ndarray::Ix3;
use phasesweep_results::variables::MISCLASSIFIED_COUNT;

use crate::error::Result;
use crate::results::Results;

/// A set of samples of a block.
pub type Set = Vec<u64>;

/// Snapshots of some cells.
#[derive(Debug)]
pub struct Snapshots {
    /// `[cell][snapshot]`; `None` where none was taken.
    pub sets: Vec<Vec<Option<Set>>>,
}

/// Samples of a cell's block: as the file says, else as many as there are bits.
pub fn samples(results: &Results, cell: usize, bytes: usize) -> usize {
    let said = results.cells.samples.as_ref().map(|samples| samples[cell]).filter(|count| count.is_finite());
    said.map_or(8 * bytes, |count| (count as usize).min(8 * bytes))
}

/// Reads all snapshots of a range of cells. `None` if the file holds none.
pub fn read(results: &Results, cells: Range<usize>) -> Result<Option<Snapshots>> {
    let Some(array) = results.bits(cells.clone())?.and_then(|array| array.into_dimensionality::<Ix3>().ok()) else {
        return Ok(None);
    };
    let counts = results.slab(MISCLASSIFIED_COUNT.name, cells.clone())?;
    let bytes = array.shape()[2];
    let sets = cells
        .enumerate()
        .map(|(row, cell)| {
            let samples = samples(results, cell, bytes);
            (0..array.shape()[1])
                .map(|snapshot| {
                    let line: Vec<u8> = array.slice(ndarray::s![row, snapshot, ..]).to_vec();
                    // A snapshot that was not taken has all bits set, and no count.
                    let taken = match &counts {
                        Some(counts) => counts[[row, snapshot]].is_finite(),
                        None => line.iter().any(|byte| *byte != 0xff),
                    };
                    taken.then(|| from_bytes(&line, samples))
                })
                .collect()
        })
        .collect();
    Ok(Some(Snapshots { sets }))
}

/// A set from the file's bytes; bits from `samples` on are cleared.
pub fn from_bytes(bytes: &[u8], samples: usize) -> Set {
    let mut words: Set = bytes
        .chunks(8)
        .map(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_be_bytes(word)
        })
        .collect();
    for (index, word) in words.iter_mut().enumerate() {
        let inside = samples.saturating_sub(64 * index).min(64);
        *word &= if inside == 64 { u64::MAX } else { !(u64::MAX >> inside) };
    }
    words
}

/// Number of samples in a set.
pub fn size(set: &[u64]) -> usize {
    set.iter().map(|word| word.count_ones() as usize).sum()
}

/// Samples in a set, ascending.
pub fn members(set: &[u64]) -> impl Iterator<Item = usize> {
    set.iter().enumerate().flat_map(|(index, &word)| {
        let mut left = word;
        std::iter::from_fn(move || {
            let bit = left.leading_zeros() as usize;
            // The bit that was found is taken out; none is left in an empty word.
            left &= !(1_u64 << 63).checked_shr(bit as u32)?;
            Some(64 * index + bit)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sample_is_the_high_bit_and_padding_is_cleared() {
        let set = from_bytes(&[0b1000_0001, 0b0100_0000, 0, 0, 0, 0, 0, 0, 0b1111_1111], 67);
        assert_eq!(members(&set).collect::<Vec<_>>(), [0, 7, 9, 64, 65, 66]);
        assert_eq!(size(&set), 6);
        assert_eq!(size(&from_bytes(&[0xff], 0)), 0);
        assert_eq!(size(&from_bytes(&[0xff; 8], 64)), 64);
    }
}
