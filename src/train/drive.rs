//! The epoch loop: advances an engine in slices, saves checkpoints between them, lets replicas leave.
//!
//! Invariants: how training was cut into slices, stopped and resumed does not show in a record; a replica that leaves
//! early has the record of the long run up to the epoch of leaving, and NaN behind it. Between slices, at the epochs and
//! steps at which observables on weights are due, the weights are copied to the host and measured there or, as far as may be, on
//! the device that trains.

use std::time::{Duration, Instant};

use super::burn::failure::{guarded, told_apart};
use super::flow::StageWeights;
use super::leaving::{leaving_epoch, truncate};
use super::{Engine, Problem, Replica, ReplicaState, TrainError, steps_per_epoch};
use crate::observables::{Moment, Moments, Observer, Position, Subject, Unit, View, earlier, on_weights};
use crate::observe::device::{DeviceFailure, ObservingDevice};

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
    /// Keeps the weights of a replica (its place in the cohort) as they are in its state. Asked again for the same
    /// moment, after a resumption, it is given the same weights.
    ///
    /// # Errors
    /// A sentence; the cohort then stops, since a file that was asked for would be missing.
    fn keep_weights(&mut self, replica: usize, at: Moment, state: &ReplicaState) -> Result<(), String>;
    /// Keeps the weights of a gradient flow (its replica's place in the cohort) at a stage. Asked again for the same stage,
    /// after a resumption, it is given the same weights.
    ///
    /// # Errors
    /// As [`Pace::keep_weights`].
    fn keep_stage(&mut self, stage: &StageWeights) -> Result<(), String>;
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
    /// An observable that was asked for cannot be measured of the problem.
    #[error("{0}")]
    Observable(String),
    /// Weights could not be kept.
    #[error("the weights could not be kept: {0}")]
    Weights(String),
}

/// Who measures copies of the weights.
#[derive(Debug, Clone, Copy)]
pub struct Measuring<'a> {
    /// Threads of the host.
    pub threads: usize,
    /// The device that measures what can be measured on one.
    pub device: Option<&'a dyn ObservingDevice>,
}

