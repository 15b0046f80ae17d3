//! Learning-rate schedules: the share of the learning rate that a step takes, as a function of its place in training.
//!
//! The definitions are PyTorch's (`torch.optim.lr_scheduler`): `StepLR`, `MultiStepLR`, `CosineAnnealingLR`, `LinearLR` and
//! `ExponentialLR`, with a warm-up by `LinearLR` before them (`SequentialLR`). Invariant: the factor is a pure function of the
//! schedule and the [`Moment`], in f64, so that neither neighbours nor resumption can change it.

use std::f64::consts::PI;

/// A step's place in a replica's training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Steps taken before it.
    pub step: u64,
    /// Steps that the replica takes in an epoch.
    pub per_epoch: u64,
    /// Epochs of the whole training.
    pub epochs: u64,
}

impl Moment {
    /// The number of the step, counted from 1, as bias corrections take it.
    pub fn number(&self) -> u64 {
        self.step + 1
    }
}

/// What a schedule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unit {
    /// Epochs: the rate stays as it is within an epoch.
    #[default]
    Epoch,
    /// Steps of the replica.
    Step,
}

/// What becomes of the learning rate once it is warm. Counts m and the total T begin when the warm-up ends.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Decay {
    /// 1 throughout.
    #[default]
    Constant,
    /// γ^⌊m/k⌋, as `StepLR`.
    Every {
        /// k, in the schedule's unit.
        every: u64,
        /// γ
        factor: f64,
    },
    /// γ to the number of places that lie behind, as `MultiStepLR`.
    At {
        /// The places, in the schedule's unit, counted from the beginning of training, ascending.
        places: Vec<u64>,
        /// γ
        factor: f64,
    },
    /// f + (1 − f)(1 + cos(π m/T))/2, as `CosineAnnealingLR`.
    Cosine {
        /// f, the share that it ends at.
        end: f64,
    },
    /// 1 + (f − 1) m/T, as `LinearLR`.
    Linear {
        /// f, the share that it ends at.
        end: f64,
    },
    /// γ^m, as `ExponentialLR`.
    Exponential {
        /// γ
        factor: f64,
    },
}

/// A linear rise to the full rate: s + (1 − s) n/W at count n < W.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Warmup {
    /// W, in the schedule's unit, at least 1.
    pub length: u64,
    /// s, the share of the first step.
    pub start: f64,
}

impl Warmup {
    /// The share of the first step where none is given: that of PyTorch's `LinearLR`.
    pub const START: f64 = 1.0 / 3.0;
}

/// A learning-rate schedule.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RateSchedule {
    /// What it counts.
    pub unit: Unit,
    /// The rise before everything else.
    pub warmup: Option<Warmup>,
    /// What follows.
    pub decay: Decay,
}

impl RateSchedule {
    /// Whether the rate is the same throughout.
    pub fn is_constant(&self) -> bool {
        self.warmup.is_none() && self.decay == Decay::Constant
    }

