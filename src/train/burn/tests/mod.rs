//! The generic path against an f64 reference, against itself alone, broken off, and beside a replica that diverges.

mod observing;
mod pytorch;
mod reference;
mod steps;
mod waits;

use std::sync::Arc;

use ::burn::tensor::Tensor;
use phasesweep_results::variables::{
    DISTANCE, MISCLASSIFIED, NOISY_ERROR, RADIUS, TEST_ERROR, TRAIN_ERROR, TRAIN_LOSS,
};

use super::{BurnEngine, Cut, groups, on_flex, parameters, transfer};
use crate::data::{Block, Samples};
use crate::device::{KernelChoice, device_under_test, shown};
use crate::observables::{Record, misclassified};
use crate::sweep::{Activation, ArchitectureKind, Batch, Loss, Optimiser, OptimiserKind, Rule};
use crate::train::kernel::KernelEngine;
use crate::train::order::epoch_order;
use crate::train::{Engine, Problem, Replica, ReplicaState, TrainError};
use phasesweep_networks::{Cnn, Layers, Mlp, ResidualMlp};
use phasesweep_optimisers::{Decay, RateSchedule, Recipe, Unit, Warmup};

/// Two or three noisy clouds, from a generator of whole numbers.
fn samples(n: usize, inputs: usize, classes: usize, stream: u64) -> Samples {
    let noise = |k: usize| {
        let order = epoch_order(stream, k, 1001);
        f64::from(order[0]) / 500.0 + f64::from(order[1]) / 500.0 + f64::from(order[2]) / 500.0 - 3.0
    };
    let y: Vec<u16> = (0..n).map(|sample| (epoch_order(stream + 1, sample, classes)[0]) as u16).collect();
    let x = (0..n * inputs)
        .map(|k| {
            let (sample, input) = (k / inputs, k % inputs);
            let centre = if input % classes == usize::from(y[sample]) { 0.8 } else { -0.2 };
            (centre + noise(k)) as f32
        })
        .collect();
    Samples { x, y }
}

fn problem(kind: ArchitectureKind, image: Option<[usize; 3]>, classes: usize) -> Problem {
    let inputs = image.map_or(7, |[c, h, w]| c * h * w);
    let block = Block {
        features: inputs,
        live: (0..inputs as u32).collect(),
        image,
        classes,
        train: samples(45, inputs, classes, 10),
        test: samples(20, inputs, classes, 20),
        source_index: (0..45).collect(),
    };
    let noisy = samples(20, inputs, classes, 30).x;
    let layers = (1..=kind.depth()).collect();
    Problem {
        block: Arc::new(block),
        noisy: Arc::new(vec![noisy]),
        architecture: kind,
        activation: Activation::Tanh,
        layers,
        loss: Loss::CrossEntropy,
        optimiser: OptimiserKind::Rule(Rule::Sgd),
        batch: Batch::Full,
        epochs: 20,
        recorded: (0..=20).collect(),
        manifold: (0..=20).step_by(2).collect(),
        snapshots: vec![0, 3, 20],
        noise: vec![0.5],
        scheduled: Default::default(),
        flow: None,
    }
}

fn mlp(hidden: &[usize], classes: usize) -> Problem {
    problem(ArchitectureKind::Mlp(Mlp { hidden: hidden.to_vec() }), None, classes)
}

fn cnn(hidden: &[usize]) -> Problem {
    let kind = ArchitectureKind::Cnn(Cnn { channels: vec![2, 3], kernel: 3, pool: 2, hidden: hidden.to_vec() });
    Problem {
        epochs: 4,
        recorded: (0..=4).collect(),
        manifold: vec![0, 4],
        snapshots: vec![4],
        ..problem(kind, Some([1, 5, 4]), 2)
    }
}

/// A network of `pytorch.rs` on samples of this file.
fn listed(name: &str, batch: Batch) -> Problem {
    let (_, activation, layers) = pytorch::networks().into_iter().find(|(own, ..)| own == name).expect(name);
    let kind = ArchitectureKind::Layers(Layers { layers });
    Problem {
        activation,
        batch,
        epochs: 6,
        recorded: (0..=6).collect(),
        manifold: vec![0, 6],
        snapshots: vec![4],
        ..problem(kind, Some([1, 5, 4]), 3)
    }
}

