//! Derivatives of the training losses of replicas, of all of them in one program and in double precision, for observables.
//!
//! Gradients go by the passes of training; products with Hessians by [`super::hessian`]. Invariants: replicas never mix; rows go
//! through in blocks, each of which is computed anew for everything that is asked for, so that nothing needs more memory than a
//! block; a graph has no batch normalisation.

use ::burn::tensor::{DType, Device, Int, Tensor, TensorData};
use phasesweep_networks::Graph;

use super::failure::guarded;
use super::hessian;
use super::input::Input;
use super::network::{self, Mode, Pass, Value};
use super::parameters::{LayerParameters, Parameters};
use super::transfer;
use crate::device::wide;
use crate::observe::device::{DeviceDerivatives, DeviceFailure, Fit, TrainingLosses};
use crate::train::TrainError;

/// A block of rows.
#[derive(Debug, Clone, Copy)]
struct Block {
    first: usize,
    rows: usize,
}

/// The training losses of replicas at their parameters.
#[derive(Debug)]
pub(super) struct Derivatives<'g> {
    device: Device,
    graph: &'g Graph,
    /// In double precision.
    parameters: Parameters,
    replicas: usize,
    fit: Fit,
    /// `[sample, input]`, as they are trained on.
    inputs: Tensor<2>,
    /// `[sample, class]`
    targets: Tensor<2>,
    /// The sample of each row, `[replica, row]`; `None`: all samples are the rows of each.
    samples: Option<Tensor<2, Int>>,
    /// `[replica, 1, row]`
    shares: Tensor<3>,
    /// Rows in all.
    rows: usize,
    /// Rows of a block.
    at_once: usize,
}

impl<'g> Derivatives<'g> {
    /// Of networks with these parameters; a node has `most` numbers or so of all replicas and rows of a block.
    pub(super) fn new(
        device: &Device,
        graph: &'g Graph,
        parameters: Parameters,
        losses: &TrainingLosses,
        most: usize,
    ) -> Derivatives<'g> {
        let (replicas, rows) = (losses.shares.len(), losses.rows());
        let node = |place: Option<usize>| place.map_or(1, |place| graph.nodes()[place].extent.size().max(1));
        let (inputs, classes) = (node(Some(0)), node(graph.nodes().len().checked_sub(1)));
        // Values, their derivatives, gradients and theirs of every node are alive at once, of eight bytes in place of four.
        let numbers: usize = graph.nodes().iter().map(|node| node.extent.size()).sum();
        let at_once = (most / (8 * replicas * numbers).max(1)).clamp(1, rows.max(1));
        let matrix = |width: usize, count: usize| [count / width, width];
        let samples = losses.samples.as_ref().map(|samples| {
            let places: Vec<i64> = samples.iter().flatten().map(|&place| place as i64).collect();
            Tensor::from_data(TensorData::new(places, [replicas, rows]), device)
        });
        let shape = matrix(inputs, losses.inputs.len());
        Derivatives {
            device: device.clone(),
            graph,
            parameters: parameters.map(|tensor| tensor.cast(DType::F64)),
            replicas,
            fit: losses.fit,
            inputs: Tensor::from_data(TensorData::new(losses.inputs.clone(), shape), device),
            targets: wide(device, losses.targets.clone(), matrix(classes, losses.targets.len())),
            samples,
            shares: of_rows(device, &losses.shares),
            rows,
            at_once,
        }
    }

    fn blocks(&self) -> impl Iterator<Item = Block> {
        (0..self.rows).step_by(self.at_once).map(|first| Block { first, rows: self.at_once.min(self.rows - first) })
    }

    /// The rows of a block of a table `[sample, number]`: all replicas' or each its own.
    fn rows_of(&self, table: &Tensor<2>, block: Block) -> Input {
        match &self.samples {
            None => Input::Each(table.clone().narrow(0, block.first, block.rows).cast(DType::F64)),
            Some(samples) => {
                let [_, numbers] = table.dims();
                let places = samples.clone().narrow(1, block.first, block.rows).reshape([self.replicas * block.rows]);
                let own = table.clone().select(0, places).reshape([self.replicas, block.rows, numbers]);
                Input::Own(own.cast(DType::F64))
            }
        }
    }

    /// What is wanted of the outputs of a block, `[1 or replica, class, row]`.
    fn targets(&self, block: Block) -> Tensor<3> {
        match self.rows_of(&self.targets, block) {
            Input::Shared(t) | Input::Each(t) => t.transpose().unsqueeze(),
            Input::Own(t) => t.swap_dims(1, 2),
        }
    }

    fn shares(&self, block: Block) -> Tensor<3> {
        self.shares.clone().narrow(2, block.first, block.rows)
    }

    /// The gradient of the losses at the outputs, and its derivative where these move along a tangent: both times the rows'
    /// shares.
    fn at_outputs(&self, block: Block, outputs: Tensor<3>, tangent: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        let (answer, shares) = (self.answer(outputs), self.shares(block));
        let along = match self.fit {
            Fit::Probabilities => {
                let mean = (answer.clone() * tangent.clone()).sum_dim(1);
                answer.clone() * (tangent - mean)
            }
            Fit::Outputs => {
                let classes = tangent.dims()[1] as f64;
                tangent.mul_scalar(2.0 / classes)
            }
        };
        (self.slope(block, answer) * shares.clone(), along * shares)
    }

    /// What is held against the targets.
    fn answer(&self, outputs: Tensor<3>) -> Tensor<3> {
        match self.fit {
            Fit::Probabilities => softmax(outputs),
            Fit::Outputs => outputs,
        }
    }

    /// The gradient of each row's own loss at its outputs, `[replica, class, row]`, from their [`Derivatives::answer`].
    fn slope(&self, block: Block, answer: Tensor<3>) -> Tensor<3> {
        let difference = answer - self.targets(block);
        match self.fit {
            Fit::Probabilities => difference,
            Fit::Outputs => {
                let classes = difference.dims()[1] as f64;
                difference.mul_scalar(2.0 / classes)
            }
        }
    }

    /// Through the network, and the gradient of each row's own loss at its outputs.
    fn pass(&self, block: Block) -> (Pass, Tensor<3>) {
        let none = Parameters(Vec::new());
        let input = self.rows_of(&self.inputs, block);
        let pass = network::forward(self.graph, &self.parameters, &none, input, &Mode::Training(None));
        let slope = self.slope(block, self.answer(pass.outputs()));
        (pass, slope)
    }

    /// Sums over rows of factors `[replica, 1, row]` times the gradients of their own losses.
    fn summed(&self, factors: &Tensor<3>) -> Result<Vec<Vec<f64>>, TrainError> {
        let of_block = |block: Block| {
            let (pass, slope) = self.pass(block);
            let factors = factors.clone().narrow(2, block.first, block.rows);
            pass.backward(self.graph, &self.parameters, slope * factors)
        };
        let sum = self.blocks().map(of_block).reduce(|sum, own| sum.zip(own, |a, b| a + b));
        sum.unwrap_or_else(|| self.parameters.clone().map(|tensor| tensor.zeros_like())).download_wide(self.replicas)
    }
}

