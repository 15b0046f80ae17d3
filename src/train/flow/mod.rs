//! Gradient flow of a cohort of replicas (Paccolat et al. 2021): each with its own α, step lengths and end.
//!
//! - [`trajectory`] is one replica's flow from one [`flow_point`] to the next, [`control`] how long its steps may be,
//!   [`margin`] the losses, [`active_set`] the samples that a step has to evaluate, [`screening`] when that set is renewed,
//!   [`basis`] what does not change along a flow.
//! - [`field`] is f and Σ c ∂f: [`shallow`] for one hidden layer of rectifiers ([`packed`]), [`deep`] for other chains of
//!   layers, [`phasesweep_passes`] for every other graph, in the two precisions of [`Real`].
//! - [`device`] follows flows on a device, as far as a [`leg`] goes, and measures them on the host.
//! - [`plain`] is what is kept and measured of a flow's weights: those of the plain network that computes the same.
//! - [`measure`], [`neurons`] and [`stage`] say what is recorded ([`crate::observables::flow`]): [`tangent`] the tangent kernel,
//!   [`crate::observe::spectrum`] what its eigenvectors know of the labels, [`frozen`] what the frozen kernel would learn: by
//!   [`machine`] the machine of maximal margin, by [`kernel_flow`] that of the same flow; [`compressed`] the kernel of the start
//!   on compressed samples, [`crate::observe::twonn`] dimensions.
//!
//! Replicas share the samples, laid out once for each precision; everything else is a replica's own, so that replicas go
//! their ways in threads without waiting for each other within a slice. Where there are more threads than replicas left,
//! each replica has some of its own to cut its samples and neurons among. Invariant: a replica's numbers depend neither
//! on its neighbours, nor on the slices, nor on the threads.

mod active_set;
mod basis;
mod compressed;
mod control;
mod deep;
mod device;
mod field;
mod flow_point;
mod frozen;
mod kernel_flow;
mod leg;
mod machine;
mod margin;
mod measure;
mod network;
mod neurons;
mod packed;
mod patches;
mod plain;
mod problem;
mod screening;
mod shallow;
mod stage;
mod state;
mod tangent;
mod trajectory;
mod unit;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use rayon::prelude::*;

pub use device::{DeviceFlowEngine, followed_on_device, worth_a_device};
pub(super) use network::Network;
pub use network::followed;
pub use plain::StageWeights;
pub use problem::FlowProblem;
pub use state::FlowState;

use self::basis::SharedInputs;
use self::field::Field;
use self::margin::MarginLoss;
use self::tangent::Kernels;
use self::trajectory::{Flowing, Trajectory, fits, signs};
use super::{Engine, Problem, Replica, ReplicaState, TrainError};
use crate::observables::Position;
use crate::sweep::{Flow, Precision};
use phasesweep_passes::Real;

/// The engine of gradient flows.
pub struct FlowEngine {
    replicas: Vec<Box<dyn Flowing>>,
    threads: usize,
    pool: rayon::ThreadPool,
    /// Threads of each replica, when there are fewer of them than threads.
    teams: Vec<rayon::ThreadPool>,
}

impl FlowEngine {
    /// Takes over a cohort, to be trained by up to `threads` threads.
    ///
    /// # Errors
    /// [`TrainError::Device`] if the problem is no gradient flow, has more than two classes, or a network that cannot be
    /// built on its block, or if a state is of another network.
    pub fn new(
        problem: &Problem,
        replicas: &[Replica],
        states: Vec<ReplicaState>,
        threads: usize,
    ) -> Result<FlowEngine, TrainError> {
        let (flow, network, numbers) = admitted(problem, replicas, &states)?;
        let threads = threads.max(1);
        let pool = team(threads)?;
        let needs = |precision: Precision| numbers.iter().any(|numbers| numbers.precision == precision);
        let single = needs(Precision::F32).then(|| shared::<f32>(problem, flow, &network, None));
        let double = needs(Precision::F64).then(|| shared::<f64>(problem, flow, &network, None));
        let build = |((replica, numbers), state): ((&Replica, Flow), ReplicaState)| -> Option<Box<dyn Flowing>> {
            Some(match numbers.precision {
                Precision::F32 => Box::new(Trajectory::new(single.clone()?, replica, numbers, state)),
                Precision::F64 => Box::new(Trajectory::new(double.clone()?, replica, numbers, state)),
            })
        };
        let each: Vec<_> = replicas.iter().zip(numbers).zip(states).collect();
        let built: Option<Vec<_>> = pool.install(|| each.into_par_iter().map(build).collect());
        let Some(replicas) = built else {
            return Err(TrainError::Device("samples are missing in a replica's precision".to_owned()));
        };
        Ok(FlowEngine { replicas, threads, pool, teams: Vec::new() })
    }
}

