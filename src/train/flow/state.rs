//! Where a flow is: what its checkpoint holds besides the record.
//!
//! Invariant: the state decides everything that follows, so that a flow goes on from it to the bits of an unbroken one.

use phasesweep_results::FlowStop;

/// A flow's state.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FlowState {
    /// Parameters; in single precision their exact values.
    pub parameters: Vec<f64>,
    /// Time t.
    pub time: f64,
    /// Length of the next step to be tried; 0 before the first.
    pub step: f64,
    /// Steps tried and not taken.
    pub rejected: u64,
    /// Why it ended; `None` as long as it has not.
    pub stop: Option<FlowStop>,
}

impl FlowState {
    /// The state at time 0.
    pub fn fresh(parameters: Vec<f64>) -> FlowState {
        FlowState { parameters, ..FlowState::default() }
    }
}
