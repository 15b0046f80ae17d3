//! From a cohort's cells to the problem that an engine trains.

use std::sync::Arc;

use crate::observables::Times;
use crate::plan::{Plan, Variant};
use crate::session::run_context::{Prepared, RunContext};
use crate::sweep::Sweep;
use crate::train::flow::FlowProblem;
use crate::train::{Problem, Replica};

/// The problem that the cells of a variant's kind share.
pub(in crate::session) fn problem(plan: &Plan, variant: usize, prepared: &Prepared) -> Problem {
    let sweep = plan.sweep();
    let variant = plan.variants()[variant];
    let architecture = &sweep.architectures[variant.architecture];
    let epochs = sweep.train.epochs;
    let observe = &sweep.observe;
    let misclassified = observe.misclassified.as_ref();
    let times =
        Times::of(&observe.epochs, observe.manifold_every, misclassified, &observe.probes.epochs(epochs), epochs);
    Problem {
        block: prepared.block.clone(),
        noisy: prepared.noisy.clone(),
        noise: observe.noise.clone(),
        architecture: architecture.kind.clone(),
        activation: architecture.activation,
        layers: architecture.observe.clone(),
        loss: sweep.train.loss,
        optimiser: sweep.optimisers[variant.optimiser].kind,
        batch: sweep.train.batch,
        epochs,
        recorded: times.recorded,
        manifold: times.manifold,
        snapshots: times.snapshots,
        scheduled: observe.probes.clone(),
        flow: flow(sweep, &variant),
    }
}

/// What a gradient flow needs besides; `None` for the other optimisers.
fn flow(sweep: &Sweep, variant: &Variant) -> Option<FlowProblem> {
    sweep.optimisers[variant.optimiser].flow?;
    Some(FlowProblem {
        mean_field: sweep.architectures[variant.architecture].mean_field,
        hinge_beta: sweep.train.hinge_beta,
        parallel: sweep.data[variant.data].source.informative(),
        observe: sweep.observe.flow.clone()?,
    })
}

/// One replica: the cell's seed and numbers, and the samples it keeps.
pub(in crate::session) fn replica(context: &RunContext, cell: u32, kept: Option<Arc<[bool]>>) -> Replica {
    let variant: Variant = context.plan.variants()[context.plan.variant_of(cell)];
    let sweep = context.plan.sweep();
    Replica {
        seed: context.plan.seed_of(cell),
        optimiser: sweep.optimisers[variant.optimiser].clone(),
        init_scale: sweep.architectures[variant.architecture].init_scale,
        kept,
    }
}
