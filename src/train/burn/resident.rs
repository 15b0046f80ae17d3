//! What all stacks of a cohort share, on the device: samples, labels, and how they are cut into tiles.
//!
//! Invariants: `x` is `[n, d]`, one copy, and tiles are views of it; one-hot labels are `[1, class, n]`; the tiles
//! cover the samples in order.

use ::burn::tensor::{Device, Int, Tensor, TensorData};

use phasesweep_optimisers::Rule;

use super::flex::on_flex;
use crate::device::{largest_tensor, longest_sum, samples_at_once};
use crate::sweep::Batch;
use crate::train::{Problem, TrainError};
use phasesweep_networks::{Graph, Misfit};

/// A run of samples that goes through the network at once.
#[derive(Debug, Clone)]
pub(super) struct Tile {
    /// First sample.
    pub(super) start: usize,
    /// Samples.
    pub(super) len: usize,
    /// Inputs `[len, d]`.
    pub(super) x: Tensor<2>,
    /// One-hot labels `[1, class, len]`.
    pub(super) onehot: Tensor<3>,
    /// Labels `[1, 1, len]`.
    pub(super) label: Tensor<3, Int>,
}

/// The problem, with its samples on the device.
#[derive(Debug)]
pub(super) struct Resident {
    /// The problem.
    pub(super) problem: Problem,
    /// Its update rule.
    pub(super) rule: Rule,
    /// The device.
    pub(super) device: Device,
    /// The network.
    pub(super) graph: Graph,
    /// Training inputs `[n, d]`.
    pub(super) x: Tensor<2>,
    /// Training labels, one-hot `[n, class]`.
    pub(super) onehot: Tensor<2>,
    /// The training samples.
    pub(super) train: Vec<Tile>,
    /// The training samples in one tile, where every step takes the batch's own moments of all of them: batch normalisation
    /// with full batches.
    pub(super) whole: Option<Tile>,
    /// The test sets: plain, then noisy.
    pub(super) tests: Vec<Vec<Tile>>,
}

impl Resident {
    /// Copies the samples to the device. `stack` is the number of replicas that go through the network together;
    /// `rows`, the samples in a tile, follow from it unless given.
    ///
    /// # Errors
    /// [`TrainError::Device`] if the network cannot be built on this block, or is to follow a gradient flow.
    pub(super) fn new(
        device: &Device,
        problem: &Problem,
        stack: usize,
        rows: Option<usize>,
    ) -> Result<Resident, TrainError> {
        let graph = problem.graph().map_err(|misfit: Misfit| {
            let label = problem.architecture.label();
            TrainError::Device(format!(
                "{label} cannot be built: {misfit} (normalise = \"sphere\" or \"none\" keeps all)"
            ))
        })?;
        let rule = problem
            .optimiser
            .rule()
            .ok_or_else(|| TrainError::Device("gradient flows have an engine of their own".to_owned()))?;
        let at_once = samples_at_once(device, &graph);
        let rows = rows.unwrap_or_else(|| tile_rows(device, &graph, stack)).min(at_once).max(1);
        let stepped = match problem.batch {
            Batch::Mini { size } => size.min(problem.block.train.len()),
            Batch::Full if graph.averaged() > 0 => problem.block.train.len(),
            Batch::Full => rows,
        };
        if stepped > at_once {
            return Err(TrainError::Device(format!(
                "the device ends a sum after {} numbers and drops the rest, as Mesa's software renderer does, and steps on \
                 {stepped} samples of this network need longer ones: take batches of at most {at_once} samples, or another \
                 device (`--device flex` is the CPU)",
                longest_sum(device)
            )));
        }
        let (inputs, classes) = (problem.block.inputs(), problem.block.classes);
        let upload = |x: &[f32]| {
            let samples = x.len() / inputs;
            Tensor::<2>::from_data(TensorData::new(x.to_vec(), [samples, inputs]), device)
        };
        let x = upload(&problem.block.train.x);
        let (train, onehot) = tiles(device, &x, &problem.block.train.y, classes, rows);
        let whole = (graph.averaged() > 0 && problem.batch == Batch::Full)
            .then(|| tiles(device, &x, &problem.block.train.y, classes, problem.block.train.len().max(1)).0.pop())
            .flatten();
        let tests = problem
            .test_inputs()
            .map(|inputs| tiles(device, &upload(inputs), &problem.block.test.y, classes, rows).0)
            .collect();
        Ok(Resident { problem: problem.clone(), rule, device: device.clone(), graph, x, onehot, train, whole, tests })
    }

    /// Number of training samples.
    pub(super) fn samples(&self) -> usize {
        self.problem.block.train.len()
    }

    /// A tensor from host memory.
    pub(super) fn tensor<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }
}

/// Cuts samples into tiles of `rows`; also their one-hot labels `[n, class]`.
fn tiles(device: &Device, x: &Tensor<2>, y: &[u16], classes: usize, rows: usize) -> (Vec<Tile>, Tensor<2>) {
    let n = y.len();
    let mut hot = vec![0.0f32; n * classes];
    for (sample, &label) in y.iter().enumerate() {
        hot[sample * classes + usize::from(label)] = 1.0;
    }
    let hot = Tensor::<2>::from_data(TensorData::new(hot, [n, classes]), device);
    let labels: Vec<i64> = y.iter().map(|&label| i64::from(label)).collect();
    let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [n]), device);
    let tile = |start: usize| {
        let len = rows.min(n - start);
        // Class-major labels are small; a copy keeps every later pass over them contiguous.
        let mut across = vec![0.0f32; classes * len];
        for (place, &label) in y[start..start + len].iter().enumerate() {
            across[usize::from(label) * len + place] = 1.0;
        }
        Tile {
            start,
            len,
            x: x.clone().narrow(0, start, len),
            onehot: Tensor::from_data(TensorData::new(across, [1, classes, len]), device),
            label: labels.clone().narrow(0, start, len).reshape([1, 1, len]),
        }
    };
    ((0..n).step_by(rows).map(tile).collect(), hot)
}

/// Samples in a tile. On flex, whose elementwise passes run one after the other over memory, a tile's widest layer
/// should stay in the second-level cache; elsewhere it should only fit the memory, and the largest tensor that the device's driver
/// takes. A multiple of 64.
fn tile_rows(device: &Device, graph: &Graph, stack: usize) -> usize {
    let widest = graph.layers().map(|(node, _)| node.extent.size()).max().unwrap_or(1) * stack.max(1);
    let (bytes, least) = if on_flex(device) {
        (1 << 20, 256)
    } else {
        let limit = largest_tensor(device).and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(usize::MAX);
        (limit.min(1 << 31), 64)
    };
    (bytes / (4 * widest) / 64 * 64).clamp(least, 1 << 20)
}
