//! Networks that are no chains: their trajectories agree with the reference of `phasesweep-networks` in f64, for every
//! operation and every instruction set, and a replica's bits are its own.

use std::sync::Arc;

use phasesweep_networks::{
    Activation as Named, ArchitectureKind, Count, Element, Graph, Layers, Node, Normalisation, Number, Op, PoolKind,
    Ports, ResidualMlp, Word, reference,
};
use phasesweep_optimisers::{Moment, Parameter, Unit};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::agreement::{choices, each};
use super::case::{Case, Trunk, unmeasured};
use super::extent::{chosen, sets};
use super::golden::digest;
use super::packing::{assert_same, train};
use super::recipes::everything;
use super::reference::{Network as Chain, keeps};
use crate::simd::Isa;
use crate::{Batch, Choices, Kernel, Loss, Network, Problem, Recipe, Replica, Rule, State, Walk};

fn dense(units: usize) -> Element {
    Element::Dense { dense: Count::Of(units), bias: true }
}

fn unbiased(units: usize) -> Element {
    Element::Dense { dense: Count::Of(units), bias: false }
}

fn last() -> Element {
    Element::Dense { dense: Count::Classes, bias: true }
}

fn apply(activation: Named) -> Element {
    Element::Word(Word::Apply(activation))
}

fn residual(residual: Vec<Element>) -> Element {
    Element::Residual { residual, shortcut: vec![] }
}

fn scale(factor: f64) -> Element {
    Element::Scale { scale: Number(factor) }
}

fn norm() -> Element {
    Element::Normalise { normalise: Normalisation::Layer }
}

fn batch_norm() -> Element {
    Element::Normalise { normalise: Normalisation::Batch }
}

fn conv(channels: usize, window: [usize; 3], bias: bool) -> Element {
    grouped(channels, 1, window, bias)
}

fn grouped(channels: usize, groups: usize, [kernel, stride, padding]: [usize; 3], bias: bool) -> Element {
    Element::Convolution { conv: Count::Of(channels), kernel, stride, padding, groups, bias }
}

fn depthwise([kernel, stride, padding]: [usize; 3], bias: bool) -> Element {
    Element::Depthwise { depthwise: kernel, stride, padding, bias }
}

fn pool(pool: PoolKind, side: usize, stride: usize) -> Element {
    Element::Pool { pool, side, stride }
}

fn layers(layers: Vec<Element>) -> ArchitectureKind {
    ArchitectureKind::Layers(Layers { layers })
}

/// Dense networks with branches.
pub(super) fn vectors() -> Vec<ArchitectureKind> {
    let mut all = vec![
        ArchitectureKind::ResidualMlp(ResidualMlp { width: 9, blocks: 2 }),
        // Two dense layers read the samples; sums of what is kept, and scales in and out of place.
        layers(vec![
            Element::Residual {
                residual: vec![unbiased(6), apply(Named::Tanh), scale(0.7)],
                shortcut: vec![unbiased(6)],
            },
            scale(1.3),
            residual(vec![apply(Named::Relu)]),
            residual(vec![norm(), dense(6), apply(Named::Gelu), unbiased(6), norm()]),
            apply(Named::Elu),
            scale(0.5),
            last(),
        ]),
        // The samples themselves are added to, so that they lie side by side.
        layers(vec![residual(vec![dense(17), apply(Named::Sigmoid)]), norm(), apply(Named::Tanh), last(), scale(2.0)]),
        layers(vec![dense(5), residual(vec![residual(vec![apply(Named::Tanh), dense(5)])]), last()]),
    ];
    all.extend(Named::ALL.map(|activation| {
        let branch = vec![scale(0.8), apply(activation), dense(4)];
        layers(vec![dense(4), residual(branch), apply(activation), last()])
    }));
    all
}

