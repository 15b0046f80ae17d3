//! A test set cut off from the samples of a file: a share drawn at random, or the last ones.
//!
//! Invariant: which samples a draw takes depends on its number and on how many samples there are, and on nothing else.

use super::container::{Inputs, Refusal};
use crate::data::stream::Key;

/// Which samples are cut off.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::data) enum Cut {
    /// A share of the samples, drawn.
    Share {
        /// Of all samples, between 0 and 1.
        share: f64,
        /// Number of the draw.
        draw: u64,
    },
    /// The last so many samples.
    Last(usize),
}

impl Cut {
    /// How many of `rows` samples are test samples.
    pub(super) fn count(&self, rows: usize) -> Result<usize, Refusal> {
        let (count, written) = match *self {
            Cut::Share { share, .. } => ((share * rows as f64).round() as usize, format!("test_share = {share}")),
            Cut::Last(count) => (count, format!("test_last = {count}")),
        };
        if count == 0 || count >= rows {
            let kind = if count == 0 { "test" } else { "training" };
            return Err(Refusal::new(
                format!("{written} of its {rows} samples leaves no {kind} samples"),
                "Choose a number that leaves samples to both",
            ));
        }
        Ok(count)
    }

    /// Which of `rows` samples are test samples, of which there are `count`.
    pub(super) fn rows(&self, rows: usize, count: usize) -> Vec<bool> {
        let mut chosen = vec![false; rows];
        match *self {
            Cut::Last(_) => chosen[rows - count..].fill(true),
            Cut::Share { draw, .. } => {
                // The head of a Fisher-Yates shuffle.
                let mut stream = Key::new("test set of arrays", &[draw]).at(0);
                let mut order: Vec<u32> = (0..rows as u32).collect();
                for place in 0..count {
                    order.swap(place, place + stream.below((rows - place) as u64) as usize);
                    chosen[order[place] as usize] = true;
                }
            }
        }
        chosen
    }
}

/// Parts the inputs: those of the chosen rows are moved out, the others close up in place.
pub(super) fn parted(inputs: Inputs, features: usize, chosen: &[bool]) -> (Inputs, Inputs) {
    match inputs {
        Inputs::Bytes(mut bytes) => {
            let out = moved_out(&mut bytes, features, chosen);
            (Inputs::Bytes(bytes), Inputs::Bytes(out))
        }
        Inputs::Floats(mut floats) => {
            let out = moved_out(&mut floats, features, chosen);
            (Inputs::Floats(floats), Inputs::Floats(out))
        }
    }
}

/// Moves the chosen rows of `width` values out.
pub(super) fn moved_out<T: Clone>(values: &mut Vec<T>, width: usize, chosen: &[bool]) -> Vec<T> {
    let count = chosen.iter().filter(|chosen| **chosen).count();
    let mut out = Vec::with_capacity(count * width);
    let mut kept = 0;
    for (row, &chosen) in chosen.iter().enumerate() {
        let range = row * width..(row + 1) * width;
        if chosen {
            out.extend_from_slice(&values[range]);
        } else {
            for (to, from) in (kept * width..).zip(range) {
                values.swap(to, from);
            }
            kept += 1;
        }
    }
    values.truncate(kept * width);
    values.shrink_to_fit();
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_row_is_in_one_part_and_in_order(rows in 2usize..60, width in 1usize..4, share in 0.01f64..0.99, draw: u64) {
            let test = Cut::Share { share, draw };
            let Ok(count) = test.count(rows) else { return Ok(()) };
            let chosen = test.rows(rows, count);
            prop_assert_eq!(chosen.iter().filter(|chosen| **chosen).count(), count);
            prop_assert_eq!(&chosen, &test.rows(rows, count));
            let mut values: Vec<usize> = (0..rows * width).collect();
            let out = moved_out(&mut values, width, &chosen);
            for (part, is_out) in [(&values, false), (&out, true)] {
                let expected: Vec<usize> = (0..rows * width).filter(|value| chosen[value / width] == is_out).collect();
                prop_assert_eq!(part, &expected);
            }
        }
    }

    #[test]
    fn the_last_are_the_last_and_no_part_is_empty() {
        assert_eq!(Cut::Last(2).rows(5, 2), [false, false, false, true, true]);
        for (test, word) in [
            (Cut::Last(5), "test_last = 5 of its 5 samples leaves no training samples"),
            (Cut::Last(0), "no test samples"),
            (Cut::Share { share: 0.01, draw: 0 }, "test_share = 0.01 of its 5 samples leaves no test samples"),
        ] {
            assert!(test.count(5).unwrap_err().what.contains(word));
        }
        let draws = |draw| Cut::Share { share: 0.5, draw }.rows(100, 50);
        assert_ne!(draws(0), draws(1));
    }
}