fn residual(width: usize, blocks: usize, classes: usize) -> Problem {
    problem(ArchitectureKind::ResidualMlp(ResidualMlp { width, blocks }), None, classes)
}

/// ε = 1e-3 for the rules that divide by √v + ε: with PyTorch's 1e-8 a gradient that rounds to noise would be blown up to
/// a step of full length, in f32 and f64 differently.
fn sgd(lr: f64, momentum: f64, weight_decay: f64) -> Optimiser {
    Optimiser {
        kind: OptimiserKind::Rule(Rule::Sgd),
        lr,
        momentum,
        beta1: 0.9,
        beta2: 0.99,
        epsilon: 1e-3,
        weight_decay,
        flow: None,
        recipe: Default::default(),
    }
}

fn replica(seed: u64, optimiser: Optimiser) -> Replica {
    Replica { seed, optimiser, init_scale: 1.0, kept: None }
}

fn pruned(seed: u64, optimiser: Optimiser) -> Replica {
    Replica { kept: Some((0..45).map(|sample| sample % 4 != 1).collect()), ..replica(seed, optimiser) }
}

fn start(problem: &Problem, replica: &Replica) -> ReplicaState {
    ReplicaState {
        epoch: 0,
        step: 0,
        parameters: problem.initial_parameters(replica),
        first_moment: vec![],
        second_moment: vec![],
        averages: problem.initial_averages(),
        diverged: None,
        record: Record::empty(&problem.layout()),
        flow: None,
    }
}

/// One stack and tiles of 16 samples, so that sums over tiles are part of every test.
fn engine(problem: &Problem, replicas: &[Replica], states: Vec<ReplicaState>) -> BurnEngine {
    BurnEngine::cut(&device_under_test(), problem, replicas.to_vec(), states, Cut::Into(1), Some(16)).unwrap()
}

fn run(problem: &Problem, replicas: &[Replica]) -> Vec<ReplicaState> {
    let states = replicas.iter().map(|replica| start(problem, replica)).collect();
    let mut engine = engine(problem, replicas, states);
    engine.advance(problem.epochs + 1).unwrap();
    engine.states().unwrap()
}

/// ‖a − b‖/‖b‖
fn relative(a: &[f32], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    norm(&mut a.iter().zip(b).map(|(a, b)| f64::from(*a) - b)) / norm(&mut b.iter().copied())
}

/// A measured series may differ by this much from f64's: sums of 45 terms of order 1, 20 steps of rounding.
const SERIES: f64 = 2e-5;

fn assert_follows_reference(problem: &Problem, replicas: &[Replica], tolerance: f64) {
    for (state, replica) in run(problem, replicas).iter().zip(replicas) {
        let first = start(problem, replica).parameters;
        let (epochs, last) = reference::train(problem, replica, &first);
        let off = relative(&state.parameters, &last);
        assert!(off < tolerance, "weights are off by {off:e} of their norm: {:?}", problem.activation);
        assert_eq!((state.epoch, state.diverged), (problem.epochs + 1, None));
        let close = |got: f32, want: f64, what: &str, t: usize| {
            assert!((f64::from(got) - want).abs() < SERIES, "{what} at epoch {t}: {got} instead of {want}");
        };
        let (record, count) = (&state.record, problem.recorded.len());
        for (at, &t) in problem.recorded.iter().enumerate() {
            let want = &epochs[t];
            close(record.floats(&TRAIN_LOSS)[at], want.loss, "loss", t);
            close(record.floats(&TRAIN_ERROR)[at], want.error, "train error", t);
            close(record.floats(&TEST_ERROR)[at], want.tests[0], "test error", t);
            close(record.floats(&NOISY_ERROR)[at], want.tests[1], "noisy error", t);
            for layer in 0..problem.layers.len() {
                let (radii, distances) = (&want.radius[layer], &want.distance[layer]);
                for (place, &value) in radii.iter().enumerate() {
                    let got = record.floats(&RADIUS)[(layer * radii.len() + place) * count + at];
                    if problem.manifold.contains(&t) {
                        // The closed form 1 − ‖μ‖² rounds at 1e-7 of 1, however small the radius.
                        let (got, want) = (f64::from(got).powi(2), value.powi(2));
                        assert!((got - want).abs() < SERIES, "radius² at epoch {t}: {got} instead of {want}");
                    } else {
                        assert!(got.is_nan());
                    }
                }
                for (place, &value) in distances.iter().enumerate() {
                    let got = record.floats(&DISTANCE)[(layer * distances.len() + place) * count + at];
                    if problem.manifold.contains(&t) {
                        close(got, value, "distance", t);
                    } else {
                        assert!(got.is_nan());
                    }
                }
            }
        }
        let bits: Vec<u8> =
            problem.snapshots.iter().flat_map(|&t| misclassified::pack(epochs[t].wrong.iter().copied())).collect();
        assert_eq!(record.bytes(&MISCLASSIFIED), bits);
    }
}

