//! What is measured of a network along training: pure functions of tensors or of trajectories.

pub mod manifold;
pub mod misclassified;
pub mod partition;
pub mod turning_point;
