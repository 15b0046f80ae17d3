//! Neurons of a gradient flow as points, and its output along the informative axis: dimensions and variables.
//!
//! Both programs read them by name: the flow's engine writes them, the report draws them. Definitions are in
//! docs/compression.md.

use crate::dimension::{CELL, Dim, Dimension, EPOCH, LabelKind, STAGE};
use crate::variable::{Dtype, Variable};

/// A neuron of the first hidden layer.
pub const NEURON: Dim =
    &Dimension::index("neuron", LabelKind::Integer, "1", "neuron of the first hidden layer, counted from 1");

/// A position along the informative axis.
pub const AXIS_POSITION: Dim = &Dimension::index(
    "axis_position",
    LabelKind::Number,
    "1",
    "position along the first informative coordinate, in units of the inputs",
);

const fn of_neuron(name: &'static str, long_name: &'static str) -> Variable {
    let when =
        "gradient flows with `[flow] neurons`, on data whose informative coordinates are known (stripe, cylinder)";
    Variable { name, dims: &[CELL, EPOCH, NEURON], dtype: Dtype::F32, units: "1", long_name, when }
}

const fn of_profile(name: &'static str, long_name: &'static str) -> Variable {
    let when =
        "gradient flows with `[flow] profile`, on data whose informative coordinates are known (stripe, cylinder)";
    Variable { name, dims: &[CELL, STAGE, AXIS_POSITION], dtype: Dtype::F32, units: "1", long_name, when }
}

/// ω_∥ of a neuron.
pub static NEURON_PARALLEL: Variable = of_neuron(
    "neuron_parallel",
    "the neuron's weight along the informative coordinate, with its sign; of several coordinates the norm",
);

/// ‖ω_⊥‖ of a neuron.
pub static NEURON_PERPENDICULAR: Variable =
    of_neuron("neuron_perpendicular", "norm of the neuron's weights along the uninformative coordinates");

/// b of a neuron.
pub static NEURON_BIAS: Variable = of_neuron("neuron_bias", "bias of the neuron");

/// β of a neuron.
pub static NEURON_OUTPUT: Variable =
    of_neuron("neuron_output", "output weight of the neuron; missing where there is more than one hidden layer");

/// Where the neuron's pre-activation is 0 on the informative axis.
pub static NEURON_KINK: Variable = of_neuron(
    "neuron_kink",
    "where on the informative axis the neuron's pre-activation is 0, the uninformative coordinates being 0",
);

/// The variables over neurons.
pub static NEURON_VARIABLES: [&Variable; 5] =
    [&NEURON_PARALLEL, &NEURON_PERPENDICULAR, &NEURON_BIAS, &NEURON_OUTPUT, &NEURON_KINK];

/// Mean of F at a position of the informative axis.
pub static PROFILE_MEAN: Variable =
    of_profile("profile_mean", "mean of F = alpha (f - f_0) at a position of the informative axis");

/// Standard deviation of F at a position of the informative axis.
pub static PROFILE_DEVIATION: Variable = of_profile(
    "profile_deviation",
    "standard deviation of F at a position of the informative axis, over the uninformative coordinates",
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dimension, variables};

    #[test]
    fn names_are_no_others() {
        let own = NEURON_VARIABLES.into_iter().chain([&PROFILE_MEAN, &PROFILE_DEVIATION]);
        let own: Vec<&str> = own.map(|variable| variable.name).chain([NEURON.name, AXIS_POSITION.name]).collect();
        for (place, name) in own.iter().enumerate() {
            assert!(!own[..place].contains(name), "{name}");
            assert!(variables::VARIABLES.iter().all(|other| other.name != *name), "{name}");
            assert!(dimension::DIMENSIONS.iter().all(|other| other.name != *name), "{name}");
        }
    }
}