    /// The share of the learning rate that a step takes.
    pub fn factor(&self, at: &Moment) -> f64 {
        let per_epoch = at.per_epoch.max(1);
        let (count, total) = match self.unit {
            Unit::Epoch => (at.step / per_epoch, at.epochs),
            Unit::Step => (at.step, at.epochs.saturating_mul(per_epoch)),
        };
        let warm = match self.warmup {
            Some(Warmup { length, start }) if count < length => {
                return start + (1.0 - start) * count as f64 / length as f64;
            }
            warmup => warmup.map_or(0, |warmup| warmup.length),
        };
        let (since, total) = (count - warm, total.saturating_sub(warm).max(1));
        let share = since.min(total) as f64 / total as f64;
        match &self.decay {
            Decay::Constant => 1.0,
            Decay::Every { every, factor } => factor.powf((since / (*every).max(1)) as f64),
            Decay::At { places, factor } => factor.powf(places.partition_point(|&place| place <= count) as f64),
            Decay::Cosine { end } => end + (1.0 - end) * (1.0 + (PI * share).cos()) / 2.0,
            Decay::Linear { end } => 1.0 + (end - 1.0) * share,
            Decay::Exponential { factor } => factor.powf(since as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(step: u64) -> Moment {
        Moment { step, per_epoch: 4, epochs: 10 }
    }

    fn factors(schedule: &RateSchedule, steps: impl IntoIterator<Item = u64>) -> Vec<f64> {
        steps.into_iter().map(|step| schedule.factor(&at(step))).collect()
    }

    #[test]
    fn each_form_has_its_values_by_hand() {
        let by = |unit, decay| RateSchedule { unit, warmup: None, decay };
        let epoch = |decay| by(Unit::Epoch, decay);
        assert_eq!(factors(&RateSchedule::default(), [0, 39]), [1.0, 1.0]);
        // Epochs 0, 2, 3 and 6.
        let every = epoch(Decay::Every { every: 3, factor: 0.5 });
        assert_eq!(factors(&every, [0, 11, 12, 24]), [1.0, 1.0, 0.5, 0.25]);
        let places = epoch(Decay::At { places: vec![1, 9], factor: 0.1 });
        assert_eq!(factors(&places, [3, 4, 35, 36]), [1.0, 0.1, 0.1, 0.1f64.powi(2)]);
        // Of 10 epochs: the middle is half-way between 1 and the end.
        let cosine = epoch(Decay::Cosine { end: 0.2 });
        assert!((cosine.factor(&at(20)) - 0.6).abs() < 1e-15);
        assert_eq!(factors(&epoch(Decay::Linear { end: 0.5 }), [0, 20]), [1.0, 0.75]);
        assert_eq!(factors(&by(Unit::Step, Decay::Exponential { factor: 0.5 }), [0, 3]), [1.0, 0.125]);
        // Of 40 steps.
        assert_eq!(factors(&by(Unit::Step, Decay::Linear { end: 0.0 }), [10, 30]), [0.75, 0.25]);
    }

    #[test]
    fn a_warm_up_comes_first_and_the_rest_counts_from_its_end() {
        let warmup = Some(Warmup { length: 2, start: 0.5 });
        let decayed = |decay| RateSchedule { unit: Unit::Epoch, warmup, decay };
        // Epochs 0, 1 and 2.
        assert_eq!(factors(&decayed(Decay::Constant), [0, 4, 8]), [0.5, 0.75, 1.0]);
        assert_eq!(factors(&decayed(Decay::Linear { end: 0.0 }), [8, 24]), [1.0, 0.5]);
        assert_eq!(factors(&decayed(Decay::Every { every: 2, factor: 0.5 }), [8, 12, 16]), [1.0, 1.0, 0.5]);
        // Places are those of training, warm-up included.
        assert_eq!(factors(&decayed(Decay::At { places: vec![3], factor: 0.5 }), [8, 12]), [1.0, 0.5]);
    }

    fn decay() -> impl Strategy<Value = Decay> {
        prop_oneof![
            Just(Decay::Constant),
            (1u64..9, 0.01f64..1.0).prop_map(|(every, factor)| Decay::Every { every, factor }),
            (prop::collection::btree_set(1u64..50, 1..4), 0.01f64..1.0)
                .prop_map(|(places, factor)| Decay::At { places: places.into_iter().collect(), factor }),
            (0.0f64..1.0).prop_map(|end| Decay::Cosine { end }),
            (0.0f64..1.0).prop_map(|end| Decay::Linear { end }),
            (0.5f64..1.0).prop_map(|factor| Decay::Exponential { factor }),
        ]
    }

    proptest! {
        #[test]
        fn rates_rise_while_they_warm_up_then_fall(
            decay in decay(),
            by_step: bool,
            length in 0u64..12,
            start in 0.0f64..1.0,
            per_epoch in 1u64..6,
            epochs in 1u64..20,
        ) {
            let unit = if by_step { Unit::Step } else { Unit::Epoch };
            let warmup = (length > 0).then_some(Warmup { length, start });
            let schedule = RateSchedule { unit, warmup, decay };
            let steps = epochs * per_epoch;
            let all: Vec<f64> =
                (0..steps).map(|step| schedule.factor(&Moment { step, per_epoch, epochs })).collect();
            let warm = (if by_step { length } else { length * per_epoch }).min(steps) as usize;
            prop_assert!(all.iter().all(|factor| (0.0..=1.0).contains(factor)));
            prop_assert!(all[..warm].is_sorted());
            prop_assert!(all[warm..].windows(2).all(|pair| pair[1] <= pair[0] + 1e-15));
            if length > 0 {
                prop_assert_eq!(all[0], start);
            }
            if !by_step {
                // Within an epoch nothing changes.
                prop_assert!(all.chunks(per_epoch as usize).all(|epoch| epoch.iter().all(|f| *f == epoch[0])));
            } else if per_epoch == 1 {
                // With one step an epoch both units are the same.
                let other = RateSchedule { unit: Unit::Epoch, ..schedule.clone() };
                let mut moments = (0..steps).map(|step| Moment { step, per_epoch, epochs });
                let same = moments.all(|at| other.factor(&at) == schedule.factor(&at));
                prop_assert!(same);
            }
        }

        /// PyTorch computes each rate from the one before; the closed forms must follow its recursions.
        #[test]
        fn closed_forms_follow_the_recursions(end in 0.0f64..1.0, epochs in 2u64..40, factor in 0.5f64..1.0) {
            let of = |decay, step| RateSchedule { decay, ..RateSchedule::default() }.factor(&Moment { step, per_epoch: 1, epochs });
            let (mut cosine, mut linear, mut exponential) = (1.0, 1.0, 1.0);
            for n in 0..epochs {
                let off = (of(Decay::Cosine { end }, n) - cosine).abs();
                prop_assert!(off < 1e-9, "{}", off);
                let off = (of(Decay::Linear { end }, n) - linear).abs();
                prop_assert!(off < 1e-9, "{}", off);
                let off = (of(Decay::Exponential { factor }, n) - exponential).abs();
                prop_assert!(off < 1e-12, "{}", off);
                let (next, total) = ((n + 1) as f64, epochs as f64);
                cosine = (1.0 + (PI * next / total).cos()) / (1.0 + (PI * (next - 1.0) / total).cos()) * (cosine - end) + end;
                linear *= 1.0 + (end - 1.0) / (total + (next - 1.0) * (end - 1.0));
                exponential *= factor;
            }
        }
    }
}
