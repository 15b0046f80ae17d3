//! Sets of CPUs, as the kernel writes them (`0-3,8`), and a rank's share of those that several ranks may run on.
//!
//! Invariant: the numbers of a set are ascending and differ.

use std::fmt;
use std::str::FromStr;

/// CPUs that a process may run on, by their numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CpuSet(Vec<u32>);

/// More CPUs than any machine has: a list that names higher ones is not a list of CPUs.
const MOST: u32 = 1 << 20;

impl CpuSet {
    /// The first `count` CPUs.
    pub fn first(count: usize) -> CpuSet {
        CpuSet((0..count.min(MOST as usize) as u32).collect())
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many CPUs fall to this process if each CPU is shared equally by the processes that may run on it. `all` are
    /// the sets of the processes of the node, this one's included: ranks that a launcher bound to CPUs of their own
    /// have all of these; ranks that were left unbound share.
    pub fn share_among(&self, all: &[CpuSet]) -> f64 {
        let sharers = |cpu: u32| all.iter().filter(|set| set.0.binary_search(&cpu).is_ok()).count().max(1);
        self.0.iter().map(|&cpu| 1.0 / sharers(cpu) as f64).sum()
    }
}

/// Reads the kernel's list format (cpuset(7)): numbers and ranges separated by commas.
impl FromStr for CpuSet {
    type Err = ();

    fn from_str(text: &str) -> Result<CpuSet, ()> {
        let number = |digits: &str| digits.trim().parse::<u32>().ok().filter(|&cpu| cpu < MOST).ok_or(());
        let mut cpus = Vec::new();
        for range in text.trim().split(',').filter(|range| !range.trim().is_empty()) {
            match range.split_once('-') {
                Some((first, last)) => cpus.extend(number(first)?..=number(last)?),
                None => cpus.push(number(range)?),
            }
        }
        cpus.sort_unstable();
        cpus.dedup();
        Ok(CpuSet(cpus))
    }
}

/// The kernel's list format again.
impl fmt::Display for CpuSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_slice();
        let mut comma = "";
        while let Some(&first) = rest.first() {
            let run = rest.iter().zip(first..).take_while(|&(&cpu, expected)| cpu == expected).count();
            match run {
                1 => write!(f, "{comma}{first}")?,
                _ => write!(f, "{comma}{first}-{}", first + run as u32 - 1)?,
            }
            (rest, comma) = (&rest[run..], ",");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(text: &str) -> CpuSet {
        text.parse().unwrap()
    }

    #[test]
    fn lists_of_the_kernel() {
        assert_eq!(set("0-3,8\n").0, [0, 1, 2, 3, 8]);
        assert_eq!(set("5,1-2,2").to_string(), "1-2,5");
        assert_eq!(set("").len(), 0);
        for wrong in ["a", "1-", "-1", "1-2-3", "0-4294967295"] {
            assert_eq!(wrong.parse::<CpuSet>(), Err(()), "{wrong:?}");
        }
    }

    #[test]
    fn bound_ranks_have_their_own_cpus_and_unbound_ones_share() {
        let halves = [set("0-7"), set("8-15")];
        assert_eq!(halves[0].share_among(&halves), 8.0);
        let unbound = vec![set("0-15"); 4];
        assert_eq!(unbound[2].share_among(&unbound), 4.0);
        let overlapping = [set("0-3"), set("2-5")];
        assert_eq!(overlapping[1].share_among(&overlapping), 3.0);
    }

    proptest! {
        #[test]
        fn a_list_reads_back(cpus in proptest::collection::btree_set(0_u32..300, 0..40)) {
            let written = CpuSet(cpus.into_iter().collect());
            prop_assert_eq!(set(&written.to_string()), written);
        }

        /// Shares of one machine add up to the CPUs that anybody may use.
        #[test]
        fn shares_add_up(sets in proptest::collection::vec(proptest::collection::btree_set(0_u32..32, 1..20), 1..9)) {
            let sets: Vec<CpuSet> = sets.into_iter().map(|cpus| CpuSet(cpus.into_iter().collect())).collect();
            let mut used: Vec<u32> = sets.iter().flat_map(|set| set.0.clone()).collect();
            used.sort_unstable();
            used.dedup();
            let sum: f64 = sets.iter().map(|set| set.share_among(&sets)).sum();
            // Sums of at most 32 · 8 quotients, each rounded once.
            prop_assert!((sum - used.len() as f64).abs() < 1e-9);
        }
    }
}
