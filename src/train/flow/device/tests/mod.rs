//! Flows on a device against the same on the host, against themselves alone, cut and in other blocks, and how often the host
//! waits. On flex, or on the device that PHASESWEEP_TEST_DEVICE names.
#![allow(clippy::unwrap_used)]

mod gram;
mod host;
mod itself;
mod waits;

use super::{Cut, DeviceFlowEngine};
use crate::device::{Doubles, device_under_test};
use crate::sweep::Precision;
use crate::train::flow::FlowState;
use crate::train::{Engine, Problem, Replica, ReplicaState};

/// Tiles of sixteen samples, so that sums over tiles are part of every test, blocks that no length of a flow divides, and kernels
/// of every size on the device.
const CUT: Cut = Cut { samples: Some(16), block: 7, stack: usize::MAX, kernel: 0.0 };

/// The precisions that the device has.
fn precisions() -> Vec<Precision> {
    let doubles = Doubles::of(&device_under_test()) == Doubles::Images;
    [Precision::F32].into_iter().chain(doubles.then_some(Precision::F64)).collect()
}

fn fresh(problem: &Problem, replicas: &[Replica]) -> Vec<ReplicaState> {
    replicas.iter().map(|replica| ReplicaState::fresh(problem, replica)).collect()
}

fn engine(problem: &Problem, replicas: &[Replica], states: Vec<ReplicaState>, cut: Cut) -> DeviceFlowEngine {
    DeviceFlowEngine::cut(device_under_test(), Doubles::Images, problem, replicas, states, 2, cut).unwrap()
}

fn run(problem: &Problem, replicas: &[Replica], cut: Cut) -> Vec<ReplicaState> {
    let mut engine = engine(problem, replicas, fresh(problem, replicas), cut);
    assert_eq!(engine.stays_on_host(), None);
    engine.advance(problem.epochs + 1).unwrap();
    engine.states().unwrap()
}

fn flow(state: &ReplicaState) -> &FlowState {
    state.flow.as_deref().unwrap()
}
