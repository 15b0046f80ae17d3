//! Flows whose course is known, and flows cut into pieces.

use phasesweep_results::FlowStop;
use phasesweep_results::variables::{TEST_ERROR, TRAIN_ERROR};

use super::case::{FLOW, MEAN_FIELD, cnn, mlp, problem, replica, separable};
use crate::observables::flow as variables;
use crate::sweep::{Activation, Flow, Loss, Precision, Watched};
use crate::train::flow::network::Network;
use crate::train::flow::tangent::{Parameters, Signals, kernel};
use crate::train::flow::{FlowEngine, FlowState};
use crate::train::{Engine, Problem, Replica, ReplicaState};

fn fresh(problem: &Problem, replicas: &[Replica]) -> Vec<ReplicaState> {
    replicas.iter().map(|replica| ReplicaState::fresh(problem, replica)).collect()
}

fn run(problem: &Problem, replicas: &[Replica]) -> Vec<ReplicaState> {
    run_by(2, problem, replicas)
}

fn run_by(threads: usize, problem: &Problem, replicas: &[Replica]) -> Vec<ReplicaState> {
    let mut engine = FlowEngine::new(problem, replicas, fresh(problem, replicas), threads).unwrap();
    engine.advance(problem.epochs + 1).unwrap();
    engine.states().unwrap()
}

fn flow(state: &ReplicaState) -> &FlowState {
    state.flow.as_deref().unwrap()
}

/// The training margins at the end: with two samples, the quantiles 0 and 1.
fn last_margins(problem: &Problem, state: &ReplicaState) -> [f64; 2] {
    let margins = state.record.numbers(&variables::MARGIN);
    let times = state.record.numbers(&variables::FLOW_TIME);
    let last = times.iter().rposition(|time| time.is_finite()).unwrap();
    assert_eq!(times.len(), problem.recorded.len());
    [margins[5 * last], margins[5 * last + 4]]
}

/// Squared loss on two samples with α so large that the network is its own tangent: F' = (2/p) α Θ (y − F), which two
/// exponentials solve.
#[test]
fn a_lazy_flow_of_the_squared_loss_is_a_sum_of_exponentials() {
    let alpha = 1e7;
    let mut problem = Problem { loss: Loss::MeanSquared, ..problem(mlp(&[30]), MEAN_FIELD, 2, 8000) };
    problem.recorded = (0..=8000).collect();
    let network = Network::new(&problem.architecture, Activation::Relu, MEAN_FIELD, &problem.block).unwrap();
    let start = network.initial(4, &problem.architecture, MEAN_FIELD, 1.0, &problem.block);
    let signals = Signals::of(&network, &start, &problem.block.train.x);
    let theta = kernel(&network, None, Parameters::All, &signals, &signals);
    let y: Vec<f64> = problem.block.train.y.iter().map(|&y| 2.0 * f64::from(y) - 1.0).collect();
    // Eigenvalues and vectors of [[a, b], [b, c]].
    let (a, b, c) = (theta[0], theta[1], theta[3]);
    let root = ((a - c).powi(2) / 4.0 + b * b).sqrt();
    let values = [(a + c) / 2.0 + root, (a + c) / 2.0 - root];
    let vectors = values.map(|value| {
        let (x, y) = (b, value - a);
        let norm = x.hypot(y);
        [x / norm, y / norm]
    });
    let exact = |time: f64| -> [f64; 2] {
        let mut f = [y[0], y[1]];
        for (value, vector) in values.iter().zip(vectors) {
            let part = (vector[0] * y[0] + vector[1] * y[1]) * (-alpha * value * time).exp();
            f[0] -= part * vector[0];
            f[1] -= part * vector[1];
        }
        [f[0] * y[0], f[1] * y[1]]
    };
    // Until the slower mode has fallen to a third.
    let time = 1.1 / (alpha * values[1]);
    let error = |gradient_change: f64, output_change: f64| {
        let numbers = Flow { alpha, gradient_change, output_change, kink_change: 0.0, time: Some(time), ..FLOW };
        let state = &run(&problem, &[replica(4, numbers)])[0];
        assert_eq!(flow(state).stop, Some(FlowStop::Time));
        assert!((flow(state).time - time).abs() < 1e-12 * time, "the last step ends at the stated time");
        let (mut expected, found) = (exact(flow(state).time), last_margins(&problem, state));
        expected.sort_by(f64::total_cmp);
        f64::max((found[0] - expected[0]).abs(), (found[1] - expected[1]).abs())
    };
    // Euler's error is of first order: steps of a relative change of 1%, x e^-x/2 of it at most, is 0.2%; steps three
    // times as short leave a third. What remains of the network's curvature is 1/α.
    let (coarse, fine) = (error(1e-4, 0.1), error(1e-5, 0.1));
    assert!(coarse < 2e-3, "{coarse}");
    assert!((2.5..4.0).contains(&(coarse / fine)), "√10 expected: {coarse} {fine}");
    // The bound on outputs alone: ΔF ≤ 0.002 with F of order one.
    assert!(error(1.0, 0.002) < 2e-3);
}

