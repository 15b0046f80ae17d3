//! Moments of training: counted in epochs, or in steps of the optimiser; and where a replica stands at one.
//!
//! A pass over the training samples (an epoch) takes a replica so many steps: one with a full batch, as many as there are
//! minibatches, fewer where samples were pruned away. So the same number of steps lies at different [`Position`]s of different
//! replicas, and every replica is measured at its own. Invariants: moments of one list are counted alike, ascending and
//! distinct; a whole number of passes is one position, that of the epoch.

use std::fmt;

/// How far a replica is: after so many whole passes, and so many steps of the next one. Ordered as training goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// Whole passes.
    pub epoch: usize,
    /// Steps of the pass under way; 0 between two passes. A replica whose passes have fewer steps than its neighbours' waits
    /// for them at the end of its own: its weights are those of the next epoch, which begins for all of them together.
    pub step: usize,
}

impl Position {
    /// Between two passes, after so many.
    pub const fn at_epoch(epoch: usize) -> Position {
        Position { epoch, step: 0 }
    }
}

/// What moments are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Unit {
    /// Passes over the training samples.
    #[default]
    Epoch,
    /// Steps of the optimiser.
    Step,
}

impl Unit {
    /// Both.
    pub const ALL: [Unit; 2] = [Unit::Epoch, Unit::Step];

    /// `epoch` or `step`.
    pub const fn name(self) -> &'static str {
        match self {
            Unit::Epoch => "epoch",
            Unit::Step => "step",
        }
    }

    /// Where a replica stands after so many, if it takes `steps_per_epoch` steps in a pass.
    pub fn position(self, count: usize, steps_per_epoch: usize) -> Position {
        let per_epoch = steps_per_epoch.max(1);
        match self {
            Unit::Epoch => Position::at_epoch(count),
            Unit::Step => Position { epoch: count / per_epoch, step: count % per_epoch },
        }
    }

    /// How many have passed at a position; `None` where that is no whole number of them, or where the replica only waits for
    /// others.
    pub fn count(self, at: Position, steps_per_epoch: usize) -> Option<usize> {
        match self {
            Unit::Epoch => (at.step == 0).then_some(at.epoch),
            Unit::Step => {
                (at.step == 0 || at.step < steps_per_epoch).then(|| at.epoch * steps_per_epoch.max(1) + at.step)
            }
        }
    }
}

/// A moment: `epoch 10`, `step 25`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    /// What is counted.
    pub unit: Unit,
    /// How many of them have passed.
    pub count: usize,
}

impl Moment {
    /// After so many epochs.
    pub const fn epoch(count: usize) -> Moment {
        Moment { unit: Unit::Epoch, count }
    }

    /// After so many steps.
    pub const fn step(count: usize) -> Moment {
        Moment { unit: Unit::Step, count }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.unit.name(), self.count)
    }
}

/// Moments that are counted alike.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Moments {
    /// What is counted.
    pub unit: Unit,
    /// How many of them have passed at each, ascending and distinct.
    pub counts: Vec<usize>,
}

impl Moments {
    /// These epochs.
    pub fn epochs(counts: Vec<usize>) -> Moments {
        Moments { unit: Unit::Epoch, counts }
    }

    /// These steps.
    pub fn steps(counts: Vec<usize>) -> Moments {
        Moments { unit: Unit::Step, counts }
    }

    /// Their number.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The moments, in order.
    pub fn iter(&self) -> impl Iterator<Item = Moment> {
        let unit = self.unit;
        self.counts.iter().map(move |&count| Moment { unit, count })
    }

    /// Where in the list a replica is that stands at a position; `None` between them.
    pub fn place(&self, at: Position, steps_per_epoch: usize) -> Option<usize> {
        self.counts.binary_search(&self.unit.count(at, steps_per_epoch)?).ok()
    }

    /// Where a replica stands at each of them.
    pub fn positions(&self, steps_per_epoch: usize) -> impl Iterator<Item = Position> {
        let unit = self.unit;
        self.counts.iter().map(move |&count| unit.position(count, steps_per_epoch))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_step_has_one_position_and_positions_are_in_the_order_of_steps(
            per_epoch in 1_usize..20,
            count in 0_usize..1000,
        ) {
            let at = Unit::Step.position(count, per_epoch);
            prop_assert!(at.step < per_epoch);
            prop_assert_eq!(Unit::Step.count(at, per_epoch), Some(count));
            prop_assert!(at < Unit::Step.position(count + 1, per_epoch));
            let whole = Unit::Epoch.position(count, per_epoch);
            prop_assert_eq!(whole, Unit::Step.position(count * per_epoch, per_epoch));
            prop_assert_eq!(Unit::Epoch.count(at, per_epoch).is_some(), count % per_epoch == 0);
        }
    }

    #[test]
    fn a_replica_that_waits_for_others_is_at_no_step() {
        // Its passes have three steps, its neighbours' five.
        let steps = Moments::steps(vec![0, 2, 3, 4, 6]);
        let places = |epoch: usize| (0..5).map(|step| steps.place(Position { epoch, step }, 3)).collect::<Vec<_>>();
        assert_eq!(places(0), [Some(0), None, Some(1), None, None]);
        assert_eq!(places(1), [Some(2), Some(3), None, None, None]);
        assert_eq!(places(2)[0], Some(4));
        assert_eq!(Moments::epochs(vec![0, 2]).place(Position { epoch: 2, step: 1 }, 3), None);
    }

    #[test]
    fn with_a_full_batch_a_step_is_an_epoch() {
        let (steps, epochs) = (Moments::steps(vec![0, 1, 5]), Moments::epochs(vec![0, 1, 5]));
        assert!(steps.positions(1).eq(epochs.positions(1)));
    }
}
