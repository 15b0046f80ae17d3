//! Convolutional networks: agreement with the f64 reference, ties and incomplete windows in the pooling, and numbers
//! that do not depend on the company.

use proptest::prelude::*;

use super::agreement::{self, compare, compare_all};
use super::case::{Case, Trunk};
use super::extent::{chosen, drawn};
use super::packing::{assert_same, train};
use crate::simd::Isa;
use crate::{Activation, Batch, Loss, Rule};
use crate::{Choices, Kernel};

/// Every instruction set that this processor has; sparse inputs are the dense layers' alone.
fn choices() -> Vec<Choices> {
    agreement::choices().into_iter().filter(|choices| choices.sparse).collect()
}

/// Two convolutions: windows of two drop the last line and column of the first, and of the second.
fn trunk() -> Trunk {
    Trunk { image: [1, 7, 6], channels: vec![3, 2], kernel: 3, pool: 2 }
}

fn base() -> Case {
    Case { samples: 61, test: 23, trunk: Some(trunk()), hidden: vec![], epochs: 4, density: 0.6, ..Case::default() }
}

#[test]
fn trajectories_follow_the_reference() {
    let shapes = [
        (trunk(), vec![5], 3),
        // A side of one: a dense layer at every place. No pooling, two channels.
        (Trunk { image: [2, 3, 4], channels: vec![9], kernel: 1, pool: 1 }, vec![], 2),
        // A kernel that reaches over the whole image, windows of three.
        (Trunk { image: [3, 6, 5], channels: vec![4], kernel: 5, pool: 3 }, vec![6, 3], 2),
        (Trunk { image: [1, 4, 9], channels: vec![2, 5, 4], kernel: 3, pool: 1 }, vec![], 10),
    ];
    let of = |(trunk, hidden, classes): (Trunk, Vec<usize>, usize)| {
        let base = Case { trunk: Some(trunk), hidden, classes, samples: 23, test: 9, replicas: 2, ..base() };
        [Activation::Tanh, Activation::Relu, Activation::Gelu, Activation::Sigmoid]
            .map(|activation| Case { activation, ..base.clone() })
    };
    compare_all(shapes.into_iter().flat_map(of), &choices());
}

#[test]
fn every_activation() {
    // One convolution: squares of squares of these sums run away at the first step.
    let trunk = Some(Trunk { channels: vec![3], ..trunk() });
    let base = Case { trunk, samples: 23, test: 9, replicas: 2, ..base() };
    compare_all(agreement::activations().map(|activation| Case { activation, ..base.clone() }), &choices());
}

#[test]
fn rules_losses_masks_and_minibatches() {
    let mini = |size: usize| Case { batch: Batch::Mini { size }, ..base() };
    let cases = [
        Case { loss: Loss::MeanSquared, momentum: 0.9, pruned: true, ..base() },
        Case { kind: Rule::Adamw, classes: 3, replicas: 9, ..base() },
        mini(16),
        Case { kind: Rule::Adam, pruned: true, replicas: 5, classes: 4, ..mini(25) },
        // Lines longer than what a product sums at a time.
        Case { trunk: Some(Trunk { image: [1, 4, 150], ..trunk() }), samples: 12, replicas: 2, ..base() },
        Case { kind: Rule::Rmsprop, activation: Activation::Gelu, ..mini(61) },
        Case { loss: Loss::MeanSquared, classes: 3, kind: Rule::Nesterov, momentum: 0.5, ..mini(20) },
    ];
    compare_all(cases, &choices());
}

#[test]
fn several_tiles_and_stripes() {
    // 48000 numbers are 20 samples of 2352: tiles of 18 or 20; 28 lines are seven stripes of four.
    let trunk = Trunk { image: [1, 28, 28], channels: vec![8, 16], kernel: 3, pool: 2 };
    let choices = Choices { isa: Isa::detect(), sparse: true, group: usize::MAX, reuse_predictions: true };
    let base = Case { trunk: Some(trunk), samples: 50, classes: 10, replicas: 2, epochs: 2, ..base() };
    compare_all([Batch::Full, Batch::Mini { size: 25 }].map(|batch| Case { batch, ..base.clone() }), &[choices]);
}

fn packing_cases() -> Vec<Case> {
    let base = Case { replicas: 13, ..base() };
    vec![
        Case { momentum: 0.9, pruned: true, activation: Activation::Relu, ..base.clone() },
        Case { batch: Batch::Mini { size: 16 }, kind: Rule::Adamw, pruned: true, classes: 3, ..base.clone() },
        Case {
            batch: Batch::Mini { size: 40 },
            activation: Activation::Gelu,
            trunk: Some(Trunk { image: [2, 5, 5], channels: vec![8], kernel: 5, pool: 1 }),
            hidden: vec![6],
            ..base
        },
    ]
}

