//! What is measured of a network along training: pure functions of tensors or of trajectories.

pub mod local_complexity;
pub mod manifold;
pub mod misclassified;
pub mod network;
pub mod principal;
pub mod robustness;
pub mod turning_point;
