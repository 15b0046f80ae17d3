//! A flow on the device goes the way of the same flow on the host.

use phasesweep_results::Variable;
use phasesweep_results::variables::{TEST_ERROR, TRAIN_ERROR, TRAIN_LOSS};

use super::*;
use crate::observables::flow as variables;
use crate::sweep::{Activation, ArchitectureKind, Flow, Loss, MeanField, Watched};
use crate::train::flow::tests::case::{FLOW, MEAN_FIELD, cnn, mlp, problem, replica, separable};
use crate::train::flow::{FlowEngine, followed_on_device, worth_a_device};

/// A network, its parametrisation, activation and loss, and what bounds a step.
type Case = (ArchitectureKind, Option<MeanField>, Activation, Loss, Watched);

fn cases() -> Vec<Case> {
    vec![
        (mlp(&[30]), MEAN_FIELD, Activation::Relu, Loss::Hinge, Watched::All),
        (mlp(&[30]), MEAN_FIELD, Activation::Relu, Loss::SoftHinge, Watched::Pulling),
        (mlp(&[9, 7]), None, Activation::Tanh, Loss::SoftHinge, Watched::Pulling),
        (mlp(&[12, 10, 8]), MEAN_FIELD, Activation::Relu, Loss::QuadraticHinge, Watched::All),
        (mlp(&[8, 6]), MEAN_FIELD, Activation::Softplus, Loss::CrossEntropy, Watched::All),
        (mlp(&[10]), None, Activation::Gelu, Loss::MeanSquared, Watched::Pulling),
        (cnn(), MEAN_FIELD, Activation::Relu, Loss::SoftHinge, Watched::All),
        (cnn(), None, Activation::Tanh, Loss::Hinge, Watched::All),
        (separable(), None, Activation::Relu, Loss::SoftHinge, Watched::All),
    ]
}

/// Regimes from features to the tangent, some of which end early: by time, at a share, at once; and one that is pruned.
fn replicas(precision: Precision, watched: Watched) -> Vec<Replica> {
    let with = |seed: u64, numbers: Flow| replica(seed, Flow { precision, watched, ..numbers });
    let pruned =
        Replica { kept: Some((0..50).map(|sample| sample % 3 != 1).collect()), ..with(4, Flow { alpha: 3.0, ..FLOW }) };
    vec![
        with(1, Flow { alpha: 0.05, ..FLOW }),
        with(2, Flow { alpha: 1.0, fitted: 0.7, ..FLOW }),
        with(3, Flow { alpha: 100.0, ..FLOW }),
        pruned,
        with(5, Flow { alpha: 1.0, time: Some(0.3), ..FLOW }),
        with(6, Flow { alpha: 1.0, margin: 0.5, ..FLOW }),
    ]
}

fn on_host(problem: &Problem, replicas: &[Replica]) -> Vec<ReplicaState> {
    let mut engine = FlowEngine::new(problem, replicas, fresh(problem, replicas), 2).unwrap();
    engine.advance(problem.epochs + 1).unwrap();
    engine.states().unwrap()
}

/// Two roundings of the same steps: a few last digits each (6e-8 and 1e-16), amplified over 150 steps by what is stiff and
/// by rectifiers that turn over.
fn tolerance(precision: Precision) -> f64 {
    if precision == Precision::F64 { 1e-9 } else { 5e-3 }
}

#[test]
fn a_flow_goes_the_way_that_it_goes_on_the_host() {
    for precision in precisions() {
        for (kind, mean_field, activation, loss, watched) in cases() {
            // Rectified convolutions bend in more places, each of which amplifies a rounding: after 150 steps to 4e-9 of doubles.
            let steps = if kind.needs_images() { 40 } else { 150 };
            let mut problem = Problem { activation, loss, ..problem(kind, mean_field, 50, steps) };
            let observe = &mut problem.flow.as_mut().unwrap().observe;
            (observe.stages, observe.kernel_losses) = (vec![0.0, 0.1, 0.4, 1.0], vec![0.97, 0.8]);
            let replicas = replicas(precision, watched);
            let host = on_host(&problem, &replicas);
            for ((device, host), place) in run(&problem, &replicas, CUT).iter().zip(&host).zip(0..) {
                let name = format!("{precision:?} {} {activation:?} {loss:?}, {place}", problem.architecture.label());
                assert_eq!((device.epoch, flow(device).stop), (host.epoch, flow(host).stop), "{name}");
                let parameters = [&flow(device).parameters, &flow(host).parameters];
                near(&format!("{name}: parameters"), precision, parameters[0], parameters[1]);
                for variable in ALONG {
                    let of = |state: &ReplicaState| state.record.numbers(variable);
                    let name = format!("{name}: {}", variable.name);
                    match (precision, variable.name) {
                        (Precision::F32, "train_error") => nearly_as_many(&name, 50, &of(device), &of(host)),
                        (Precision::F32, "test_error") => nearly_as_many(&name, 30, &of(device), &of(host)),
                        _ => near(&name, precision, &of(device), &of(host)),
                    }
                }
            }
        }
    }
}