#[test]
fn gradient_descent_follows_the_f64_reference() {
    let replicas = [replica(1, sgd(0.2, 0.0, 0.0)), pruned(2, sgd(0.5, 0.0, 0.01)), replica(3, sgd(0.1, 0.9, 0.0))];
    for activation in [Activation::Tanh, Activation::Sigmoid, Activation::Relu, Activation::Gelu] {
        for (hidden, loss, classes) in
            [(&[5][..], Loss::CrossEntropy, 2), (&[6, 4], Loss::MeanSquared, 3), (&[4, 3, 4], Loss::CrossEntropy, 3)]
        {
            assert_follows_reference(&Problem { activation, loss, ..mlp(hidden, classes) }, &replicas, 1e-5);
        }
    }
}

#[test]
fn every_update_rule_follows_the_f64_reference() {
    for kind in OptimiserKind::all().filter(|kind| kind.rule().is_some_and(|rule| rule != Rule::Sgd)) {
        let lr = if kind == OptimiserKind::Rule(Rule::Nesterov) { 0.2 } else { 0.02 };
        let replicas =
            [replica(1, sgd(lr, 0.0, 0.0)), pruned(2, sgd(0.7 * lr, 0.9, 0.0)), replica(3, sgd(0.5 * lr, 0.5, 0.1))];
        assert_follows_reference(&Problem { optimiser: kind, ..mlp(&[5], 2) }, &replicas, 1e-5);
    }
}

/// A warm-up before a cosine, by epoch or step, a limit that gradients exceed, and with `sam` a gradient uphill.
fn everything(unit: Unit, sam: bool) -> Recipe {
    let schedule =
        RateSchedule { unit, warmup: Some(Warmup { length: 3, start: 0.1 }), decay: Decay::Cosine { end: 0.1 } };
    Recipe { schedule, clip_norm: Some(0.3), sam_radius: sam.then_some(0.1) }
}

/// Replicas whose steps take two gradients and one, clipped and not, scheduled and not.
fn recipes(lr: f64) -> [Replica; 5] {
    let with = |recipe: Recipe, replica: Replica| {
        let optimiser = Optimiser { recipe, ..replica.optimiser };
        Replica { optimiser, ..replica }
    };
    [
        with(everything(Unit::Step, true), replica(1, sgd(lr, 0.0, 0.0))),
        with(everything(Unit::Epoch, false), pruned(2, sgd(0.7 * lr, 0.5, 0.1))),
        replica(3, sgd(lr, 0.0, 0.1)),
        with(Recipe { sam_radius: Some(0.3), ..Recipe::default() }, pruned(4, sgd(lr, 0.0, 0.0))),
        with(everything(Unit::Step, false), pruned(5, sgd(lr, 0.0, 0.0))),
    ]
}

#[test]
fn schedules_clipping_and_sam_follow_the_f64_reference() {
    let smoothed = Loss::SmoothedCrossEntropy { smoothing: 0.2 };
    for (kind, lr) in [(Rule::Sgd, 0.2), (Rule::Nesterov, 0.2), (Rule::Adamw, 0.02), (Rule::Lion, 0.01)] {
        // Lion's steps are signs, which rounding of a gradient uphill may turn.
        let replicas = recipes(lr)
            .into_iter()
            .filter(|replica| kind != Rule::Lion || replica.optimiser.recipe.sam_radius.is_none());
        let replicas: Vec<Replica> = replicas.collect();
        let optimiser = OptimiserKind::Rule(kind);
        assert_follows_reference(&Problem { optimiser, loss: smoothed, ..mlp(&[5], 3) }, &replicas, 1e-5);
        let mut mini = Problem { optimiser, batch: Batch::Mini { size: 8 }, epochs: 5, ..residual(5, 1, 3) };
        (mini.recorded, mini.manifold, mini.snapshots) = (vec![0, 1, 5], vec![0, 5], vec![2]);
        assert_follows_reference(&mini, &replicas, 1e-5);
    }
    let images = Problem { loss: smoothed, ..cnn(&[4]) };
    assert_follows_reference(&images, &recipes(0.2), 1e-5);
    assert_follows_reference(&Problem { batch: Batch::Mini { size: 20 }, ..images }, &recipes(0.1), 1e-5);
}

