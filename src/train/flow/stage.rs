//! What is measured at a stage of a flow: its numbers there, and where asked for, the tangent kernel.

use super::machine;
use super::measure;
use super::network::Network;
use super::neurons;
use super::problem::{COORDINATES, FlowProblem};

use super::tangent::{Signals, kernel};
use crate::observables::{Record, flow};
use crate::observe::{spectrum, twonn};
use crate::train::Problem;

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
    /// Output scale α.
    pub(super) alpha: f64,
}

/// Measures the stage at `place` of the stages, at `time`.
pub(super) fn measure(view: &View<'_>, place: usize, time: f64, record: &mut Record) {
    let observe = &view.flow.observe;
    let components = observe.components;
    record.set(&flow::STAGE_TIME, place, &[time]);
    record.set(&flow::STAGE_EPOCH, place, &[view.epoch as f64]);
    record.set(&flow::STAGE_UNFITTED, place, &[view.unfitted]);
    record.set(&flow::STAGE_TRAIN_ERROR, place, &[measure::error(view.margins.iter().copied())]);
    record.set(&flow::STAGE_TEST_ERROR, place, &[measure::error(view.test_margins.iter().copied())]);
    if let Some(parallel) = view.flow.parallel {
        let compression = measure::compression(view.network, view.parameters, parallel);
        record.set(&flow::STAGE_COMPRESSION, place, &[compression]);
        let of_norms = measure::compression_of_norms(view.network, view.parameters, parallel);
        record.set(&flow::STAGE_COMPRESSION_NORM, place, &[of_norms]);
        neurons::record_profile(view, place, parallel, record);
    }
    let weights = measure::weight_spectrum(view.network, view.parameters, components);
    record.set(&flow::WEIGHT_SPECTRUM, place * components, &weights);

    let d = view.problem.block.inputs();
    let x: Vec<f32> =
        view.kept.iter().flat_map(|&sample| &view.problem.train().x[sample * d..(sample + 1) * d]).copied().collect();
    if place == 0 {
        let inputs: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
        record.set(&flow::INPUT_DIMENSION, 0, &[twonn::dimension(&inputs, d)]);
    }
    let signals = Signals::of(view.network, view.parameters, &x);
    let (hidden, units) = signals.last_hidden();
    record.set(&flow::HIDDEN_DIMENSION, place, &[twonn::dimension(hidden, units)]);
    if observe.stages.get(place).is_some_and(|stage| observe.kernel.contains(stage)) {
        of_kernel(view, place, &x, &signals, record);
    }
}

fn of_kernel(view: &View<'_>, place: usize, x: &[f32], signals: &Signals, record: &mut Record) {
    let observe = &view.flow.observe;
    let (components, inputs) = (observe.components, view.problem.block.inputs());
    let points = view.flow.observe.points(view.problem.train().len()).min(view.kept.len());
    let labels: Vec<f64> = view.kept.iter().map(|&sample| view.labels[sample]).collect();
    let head = signals.head(points);
    let gram = kernel(view.network, &head, &head);
    let spectrum = spectrum::spectrum(&gram, points, components);
    let eigenvalues: Vec<f64> = spectrum.values.iter().map(|value| value / points as f64).collect();
    record.set(&flow::KERNEL_EIGENVALUE, place * components, &eigenvalues);
    let projections = spectrum::projections(&spectrum.vectors, &labels[..points]);
    record.set(&flow::KERNEL_PROJECTION, place * components, &projections);
    let stored = view.flow.observe.points(view.problem.train().len());
    for (k, (vector, value)) in spectrum.vectors.iter().zip(&spectrum.values).take(COORDINATES).enumerate() {
        let coordinates: Vec<f64> = vector.iter().map(|v| value.max(0.0).sqrt() * v).collect();
        record.set(&flow::KERNEL_COORDINATE, (place * components + k) * stored, &coordinates);
    }
    record.set(&flow::KERNEL_LABEL, 0, &labels[..points]);
    record.set(&flow::KERNEL_ALIGNMENT, place, &[spectrum::alignment(&gram, &labels[..points])]);
    record.set(&flow::KERNEL_NORM, place, &[spectrum::frobenius(&gram) / points as f64]);
    let first = Signals::of(view.network, view.start, &x[..points * inputs]);
    let before = kernel(view.network, &first, &first);
    let change: Vec<f64> = gram.iter().zip(&before).map(|(now, then)| now - then).collect();
    record.set(&flow::KERNEL_CHANGE, place, &[spectrum::frobenius(&change) / spectrum::frobenius(&before)]);
    drop((gram, before, change));

    let tests = observe.kernel_test.min(view.test_labels.len());
    if tests == 0 {
        return;
    }
    let whole = kernel(view.network, signals, signals);
    let trained = machine::train(&whole, &labels);
    drop(whole);
    let of_test = Signals::of(view.network, view.parameters, &view.problem.block.test.x[..tests * inputs]);
    let outputs = trained.outputs(&kernel(view.network, signals, &of_test));
    let margins = outputs.iter().zip(view.test_labels).map(|(f, y)| f * y);
    record.set(&flow::KERNEL_TEST_ERROR, place, &[measure::error(margins)]);
    let own = view.test_margins[..tests].iter().copied();
    record.set(&flow::NETWORK_TEST_ERROR, place, &[measure::error(own)]);
    record.set(&flow::KERNEL_VIOLATION, place, &[trained.violation]);
}