/// Rectifiers of one hidden layer keep β² − ‖w‖² − b² of each neuron (Du, Hu and Lee 2018), in whatever regime.
#[test]
fn a_flow_keeps_what_rectifiers_conserve() {
    let problem = Problem { loss: Loss::SoftHinge, ..problem(mlp(&[20]), MEAN_FIELD, 12, 100_000) };
    let neurons = |parameters: &[f64]| -> Vec<f64> {
        let square = |range: std::ops::Range<usize>| parameters[range].iter().map(|w| w * w).sum::<f64>();
        (0..20).map(|n| square(100 + n..101 + n) - square(4 * n..4 * n + 4) - square(80 + n..81 + n)).collect()
    };
    let drift = |alpha: f64, gradient_change: f64, kink_change: f64| {
        let numbers = Flow { alpha, gradient_change, kink_change, fitted: 0.8, ..FLOW };
        let replica = replica(2, numbers);
        let start = neurons(&flow(&fresh(&problem, std::slice::from_ref(&replica))[0]).parameters);
        let state = &run(&problem, &[replica])[0];
        assert_eq!(flow(state).stop, Some(FlowStop::Fitted), "α = {alpha}");
        let moved: f64 = flow(state).parameters.iter().map(|w| w * w).sum();
        let off = neurons(&flow(state).parameters).iter().zip(&start).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        off / moved
    };
    for alpha in [0.01, 100.0] {
        // A step adds h²‖θ'‖² to it: 1% of change a step leaves about 1% of the change over the whole path.
        let coarse = drift(alpha, 1e-4, 0.01);
        assert!(coarse < 5e-3, "α = {alpha}: {coarse}");
        let fine = drift(alpha, 1e-6, 0.001);
        assert!(fine < 0.5 * coarse, "α = {alpha}: {coarse} {fine}");
    }
}

#[test]
fn a_flow_cut_into_pieces_and_one_in_company_are_the_same_bits() {
    for (kind, mean_field, epochs) in [(mlp(&[16]), MEAN_FIELD, 300), (cnn(), MEAN_FIELD, 12), (separable(), None, 12)]
    {
        let problem = Problem { loss: Loss::SoftHinge, ..problem(kind, mean_field, 40, epochs) };
        let numbers = |alpha: f64, precision| Flow { alpha, precision, ..FLOW };
        let replicas: Vec<Replica> = [(0.01, Precision::F32), (100.0, Precision::F64), (1.0, Precision::F32)]
            .into_iter()
            .enumerate()
            .map(|(seed, (alpha, precision))| replica(seed as u64, numbers(alpha, precision)))
            .collect();
        let whole = run(&problem, &replicas);
        for (replica, expected) in replicas.iter().zip(&whole) {
            let alone = &run(&problem, std::slice::from_ref(replica))[0];
            assert_eq!(bits(alone), bits(expected));
        }
        // More threads than replicas: each has some of its own.
        for (shared, expected) in run_by(7, &problem, &replicas).iter().zip(&whole) {
            assert_eq!(bits(shared), bits(expected));
        }
        let mut states = fresh(&problem, &replicas);
        for until in [1, 2, 7, 11, epochs / 2, epochs + 1] {
            let mut engine = FlowEngine::new(&problem, &replicas, states, 1).unwrap();
            engine.advance(until).unwrap();
            states = engine.states().unwrap();
        }
        for (cut, expected) in states.iter().zip(&whole) {
            assert_eq!(bits(cut), bits(expected));
        }
    }
}

