//! One replica's flow: θ' = −∇ (1/p) Σ ℓ(y α (f − f₀))/α, by explicit Euler steps of adapted length.
//!
//! Invariants: what a step does follows from the parameters, the time and the length of the step alone, so that a flow
//! that is resumed goes on bit for bit; a flow that ended stays as it is; whatever stops being finite is no step.

use std::sync::Arc;

use super::control::{Bounds, judge};
use super::field::{Field, Points};
use super::margin::MarginLoss;
use super::measure;
use super::network::Network;
use super::real::Real;
use super::record::{FlowProblem, Quantity};
use super::stage;
use super::state::{FlowState, Stop};
use crate::sweep::Flow;
use crate::train::{Problem, Replica, ReplicaState};

/// What the replicas of a cohort share in one precision.
pub(super) struct Ground<T> {
    pub(super) problem: Problem,
    pub(super) flow: FlowProblem,
    pub(super) network: Network,
    pub(super) loss: MarginLoss,
    pub(super) train: Points<T>,
    pub(super) test: Points<T>,
    /// y = ±1 of the training samples.
    pub(super) labels: Vec<f64>,
    /// y = ±1 of the test samples.
    pub(super) test_labels: Vec<f64>,
}

/// y = ±1 of classes: 1 is +1.
pub(super) fn signs(classes: &[u16]) -> Vec<f64> {
    classes.iter().map(|&class| if class == 1 { 1.0 } else { -1.0 }).collect()
}

/// A replica under way.
pub(super) struct Trajectory<T> {
    ground: Arc<Ground<T>>,
    numbers: Flow,
    bounds: Bounds,
    /// Training samples that pull; all of them unless some were pruned away.
    pub(super) kept: Vec<usize>,
    field: Field<T>,
    state: ReplicaState,
    start: Vec<f64>,
    start_outputs: Vec<T>,
    start_tests: Vec<T>,
    parameters: Vec<T>,
    outputs: Vec<T>,
    gradient: Vec<T>,
    /// Room for the step that is tried.
    tried: (Vec<T>, Vec<T>, Vec<T>),
    terms: Vec<(usize, T)>,
    /// y F of the kept samples.
    margins: Vec<f64>,
}

/// A replica of either precision.
pub(super) trait Flowing: Send {
    /// See [`crate::train::Engine::advance`].
    fn advance(&mut self, until: usize);
    /// Its state, fit for a checkpoint.
    fn state(&self) -> ReplicaState;
    /// What computes.
    fn describe(&self) -> String;
}

impl<T: Real> Trajectory<T> {
    /// Takes over a replica; its start is drawn anew from its seed.
    pub(super) fn new(ground: Arc<Ground<T>>, replica: &Replica, numbers: Flow, state: ReplicaState) -> Self {
        let (problem, network) = (&ground.problem, &ground.network);
        let start = network.initial(
            replica.seed,
            &problem.architecture,
            ground.flow.mean_field,
            replica.init_scale,
            &problem.block,
        );
        let narrow = |values: &[f64]| values.iter().map(|&value| T::of(value)).collect::<Vec<T>>();
        let narrow_start = narrow(&start);
        let mut field = Field::new(network.clone());
        let (mut start_outputs, mut start_tests) = (Vec::new(), Vec::new());
        field.outputs(&narrow_start, &ground.train, &mut start_outputs);
        field.outputs(&narrow_start, &ground.test, &mut start_tests);
        let keeps = |sample: &usize| replica.kept.as_ref().is_none_or(|kept| kept[*sample]);
        let parameters = narrow(&state.flow.as_ref().map_or(start.as_slice(), |flow| flow.parameters.as_slice()));
        let mut new = Trajectory {
            numbers,
            bounds: Bounds::of(&numbers),
            kept: (0..problem.train().len()).filter(keeps).collect(),
            start: narrow_start.iter().map(|value| value.wide()).collect(),
            start_outputs,
            start_tests,
            outputs: Vec::new(),
            gradient: vec![T::default(); parameters.len()],
            tried: (parameters.clone(), Vec::new(), vec![T::default(); parameters.len()]),
            parameters,
            terms: Vec::new(),
            margins: Vec::new(),
            field,
            state,
            ground,
        };
        let (mut outputs, mut gradient) = (Vec::new(), std::mem::take(&mut new.gradient));
        let parameters = std::mem::take(&mut new.parameters);
        new.evaluate(&parameters, &mut outputs, &mut gradient);
        (new.parameters, new.outputs, new.gradient) = (parameters, outputs, gradient);
        new.refresh_margins();
        new
    }

