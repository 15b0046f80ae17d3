//! What is measured of a network along training: pure functions of tensors or of trajectories.
