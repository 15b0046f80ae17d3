//! Numbers of samples that one set has in common with many others, given as bits: what all pairs of runs cost.
//!
//! Sets stand in bundles of [`LANES`], word by word side by side, so that a vector holds the same word of all of them and no
//! count is summed across a vector. Each processor counts bits in its own way: by one instruction for a vector of them
//! (AVX-512 VPOPCNTDQ), by a table in a register (AVX2), or by shifts. Counts are whole numbers: all ways give the same.
//!
//! Unsafe code: the calls of functions that are compiled for instructions which the processor was found to have.

#![allow(unsafe_code)]

/// Sets of a bundle.
pub const LANES: usize = 8;

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

impl Bundles {
    /// Sets of the same number of words each; of shorter ones the rest is empty.
    pub fn new(sets: &[&[u64]]) -> Bundles {
        let length = sets.iter().map(|set| set.len()).max().unwrap_or(0);
        let mut words = vec![[0; LANES]; sets.len().div_ceil(LANES) * length];
        for (place, set) in sets.iter().enumerate() {
            let bundle = &mut words[place / LANES * length..];
            set.iter().zip(bundle).for_each(|(word, lanes)| lanes[place % LANES] = *word);
        }
        Bundles { words, length, count: sets.len() }
    }

    /// For each of the first `most` sets, how many samples it has in common with `set`.
    pub fn with(&self, set: &[u64], most: usize) -> Vec<u32> {
        let most = most.min(self.count);
        let mut out = Vec::with_capacity(most.next_multiple_of(LANES));
        // A bundle of no words is none for `chunks_exact`.
        if self.length == 0 {
            return vec![0; most];
        }
        let bundles = &self.words[..most.div_ceil(LANES) * self.length];
        count(set, bundles, self.length, &mut out);
        out.truncate(most);
        out
    }
}

/// Chooses the way of this processor.
fn count(set: &[u64], bundles: &[[u64; LANES]], length: usize, out: &mut Vec<u32>) {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vpopcntdq") {
            // SAFETY: the processor has the instructions that the function is compiled for.
            return unsafe { by_avx512(set, bundles, length, out) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt") {
            // SAFETY: as above.
            return unsafe { by_avx2(set, bundles, length, out) };
        }
    }
    plain(set, bundles, length, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
fn by_avx512(set: &[u64], bundles: &[[u64; LANES]], length: usize, out: &mut Vec<u32>) {
    plain(set, bundles, length, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt")]
fn by_avx2(set: &[u64], bundles: &[[u64; LANES]], length: usize, out: &mut Vec<u32>) {
    plain(set, bundles, length, out);
}

#[inline(always)]
fn plain(set: &[u64], bundles: &[[u64; LANES]], length: usize, out: &mut Vec<u32>) {
    for bundle in bundles.chunks_exact(length) {
        let mut counts = [0_u64; LANES];
        for (word, lanes) in set.iter().zip(bundle) {
            for (count, lane) in counts.iter_mut().zip(lanes) {
                *count += u64::from((word & lane).count_ones());
            }
        }
        out.extend(counts.map(|count| count as u32));
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
        let mut portable = Vec::new();
        for set in &borrowed {
            let all: Vec<u32> = borrowed.iter().map(|other| expected(set, other)).collect();
            for most in [0, 1, 8, 13, 21, 99] {
                assert_eq!(bundles.with(set, most), all[..most.min(21)]);
            }
            portable.clear();
            plain(set, &bundles.words, bundles.length, &mut portable);
            assert_eq!(portable[..21], all);
        }
        assert_eq!(Bundles::new(&[&[], &[]]).with(&[], 2), [0, 0]);
        assert!(Bundles::new(&[]).with(&[1], 2).is_empty());
    }
}
