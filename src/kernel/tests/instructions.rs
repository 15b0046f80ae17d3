//! The same bits on every instruction set: a cell's numbers do not depend on the node that trained it.
//!
//! Everything that a state holds is compared, without a tolerance, for every kind of network, rule, activation, loss and batch
//! that the kernel trains, on every instruction set that this processor has.

use phasesweep_networks::ArchitectureKind;
use phasesweep_optimisers::Unit;

use super::agreement::{activations, rules};
use super::case::{Case, Trunk};
use super::extent::{chosen, compared};
use super::golden::digest;
use super::graph;
use super::recipes::everything;
use crate::simd::Isa;
use crate::{Activation, Batch, Choices, Kernel, Loss, Problem, Replica, Rule, State};

const LOSSES: [Loss; 3] = [Loss::CrossEntropy, Loss::MeanSquared, Loss::SmoothedCrossEntropy { smoothing: 0.2 }];

/// Trains on every instruction set: the digest of the states on each, and whether any replica was trained to the end.
fn digests(built: &(Problem, Vec<Replica>, Vec<State>), sparse: bool) -> (Vec<(Isa, u64)>, bool) {
    let mut ended = false;
    let on = |isa: Isa| {
        let (problem, replicas, states) = built.clone();
        let until = problem.epochs + 1;
        let choices = Choices { isa, sparse, group: usize::MAX, reuse_predictions: true };
        let mut kernel = Kernel::with(problem, replicas, states, 1, choices).expect("a problem of the kernel's");
        kernel.advance(until);
        ended |= kernel.states().iter().any(|state| state.diverged.is_none());
        (isa, digest(kernel.states()))
    };
    (compared().into_iter().map(on).collect(), ended)
}

/// Trains every problem on every instruction set, with sparse inputs considered and not, and holds that nothing differs.
fn hold(problems: impl Iterator<Item = (String, (Problem, Vec<Replica>, Vec<State>))>) {
    let (mut differing, mut trained, mut ended) = (Vec::new(), 0, 0);
    for (what, built) in problems {
        for sparse in [true, false] {
            let (found, any) = digests(&built, sparse);
            (trained, ended) = (trained + 1, ended + usize::from(any));
            if found.iter().any(|(_, digest)| *digest != found[0].1) {
                differing.push(format!("{what}, sparse {sparse}: {found:x?}"));
            }
        }
    }
    assert!(differing.is_empty(), "{} of {trained} differ:\n{}", differing.len(), differing.join("\n"));
    // Squares of squares may leave all bounds at once; all else must have numbers to compare.
    assert!(10 * ended >= 9 * trained, "only {ended} of {trained} have a replica that does not diverge");
}

fn chains(cases: impl IntoIterator<Item = Case>) {
    hold(chosen(cases).map(|case| (format!("{case:?}"), case.build())));
}

fn graphs(kinds: &[ArchitectureKind], cases: &[Case]) {
    let all = kinds.iter().flat_map(|kind| cases.iter().map(move |case| (kind, case)));
    hold(chosen(all).map(|(kind, case)| (format!("{}, {case:?}", kind.label()), graph::build(kind, case).1)));
}

fn trunk() -> Trunk {
    Trunk { image: [1, 7, 6], channels: vec![3, 2], kernel: 3, pool: 2 }
}

#[test]
fn every_rule_with_every_activation_and_loss() {
    let base = Case { samples: 97, inputs: 13, epochs: 4, replicas: 3, ..Case::default() };
    let of = |(kind, momentum): (Rule, f64)| {
        let base = base.clone();
        activations().into_iter().enumerate().flat_map(move |(at, activation)| {
            let base = base.clone();
            [Batch::Full, Batch::Mini { size: 32 }].map(|batch| Case {
                kind,
                momentum,
                activation,
                batch,
                loss: LOSSES[at % LOSSES.len()],
                hidden: if at % 2 == 0 { vec![9] } else { vec![7, 5] },
                classes: 2 + at % 3,
                ..base.clone()
            })
        })
    };
    chains(rules().into_iter().flat_map(of));
}

#[test]
fn every_loss_with_masks_recipes_and_densities() {
    let mut cases = Vec::new();
    for loss in LOSSES {
        for density in [0.05, 0.2, 0.9] {
            for batch in [Batch::Full, Batch::Mini { size: 50 }] {
                for recipe in [Default::default(), everything(Unit::Step)] {
                    let base = Case { loss, density, batch, recipe, epochs: 5, replicas: 11, ..Case::default() };
                    cases.push(Case { pruned: true, inputs: 64, hidden: vec![20], classes: 3, ..base });
                }
            }
        }
    }
    chains(cases);
}

