//! A replica's result is its own: the same to the last bit alone or in company, on any number of threads, however
//! `advance` is cut, and next to a neighbour that diverges.

use super::case::Case;
use super::extent::chosen;
use super::recipes::everything;
use crate::simd::Isa;
use crate::{Activation, Batch, Rule};
use crate::{Choices, Kernel, Problem, Replica, State};
use phasesweep_optimisers::Unit;

fn choices(group: usize) -> Choices {
    Choices { isa: Isa::detect(), sparse: true, group, reuse_predictions: true }
}

pub(super) fn train(
    case: (Problem, Vec<Replica>, Vec<State>),
    threads: usize,
    group: usize,
    cuts: &[usize],
) -> Vec<State> {
    let (problem, replicas, mut states) = case;
    for &until in cuts.iter().chain([&(problem.epochs + 1)]) {
        // Each stretch is a new engine on the states of the last, as after a relaunch.
        let mut kernel = Kernel::with(problem.clone(), replicas.clone(), states, threads, choices(group)).unwrap();
        kernel.advance(until);
        states = kernel.states().to_vec();
    }
    states
}

/// Equality of every bit, NaN included.
pub(super) fn assert_same(a: &State, b: &State) {
    let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    let all = |s: &State| {
        let r = &s.record;
        let floats = [&s.parameters, &s.first_moment, &s.second_moment, &r.train_loss, &r.train_error, &r.test_error];
        let more = [&r.noisy_error, &r.radius, &r.distance, &s.averages];
        floats.iter().chain(&more).map(|x| bits(x)).collect::<Vec<_>>()
    };
    assert_eq!((a.epoch, a.diverged, &a.record.misclassified), (b.epoch, b.diverged, &b.record.misclassified));
    assert!(all(a) == all(b), "the states differ");
}

fn cases() -> Vec<Case> {
    let base = Case { replicas: 13, epochs: 7, samples: 300, ..Case::default() };
    vec![
        Case { hidden: vec![20], momentum: 0.9, pruned: true, ..base.clone() },
        Case {
            hidden: vec![6, 5],
            kind: Rule::Adam,
            activation: Activation::Gelu,
            classes: 3,
            density: 0.9,
            ..base.clone()
        },
        Case { batch: Batch::Mini { size: 64 }, kind: Rule::Rmsprop, ..base.clone() },
        Case { batch: Batch::Mini { size: 64 }, kind: Rule::Adamw, inputs: 40, density: 0.9, ..base.clone() },
        Case { recipe: everything(Unit::Epoch), momentum: 0.9, pruned: true, hidden: vec![20], ..base.clone() },
        Case {
            recipe: everything(Unit::Step),
            batch: Batch::Mini { size: 64 },
            kind: Rule::Lion,
            pruned: true,
            ..base
        },
    ]
}

#[test]
fn alone_as_in_company() {
    for case in chosen(cases()) {
        let together = train(case.build(), 1, usize::MAX, &[]);
        for group in [1, 2, 4, 8] {
            for (a, b) in together.iter().zip(&train(case.build(), 2, group, &[])) {
                assert_same(a, b);
            }
        }
        for (r, state) in together.iter().enumerate() {
            let (problem, replicas, states) = case.build();
            let alone = (problem, vec![replicas[r].clone()], vec![states[r].clone()]);
            assert_same(state, &train(alone, 1, usize::MAX, &[])[0]);
        }
    }
}

#[test]
fn resumed_as_unbroken() {
    for case in chosen(cases()) {
        let unbroken = train(case.build(), 1, usize::MAX, &[]);
        for cuts in [&[1][..], &[0, 3, 3, 7], &[2, 5, 8, 8]] {
            for (a, b) in unbroken.iter().zip(&train(case.build(), 2, usize::MAX, cuts)) {
                assert_same(a, b);
            }
        }
    }
}

#[test]
fn states_of_different_epochs_go_on_from_their_own() {
    let case = &cases()[0];
    let unbroken = train(case.build(), 1, usize::MAX, &[]);
    let (problem, replicas, states) = case.build();
    let ahead = {
        let mut kernel = Kernel::with(problem.clone(), replicas.clone(), states.clone(), 1, choices(8)).unwrap();
        kernel.advance(4);
        kernel.states().to_vec()
    };
    let mixed =
        states.into_iter().zip(ahead).enumerate().map(|(r, (fresh, ahead))| if r % 3 == 0 { ahead } else { fresh });
    let mixed = mixed.collect();
    for (a, b) in unbroken.iter().zip(&train((problem, replicas, mixed), 1, usize::MAX, &[])) {
        assert_same(a, b);
    }
}

#[test]
fn a_diverging_replica_leaves_its_neighbours_alone() {
    for batch in [Batch::Full, Batch::Mini { size: 50 }] {
        let case = Case { replicas: 8, epochs: 12, activation: Activation::Relu, batch, ..Case::default() };
        let healthy = train(case.build(), 1, usize::MAX, &[]);
        let sick = |cuts: &[usize], group: usize| {
            let (problem, mut replicas, states) = case.build();
            replicas[2].rates.lr = 1e12;
            replicas[5].rates.lr = 1e30;
            train((problem, replicas, states), 1, group, cuts)
        };
        let whole = sick(&[], usize::MAX);
        for (r, (a, b)) in healthy.iter().zip(&whole).enumerate() {
            if r == 2 || r == 5 {
                let diverged = b.diverged.unwrap();
                assert!(diverged > 0 && diverged <= 12 && b.epoch == diverged, "replica {r}: {diverged}");
                let (problem, ..) = case.build();
                for (at, &epoch) in problem.recorded.iter().enumerate() {
                    assert_eq!(b.record.train_loss[at].is_nan(), epoch >= diverged, "epoch {epoch}");
                    assert_eq!(b.record.test_error[at].is_nan(), epoch >= diverged, "epoch {epoch}");
                }
            } else {
                assert_same(a, b);
            }
        }
        for group in [1, 8] {
            for (a, b) in whole.iter().zip(&sick(&[1, 2, 3, 6], group)) {
                assert_same(a, b);
            }
        }
    }
}

#[test]
fn a_misfit_state_is_refused() {
    let (problem, replicas, mut states) = Case::default().build();
    states[0].parameters.pop();
    assert!(Kernel::new(problem, replicas, states, 1).is_err());
}