/// A feature-regime flow that soon leaves most samples far behind, and so lives on active sets: cut into pieces, each of
/// which begins without one, and shared by more threads than there are replicas.
#[test]
fn active_sets_and_threads_change_no_bit() {
    for (loss, precision) in
        [(Loss::SoftHinge, Precision::F32), (Loss::Hinge, Precision::F32), (Loss::QuadraticHinge, Precision::F64)]
    {
        let problem = Problem { loss, ..problem(mlp(&[60]), MEAN_FIELD, 300, 1500) };
        let numbers = Flow { alpha: 0.01, precision, watched: Watched::Pulling, ..FLOW };
        let replicas = [replica(1, numbers), replica(2, Flow { alpha: 30.0, ..numbers })];
        let whole = run_by(1, &problem, &replicas);
        for (shared, expected) in run_by(5, &problem, &replicas).iter().zip(&whole) {
            assert_eq!(bits(shared), bits(expected), "{loss:?}");
        }
        let mut states = fresh(&problem, &replicas);
        for until in (1..problem.epochs).step_by(37).chain([problem.epochs + 1]) {
            let mut engine = FlowEngine::new(&problem, &replicas, states, 1).unwrap();
            engine.advance(until).unwrap();
            states = engine.states().unwrap();
        }
        for (cut, expected) in states.iter().zip(&whole) {
            assert_eq!(bits(cut), bits(expected), "{loss:?}");
        }
        // Most margins are far beyond the hinge at the end, or this test says nothing.
        let margins = whole[0].record.numbers(&variables::MARGIN);
        let last = (0..problem.recorded.len()).rev().find(|&place| margins[5 * place].is_finite()).unwrap();
        assert!(margins[5 * last + 1] > 2.0, "{loss:?}: {:?}", &margins[5 * last..5 * last + 5]);
    }
}

/// Everything in a state, as bits, so that NaNs compare.
fn bits(state: &ReplicaState) -> (usize, Option<FlowStop>, u64, Vec<u64>) {
    let flow = flow(state);
    let recorded: Vec<f64> = state.record.arrays().flat_map(|(variable, _)| state.record.numbers(variable)).collect();
    let numbers = flow.parameters.iter().chain([&flow.time, &flow.step]).chain(&recorded);
    (state.epoch, flow.stop, flow.rejected, numbers.map(|value| value.to_bits()).collect())
}

