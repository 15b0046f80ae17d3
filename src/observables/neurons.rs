//! Neurons of a gradient flow as points in the space of their weights, and its output along the informative axis.
//!
//! The flow's engine measures both (`train::flow::neurons`), where the informative coordinates are known; definitions are in
//! docs/compression.md. Invariant: recorded if and only if `[flow]` asks for it, on data that say which coordinates are informative.

pub use phasesweep_results::neurons::{
    AXIS_POSITION, NEURON, NEURON_BIAS, NEURON_KINK, NEURON_OUTPUT, NEURON_PARALLEL, NEURON_PERPENDICULAR,
    NEURON_VARIABLES, PROFILE_DEVIATION, PROFILE_MEAN,
};

use super::axes::Labels;
use super::registry::Family;

/// Positions along the informative axis go from minus this to this: the inputs are standard normal.
const FARTHEST: f64 = 3.0;

/// Neurons as points.
pub const FAMILY: Family = Family {
    name: "neurons",
    variables: &[&NEURON_PARALLEL, &NEURON_PERPENDICULAR, &NEURON_BIAS, &NEURON_OUTPUT, &NEURON_KINK],
    label: |setup, axes| {
        let neurons = setup.flow.filter(|flow| flow.informative).map_or(0, |flow| flow.neurons);
        axes.set(NEURON, Labels::integers(1..=neurons));
        neurons > 0
    },
};

/// The output along the informative axis.
pub const PROFILE_FAMILY: Family = Family {
    name: "profile",
    variables: &[&PROFILE_MEAN, &PROFILE_DEVIATION],
    label: |setup, axes| {
        let profile = setup.flow.filter(|flow| flow.informative).map_or(0, |flow| flow.profile);
        axes.set(AXIS_POSITION, Labels::Numbers(positions(profile)));
        profile > 0
    },
};

/// So many positions along the informative axis, evenly from −3 to 3; one alone is 0.
pub fn positions(count: usize) -> Vec<f64> {
    let steps = count.saturating_sub(1);
    let position = |k: usize| if steps == 0 { 0.0 } else { FARTHEST * (2.0 * k as f64 / steps as f64 - 1.0) };
    (0..count).map(position).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_even_and_symmetric() {
        assert_eq!(positions(5), [-3.0, -1.5, 0.0, 1.5, 3.0]);
        assert_eq!((positions(0), positions(1)), (vec![], vec![0.0]));
    }
}
