//! Groups sets of bits so that the members of a group overlap: samples by the inputs they use, inputs by the samples
//! that use them. The product handles a group at a time and skips what no member uses.

use super::simd::{Isa, Lane, Task, dispatch};

/// Sets of bits, all of the same number of words.
#[derive(Debug, Clone)]
pub(super) struct Sets {
    /// 64-bit words of a set.
    pub(super) words: usize,
    /// The sets, one after the other.
    pub(super) bits: Vec<u64>,
}

impl Sets {
    /// `count` empty sets of numbers below `below`.
    pub(super) fn empty(count: usize, below: usize) -> Sets {
        let words = below.div_ceil(64);
        Sets { words, bits: vec![0; words * count] }
    }

    /// Adds a member.
    pub(super) fn insert(&mut self, set: usize, member: usize) {
        self.bits[set * self.words + member / 64] |= 1 << (member % 64);
    }

    /// A set's words.
    pub(super) fn get(&self, set: usize) -> &[u64] {
        &self.bits[set * self.words..(set + 1) * self.words]
    }

    /// The members of the union of some sets, ascending.
    pub(super) fn union(&self, sets: &[u32]) -> Vec<usize> {
        let mut union = vec![0; self.words];
        for &set in sets {
            for (word, &more) in union.iter_mut().zip(self.get(set as usize)) {
                *word |= more;
            }
        }
        let mut members = Vec::new();
        for (at, &word) in union.iter().enumerate() {
            let mut left = word;
            while left != 0 {
                members.push(at * 64 + left.trailing_zeros() as usize);
                left &= left - 1;
            }
        }
        members
    }
}

/// Orders the sets so that consecutive runs of `size` overlap: each run starts with the smallest set left and takes,
/// one by one, the set by which its union grows least among the next `window`. Ties fall to the earlier one, so that
/// the order depends on the sets alone.
pub(super) fn cluster(isa: Isa, sets: &Sets, size: usize, window: usize) -> Vec<u32> {
    let mut order = Vec::new();
    dispatch(isa, 1, Cluster { sets, size, window, order: &mut order });
    order
}

struct Cluster<'a> {
    sets: &'a Sets,
    size: usize,
    window: usize,
    order: &'a mut Vec<u32>,
}

impl Task for Cluster<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let Cluster { sets, size, window, order } = self;
        let count = |set: u32| sets.get(set as usize).iter().map(|word| word.count_ones()).sum::<u32>();
        let mut left: Vec<u32> = (0..(sets.bits.len() / sets.words.max(1)) as u32).collect();
        // The smallest last, where it is taken from: small sets join small ones, which large ones could swallow for
        // free and would then be in their own way.
        left.sort_by_key(|&set| std::cmp::Reverse((count(set), set)));
        let mut union = vec![0u64; sets.words];
        while let Some(seed) = left.pop() {
            order.push(seed);
            union.copy_from_slice(sets.get(seed as usize));
            for _ in 1..size {
                let first = left.len().saturating_sub(window);
                let mut best = (u32::MAX, 0);
                for (at, &set) in left.iter().enumerate().skip(first).rev() {
                    let mut growth = 0;
                    for (&word, &have) in sets.get(set as usize).iter().zip(&union) {
                        growth += (word & !have).count_ones();
                    }
                    if growth < best.0 {
                        best = (growth, at);
                        if growth == 0 {
                            break;
                        }
                    }
                }
                if left.is_empty() {
                    break;
                }
                let set = left.remove(best.1);
                order.push(set);
                for (have, &word) in union.iter_mut().zip(sets.get(set as usize)) {
                    *have |= word;
                }
            }
        }
    }
}
