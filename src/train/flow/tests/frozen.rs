//! What is asked for of frozen kernels, as whole flows record it.

use phasesweep_results::FlowStop;
use phasesweep_results::variables::TRAIN_LOSS;

use super::case::{FLOW, MEAN_FIELD, mlp, problem, replica};
use crate::observables::flow::{
    KERNEL_ALIGNMENT, KERNEL_NORM, KERNEL_TEST_ERROR, STAGE_COMPRESSION, STAGE_TEST_ERROR, STAGE_TIME,
};
use crate::observables::flow_kernels as kernels;
use crate::observables::{Record, flow};
use crate::sweep::{Flow, Loss};
use crate::train::flow::FlowEngine;
use crate::train::flow::margin::MarginLoss;
use crate::train::{Engine, Problem, ReplicaState};

/// A problem in which everything is asked for.
fn asked(samples: usize, epochs: usize) -> Problem {
    let mut problem = problem(mlp(&[60]), MEAN_FIELD, samples, epochs);
    problem.loss = Loss::SoftHinge;
    problem.recorded = (0..=epochs).collect();
    let observe = &mut problem.flow.as_mut().unwrap().observe;
    observe.kernel_points = samples;
    observe.kernel_flow = 10_000;
    observe.kernel_losses = vec![0.05, 0.5];
    observe.kernel_compressed = Some(0.5);
    observe.kernel_parts = true;
    observe.kernel_information = 4;
    problem
}

fn record(problem: &Problem, alpha: f64) -> Record {
    let replica = replica(3, Flow { alpha, ..FLOW });
    let state = ReplicaState::fresh(problem, &replica);
    let mut engine = FlowEngine::new(problem, &[replica], vec![state], 2).unwrap();
    engine.advance(problem.epochs + 1).unwrap();
    engine.states().unwrap().remove(0).record
}

const FITTED: f64 = FlowStop::Fitted as u8 as f64;

#[test]
fn a_lazy_network_is_the_flow_on_its_frozen_kernel() {
    let record = record(&asked(24, 20_000), 1e6);
    assert_eq!(record.number(&flow::FLOW_STOP, 0), FITTED);
    for place in [0, 2] {
        assert_eq!(record.number(&kernels::KERNEL_FLOW_STOP, place), FITTED);
        assert_eq!(record.number(&kernels::KERNEL_FLOW_UNFITTED, place), 0.0);
        // In the network's own units of time; its Euler steps follow kinks to 0.01 of the margin, and its last margin rises by
        // some hundredths in a hundredth of the time.
        let (time, of_network) = (record.number(&kernels::KERNEL_FLOW_TIME, place), record.number(&STAGE_TIME, 2));
        assert!((time / of_network - 1.0).abs() < 0.03, "{time} {of_network}");
        // Of thirty test samples one may lie so close to the boundary that these errors decide it.
        let (error, of_network) =
            (record.number(&kernels::KERNEL_FLOW_TEST_ERROR, place), record.number(&STAGE_TEST_ERROR, 2));
        assert!((error - of_network).abs() < 0.1, "{error} {of_network}");
    }
    // The kernel has not changed, and neither has what there is to know of it.
    let start = record.number(&kernels::START_KERNEL_LIKENESS, 0);
    assert!((start - 1.0).abs() < 1e-4, "{start}");
    assert!(record.number(&KERNEL_TEST_ERROR, 0).is_finite() && record.number(&KERNEL_TEST_ERROR, 1).is_nan());
    assert!(record.number(&kernels::KERNEL_FLOW_TEST_ERROR, 1).is_nan(), "no kernel was asked for there");
}

#[test]
fn stages_by_the_loss_are_where_it_has_fallen_so_far() {
    let problem = asked(24, 20_000);
    for alpha in [0.01, 100.0] {
        let record = record(&problem, alpha);
        let start = MarginLoss::new(Loss::SoftHinge, Some(20.0)).value(0.0);
        for (place, share) in [0.05, 0.5].into_iter().enumerate() {
            let epoch = record.number(&kernels::LOSS_STAGE_EPOCH, place) as usize;
            let loss = |epoch: usize| alpha * record.number(&TRAIN_LOSS, epoch) / start;
            // Losses are recorded to 32 bits.
            assert!(
                epoch > 0 && loss(epoch) <= share * (1.0 + 1e-6) && loss(epoch - 1) > share * (1.0 - 1e-6),
                "{alpha} {share}"
            );
            assert_eq!(record.number(&kernels::LOSS_STAGE_KERNEL_FLOW_STOP, place), FITTED, "{alpha} {share}");
            assert!(record.number(&kernels::LOSS_STAGE_KERNEL_ALIGNMENT, place) > 0.0);
            assert!(record.number(&kernels::LOSS_STAGE_KERNEL_TEST_ERROR, place) <= 0.5);
        }
    }
}

#[test]
fn parts_and_compressed_kernels_are_those_of_the_kernel() {
    let record = record(&asked(24, 20_000), 0.01);
    for stage in [0, 2] {
        let part = |variable, part: usize| record.number(variable, 2 * stage + part);
        let share = [0, 1].map(|k| part(&kernels::PART_KERNEL_SHARE, k));
        assert!((share[0] + share[1] - 1.0).abs() < 1e-6 && share[0] > 0.0 && share[1] > 0.0, "{share:?}");
        // yᵀΘy is the sum of the parts', so the whole's alignment is no greater than the greater one of them.
        let alignment = [0, 1].map(|k| part(&kernels::PART_KERNEL_ALIGNMENT, k));
        let whole = record.number(&KERNEL_ALIGNMENT, stage);
        assert!(whole > 0.0 && alignment.iter().all(|a| *a > 0.0), "{alignment:?} {whole}");
        for k in 0..2 {
            assert!(part(&kernels::PART_KERNEL_TEST_ERROR, k) <= 0.5);
            let fits = part(&kernels::PART_KERNEL_FLOW_STOP, k) == FITTED;
            assert_eq!(part(&kernels::PART_KERNEL_FLOW_TEST_ERROR, k).is_finite(), fits);
            assert_eq!(part(&kernels::PART_KERNEL_FLOW_UNFITTED, k) == 0.0, fits);
        }
        for component in 0..3 {
            // At most the entropy of the labels, a bit.
            let information = record.number(&kernels::KERNEL_INFORMATION, 3 * stage + component);
            assert!((-0.2..=1.0).contains(&information), "{information}");
        }
    }
    assert!(record.number(&KERNEL_NORM, 0) > 0.0);
    assert_eq!(record.number(&kernels::COMPRESSED_BY, 0), record.number(&STAGE_COMPRESSION, 1));
    assert!(record.number(&kernels::COMPRESSED_BY, 0) > 1.2, "the feature regime compresses");
    let (compressed, start) =
        (record.number(&kernels::COMPRESSED_KERNEL_LIKENESS, 0), record.number(&kernels::START_KERNEL_LIKENESS, 0));
    assert!(compressed <= 1.0 && start < 1.0 && compressed > 0.0, "{compressed} {start}");
    assert_eq!(record.number(&kernels::COMPRESSED_KERNEL_FLOW_STOP, 0), FITTED);
}

#[test]
fn what_is_not_asked_for_is_not_recorded() {
    let record = record(&problem(mlp(&[12]), MEAN_FIELD, 24, 50), 1.0);
    assert!(kernels::VARIABLES.iter().all(|variable| record.values(variable).is_none()));
}
