//! Test samples that are left out: the bounds hold against f64, are reached where they can be, and change no count.

use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::agreement::{activations, choices, each};
use super::case::Case;
use super::extent::{drawn, ways};
use super::packing::assert_same;
use super::reference::Network;
use crate::drift::{Drift, Measure};
use crate::net::Net;
use crate::shape::Shape;
use crate::simd::{Isa, Lane, Task, dispatch};
use crate::{Activation, Rule};
use crate::{Choices, Kernel, Problem, State};

/// Trains with predictions that last and without: the states of both, and the share of predictions that were computed.
fn both(case: &Case, choices: Choices) -> ([Vec<State>; 2], f64) {
    let mut share = f64::NAN;
    let states = [true, false].map(|reuse_predictions| {
        let (problem, replicas, states) = case.build();
        let mut kernel = Kernel::with(problem, replicas, states, 2, Choices { reuse_predictions, ..choices }).unwrap();
        for until in [2, case.epochs / 3, case.epochs + 1] {
            kernel.advance(until);
        }
        if reuse_predictions {
            share = kernel.computed();
        }
        kernel.states().to_vec()
    });
    (states, share)
}

#[test]
fn most_samples_are_left_out_and_no_count_changes() {
    // Rates at which training slows down: what moves much leaves all in doubt.
    let base = Case { samples: 120, test: 400, inputs: 30, epochs: 200, replicas: 11, ..Case::default() };
    let cases = [
        Case { hidden: vec![20], ..base.clone() },
        Case { hidden: vec![9, 6], classes: 3, activation: Activation::Relu, pruned: true, ..base.clone() },
        Case { hidden: vec![], ..base.clone() },
        Case { hidden: vec![12], classes: 4, activation: Activation::Gelu, density: 0.9, ..base },
    ];
    for (case, choices) in each(cases, &choices()) {
        let ([reuse_predictions, computed], share) = both(&case, choices);
        for (a, b) in reuse_predictions.iter().zip(&computed) {
            assert_same(a, b);
        }
        assert!(share < 0.9, "{share} of the predictions were computed in {case:?}");
    }
}

#[test]
fn a_replica_that_diverges_keeps_no_sample_in_doubt() {
    let case = Case { replicas: 8, epochs: 60, test: 300, ..Case::default() };
    let run = |reuse_predictions: bool| {
        let (problem, mut replicas, states) = case.build();
        replicas[3].rates.lr = 1e20;
        let choices = Choices { isa: Isa::detect(), sparse: true, group: usize::MAX, reuse_predictions };
        let mut kernel = Kernel::with(problem, replicas, states, 1, choices).unwrap();
        kernel.advance(case.epochs + 1);
        (kernel.states().to_vec(), kernel.computed())
    };
    let ((reuse_predictions, share), (computed, whole)) = (run(true), run(false));
    assert!(reuse_predictions[3].diverged.is_some());
    for (a, b) in reuse_predictions.iter().zip(&computed) {
        assert_same(a, b);
    }
    assert!(share < 0.9 && whole == 1.0, "{share} and {whole}");
}

/// Bounds on the movement from one state of a network to another, for a replica among four: slope and offset of the
/// movement, then of the rounding.
fn bounds(problem: &Problem, from: &State, to: &State, isa: Isa) -> [f64; 4] {
    struct Bounds<'a> {
        problem: &'a Problem,
        states: [&'a State; 2],
        found: &'a mut [f64; 4],
    }
    impl Task for Bounds<'_> {
        #[inline(always)]
        fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
            let Bounds { problem, states: [from, to], found } = self;
            let order: Vec<u32> = (0..problem.block.inputs() as u32).collect();
            let product = [V::LEN, MR, NV];
            let mut net = Net::zeros(&Shape {
                walk: None,
                layers: problem.network.chain(),
                order: &order,
                replicas: R,
                tile: MR,
                product,
                moments: [false; 2],
                slope: false,
            });
            net.load(R - 1, from);
            let mut drift = Drift::new(&net, None);
            net.load(R - 1, to);
            V::enter::<_, R>(Measure { drift: &mut drift, net: &net, activation: problem.network.activation() });
            let all = [&drift.moved.slope, &drift.moved.offset, &drift.rounding.slope, &drift.rounding.offset];
            *found = all.map(|bound| f64::from(bound[R - 1]));
        }
    }
    let mut found = [f64::NAN; 4];
    dispatch(isa, 4, Bounds { problem, states: [from, to], found: &mut found });
    found
}