/// Networks of images of 2 × 7 × 6.
pub(super) fn images() -> Vec<ArchitectureKind> {
    let relu = || apply(Named::Relu);
    vec![
        layers(vec![
            conv(4, [3, 2, 1], true),
            relu(),
            residual(vec![depthwise([3, 1, 1], true), apply(Named::Tanh), conv(4, [1, 1, 0], false)]),
            norm(),
            apply(Named::Swish),
            Element::PoolAll { pool_all: PoolKind::Mean },
            last(),
        ]),
        layers(vec![
            conv(3, [2, 1, 1], false),
            apply(Named::Elu),
            pool(PoolKind::Max, 3, 2),
            conv(5, [3, 1, 0], true),
            apply(Named::Tanh),
            Element::Word(Word::Flatten),
            last(),
        ]),
        layers(vec![
            conv(3, [3, 1, 1], true),
            Element::Residual {
                residual: vec![norm(), relu(), conv(4, [3, 2, 1], false), relu(), conv(4, [3, 1, 1], true)],
                shortcut: vec![conv(4, [1, 2, 0], false)],
            },
            relu(),
            pool(PoolKind::Mean, 2, 1),
            dense(7),
            apply(Named::Gelu),
            last(),
        ]),
        layers(vec![
            depthwise([2, 2, 0], false),
            apply(Named::LeakyRelu),
            conv(6, [1, 1, 1], true),
            apply(Named::Softplus),
            depthwise([3, 2, 2], true),
            Element::PoolAll { pool_all: PoolKind::Max },
            last(),
        ]),
    ]
}

/// Networks of images of 2 × 7 × 6 with convolutions in groups of several channels, and in groups of one with several outputs.
pub(super) fn grouped_images() -> Vec<ArchitectureKind> {
    vec![layers(vec![
        grouped(4, 2, [3, 1, 1], true),
        apply(Named::Tanh),
        residual(vec![grouped(8, 4, [3, 1, 1], false), apply(Named::Elu), grouped(4, 2, [1, 1, 0], true)]),
        grouped(6, 2, [3, 2, 1], true),
        batch_norm(),
        apply(Named::Swish),
        Element::PoolAll { pool_all: PoolKind::Mean },
        last(),
    ])]
}

/// Networks with batch normalisation: of vectors, with samples that are shared and ones that are normalised themselves.
pub(super) fn normalised_vectors() -> Vec<ArchitectureKind> {
    vec![
        layers(vec![
            unbiased(9),
            batch_norm(),
            apply(Named::Tanh),
            residual(vec![dense(9), batch_norm(), apply(Named::Gelu), unbiased(9)]),
            batch_norm(),
            scale(0.8),
            last(),
        ]),
        layers(vec![batch_norm(), dense(6), residual(vec![batch_norm(), apply(Named::Sigmoid), dense(6)]), last()]),
    ]
}

/// The same of images of 2 × 7 × 6.
pub(super) fn normalised_images() -> Vec<ArchitectureKind> {
    vec![
        layers(vec![
            conv(4, [3, 1, 1], false),
            batch_norm(),
            apply(Named::Tanh),
            Element::Residual {
                residual: vec![
                    conv(5, [3, 2, 1], false),
                    batch_norm(),
                    apply(Named::Swish),
                    conv(5, [3, 1, 1], false),
                    batch_norm(),
                ],
                shortcut: vec![conv(5, [1, 2, 0], false), batch_norm()],
            },
            apply(Named::Elu),
            Element::PoolAll { pool_all: PoolKind::Mean },
            last(),
        ]),
        layers(vec![
            residual(vec![batch_norm(), conv(2, [3, 1, 1], true)]),
            apply(Named::Tanh),
            pool(PoolKind::Max, 2, 2),
            dense(7),
            batch_norm(),
            apply(Named::Tanh),
            last(),
        ]),
    ]
}