#[test]
fn minibatches_follow_the_f64_reference() {
    for (optimiser, lr) in [(OptimiserKind::Rule(Rule::Sgd), 0.1), (OptimiserKind::Rule(Rule::Adam), 0.005)] {
        let replicas = [replica(1, sgd(lr, 0.0, 0.01)), pruned(2, sgd(0.7 * lr, 0.5, 0.0))];
        let mut problem = Problem { optimiser, batch: Batch::Mini { size: 8 }, epochs: 5, ..mlp(&[5], 3) };
        problem.recorded = vec![0, 1, 5];
        problem.manifold = vec![0, 5];
        problem.snapshots = vec![2];
        assert_follows_reference(&problem, &replicas, 1e-5);
    }
}

#[test]
fn convolutions_follow_the_f64_reference() {
    let replicas = [replica(1, sgd(0.2, 0.0, 0.0)), pruned(2, sgd(0.4, 0.9, 0.01))];
    assert_follows_reference(&cnn(&[]), &replicas, 1e-5);
    assert_follows_reference(&Problem { activation: Activation::Gelu, ..cnn(&[4]) }, &replicas, 1e-5);
    let mini = Problem { batch: Batch::Mini { size: 20 }, activation: Activation::Relu, ..cnn(&[4]) };
    assert_follows_reference(&mini, &replicas, 1e-5);
}

/// More pixels of all samples than a software renderer takes rounds of a loop, at four numbers a round.
#[test]
fn the_gradient_of_a_convolution_leaves_no_pixel_out() {
    let side = 28;
    let mut problem = Problem {
        epochs: 2,
        recorded: (0..=2).collect(),
        manifold: vec![0],
        snapshots: vec![2],
        ..problem(
            ArchitectureKind::Cnn(Cnn { channels: vec![2], kernel: 3, pool: 2, hidden: vec![] }),
            Some([1, side, side]),
            2,
        )
    };
    let block = Arc::make_mut(&mut problem.block);
    let samples = 400;
    block.train.x = (0..samples * side * side).map(|k| (k * 7919 % 1009) as f32 / 500.0 - 1.0).collect();
    block.train.y = (0..samples).map(|sample| (sample % 3 % 2) as u16).collect();
    block.source_index = (0..samples as u32).collect();
    assert_follows_reference(&problem, &[replica(1, sgd(0.2, 0.0, 0.0))], 1e-5);
}

/// Nor a NaN at their end: a replica may diverge in its last weight alone.
#[test]
fn a_sum_over_weights_leaves_none_out() {
    let (device, count) = (device_under_test(), 300_000);
    let ones = Tensor::<3>::ones([2, 1, count], &device);
    let far = Tensor::<3>::full([2, 1, 1], f32::NAN, &device);
    let sums = [ones.clone(), Tensor::cat(vec![ones, far], 2)].map(parameters::sum_of_each);
    let sums = transfer::fetch(sums.to_vec()).unwrap();
    assert_eq!(sums[0], [count as f32; 2]);
    assert!(sums[1].iter().all(|sum| sum.is_nan()));
}

