//! One replica's flow: θ' = −∇ (1/p) Σ ℓ(y α (f − f₀))/α, by explicit Euler steps of adapted length.
//!
//! Invariants: what a step does follows from the parameters, the time and the length of the step alone, so that a flow
//! that is resumed goes on bit for bit; a flow that ended stays as it is; whatever stops being finite is no step.

mod steered;

use std::sync::Arc;

use phasesweep_results::FlowStop;
use phasesweep_results::variables::{TEST_ERROR, TRAIN_ERROR, TRAIN_LOSS};

use super::basis::{Basis, SharedInputs};
use super::compressed;
use super::control::{Bounds, judge};
use super::field::Field;
use super::flow_point::{self, FlowPoint};
use super::leg::Awaited;
use super::measure;
use super::neurons;
use super::plain::StageWeights;
use super::screening::Screening;
use super::stage::{self, Stage};
use super::state::FlowState;
use crate::observables::flow;
use crate::sweep::{Flow, Watched};
use crate::train::{Replica, ReplicaState};
use phasesweep_passes::Real;

pub(super) use steered::Steered;

/// y = ±1 of classes: 1 is +1.
pub(super) fn signs(classes: &[u16]) -> Vec<f64> {
    classes.iter().map(|&class| if class == 1 { 1.0 } else { -1.0 }).collect()
}

/// A replica under way.
pub(super) struct Trajectory<T> {
    basis: Basis<T>,
    bounds: Bounds,
    field: Field<T>,
    state: ReplicaState,
    start: Vec<f64>,
    start_tests: Vec<T>,
    here: FlowPoint<T>,
    /// The step that is tried.
    tried: FlowPoint<T>,
    screening: Screening<T>,
    /// Weights of stages that were reached and not yet asked for.
    reached: Vec<StageWeights>,
    /// What the next look waits for, where a device takes the steps.
    awaited: Awaited,
}

/// A replica of either precision.
pub(super) trait Flowing: Send {
    /// See [`crate::train::Engine::advance`].
    ///
    /// `shared`: all threads around are this replica's.
    fn advance(&mut self, until: usize, shared: bool);
    /// Whether it has steps to go before that one.
    fn goes_on(&self, until: usize) -> bool;
    /// Its state, fit for a checkpoint.
    fn state(&self) -> ReplicaState;
    /// The weights of the stages that were reached since the last call, of those whose weights are to be kept.
    fn stages(&mut self) -> Vec<StageWeights>;
    /// What computes.
    fn describe(&self) -> String;
}

impl<T: Real> Trajectory<T> {
    /// Takes over a replica; its start is drawn anew from its seed.
    pub(super) fn new(shared: Arc<SharedInputs<T>>, replica: &Replica, numbers: Flow, state: ReplicaState) -> Self {
        let mut new = Trajectory::unevaluated(shared, replica, numbers, state);
        let shared = &new.basis.shared;
        new.field.outputs(&shared.train, shared.train.len(), &mut new.basis.start_outputs);
        new.here.evaluate(&new.basis, &mut new.field, &mut new.screening);
        new
    }

    /// Takes over a replica of which nothing is known yet at the training samples. The field holds its start.
    fn unevaluated(shared: Arc<SharedInputs<T>>, replica: &Replica, numbers: Flow, state: ReplicaState) -> Self {
        let (problem, network) = (&shared.problem, &shared.network);
        let start = network.initial(
            replica.seed,
            &problem.architecture,
            shared.flow.mean_field,
            replica.init_scale,
            &problem.block,
        );
        let narrow = |values: &[f64]| values.iter().map(|&value| T::of(value)).collect::<Vec<T>>();
        let narrow_start = narrow(&start);
        let mut field = Field::new(network.clone());
        let mut start_tests = Vec::new();
        field.load(&narrow_start);
        field.outputs(&shared.test, shared.test.len(), &mut start_tests);
        let keeps = |sample: &usize| replica.kept.as_ref().is_none_or(|kept| kept[*sample]);
        let here =
            FlowPoint::at(narrow(state.flow.as_ref().map_or(start.as_slice(), |flow| flow.parameters.as_slice())));
        let kept = (0..problem.train().len()).filter(keeps).collect();
        Trajectory {
            bounds: Bounds::of(&numbers),
            start: narrow_start.iter().map(|value| value.wide()).collect(),
            screening: Screening::new(numbers.watched),
            reached: Vec::new(),
            awaited: Awaited::default(),
            tried: here.clone(),
            here,
            start_tests,
            field,
            state,
            basis: Basis { kept, numbers, start_outputs: Vec::new(), shared },
        }
    }