/// A problem with a network of this kind.
pub(super) fn build(kind: &ArchitectureKind, case: &Case) -> (Graph, (Problem, Vec<Replica>, Vec<State>)) {
    let (mut problem, replicas, mut states) = case.build();
    let ports = Ports { inputs: problem.block.inputs(), image: problem.block.image, classes: case.classes };
    let graph = kind.graph(ports, Named::Tanh).expect("a network of these samples");
    problem.observed = (1..=graph.hidden().len()).collect();
    problem.network = Network::Graph(Arc::new(Walk::of(&graph).expect("a network of the kernel's")));
    for (r, state) in states.iter_mut().enumerate() {
        let mut rng = ChaCha8Rng::seed_from_u64(500 + r as u64);
        state.parameters.clear();
        for (node, layer) in graph.layers() {
            let bound = if layer.shape.len() == 1 { 0.3 } else { 1.0 / (layer.fan_in() as f32).sqrt() };
            let middle = if matches!(node.op, Op::Normalise(_)) { 1.0 } else { 0.0 };
            state.parameters.extend((0..layer.weights()).map(|_| middle + rng.random_range(-bound..bound)));
            state.parameters.extend((0..layer.biases()).map(|_| rng.random_range(-bound..bound)));
        }
        state.averages = graph.initial_averages();
        state.record = unmeasured(&problem);
    }
    (graph, (problem, replicas, states))
}

fn is_batch(node: &Node) -> bool {
    node.op == Op::Normalise(Normalisation::Batch)
}

/// A replica in f64.
struct Exact<'a> {
    graph: &'a Graph,
    problem: &'a Problem,
    replica: &'a Replica,
    parameters: Vec<f64>,
    moments: [Vec<f64>; 2],
    averages: Vec<f64>,
}

