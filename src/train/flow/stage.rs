//! What is measured at a stage of a flow: its numbers there, and where asked for, the tangent kernel.
//!
//! Stages are reached by the share of the samples that fit or by the loss; [`Stage`] says which, and under which names what is
//! measured there is recorded.

use super::frozen::{Lesson, Machines, machines};
use super::margin::MarginLoss;
use super::measure;
use super::network::Network;
use super::problem::{COORDINATES, FlowProblem};
use super::tangent::{self, Kernels, Parameters, Signals};
use crate::observables::flow_kernels::{self, AtStage, BY_LOSS, BY_SHARE};
use crate::observables::{Record, flow};
use crate::observe::{information, spectrum, twonn};
use crate::sweep::Flow;
use crate::train::Problem;

/// A stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stage {
    /// That one of the stages by the share of the samples that fit.
    Share(usize),
    /// That one of the stages by the loss.
    Loss(usize),
}

impl Stage {
    /// Its variables, and its place along their dimension.
    pub(super) fn variables(self) -> (&'static AtStage, usize) {
        match self {
            Stage::Share(place) => (&BY_SHARE, place),
            Stage::Loss(place) => (&BY_LOSS, place),
        }
    }
}

/// A flow at a stage.
pub(super) struct View<'a> {
    pub(super) problem: &'a Problem,
    pub(super) flow: &'a FlowProblem,
    pub(super) network: &'a Network,
    pub(super) labels: &'a [f64],
    pub(super) test_labels: &'a [f64],
    /// Training samples that pull.
    pub(super) kept: &'a [usize],
    pub(super) parameters: &'a [f64],
    /// Parameters at the start.
    pub(super) start: &'a [f64],
    /// y F of the kept training samples.
    pub(super) margins: &'a [f64],
    /// y F of the test samples.
    pub(super) test_margins: &'a [f64],
    pub(super) unfitted: f64,
    pub(super) epoch: usize,
    pub(super) loss: MarginLoss,
    pub(super) numbers: &'a Flow,
    /// Who computes tangent kernels; `None`: the host.
    pub(super) kernels: Option<&'a dyn Kernels>,
}

impl<'a> View<'a> {
    /// Θ by all parameters between two sets of samples, as [`tangent::kernel`].
    pub(super) fn kernel(&self, a: &Signals, b: &Signals) -> Vec<f64> {
        self.kernel_by(Parameters::All, a, b)
    }

    /// Θ by some of the parameters.
    fn kernel_by(&self, parameters: Parameters, a: &Signals, b: &Signals) -> Vec<f64> {
        tangent::kernel(self.network, self.kernels, parameters, a, b)
    }

    /// Test samples of the machines on frozen kernels.
    pub(super) fn tests(&self) -> usize {
        self.flow.observe.kernel_test.min(self.test_labels.len())
    }

    /// Inputs of the kept training samples, `[sample, input]`.
    pub(super) fn inputs(&self) -> Vec<f32> {
        let d = self.problem.block.inputs();
        let rows = self.kept.iter().flat_map(|&sample| &self.problem.train().x[sample * d..(sample + 1) * d]);
        rows.copied().collect()
    }

    /// Training points whose Gram matrices are taken.
    pub(super) fn points(&self) -> usize {
        self.flow.observe.kernel_points.min(self.kept.len())
    }

    /// What machines on frozen kernels are to learn, with the labels of the kept training samples.
    pub(super) fn lesson<'b>(&'b self, labels: &'b [f64]) -> Lesson<'b> {
        Lesson {
            labels,
            test_labels: &self.test_labels[..self.tests()],
            loss: self.loss,
            numbers: self.numbers,
            steps: self.flow.observe.kernel_flow,
        }
    }
}

/// Measures a stage, at `time`.
pub(super) fn measure(view: &View<'_>, stage: Stage, time: f64, record: &mut Record) {
    let observe = &view.flow.observe;
    let components = observe.components;
    let (at, place) = stage.variables();
    record.set(at.time, place, &[time]);
    record.set(at.epoch, place, &[view.epoch as f64]);
    record.set(at.unfitted, place, &[view.unfitted]);
    record.set(at.train_error, place, &[measure::error(view.margins.iter().copied())]);
    record.set(at.test_error, place, &[measure::error(view.test_margins.iter().copied())]);
    if let Some(parallel) = view.flow.parallel {
        let compression = measure::compression(view.network, view.parameters, parallel);
        record.set(at.compression, place, &[compression]);
        if stage == Stage::Share(place) {
            let of_norms = measure::compression_of_norms(view.network, view.parameters, parallel);
            record.set(&flow::STAGE_COMPRESSION_NORM, place, &[of_norms]);
        }
    }
    if let Some(variable) = at.weight_spectrum {
        let weights = measure::weight_spectrum(view.network, view.parameters, components);
        record.set(variable, place * components, &weights);
    }

    let (d, x) = (view.problem.block.inputs(), view.inputs());
    if stage == Stage::Share(0) {
        let inputs: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
        record.set(&flow::INPUT_DIMENSION, 0, &[twonn::dimension(&inputs, d)]);
    }
    let signals = Signals::of(view.network, view.parameters, &x);
    if let Some(variable) = at.hidden_dimension {
        let (hidden, units) = signals.last_hidden();
        record.set(variable, place, &[twonn::dimension(hidden, units)]);
    }
    let share = match stage {
        Stage::Share(place) => observe.stages.get(place),
        Stage::Loss(_) => None,
    };
    if stage == Stage::Loss(place) || share.is_some_and(|share| observe.kernel.contains(share)) {
        of_kernel(view, stage, &x, &signals, record);
    }
}