    /// y F of the kept samples.
    fn margins(&mut self) -> Vec<f64> {
        self.here.complete(&self.basis, &mut self.field);
        self.basis.kept.iter().map(|&sample| self.here.margins[sample]).collect()
    }

    /// Share of the kept samples that do not fit.
    fn unfitted(&self) -> f64 {
        self.here.unfitted as f64 / self.basis.kept.len().max(1) as f64
    }

    /// The greatest change of an output between the parameters here and those that are tried, over the watched samples.
    fn output_change(&mut self) -> f64 {
        if self.here.not_looked_at(&self.tried, &self.screening) {
            self.here.complete(&self.basis, &mut self.field);
        }
        let moved = |&sample: &usize| (self.tried.margins[sample] - self.here.margins[sample]).abs();
        // A maximum that does not lose NaN.
        let greatest = |a: f64, b: f64| if b > a || b.is_nan() { b } else { a };
        match self.basis.numbers.watched {
            Watched::All => self.basis.kept.iter().map(moved).fold(0.0, greatest),
            Watched::Pulling => {
                let pulling = self.here.terms.iter().chain(&self.tried.terms);
                pulling.map(|(sample, _)| moved(sample)).fold(0.0, greatest)
            }
        }
    }

    /// Length of the first step to be tried: a thousandth of the parameters' own length. The control takes it from there.
    fn first_step(&self) -> f64 {
        1e-3 * flow_point::norm(&self.here.parameters) / self.here.norm
    }

    /// Records what is due here, and the end if this is it; whether the flow goes on.
    fn record_due(&mut self) -> bool {
        let epochs = self.basis.shared.problem.epochs;
        if let Ok(place) = self.basis.shared.problem.recorded.binary_search(&self.state.epoch) {
            self.record(place);
        }
        self.record_stages(false);
        let Some(stop) = self.ended() else { return true };
        self.end(stop);
        self.state.epoch = epochs + 1;
        false
    }

    /// Tries steps until one is taken; whether one was.
    fn step(&mut self) -> bool {
        let Some(mut flow) = self.state.flow.take() else { return false };
        if flow.step <= 0.0 {
            flow.step = self.first_step();
        }
        let mut taken = false;
        while !taken && flow.step > 0.0 && flow.step.is_finite() {
            let left = self.basis.numbers.time.map_or(f64::INFINITY, |time| time - flow.time);
            let length = flow.step.min(left);
            let by = T::of(length);
            let old = self.here.parameters.iter().zip(&self.here.gradient);
            for (new, (&old, &slope)) in self.tried.parameters.iter_mut().zip(old) {
                *new = old + by * slope;
            }
            self.tried.evaluate(&self.basis, &mut self.field, &mut self.screening);
            let product = self.here.norm * self.tried.norm;
            let change = flow_point::square_distance(&self.tried.gradient, &self.here.gradient);
            let gradient_change = if product == 0.0 { 0.0 } else { change / product };
            let output_change = self.output_change();
            let verdict = judge(&self.bounds, gradient_change, output_change);
            if verdict.taken {
                std::mem::swap(&mut self.here, &mut self.tried);
                self.here.remember(&self.basis, &mut self.field, &mut self.screening);
                flow.time += length;
                taken = true;
            } else {
                flow.rejected += 1;
            }
            flow.step = length * verdict.factor;
        }
        self.state.flow = Some(flow);
        taken
    }