impl Exact<'_> {
    /// The gradient of the mean loss of a step's samples, and what the network makes of them.
    fn gradient(&self, parameters: &[f64], samples: &[usize]) -> (Vec<f64>, Vec<Vec<Vec<f64>>>) {
        let block = &self.problem.block;
        let of_sample = |&s: &usize| -> Vec<f64> {
            block.train.x[s * block.inputs()..][..block.inputs()].iter().map(|&x| f64::from(x)).collect()
        };
        let x: Vec<Vec<f64>> = samples.iter().map(of_sample).collect();
        let values = reference::forward_of_step(self.graph, parameters, &x);
        let at_outputs = values.iter().zip(samples).map(|(values, &s)| {
            let outputs = values.last().expect("outputs");
            let (_, at_outputs) = Chain::loss(self.problem.loss, outputs, usize::from(block.train.y[s]));
            at_outputs.into_iter().map(|own| own / samples.len() as f64).collect()
        });
        let at_outputs: Vec<Vec<f64>> = at_outputs.collect();
        (reference::backward_of_step(self.graph, parameters, &values, &at_outputs), values)
    }

    fn step(&mut self, samples: &[usize], at: &Moment) {
        let (mut gradient, values) = self.gradient(&self.parameters, samples);
        let normalisations = self.graph.layers().map(|(node, _)| node).filter(|node| is_batch(node));
        for (node, own) in normalisations.zip(self.graph.averages()) {
            for (channel, moments) in reference::batch_moments(node, &values).into_iter().enumerate() {
                let unbiased = moments.variance * moments.count / (moments.count - 1.0).max(1.0);
                let places = [own.means.start + channel, own.variances.start + channel];
                for (place, moment) in places.into_iter().zip([moments.mean, unbiased]) {
                    self.averages[place] += 0.1 * (moment - self.averages[place]);
                }
            }
        }
        if self.replica.recipe.sam_radius.is_some() {
            let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
            let climb = self.replica.recipe.climb_factor(norm);
            let uphill: Vec<f64> = self.parameters.iter().zip(&gradient).map(|(w, g)| w + climb * g).collect();
            gradient = self.gradient(&uphill, samples).0;
        }
        let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
        let clip = self.replica.recipe.clip_factor(norm);
        gradient.iter_mut().for_each(|g| *g *= clip);
        let factors = self.replica.recipe.factors(&self.replica.rates, at);
        let [first, second] = self.problem.rule.moments(&self.replica.rates);
        for (i, &g) in gradient.iter().enumerate() {
            let (m, v) = (first.then_some(self.moments[0][i]), second.then_some(self.moments[1][i]));
            let before = Parameter { weight: self.parameters[i], first: m, second: v };
            let after = self.problem.rule.step(before, g, &factors, true);
            self.parameters[i] = after.weight;
            self.moments[0][i] = after.first.unwrap_or_default();
            self.moments[1][i] = after.second.unwrap_or_default();
        }
    }

    fn pass(&mut self, epoch: usize) {
        let samples = self.problem.block.train.len();
        let order: Vec<usize> = match self.problem.batch {
            Batch::Full => (0..samples).collect(),
            Batch::Mini { .. } => {
                (self.problem.order)(self.replica.seed, epoch, samples).iter().map(|&s| s as usize).collect()
            }
        };
        let kept: Vec<usize> = order.into_iter().filter(|&s| keeps(self.replica, s)).collect();
        let epochs = self.problem.epochs as u64;
        match self.problem.batch {
            Batch::Full => self.step(&kept, &Moment { step: epoch as u64, per_epoch: 1, epochs }),
            Batch::Mini { size } => {
                let per_epoch = kept.len().div_ceil(size) as u64;
                for (number, batch) in kept.chunks(size).enumerate() {
                    let step = epoch as u64 * per_epoch + number as u64;
                    self.step(batch, &Moment { step, per_epoch, epochs });
                }
            }
        }
    }

    /// What the network makes of a sample in evaluation.
    fn values(&self, x: &[f32]) -> Vec<Vec<f64>> {
        let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
        let mut parameters = self.parameters.clone();
        for own in self.graph.averages() {
            for (place, (mean, variance)) in own.means.zip(own.variances).enumerate() {
                let (weight, bias) = (own.layer.weight_range().start + place, own.layer.bias_range().start + place);
                let moments = [self.averages[mean], self.averages[variance]];
                [parameters[weight], parameters[bias]] =
                    Normalisation::folded([parameters[weight], parameters[bias]], moments);
            }
        }
        reference::forward(self.graph, &parameters, &x)
    }

    fn wrong(&self, x: &[f32], y: &[u16]) -> f64 {
        let guesses = x.chunks(self.problem.block.inputs()).map(|x| {
            let values = self.values(x);
            Chain::guess(values.last().expect("outputs"))
        });
        guesses.zip(y).filter(|(guess, y)| *guess != usize::from(**y)).count() as f64
    }

    /// Compares what was recorded at a time.
    fn compare(&self, record: &crate::Curves, at: usize, manifold: bool, what: &str) {
        let (problem, block) = (self.problem, &self.problem.block);
        let (classes, epochs) = (block.classes, problem.recorded.len());
        let (mut loss, mut count) = (0.0, vec![0.0; classes]);
        let hidden = self.graph.hidden();
        let mut directions: Vec<Vec<(usize, Vec<f64>)>> = vec![vec![]; hidden.len()];
        for (s, x) in block.train.x.chunks(block.inputs()).enumerate().filter(|(s, _)| keeps(self.replica, *s)) {
            let values = self.values(x);
            let y = usize::from(block.train.y[s]);
            loss += Chain::loss(problem.loss, values.last().expect("outputs"), y).0;
            count[y] += 1.0;
            for (directions, &node) in directions.iter_mut().zip(hidden) {
                let norm = values[node].iter().map(|h| h * h).sum::<f64>().sqrt();
                let unit = values[node].iter().map(|h| if norm > 0.0 { h / norm } else { 0.0 }).collect();
                directions.push((y, unit));
            }
        }
        let near = |name: &str, ours: f32, exact: f64| {
            // f32 sums of hundreds of terms, and steps that carry weights apart by up to 1e-5.
            let same =
                (f64::from(ours) - exact).abs() <= 3e-5 * exact.abs().max(0.1) || (ours.is_nan() && exact.is_nan());
            assert!(same, "{name} at {at}: {ours} against {exact}; {what}");
        };
        near("loss", record.train_loss[at], loss / count.iter().sum::<f64>());
        // A sample on the edge of two classes may fall to either side.
        let errors = |ours: f32, of: usize, exact: f64| {
            assert!((f64::from(ours) * of as f64 - exact).abs() < 1.01, "{ours} of {of} against {exact}; {what}");
        };
        let test = block.test.len();
        errors(record.test_error[at], test, self.wrong(&block.test.x, &block.test.y));
        errors(record.noisy_error[at], test, self.wrong(&problem.noisy[0], &block.test.y));
        if !manifold {
            return;
        }
        for (layer, directions) in directions.iter().enumerate() {
            let width = directions[0].1.len();
            let mut centres = vec![vec![0.0; width]; classes];
            for (y, unit) in directions {
                centres[*y].iter_mut().zip(unit).for_each(|(centre, unit)| *centre += unit / count[*y]);
            }
            for (class, centre) in centres.iter().enumerate() {
                let own = directions.iter().filter(|(y, _)| *y == class);
                let spread: f64 =
                    own.map(|(_, u)| u.iter().zip(centre).map(|(u, c)| (u - c).powi(2)).sum::<f64>()).sum();
                let ours = record.radius[(layer * classes + class) * epochs + at];
                near("radius squared", ours * ours, spread / count[class]);
            }
            for (pair, (a, b)) in problem.pairs().into_iter().enumerate() {
                let apart = centres[a].iter().zip(&centres[b]).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
                near("distance", record.distance[(layer * problem.pairs().len() + pair) * epochs + at], apart);
            }
        }
    }
}

