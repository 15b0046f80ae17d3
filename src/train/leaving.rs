//! When a replica may leave: so many epochs after every observed series of it has turned.
//!
//! Invariant: the epoch of leaving is a function of the record alone, not of when anybody looked: it is the first
//! recorded epoch up to which every radius and distance of every observed layer has a turning point that lies at least
//! the stated number of epochs back. With any number of classes these are all radii and all pairs, so that no series is
//! cut off before it has turned. A class of which the block holds no sample has neither and is not waited for.

use phasesweep_results::variables::{DISTANCE, RADIUS, TRAIN_ERROR};

use super::{Problem, Replica, steps_per_epoch};
use crate::observables::Record;
use crate::observe::turning_point::{DEFAULT_FRACTION, Extremum, by_prominence};

/// The epoch at which the replica leaves; `None` as long as some series has not turned, or if nothing is observed.
///
/// `from` is the first recorded index not looked at by earlier calls on the same record: earlier prefixes cannot change.
pub(super) fn leaving_epoch<'a>(problem: &Problem, record: &'a Record, patience: usize, from: usize) -> Option<usize> {
    let recorded = &problem.recorded;
    let width = recorded.len();
    let there = classes_there(problem);
    let pairs: Vec<bool> = problem.pairs().iter().map(|&(a, b)| there[a] && there[b]).collect();
    let of = |curves: &'a [f32], there: &[bool], extremum: Extremum| -> Vec<(&'a [f32], Extremum)> {
        let rows = curves.chunks_exact(width).zip(there.iter().cycle());
        rows.filter(|(_, there)| **there).map(|(values, _)| (values, extremum)).collect()
    };
    let mut series = of(record.floats(&RADIUS), &there, Extremum::Minimum);
    series.extend(of(record.floats(&DISTANCE), &pairs, Extremum::Maximum));
    if series.is_empty() {
        return None;
    }
    let measured = record.floats(&TRAIN_ERROR).iter().take_while(|value| value.is_finite()).count();
    (from..measured).find_map(|last| {
        let all_turned = series.iter().all(|(values, extremum)| {
            by_prominence(&recorded[..=last], &values[..=last], *extremum, DEFAULT_FRACTION)
                .turn()
                .is_some_and(|turn| turn.epoch + patience <= recorded[last])
        });
        all_turned.then_some(recorded[last])
    })
}

/// Whether the block holds a sample of each class. Not whether the replica keeps one: a pruned set follows from another
/// cell's training, which the cell's id does not know of.
fn classes_there(problem: &Problem) -> Vec<bool> {
    let mut there = vec![false; problem.block.classes];
    problem.train().y.iter().for_each(|&class| there[usize::from(class)] = true);
    there
}

/// Forgets what was recorded after an epoch, so that a record does not show how far a slice went beyond it.
pub(super) fn truncate(problem: &Problem, replica: &Replica, record: &mut Record, last: usize) {
    record.forget_after(&problem.layout().axes, last, steps_per_epoch(problem, replica));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::data::{Block, Samples};
    use crate::observables::Values;
    use crate::sweep::{Activation, ArchitectureKind, Batch, Loss, OptimiserKind};
    use phasesweep_networks::Mlp;

    /// One layer, epochs 0 to 6, training samples of the classes given.
    fn problem(classes: usize, y: &[u16]) -> Problem {
        let samples = |y: &[u16]| Samples { x: vec![0.0; y.len()], y: y.to_vec() };
        let block = Block {
            features: 1,
            live: vec![0],
            image: None,
            classes,
            train: samples(y),
            test: samples(&[0]),
            source_index: (0..y.len() as u32).collect(),
        };
        Problem {
            block: Arc::new(block),
            noisy: Arc::default(),
            architecture: ArchitectureKind::Mlp(Mlp { hidden: vec![2] }),
            activation: Activation::Tanh,
            layers: vec![1],
            loss: Loss::CrossEntropy,
            optimiser: OptimiserKind::Rule(crate::sweep::Rule::Sgd),
            batch: Batch::Full,
            epochs: 6,
            recorded: (0..7).collect(),
            manifold: (0..7).collect(),
            snapshots: vec![],
            noise: vec![],
            scheduled: Default::default(),
            flow: None,
        }
    }

    /// Every class that is there has its radius turn at epoch 2, every pair its distance at epoch 3.
    fn record(problem: &Problem) -> Record {
        let there = classes_there(problem);
        let row = |there: bool, values: [f32; 7]| if there { values } else { [f32::NAN; 7] };
        let radius = there.iter().flat_map(|&there| row(there, [5.0, 4.0, 3.0, 4.0, 5.0, 6.0, 7.0])).collect();
        let pairs = problem.pairs();
        let distance =
            pairs.iter().flat_map(|&(a, b)| row(there[a] && there[b], [0.0, 1.0, 2.0, 3.0, 2.0, 1.0, 0.0])).collect();
        let mut record = Record::empty(&problem.layout());
        for (variable, values) in [(&TRAIN_ERROR, vec![0.5; 7]), (&RADIUS, radius), (&DISTANCE, distance)] {
            record.put(variable.name, Values::F32(values));
        }
        record
    }

    #[test]
    fn a_class_that_the_block_lacks_is_not_waited_for() {
        for y in [&[0, 1][..], &[0, 1, 2], &[0, 2, 2]] {
            let problem = problem(y.len(), y);
            assert_eq!(leaving_epoch(&problem, &record(&problem), 2, 0), Some(5), "{y:?}");
        }
        // A pruned replica that keeps none of a class that is there has a series that never turns.
        let problem = problem(3, &[0, 1, 2]);
        let mut pruned = record(&problem);
        pruned.floats_mut(&RADIUS)[14..].fill(f32::NAN);
        assert_eq!(leaving_epoch(&problem, &pruned, 2, 0), None);
    }
}