#[test]
fn residual_networks_follow_the_f64_reference() {
    let replicas = [replica(1, sgd(0.1, 0.0, 0.0)), pruned(2, sgd(0.2, 0.0, 0.01)), replica(3, sgd(0.05, 0.9, 0.0))];
    for activation in [Activation::Tanh, Activation::Sigmoid, Activation::Relu, Activation::Gelu] {
        assert_follows_reference(&Problem { activation, ..residual(6, 2, 3) }, &replicas, 1e-5);
    }
    for kind in OptimiserKind::all().filter(|kind| kind.rule().is_some_and(|rule| rule != Rule::Sgd)) {
        let lr = if kind == OptimiserKind::Rule(Rule::Nesterov) { 0.1 } else { 0.01 };
        let replicas =
            [replica(1, sgd(lr, 0.0, 0.0)), pruned(2, sgd(0.7 * lr, 0.9, 0.0)), replica(3, sgd(0.5 * lr, 0.5, 0.1))];
        assert_follows_reference(&Problem { optimiser: kind, ..residual(5, 3, 2) }, &replicas, 1e-5);
    }
    let mut mini = Problem { batch: Batch::Mini { size: 8 }, epochs: 5, loss: Loss::MeanSquared, ..residual(5, 1, 3) };
    (mini.recorded, mini.manifold, mini.snapshots) = (vec![0, 1, 5], vec![0, 5], vec![2]);
    assert_follows_reference(&mini, &replicas, 1e-5);
}

#[test]
fn the_kernel_trains_convolutions_and_residual_networks_as_burn_does() {
    let replicas = [replica(1, sgd(0.2, 0.0, 0.0)), pruned(2, sgd(0.4, 0.9, 0.01)), replica(3, sgd(0.3, 0.0, 0.0))];
    let mini = Problem { batch: Batch::Mini { size: 20 }, activation: Activation::Relu, ..cnn(&[4]) };
    let small_batches = Problem { batch: Batch::Mini { size: 8 }, epochs: 5, ..residual(5, 2, 3) };
    let softplus = Problem { activation: Activation::Softplus, ..residual(6, 2, 3) };
    let mut networks = vec![cnn(&[]), Problem { activation: Activation::Gelu, ..cnn(&[4]) }, mini, softplus];
    networks.extend([
        residual(6, 2, 3),
        Problem { recorded: vec![0, 5], manifold: vec![0, 5], snapshots: vec![2], ..small_batches },
    ]);
    for problem in networks {
        let states = replicas.iter().map(|replica| start(&problem, replica)).collect();
        let mut kernel = KernelEngine::new(&problem, &replicas, states, 2, KernelChoice::Auto).unwrap();
        kernel.advance(problem.epochs + 1).unwrap();
        // A radius is the root of 1 − ‖μ‖², which magnifies what rounds where it is small: their squares are compared.
        let squares = |mut state: ReplicaState| {
            state.record.floats_mut(&RADIUS).iter_mut().for_each(|radius| *radius *= *radius);
            state
        };
        for (a, b) in kernel.states().unwrap().into_iter().zip(run(&problem, &replicas)) {
            if problem.graph().unwrap().as_chain().is_some() {
                assert_same_training(&squares(a), &squares(b));
                continue;
            }
            // The sums of the two are in different orders. Each follows the reference within 1e-5 in its weights; a momentum
            // of 0.9 sums ten gradients, whose differences are some times as large.
            assert_training_within(5e-5, &squares(a), &squares(b));
        }
    }
}

#[test]
fn saturated_convolutions_have_finite_gradients() {
    for activation in [Activation::Tanh, Activation::Sigmoid] {
        let problem = Problem { activation, ..cnn(&[]) };
        let huge = Replica { init_scale: 1000.0, ..replica(1, sgd(0.01, 0.0, 0.0)) };
        let state = run(&problem, &[huge]).remove(0);
        assert_eq!(state.diverged, None);
        assert!(state.parameters.iter().chain(state.record.floats(&TRAIN_LOSS)).all(|value| value.is_finite()));
    }
}

/// Values that differ by rounding only: the order of a product's sums may depend on its width. NaN equals NaN.
fn assert_close(a: &[f32], b: &[f32], what: &str) {
    assert_within(1e-5, a, b, what);
}

fn assert_within(tolerance: f32, a: &[f32], b: &[f32], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (place, (a, b)) in a.iter().zip(b).enumerate() {
        assert!(a.to_bits() == b.to_bits() || (a - b).abs() < tolerance, "{what}[{place}]: {a} and {b}");
    }
}

fn assert_same_training(a: &ReplicaState, b: &ReplicaState) {
    assert_training_within(1e-5, a, b);
}