impl From<DeviceFailure> for TrainError {
    fn from(failure: DeviceFailure) -> TrainError {
        match failure.0.downcast::<TrainError>() {
            Ok(error) => *error,
            Err(other) => TrainError::Device(other.to_string()),
        }
    }
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
    measuring: Measuring<'_>,
    build: &mut Build<'_>,
    pace: &mut dyn Pace,
) -> Result<Ended, DriveError> {
    let end = problem.epochs + 1;
    let subject = problem.subject();
    let per_epoch: Vec<usize> = replicas.iter().map(|replica| steps_per_epoch(problem, replica)).collect();
    let observer = Observer::new(&subject, &problem.scheduled, &per_epoch, measuring.threads)
        .map_err(DriveError::Observable)?
        .on(measuring.device);
    let kept = problem.scheduled.weights.as_ref().map_or_else(Moments::default, |at| at.moments(problem.epochs));
    let (began, mut observing) = (Instant::now(), Duration::ZERO);
    let mut looked = vec![0; states.len()];
    loop {
        let live: Vec<usize> =
            (0..states.len()).filter(|&r| states[r].epoch < end && states[r].diverged.is_none()).collect();
        if live.is_empty() {
            tracing::debug!(
                "{} replicas: {:.3} s of {:.3} s went into measuring copies of the weights",
                states.len(),
                observing.as_secs_f64(),
                began.elapsed().as_secs_f64()
            );
            return Ok(Ended::Complete(states));
        }
        let mut engine = build(
            live.iter().map(|&r| replicas[r].clone()).collect(),
            live.iter().map(|&r| states[r].clone()).collect(),
        )?;
        let done = Position::at_epoch(end);
        let mut at = live.iter().map(|&r| states[r].position()).min().unwrap_or(done);
        let mut slice = 1;
        loop {
            if observer.due(at) {
                let started = Instant::now();
                absorb(&mut states, &live, engine.states()?);
                observe(&observer, &subject, at, problem, replicas, &mut states)?;
                for &r in live.iter().filter(|&&r| is_measured(&states[r], at)) {
                    if let Some(place) = kept.place(at, per_epoch[r]) {
                        let moment = Moment { unit: kept.unit, count: kept.counts[place] };
                        pace.keep_weights(r, moment, &states[r]).map_err(DriveError::Weights)?;
                    }
                }
                observing += started.elapsed();
            }
            let started = Instant::now();
            let until = Position::at_epoch(at.epoch + slice).min(observer.next(at).unwrap_or(done)).min(done);
            engine.advance_to(until)?;
            // Before any checkpoint: a flow that goes on from one does not come by its stages again.
            for mut stage in engine.stages() {
                stage.replica = live[stage.replica];
                pace.keep_stage(&stage).map_err(DriveError::Weights)?;
            }
            // Steps within a pass tell nothing of how long a pass takes.
            if until.epoch > at.epoch {
                slice = next_slice(until.epoch - at.epoch, started.elapsed());
            }
            at = until;
            let epoch = at.epoch;
            pace.at(epoch.min(problem.epochs), problem.epochs);

            let stop = pace.should_stop() && epoch < end;
            let leaving = after_inversion.is_some();
            if epoch < end && !stop && !pace.checkpoint_due() && !leaving {
                continue;
            }
            absorb(&mut states, &live, engine.states()?);
            let mut left = false;
            if let Some(patience) = after_inversion {
                for &r in &live {
                    left |= leave(problem, &replicas[r], &mut states[r], patience, &mut looked[r]);
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

/// Whether a replica stands at a position with weights that can be measured. Within a pass it may be no longer finite
/// before anybody has asked.
fn is_measured(state: &ReplicaState, at: Position) -> bool {
    let numbers = || state.parameters.iter().chain(&state.averages);
    let is_finite = || at.step == 0 || numbers().all(|number| number.is_finite());
    state.position() == at && state.diverged.is_none() && is_finite()
}

/// Measures the weights of the replicas that stand at a position, and writes what is due into their records.
///
/// # Errors
/// [`TrainError`] if the device that measures fails.
fn observe(
    observer: &Observer<'_>,
    subject: &Subject<'_>,
    at: Position,
    problem: &Problem,
    replicas: &[Replica],
    states: &mut [ReplicaState],
) -> Result<(), TrainError> {
    let there = states.iter_mut().zip(replicas).filter(|(state, _)| is_measured(state, at));
    let with_weights = |(state, replica)| {
        let (state, replica): (&mut ReplicaState, &Replica) = (state, replica);
        let weights = problem.weights(replica, &state.parameters, state.flow.as_deref());
        (replica, weights, state.averages.as_slice(), &mut state.record)
    };
    let mut there: Vec<_> = there.map(with_weights).collect();
    let (mut views, mut records) = (Vec::new(), Vec::new());
    for (replica, parameters, averages, record) in &mut there {
        let (replica, parameters): (&Replica, &[f32]) = (replica, parameters);
        let initial = || problem.initial_parameters(replica);
        let (kept, steps) = (replica.kept.as_deref(), steps_per_epoch(problem, replica));
        let view = View::new(subject, parameters, replica.seed, kept, steps, Box::new(initial));
        if let Some(view) = view.and_then(|view| view.with_averages(averages)) {
            let mut view = view.trained_to(at);
            for unit in Unit::ALL {
                if let Some(count) = unit.count(at, steps) {
                    let moment = Moment { unit, count };
                    view = view.with_earlier(unit, earlier::recall(record, moment, parameters.len()));
                }
            }
            views.push(view);
            records.push(&mut **record);
        }
    }
    let mut measure = || Ok(observer.observe(&views, &mut records)?);
    match observer.device() {
        Some(device) => guarded(measure).map_err(|error| told_apart(error, device.device())),
        // A panic on the host is a mistake of ours and stays one.
        None => measure(),
    }
}

/// Takes over the engine's states of the live replicas. What was measured on copies of the weights is the loop's own: an
/// engine hands back what it was given.
fn absorb(states: &mut [ReplicaState], live: &[usize], fresh: Vec<ReplicaState>) {
    for (&r, mut state) in live.iter().zip(fresh) {
        state.record.take_over(&mut states[r].record, on_weights);
        states[r] = state;
    }
}

/// Epochs of the next slice, from what the last one took.
fn next_slice(slice: usize, took: Duration) -> usize {
    let fits = SLICE.as_secs_f64() / took.as_secs_f64().max(1e-9) * slice as f64;
    (fits as usize).clamp(1, slice.saturating_mul(4))
}

/// Lets a replica go if its time has come; whether it leaves the stack before its last epoch.
fn leave(problem: &Problem, replica: &Replica, state: &mut ReplicaState, patience: usize, looked: &mut usize) -> bool {
    let leaving = leaving_epoch(problem, &state.record, patience, *looked);
    *looked = problem.recorded.partition_point(|&epoch| epoch < state.epoch);
    let Some(last) = leaving else { return false };
    truncate(problem, replica, &mut state.record, last);
    let early = state.epoch <= problem.epochs;
    (state.epoch, state.step) = (problem.epochs + 1, 0);
    early
}
