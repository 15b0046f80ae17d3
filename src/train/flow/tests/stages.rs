//! Weights at the stages of a flow: a plain network that computes what the flow did, the same however the flow was cut.

use phasesweep_networks::reference;
use phasesweep_results::variables::{TEST_ERROR, TRAIN_ERROR, TRAIN_LOSS};

use super::case::{FLOW, MEAN_FIELD, cnn, mlp, problem, replica, separable};
use crate::data::Samples;
use crate::observables::flow as variables;
use crate::sweep::{Activation, Flow, Loss, Precision, Watched};
use crate::train::flow::margin::MarginLoss;
use crate::train::flow::measure::{error, quantiles};
use crate::train::flow::{FlowEngine, StageWeights};
use crate::train::{Engine, Problem, Replica, ReplicaState};

/// Advances through `cuts`, each with an engine of its own; the states at the end and the weights of all stages.
fn run(
    problem: &Problem,
    replicas: &[Replica],
    threads: usize,
    cuts: &[usize],
) -> (Vec<ReplicaState>, Vec<StageWeights>) {
    let mut states: Vec<ReplicaState> = replicas.iter().map(|replica| ReplicaState::fresh(problem, replica)).collect();
    let mut kept = Vec::new();
    for &until in cuts.iter().chain(&[problem.epochs + 1]) {
        let mut engine = FlowEngine::new(problem, replicas, states, threads).unwrap();
        engine.advance(until).unwrap();
        kept.extend(engine.stages());
        assert!(engine.stages().is_empty(), "what was handed over is not held");
        states = engine.states().unwrap();
    }
    kept.sort_by(|a, b| (a.replica, a.stage).partial_cmp(&(b.replica, b.stage)).unwrap());
    (states, kept)
}

fn with_weights(mut problem: Problem) -> Problem {
    problem.recorded = (0..=problem.epochs).collect();
    let flow = problem.flow.as_mut().unwrap();
    flow.observe.weights_at = flow.observe.stages.clone();
    flow.observe.kernel = vec![];
    problem
}

/// y (g(x) − g₀(x)) of the plain network g at a stage and g₀ at the start, one sample at a time, by the reference of the graphs.
fn margins(problem: &Problem, samples: &Samples, here: &StageWeights, start: &StageWeights) -> Vec<f64> {
    let graph = problem.graph().unwrap();
    assert_eq!(graph.parameters(), here.parameters.len());
    let output = |weights: &StageWeights, x: &[f64]| {
        let values = reference::forward(&graph, &weights.parameters, x);
        let outputs = values.last().unwrap();
        assert_eq!(outputs.len(), 1);
        outputs[0]
    };
    let rows = samples.x.chunks_exact(problem.block.inputs());
    let margin = |(x, &y): (&[f32], &u16)| {
        let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
        (output(here, &x) - output(start, &x)) * if y == 1 { 1.0 } else { -1.0 }
    };
    rows.zip(&samples.y).map(margin).collect()
}

