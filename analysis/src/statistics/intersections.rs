//! Numbers of samples that sets have in common, given as bits: what all pairs of runs cost.
//!
//! Sets stand in bundles of [`LANES`], word by word side by side, so that a vector holds the same word of all of them and no
//! count is summed across a vector; [`TOGETHER`] sets are counted against a bundle while it is read once. Where the processor
//! counts the bits of whole vectors (AVX-512 VPOPCNTDQ) it does, else those of a word. Counts are whole numbers: all ways give
//! the same.
//!
//! Unsafe code: the calls of functions that are compiled for instructions which the processor was found to have, and vectors'
//! way from and to memory.

#![allow(unsafe_code)]

/// Sets of a bundle.
const LANES: usize = 8;
/// Sets that are counted against a bundle at a time.
pub const TOGETHER: usize = 4;

/// Sets that others are counted against.
#[derive(Debug, Clone)]
pub struct Bundles {
    /// `[bundle, word][lane]`; zeros where the last bundle is not full.
    words: Vec<[u64; LANES]>,
    /// Words of a set.
    length: usize,
    /// Sets.
    count: usize,
}

/// Counts of each of the sets that are counted together.
type Counts = [Vec<u32>; TOGETHER];

impl Bundles {
    /// Sets of the same number of words each; of shorter ones the rest is empty.
    pub fn new(sets: &[&[u64]]) -> Bundles {
        let length = sets.iter().map(|set| set.len()).max().unwrap_or(0).max(1);
        let mut words = vec![[0; LANES]; sets.len().div_ceil(LANES) * length];
        for (place, set) in sets.iter().enumerate() {
            let bundle = &mut words[place / LANES * length..];
            set.iter().zip(bundle).for_each(|(word, lanes)| lanes[place % LANES] = *word);
        }
        Bundles { words, length, count: sets.len() }
    }

    /// For each of `sets` and each of the first `most` sets of the bundles, how many samples they have in common.
    pub fn with(&self, sets: [&[u64]; TOGETHER], most: usize) -> Counts {
        let most = most.min(self.count);
        let bundles = &self.words[..most.div_ceil(LANES) * self.length];
        let mut out = [(); TOGETHER].map(|()| Vec::with_capacity(most.next_multiple_of(LANES)));
        count(sets, bundles, self.length, &mut out);
        out.iter_mut().for_each(|counts| counts.truncate(most));
        out
    }
}

/// Chooses the way of this processor.
fn count(sets: [&[u64]; TOGETHER], bundles: &[[u64; LANES]], length: usize, out: &mut Counts) {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vpopcntdq") {
            // SAFETY: the processor has the instructions that the function is compiled for.
            return unsafe { by_vectors(sets, bundles, length, out) };
        }
        if is_x86_feature_detected!("popcnt") {
            // SAFETY: as above.
            return unsafe { by_words(sets, bundles, length, out) };
        }
    }
    plain(sets, bundles, length, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn by_vectors(sets: [&[u64]; TOGETHER], bundles: &[[u64; LANES]], length: usize, out: &mut Counts) {
    use std::arch::x86_64::{
        _mm256_storeu_si256, _mm512_add_epi64, _mm512_and_si512, _mm512_cvtepi64_epi32, _mm512_loadu_si512,
        _mm512_popcnt_epi64, _mm512_set1_epi64, _mm512_setzero_si512,
    };
    let [a, b, c, d] = sets;
    for bundle in bundles.chunks_exact(length) {
        let mut counts = [_mm512_setzero_si512(); TOGETHER];
        for (word, lanes) in bundle.iter().enumerate() {
            // SAFETY: an array of eight words is 64 bytes, which the load reads at any alignment.
            let lanes = unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) };
            for (count, set) in counts.iter_mut().zip([a, b, c, d]) {
                let word = _mm512_set1_epi64(set.get(word).copied().unwrap_or(0).cast_signed());
                *count = _mm512_add_epi64(*count, _mm512_popcnt_epi64(_mm512_and_si512(word, lanes)));
            }
        }
        for (counts, out) in counts.into_iter().zip(&mut *out) {
            let mut narrow = [0_u32; LANES];
            // SAFETY: an array of eight numbers of 32 bits is the 32 bytes that are stored, at any alignment.
            unsafe { _mm256_storeu_si256(narrow.as_mut_ptr().cast(), _mm512_cvtepi64_epi32(counts)) };
            out.extend(narrow);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "popcnt")]
fn by_words(sets: [&[u64]; TOGETHER], bundles: &[[u64; LANES]], length: usize, out: &mut Counts) {
    plain(sets, bundles, length, out);
}

#[inline(always)]
fn plain(sets: [&[u64]; TOGETHER], bundles: &[[u64; LANES]], length: usize, out: &mut Counts) {
    for bundle in bundles.chunks_exact(length) {
        for (set, out) in sets.into_iter().zip(&mut *out) {
            let mut counts = [0_u32; LANES];
            for (word, lanes) in set.iter().zip(bundle) {
                for (count, lane) in counts.iter_mut().zip(lanes) {
                    *count += (word & lane).count_ones();
                }
            }
            out.extend(counts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_counting_gives_the_members_in_common() {
        let word = |at: u64| (at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left((at % 63) as u32);
        let sets: Vec<Vec<u64>> = (0..21).map(|set| (0..5).map(|at| word(5 * set + at)).collect()).collect();
        let borrowed: Vec<&[u64]> = sets.iter().map(Vec::as_slice).collect();
        let expected = |set: &[u64], other: &[u64]| -> u32 {
            // One bit at a time.
            (0..320).filter(|bit| set[bit / 64] >> (bit % 64) & other[bit / 64] >> (bit % 64) & 1 == 1).count() as u32
        };
        let bundles = Bundles::new(&borrowed);
        for first in 0..17 {
            let four = [0, 1, 2, 3].map(|place| borrowed[first + place]);
            let all = four.map(|set| borrowed.iter().map(|other| expected(set, other)).collect::<Vec<u32>>());
            for most in [0, 1, 8, 13, 21, 99] {
                assert_eq!(bundles.with(four, most), all.clone().map(|counts| counts[..most.min(21)].to_vec()));
            }
            let mut portable = Counts::default();
            plain(four, &bundles.words, bundles.length, &mut portable);
            assert_eq!(portable.map(|counts| counts[..21].to_vec()), all);
        }
        assert_eq!(Bundles::new(&[&[], &[]]).with([&[]; TOGETHER], 2), [(); TOGETHER].map(|()| vec![0, 0]));
        assert!(Bundles::new(&[]).with([&[1]; TOGETHER], 2).iter().all(Vec::is_empty));
    }
}
