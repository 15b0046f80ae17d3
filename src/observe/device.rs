//! Networks of several replicas on a device: what observables that send many points through them are given where a device
//! trains.
//!
//! The traits stand here, beneath whoever trains; the engine of devices implements them. Values of a node are
//! `[replica, unit, row]`, an image as a vector of its channels' rows. A batch normalisation is γ x + β, as in
//! [`super::network`], whose numbers these are up to rounding. Invariant: a replica's numbers depend on its own parameters and
//! on the shapes of the call alone.

use std::error::Error;
use std::fmt;

use burn::tensor::{Device, Tensor};
use phasesweep_networks::Graph;

use crate::device::Doubles;

/// A device on which observables are measured.
pub trait ObservingDevice: fmt::Debug + Sync {
    /// The device.
    fn device(&self) -> &Device;

    /// What it computes in double precision.
    fn doubles(&self) -> Doubles;

    /// The networks of replicas with these parameters, those in evaluation, each as many as the graph has.
    fn networks<'g>(&self, graph: &'g Graph, parameters: &[&[f32]]) -> Box<dyn DeviceNetworks + 'g>;
}

/// Rows of inputs.
#[derive(Debug, Clone)]
pub enum Points {
    /// The same for every replica, `[row, input]`.
    Shared(Tensor<2>),
    /// Each replica its own, `[replica, row, input]`.
    Own(Tensor<3>),
}

/// Networks of replicas on a device.
pub trait DeviceNetworks {
    /// The device.
    fn device(&self) -> &Device;

    /// Numbers that the values of a node, of all replicas and rows of a call, should not exceed by far.
    fn most_numbers(&self) -> usize;

    /// The values of these nodes at points.
    fn values(&self, points: Points, nodes: &[usize]) -> Vec<Tensor<3>>;

    /// The values of these nodes, where those of the `known` ones are given, from which all others follow.
    fn values_beyond(&self, known: Vec<(usize, Tensor<3>)>, nodes: &[usize]) -> Vec<Tensor<3>>;

    /// A pass of points `[replica, row, input]` that can be gone back through.
    fn pass(&self, points: Tensor<3>) -> Box<dyn DevicePass + '_>;

    /// The derivatives of the networks' training losses, on a device that computes in double precision. The graph has no batch
    /// normalisation.
    fn derivatives(&self, losses: &TrainingLosses) -> Box<dyn DeviceDerivatives + '_>;

    /// The same graph's networks with other parameters, on the same device.
    fn at(&self, parameters: &[&[f32]]) -> Box<dyn DeviceNetworks + '_>;

    /// Waits for the values of tensors, each in row-major order.
    ///
    /// # Errors
    /// [`DeviceFailure`] if the device fails, now or in what it still had to do.
    fn fetch(&self, tensors: Vec<Tensor<2>>) -> Result<Vec<Vec<f32>>, DeviceFailure>;
}

/// Training losses of replicas: sums over rows of a share times the loss of the row's outputs.
#[derive(Debug)]
pub struct TrainingLosses {
    /// Inputs of samples, `[sample, input]`.
    pub inputs: Vec<f32>,
    /// What is wanted of the outputs, `[sample, class]`.
    pub targets: Vec<f64>,
    /// For each replica the samples that are its rows, as many for each; `None`: all samples are the rows of each, in their order.
    pub samples: Option<Vec<Vec<usize>>>,
    /// For each replica the share of each row; 0 where it does not count.
    pub shares: Vec<Vec<f64>>,
    /// What the targets are targets of.
    pub fit: Fit,
}

impl TrainingLosses {
    /// How many rows a replica has.
    pub fn rows(&self) -> usize {
        self.shares.first().map_or(0, Vec::len)
    }

    /// The rows of each replica that count, ascending.
    pub fn counted(&self) -> Vec<Vec<usize>> {
        let of_replica = |shares: &Vec<f64>| (0..shares.len()).filter(|&row| shares[row] > 0.0).collect();
        self.shares.iter().map(of_replica).collect()
    }
}

/// The loss of a row with outputs f and targets t.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// −Σ t log softmax(f), of targets that sum to 1.
    Probabilities,
    /// The mean over classes of (f − t)².
    Outputs,
}

/// Derivatives of the training losses of replicas by their parameters, at these: all in double precision.
pub trait DeviceDerivatives {
    /// Each replica's gradient.
    ///
    /// # Errors
    /// [`DeviceFailure`] if the device fails.
    fn gradients(&self) -> Result<Vec<Vec<f64>>, DeviceFailure>;

    /// Each replica's sum of the gradients of the rows' own losses, with a factor for each row.
    ///
    /// # Errors
    /// [`DeviceFailure`] if the device fails.
    fn combinations(&self, factors: &[Vec<f64>]) -> Result<Vec<Vec<f64>>, DeviceFailure>;

    /// Of each replica the square of the norm of the gradient of each row's own loss, whether the row counts or not.
    ///
    /// # Errors
    /// [`DeviceFailure`] if the device fails.
    fn squares(&self) -> Result<Vec<Vec<f64>>, DeviceFailure>;

    /// Each replica's Hessian times its vector.
    ///
    /// # Errors
    /// [`DeviceFailure`] if the device fails.
    fn products(&self, vectors: &[Vec<f64>]) -> Result<Vec<Vec<f64>>, DeviceFailure>;
}

/// A pass through the networks.
pub trait DevicePass {
    /// The outputs `[replica, class, row]`.
    fn outputs(&self) -> Tensor<3>;

    /// Back through it, from a gradient at the outputs to that at the points, `[replica, row, input]`.
    fn back(self: Box<Self>, delta: Tensor<3>) -> Tensor<3>;
}

/// A device that failed while something was measured on it, as whoever implements [`DeviceNetworks`] says it.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct DeviceFailure(pub Box<dyn Error + Send + Sync>);

/// The widest of these nodes, of which there is one.
pub fn widest(graph: &Graph, nodes: impl Iterator<Item = usize>) -> usize {
    nodes.map(|node| graph.nodes()[node].extent.size()).max().unwrap_or(1).max(1)
}
