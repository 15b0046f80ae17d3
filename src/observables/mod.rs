//! What is measured along training: a file for each observable, and the registry that lists them.
//!
//! There are three ways to measure. An engine reduces some quantities itself, from hidden activations and outputs that never
//! leave the device: [`losses`], [`manifold`], [`misclassified`]. A gradient flow measures others at its steps and stages:
//! [`flow`]. The rest is measured on the host, at scheduled epochs, on copies of the weights: these are the
//! [`Observable`]s, [`local_complexity`] and [`robustness`] among them, and any further one is its file,
//! declared here and named in a line of `observables!`.
//!
//! This room stands under whoever trains, stores or reads sweep files: it knows samples and networks, and no engine, no
//! disk and no TOML.

pub mod axes;
pub mod flow;
pub mod keys;
pub mod local_complexity;
pub mod losses;
pub mod manifold;
pub mod misclassified;
pub mod observer;
pub mod record;
pub mod registry;
pub mod robustness;
pub mod schedule;
pub mod setup;
pub mod steps;
pub mod values;
pub mod weight_norm;

pub use axes::{Axes, Labels};
pub use keys::{KeyDescription, Keys};
pub use losses::Loss;
pub use observer::Observer;
pub use record::{Layout, Record};
pub use registry::{Definition, Family, Observable, Sizes, VARIABLES, dimensions, on_weights, variable};
pub use schedule::Schedule;
pub use setup::{Draw, FlowSetup, Setup, Subject, Times, View, pairs};
pub use values::{Column, Values};

use keys::Listing;
use phasesweep_results::Variable;
use serde::Serialize;

// One line for each observable on copies of the weights: its file, and the type of its settings.
registry::observables! {
    local_complexity::LocalComplexity,
    robustness::Robustness,
    weight_norm::WeightNorm,
}
