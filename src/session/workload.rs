//! From a cohort's cells to the problem that an engine trains.

use std::sync::Arc;

use super::run_context::{Prepared, RunContext};
use crate::plan::{Plan, Variant};
use crate::sweep::{Observe, Schedule, Source, Sweep};
use crate::train::flow::FlowProblem;
use crate::train::{Probing, Problem, Replica};

/// The problem that the cells of a variant's kind share.
pub(super) fn problem(plan: &Plan, variant: usize, prepared: &Prepared) -> Problem {
    let sweep = plan.sweep();
    let variant = plan.variants()[variant];
    let architecture = &sweep.architectures[variant.architecture];
    let epochs = sweep.train.epochs;
    let probing = Probing::of(&sweep.observe.probes, epochs);
    let recorded = recorded(&sweep.observe, epochs, &probing);
    let manifold = sweep
        .observe
        .manifold_every
        .map_or_else(Vec::new, |every| recorded.iter().copied().filter(|epoch| epoch % every == 0).collect());
    Problem {
        block: prepared.block.clone(),
        noisy: prepared.noisy.clone(),
        architecture: architecture.kind.clone(),
        activation: architecture.activation,
        layers: architecture.observe.clone(),
        loss: sweep.train.loss,
        optimiser: sweep.optimisers[variant.optimiser].kind,
        batch: sweep.train.batch,
        epochs,
        recorded,
        manifold,
        snapshots: snapshots(sweep),
        probing,
        flow: flow(sweep, &variant),
    }
}

/// What a gradient flow needs besides; `None` for the other optimisers.
fn flow(sweep: &Sweep, variant: &Variant) -> Option<FlowProblem> {
    sweep.optimisers[variant.optimiser].flow?;
    Some(FlowProblem {
        mean_field: sweep.architectures[variant.architecture].mean_field,
        hinge_beta: sweep.train.hinge_beta,
        parallel: match sweep.data[variant.data].source {
            Source::Stripe { .. } => Some(1),
            Source::Cylinder { parallel, .. } => Some(parallel),
            _ => None,
        },
        observe: sweep.observe.flow.clone()?,
    })
}

/// Recorded epochs; the last one always, since the end of training is what every comparison needs, and every epoch at
/// which copies of the weights are measured, since that is compared with the errors there.
fn recorded(observe: &Observe, epochs: usize, probing: &Probing) -> Vec<usize> {
    let mut recorded = [observe.epochs.epochs(epochs), probing.epochs(), vec![epochs]].concat();
    recorded.sort_unstable();
    recorded.dedup();
    recorded
}

/// Epochs whose misclassified samples are kept.
pub(super) fn snapshots(sweep: &Sweep) -> Vec<usize> {
    sweep.observe.misclassified.as_ref().map_or_else(Vec::new, |at: &Schedule| at.epochs(sweep.train.epochs))
}

/// One replica: the cell's seed and numbers, and the samples it keeps.
pub(super) fn replica(context: &RunContext, cell: u32, kept: Option<Arc<[bool]>>) -> Replica {
    let variant: Variant = context.plan.variants()[context.plan.variant_of(cell)];
    let sweep = context.plan.sweep();
    Replica {
        seed: context.plan.seed_of(cell),
        optimiser: sweep.optimisers[variant.optimiser],
        init_scale: sweep.architectures[variant.architecture].init_scale,
        kept,
    }
}