fn assert_training_within(tolerance: f32, a: &ReplicaState, b: &ReplicaState) {
    let assert_close = |a: &[f32], b: &[f32], what: &str| assert_within(tolerance, a, b, what);
    assert_eq!((a.epoch, a.diverged), (b.epoch, b.diverged));
    assert_close(&a.parameters, &b.parameters, "parameters");
    assert_close(&a.first_moment, &b.first_moment, "first moment");
    assert_close(&a.second_moment, &b.second_moment, "second moment");
    assert_close(&a.averages, &b.averages, "running averages");
    assert_close(a.record.floats(&TRAIN_LOSS), b.record.floats(&TRAIN_LOSS), "loss");
    assert_close(a.record.floats(&TRAIN_ERROR), b.record.floats(&TRAIN_ERROR), "train error");
    assert_close(a.record.floats(&TEST_ERROR), b.record.floats(&TEST_ERROR), "test error");
    assert_close(a.record.floats(&NOISY_ERROR), b.record.floats(&NOISY_ERROR), "noisy error");
    assert_close(a.record.floats(&RADIUS), b.record.floats(&RADIUS), "radius");
    assert_close(a.record.floats(&DISTANCE), b.record.floats(&DISTANCE), "distance");
    assert_eq!(a.record.bytes(&MISCLASSIFIED), b.record.bytes(&MISCLASSIFIED));
}

#[test]
fn a_replica_alone_equals_itself_in_a_cohort() {
    equals_itself_alone(&[
        replica(1, sgd(0.2, 0.0, 0.0)),
        pruned(2, sgd(0.1, 0.9, 0.0)),
        replica(3, sgd(0.3, 0.0, 0.1)),
        pruned(4, sgd(0.2, 0.5, 0.0)),
        replica(5, sgd(0.2, 0.0, 0.0)),
    ]);
    equals_itself_alone(&recipes(0.2));
}

fn equals_itself_alone(replicas: &[Replica]) {
    let mini = Problem { batch: Batch::Mini { size: 8 }, epochs: 20, ..mlp(&[6, 4], 3) };
    let twenty = Batch::Mini { size: 20 };
    for problem in [
        mlp(&[6, 4], 3),
        residual(6, 2, 3),
        mini,
        cnn(&[4]),
        Problem { batch: twenty, ..cnn(&[]) },
        listed("residual dense", Batch::Full),
        listed("residual network", Batch::Full),
        listed("residual network", twenty),
        listed("depthwise and grouped", twenty),
        listed("layer normalisation", Batch::Full),
        listed("poolings", twenty),
    ] {
        let together = run(&problem, replicas);
        for (replica, state) in replicas.iter().zip(&together) {
            assert_same_training(&run(&problem, std::slice::from_ref(replica))[0], state);
        }
        // Other stacks and tiles: the cut is not part of the result either.
        let states = replicas.iter().map(|replica| start(&problem, replica)).collect();
        let mut other = BurnEngine::new(device_under_test(), problem.clone(), replicas.to_vec(), states).unwrap();
        other.advance(problem.epochs + 1).unwrap();
        other.states().unwrap().iter().zip(&together).for_each(|(a, b)| assert_same_training(a, b));
    }
}

#[test]
fn a_diverging_replica_is_frozen_and_its_neighbours_do_not_notice() {
    for batch in [Batch::Full, Batch::Mini { size: 8 }] {
        let mut problem = Problem { batch, loss: Loss::MeanSquared, activation: Activation::Relu, ..mlp(&[5], 2) };
        problem.epochs = 120;
        problem.recorded = (0..=120).collect();
        problem.manifold = vec![0, 60, 120];
        let good = [replica(1, sgd(0.05, 0.0, 0.0)), replica(3, sgd(0.02, 0.9, 0.0))];
        let bad = replica(2, sgd(40.0, 0.0, 0.0));
        let alone = run(&problem, &good);
        let with = run(&problem, &[good[0].clone(), bad.clone(), good[1].clone()]);
        assert_same_training(&alone[0], &with[0]);
        assert_same_training(&alone[1], &with[2]);
        let since = with[1].diverged.expect("a learning rate of 40 diverges");
        assert_eq!(with[1].epoch, since);
        assert!(with[1].record.floats(&TRAIN_LOSS)[..since].iter().all(|loss| loss.is_finite()));
        assert!(with[1].record.floats(&TRAIN_LOSS)[since..].iter().all(|loss| loss.is_nan()));
        // Frozen at the same weights however the calls are cut.
        let mut piecewise = engine(&problem, std::slice::from_ref(&bad), vec![start(&problem, &bad)]);
        for until in [1, 2, 3, 7, 40, 121] {
            piecewise.advance(until).unwrap();
        }
        let frozen = piecewise.states().unwrap().remove(0);
        assert_eq!((frozen.epoch, frozen.diverged), (since, Some(since)));
        let bits = |values: &[f32]| {
            values.iter().map(|v| (v.is_nan(), if v.is_nan() { 0 } else { v.to_bits() })).collect::<Vec<_>>()
        };
        if shown(&device_under_test()).starts_with("LibTorch(Cuda") {
            // cuBLAS takes another algorithm for other sizes of a cohort, and divergence magnifies a rounding.
            let pairs = frozen.parameters.iter().zip(&with[1].parameters);
            pairs.for_each(|(a, b)| assert!((a - b).abs() <= 1e-4 * a.abs() || (a.is_nan() && b.is_nan()), "{a} {b}"));
        } else {
            assert_eq!(bits(&frozen.parameters), bits(&with[1].parameters));
        }
        // A diverged replica may be handed in again, and stays as it is.
        let mut again = engine(&problem, std::slice::from_ref(&bad), vec![frozen.clone()]);
        again.advance(121).unwrap();
        assert_eq!(again.states().unwrap()[0].diverged, Some(since));
    }
}