    /// Why the flow ends here, if it does.
    fn ended(&self) -> Option<FlowStop> {
        let flow = self.state.flow.as_ref()?;
        if self.unfitted() <= 1.0 - self.basis.numbers.fitted {
            Some(FlowStop::Fitted)
        } else if self.basis.numbers.time.is_some_and(|time| flow.time >= time) {
            Some(FlowStop::Time)
        } else if self.here.norm == 0.0 {
            Some(FlowStop::Gradient)
        } else if self.state.epoch >= self.basis.shared.problem.epochs {
            Some(FlowStop::Steps)
        } else {
            None
        }
    }

    /// Errors of the test samples.
    fn test_margins(&mut self) -> Vec<f64> {
        let mut outputs = Vec::new();
        let shared = self.basis.shared.clone();
        self.field.load(&self.here.parameters);
        self.field.outputs(&shared.test, shared.test.len(), &mut outputs);
        let margin = |((f, start), y): ((&T, &T), &f64)| self.basis.numbers.alpha * (*f - *start).wide() * y;
        outputs.iter().zip(&self.start_tests).zip(&shared.test_labels).map(margin).collect()
    }

    fn wide(&self) -> Vec<f64> {
        self.here.parameters.iter().map(|value| value.wide()).collect()
    }

    /// Records losses, errors and what goes along with them at the recorded place.
    fn record(&mut self, place: usize) {
        let shared = self.basis.shared.clone();
        let test = measure::error(self.test_margins().into_iter());
        let (parameters, unfitted, margins) = (self.wide(), self.unfitted(), self.margins());
        let loss = margins.iter().map(|&m| shared.loss.value(m)).sum::<f64>() / margins.len().max(1) as f64;
        let record = &mut self.state.record;
        record.set(&TRAIN_LOSS, place, &[loss / self.basis.numbers.alpha]);
        record.set(&TRAIN_ERROR, place, &[measure::error(margins.iter().copied())]);
        record.set(&TEST_ERROR, place, &[test]);
        let Some(time) = self.state.flow.as_ref().map(|state| state.time) else { return };
        record.set(&flow::FLOW_TIME, place, &[time]);
        record.set(&flow::UNFITTED, place, &[unfitted]);
        record.set(&flow::DISTANCE_FROM_START, place, &[measure::relative_distance(&parameters, &self.start)]);
        record.set(&flow::MARGIN, 5 * place, &measure::quantiles(margins));
        let norms = measure::quantiles(measure::neuron_norms(&shared.network, &parameters));
        record.set(&flow::NEURON_NORM, 5 * place, &norms);
        if let Some(parallel) = shared.flow.parallel {
            record.set(&flow::COMPRESSION, place, &[measure::compression(&shared.network, &parameters, parallel)]);
            neurons::record(&shared.network, &parameters, parallel, shared.flow.observe.neurons, place, record);
        }
    }

    /// Records the stages that are reached: the share of fitted samples decides, or the loss, and `end` is the last one.
    fn record_stages(&mut self, end: bool) {
        let shared = self.basis.shared.clone();
        let fitted = 1.0 - self.unfitted();
        for (place, &stage) in shared.flow.observe.stages.iter().enumerate() {
            // 0 is the start and 1 the end, whatever share of the samples fits there.
            let reached = if stage == 0.0 {
                self.state.epoch == 0
            } else if stage == 1.0 {
                end
            } else {
                fitted >= stage
            };
            if reached && self.record_stage(Stage::Share(place)) && shared.flow.observe.weights_at.contains(&stage) {
                let Some(time) = self.state.flow.as_ref().map(|state| state.time) else { return };
                self.keep(stage, time);
            }
        }
        for (place, &share) in shared.flow.observe.kernel_losses.iter().enumerate() {
            if !self.is_recorded(Stage::Loss(place)) && self.loss_is_under(share) {
                self.record_stage(Stage::Loss(place));
            }
        }
    }

