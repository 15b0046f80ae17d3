//! The machines on a frozen kernel: that of maximal margin ([`super::machine`]), and where it was asked for, the
//! gradient flow of the loss ([`super::kernel_flow`]).

use phasesweep_results::FlowStop;

use super::control::Bounds;
use super::kernel_flow::{self, Ends};
use super::machine;
use super::margin::MarginLoss;
use super::measure;
use crate::sweep::Flow;

/// What the machines are to learn.
pub(super) struct Lesson<'a> {
    /// y = ±1 of the training samples.
    pub(super) labels: &'a [f64],
    /// y = ±1 of the test samples.
    pub(super) test_labels: &'a [f64],
    pub(super) loss: MarginLoss,
    /// The network's numbers, of which the flow takes those of its end and, for a plain hinge, of its steps.
    pub(super) numbers: &'a Flow,
    /// Most steps of the flow; 0: no flow.
    pub(super) steps: usize,
}

/// What became of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Machines {
    /// Test error of the machine of maximal margin.
    pub(super) test_error: f64,
    /// Largest violation of its optimality conditions, in units of the margin.
    pub(super) violation: f64,
    pub(super) flow: Option<FlowMachine>,
}

/// The gradient flow.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FlowMachine {
    /// Test error; NaN unless what was to fit fits.
    pub(super) test_error: f64,
    /// Share of the training samples that do not fit.
    pub(super) unfitted: f64,
    pub(super) steps: usize,
    /// t, in units of the network's.
    pub(super) time: f64,
    /// Why it ended; `None` where it ceased to be finite.
    pub(super) stop: Option<FlowStop>,
}

impl FlowMachine {
    /// The code of why it ended; NaN, which is missing, where that is not known.
    pub(super) fn code(&self) -> f64 {
        self.stop.map_or(f64::NAN, |stop| f64::from(stop.code()))
    }
}

/// Trains both on a kernel `[training sample, training sample]`, and tests them on `[test sample, training sample]`, which is
/// computed once the first is no longer held.
pub(super) fn machines(lesson: &Lesson<'_>, whole: Vec<f64>, of_test: impl FnOnce() -> Vec<f64>) -> Machines {
    let trained = machine::train(&whole, lesson.labels);
    let numbers = lesson.numbers;
    let flowed = (lesson.steps > 0).then(|| {
        let ends = Ends { margin: numbers.margin, fitted: numbers.fitted, steps: lesson.steps };
        kernel_flow::flow(&whole, lesson.labels, lesson.loss, &Bounds::of(numbers), ends)
    });
    drop(whole);
    let of_test = of_test();
    let error = |coefficients: &[f64]| {
        let outputs = machine::outputs(coefficients, &of_test);
        measure::error(outputs.iter().zip(lesson.test_labels).map(|(f, y)| f * y))
    };
    let flow = flowed.map(|ended| FlowMachine {
        test_error: if ended.stop == Some(FlowStop::Fitted) { error(&ended.coefficients) } else { f64::NAN },
        unfitted: ended.unfitted,
        steps: ended.steps,
        time: ended.time / numbers.alpha,
        stop: ended.stop,
    });
    Machines { test_error: error(&trained.coefficients), violation: trained.violation, flow }
}
