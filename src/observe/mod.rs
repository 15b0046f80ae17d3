//! What is measured of a network along training: pure functions of tensors or of trajectories.

pub mod local_complexity;
pub mod manifold;
pub mod misclassified;
pub mod network;
pub mod robustness;

// The rules that the analysis applies too.
pub use phasesweep_results::{principal, turning_point};