#[test]
fn alone_as_in_company() {
    for case in chosen(packing_cases()) {
        let together = train(case.build(), 1, usize::MAX, &[]);
        for group in [1, 2, 4] {
            for (a, b) in together.iter().zip(&train(case.build(), 2, group, &[1, 3])) {
                assert_same(a, b);
            }
        }
        for (r, state) in together.iter().enumerate() {
            let (problem, replicas, states) = case.build();
            let alone = (problem, vec![replicas[r].clone()], vec![states[r].clone()]);
            assert_same(state, &train(alone, 1, usize::MAX, &[2])[0]);
        }
    }
}

#[test]
fn a_diverging_replica_leaves_its_neighbours_alone() {
    for batch in [Batch::Full, Batch::Mini { size: 16 }] {
        let case = Case { replicas: 8, activation: Activation::Relu, batch, epochs: 8, ..base() };
        let healthy = train(case.build(), 1, usize::MAX, &[]);
        let (problem, mut replicas, states) = case.build();
        replicas[2].rates.lr = 1e12;
        replicas[5].rates.lr = 1e30;
        let sick = train((problem, replicas, states), 1, usize::MAX, &[]);
        for (r, (a, b)) in healthy.iter().zip(&sick).enumerate() {
            match r {
                2 | 5 => assert!(b.diverged.is_some_and(|epoch| (1..=8).contains(&epoch)), "{:?}", b.diverged),
                _ => assert_same(a, b),
            }
        }
    }
}

/// Every place of these images is equal, so that whole windows tie. One input channel, one output channel, one window, a
/// kernel of three: the place that wins decides which inputs a weight's gradient sees.
#[test]
fn the_first_of_equals_in_a_window_gets_the_gradient() {
    let trunk = Trunk { image: [1, 2, 2], channels: vec![1], kernel: 3, pool: 2 };
    let case = Case { trunk: Some(trunk), samples: 8, test: 4, replicas: 1, epochs: 1, ..base() };
    let (mut problem, mut replicas, mut states) = case.build();
    let block = std::sync::Arc::make_mut(&mut problem.block);
    block.train.x.fill(0.5);
    block.train.y = vec![0, 0, 0, 0, 0, 0, 1, 1];
    replicas[0].rates.weight_decay = 0.0;
    // Only the middle of the kernel is not zero: the four sums are equal.
    states[0].parameters[..9].copy_from_slice(&[0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    let before = states[0].parameters.clone();
    let mut kernel = Kernel::new(problem, replicas, states, 1).unwrap();
    kernel.advance(2);
    let after = &kernel.states()[0].parameters;
    // The top left place sees inputs under the middle, the right, the lower and the lower right weight only.
    let moved: Vec<bool> = (0..9).map(|at| before[at] != after[at]).collect();
    assert_eq!(moved, [false, false, false, false, true, true, false, true, true]);
}

/// A window of −∞, NaN, −∞, −∞: rectified, all but the NaN would be a harmless 0.
#[test]
fn what_is_not_a_number_is_not_pooled_away() {
    let trunk = Trunk { image: [1, 2, 2], channels: vec![1], kernel: 1, pool: 2 };
    let activation = Activation::Relu;
    let case = Case { trunk: Some(trunk), activation, samples: 4, test: 4, replicas: 2, epochs: 1, ..base() };
    let (mut problem, replicas, mut states) = case.build();
    std::sync::Arc::make_mut(&mut problem.block).train.x = [-1.0, 0.0, -1.0, -1.0].repeat(4);
    states[1].parameters[0] = f32::INFINITY;
    let mut kernel = Kernel::new(problem, replicas, states, 1).unwrap();
    kernel.advance(2);
    let diverged: Vec<_> = kernel.states().iter().map(|state| state.diverged).collect();
    assert_eq!(diverged, [None, Some(0)]);
}

#[test]
fn a_cohort_of_images_is_taken_and_said_so() {
    let (problem, replicas, states) = base().build();
    assert!(Kernel::new(problem, replicas, states, 1).unwrap().describe().contains("convolutions"));
}

proptest! {
    #![proptest_config(drawn(24))]

    #[test]
    fn any_shape(
        samples in 1usize..30,
        image in prop::array::uniform3(1usize..9),
        channels in prop::collection::vec(1usize..10, 1..3),
        half in 0usize..4,
        pool in 1usize..4,
        replicas in 1usize..10,
        steps in 0usize..4,
        hidden in prop::collection::vec(1usize..9, 0..2),
        activation in agreement::steady(),
        which in 0usize..6,
    ) {
        let side = pool.pow(channels.len() as u32);
        let image = [image[0].min(3), image[1].max(side), image[2].max(side)];
        let all = choices();
        let trunk = Some(Trunk { image, channels, kernel: 2 * half + 1, pool });
        // Many steps at this rate, of few samples each, may magnify whatever f32 rounds.
        let batch = if steps == 0 { Batch::Full } else { Batch::Mini { size: samples.div_ceil(steps) } };
        let case = Case { samples, trunk, hidden, replicas, activation, batch, epochs: 1, ..base() };
        compare(&case, all[which % all.len()], 1e-5);
    }
}
