//! Trajectories agree with the f64 reference, for every kind of problem and every instruction set.

use phasesweep_optimisers::Slot;
use proptest::prelude::*;

use super::case::Case;
use super::extent::{chosen, drawn, ways};
use super::reference::Network;
use crate::simd::Isa;
use crate::{Activation, Batch, Loss, Rule};
use crate::{Choices, Kernel};

/// Those that every rule is tried with.
const ACTIVATIONS: [Activation; 4] = [Activation::Tanh, Activation::Relu, Activation::Gelu, Activation::Sigmoid];

/// Every activation.
pub(super) fn activations() -> [Activation; 11] {
    phasesweep_networks::Activation::ALL.map(Activation::from)
}

/// Activations under which a network of any shape trains on. Squares of squares run away within a few steps of some shapes,
/// and magnify any rounding on their way: tests of one shape have those.
pub(super) fn steady() -> impl Strategy<Value = Activation> {
    let steady = activations().into_iter().filter(|&activation| activation != Activation::Quadratic);
    prop::sample::select(steady.collect::<Vec<_>>())
}

/// Every rule, with and without momentum where it takes one.
pub(super) fn rules() -> Vec<(Rule, f64)> {
    let momenta = |rule: Rule| match rule.keys().iter().find(|key| key.slot == Slot::Momentum) {
        None => vec![0.0],
        Some(key) if key.default.is_none() => vec![0.8],
        // A momentum of 0.9 makes steps ten times as long, and magnifies rounding beyond the tolerance.
        Some(_) => vec![0.0, 0.5],
    };
    Rule::ALL.iter().flat_map(|&rule| momenta(rule).into_iter().map(move |momentum| (rule, momentum))).collect()
}

/// Every way of computing that this processor has.
pub(super) fn choices() -> Vec<Choices> {
    let both = |isa| [true, false].map(|sparse| Choices { isa, sparse, group: usize::MAX, reuse_predictions: true });
    ways().flat_map(both).collect()
}

/// Distance from a kink below which f32 may stand on the other side of it: sums here are of order one, of hundreds of terms.
const KINK: f64 = 2e-6;

/// Trains both and compares everything recorded and the final weights, of a replica up to the step whose gradient comes
/// too near to a kink to be told.
pub(super) fn compare(case: &Case, choices: Choices, weights: f64) {
    let (problem, replicas, states) = case.build();
    let mut kernel = Kernel::with(problem.clone(), replicas.clone(), states.clone(), 1, choices).unwrap();
    kernel.advance(problem.epochs + 1);
    let trained = kernel.states().to_vec();
    let epochs = problem.recorded.len();
    'replicas: for ((replica, start), state) in replicas.iter().zip(&states).zip(&trained) {
        assert_eq!((state.epoch, state.diverged), (problem.epochs + 1, None));
        let mut network = Network::new(&problem, &start.parameters);
        let record = &state.record;
        // Multiply-adds that are not fused round twice.
        let roundings = if choices.isa == Isa::Unfused { 2.0 } else { 1.0 };
        let near = |what: &str, a: f32, b: f64, tolerance: f64| {
            let tolerance = roundings * tolerance * b.abs().max(0.1);
            let same = (f64::from(a) - b).abs() <= tolerance || (a.is_nan() && b.is_nan());
            assert!(same, "{what}: {a} against {b} in {case:?}, {choices:?}");
        };
        // Counts may differ where an f32 and an f64 output fall on different sides of a tie.
        let count = |what: &str, share: f32, of: usize, wrong: usize| {
            let off = (f64::from(share) * of as f64 - wrong as f64).abs();
            assert!(off < 2.01, "{what}: {share} of {of} against {wrong} in {case:?}, {choices:?}");
        };
        for t in 0..=problem.epochs {
            let recorded = problem.recorded.iter().position(|&e| e == t);
            let snapshot = problem.snapshots.iter().position(|&e| e == t);
            if recorded.is_some() || snapshot.is_some() {
                let m = network.measure(&problem, replica);
                if let Some(at) = recorded {
                    let kept = (0..case.samples).filter(|&s| super::reference::keeps(replica, s)).count();
                    near("loss", record.train_loss[at], m.loss, 2e-5);
                    count("train", record.train_error[at], kept, m.wrong);
                    count("test", record.test_error[at], case.test, m.test_wrong);
                    count("noisy", record.noisy_error[at], case.test, m.noisy_wrong[0]);
                    let manifold = problem.manifold.contains(&t);
                    let layers = m.radius.iter().zip(&m.distance).enumerate();
                    for (layer, (radii, distances)) in layers {
                        for (class, &radius) in radii.iter().enumerate() {
                            let radius = if manifold { radius } else { f64::NAN };
                            let ours = record.radius[(layer * radii.len() + class) * epochs + at];
                            // The radius is the root of 1 − ‖μ‖²: where it is small, errors of ‖μ‖² near 1e-7 grow. Its
                            // square follows the weights, which adaptive rules carry apart by up to 1e-5, as D does.
                            near("radius squared", ours * ours, radius * radius, 2e-5);
                        }
                        for (pair, &distance) in distances.iter().enumerate() {
                            let distance = if manifold { distance } else { f64::NAN };
                            near(
                                "distance",
                                record.distance[(layer * distances.len() + pair) * epochs + at],
                                distance,
                                2e-5,
                            );
                        }
                    }
                }
                if let Some(at) = snapshot {
                    let bytes = problem.snapshot_bytes();
                    let bits = &record.misclassified[at * bytes..(at + 1) * bytes];
                    let bit = |s: usize| bits[s / 8] & (0x80 >> (s % 8)) != 0;
                    let off = m.missed.iter().enumerate().filter(|(s, missed)| bit(*s) != **missed).count();
                    assert!(off <= 2, "snapshot {at} differs in {off} samples in {case:?}, {choices:?}");
                }
            }
            if t < problem.epochs {
                network.pass(&problem, replica, t);
                if network.nearest_kink < KINK {
                    continue 'replicas;
                }
            }
        }
        let scale = network.parameters.iter().fold(0f64, |max, w| max.max(w.abs()));
        for (&w, &exact) in state.parameters.iter().zip(&network.parameters) {
            assert!(
                (f64::from(w) - exact).abs() <= roundings * weights * scale,
                "weight {w} against {exact} in {case:?}, {choices:?}"
            );
        }
    }
}

