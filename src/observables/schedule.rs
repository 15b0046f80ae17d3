//! Rules that list epochs.
//!
//! Invariant: [`Schedule::epochs`] is ascending, distinct, and never beyond the last epoch.

use serde::Serialize;

/// A rule that lists epochs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Schedule {
    /// Every so many, from 0; the last epoch always.
    Every {
        /// The stride.
        every: usize,
    },
    /// About so many per decade, each distinct, from 0; the last epoch always.
    Log {
        /// Points per factor of ten.
        per_decade: usize,
    },
    /// These, ascending and distinct.
    At {
        /// The epochs.
        epochs: Vec<usize>,
    },
}

impl Schedule {
    /// The epochs it lists for a run of `last` epochs: ascending, distinct, none beyond `last`.
    pub fn epochs(&self, last: usize) -> Vec<usize> {
        let mut out = match self {
            Schedule::Every { every } => (0..=last).step_by(*every).chain([last]).collect::<Vec<_>>(),
            Schedule::Log { per_decade } => {
                let steps = ((last.max(1) as f64).log10() * *per_decade as f64).ceil() as usize;
                let at = |k: usize| 10f64.powf(k as f64 / *per_decade as f64).round() as usize;
                [0].into_iter().chain((0..=steps).map(at)).chain([last]).collect()
            }
            Schedule::At { epochs } => epochs.clone(),
        };
        out.retain(|&epoch| epoch <= last);
        out.sort_unstable();
        out.dedup();
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_schedule() -> impl Strategy<Value = Schedule> {
        prop_oneof![
            (1_usize..2000).prop_map(|every| Schedule::Every { every }),
            (1_usize..50).prop_map(|per_decade| Schedule::Log { per_decade }),
            proptest::collection::vec(0_usize..5000, 0..20).prop_map(|epochs| Schedule::At { epochs }),
        ]
    }

    proptest! {
        #[test]
        fn epochs_ascend_are_distinct_and_end_with_training(schedule in any_schedule(), last in 1_usize..3000) {
            let epochs = schedule.epochs(last);
            prop_assert!(epochs.windows(2).all(|pair| pair[0] < pair[1]), "{epochs:?}");
            prop_assert!(epochs.iter().all(|&epoch| epoch <= last));
            match &schedule {
                Schedule::At { epochs: listed } => {
                    prop_assert!(listed.iter().all(|epoch| *epoch > last || epochs.contains(epoch)));
                    prop_assert!(epochs.iter().all(|epoch| listed.contains(epoch)));
                }
                _ => prop_assert_eq!((epochs.first(), epochs.last()), (Some(&0), Some(&last))),
            }
            if let Schedule::Every { every } = schedule {
                prop_assert_eq!(epochs.len(), last / every + 1 + usize::from(last % every != 0));
            }
        }

        // Neighbours of a log schedule lie a constant factor apart, up to rounding each to a whole epoch.
        #[test]
        fn log_epochs_grow_by_a_constant_factor(per_decade in 1_usize..30, last in 10_usize..100_000) {
            let epochs = Schedule::Log { per_decade }.epochs(last);
            let factor = 10f64.powf(1.0 / per_decade as f64);
            for pair in epochs[1..].windows(2) {
                let (low, high) = (pair[0] as f64, pair[1] as f64);
                prop_assert!(high - 0.5 <= (low + 0.5) * factor * (1.0 + 1e-12), "{low} to {high}, factor {factor}");
            }
        }
    }

    #[test]
    fn a_decade_has_as_many_epochs_as_asked_for_where_they_are_distinct() {
        let epochs = Schedule::Log { per_decade: 10 }.epochs(1000);
        assert_eq!(epochs.iter().filter(|&&epoch| (100..1000).contains(&epoch)).count(), 10);
        assert_eq!(Schedule::Log { per_decade: 1 }.epochs(1000), [0, 1, 10, 100, 1000]);
        assert_eq!(Schedule::Log { per_decade: 2 }.epochs(40), [0, 1, 3, 10, 32, 40]);
        assert_eq!(Schedule::Every { every: 4 }.epochs(10), [0, 4, 8, 10]);
    }
}