#[test]
fn a_broken_run_equals_an_unbroken_one_bit_for_bit() {
    for (kind, batch) in [
        (OptimiserKind::Rule(Rule::Sgd), Batch::Full),
        (OptimiserKind::Rule(Rule::Adam), Batch::Full),
        (OptimiserKind::Rule(Rule::Adamw), Batch::Mini { size: 8 }),
        (OptimiserKind::Rule(Rule::Rmsprop), Batch::Mini { size: 8 }),
    ] {
        let problem = Problem { optimiser: kind, batch, ..mlp(&[5], 2) };
        let plain = [replica(1, sgd(0.02, 0.9, 0.0)), pruned(2, sgd(0.01, 0.0, 0.1)), replica(3, sgd(0.03, 0.0, 0.0))];
        let replicas: Vec<Replica> = plain.into_iter().chain(recipes(0.02)).collect();
        let whole = run(&problem, &replicas);
        let mut states: Vec<ReplicaState> = replicas.iter().map(|replica| start(&problem, replica)).collect();
        for until in [1, 8, 9, 21] {
            let mut engine = engine(&problem, &replicas, states);
            engine.advance(until).unwrap();
            states = engine.states().unwrap();
            assert!(states.iter().all(|state| state.epoch == until));
        }
        let text = |states: &[ReplicaState]| format!("{states:?}");
        assert_eq!(text(&states), text(&whole));
    }
}

#[test]
fn batch_normalisation_resumes_bit_for_bit_and_is_no_neighbour_s() {
    for problem in [
        listed("residual dense", Batch::Full),
        listed("residual network", Batch::Full),
        listed("residual network", Batch::Mini { size: 8 }),
    ] {
        let good = [replica(1, sgd(0.02, 0.9, 0.0)), pruned(2, sgd(0.01, 0.0, 0.1))];
        // Its outputs overflow before the first step; on other devices sums have other orders, and need not.
        let init_scale = if on_flex(&device_under_test()) { 1e38 } else { f64::INFINITY };
        let bad = Replica { init_scale, ..replica(3, sgd(0.03, 0.0, 0.0)) };
        let replicas = [good[0].clone(), bad, good[1].clone()];
        let whole = run(&problem, &replicas);
        let diverged: Vec<bool> = whole.iter().map(|state| state.diverged.is_some()).collect();
        assert_eq!(diverged, [false, true, false], "{:?}", whole[1].parameters);
        let alone = run(&problem, &good);
        assert_same_training(&alone[0], &whole[0]);
        assert_same_training(&alone[1], &whole[2]);
        assert!(whole[0].averages != problem.initial_averages());
        let mut states: Vec<ReplicaState> = replicas.iter().map(|replica| start(&problem, replica)).collect();
        for until in [1, 4, 5, 7] {
            let mut engine = engine(&problem, &replicas, states);
            engine.advance(until).unwrap();
            states = engine.states().unwrap();
        }
        for place in [0, 2] {
            assert_same_training(&states[place], &whole[place]);
            // Resumed, the cohort is without the replica that diverged, and LibTorch cuts convolutions of fewer replicas into
            // other pieces.
            if on_flex(&device_under_test()) {
                assert_eq!(format!("{:?}", states[place]), format!("{:?}", whole[place]));
            }
        }
    }
}

