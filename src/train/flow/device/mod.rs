//! Gradient flows on a device of burn's: replicas stacked, the steps of all taken and judged there, in blocks of trials.
//!
//! - [`stacked`] is f and Σ c ∂f of a stack on the device, [`pull`] the losses there, [`stepper`] a block of trials, in the
//!   precision of [`place`], [`gram`] the products of tangent kernels.
//! - [`stack`] is a stack: what the device has of its replicas, and the host's half of each
//!   ([`Steered`]), which measures by the code of flows on the host.
//!
//! A device follows every network that a flow has, in double precision where it computes so; a flow that asks for more than the
//! device has is followed on the host, as it is without a device. A block ends for a replica where something may be due: an epoch that is
//! recorded, a stage, an end. There it waits until the block is over, and the host fetches its parameters and f and decides by
//! them.

mod gram;
mod place;
mod pull;
mod stack;
mod stacked;
mod stepper;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use ::burn::tensor::Device;
use phasesweep_networks::Graph;
use phasesweep_passes::Real;
use rayon::prelude::*;

use self::gram::DeviceKernels;
use self::place::Place;
use self::stack::{Joining, Stack};
use self::stacked::Stacked;
use self::stepper::{Shared, Tile};
use super::basis::SharedInputs;
use super::margin::MarginLoss;
use super::network::Network;
use super::plain::StageWeights;
use super::tangent::Kernels;
use super::trajectory::{Steered, Trajectory, signs};
use super::{FlowEngine, FlowProblem, admitted, shared, team};
use crate::device::{Doubles, largest_tensor, longest_sum, samples_at_once, shown};
use crate::observables::Position;
use crate::sweep::{Flow, Precision};
use crate::train::burn::failure::{guarded, told_apart};
use crate::train::{Engine, Problem, Replica, ReplicaState, TrainError};

/// Trials between two fetches.
const BLOCK: usize = 64;

/// Whether a device that computes these doubles follows a flow on such a graph.
///
/// # Errors
/// Why the flow stays on the host.
pub fn followed_on_device(graph: &Graph, precision: Precision, doubles: Doubles) -> Result<(), String> {
    let asked = Doubles::for_graph(graph);
    let lacks = match asked {
        Doubles::Images => "does not convolve in double precision",
        _ => "does not compute in double precision",
    };
    if precision == Precision::F64 && doubles < asked {
        return Err(format!("the device {lacks} (precision = \"f32\" is followed there)"));
    }
    Ok(())
}

/// Whether a device sums over so many samples, as a flow does over all of them.
///
/// # Errors
/// Why the flow stays on the host.
fn summed_on_device(device: &Device, samples: usize) -> Result<(), String> {
    let longest = longest_sum(device);
    if samples > longest {
        return Err(format!("the device ends a sum after {longest} numbers, and there are {samples} samples"));
    }
    Ok(())
}

/// Multiplications and additions of a trial (forward, and back to the gradient) below which a flow stays on the host. A trial of a
/// stack takes a device as long as its operations take to be started, 2.8 ms on an H200, however small the flow: 64 flows of 256
/// samples and 200 units (2 million operations) took 42 s there, and 11 s on two threads of a CPU. Kernels, too, which take a CPU a
/// hundredth of a second then.
const WORTH_A_DEVICE: f64 = 1e8;

/// Whether a flow on so many samples is large enough for a device.
///
/// The answer is of the flow alone, and not of who else is followed: where a cell is followed, and its last digits, do not depend on
/// its neighbours.
///
/// # Errors
/// Why the flow stays on the host.
pub fn worth_a_device(graph: &Graph, samples: usize) -> Result<(), String> {
    let trial = 6.0 * graph.products() as f64 * samples as f64;
    if trial >= WORTH_A_DEVICE {
        return Ok(());
    }
    Err(format!("a trial step of {:.1} million operations is sooner done there", trial / 1e6))
}

/// How a cohort is cut on a device.
#[derive(Debug, Clone, Copy)]
struct Cut {
    /// Samples in a tile; `None`: as suits the network.
    samples: Option<usize>,
    /// Trials in a block.
    block: usize,
    /// Replicas of a stack at most, if the device has no smaller limit.
    stack: usize,
    /// Multiplications from which on the device computes a tangent kernel.
    kernel: f64,
}

/// The engine of gradient flows on a device.
pub struct DeviceFlowEngine {
    device: Device,
    replicas: usize,
    stacks: Vec<Stack>,
    /// Those that the device does not follow, by their places in the cohort, and why not.
    on_host: Option<(Vec<usize>, FlowEngine, String)>,
    pool: rayon::ThreadPool,
    /// Whether the device computes tangent kernels where they are large.
    computes_kernels: bool,
    /// Whether a call failed: half a block may be recorded then.
    has_failed: bool,
}

