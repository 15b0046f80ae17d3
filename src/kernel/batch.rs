//! Sparse samples one by one: what is read where samples come in any order, in minibatches and where few are measured.
//!
//! Prepared once for a block of samples: a sample's row names its inputs, forward and for the gradient. Values are
//! x₀ = x − background, as in [`inputs`](super::inputs).

use super::simd::{Indices, Picked};
use crate::block::Samples;

/// Rows of the product's right operand that are worked through at a time: so many of twelve vectors of eight lanes stay
/// in the nearest cache, which hands out two vectors while the next one hands out one.
const BLOCK: usize = 64;

/// The inputs off the background of every sample, as rows of the weights, and their values, in the block's order.
#[derive(Debug)]
pub(super) struct SampleRows {
    /// Blocks of inputs.
    blocks: usize,
    /// Where each sample's inputs of each block begin, and where the last one's end.
    starts: Vec<u32>,
    inputs: Indices,
    values: Vec<f32>,
}

impl SampleRows {
    /// The rows of some samples; `shift` is the background of each input, at most 65535 of them, and `order` the input of
    /// each row of the weights.
    pub(super) fn of(samples: &Samples, shift: &[f32], order: &[u32]) -> SampleRows {
        let (mut starts, mut list, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for x in samples.x.chunks_exact(shift.len().max(1)) {
            for (row, &input) in order.iter().enumerate() {
                if row % BLOCK == 0 {
                    starts.push(list.len() as u32);
                }
                let (x, shift) = (x[input as usize], shift[input as usize]);
                if x != shift {
                    list.push(row as u16);
                    values.push(x - shift);
                }
            }
        }
        starts.push(list.len() as u32);
        SampleRows { blocks: shift.len().div_ceil(BLOCK), starts, inputs: Indices::new(list, shift.len()), values }
    }

    /// Number of blocks of inputs.
    pub(super) fn blocks(&self) -> usize {
        self.blocks
    }

    /// A sample's inputs of a block, ascending, and their values.
    #[inline(always)]
    pub(super) fn part(&self, sample: u32, block: usize) -> (Picked<'_>, &[f32]) {
        let at = sample as usize * self.blocks + block;
        self.range(self.starts[at], self.starts[at + 1])
    }

    #[inline(always)]
    fn range(&self, first: u32, end: u32) -> (Picked<'_>, &[f32]) {
        let range = first as usize..end as usize;
        (self.inputs.range(range.clone()), &self.values[range])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_samples_parts_hold_its_numbers() {
        // 150 inputs are three blocks.
        let inputs = 150;
        let shift: Vec<f32> = (0..inputs).map(|i| (i % 3) as f32 - 1.0).collect();
        let value = |s: usize, i: usize| if (s * 31 + i * 17).is_multiple_of(5) { (s + i) as f32 } else { shift[i] };
        let x: Vec<f32> = (0..140).flat_map(|s| (0..inputs).map(move |i| (s, i))).map(|(s, i)| value(s, i)).collect();
        let order: Vec<u32> = (0..inputs as u32).rev().collect();
        let rows = SampleRows::of(&Samples { x: x.clone(), y: vec![0; 140] }, &shift, &order);
        for (sample, x) in x.chunks_exact(inputs).enumerate() {
            let mut found = shift.clone();
            for block in 0..rows.blocks() {
                let (picked, values) = rows.part(sample as u32, block);
                for (&row, &value) in picked.parts().0.iter().zip(values) {
                    assert_eq!(usize::from(row) / BLOCK, block);
                    found[order[usize::from(row)] as usize] += value;
                }
            }
            assert_eq!(found, x);
        }
    }
}
