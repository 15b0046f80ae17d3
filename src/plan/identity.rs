//! What stands for a data set in the ids of its cells: the digest of its samples, and which of the rules that were
//! changed after ids were first given out decide anything on it.
//!
//! A rule may not change a result in silence: where it does, the cell is another one. Where it does not, ids stay. So a
//! mark is set only on data, and counts only for cells, whose results the newer rule alters. As text, which is how
//! ranks tell each other and how a run directory keeps it, an identity without marks is the digest alone.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::sweep::{InversionOf, Prune, PruneSize};

/// The identity of one of a sweep's data sets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DataIdentity {
    /// Digest of the samples.
    pub digest: String,
    /// More than two classes: the inversion of the distance is that of the mean over all pairs of classes, where it was
    /// that of the first pair.
    pub many_classes: bool,
    /// Indices into the sweep's subsamples of the blocks that lack a class: early leaving passes the class over, where it
    /// waited for it and never came.
    pub lacking: BTreeSet<usize>,
}

const MANY: &str = "many-classes";
const LACKING: &str = "lacking=";

impl fmt::Display for DataIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.digest)?;
        if self.many_classes {
            write!(f, " {MANY}")?;
        }
        if !self.lacking.is_empty() {
            let blocks: Vec<String> = self.lacking.iter().map(usize::to_string).collect();
            write!(f, " {LACKING}{}", blocks.join(","))?;
        }
        Ok(())
    }
}

/// A text that is no identity of data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no identity of a data set: it was written by another version of phasesweep")]
pub struct NotAnIdentity(String);

impl FromStr for DataIdentity {
    type Err = NotAnIdentity;

    fn from_str(text: &str) -> Result<DataIdentity, NotAnIdentity> {
        let wrong = || NotAnIdentity(text.to_owned());
        let mut words = text.split(' ');
        let mut identity =
            DataIdentity { digest: words.next().unwrap_or_default().to_owned(), ..DataIdentity::default() };
        for word in words {
            match word.strip_prefix(LACKING) {
                Some(blocks) => {
                    let blocks: Result<_, _> = blocks.split(',').map(str::parse).collect();
                    identity.lacking = blocks.map_err(|_| wrong())?;
                }
                None if word == MANY => identity.many_classes = true,
                None => return Err(wrong()),
            }
        }
        Ok(identity)
    }
}

impl DataIdentity {
    /// The newer rules that decide the results of a cell of the data, by the names that go into its specification.
    pub(super) fn rules(&self, subsample: usize, prune: &Prune, after_inversion: Option<usize>) -> Vec<&'static str> {
        let mut rules = Vec::new();
        if self.many_classes && removes_by_distance(prune) {
            rules.push("mean distance of all pairs");
        }
        if after_inversion.is_some() && self.lacking.contains(&subsample) {
            rules.push("leaving passes absent classes over");
        }
        rules
    }
}

/// Whether the samples that a cell leaves out follow from the inversion of the distance.
pub(crate) fn removes_by_distance(prune: &Prune) -> bool {
    let at_distance = InversionOf::Distance;
    match *prune {
        Prune::Stragglers { at } | Prune::Random { like: PruneSize::Stragglers { at } } => at == at_distance,
        Prune::None | Prune::Misclassified { .. } | Prune::Random { like: PruneSize::Misclassified { .. } } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_identity_survives_its_text(
            digest in "[0-9a-f]{64}",
            many_classes: bool,
            lacking in prop::collection::btree_set(0usize..1000, 0..9),
        ) {
            let identity = DataIdentity { digest: digest.clone(), many_classes, lacking };
            prop_assert_eq!(identity.to_string().parse(), Ok(identity.clone()));
            let plain = !identity.many_classes && identity.lacking.is_empty();
            prop_assert_eq!(identity.to_string() == digest, plain);
        }
    }

    #[test]
    fn a_mark_counts_for_the_cells_that_its_rule_decides() {
        let identity: DataIdentity = "d many-classes lacking=1,4".parse().unwrap();
        let at = |at| Prune::Stragglers { at };
        assert_eq!(identity.rules(0, &Prune::None, Some(5)), [] as [&str; 0]);
        assert_eq!(identity.rules(4, &Prune::None, None), [] as [&str; 0]);
        assert_eq!(identity.rules(4, &Prune::None, Some(5)).len(), 1);
        assert_eq!(identity.rules(0, &at(InversionOf::Distance), None).len(), 1);
        assert_eq!(identity.rules(0, &at(InversionOf::Radius1), None), [] as [&str; 0]);
        let like = PruneSize::Stragglers { at: InversionOf::Distance };
        assert_eq!(identity.rules(1, &Prune::Random { like }, Some(1)).len(), 2);
        assert!("d some-later-mark".parse::<DataIdentity>().is_err());
    }
}
