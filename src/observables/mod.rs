//! What is measured along training: a file for each observable, and the registry that lists them.
//!
//! There are three ways to measure. An engine reduces some quantities itself, from hidden activations and outputs that never
//! leave the device: [`losses`], [`manifold`], [`misclassified`]. A gradient flow measures others at its steps and stages:
//! [`flow`], [`neurons`]. The rest is measured at scheduled epochs or steps, on copies of the weights: these are the
//! [`Observable`]s, [`local_complexity`] and [`robustness`] among them, and any further one is its file,
//! declared here and named in a line of `observables!`. They are measured on the host; those that say so, on the device where one
//! trains.
//!
//! This room stands under whoever trains, stores or reads sweep files: it knows samples and networks, and no engine, no
//! disk and no TOML.

pub mod attack;
pub mod attacked_flows;
pub mod axes;
pub mod catalogue;
pub mod cka;
pub mod collapse;
pub mod distance_from_start;
pub mod earlier;
#[cfg(test)]
pub(crate) mod example;
pub mod flow;
pub mod flow_kernels;
pub mod gradient_noise;
pub mod gradient_norm;
pub mod intrinsic_dimension;
pub mod keys;
mod labelled;
pub mod local_complexity;
pub mod loss;
pub mod losses;
pub mod manifold;
pub mod margins;
pub mod misclassified;
pub mod moment;
pub mod neighbourhood;
pub mod neurons;
pub mod noise_robustness;
pub mod observer;
pub mod preset;
#[cfg(test)]
mod pytorch;
pub mod record;
pub mod registry;
pub mod representation;
pub mod robustness;
pub mod schedule;
pub mod setup;
pub mod sharpness;
pub mod steps;
pub mod tangent_kernel;
pub mod test_manifold;
pub mod training_loss;
pub mod trajectory;
pub mod update;
pub mod values;
pub mod weight_norm;

pub use axes::{Axes, Labels};
pub use catalogue::{VARIABLES, dimensions, layout, layout_on_weights, on_weights, variable};
pub use keys::{KeyDescription, Keys};
pub use loss::Loss;
pub use moment::{Moment, Moments, Position, Unit};
pub use observer::Observer;
pub use record::{Layout, Record};
pub use registry::{Definition, Entry, Family, Observable, OnDevice, Sizes};
pub use schedule::Schedule;
pub use setup::{Draw, FlowSetup, Setup, Subject, Times, View, pairs};
pub use values::{Column, Values};

use keys::Listing;
use phasesweep_results::Variable;
use serde::Serialize;

/// What engines measure themselves, in the order in which it is stored.
pub const FAMILIES: &[&Family] = &[
    &losses::FAMILY,
    &manifold::FAMILY,
    &misclassified::FAMILY,
    &steps::FAMILY,
    &flow::FAMILY,
    &flow::COMPRESSION_FAMILY,
    &flow::KERNEL_FAMILY,
    &flow::MACHINE_FAMILY,
    &flow_kernels::FLOW_FAMILY,
    &flow_kernels::INFORMATION_FAMILY,
    &flow_kernels::PARTS_FAMILY,
    &flow_kernels::PARTS_MACHINE_FAMILY,
    &flow_kernels::PARTS_FLOW_FAMILY,
    &flow_kernels::COMPRESSED_FAMILY,
    &flow_kernels::COMPRESSED_MACHINE_FAMILY,
    &flow_kernels::COMPRESSED_FLOW_FAMILY,
    &flow_kernels::LOSSES_FAMILY,
    &flow_kernels::LOSSES_COMPRESSION_FAMILY,
    &flow_kernels::LOSSES_INFORMATION_FAMILY,
    &flow_kernels::LOSSES_MACHINE_FAMILY,
    &flow_kernels::LOSSES_FLOW_FAMILY,
    &neurons::FAMILY,
    &neurons::PROFILE_FAMILY,
];

// One line for each observable on copies of the weights: its file, and the type of its settings.
registry::observables! {
    local_complexity::LocalComplexity,
    robustness::Robustness,
    weight_norm::WeightNorm,
    distance_from_start::DistanceFromStart,
    gradient_norm::GradientNorm,
    sharpness::Sharpness,
    representation::Representation,
    collapse::Collapse,
    margins::Margins,
    tangent_kernel::TangentKernel,
    cka::Cka,
    intrinsic_dimension::IntrinsicDimension,
    update::Update,
    gradient_noise::GradientNoise,
    test_manifold::TestManifold,
    trajectory::Trajectory,
    neighbourhood::Neighbourhood,
    noise_robustness::NoiseRobustness,
}
