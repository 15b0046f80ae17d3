//! Modular addition: the table of (a + b) mod p, the task of grokking (Power et al. 2022, arXiv 2201.02177; one-hot pairs and a
//! fully connected network as in Gromov 2023, arXiv 2301.02679).
//!
//! A sample is a pair (a, b) as 2p inputs, 1 at a and at p + b and 0 elsewhere; its label is the sum. A random share of the
//! p² pairs is there to train on, the rest is the test set. Invariant: every pair is in one of the two, once; a greater share of
//! the same split holds the pairs of a smaller one.

use serde::Serialize;

use super::definition::{Decoded, Definition, Files, Half, Sizes, digest_of_numbers, plain_labels};
use crate::data::DataError;
use crate::data::matrix::Matrix;
use crate::data::stream::Key as StreamKey;
use crate::key::{Absent, Bound, Form, Key, Label, Literal, Values};

/// The greatest modulus: its table is a million pairs of 2000 bytes.
const MOST: usize = 1000;

const MODULUS: Key = Key {
    name: "modulus",
    form: Form::Integers,
    bound: Bound::Whole(2, MOST as i128),
    absent: Absent::Required("97"),
    label: Label::Always("p"),
    doc: "modulus p: number of classes and half the number of inputs",
    ..Key::BLANK
};
const SHARE: Key = Key {
    name: "share",
    form: Form::Numbers,
    bound: Bound::InsideUnit,
    absent: Absent::Is(Literal::Number(0.5)),
    label: Label::Always("share"),
    doc: "share of the p² pairs that subsamples are taken from, rounded to whole pairs; the rest is the test set",
    ..Key::BLANK
};
const SPLIT: Key = Key {
    name: "split",
    form: Form::Integers,
    bound: Bound::Whole(0, i64::MAX as i128),
    absent: Absent::Is(Literal::Integer(0)),
    label: Label::IfUnusual,
    doc: "number of the random split of the table, the same for all seeds",
    ..Key::BLANK
};

/// The source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModularAddition {
    /// Modulus p.
    pub modulus: usize,
    /// Share of the table that is trained on.
    pub share: f64,
    /// Number of the split's random stream.
    pub split: usize,
}

impl ModularAddition {
    /// Everything that decides the samples.
    fn numbers(&self) -> [u64; 3] {
        [self.modulus as u64, self.share.to_bits(), self.split as u64]
    }

    /// Training pairs: at least one, and one less than all at most.
    fn train(&self) -> usize {
        let pairs = self.modulus * self.modulus;
        ((self.share * pairs as f64).round() as usize).clamp(1, pairs - 1)
    }

    /// The pairs a·p + b in a random order (Fisher and Yates).
    fn order(&self) -> Vec<u32> {
        let mut pairs: Vec<u32> = (0..).take(self.modulus * self.modulus).collect();
        let mut stream = StreamKey::new("modular-addition: split", &[self.split as u64]).at(self.modulus as u64);
        for i in (1..pairs.len()).rev() {
            pairs.swap(i, stream.below(i as u64 + 1) as usize);
        }
        pairs
    }

    fn half(&self, pairs: &[u32]) -> Half {
        let p = self.modulus;
        let mut bytes = vec![0; pairs.len() * 2 * p];
        let mut labels = Vec::with_capacity(pairs.len());
        for (row, &pair) in bytes.chunks_exact_mut(2 * p).zip(pairs) {
            let (a, b) = (pair as usize / p, pair as usize % p);
            row[a] = 1;
            row[p + b] = 1;
            labels.push(((a + b) % p) as u32);
        }
        Half { inputs: Matrix::bytes(bytes, 2 * p, 1, 1.0), labels }
    }
}

impl Definition for ModularAddition {
    const NAME: &'static str = "modular-addition";
    const ABOUT: &'static str = "the table of (a + b) mod p, of one-hot pairs";
    const KEYS: &'static [Key] = &[MODULUS, SHARE, SPLIT];
    const POINTS: bool = true;
    const LARGEST_LABEL: usize = MOST - 1;
    const TOO_LARGE: &'static str = "modular-addition: `share` in [[data]] of the modulus² pairs are trained on";