fn compare(kind: &ArchitectureKind, case: &Case, choices: Choices) {
    let (graph, (problem, replicas, states)) = build(kind, case);
    let mut kernel = Kernel::with(problem.clone(), replicas.clone(), states.clone(), 1, choices).expect("a problem");
    kernel.advance(problem.epochs + 1);
    for ((replica, start), state) in replicas.iter().zip(&states).zip(kernel.states()) {
        assert_eq!((state.epoch, state.diverged), (problem.epochs + 1, None));
        let parameters: Vec<f64> = start.parameters.iter().map(|&w| f64::from(w)).collect();
        let moments = [vec![0.0; parameters.len()], vec![0.0; parameters.len()]];
        let averages = start.averages.iter().map(|&average| f64::from(average)).collect();
        let (graph, problem) = (&graph, &problem);
        let mut exact = Exact { graph, problem, replica, parameters, moments, averages };
        let what = format!("{}, {case:?}, {choices:?}", kind.label());
        for t in 0..=problem.epochs {
            if let Some(at) = problem.recorded.iter().position(|&e| e == t) {
                exact.compare(&state.record, at, problem.manifold.contains(&t), &what);
            }
            if t < problem.epochs {
                exact.pass(t);
            }
        }
        let scale = exact.parameters.iter().fold(0f64, |max, w| max.max(w.abs()));
        for (i, (&w, &exact)) in state.parameters.iter().zip(&exact.parameters).enumerate() {
            // As for chains.
            assert!((f64::from(w) - exact).abs() <= 1e-5 * scale, "weight {i}: {w} against {exact}; {what}");
        }
        for (i, (&own, &exact)) in state.averages.iter().zip(&exact.averages).enumerate() {
            // Moments of values that the weights, as far apart as that, were multiplied with.
            let close = (f64::from(own) - exact).abs() <= 1e-5 * exact.abs().max(scale);
            assert!(close, "running average {i}: {own} against {exact}; {what}");
        }
    }
}

pub(super) fn small() -> Case {
    Case { samples: 61, test: 23, replicas: 3, epochs: 4, classes: 3, ..Case::default() }
}

pub(super) fn of_images() -> Case {
    let trunk = Some(Trunk { image: [2, 7, 6], channels: vec![], kernel: 1, pool: 1 });
    Case { trunk, density: 0.9, samples: 29, test: 11, ..small() }
}

fn compare_all(cases: impl IntoIterator<Item = (ArchitectureKind, Case)>, choices: &[Choices]) {
    each(cases, choices).for_each(|((kind, case), choices)| compare(&kind, &case, choices));
}