impl DeviceFlowEngine {
    /// Puts a cohort on a device, which computes these doubles; up to `threads` threads measure,
    /// and follow what the device does not.
    ///
    /// # Errors
    /// As [`FlowEngine::new`], and [`TrainError`] if the device fails.
    pub fn new(
        device: Device,
        doubles: Doubles,
        problem: &Problem,
        replicas: &[Replica],
        states: Vec<ReplicaState>,
        threads: usize,
    ) -> Result<DeviceFlowEngine, TrainError> {
        let cut = Cut { samples: None, block: BLOCK, stack: usize::MAX, kernel: WORTH_A_DEVICE };
        DeviceFlowEngine::cut(device, doubles, problem, replicas, states, threads, cut)
    }

    /// As [`DeviceFlowEngine::new`], cut so.
    fn cut(
        device: Device,
        doubles: Doubles,
        problem: &Problem,
        replicas: &[Replica],
        states: Vec<ReplicaState>,
        threads: usize,
        cut: Cut,
    ) -> Result<DeviceFlowEngine, TrainError> {
        let (flow, network, numbers) = admitted(problem, replicas, &states)?;
        let graph = problem.graph().map_err(|misfit| TrainError::Device(misfit.to_string()))?;
        let (mut on_host, mut why) = (Vec::new(), String::new());
        let mut on_device: [Vec<(usize, Flow, ReplicaState)>; 2] = [Vec::new(), Vec::new()];
        let mut host_states = Vec::new();
        for (place, (numbers, state)) in numbers.into_iter().zip(states).enumerate() {
            let followed = followed_on_device(&graph, numbers.precision, doubles);
            match followed.and_then(|()| summed_on_device(&device, problem.train().len())) {
                Ok(()) => on_device[usize::from(numbers.precision == Precision::F64)].push((place, numbers, state)),
                Err(reason) => {
                    why = reason;
                    on_host.push(place);
                    host_states.push(state);
                }
            }
        }
        let pool = team(threads.max(1))?;
        let kernels =
            DeviceKernels::on(&device, doubles, cut.kernel).map(|kernels| Arc::new(kernels) as Arc<dyn Kernels>);
        let mut stacks = Vec::new();
        for (precision, members) in [Precision::F32, Precision::F64].into_iter().zip(on_device) {
            if members.is_empty() {
                continue;
            }
            let place = Place { device: device.clone(), precision };
            let of_precision = Cohort {
                problem,
                flow,
                network: &network,
                graph: &graph,
                replicas,
                place,
                kernels: kernels.clone(),
                cut,
            };
            let made = match precision {
                Precision::F32 => of_precision.stacks::<f32>(members, &pool),
                Precision::F64 => of_precision.stacks::<f64>(members, &pool),
            };
            stacks.extend(made.map_err(|error| told_apart(error, &device))?);
        }
        let on_host = match on_host.is_empty() {
            true => None,
            false => {
                let of_host: Vec<Replica> = on_host.iter().map(|&place| replicas[place].clone()).collect();
                Some((on_host, FlowEngine::new(problem, &of_host, host_states, threads)?, why))
            }
        };
        let (replicas, computes_kernels) = (replicas.len(), kernels.is_some());
        Ok(DeviceFlowEngine { device, replicas, stacks, on_host, pool, computes_kernels, has_failed: false })
    }

    /// Why some of the flows are not followed on the device; `None` if all are.
    pub fn stays_on_host(&self) -> Option<&str> {
        self.on_host.as_ref().map(|(_, _, why)| why.as_str())
    }

    fn advance_stacks(&mut self, until: usize) -> Result<(), TrainError> {
        let pool = &self.pool;
        let mut stacks = self.stacks.iter_mut();
        guarded(|| stacks.try_for_each(|stack| stack.advance(until, pool)))
    }
}

/// The replicas of a cohort that a device follows in one precision.
struct Cohort<'a> {
    problem: &'a Problem,
    flow: &'a FlowProblem,
    network: &'a Network,
    /// The same, with its one output.
    graph: &'a Graph,
    /// All of the cohort.
    replicas: &'a [Replica],
    place: Place,
    kernels: Option<Arc<dyn Kernels>>,
    cut: Cut,
}