/// Those of these cases that are run, each with every one of these choices.
pub(super) fn each<C: Clone>(
    cases: impl IntoIterator<Item = C>,
    choices: &[Choices],
) -> impl Iterator<Item = (C, Choices)> {
    chosen(cases.into_iter().flat_map(move |case| choices.iter().map(move |&choices| (case.clone(), choices))))
}

pub(super) fn compare_all(cases: impl IntoIterator<Item = Case>, choices: &[Choices]) {
    each(cases, choices).for_each(|(case, choices)| compare(&case, choices, 1e-5));
}

#[test]
fn every_activation_and_rule() {
    let of = |(kind, momentum): (Rule, f64)| {
        let loss = if kind == Rule::Sgd { Loss::MeanSquared } else { Loss::CrossEntropy };
        let base = Case { kind, momentum, loss, samples: 97, inputs: 13, hidden: vec![5], ..Case::default() };
        ACTIVATIONS.map(|activation| Case { activation, ..base.clone() })
    };
    compare_all(rules().into_iter().flat_map(of), &choices());
}

#[test]
fn every_activation() {
    let base = Case { samples: 97, hidden: vec![9, 6], epochs: 8, ..Case::default() };
    let of = |activation: Activation| {
        let batch = if activation == Activation::Elu { Batch::Mini { size: 32 } } else { Batch::Full };
        Case { activation, batch, ..base.clone() }
    };
    compare_all(activations().map(of), &choices());
}

#[test]
fn depths_classes_losses_and_masks() {
    let mut cases = Vec::new();
    for (hidden, classes) in [(vec![20], 2), (vec![9, 6], 3), (vec![5, 4, 3], 10), (vec![33, 1], 2)] {
        for loss in [Loss::CrossEntropy, Loss::MeanSquared] {
            for pruned in [false, true] {
                cases.push(Case { hidden: hidden.clone(), classes, loss, pruned, epochs: 8, ..Case::default() });
            }
        }
    }
    compare_all(cases, &choices());
}

#[test]
fn minibatches() {
    let mini = |size: usize| Case { batch: Batch::Mini { size }, replicas: 2, epochs: 5, ..Case::default() };
    let cases = [
        mini(32),
        Case { pruned: true, kind: Rule::Adam, ..mini(50) },
        // Steps of single samples at this rate soon magnify any rounding: one short pass of them.
        Case { samples: 30, epochs: 1, ..mini(1) },
        // Batches of three tiles and of one, with wide layers: whole and partial strips of panels.
        Case { samples: 700, inputs: 40, hidden: vec![100, 30], density: 0.1, epochs: 3, ..mini(600) },
        Case { hidden: vec![83], density: 0.05, kind: Rule::Adamw, ..mini(64) },
        Case { density: 0.9, ..mini(100) },
    ];
    compare_all(cases, &choices());
}

#[test]
fn several_tiles() {
    // 700 samples are three tiles of 240, and a rest that fills no group.
    let case = Case { samples: 700, replicas: 9, epochs: 4, hidden: vec![20], ..Case::default() };
    compare_all([case], &choices());
}

#[test]
fn sparse_inputs_are_recognised() {
    let describe = |density: f64, sparse: bool| {
        let (problem, replicas, states) = Case { density, inputs: 64, samples: 400, ..Case::default() }.build();
        let choices = Choices { isa: Isa::detect(), sparse, group: usize::MAX, reuse_predictions: true };
        Kernel::with(problem, replicas, states, 1, choices).unwrap().describe()
    };
    assert!(describe(0.05, true).contains("sparse inputs"), "{}", describe(0.05, true));
    assert!(describe(0.05, false).contains("dense inputs"));
    assert!(describe(0.95, true).contains("dense inputs"));
}

#[test]
fn minibatches_take_sparse_samples_one_by_one() {
    let describe = |density: f64| {
        let batch = Batch::Mini { size: 50 };
        let (problem, replicas, states) = Case { density, inputs: 64, samples: 400, batch, ..Case::default() }.build();
        Kernel::new(problem, replicas, states, 1).unwrap().describe()
    };
    assert!(describe(0.1).contains("sample by sample in minibatches"), "{}", describe(0.1));
    assert!(describe(0.95).contains("dense inputs"), "{}", describe(0.95));
}

proptest! {
    #![proptest_config(drawn(24))]

    #[test]
    fn any_shape(
        samples in 1usize..40,
        test in 1usize..20,
        inputs in 1usize..24,
        classes in 2usize..5,
        hidden in prop::collection::vec(1usize..36, 1..4),
        replicas in 1usize..18,
        density in 0.0f64..1.0,
        activation in steady(),
        which in 0usize..8,
    ) {
        let all = choices();
        let case = Case { samples, test, inputs, classes, hidden, replicas, density, activation, epochs: 4, ..Case::default() };
        compare(&case, all[which % all.len()], 1e-5);
    }
}