#[test]
fn dense_graphs_follow_the_reference() {
    let mut cases: Vec<_> = vectors().into_iter().map(|kind| (kind, small())).collect();
    let more = [
        Case { pruned: true, kind: Rule::Adam, ..small() },
        Case { loss: Loss::MeanSquared, momentum: 0.5, density: 0.9, ..small() },
        // Tiles of 240 samples, and a rest that fills no group.
        Case { samples: 700, epochs: 2, ..small() },
    ];
    cases.extend(more.map(|case| (vectors().swap_remove(1), case)));
    compare_all(cases, &choices());
}

#[test]
fn graphs_of_images_follow_the_reference() {
    let mut cases: Vec<_> = images().into_iter().map(|kind| (kind, of_images())).collect();
    cases.push((images().swap_remove(0), Case { pruned: true, kind: Rule::Rmsprop, momentum: 0.5, ..of_images() }));
    let choices: Vec<Choices> = choices().into_iter().filter(|choices| choices.sparse).collect();
    compare_all(cases, &choices);
}

#[test]
fn minibatches_of_graphs_follow_the_reference() {
    let batch = Batch::Mini { size: 13 };
    // Normalised vectors of six units magnify rounding at every step: ten steps stay within the tolerance.
    let of_vectors = Case { batch, pruned: true, epochs: 2, ..small() };
    let of_images = Case { batch, pruned: true, kind: Rule::Adamw, epochs: 3, ..of_images() };
    let vectors = vectors().into_iter().take(3).map(|kind| (kind, of_vectors.clone()));
    compare_all(vectors.chain(images().into_iter().map(|kind| (kind, of_images.clone()))), &choices());
}

#[test]
fn normalised_batches_follow_the_reference() {
    let batch = Batch::Mini { size: 13 };
    let sam = Recipe { sam_radius: Some(0.05), ..Recipe::default() };
    let mut cases = Vec::new();
    for kind in normalised_vectors() {
        // Full batches, of which some samples are left out.
        cases.push((kind.clone(), Case { pruned: true, ..small() }));
        // 61 samples: the last batch has nine.
        cases.push((kind, Case { batch, pruned: true, kind: Rule::Adam, epochs: 2, ..small() }));
    }
    for kind in normalised_images().into_iter().chain(grouped_images()) {
        cases.push((kind.clone(), Case { pruned: true, momentum: 0.9, ..of_images() }));
        cases.push((kind, Case { batch, epochs: 3, recipe: sam.clone(), ..of_images() }));
    }
    compare_all(cases, &choices());
}

/// A batch of one sample, whose variance is zero and moves no average by NaN.
#[test]
fn a_batch_of_one_vector_is_its_own_mean() {
    let case = Case { batch: Batch::Mini { size: 4 }, samples: 5, epochs: 1, ..small() };
    let kind = layers(vec![dense(3), batch_norm(), last()]);
    for state in train(build(&kind, &case).1, 1, usize::MAX, &[]) {
        assert_eq!(state.diverged, None);
        assert!(state.averages.iter().chain(&state.parameters).all(|x| x.is_finite()));
    }
}

#[test]
fn running_averages_of_another_network_are_refused() {
    let (_, (problem, replicas, mut states)) = build(&normalised_vectors()[0], &small());
    states[1].averages.pop();
    let choices = Choices { isa: Isa::detect(), sparse: true, group: usize::MAX, reuse_predictions: true };
    let refused = Kernel::with(problem, replicas, states, 1, choices).err().expect("a misfit").to_string();
    assert!(refused.contains("replica 1 holds 53 running averages, the network has 54"), "{refused}");
}