proptest! {
    #![proptest_config(drawn(64))]

    #[test]
    fn no_two_outputs_move_further_than_bounded(
        inputs in 1usize..20,
        classes in 2usize..5,
        hidden in prop::collection::vec(1usize..20, 0..3),
        // Of softplus and squares no bound is kept.
        activation in prop::sample::select(activations().to_vec()).prop_filter("a bound", |&activation| {
            activation != Activation::Softplus && activation != Activation::Quadratic
        }),
        step in -4f64..1.0,
        seed in 0u64..1000,
    ) {
        let case = Case { inputs, classes, hidden, activation, replicas: 1, samples: 5, test: 5, ..Case::default() };
        let (problem, _, states) = case.build();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut moved = states[0].clone();
        for w in &mut moved.parameters {
            *w += 10f32.powf(step as f32) * rng.random_range(-1f32..1.0);
        }
        let networks = [&states[0], &moved].map(|state| Network::new(&problem, &state.parameters));
        for isa in ways() {
            let [slope, offset, ..] = bounds(&problem, &states[0], &moved, isa);
            for _ in 0..20 {
                let scale = rng.random_range(0.0f32..5.0);
                let x: Vec<f32> = (0..inputs).map(|_| scale * rng.random_range(-1f32..1.0)).collect();
                let length = x.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
                let [before, after] = networks.each_ref().map(|network| network.outputs(activation, &x));
                for (a, b) in (0..classes).flat_map(|a| (0..a).map(move |b| (a, b))) {
                    let change = ((after[a] - after[b]) - (before[a] - before[b])).abs();
                    prop_assert!(
                        change <= slope * length + offset,
                        "{change} against {slope} · {length} + {offset} in {case:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_bound_is_reached_along_the_step() {
    // Without hidden layers and with opposite steps of two outputs, the sample along the step moves by all of the bound.
    let case = Case { inputs: 12, hidden: vec![], replicas: 1, ..Case::default() };
    let (problem, _, states) = case.build();
    let mut moved = states[0].clone();
    let step: Vec<f32> = (0..12).map(|i| 0.01 * (i as f32 - 4.0)).collect();
    for (i, step) in step.iter().enumerate() {
        moved.parameters[i] += step;
        moved.parameters[12 + i] -= step;
    }
    let length = step.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let output = |state: &State| {
        let f = Network::new(&problem, &state.parameters).outputs(problem.network.activation(), &step);
        f[0] - f[1]
    };
    let change = output(&moved) - output(&states[0]);
    let [slope, offset, off_slope, off_offset] = bounds(&problem, &states[0], &moved, Isa::detect());
    assert_eq!(offset, 0.0);
    // Weights are rounded when they are moved, and bounds are rounded up: by less than 1e-5 for sums of twelve terms.
    assert!(change <= slope * length && change > 0.9999 * slope * length, "{change} against {}", slope * length);
    // Twelve roundings of sums below ‖w‖·‖x‖ and |b|, for each of two outputs.
    let weights = |output: usize| {
        moved.parameters[12 * output..12 * (output + 1)].iter().map(|&w| f64::from(w).powi(2)).sum::<f64>().sqrt()
    };
    let expected = 14.0 / 16_777_216.0 * (weights(0) + weights(1));
    assert!(off_slope >= expected && off_slope < 1.001 * expected, "{off_slope} against {expected}");
    assert!(off_offset > 0.0 && off_offset < 1e-5, "{off_offset}");
}

#[test]
fn rules_that_move_every_weight_alike_change_no_count() {
    let base = Case { hidden: vec![20, 10], test: 300, epochs: 120, ..Case::default() };
    let rules = [(Rule::Adam, 0.0), (Rule::Nesterov, 0.9), (Rule::Rmsprop, 0.5)];
    let cases = rules.map(|(kind, momentum)| Case { kind, momentum, ..base.clone() });
    for (case, choices) in each(cases, &choices()) {
        let ([reuse_predictions, computed], _) = both(&case, choices);
        for (a, b) in reuse_predictions.iter().zip(&computed) {
            assert_same(a, b);
        }
    }
}
