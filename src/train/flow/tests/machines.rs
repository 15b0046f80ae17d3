//! The machines on a frozen kernel against scikit-learn and SciPy: `machines.py` wrote the numbers.

use phasesweep_results::FlowStop;
use serde_json::Value;

use super::case::FLOW;
use crate::sweep::Loss;
use crate::train::flow::control::Bounds;
use crate::train::flow::kernel_flow::{Ended, Ends, flow};
use crate::train::flow::machine::{self, outputs};
use crate::train::flow::margin::MarginLoss;

/// The points of the script: training and test kernels, labels.
fn case() -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let mut state = 1u64;
    let mut coordinate = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        4.0 * ((state >> 11) as f64 / (1u64 << 53) as f64) - 2.0
    };
    let mut points = |count: usize| (0..count).map(|_| [coordinate(), coordinate()]).collect::<Vec<_>>();
    let (train, test) = (points(60), points(40));
    let labels = train.iter().map(|x| if x[0] > -0.3 && x[0] < 1.2 { 1.0 } else { -1.0 }).collect();
    let kernel = |a: &[[f64; 2]]| -> Vec<f64> {
        let distance = |a: &[f64; 2], b: &[f64; 2]| (a[0] - b[0]).hypot(a[1] - b[1]);
        a.iter().flat_map(|a| train.iter().map(move |b| (-distance(a, b)).exp())).collect()
    };
    (kernel(&train), kernel(&test), labels)
}

fn reference() -> Value {
    serde_json::from_str(include_str!("machines.json")).unwrap()
}

fn apart(found: &[f64], expected: &Value) -> f64 {
    let expected: Vec<f64> = expected.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn followed(kernel: &[f64], labels: &[f64], loss: MarginLoss, margin: f64, steps: usize) -> Ended {
    flow(kernel, labels, loss, &Bounds::of(&FLOW), Ends { margin, fitted: 1.0, steps })
}

#[test]
fn the_machine_of_maximal_margin_is_that_of_scikit_learn() {
    let (kernel, of_test, labels) = case();
    let machine = machine::train(&kernel, &labels);
    // Optimality to 0.1% of the margin, on outputs of the order of the margin, which is 1.
    let apart = apart(&outputs(&machine.coefficients, &of_test), &reference()["maximal margin"]);
    assert!(apart < 2e-3, "{apart}");
}

#[test]
fn flows_on_the_frozen_kernel_are_those_of_scipy() {
    let (kernel, of_test, labels) = case();
    let of = |kind, beta| MarginLoss::new(kind, beta);
    // Steps are held to 1e-3 of every margin, and the end is where the last margin is 1: outputs of order 1 to 4 to some such
    // errors. A plain hinge goes by Euler steps along kinks, to 0.01 of the margin in a step.
    let cases = [
        ("soft hinge, beta 20", of(Loss::SoftHinge, Some(20.0)), 3e-3),
        ("soft hinge, beta 3", of(Loss::SoftHinge, Some(3.0)), 3e-3),
        ("quadratic hinge", of(Loss::QuadraticHinge, None), 3e-3),
        ("cross-entropy", of(Loss::CrossEntropy, None), 3e-3),
        ("hinge", of(Loss::Hinge, None), 0.03),
    ];
    let reference = reference();
    for (name, loss, tolerance) in cases {
        let expected = &reference[name];
        let (margin, time) = (expected["margin"].as_f64().unwrap(), expected["time"].as_f64().unwrap());
        let ended = followed(&kernel, &labels, loss, margin, 100_000);
        assert_eq!((ended.stop, ended.unfitted), (Some(FlowStop::Fitted), 0.0), "{name}");
        let apart = apart(&outputs(&ended.coefficients, &of_test), &expected["outputs"]);
        assert!(apart < tolerance, "{name}: {apart}");
        // The last margin rises so slowly that the time is less well determined than the outputs.
        assert!((ended.time / time - 1.0).abs() < 10.0 * tolerance, "{name}: {} {time}", ended.time);
        // The margins at the end: the least is the one that was waited for.
        let least =
            outputs(&ended.coefficients, &kernel).iter().zip(&labels).map(|(f, y)| f * y).fold(f64::MAX, f64::min);
        assert!(least >= margin - 1e-9 && least < margin + if loss.is_bent() { 1e-6 } else { 0.01 }, "{name}: {least}");
    }
}

#[test]
fn the_flow_does_not_depend_on_the_scale_of_the_kernel_but_in_its_time() {
    let (kernel, of_test, labels) = case();
    let loss = MarginLoss::new(Loss::SoftHinge, Some(20.0));
    let times = |kernel: &[f64], by: f64| kernel.iter().map(|k| by * k).collect::<Vec<_>>();
    let one = followed(&kernel, &labels, loss, 1.0, 10_000);
    // A power of two rounds nothing.
    let other = followed(&times(&kernel, 1024.0), &labels, loss, 1.0, 10_000);
    let of_other = outputs(&other.coefficients, &times(&of_test, 1024.0));
    assert_eq!((outputs(&one.coefficients, &of_test), one.steps), (of_other, other.steps));
    assert_eq!(one.time, 1024.0 * other.time);
}

#[test]
fn a_share_that_is_to_fit_ends_the_flow_when_it_does() {
    let (kernel, _, labels) = case();
    let loss = MarginLoss::new(Loss::SoftHinge, Some(20.0));
    let ends = Ends { margin: 1.0, fitted: 0.75, steps: 10_000 };
    let ended = flow(&kernel, &labels, loss, &Bounds::of(&FLOW), ends);
    assert_eq!((ended.stop, ended.unfitted), (Some(FlowStop::Fitted), 0.25));
    assert!(ended.time < followed(&kernel, &labels, loss, 1.0, 10_000).time);
}

#[test]
fn a_flow_that_does_not_end_says_why() {
    let (kernel, _, labels) = case();
    for kind in [Loss::SoftHinge, Loss::Hinge] {
        let loss = MarginLoss::new(kind, Some(20.0));
        let cut = followed(&kernel, &labels, loss, 1.0, 3);
        assert_eq!((cut.stop, cut.steps), (Some(FlowStop::Steps), 3));
        assert!(cut.unfitted > 0.0);
        // Two samples at one point, of either class: no machine tells them apart, and their pulls cancel.
        let twins = followed(&[1.0; 4], &[1.0, -1.0], loss, 1.0, 1000);
        assert_eq!((twins.stop, twins.unfitted), (Some(FlowStop::Gradient), 1.0));
        let nothing = followed(&[0.0; 4], &[1.0, -1.0], loss, 1.0, 1000);
        assert_eq!(nothing.stop, Some(FlowStop::Gradient));
        let broken = followed(&[1.0, f64::NAN, f64::NAN, 1.0], &[1.0, -1.0], loss, 1.0, 1000);
        assert_eq!(broken.stop, None, "{kind:?}");
    }
    // Four samples at one point, one of the other class: the soft hinge comes to rest at its least, where three times the
    // pull of the three is that of the fourth, which is 1: F = 1 + ln(2)/β.
    let loss = MarginLoss::new(Loss::SoftHinge, Some(20.0));
    let rest = followed(&[1.0; 16], &[1.0, 1.0, 1.0, -1.0], loss, 1.0, 1000);
    assert_eq!((rest.stop, rest.unfitted), (Some(FlowStop::Gradient), 0.25));
    let output = rest.coefficients.iter().sum::<f64>();
    assert!((output - (1.0 + 2f64.ln() / 20.0)).abs() < 1e-4, "{output}");
}