/// Numbers of the rows of each replica, `[replica, 1, row]`.
fn of_rows(device: &Device, numbers: &[Vec<f64>]) -> Tensor<3> {
    wide(device, numbers.concat(), [numbers.len(), 1, numbers.first().map_or(0, Vec::len)])
}

fn softmax(outputs: Tensor<3>) -> Tensor<3> {
    let highest = outputs.clone().max_dim(1);
    let exponential = (outputs - highest).exp();
    exponential.clone() / exponential.sum_dim(1)
}

/// Runs what may fail on the device.
fn on_device<T>(work: impl FnOnce() -> Result<T, TrainError>) -> Result<T, DeviceFailure> {
    guarded(work).map_err(|error| DeviceFailure(Box::new(error)))
}

impl DeviceDerivatives for Derivatives<'_> {
    fn gradients(&self) -> Result<Vec<Vec<f64>>, DeviceFailure> {
        on_device(|| self.summed(&self.shares))
    }

    fn combinations(&self, factors: &[Vec<f64>]) -> Result<Vec<Vec<f64>>, DeviceFailure> {
        on_device(|| self.summed(&of_rows(&self.device, factors)))
    }

    fn squares(&self) -> Result<Vec<Vec<f64>>, DeviceFailure> {
        on_device(|| {
            let of_block = |block: Block| {
                let (pass, slope) = self.pass(block);
                pass.squares(self.graph, &self.parameters, slope)
            };
            let blocks = transfer::fetch_wide(self.blocks().map(of_block).collect())?;
            let mut found = vec![Vec::new(); self.replicas];
            for (block, squares) in self.blocks().zip(blocks) {
                found
                    .iter_mut()
                    .zip(squares.chunks_exact(block.rows))
                    .for_each(|(all, own)| all.extend_from_slice(own));
            }
            Ok(found)
        })
    }

    fn products(&self, vectors: &[Vec<f64>]) -> Result<Vec<Vec<f64>>, DeviceFailure> {
        on_device(|| {
            let vectors: Vec<&[f64]> = vectors.iter().map(Vec::as_slice).collect();
            let direction =
                Parameters::laid_out(self.graph, &vectors, |values, shape| wide(&self.device, values, shape));
            let mut total: Vec<Option<LayerParameters>> = vec![None; self.parameters.0.len()];
            for block in self.blocks() {
                let at_outputs = |outputs, tangent| self.at_outputs(block, outputs, tangent);
                let inputs = Value::Rows(self.rows_of(&self.inputs, block)).units(self.replicas);
                let own = hessian::products(self.graph, &self.parameters, inputs, &direction, at_outputs);
                for (sum, own) in total.iter_mut().zip(own) {
                    *sum = added(sum.take(), own);
                }
            }
            self.parameters.with_zeros(total).download_wide(self.replicas)
        })
    }
}

/// The sum of what is there.
fn added(a: Option<LayerParameters>, b: Option<LayerParameters>) -> Option<LayerParameters> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.zip(b, |a, b| a + b)),
        (a, b) => a.or(b),
    }
}
