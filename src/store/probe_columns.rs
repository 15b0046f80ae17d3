//! What was measured on copies of the weights, as labels and columns.
//!
//! Invariant: a column is there if and only if it was asked for, whether or not every cell could be measured.

use phasesweep_results::dimension;

use crate::observe::local_complexity::QUANTILES;
use crate::train::{ProbeRecord, Problem, ReplicaState};

use super::axes::{Axes, Labels};
use super::column::{Column, Values, rows};

/// What stands for all hidden layers together.
const TOTAL: &str = "total";

/// Adds the labels along the probes' dimensions.
pub(super) fn label(problem: &Problem, axes: &mut Axes) {
    let probing = &problem.probing;
    if let Some(lc) = &probing.probes.local_complexity {
        let layers = (1..=problem.architecture.depth()).map(|layer| layer.to_string()).chain([TOTAL.to_owned()]);
        axes.set(dimension::LC_POINTS, Labels::Texts(lc.sets.iter().map(|set| set.name().to_owned()).collect()));
        axes.set(dimension::LC_RADIUS, Labels::Numbers(lc.radii.clone()));
        axes.set(dimension::LC_LAYER, Labels::Texts(layers.collect()));
        axes.set(dimension::LC_QUANTILE, Labels::Numbers(QUANTILES.to_vec()));
        axes.set(dimension::LC_EPOCH, Labels::integers(probing.local_complexity.iter().copied()));
    }
    if let Some(robust) = &probing.probes.robustness {
        axes.set(dimension::PGD_NORM, Labels::Texts(robust.norms.iter().map(|norm| norm.name().to_owned()).collect()));
        axes.set(dimension::PGD_EPSILON, Labels::Numbers(robust.epsilons.clone()));
        axes.set(dimension::PGD_EPOCH, Labels::integers(probing.robustness.iter().copied()));
    }
}

/// A field of a record.
type Field = fn(&ProbeRecord) -> &Vec<f32>;

/// The columns; none where nothing was asked for.
pub(super) fn columns(problem: &Problem, axes: &Axes, states: &[Option<&ReplicaState>]) -> Vec<Column> {
    if problem.probing.probes.is_empty() {
        return Vec::new();
    }
    let fields: [(&'static str, Field); 4] = [
        ("local_complexity", |record| &record.local_complexity),
        ("local_complexity_quantile", |record| &record.local_complexity_quantile),
        ("robust_error", |record| &record.robust_error),
        ("steps_per_epoch", |record| &record.steps_per_epoch),
    ];
    let column = |(name, field): (&'static str, Field)| Column {
        name,
        values: Values::F32(rows(name, axes, states, |state| field(&state.record.probes).clone())),
    };
    fields.into_iter().map(column).collect()
}