impl Cohort<'_> {
    /// Puts them on the device, in as few stacks as its largest tensor allows.
    fn stacks<T: Real>(
        &self,
        members: Vec<(usize, Flow, ReplicaState)>,
        pool: &rayon::ThreadPool,
    ) -> Result<Vec<Stack>, TrainError> {
        let network = Stacked::of(self.network, self.graph.clone());
        let samples = self.problem.train().len();
        let at_once = samples_at_once(&self.place.device, self.graph);
        let tile = self.cut.samples.unwrap_or_else(|| tile_samples(&network)).min(samples).min(at_once).max(1);
        // What a replica has of the largest tensor.
        let numbers = (network.widest() * tile).max(network.largest()).max(samples);
        let bytes = if self.place.precision == Precision::F64 { 8 } else { 4 };
        let limit = largest_tensor(&self.place.device).and_then(|bytes| usize::try_from(bytes).ok());
        let most = (limit.unwrap_or(usize::MAX) / (bytes * numbers)).clamp(1, self.cut.stack);
        let on_host: Arc<SharedInputs<T>> = shared::<T>(self.problem, self.flow, self.network, self.kernels.clone());
        let build = |(place, numbers, state): (usize, Flow, ReplicaState)| {
            let replica = &self.replicas[place];
            let flow: Box<dyn Steered> = Box::new(Trajectory::steered(on_host.clone(), replica, numbers, state));
            Joining { place, replica, numbers, flow }
        };
        let mut replicas: Vec<_> = pool.install(|| members.into_par_iter().map(build).collect());
        guarded(|| {
            let on_device = Arc::new(self.samples(network, tile));
            let mut stacks = Vec::new();
            while !replicas.is_empty() {
                let rest = replicas.split_off(most.min(replicas.len()));
                stacks.push(Stack::new(on_device.clone(), std::mem::replace(&mut replicas, rest), self.cut.block)?);
            }
            Ok(stacks)
        })
    }

    /// Copies the training samples to the device, in tiles of so many.
    fn samples(&self, network: Stacked, tile: usize) -> Shared {
        let (place, train, inputs) = (&self.place, self.problem.train(), self.problem.block.inputs());
        let labels = signs(&train.y);
        let tiles = labels.chunks(tile).enumerate().map(|(number, y)| {
            let (start, len) = (number * tile, y.len());
            let x = train.x[start * inputs..(start + len) * inputs].iter().map(|&x| f64::from(x)).collect();
            let (x, y) = (place.tensor(x, [len, inputs]), place.tensor(y.to_vec(), [1, 1, len]));
            Tile { start, len, x, y }
        });
        Shared {
            tiles: tiles.collect(),
            loss: MarginLoss::new(self.problem.loss, self.flow.hinge_beta),
            y: place.tensor(labels.clone(), [1, 1, labels.len()]),
            sums_losses: !self.flow.observe.kernel_losses.is_empty(),
            network,
            place: place.clone(),
        }
    }
}

/// Samples in a tile: sixteen megabytes of its widest layer in single precision, of each replica. It does not depend on how
/// many there are, so that sums over tiles do not either.
fn tile_samples(network: &Stacked) -> usize {
    ((1 << 22) / network.widest() / 64 * 64).clamp(64, 1 << 20)
}

impl Engine for DeviceFlowEngine {
    fn advance_to(&mut self, until: Position) -> Result<(), TrainError> {
        if self.has_failed {
            return Err(TrainError::Device("it failed before".to_owned()));
        }
        let done = self.advance_stacks(until.epoch).map_err(|error| told_apart(error, &self.device));
        let done = done.and_then(|()| self.on_host.as_mut().map_or(Ok(()), |(_, engine, _)| engine.advance_to(until)));
        self.has_failed = done.is_err();
        done
    }

    /// The replicas' states; none after a failure, which may have left half a block recorded.
    fn states(&mut self) -> Result<Vec<ReplicaState>, TrainError> {
        if self.has_failed {
            return Err(TrainError::Device("it failed before; the last checkpoint holds what was trained".to_owned()));
        }
        let mut stacks = self.stacks.iter_mut();
        guarded(|| stacks.try_for_each(Stack::arrive)).map_err(|error| told_apart(error, &self.device))?;
        let mut states: Vec<Option<ReplicaState>> = vec![None; self.replicas];
        for (place, flow) in self.stacks.iter_mut().flat_map(Stack::flows) {
            states[place] = Some(flow.state());
        }
        if let Some((places, engine, _)) = &mut self.on_host {
            for (&place, state) in places.iter().zip(engine.states()?) {
                states[place] = Some(state);
            }
        }
        Ok(states.into_iter().flatten().collect())
    }

    fn stages(&mut self) -> Vec<StageWeights> {
        let at = |place: usize, kept: Vec<StageWeights>| {
            kept.into_iter().map(move |stage| StageWeights { replica: place, ..stage })
        };
        let of_device = self.stacks.iter_mut().flat_map(Stack::flows);
        let mut all: Vec<StageWeights> = of_device.flat_map(|(place, flow)| at(place, flow.stages())).collect();
        if let Some((places, engine, _)) = &mut self.on_host {
            all.extend(
                engine.stages().into_iter().map(|stage| StageWeights { replica: places[stage.replica], ..stage }),
            );
        }
        all
    }

    fn describe(&self) -> String {
        let device = shown(&self.device);
        let kernels = if self.computes_kernels { ", and its large kernels" } else { "" };
        let here = (!self.stacks.is_empty())
            .then(|| format!("gradient flow{kernels} on {device}, {} stack(s)", self.stacks.len()));
        let on_host = self
            .on_host
            .as_ref()
            .map(|(places, engine, why)| format!("{} on the host, since {why}: {}", places.len(), engine.describe()));
        here.into_iter().chain(on_host).collect::<Vec<_>>().join("; ")
    }
}