/// Where tiles end, which the sizes of registers and caches must not decide.
#[test]
fn tiles_of_every_size() {
    let base = Case { replicas: 19, epochs: 3, ..Case::default() };
    let mini = |size: usize| Case { batch: Batch::Mini { size }, samples: 700, ..base.clone() };
    chains([
        Case { samples: 700, hidden: vec![20], ..base.clone() },
        Case { samples: 1, test: 1, ..base.clone() },
        Case { samples: 241, hidden: vec![], classes: 10, ..base.clone() },
        // Tiles of few samples: so many numbers does one have in the hidden layers.
        Case { samples: 150, hidden: vec![700, 30], replicas: 2, ..base.clone() },
        Case { samples: 400, inputs: 200, hidden: vec![100], density: 0.9, ..base.clone() },
        Case { samples: 400, inputs: 400, hidden: vec![31, 17], density: 0.05, ..base.clone() },
        Case { inputs: 40, hidden: vec![100, 30], density: 0.1, ..mini(600) },
        Case { inputs: 40, hidden: vec![100, 30], density: 0.9, ..mini(601) },
        Case { kind: Rule::Adam, ..mini(257) },
        Case { samples: 30, epochs: 1, ..mini(1) },
    ]);
}

#[test]
fn convolutions() {
    let base = Case { samples: 61, test: 23, hidden: vec![], epochs: 3, density: 0.6, replicas: 5, ..Case::default() };
    let mut cases = Vec::new();
    let shapes = [
        trunk(),
        Trunk { image: [2, 3, 4], channels: vec![9], kernel: 1, pool: 1 },
        Trunk { image: [3, 6, 5], channels: vec![4], kernel: 5, pool: 3 },
        Trunk { image: [1, 4, 150], channels: vec![3], kernel: 3, pool: 2 },
        Trunk { image: [1, 28, 28], channels: vec![8, 16], kernel: 3, pool: 2 },
    ];
    for (at, trunk) in shapes.into_iter().enumerate() {
        for batch in [Batch::Full, Batch::Mini { size: 16 }] {
            let (trunk, loss) = (Some(trunk.clone()), LOSSES[at % LOSSES.len()]);
            cases.push(Case { trunk, batch, loss, pruned: true, classes: 3, ..base.clone() });
        }
    }
    for (at, activation) in activations().into_iter().enumerate() {
        // Squares of squares soon leave all bounds but under steps of a given length.
        let rules = if activation == Activation::Quadratic { vec![(Rule::Adam, 0.0)] } else { rules() };
        let (trunk, (kind, momentum)) = (Some(trunk()), rules[at % rules.len()]);
        cases.push(Case { trunk, activation, kind, momentum, hidden: vec![6], ..base.clone() });
    }
    cases.push(Case { trunk: Some(trunk()), recipe: everything(Unit::Epoch), momentum: 0.5, ..base });
    chains(cases);
}

#[test]
fn graphs_of_vectors() {
    let (small, batch) = (graph::small(), Batch::Mini { size: 13 });
    let cases = [
        Case { samples: 300, ..small.clone() },
        Case { pruned: true, kind: Rule::Adam, loss: LOSSES[2], replicas: 11, ..small.clone() },
        Case { batch, density: 0.9, loss: Loss::MeanSquared, momentum: 0.5, ..small },
    ];
    graphs(&graph::vectors(), &cases);
}

#[test]
fn graphs_of_images() {
    let (images, batch) = (graph::of_images(), Batch::Mini { size: 13 });
    let cases = [
        images.clone(),
        Case { pruned: true, kind: Rule::Rmsprop, momentum: 0.5, loss: LOSSES[2], replicas: 11, ..images.clone() },
        Case { batch, kind: Rule::Adamw, loss: Loss::MeanSquared, recipe: everything(Unit::Step), ..images },
    ];
    graphs(&graph::images(), &cases);
}

/// A replica that leaves does so at the same epoch, and its neighbours stay.
#[test]
fn replicas_that_diverge() {
    let case = Case { replicas: 8, epochs: 12, activation: Activation::Relu, ..Case::default() };
    let (problem, mut replicas, states) = case.build();
    replicas[2].rates.lr = 1e12;
    replicas[5].rates.lr = 1e30;
    hold(std::iter::once(("diverging".to_owned(), (problem, replicas, states))));
}
