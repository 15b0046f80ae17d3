//! Sparse samples one by one: what is read where samples come in any order, in minibatches and where few are measured.
//!
//! Prepared once for a block ([`SampleRows`]), and turned around for each tile ([`InputRows`]): forward, a sample's row
//! names its inputs; for the gradient, an input's row names the tile's samples. Values are x₀ = x − background, as in
//! [`inputs`](super::inputs).

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
    fn row(&self, sample: u32) -> (Picked<'_>, &[f32]) {
        let at = sample as usize * self.blocks;
        self.range(self.starts[at], self.starts[at + self.blocks])
    }

    #[inline(always)]
    fn range(&self, first: u32, end: u32) -> (Picked<'_>, &[f32]) {
        let range = first as usize..end as usize;
        (self.inputs.range(range.clone()), &self.values[range])
    }
}

/// For every input the samples of a tile that use it, by their place in the tile, and their values.
#[derive(Debug, Default)]
pub(super) struct InputRows {
    inputs: usize,
    /// For each block of samples, and once more after the last one, where each input's samples begin.
    starts: Vec<u32>,
    places: Indices,
    values: Vec<f32>,
    next: Vec<u32>,
}

impl InputRows {
    /// Takes the samples of a tile.
    pub(super) fn fill(&mut self, rows: &SampleRows, tile: &[u32], inputs: usize) {
        self.inputs = inputs;
        self.next.clear();
        self.next.resize(inputs, 0);
        for &sample in tile {
            for &input in rows.row(sample).0.parts().0 {
                self.next[usize::from(input)] += 1;
            }
        }
        let mut total = 0;
        for next in &mut self.next {
            total += std::mem::replace(next, total);
        }
        let mut list = std::mem::take(&mut self.places).into_list();
        list.resize(total as usize, 0);
        self.values.resize(total as usize, 0.0);
        self.starts.clear();
        for (place, &sample) in tile.iter().enumerate() {
            if place % BLOCK == 0 {
                self.starts.extend_from_slice(&self.next);
            }
            let (picked, values) = rows.row(sample);
            for (&input, &value) in picked.parts().0.iter().zip(values) {
                let next = &mut self.next[usize::from(input)];
                list[*next as usize] = place as u16;
                self.values[*next as usize] = value;
                *next += 1;
            }
        }
        self.starts.extend_from_slice(&self.next);
        self.places = Indices::new(list, tile.len());
    }

    /// Number of blocks of samples.
    pub(super) fn blocks(&self) -> usize {
        self.starts.len() / self.inputs.max(1) - 1
    }

    /// Places of an input's samples of a block, ascending, and their values.
    #[inline(always)]
    pub(super) fn part(&self, input: usize, block: usize) -> (Picked<'_>, &[f32]) {
        let at = block * self.inputs + input;
        let range = self.starts[at] as usize..self.starts[at + self.inputs] as usize;
        (self.places.range(range.clone()), &self.values[range])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_turned_around_holds_the_same_numbers() {
        // 150 inputs are three blocks, and so are 130 samples.
        let inputs = 150;
        let shift: Vec<f32> = (0..inputs).map(|i| (i % 3) as f32 - 1.0).collect();
        let value = |s: usize, i: usize| if (s * 31 + i * 17).is_multiple_of(5) { (s + i) as f32 } else { shift[i] };
        let x: Vec<f32> = (0..140).flat_map(|s| (0..inputs).map(move |i| (s, i))).map(|(s, i)| value(s, i)).collect();
        let order: Vec<u32> = (0..inputs as u32).collect();
        let rows = SampleRows::of(&Samples { x: x.clone(), y: vec![0; 140] }, &shift, &order);
        let mut turned = InputRows::default();
        for tile in [(5..135).rev().collect::<Vec<u32>>(), vec![2], vec![], vec![0, 139, 64]] {
            turned.fill(&rows, &tile, inputs);
            let expected: Vec<f32> = tile
                .iter()
                .flat_map(|&s| (0..inputs).map(move |i| (s as usize, i)))
                .map(|(s, i)| x[s * inputs + i] - shift[i])
                .collect();
            let (mut forward, mut backward) = (vec![0.0; expected.len()], vec![0.0; expected.len()]);
            for (place, &sample) in tile.iter().enumerate() {
                for block in 0..rows.blocks() {
                    let (picked, values) = rows.part(sample, block);
                    for (&input, &value) in picked.parts().0.iter().zip(values) {
                        assert_eq!(usize::from(input) / BLOCK, block);
                        forward[place * inputs + usize::from(input)] += value;
                    }
                }
            }
            for input in 0..inputs {
                for block in 0..turned.blocks() {
                    let (picked, values) = turned.part(input, block);
                    for (&place, &value) in picked.parts().0.iter().zip(values) {
                        assert_eq!(usize::from(place) / BLOCK, block);
                        backward[usize::from(place) * inputs + input] += value;
                    }
                }
            }
            assert_eq!(forward, expected);
            assert_eq!(backward, expected);
        }
    }
}