#[test]
fn the_kept_weights_compute_the_margins_losses_and_errors_of_the_flow() {
    // In double precision the records are what is rounded: to 32-bit floats. A flow in single precision rounds its outputs
    // themselves, some hundred terms of it (margins of order 1).
    let cases = [
        (mlp(&[12]), MEAN_FIELD, Activation::Relu, Loss::Hinge, 1.0, Precision::F64, 2e-7),
        // The lazy regime: f changes by a millionth, which weights in single precision would not know.
        (mlp(&[12]), MEAN_FIELD, Activation::Relu, Loss::SoftHinge, 1e6, Precision::F64, 1e-6),
        (mlp(&[12]), MEAN_FIELD, Activation::Relu, Loss::Hinge, 1.0, Precision::F32, 2e-5),
        (mlp(&[9, 7]), MEAN_FIELD, Activation::Softplus, Loss::Hinge, 0.1, Precision::F64, 2e-7),
        (mlp(&[9, 7]), None, Activation::Tanh, Loss::QuadraticHinge, 3.0, Precision::F64, 2e-7),
        (cnn(), MEAN_FIELD, Activation::Relu, Loss::Hinge, 100.0, Precision::F64, 2e-7),
        (cnn(), None, Activation::Gelu, Loss::Hinge, 1.0, Precision::F64, 2e-7),
        (separable(), None, Activation::Swish, Loss::SoftHinge, 1.0, Precision::F64, 2e-7),
        (separable(), None, Activation::Swish, Loss::SoftHinge, 1.0, Precision::F32, 2e-5),
    ];
    for (kind, mean_field, activation, loss, alpha, precision, tolerance) in cases {
        let name = format!("{kind:?} {mean_field:?} {activation:?} α = {alpha} {precision:?}");
        let mut problem = with_weights(problem(kind, mean_field, 24, 200));
        (problem.activation, problem.loss) = (activation, loss);
        let (states, kept) = run(&problem, &[replica(3, Flow { alpha, precision, ..FLOW })], 2, &[]);
        let record = &states[0].record;
        assert_eq!((kept[0].stage, kept[0].epoch), (0.0, 0), "{name}");
        assert!(kept.len() >= 2 && kept.last().unwrap().stage == 1.0, "{name}: {} stages", kept.len());
        let near = |found: f64, recorded: f64, what: &str| {
            assert!(
                (found - recorded).abs() <= tolerance * recorded.abs().max(1.0),
                "{name}: {what} {found} {recorded}"
            );
        };
        let of_loss = MarginLoss::new(loss, Some(20.0));
        for here in &kept {
            let stages = &problem.flow.as_ref().unwrap().observe.stages;
            let place = stages.iter().position(|&stage| stage == here.stage).unwrap();
            assert_eq!(record.number(&variables::STAGE_EPOCH, place), here.epoch as f64, "{name}");
            near(here.time, record.number(&variables::STAGE_TIME, place), "time");
            let found = margins(&problem, &problem.block.train, here, &kept[0]);
            let loss = found.iter().map(|&m| of_loss.value(m)).sum::<f64>() / found.len() as f64;
            near(loss, alpha * record.number(&TRAIN_LOSS, here.epoch), "training loss");
            let errors =
                [(&TRAIN_ERROR, &found), (&TEST_ERROR, &margins(&problem, &problem.block.test, here, &kept[0]))];
            for (variable, margins) in errors {
                near(error(margins.iter().copied()), record.number(variable, here.epoch), variable.name);
            }
            for (k, quantile) in quantiles(found).into_iter().enumerate() {
                near(quantile, record.number(&variables::MARGIN, 5 * here.epoch + k), "margin");
            }
        }
        // The last stage has learned something, or zeros would pass: by much more than the tolerance.
        let last = kept.last().unwrap();
        let greatest = record.number(&variables::MARGIN, 5 * last.epoch + 4);
        assert!(greatest > 0.02, "{name}: {greatest}");
        // The scales lead back to the flow's own parameters.
        let own = &states[0].flow.as_ref().unwrap().parameters;
        let weights = problem.graph().unwrap().layers().next().unwrap().1.weight_range().len();
        for (plain, own) in last.parameters.iter().zip(own).take(weights) {
            assert!((plain / last.scales[0] - own).abs() <= 1e-15 * own.abs(), "{name}");
        }
        // What is measured of the flow in 32-bit floats is the same network.
        let replica = replica(3, Flow { alpha, precision, ..FLOW });
        let measured = problem.weights(&replica, &[], states[0].flow.as_deref()).into_owned();
        assert_eq!(measured, last.parameters.iter().map(|&w| w as f32).collect::<Vec<_>>(), "{name}");
        let initial = problem.initial_parameters(&replica);
        if precision == Precision::F64 {
            assert_eq!(initial, kept[0].parameters.iter().map(|&w| w as f32).collect::<Vec<_>>(), "{name}");
        }
    }
}

#[test]
fn stages_are_the_same_bits_however_a_flow_is_cut_and_shared() {
    let problem = with_weights(problem(mlp(&[40]), MEAN_FIELD, 120, 600));
    let numbers = Flow { precision: Precision::F32, watched: Watched::Pulling, ..FLOW };
    let replicas = [replica(1, Flow { alpha: 0.01, ..numbers }), replica(2, Flow { alpha: 30.0, ..numbers })];
    let (_, whole) = run(&problem, &replicas, 1, &[]);
    assert_eq!(whole.len(), 6, "start, half and end of two flows");
    let cuts: Vec<usize> = (1..600).step_by(41).collect();
    assert_eq!(run(&problem, &replicas, 5, &[]).1, whole);
    assert_eq!(run(&problem, &replicas, 1, &cuts).1, whole);
    assert_eq!(run(&problem, &replicas, 3, &cuts).1, whole);
}
