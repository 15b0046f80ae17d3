//! Neurons as points and F along the informative axis, against the plain networks that the stages keep.

use phasesweep_networks::reference;
use phasesweep_results::neurons::{NEURON_VARIABLES, PROFILE_DEVIATION, PROFILE_MEAN};

use super::case::{FLOW, MEAN_FIELD, mlp, problem, replica};
use crate::sweep::{Flow, Precision};
use crate::train::flow::FlowEngine;
use crate::train::flow::network::Network;
use crate::train::flow::neurons::points;
use crate::train::{Engine, Problem, ReplicaState};

const COUNT: usize = 5;
const POSITIONS: usize = 7;

fn asked(parallel: usize, hidden: &[usize]) -> Problem {
    let mut problem = problem(mlp(hidden), MEAN_FIELD, 24, 200);
    let flow = problem.flow.as_mut().unwrap();
    flow.parallel = Some(parallel);
    (flow.observe.kernel, flow.observe.weights_at) = (vec![], flow.observe.stages.clone());
    (flow.observe.neurons, flow.observe.profile) = (COUNT, POSITIONS);
    problem
}

#[test]
fn a_neurons_kink_is_where_the_plain_network_bends() {
    for mean_field in [MEAN_FIELD, None] {
        let problem = problem(mlp(&[9]), mean_field, 4, 10);
        let network = Network::new(&mlp(&[9]), problem.activation, mean_field, &problem.block).unwrap();
        let parameters = network.initial(3, &mlp(&[9]), mean_field, 1.0, &problem.block);
        let plain = network.plain(&parameters, 1.0);
        for parallel in [1, 2] {
            let [along, across, bias, output, kink] = points(&network, &parameters, parallel, 12);
            for neuron in 0..9 {
                let own = &parameters[4 * neuron..4 * neuron + 4];
                let square: f64 = own.iter().map(|w| w * w).sum();
                assert!((along[neuron].powi(2) + across[neuron].powi(2) - square).abs() < 1e-12);
                assert_eq!(parallel == 1, along[neuron] == own[0], "the sign is kept of one coordinate");
                assert_eq!((bias[neuron], output[neuron]), (parameters[36 + neuron], parameters[45 + neuron]));
                // The plain network's pre-activation that far along the neuron's informative weights.
                let length = own[..parallel].iter().map(|w| w * w).sum::<f64>().sqrt();
                let direction = |i: usize| if parallel == 1 { 1.0 } else { own[i] / length };
                let z: f64 = (0..parallel).map(|i| plain[4 * neuron + i] * kink[neuron] * direction(i)).sum();
                assert!((z + plain[36 + neuron]).abs() < 1e-12, "{neuron}: {z}");
            }
            assert!(
                [&along, &across, &bias, &output, &kink].iter().all(|values| values[9..].iter().all(|v| v.is_nan()))
            );
        }
    }
    let deep = problem(mlp(&[9, 4]), MEAN_FIELD, 4, 10);
    let network = Network::new(&mlp(&[9, 4]), deep.activation, MEAN_FIELD, &deep.block).unwrap();
    let parameters = network.initial(3, &mlp(&[9, 4]), MEAN_FIELD, 1.0, &deep.block);
    let [along, .., output, kink] = points(&network, &parameters, 1, 2);
    assert!(along[0] == parameters[0] && kink[0].is_finite() && output.iter().all(|beta| beta.is_nan()));
}

#[test]
fn profiles_are_those_of_the_kept_weights_however_the_flow_is_cut() {
    for (parallel, hidden, alpha, precision) in
        [(1, vec![12], 0.1, Precision::F64), (2, vec![9, 7], 3.0, Precision::F64), (1, vec![12], 1.0, Precision::F32)]
    {
        let problem = asked(parallel, &hidden);
        let replicas = [replica(7, Flow { alpha, precision, ..FLOW })];
        let mut records = Vec::new();
        let mut kept = Vec::new();
        for cuts in [vec![], vec![3, 40]] {
            let mut states = vec![ReplicaState::fresh(&problem, &replicas[0])];
            kept.clear();
            for &until in cuts.iter().chain(&[problem.epochs + 1]) {
                let mut engine = FlowEngine::new(&problem, &replicas, states, 1).unwrap();
                engine.advance(until).unwrap();
                kept.extend(engine.stages());
                states = engine.states().unwrap();
            }
            records.push(states.remove(0).record);
        }
        let bits = |place: usize| {
            let of = |variable| records[place].floats(variable).iter().map(|v: &f32| v.to_bits()).collect::<Vec<_>>();
            NEURON_VARIABLES.into_iter().chain([&PROFILE_MEAN, &PROFILE_DEVIATION]).map(of).collect::<Vec<_>>()
        };
        assert_eq!(bits(0), bits(1));

        // The test set of the case has 30 points, all of which are drawn.
        let graph = problem.graph().unwrap();
        let tests: Vec<&[f32]> = problem.block.test.x.chunks_exact(4).collect();
        kept.sort_by(|a, b| a.stage.total_cmp(&b.stage));
        let output = |parameters: &[f64], x: &[f64]| reference::forward(&graph, parameters, x).last().unwrap()[0];
        for stage in &kept {
            // A stage that the flow never came to has no weights, and no profile.
            let stages = &problem.flow.as_ref().unwrap().observe.stages;
            let place = stages.iter().position(|share| *share == stage.stage).unwrap();
            for k in 0..POSITIONS {
                let x = |draw: &&[f32]| {
                    let mut x: Vec<f64> = draw.iter().map(|&x| f64::from(x)).collect();
                    x[..parallel].fill(0.0);
                    x[0] = k as f64 - 3.0;
                    x
                };
                let f = tests.iter().map(x);
                let f: Vec<f64> = f.map(|x| output(&stage.parameters, &x) - output(&kept[0].parameters, &x)).collect();
                let mean = f.iter().sum::<f64>() / 30.0;
                let deviation = (f.iter().map(|f| (f - mean).powi(2)).sum::<f64>() / 29.0).sqrt();
                // Records are 32-bit floats of numbers of order 1.
                for (variable, expected) in [(&PROFILE_MEAN, mean), (&PROFILE_DEVIATION, deviation)] {
                    let found = f64::from(records[0].floats(variable)[place * POSITIONS + k]);
                    assert!((found - expected).abs() < 1e-6 * (1.0 + expected.abs()), "{found} {expected}");
                }
            }
        }
        assert!(kept.len() >= 2);
        assert!(records[0].floats(&PROFILE_MEAN).iter().any(|f| f.abs() > 0.1));
    }
}