    fn new(values: &Values) -> ModularAddition {
        ModularAddition { modulus: values.whole("modulus"), share: values.real("share"), split: values.whole("split") }
    }

    fn plain() -> ModularAddition {
        ModularAddition { modulus: 11, share: 0.5, split: 0 }
    }

    fn classes(&self) -> Option<usize> {
        Some(self.modulus)
    }

    fn known(&self) -> Option<Sizes> {
        let (p, train) = (self.modulus, self.train());
        Some(Sizes { features: 2 * p, labels: p, train, test: p * p - train, image: None })
    }

    fn generated_digest(&self) -> Option<blake3::Hash> {
        Some(digest_of_numbers(Self::NAME, &self.numbers()))
    }

    fn decode(&self, files: &Files<'_>) -> Result<Decoded, DataError> {
        if !((2..=MOST).contains(&self.modulus) && self.share > 0.0 && self.share < 1.0) {
            return Err(DataError::Request {
                name: files.name.to_owned(),
                what: format!("a share {} of the pairs modulo {}", self.share, self.modulus),
                advice: format!("The modulus is 2 to {MOST}, the share greater than 0 and less than 1"),
            });
        }
        let order = self.order();
        let (train, test) = order.split_at(self.train());
        let digest = digest_of_numbers(Self::NAME, &self.numbers());
        Ok(Decoded::new(self.half(train), self.half(test), plain_labels(self.modulus), digest))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn pairs(half: &Half, p: usize) -> Vec<(usize, usize)> {
        let mut row = vec![0.0; 2 * p];
        let read = |index: usize| {
            half.inputs.read(index, &mut row);
            let ones: Vec<usize> = (0..2 * p).filter(|&j| row[j] == 1.0).collect();
            assert!(row.iter().all(|&x| x == 0.0 || x == 1.0) && ones.len() == 2, "{row:?}");
            assert!(ones[0] < p && ones[1] >= p);
            (ones[0], ones[1] - p)
        };
        (0..half.labels.len()).map(read).collect()
    }

    fn decoded(modulus: usize, share: f64, split: usize) -> [Half; 2] {
        let source = ModularAddition { modulus, share, split };
        let order = source.order();
        let (train, test) = order.split_at(source.train());
        [source.half(train), source.half(test)]
    }

    #[test]
    fn the_two_halves_are_the_table_and_every_label_is_the_sum() {
        for (p, share, train) in [(2, 0.01, 1), (2, 0.99, 3), (7, 0.3, 15), (11, 0.5, 61)] {
            let halves = decoded(p, share, 0);
            assert_eq!(halves[0].labels.len(), train, "{p} {share}");
            let mut all = BTreeSet::new();
            for half in &halves {
                for ((a, b), &label) in pairs(half, p).into_iter().zip(&half.labels) {
                    assert!(all.insert((a, b)), "({a}, {b}) comes twice");
                    let sum = if a + b < p { a + b } else { a + b - p };
                    assert_eq!(label as usize, sum);
                }
            }
            assert_eq!(all.len(), p * p);
        }
    }

    #[test]
    fn greater_shares_hold_the_smaller_ones_and_splits_differ() {
        let of = |share, split| pairs(&decoded(11, share, split)[0], 11);
        assert!(of(0.7, 0).starts_with(&of(0.3, 0)));
        assert_ne!(of(0.3, 0), of(0.3, 1));
    }

    #[test]
    fn a_pair_is_trained_on_as_often_as_any_other() {
        let (p, share, splits) = (3, 1.0 / 3.0, 9000);
        let mut counts = [0u32; 9];
        for split in 0..splits {
            let source = ModularAddition { modulus: p, share, split };
            source.order()[..source.train()].iter().for_each(|&pair| counts[pair as usize] += 1);
        }
        // Five standard errors of a binomial count.
        let tolerance = 5.0 * (splits as f64 * share * (1.0 - share)).sqrt();
        assert!(counts.iter().all(|&count| (f64::from(count) - splits as f64 * share).abs() < tolerance), "{counts:?}");
    }
}