/// What every engine of flows asks first: the problem's own part, its network, and the numbers of each replica.
fn admitted<'p>(
    problem: &'p Problem,
    replicas: &[Replica],
    states: &[ReplicaState],
) -> Result<(&'p FlowProblem, Network, Vec<Flow>), TrainError> {
    let refused = |what: &str| Err(TrainError::Device(what.to_owned()));
    let Some(flow) = &problem.flow else { return refused("the problem is no gradient flow") };
    if problem.block.classes != 2 {
        return refused("a gradient flow has one output, for two classes: choose labels = \"parity\" or the like");
    }
    let network = Network::new(&problem.architecture, problem.activation, flow.mean_field, &problem.block);
    let Some(network) = network else {
        let mean_field = flow.mean_field.is_some();
        let reason = problem.graph().map_err(|misfit| misfit.to_string());
        let reason = reason.and_then(|graph| followed(&graph, mean_field));
        let reason = reason.err().unwrap_or_else(|| "it has no layers".to_owned());
        return refused(&format!("{} cannot follow a gradient flow: {reason}", problem.architecture.label()));
    };
    if !states.iter().all(|state| fits(state, network.parameters)) {
        return refused("a state is of another network: the checkpoint does not belong to this sweep");
    }
    let numbers: Option<Vec<Flow>> = replicas.iter().map(|replica| replica.optimiser.flow).collect();
    let Some(numbers) = numbers else { return refused("a replica has no numbers of a flow") };
    Ok((flow, network, numbers))
}

fn team(threads: usize) -> Result<rayon::ThreadPool, TrainError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|error| TrainError::Device(format!("threads cannot be started: {error}")))
}

fn shared<T: Real>(
    problem: &Problem,
    flow: &FlowProblem,
    network: &Network,
    kernels: Option<Arc<dyn Kernels>>,
) -> Arc<SharedInputs<T>> {
    let field = Field::<T>::new(network.clone());
    let block = &problem.block;
    Arc::new(SharedInputs {
        loss: MarginLoss::new(problem.loss, flow.hinge_beta),
        train: field.points(&block.train.x),
        test: field.points(&block.test.x),
        labels: signs(&block.train.y),
        test_labels: signs(&block.test.y),
        network: network.clone(),
        flow: flow.clone(),
        problem: problem.clone(),
        kernels,
    })
}

impl Engine for FlowEngine {
    fn advance_to(&mut self, until: Position) -> Result<(), TrainError> {
        // A flow's step is an epoch: there is nothing between two of them.
        let until = until.epoch;
        let mut live: Vec<_> = self.replicas.iter_mut().filter(|replica| replica.goes_on(until)).collect();
        if live.len() >= self.threads {
            // One at a time, by whichever thread is free next: flows of one cohort may cost very differently.
            self.pool.install(|| live.par_iter_mut().with_max_len(1).for_each(|replica| replica.advance(until, false)));
            return Ok(());
        }
        if self.teams.len() != live.len() {
            let sizes = (0..live.len()).map(|k| (self.threads + k) / live.len());
            self.teams = sizes.map(team).collect::<Result<_, _>>()?;
        }
        std::thread::scope(|scope| {
            for (replica, team) in live.into_iter().zip(&self.teams) {
                scope.spawn(move || team.install(|| replica.advance(until, true)));
            }
        });
        Ok(())
    }

    fn states(&mut self) -> Result<Vec<ReplicaState>, TrainError> {
        Ok(self.replicas.iter().map(|replica| replica.state()).collect())
    }

    fn stages(&mut self) -> Vec<StageWeights> {
        let of_replica = |(place, replica): (usize, &mut Box<dyn Flowing>)| {
            let mut kept = replica.stages();
            kept.iter_mut().for_each(|stage| stage.replica = place);
            kept
        };
        self.replicas.iter_mut().enumerate().flat_map(of_replica).collect()
    }

    fn describe(&self) -> String {
        self.replicas.first().map_or_else(|| "gradient flow".to_owned(), |replica| replica.describe())
    }
}
