//! Sets of samples as bits: who is misclassified at an epoch.
//!
//! Invariants: the first sample is the high bit of the first byte (as in PBM images and NumPy's `packbits`); the bits
//! past the last sample are zero.

use phasesweep_results::dimension::{BYTE, SNAPSHOT};
use phasesweep_results::variables::{MISCLASSIFIED, MISCLASSIFIED_COUNT};

use super::axes::Labels;
use super::record::{Layout, Record};
use super::registry::Family;

/// The sets, and their sizes. Engines write the sets; the sizes follow from them when training is over.
pub const FAMILY: Family = Family {
    name: "misclassified",
    variables: &[&MISCLASSIFIED, &MISCLASSIFIED_COUNT],
    label: |setup, axes| {
        axes.set(SNAPSHOT, Labels::integers(setup.snapshots.iter().copied()));
        if !setup.snapshots.is_empty() {
            axes.set(BYTE, Labels::Positions(bytes(setup.samples)));
        }
        !setup.snapshots.is_empty()
    },
};

/// Marks the snapshots at epochs for which `taken` does not hold as missing, and counts the others.
pub fn complete(record: &mut Record, layout: &Layout, taken: impl Fn(usize) -> bool) {
    let Some(Labels::Integers(epochs)) = layout.axes.get(SNAPSHOT) else { return };
    let length = layout.axes.get(BYTE).map_or(0, Labels::len);
    let mut counts = Vec::with_capacity(epochs.len());
    for (bits, &epoch) in record.bytes_mut(&MISCLASSIFIED).chunks_mut(length.max(1)).zip(epochs) {
        if taken(epoch as usize) {
            counts.push(count(bits) as f64);
        } else {
            bits.fill(phasesweep_results::MISSING_BYTE);
            counts.push(f64::NAN);
        }
    }
    record.set(&MISCLASSIFIED_COUNT, 0, &counts);
}

/// Bytes that a set over `samples` samples takes.
pub fn bytes(samples: usize) -> usize {
    samples.div_ceil(8)
}

/// Packs one flag for each sample.
pub fn pack(flags: impl IntoIterator<Item = bool>) -> Vec<u8> {
    let mut bits = Vec::new();
    for (sample, flag) in flags.into_iter().enumerate() {
        if sample % 8 == 0 {
            bits.push(0);
        }
        if flag {
            insert(&mut bits, sample);
        }
    }
    bits
}

/// Puts a sample into the set.
///
/// # Panics
/// If the sample lies past the last byte.
pub fn insert(bits: &mut [u8], sample: usize) {
    bits[sample / 8] |= 0x80 >> (sample % 8);
}

/// Whether a sample is in the set; what lies past the last byte is not.
pub fn contains(bits: &[u8], sample: usize) -> bool {
    bits.get(sample / 8).is_some_and(|byte| byte & (0x80 >> (sample % 8)) != 0)
}

/// Number of samples in the set.
pub fn count(bits: &[u8]) -> usize {
    bits.iter().map(|byte| byte.count_ones() as usize).sum()
}

/// Number of samples in both sets.
pub fn overlap(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).map(|(a, b)| (a & b).count_ones() as usize).sum()
}

/// The samples in the set, ascending.
pub fn samples(bits: &[u8]) -> impl Iterator<Item = usize> {
    (0..8 * bits.len()).filter(|&sample| contains(bits, sample))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_first_sample_is_the_high_bit() {
        let bits = pack([true, false, false, false, false, false, false, true, false, true]);
        assert_eq!(bits, [0b1000_0001, 0b0100_0000]);
    }

    proptest! {
        #[test]
        fn behaves_as_a_set(a in prop::collection::btree_set(0..77usize, 0..77), b in prop::collection::btree_set(0..77usize, 0..77)) {
            let bits = |set: &BTreeSet<usize>| pack((0..77).map(|sample| set.contains(&sample)));
            let (x, y) = (bits(&a), bits(&b));
            prop_assert_eq!(x.len(), bytes(77));
            prop_assert_eq!(count(&x), a.len());
            prop_assert_eq!(overlap(&x, &y), a.intersection(&b).count());
            prop_assert_eq!(samples(&x).collect::<BTreeSet<_>>(), a);
        }
    }
}