    fn is_recorded(&self, stage: Stage) -> bool {
        let (at, place) = stage.variables();
        self.state.record.number(at.time, place).is_finite()
    }

    /// Whether the training loss is at most that share of the start's, where every margin is 0.
    fn loss_is_under(&mut self, share: f64) -> bool {
        let (loss, bound) = (self.basis.shared.loss, self.basis.kept.len() as f64);
        let bound = share * bound * loss.value(0.0);
        // The samples that pull have most of the loss: where they have too much, the others need not be evaluated.
        let pulling: f64 = self.here.terms.iter().map(|&(sample, _)| loss.value(self.here.margins[sample])).sum();
        pulling <= bound && self.margins().iter().map(|&m| loss.value(m)).sum::<f64>() <= bound
    }

    /// Records a stage that is reached, unless it was before; whether it was not.
    fn record_stage(&mut self, stage: Stage) -> bool {
        if self.is_recorded(stage) {
            return false;
        }
        let shared = self.basis.shared.clone();
        let (margins, test_margins) = (self.margins(), self.test_margins());
        let view = stage::View {
            problem: &shared.problem,
            flow: &shared.flow,
            network: &shared.network,
            labels: &shared.labels,
            test_labels: &shared.test_labels,
            kept: &self.basis.kept,
            parameters: &self.wide(),
            start: &self.start,
            margins: &margins,
            test_margins: &test_margins,
            // Twice from 1, to the bits of former versions.
            unfitted: 1.0 - (1.0 - self.unfitted()),
            epoch: self.state.epoch,
            loss: shared.loss,
            numbers: &self.basis.numbers,
            kernels: shared.kernels.as_deref(),
        };
        let Some(time) = self.state.flow.as_ref().map(|state| state.time) else { return false };
        stage::measure(&view, stage, time, &mut self.state.record);
        if let (Stage::Share(place), Some(parallel)) = (stage, shared.flow.parallel) {
            neurons::record_profile(&view, place, parallel, &mut self.state.record);
        }
        let is_end = |place: usize| shared.flow.observe.stages.get(place) == Some(&1.0);
        if matches!(stage, Stage::Share(place) if is_end(place)) {
            compressed::measure(&view, &mut self.state.record);
        }
        true
    }

    /// Holds the weights, as those of the plain network, until they are asked for.
    fn keep(&mut self, stage: f64, time: f64) {
        let (network, alpha) = (&self.basis.shared.network, self.basis.numbers.alpha);
        let kept = StageWeights {
            replica: 0,
            stage,
            epoch: self.state.epoch,
            time,
            alpha,
            scales: network.scales(alpha),
            parameters: network.plain(&self.wide(), alpha),
        };
        self.reached.push(kept);
    }

    fn end(&mut self, stop: FlowStop) {
        self.record_stages(true);
        let Some(state) = &mut self.state.flow else { return };
        state.stop = Some(stop);
        let record = &mut self.state.record;
        record.set(&flow::FLOW_STOP, 0, &[f64::from(stop.code())]);
        record.set(&flow::REJECTED_STEPS, 0, &[state.rejected as f64]);
    }
}

impl<T: Real> Flowing for Trajectory<T> {
    fn advance(&mut self, until: usize, shared: bool) {
        self.field.shared = shared;
        while self.goes_on(until) && self.record_due() {
            if self.step() {
                self.state.epoch += 1;
            } else {
                self.state.diverged = Some(self.state.epoch);
            }
        }
    }

    fn goes_on(&self, until: usize) -> bool {
        self.state.epoch < until && self.state.diverged.is_none()
    }

    fn state(&self) -> ReplicaState {
        let mut state = self.state.clone();
        if let Some(flow) = &mut state.flow {
            flow.parameters = self.wide();
        }
        state
    }

    fn stages(&mut self) -> Vec<StageWeights> {
        std::mem::take(&mut self.reached)
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