#[test]
fn a_flow_ends_where_it_is_told_and_says_why() {
    let problem = Problem { loss: Loss::SoftHinge, ..problem(mlp(&[40]), MEAN_FIELD, 30, 4000) };
    let fitted = &run(&problem, &[replica(1, Flow { alpha: 10.0, ..FLOW })])[0];
    assert_eq!(flow(fitted).stop, Some(FlowStop::Fitted));
    let record = &fitted.record;
    assert_eq!(record.numbers(&variables::STAGE_UNFITTED)[2], 0.0);
    // Half of thirty, or a few more that came to fit in the same step.
    let half = record.numbers(&variables::STAGE_UNFITTED)[1];
    assert!(half <= 0.5 && half > 0.3, "{half}");
    assert!(record.numbers(&variables::STAGE_TIME)[1] < record.numbers(&variables::STAGE_TIME)[2]);
    assert_eq!(record.numbers(&variables::STAGE_TIME)[0], 0.0);
    assert_eq!(fitted.record.floats(&TRAIN_ERROR)[0], 0.5, "F = 0 at the start decides nothing");
    // The record ends with the flow, and the machine on the frozen kernel has separated the samples.
    let steps = record.numbers(&variables::STAGE_EPOCH)[2] as usize;
    let kept = problem.recorded.partition_point(|&epoch| epoch <= steps);
    assert!(fitted.record.floats(&TEST_ERROR)[..kept].iter().all(|value| value.is_finite()));
    assert!(
        kept < problem.recorded.len() && fitted.record.floats(&TEST_ERROR)[kept..].iter().all(|value| value.is_nan())
    );
    for place in [0, 2] {
        assert!(record.numbers(&variables::KERNEL_VIOLATION)[place] <= 1e-3);
        assert!(record.numbers(&variables::KERNEL_TEST_ERROR)[place] <= 0.5);
        assert!(record.numbers(&variables::KERNEL_TEST_ERROR)[1].is_nan(), "not asked for");
    }
    assert_eq!(record.numbers(&variables::KERNEL_CHANGE)[0], 0.0);

    let short = Problem { epochs: 5, recorded: vec![0, 5], ..problem.clone() };
    let stopped = &run(&short, &[replica(1, Flow { alpha: 10.0, ..FLOW })])[0];
    assert_eq!((flow(stopped).stop, stopped.epoch), (Some(FlowStop::Steps), 6));
    assert!(stopped.record.floats(&TEST_ERROR)[1].is_finite());
    assert!(stopped.record.numbers(&variables::STAGE_UNFITTED)[2] > 0.0);
    let most = &run(&problem, &[replica(1, Flow { alpha: 10.0, fitted: 0.6, ..FLOW })])[0];
    assert_eq!(flow(most).stop, Some(FlowStop::Fitted));
    assert!(flow(most).time < flow(fitted).time);
}

#[test]
fn pruned_samples_do_not_pull() {
    let problem = Problem { loss: Loss::SoftHinge, ..problem(mlp(&[10]), MEAN_FIELD, 20, 40) };
    let kept: Vec<bool> = (0..20).map(|sample| sample % 3 != 1).collect();
    let mut half = replica(1, FLOW);
    half.kept = Some(kept.into());
    let mut without = problem.clone();
    let block = &problem.block;
    let mut fewer = (**block).clone();
    fewer.train.x =
        block.train.x.chunks(4).enumerate().filter(|(i, _)| i % 3 != 1).flat_map(|(_, x)| x.to_vec()).collect();
    fewer.train.y = block.train.y.iter().enumerate().filter(|(i, _)| i % 3 != 1).map(|(_, y)| *y).collect();
    without.block = std::sync::Arc::new(fewer);
    let (pruned, cut) = (&run(&problem, &[half])[0], &run(&without, &[replica(1, FLOW)])[0]);
    assert_eq!(flow(pruned).parameters, flow(cut).parameters);
    assert_eq!(pruned.record.floats(&TRAIN_ERROR), cut.record.floats(&TRAIN_ERROR));
}

#[test]
fn what_cannot_flow_is_refused_with_a_sentence() {
    let mut problem = problem(mlp(&[4]), None, 6, 2);
    let replicas = [replica(0, FLOW)];
    let states = fresh(&problem, &replicas);
    let mut foreign = states.clone();
    foreign[0].flow.as_mut().unwrap().parameters.pop();
    let told = |problem: &Problem, states: Vec<ReplicaState>| {
        FlowEngine::new(problem, &replicas, states, 1).err().unwrap().to_string()
    };
    assert!(told(&problem, foreign).contains("another network"));
    let mut block = (*problem.block).clone();
    block.classes = 3;
    problem.block = std::sync::Arc::new(block);
    assert!(told(&problem, states).contains("two classes"));
}
