//! When a replica may leave: so many epochs after every observed series of it has turned.
//!
//! Invariant: the epoch of leaving is a function of the record alone, not of when anybody looked: it is the first
//! recorded epoch up to which every radius and distance of every observed layer has a turning point that lies at least
//! the stated number of epochs back.

use super::{Problem, Record};
use crate::observe::turning_point::{DEFAULT_FRACTION, Extremum, by_prominence};

/// The epoch at which the replica leaves; `None` as long as some series has not turned, or if nothing is observed.
///
/// `from` is the first recorded index not looked at by earlier calls on the same record: earlier prefixes cannot change.
pub(super) fn leaving_epoch(problem: &Problem, record: &Record, patience: usize, from: usize) -> Option<usize> {
    let recorded = &problem.recorded;
    let width = recorded.len();
    let series: Vec<(&[f32], Extremum)> = record
        .radius
        .chunks_exact(width)
        .map(|values| (values, Extremum::Minimum))
        .chain(record.distance.chunks_exact(width).map(|values| (values, Extremum::Maximum)))
        .collect();
    if series.is_empty() {
        return None;
    }
    let measured = record.train_error.iter().take_while(|value| value.is_finite()).count();
    (from..measured).find_map(|last| {
        let all_turned = series.iter().all(|(values, extremum)| {
            by_prominence(&recorded[..=last], &values[..=last], *extremum, DEFAULT_FRACTION)
                .turn()
                .is_some_and(|turn| turn.epoch + patience <= recorded[last])
        });
        all_turned.then_some(recorded[last])
    })
}

/// Forgets what was recorded after an epoch, so that a record does not show how far a slice went beyond it.
pub(super) fn truncate(problem: &Problem, record: &mut Record, last: usize) {
    let width = problem.recorded.len();
    let keep = problem.recorded.partition_point(|&epoch| epoch <= last);
    let curves = [
        &mut record.train_loss,
        &mut record.train_error,
        &mut record.test_error,
        &mut record.noisy_error,
        &mut record.radius,
        &mut record.distance,
    ];
    for curve in curves {
        for row in curve.chunks_exact_mut(width) {
            row[keep..].fill(f32::NAN);
        }
    }
    record.probes.truncate(&problem.probing, last);
    let bytes = problem.snapshot_bytes();
    let snapshots = problem.snapshots.partition_point(|&epoch| epoch <= last);
    record.misclassified[snapshots * bytes..].fill(crate::train::UNMEASURED_BYTE);
}
