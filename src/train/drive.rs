//! The epoch loop: advances an engine in slices, saves checkpoints between them, lets replicas leave.
//!
//! Invariants: how training was cut into slices, stopped and resumed does not show in a record; a replica that leaves
//! early has the record of the long run up to the epoch of leaving, and NaN behind it.

use std::time::{Duration, Instant};

use super::leaving::{leaving_epoch, truncate};
use super::{Engine, Problem, Replica, ReplicaState, TrainError};

/// What the loop asks of the world around it: clocks, signals and disks sit behind this.
pub trait Pace {
    /// Whether to stop at the next opportunity, with a checkpoint.
    fn should_stop(&self) -> bool;
    /// Tells how far the cohort is: epochs done, of all.
    fn at(&mut self, epoch: usize, epochs: usize);
    /// Whether a checkpoint is due.
    fn checkpoint_due(&self) -> bool;
    /// Saves the states of all replicas.
    ///
    /// # Errors
    /// A sentence; the cohort then stops, since going on without durability would only pretend.
    fn checkpoint(&mut self, states: &[ReplicaState]) -> Result<(), String>;
}

/// How the loop ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// Every replica trained to its end.
    Complete(Vec<ReplicaState>),
    /// Stopped on request; a checkpoint was saved.
    Stopped,
}

/// Why the loop could not go on.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The engine failed.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A checkpoint could not be saved.
    #[error("the checkpoint could not be saved: {0}")]
    Checkpoint(String),
}

/// Builds an engine for some of a cohort's replicas.
type Build<'a> = dyn FnMut(Vec<Replica>, Vec<ReplicaState>) -> Result<Box<dyn Engine>, TrainError> + 'a;

/// Longest time between two looks at signals, checkpoints and heartbeats.
const SLICE: Duration = Duration::from_millis(500);

/// Trains a cohort to its end or until asked to stop.
///
/// `states` are fresh or from a checkpoint; `after_inversion` lets a replica leave so many epochs after every observed
/// series of it has turned.
///
/// # Errors
/// [`DriveError`] if the engine or a checkpoint fails.
pub fn drive(
    problem: &Problem,
    replicas: &[Replica],
    mut states: Vec<ReplicaState>,
    after_inversion: Option<usize>,
    build: &mut Build<'_>,
    pace: &mut dyn Pace,
) -> Result<Ended, DriveError> {
    let end = problem.epochs + 1;
    let mut looked = vec![0; states.len()];
    loop {
        let live: Vec<usize> =
            (0..states.len()).filter(|&r| states[r].epoch < end && states[r].diverged.is_none()).collect();
        if live.is_empty() {
            return Ok(Ended::Complete(states));
        }
        let mut engine = build(
            live.iter().map(|&r| replicas[r].clone()).collect(),
            live.iter().map(|&r| states[r].clone()).collect(),
        )?;
        let mut epoch = live.iter().map(|&r| states[r].epoch).min().unwrap_or(end);
        let mut slice = 1;
        loop {
            let started = Instant::now();
            let until = (epoch + slice).min(end);
            engine.advance(until)?;
            epoch = until;
            slice = next_slice(slice, started.elapsed());
            pace.at(epoch.min(problem.epochs), problem.epochs);

            let stop = pace.should_stop() && epoch < end;
            let leaving = after_inversion.is_some();
            if epoch < end && !stop && !pace.checkpoint_due() && !leaving {
                continue;
            }
            for (&r, state) in live.iter().zip(engine.states()?) {
                states[r] = state;
            }
            let mut left = false;
            if let Some(patience) = after_inversion {
                for &r in &live {
                    left |= leave(problem, &mut states[r], patience, &mut looked[r]);
                }
            }
            if epoch < end && (stop || pace.checkpoint_due()) {
                pace.checkpoint(&states).map_err(DriveError::Checkpoint)?;
            }
            if stop {
                return Ok(Ended::Stopped);
            }
            if epoch == end || left {
                break;
            }
        }
    }
}

/// Epochs of the next slice, from what the last one took.
fn next_slice(slice: usize, took: Duration) -> usize {
    let fits = SLICE.as_secs_f64() / took.as_secs_f64().max(1e-9) * slice as f64;
    (fits as usize).clamp(1, slice.saturating_mul(4))
}

/// Lets a replica go if its time has come; whether it leaves the stack before its last epoch.
fn leave(problem: &Problem, state: &mut ReplicaState, patience: usize, looked: &mut usize) -> bool {
    let leaving = leaving_epoch(problem, &state.record, patience, *looked);
    *looked = problem.recorded.partition_point(|&epoch| epoch < state.epoch);
    let Some(last) = leaving else { return false };
    truncate(problem, &mut state.record, last);
    let early = state.epoch <= problem.epochs;
    state.epoch = problem.epochs + 1;
    early
}