fn of_kernel(view: &View<'_>, stage: Stage, x: &[f32], signals: &Signals, record: &mut Record) {
    let observe = &view.flow.observe;
    let (at, place) = stage.variables();
    let (components, inputs) = (observe.components, view.problem.block.inputs());
    let points = view.points();
    let labels: Vec<f64> = view.kept.iter().map(|&sample| view.labels[sample]).collect();
    let head = signals.head(points);
    let gram = view.kernel(&head, &head);
    let spectrum = spectrum::spectrum(&gram, points, components);
    let eigenvalues: Vec<f64> = spectrum.values.iter().map(|value| value / points as f64).collect();
    record.set(at.kernel_eigenvalue, place * components, &eigenvalues);
    let projections = spectrum::projections(&spectrum.vectors, &labels[..points]);
    record.set(at.kernel_projection, place * components, &projections);
    if observe.kernel_information > 0 {
        let of = |vector: &Vec<f64>| information::information(vector, &labels[..points], observe.kernel_information);
        let information: Vec<f64> = spectrum.vectors.iter().map(of).collect();
        record.set(at.kernel_information, place * components, &information);
    }
    let stored = view.flow.observe.points(view.problem.train().len());
    let drawn = spectrum.vectors.iter().zip(&spectrum.values).take(COORDINATES);
    for (k, (vector, value)) in drawn.enumerate().filter(|_| stage == Stage::Share(place)) {
        let coordinates: Vec<f64> = vector.iter().map(|v| value.max(0.0).sqrt() * v).collect();
        record.set(&flow::KERNEL_COORDINATE, (place * components + k) * stored, &coordinates);
    }
    record.set(&flow::KERNEL_LABEL, 0, &labels[..points]);
    record.set(at.kernel_alignment, place, &[spectrum::alignment(&gram, &labels[..points])]);
    record.set(at.kernel_norm, place, &[spectrum::frobenius(&gram) / points as f64]);
    let first = Signals::of(view.network, view.start, &x[..points * inputs]);
    let before = view.kernel(&first, &first);
    let change: Vec<f64> = gram.iter().zip(&before).map(|(now, then)| now - then).collect();
    record.set(at.kernel_change, place, &[spectrum::frobenius(&change) / spectrum::frobenius(&before)]);
    drop((before, change));
    let parts = observe.kernel_parts && stage == Stage::Share(place);
    if parts {
        of_parts(view, place, &head, &gram, &labels[..points], record);
    }
    drop(gram);

    let tests = view.tests();
    if tests == 0 {
        return;
    }
    let of_test = || Signals::of(view.network, view.parameters, &view.problem.block.test.x[..tests * inputs]);
    let lesson = view.lesson(&labels);
    let learn = |parameters: Parameters| {
        let whole = view.kernel_by(parameters, signals, signals);
        machines(&lesson, whole, || view.kernel_by(parameters, signals, &of_test()))
    };
    let Machines { test_error, violation, flow } = learn(Parameters::All);
    record.set(at.kernel_test_error, place, &[test_error]);
    let own = view.test_margins[..tests].iter().copied();
    record.set(at.network_test_error, place, &[measure::error(own)]);
    record.set(at.kernel_violation, place, &[violation]);
    if let Some(flow) = flow {
        record.set(at.kernel_flow_test_error, place, &[flow.test_error]);
        record.set(at.kernel_flow_stop, place, &[flow.code()]);
        record.set(at.kernel_flow_unfitted, place, &[flow.unfitted]);
        record.set(at.kernel_flow_steps, place, &[flow.steps as f64]);
        record.set(at.kernel_flow_time, place, &[flow.time]);
    }
    for (k, parameters) in PARTS.into_iter().enumerate().filter(|_| parts) {
        let (place, of_part) = (PARTS.len() * place + k, learn(parameters));
        record.set(&flow_kernels::PART_KERNEL_TEST_ERROR, place, &[of_part.test_error]);
        record.set(&flow_kernels::PART_KERNEL_VIOLATION, place, &[of_part.violation]);
        if let Some(flow) = of_part.flow {
            record.set(&flow_kernels::PART_KERNEL_FLOW_TEST_ERROR, place, &[flow.test_error]);
            record.set(&flow_kernels::PART_KERNEL_FLOW_UNFITTED, place, &[flow.unfitted]);
            record.set(&flow_kernels::PART_KERNEL_FLOW_STOP, place, &[flow.code()]);
        }
    }
}

/// The parameters of [`flow_kernels::KERNEL_PARTS`], in their order.
const PARTS: [Parameters; flow_kernels::KERNEL_PARTS.len()] = [Parameters::Last, Parameters::Headless];

/// Trace and alignment of the kernels of some of the parameters. `gram` is that of all of them, on the same points.
fn of_parts(view: &View<'_>, place: usize, head: &Signals, gram: &[f64], labels: &[f64], record: &mut Record) {
    let trace = |gram: &[f64]| gram.iter().step_by(labels.len() + 1).sum::<f64>();
    for (k, parameters) in PARTS.into_iter().enumerate() {
        let part = view.kernel_by(parameters, head, head);
        let place = PARTS.len() * place + k;
        record.set(&flow_kernels::PART_KERNEL_SHARE, place, &[trace(&part) / trace(gram)]);
        record.set(&flow_kernels::PART_KERNEL_ALIGNMENT, place, &[spectrum::alignment(&part, labels)]);
    }
}
