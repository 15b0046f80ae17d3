//! What tells a region from all others: at every activation the signs of its units, at every maximum the winner of each
//! window.
//!
//! A pattern is a row of words: nonlinearity by nonlinearity, in the order of the network's nodes, each from a word of its
//! own; the first unit or window in the lowest bits, and none across two words.

/// A node of the network that is not affine everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nonlinearity {
    /// An activation of so many units: a bit for each, 1 where it is positive.
    Signs {
        /// Units.
        units: usize,
    },
    /// A maximum over windows: for each the place of the greatest value within it, from 0; the first of equal ones.
    Winners {
        /// Windows.
        windows: usize,
        /// Values of a window.
        of: usize,
    },
}

impl Nonlinearity {
    /// Bits of a unit or window.
    fn bits(self) -> usize {
        match self {
            Nonlinearity::Signs { .. } => 1,
            Nonlinearity::Winners { of, .. } => (usize::BITS - (of.max(2) - 1).leading_zeros()) as usize,
        }
    }

    /// Units or windows.
    pub(super) fn count(self) -> usize {
        match self {
            Nonlinearity::Signs { units } => units,
            Nonlinearity::Winners { windows, .. } => windows,
        }
    }

    /// Units or windows in a word.
    fn in_a_word(self) -> usize {
        64 / self.bits()
    }

    /// Words that it takes of a pattern.
    pub(super) fn words(self) -> usize {
        self.count().div_ceil(self.in_a_word())
    }

    /// Where a unit or window lies: its word, and its first bit there.
    fn place(self, at: usize) -> (usize, usize) {
        match self {
            Nonlinearity::Signs { .. } => (at / 64, at % 64),
            Nonlinearity::Winners { .. } => (at / self.in_a_word(), at % self.in_a_word() * self.bits()),
        }
    }

    /// The sign of a unit, or the winner of a window, in its words of a pattern.
    pub(super) fn get(self, words: &[u64], at: usize) -> usize {
        let (word, shift) = self.place(at);
        (words[word] >> shift & ((1 << self.bits()) - 1)) as usize
    }

    /// Writes it.
    pub(super) fn set(self, words: &mut [u64], at: usize, value: usize) {
        let (word, shift) = self.place(at);
        words[word] = words[word] & !(((1 << self.bits()) - 1) << shift) | (value as u64) << shift;
    }
}

/// The patterns of all regions.
#[derive(Debug, Clone, Default)]
pub(super) struct Patterns {
    /// Words of each region's pattern.
    pub(super) words: usize,
    /// `[region, word]`.
    pub(super) all: Vec<u64>,
    pub(super) nonlinearities: Vec<Nonlinearity>,
}

impl Patterns {
    /// Of one region before anything bends.
    pub(super) fn of_one() -> Patterns {
        Patterns::default()
    }

    /// Begins a nonlinearity, of which nothing is known of any region yet; how many words were.
    pub(super) fn begin(&mut self, nonlinearity: Nonlinearity) -> usize {
        let had = self.words;
        self.words += nonlinearity.words();
        self.nonlinearities.push(nonlinearity);
        had
    }

    pub(super) fn of(&self, region: usize) -> &[u64] {
        &self.all[region * self.words..(region + 1) * self.words]
    }

    /// The words of a nonlinearity in a region's pattern.
    pub(super) fn of_nonlinearity(&self, region: usize, place: usize) -> &[u64] {
        let before: usize = self.nonlinearities[..place].iter().map(|nonlinearity| nonlinearity.words()).sum();
        &self.of(region)[before..before + self.nonlinearities[place].words()]
    }

    /// Keeps the patterns of these regions, which ascend.
    pub(super) fn keep(&mut self, regions: &[u32]) {
        for (place, &region) in regions.iter().enumerate() {
            let from = region as usize * self.words;
            self.all.copy_within(from..from + self.words, place * self.words);
        }
        self.all.truncate(regions.len() * self.words);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn winners_of_any_number_are_told_again() {
        for of in [2, 3, 4, 5, 9, 49, 64, 65] {
            let winners = Nonlinearity::Winners { windows: 50, of };
            let mut words = vec![u64::MAX; winners.words()];
            (0..50).for_each(|window| winners.set(&mut words, window, window * 7 % of));
            assert!((0..50).all(|window| winners.get(&words, window) == window * 7 % of), "{of}");
        }
        assert_eq!(Nonlinearity::Winners { windows: 64, of: 2 }.words(), 1);
        assert_eq!(Nonlinearity::Winners { windows: 33, of: 4 }.words(), 2);
    }
}
