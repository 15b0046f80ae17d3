//! A replica whose steps a device takes: the host says how far it may go, is told how it went, and measures it where something
//! is due.
//!
//! Invariants: what is recorded, which stages are reached and where a flow ends is decided here, by the code of flows on the
//! host, from f as the device computed it; a device may stop too early for that, and never goes on beyond it. So how many
//! steps a device takes between two looks decides nothing.

use std::sync::Arc;

use super::{Flowing, SharedInputs, Trajectory};
use crate::sweep::Flow;
use crate::train::flow::leg::{Awaited, Leg};
use crate::train::flow::stage::Stage;
use crate::train::{Replica, ReplicaState};
use phasesweep_passes::Real;

/// How far beyond its bound a sum of losses, rounded on the device, ends a leg: sums of a million terms of either precision
/// are rounded by less.
const CAUTION: f64 = 1e-3;

/// A replica of either precision whose steps a device takes. Numbers are f64 and exact in the replica's precision.
pub(in crate::train::flow) trait Steered: Flowing {
    /// Its parameters at the start.
    fn start(&self) -> &[f64];
    /// What f was at the start, `[sample]`.
    fn begin(&mut self, outputs: &[f64]);
    /// Where the flow is now: its parameters (`None`: those of its state), f `[sample]` and ‖θ'‖ there.
    fn arrive(&mut self, parameters: Option<&[f64]>, outputs: &[f64], norm: f64);
    /// Measures what is due where the flow has arrived, and ends it if this is the end. `shared`: all threads around are
    /// this replica's.
    fn look(&mut self, shared: bool);
    /// How far the flow may go from where it was looked at last, and not beyond `until`; `None` if it goes nowhere.
    fn leg(&mut self, until: usize) -> Option<Leg>;
    /// How it went: each trial's length, negative of steps that were not taken, 0 of none, and the length of the next one.
    /// Answers whether something may be due where the flow is now; `ended`: the leg ended at a number of samples, at a loss
    /// or without a gradient.
    fn went(&mut self, leg: &Leg, trials: &[f64], next: f64, ended: bool) -> bool;
}

impl<T: Real> Trajectory<T> {
    /// Takes over a replica whose steps a device takes; see [`Steered::begin`] and [`Steered::arrive`].
    pub(in crate::train::flow) fn steered(
        shared: Arc<SharedInputs<T>>,
        replica: &Replica,
        numbers: Flow,
        state: ReplicaState,
    ) -> Self {
        Trajectory::unevaluated(shared, replica, numbers, state)
    }

    /// What the next look waits for.
    fn await_next(&mut self) {
        let (observe, count) = (&self.basis.shared.flow.observe, self.basis.kept.len());
        let stages = observe.stages.iter().enumerate();
        let open: Vec<f64> = stages
            .filter(|&(place, &stage)| stage > 0.0 && stage < 1.0 && !self.is_recorded(Stage::Share(place)))
            .map(|(_, &stage)| stage)
            .collect();
        // The very comparisons by which stages and ends are told.
        let reached = |unfitted: usize| {
            let share = unfitted as f64 / count.max(1) as f64;
            share <= 1.0 - self.basis.numbers.fitted || open.iter().any(|&stage| 1.0 - share >= stage)
        };
        // Reached by few, not by many: the greatest number lies between.
        let (mut low, mut high) = (0, count + 1);
        while low < high {
            let middle = (low + high) / 2;
            if reached(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let losses = observe.kernel_losses.iter().enumerate();
        let share = losses
            .filter(|&(place, _)| !self.is_recorded(Stage::Loss(place)))
            .map(|(_, &share)| share)
            .fold(f64::NEG_INFINITY, f64::max);
        let loss = share * count as f64 * self.basis.shared.loss.value(0.0) * (1.0 + CAUTION);
        self.awaited = Awaited { unfitted: low as f64 - 1.0, loss: loss.max(-1.0) };
    }
}

impl<T: Real> Steered for Trajectory<T> {
    fn start(&self) -> &[f64] {
        &self.start
    }

    fn begin(&mut self, outputs: &[f64]) {
        self.basis.start_outputs = outputs.iter().map(|&f| T::of(f)).collect();
    }

    fn arrive(&mut self, parameters: Option<&[f64]>, outputs: &[f64], norm: f64) {
        let parameters = match parameters {
            Some(parameters) => parameters.iter().map(|&value| T::of(value)).collect(),
            None => std::mem::take(&mut self.here.parameters),
        };
        let outputs = outputs.iter().map(|&f| T::of(f)).collect();
        self.here.adopt(&self.basis, parameters, outputs, norm);
    }

    fn look(&mut self, shared: bool) {
        self.field.shared = shared;
        if self.record_due() {
            self.await_next();
        }
    }

    fn leg(&mut self, until: usize) -> Option<Leg> {
        if !self.goes_on(until) {
            return None;
        }
        let (problem, epoch) = (&self.basis.shared.problem, self.state.epoch);
        let time = self.state.flow.as_ref().map_or(0.0, |flow| flow.time);
        let mut step = self.state.flow.as_ref().map_or(f64::NAN, |flow| flow.step);
        if step <= 0.0 {
            step = self.first_step();
        }
        if !(step > 0.0 && step.is_finite()) {
            self.state.diverged = Some(epoch);
            return None;
        }
        let left = self.basis.numbers.time.map_or(f64::INFINITY, |time_limit| time_limit - time);
        let recorded = problem.recorded.partition_point(|&recorded| recorded <= epoch);
        let recorded = problem.recorded.get(recorded).copied().unwrap_or(usize::MAX);
        let stop = until.min(recorded).min(problem.epochs).max(epoch + 1);
        // A step to the end of time is looked at.
        let steps = if step < left { stop - epoch } else { 1 };
        let Awaited { unfitted, loss } = self.awaited;
        Some(Leg { length: step.min(left), left, steps, unfitted, loss })
    }

    fn went(&mut self, leg: &Leg, trials: &[f64], next: f64, ended: bool) -> bool {
        let Some(flow) = self.state.flow.as_mut() else { return false };
        for (trial, &length) in trials.iter().enumerate() {
            if length > 0.0 {
                // In double precision, as the host has it.
                flow.time += if trial == 0 { leg.length } else { length };
                self.state.epoch += 1;
            } else if length < 0.0 {
                flow.rejected += 1;
            }
        }
        flow.step = next;
        // A length that the precision has not, or that shrank to nothing, is no step.
        if trials.iter().all(|&length| length == 0.0) || next <= 0.0 || next.is_nan() {
            self.state.diverged = Some(self.state.epoch);
            return false;
        }
        let is_over = self.basis.numbers.time.is_some_and(|time| flow.time >= time);
        let problem = &self.basis.shared.problem;
        let is_recorded = problem.recorded.binary_search(&self.state.epoch).is_ok();
        ended || is_over || is_recorded || self.state.epoch >= problem.epochs
    }
}