    /// Outputs of the training samples, and θ', at parameters.
    fn evaluate(&mut self, parameters: &[T], outputs: &mut Vec<T>, gradient: &mut [T]) {
        let Ground { train, labels, loss, .. } = &*self.ground;
        self.field.outputs(parameters, train, outputs);
        let share = 1.0 / self.kept.len() as f64;
        self.terms.clear();
        let mut greatest = 0.0;
        for &sample in &self.kept {
            let change = (outputs[sample] - self.start_outputs[sample]).wide();
            let pull = loss.pull(self.numbers.alpha * change * labels[sample]);
            if pull != 0.0 {
                greatest = f64::max(greatest, pull.abs());
                self.terms.push((sample, T::of(pull * labels[sample] * share)));
            }
        }
        // Soft losses pull at every sample, most of them by nothing that a sum would notice.
        let least = T::NEGLIGIBLE * greatest * share;
        self.terms.retain(|(_, c)| !(c.wide().abs() < least));
        let terms = std::mem::take(&mut self.terms);
        self.field.gradient(parameters, train, &terms, gradient);
        self.terms = terms;
    }

    fn refresh_margins(&mut self) {
        let margin = |&sample: &usize| {
            let change = (self.outputs[sample] - self.start_outputs[sample]).wide();
            self.numbers.alpha * change * self.ground.labels[sample]
        };
        self.margins = self.kept.iter().map(margin).collect();
    }

    /// Share of the kept samples that do not fit.
    fn unfitted(&self) -> f64 {
        let not = self.margins.iter().filter(|&&m| !(m >= self.numbers.margin)).count();
        not as f64 / self.margins.len().max(1) as f64
    }

    /// Tries steps until one is taken; whether one was.
    fn step(&mut self) -> bool {
        let norm = |values: &[T]| values.iter().map(|v| v.wide() * v.wide()).sum::<f64>().sqrt();
        let before = norm(&self.gradient);
        let Some(mut flow) = self.state.flow.take() else { return false };
        if flow.step <= 0.0 {
            // A thousandth of the parameters' own length: the control takes it from there.
            flow.step = 1e-3 * norm(&self.parameters) / before;
        }
        let mut taken = false;
        while !taken && flow.step > 0.0 && flow.step.is_finite() {
            let left = self.numbers.time.map_or(f64::INFINITY, |time| time - flow.time);
            let length = flow.step.min(left);
            let (mut parameters, mut outputs, mut gradient) = std::mem::take(&mut self.tried);
            let by = T::of(length);
            for ((new, &old), &slope) in parameters.iter_mut().zip(&self.parameters).zip(&self.gradient) {
                *new = old + by * slope;
            }
            self.evaluate(&parameters, &mut outputs, &mut gradient);
            let (change, after) =
                gradient.iter().zip(&self.gradient).fold((0.0, 0.0), |(change, after), (new, old)| {
                    let (new, old) = (new.wide(), old.wide());
                    (change + (new - old) * (new - old), after + new * new)
                });
            let product = before * after.sqrt();
            let gradient_change = if product == 0.0 { 0.0 } else { change / product };
            let moved = |&sample: &usize| (outputs[sample] - self.outputs[sample]).wide().abs();
            // A maximum that does not lose NaN.
            let output_change =
                self.kept.iter().map(moved).fold(0.0, |a: f64, b| if b > a || b.is_nan() { b } else { a });
            let verdict = judge(&self.bounds, gradient_change, self.numbers.alpha * output_change);
            if verdict.taken {
                std::mem::swap(&mut parameters, &mut self.parameters);
                std::mem::swap(&mut outputs, &mut self.outputs);
                std::mem::swap(&mut gradient, &mut self.gradient);
                flow.time += length;
                taken = true;
            } else {
                flow.rejected += 1;
            }
            flow.step = length * verdict.factor;
            self.tried = (parameters, outputs, gradient);
        }
        self.state.flow = Some(flow);
        if taken {
            self.refresh_margins();
        }
        taken
    }

    /// Why the flow ends here, if it does.
    fn ended(&self) -> Option<Stop> {
        let flow = self.state.flow.as_ref()?;
        if self.unfitted() <= 1.0 - self.numbers.fitted {
            Some(Stop::Fitted)
        } else if self.numbers.time.is_some_and(|time| flow.time >= time) {
            Some(Stop::Time)
        } else if self.gradient.iter().all(|g| g.wide() == 0.0) {
            Some(Stop::Still)
        } else if self.state.epoch >= self.ground.problem.epochs {
            Some(Stop::Steps)
        } else {
            None
        }
    }

    /// Errors of the test samples.
    fn test_margins(&mut self) -> Vec<f64> {
        let mut outputs = Vec::new();
        let ground = self.ground.clone();
        self.field.outputs(&self.parameters, &ground.test, &mut outputs);
        let margin = |((f, start), y): ((&T, &T), &f64)| self.numbers.alpha * (*f - *start).wide() * y;
        outputs.iter().zip(&self.start_tests).zip(&ground.test_labels).map(margin).collect()
    }