/// To the end, where steps are as long as they may be without the flow overshooting, so that a rounding grows until it is as
/// large as what a step leaves out: the times of the end then agree within a few hundredths, and those of the stages before
/// to a few last digits, times what is stiff by then.
#[test]
fn a_flow_ends_as_it_ends_on_the_host() {
    let Some(precision) = precisions().pop().filter(|precision| *precision == Precision::F64) else { return };
    for (kind, mean_field, activation, loss, watched) in cases().into_iter().take(4) {
        let mut problem = Problem { activation, loss, ..problem(kind, mean_field, 50, 2000) };
        let observe = &mut problem.flow.as_mut().unwrap().observe;
        (observe.stages, observe.kernel) = (vec![0.5, 0.7, 1.0], vec![]);
        let replicas = replicas(precision, watched);
        let host = on_host(&problem, &replicas);
        for ((device, host), place) in run(&problem, &replicas, CUT).iter().zip(&host).zip(0..) {
            let name = format!("{} {loss:?}, {place}", problem.architecture.label());
            assert_eq!(flow(device).stop.is_some(), flow(host).stop.is_some(), "{name}");
            for (stage, within) in [(0, 1e-9), (1, 1e-9), (2, 0.1)] {
                let time = |state: &ReplicaState| state.record.number(&variables::STAGE_TIME, stage);
                let (found, expected) = (time(device), time(host));
                assert_eq!(found.is_nan(), expected.is_nan(), "{name}, stage {stage}");
                let off = (found - expected).abs() / expected;
                assert!(off.is_nan() || off <= within, "{name}, stage {stage}: {found} {expected}");
            }
        }
    }
}

/// What is compared at recorded steps and at stages.
const ALONG: [&Variable; 12] = [
    &TRAIN_LOSS,
    &TRAIN_ERROR,
    &TEST_ERROR,
    &variables::FLOW_TIME,
    &variables::MARGIN,
    &variables::NEURON_NORM,
    &variables::DISTANCE_FROM_START,
    &variables::STAGE_TIME,
    &variables::STAGE_UNFITTED,
    &variables::KERNEL_EIGENVALUE,
    &variables::KERNEL_ALIGNMENT,
    &variables::KERNEL_CHANGE,
];

/// Shares of so many samples differ by one sample at most: single precision may have either sign of a margin that is nearly 0, and
/// with α = 100 it rounds margins of 1 by 1e-5 and more.
fn nearly_as_many(name: &str, samples: usize, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.is_nan(), expected.is_nan(), "{name}");
        let off = (found - expected).abs() * samples as f64;
        assert!(found.is_nan() || off < 1.5, "{name}: {found} {expected}");
    }
}

/// Each series is compared in units of its greatest number; what is missing is so in both.
fn near(name: &str, precision: Precision, found: &[f64], expected: &[f64]) {
    let scale = expected.iter().filter(|value| value.is_finite()).fold(0.0, |most: f64, value| most.max(value.abs()));
    assert_eq!(found.len(), expected.len(), "{name}");
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.is_nan(), expected.is_nan(), "{name}");
        let off = (found - expected).abs();
        assert!(found.is_nan() || off <= tolerance(precision) * scale, "{name}: {found} {expected}");
    }
}

#[test]
fn what_the_device_does_not_follow_stays_on_the_host_to_the_bit() {
    let graph = |kind, mean_field| problem(kind, mean_field, 8, 2).graph().unwrap();
    let told = |kind, precision, doubles| followed_on_device(&graph(kind, None), precision, doubles);
    for kind in [mlp(&[5, 4]), cnn(), separable()] {
        assert_eq!(told(kind.clone(), Precision::F64, Doubles::Images), Ok(()));
        assert_eq!(told(kind.clone(), Precision::F32, Doubles::Nothing), Ok(()));
        assert!(told(kind, Precision::F64, Doubles::Nothing).unwrap_err().contains("double precision"));
    }
    assert_eq!(told(mlp(&[5]), Precision::F64, Doubles::Matrices), Ok(()));
    assert!(told(cnn(), Precision::F64, Doubles::Matrices).unwrap_err().contains("convolve"));
    // 4 inputs and 1000 units: 30 thousand operations a sample.
    let wide = graph(mlp(&[1000]), None);
    let operations = |samples: usize| 6.0 * wide.products() as f64 * samples as f64;
    let (few, many) = (1000, 10_000);
    assert!(operations(few) < 1e8 && operations(many) > 1e8);
    assert!(worth_a_device(&wide, few).unwrap_err().contains("million operations"));
    assert_eq!(worth_a_device(&wide, many), Ok(()));

    // On a device without double precision, beside one that it follows.
    let problem = problem(mlp(&[8]), MEAN_FIELD, 20, 60);
    let replicas = [
        replica(1, FLOW),
        replica(2, Flow { precision: Precision::F32, ..FLOW }),
        replica(3, Flow { alpha: 10.0, ..FLOW }),
    ];
    let device = device_under_test();
    let states = fresh(&problem, &replicas);
    let mut engine = DeviceFlowEngine::cut(device, Doubles::Nothing, &problem, &replicas, states, 2, CUT).unwrap();
    assert!(
        engine.stays_on_host().unwrap().contains("double precision") && engine.describe().contains("2 on the host")
    );
    engine.advance(61).unwrap();
    let (mixed, host) = (engine.states().unwrap(), on_host(&problem, &replicas));
    for place in [0, 2] {
        assert_eq!(format!("{:?}", mixed[place]), format!("{:?}", host[place]));
    }
    assert_ne!(format!("{:?}", mixed[1]), format!("{:?}", host[1]), "the device rounds otherwise, or it was not asked");
}
