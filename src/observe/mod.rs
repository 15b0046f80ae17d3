//! A network on the host, what a device is asked of one, and the rules that trajectories are judged by.

pub mod batch;
pub mod device;
pub mod gram;
pub mod information;
pub mod network;
mod operations;
#[cfg(test)]
mod random;
pub mod spectrum;
pub mod twonn;

// The rules that the analysis applies too.
pub use phasesweep_results::{principal, turning_point};