    fn wide(&self) -> Vec<f64> {
        self.parameters.iter().map(|value| value.wide()).collect()
    }

    /// Records losses, errors and what goes along with them at the recorded place.
    fn record(&mut self, place: usize) {
        let ground = self.ground.clone();
        let test = measure::error(self.test_margins().into_iter());
        let (parameters, unfitted) = (self.wide(), self.unfitted());
        let loss = self.margins.iter().map(|&m| ground.loss.value(m)).sum::<f64>() / self.margins.len().max(1) as f64;
        let record = &mut self.state.record;
        record.train_loss[place] = (loss / self.numbers.alpha) as f32;
        record.train_error[place] = measure::error(self.margins.iter().copied()) as f32;
        record.test_error[place] = test as f32;
        let Some(flow) = &mut self.state.flow else { return };
        let time = flow.time;
        let record = &mut flow.record;
        record.set(Quantity::FlowTime, place, &[time]);
        record.set(Quantity::Unfitted, place, &[unfitted]);
        record.set(Quantity::DistanceFromStart, place, &[measure::relative_distance(&parameters, &self.start)]);
        record.set(Quantity::Margin, 5 * place, &measure::quantiles(self.margins.clone()));
        let norms = measure::quantiles(measure::neuron_norms(&ground.network, &parameters));
        record.set(Quantity::NeuronNorm, 5 * place, &norms);
        if let Some(parallel) = ground.flow.parallel {
            record.set(Quantity::Compression, place, &[measure::compression(&ground.network, &parameters, parallel)]);
        }
    }

    /// Records the stages that are reached: the share of fitted samples decides, and `end` is the last one.
    fn stages(&mut self, end: bool) {
        let ground = self.ground.clone();
        let fitted = 1.0 - self.unfitted();
        for (place, &stage) in ground.flow.observe.stages.iter().enumerate() {
            let flow = self.state.flow.as_deref();
            let done = flow.is_some_and(|flow| flow.record.get(Quantity::StageTime)[place].is_finite());
            // 0 is the start, whoever fits then; 1 is the end, whoever fits by then.
            let reached = if stage == 0.0 {
                self.state.epoch == 0
            } else if stage == 1.0 {
                end
            } else {
                fitted >= stage
            };
            if done || !reached {
                continue;
            }
            let test_margins = self.test_margins();
            let view = stage::View {
                problem: &ground.problem,
                flow: &ground.flow,
                network: &ground.network,
                labels: &ground.labels,
                test_labels: &ground.test_labels,
                kept: &self.kept,
                parameters: &self.wide(),
                start: &self.start,
                margins: &self.margins,
                test_margins: &test_margins,
                unfitted: 1.0 - fitted,
                epoch: self.state.epoch,
            };
            let Some(state) = &mut self.state.flow else { return };
            let time = state.time;
            stage::measure(&view, place, time, &mut state.record);
        }
    }

    fn end(&mut self, stop: Stop) {
        self.stages(true);
        let Some(flow) = &mut self.state.flow else { return };
        flow.stop = Some(stop);
        flow.record.set(Quantity::FlowStop, 0, &[f64::from(stop.code())]);
        flow.record.set(Quantity::RejectedSteps, 0, &[flow.rejected as f64]);
    }
}

impl<T: Real> Flowing for Trajectory<T> {
    fn advance(&mut self, until: usize) {
        let epochs = self.ground.problem.epochs;
        while self.state.epoch < until && self.state.diverged.is_none() {
            let epoch = self.state.epoch;
            if let Ok(place) = self.ground.problem.recorded.binary_search(&epoch) {
                self.record(place);
            }
            self.stages(false);
            if let Some(stop) = self.ended() {
                self.end(stop);
                self.state.epoch = epochs + 1;
                return;
            }
            if self.step() {
                self.state.epoch += 1;
            } else {
                self.state.diverged = Some(epoch);
            }
        }
    }

    fn state(&self) -> ReplicaState {
        let mut state = self.state.clone();
        if let Some(flow) = &mut state.flow {
            flow.parameters = self.wide();
        }
        state
    }

    fn describe(&self) -> String {
        let precision = if size_of::<T>() == 4 { "f32" } else { "f64" };
        format!("gradient flow, {precision}, {}", self.field.describe())
    }
}

/// The flow's state, where there is one: what `new` needs of a checkpoint.
pub(super) fn fits(state: &ReplicaState, parameters: usize) -> bool {
    state.flow.as_deref().is_some_and(|flow: &FlowState| flow.parameters.len() == parameters)
}