#[test]
fn replicas_at_different_epochs_are_trained_to_the_same_end() {
    let problem = mlp(&[5], 2);
    let replicas = [replica(1, sgd(0.2, 0.0, 0.0)), replica(2, sgd(0.2, 0.0, 0.0)), replica(3, sgd(0.2, 0.0, 0.0))];
    let whole = run(&problem, &replicas);
    let mut states: Vec<ReplicaState> = replicas.iter().map(|replica| start(&problem, replica)).collect();
    let mut ahead = engine(&problem, &replicas[1..2], vec![states[1].clone()]);
    ahead.advance(11).unwrap();
    states[1] = ahead.states().unwrap().remove(0);
    let mut engine = engine(&problem, &replicas, states);
    engine.advance(5).unwrap();
    assert_eq!(engine.states().unwrap().iter().map(|state| state.epoch).collect::<Vec<_>>(), [5, 11, 5]);
    engine.advance(21).unwrap();
    engine.states().unwrap().iter().zip(&whole).for_each(|(a, b)| assert_same_training(a, b));
}

#[test]
fn a_class_without_kept_samples_has_no_radius() {
    let problem = mlp(&[5], 3);
    let labels = &problem.block.train.y;
    let kept: Arc<[bool]> = labels.iter().map(|&label| label != 1).collect();
    let replicas = [Replica { kept: Some(kept), ..replica(1, sgd(0.2, 0.0, 0.0)) }];
    let record = &run(&problem, &replicas)[0].record;
    let epochs = problem.recorded.len();
    let missing: Vec<bool> = (0..3).map(|class| record.floats(&RADIUS)[class * epochs].is_nan()).collect();
    assert_eq!(missing, [false, true, false]);
    // Pairs (0, 1), (0, 2), (1, 2).
    let missing: Vec<bool> = (0..3).map(|pair| record.floats(&DISTANCE)[pair * epochs].is_nan()).collect();
    assert_eq!(missing, [true, false, true]);
}

#[test]
fn a_stack_is_no_larger_than_a_driver_takes() {
    let problem = mlp(&[5], 2);
    let replicas: Vec<Replica> = (1..=9).map(|seed| replica(seed, sgd(0.2, 0.0, 0.0))).collect();
    let states: Vec<ReplicaState> = replicas.iter().map(|replica| start(&problem, replica)).collect();
    let sizes = |cut, most| groups(&replicas, &states, cut, most).iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(sizes(Cut::Into(1), usize::MAX), [9]);
    assert_eq!(sizes(Cut::Into(1), 4), [4, 4, 1]);
    assert_eq!(sizes(Cut::Into(2), 4), [4, 4, 1]);
    assert_eq!(sizes(Cut::Single, 4), [1; 9]);
}

#[test]
fn what_does_not_fit_is_refused_with_a_reason() {
    let refusal = |problem: &Problem, replica: Replica, state: ReplicaState| match BurnEngine::new(
        device_under_test(),
        problem.clone(),
        vec![replica],
        vec![state],
    ) {
        Err(TrainError::Device(message)) => message,
        other => panic!("{other:?}"),
    };
    let good = replica(1, sgd(0.2, 0.0, 0.0));
    let problem = mlp(&[5], 2);
    let mut image = cnn(&[]);
    Arc::make_mut(&mut image.block).image = None;
    assert!(refusal(&image, good.clone(), start(&image, &good)).contains("normalise"));
    let other = start(&mlp(&[6], 2), &good);
    assert!(refusal(&problem, good.clone(), other).contains("another network"));
    let unaveraged = ReplicaState { averages: vec![], ..start(&listed("poolings", Batch::Full), &good) };
    assert!(refusal(&listed("poolings", Batch::Full), good.clone(), unaveraged).contains("0 running averages"));
    let empty = Replica { kept: Some(vec![false; 45].into()), ..good.clone() };
    assert!(refusal(&problem, empty, start(&problem, &good)).contains("no training sample"));
    let short = Replica { kept: Some(vec![true; 4].into()), ..good.clone() };
    assert!(refusal(&problem, short, start(&problem, &good)).contains("45"));
}
