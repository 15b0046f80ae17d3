//! Networks that are no chains: a tile of samples through a graph and back, step by step.
//!
//! Every value has a buffer of rows, a sample each, `[unit, replica]`, of an image `[place, channel, replica]`; steps that
//! may overwrite what they read share it ([`walk`]). Dense layers, their gradients and the step are those of chains. Behind
//! its step backward, a buffer's gradient is the one with respect to what the step read.
//!
//! Invariant: no sum depends on the number of replicas side by side.

mod convolution;
mod depthwise;
mod normalise;
mod normalise_batch;
mod pool;
mod rows;
mod slot;
pub(super) mod steps;
pub(super) mod tiles;
pub(super) mod walk;
