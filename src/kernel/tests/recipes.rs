//! What is done around the rule's step, against the f64 reference, and beside predictions that are reused. That packing and
//! resumption do not show is tested with the other cases.

use phasesweep_optimisers::{Decay, RateSchedule, Recipe, Unit, Warmup};

use super::agreement::{choices, compare_all};
use super::case::{Case, Trunk};
use super::extent::chosen;
use super::packing::assert_same;
use crate::simd::Isa;
use crate::{Activation, Batch, Choices, Kernel, Loss, Rule};

/// A warm-up before a cosine, a limit that some gradients exceed, and SAM.
pub(super) fn everything(unit: Unit) -> Recipe {
    let schedule =
        RateSchedule { unit, warmup: Some(Warmup { length: 3, start: 0.1 }), decay: Decay::Cosine { end: 0.1 } };
    Recipe { schedule, clip_norm: Some(0.2), sam_radius: Some(0.1) }
}

fn recipes() -> [Recipe; 5] {
    let schedule = |decay| RateSchedule { decay, ..RateSchedule::default() };
    let by_step = |decay| RateSchedule { unit: Unit::Step, decay, ..RateSchedule::default() };
    [
        Recipe { schedule: schedule(Decay::Every { every: 2, factor: 0.5 }), ..Recipe::default() },
        Recipe { schedule: by_step(Decay::Linear { end: 0.1 }), clip_norm: Some(0.1), ..Recipe::default() },
        Recipe { sam_radius: Some(0.2), ..Recipe::default() },
        Recipe { schedule: by_step(Decay::Exponential { factor: 0.97 }), ..everything(Unit::Step) },
        everything(Unit::Epoch),
    ]
}

#[test]
fn every_recipe_with_every_rule() {
    let of = |(recipe, kind): (Recipe, Rule)| {
        // Lion's steps are signs, which rounding of a gradient uphill may turn.
        let recipe = if kind == Rule::Lion { Recipe { sam_radius: None, ..recipe } } else { recipe };
        let momentum = if kind == Rule::Nesterov { 0.5 } else { 0.0 };
        let base = Case { recipe, kind, momentum, samples: 97, inputs: 13, hidden: vec![5], ..Case::default() };
        [Case { pruned: true, epochs: 8, ..base.clone() }, Case { batch: Batch::Mini { size: 40 }, epochs: 4, ..base }]
    };
    let all = recipes().into_iter().flat_map(|recipe| Rule::ALL.iter().map(move |&kind| (recipe.clone(), kind)));
    compare_all(all.flat_map(of), &choices());
}

#[test]
fn smoothed_labels_images_and_sparse_inputs() {
    let loss = Loss::SmoothedCrossEntropy { smoothing: 0.2 };
    let trunk = Some(Trunk { image: [1, 7, 6], channels: vec![3, 2], kernel: 3, pool: 2 });
    let mut cases = Vec::new();
    for recipe in [Recipe::default(), everything(Unit::Step)] {
        let base = Case { loss, recipe, classes: 3, epochs: 5, samples: 120, ..Case::default() };
        for batch in [Batch::Full, Batch::Mini { size: 32 }] {
            cases.push(Case { batch, inputs: 64, density: 0.1, pruned: true, ..base.clone() });
            cases.push(Case { batch, hidden: vec![6, 4], activation: Activation::Gelu, ..base.clone() });
            cases.push(Case { batch, trunk: trunk.clone(), hidden: vec![], samples: 41, ..base.clone() });
        }
    }
    compare_all(cases, &choices());
}

#[test]
fn predictions_are_reused_to_the_last_count() {
    for recipe in chosen(recipes()) {
        let case =
            Case { recipe, momentum: 0.9, hidden: vec![20], test: 400, epochs: 120, replicas: 11, ..Case::default() };
        let run = |reuse_predictions: bool| {
            let (problem, replicas, states) = case.build();
            let choices = Choices { isa: Isa::detect(), sparse: true, group: usize::MAX, reuse_predictions };
            let mut kernel = Kernel::with(problem, replicas, states, 2, choices).unwrap();
            for until in [2, 40, case.epochs + 1] {
                kernel.advance(until);
            }
            (kernel.states().to_vec(), kernel.computed())
        };
        let ((reused, share), (computed, _)) = (run(true), run(false));
        assert!(share < 0.99, "{share} of the predictions were computed");
        reused.iter().zip(&computed).for_each(|(a, b)| assert_same(a, b));
    }
}

#[test]
fn a_diverging_neighbour_is_not_noticed_and_a_plain_one_changes_nothing() {
    for batch in [Batch::Full, Batch::Mini { size: 50 }] {
        let recipe = Recipe { sam_radius: None, ..everything(Unit::Epoch) };
        let case = Case { recipe, replicas: 8, epochs: 9, activation: Activation::Relu, batch, ..Case::default() };
        let run = |change: &dyn Fn(&mut crate::Replica, usize)| {
            let (problem, mut replicas, states) = case.build();
            replicas.iter_mut().enumerate().for_each(|(place, replica)| change(replica, place));
            let mut kernel = Kernel::new(problem, replicas, states, 1).unwrap();
            kernel.advance(case.epochs + 1);
            kernel.states().to_vec()
        };
        let whole = run(&|_, _| {});
        let sick = run(&|replica, place| {
            if place == 3 {
                (replica.rates.lr, replica.recipe) = (1e30, Recipe { sam_radius: Some(1e30), ..Recipe::default() });
            }
        });
        assert!(sick[3].diverged.is_some());
        // Replicas 1, 4 and 7 are plain; without their neighbours' recipes they are what they were.
        let plain = run(&|replica, _| replica.recipe = Recipe::default());
        for place in (0..8).filter(|&place| place != 3) {
            assert_same(&whole[place], &sick[place]);
        }
        for place in [1, 4, 7] {
            assert_same(&whole[place], &plain[place]);
        }
    }
}