fn cases() -> Vec<(ArchitectureKind, Case)> {
    let base = Case { replicas: 11, epochs: 5, ..small() };
    let images_of = Case { replicas: 11, epochs: 5, ..of_images() };
    let batch = Batch::Mini { size: 13 };
    vec![
        (vectors().swap_remove(0), Case { pruned: true, momentum: 0.9, samples: 300, ..base.clone() }),
        (vectors().swap_remove(1), Case { kind: Rule::Adam, ..base.clone() }),
        (vectors().swap_remove(2), Case { batch, ..base.clone() }),
        (images().swap_remove(0), images_of.clone()),
        (images().swap_remove(1), Case { batch, kind: Rule::Adamw, ..images_of.clone() }),
        (images().swap_remove(2), Case { pruned: true, ..images_of.clone() }),
        (images().swap_remove(3), images_of.clone()),
        (normalised_vectors().swap_remove(0), Case { pruned: true, momentum: 0.9, ..base.clone() }),
        (normalised_vectors().swap_remove(1), Case { batch, recipe: everything(Unit::Step), ..base }),
        (normalised_images().swap_remove(0), Case { batch, kind: Rule::Adamw, ..images_of.clone() }),
        (
            normalised_images().swap_remove(1),
            Case { pruned: true, recipe: everything(Unit::Epoch), ..images_of.clone() },
        ),
        (grouped_images().swap_remove(0), Case { batch, ..images_of }),
    ]
}

#[test]
fn alone_as_in_company() {
    for (kind, case) in chosen(cases()) {
        let build = || build(&kind, &case).1;
        let together = train(build(), 1, usize::MAX, &[]);
        for group in [1, 2, 4, 8] {
            for (a, b) in together.iter().zip(&train(build(), 2, group, &[])) {
                assert_same(a, b);
            }
        }
        let (problem, replicas, states) = build();
        for (r, state) in together.iter().enumerate() {
            let alone = (problem.clone(), vec![replicas[r].clone()], vec![states[r].clone()]);
            assert_same(state, &train(alone, 1, usize::MAX, &[])[0]);
        }
        for cuts in [&[1][..], &[0, 3, 3]] {
            for (a, b) in together.iter().zip(&train(build(), 2, usize::MAX, cuts)) {
                assert_same(a, b);
            }
        }
    }
}

#[test]
fn a_diverging_replica_leaves_its_neighbours_alone() {
    for (kind, case) in chosen(cases()) {
        let healthy = train(build(&kind, &case).1, 1, usize::MAX, &[]);
        let (_, (problem, mut replicas, states)) = build(&kind, &case);
        replicas[2].rates.lr = 1e30;
        let sick = train((problem, replicas, states), 1, usize::MAX, &[]);
        assert!(sick[2].diverged.is_some(), "{}", kind.label());
        for (r, (a, b)) in healthy.iter().zip(&sick).enumerate().filter(|(r, _)| *r != 2) {
            assert_eq!(b.diverged, None, "replica {r}");
            assert_same(a, b);
        }
    }
}

/// The digests of a residual network, of one of images, of two with batch normalisation, and of one with convolutions in
/// groups, on every instruction set.
const FROZEN: [u64; 5] =
    [0x360b_7f5e_743b_e28c, 0xd4be_bb1e_e9c8_06ec, 0xd88c_c789_5249_cbea, 0x7640_5e05_1496_2183, 0x6b13_f204_9f5c_10ea];

#[test]
fn recorded_bits_are_those_of_earlier_versions() {
    let mut changed = Vec::new();
    for isa in sets() {
        let cases = [0, 5, 7, 9, 11].map(|place| cases().swap_remove(place));
        for ((kind, case), frozen) in cases.into_iter().zip(FROZEN) {
            let (problem, replicas, states) = build(&kind, &case).1;
            let choices = Choices { isa, sparse: true, group: usize::MAX, reuse_predictions: true };
            let mut kernel = Kernel::with(problem, replicas, states, 2, choices).expect("a problem of the kernel's");
            kernel.advance(case.epochs + 1);
            let found = digest(kernel.states());
            if found != frozen {
                changed.push(format!("{}, {isa:?}: {found:#018x} instead of {frozen:#018x}", kind.label()));
            }
        }
    }
    assert!(changed.is_empty(), "{}", changed.join("\n"));
}
