//! Where a flow is: what its checkpoint holds besides the record.
//!
//! Invariant: the state decides everything that follows, so that a flow goes on from it to the bits of an unbroken one.

use phasesweep_results::FlowStop;

use super::network::Network;
use super::problem::FlowProblem;
use crate::train::{Problem, Replica};

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
    /// The state at time 0; without parameters where the network cannot be built, which the engine refuses.
    pub fn fresh(problem: &Problem, flow: &FlowProblem, replica: &Replica) -> FlowState {
        let network = Network::new(&problem.architecture, problem.activation, flow.mean_field, &problem.block);
        let parameters = network.map_or_else(Vec::new, |network| {
            network.initial(replica.seed, &problem.architecture, flow.mean_field, replica.init_scale, &problem.block)
        });
        FlowState { parameters, ..FlowState::default() }
    }
}
