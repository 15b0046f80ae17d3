//! Rules that list moments of training: epochs, or steps of the optimiser.
//!
//! Invariant: what is listed is ascending and distinct; epochs are never beyond the last one. A rule of steps says itself where
//! it ends, so that the list is the same for cells whose passes have different numbers of steps.

use serde::Serialize;

use super::moment::{Moments, Unit};

/// A rule that lists moments.
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
    /// These steps of the optimiser, ascending and distinct.
    Steps {
        /// The steps.
        steps: Vec<usize>,
    },
    /// Every so many steps, from 0; the last one always.
    EverySteps {
        /// The stride.
        every: usize,
        /// The last step.
        until: usize,
    },
    /// About so many steps per decade, each distinct, from 0; the last one always; the first ones singly, where asked for.
    LogSteps {
        /// Points per factor of ten.
        per_decade: usize,
        /// The last step.
        until: usize,
        /// The step up to which every one is listed; `None`: there is none.
        #[serde(skip_serializing_if = "Option::is_none")]
        singly_until: Option<usize>,
    },
}

impl Schedule {
    /// What it counts.
    pub fn unit(&self) -> Unit {
        match self {
            Schedule::Every { .. } | Schedule::Log { .. } | Schedule::At { .. } => Unit::Epoch,
            Schedule::Steps { .. } | Schedule::EverySteps { .. } | Schedule::LogSteps { .. } => Unit::Step,
        }
    }

    /// These moments and no others.
    pub fn of(moments: &Moments) -> Schedule {
        let counts = moments.counts.clone();
        match moments.unit {
            Unit::Epoch => Schedule::At { epochs: counts },
            Unit::Step => Schedule::Steps { steps: counts },
        }
    }

    /// The moments it lists for a run of `last` epochs: ascending, distinct; of epochs none beyond `last`. Whether training
    /// has so many steps is for whoever knows how many a pass takes.
    pub fn moments(&self, last: usize) -> Moments {
        let mut counts = match *self {
            Schedule::Every { every } => by_stride(every, last),
            Schedule::EverySteps { every, until } => by_stride(every, until),
            Schedule::Log { per_decade } => by_decades(per_decade, last),
            Schedule::LogSteps { per_decade, until, singly_until } => {
                let singly = 0..singly_until.map_or(0, |singly| singly.min(until) + 1);
                singly.chain(by_decades(per_decade, until)).collect()
            }
            Schedule::At { ref epochs } => epochs.iter().copied().filter(|&epoch| epoch <= last).collect(),
            Schedule::Steps { ref steps } => steps.clone(),
        };
        counts.sort_unstable();
        counts.dedup();
        Moments { unit: self.unit(), counts }
    }

    /// The epochs it lists for a run of `last` epochs; none where it lists steps.
    pub fn epochs(&self, last: usize) -> Vec<usize> {
        match self.moments(last) {
            Moments { unit: Unit::Epoch, counts } => counts,
            Moments { unit: Unit::Step, .. } => Vec::new(),
        }
    }
}

/// 0, `every`, 2 · `every` … and `last`.
fn by_stride(every: usize, last: usize) -> Vec<usize> {
    (0..=last).step_by(every).chain([last]).collect()
}

/// 0, about so many numbers per factor of ten from 1 on, and `last`.
fn by_decades(per_decade: usize, last: usize) -> Vec<usize> {
    let steps = ((last.max(1) as f64).log10() * per_decade as f64).ceil() as usize;
    let at = |k: usize| 10f64.powf(k as f64 / per_decade as f64).round() as usize;
    [0].into_iter().chain((0..=steps).map(at)).chain([last]).filter(|&count| count <= last).collect()
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

    #[test]
    fn rules_of_steps_end_where_they_say_whatever_the_epochs() {
        let steps = |schedule: Schedule| {
            assert_eq!((schedule.unit(), schedule.epochs(3)), (Unit::Step, vec![]), "none of them is an epoch");
            let moments = schedule.moments(3);
            assert_eq!(Schedule::of(&moments).moments(1), moments);
            moments.counts
        };
        assert_eq!(steps(Schedule::EverySteps { every: 4, until: 10 }), [0, 4, 8, 10]);
        assert_eq!(steps(Schedule::LogSteps { per_decade: 2, until: 40, singly_until: None }), [0, 1, 3, 10, 32, 40]);
        let singly = |singly_until| steps(Schedule::LogSteps { per_decade: 2, until: 40, singly_until });
        assert_eq!(singly(Some(5)), [0, 1, 2, 3, 4, 5, 10, 32, 40]);
        assert_eq!(singly(Some(90)), (0..=40).collect::<Vec<_>>(), "no step beyond the last");
        assert_eq!(steps(Schedule::Steps { steps: vec![0, 7, 1000] }), [0, 7, 1000]);
    }
}
