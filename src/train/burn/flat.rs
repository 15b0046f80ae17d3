//! The parameters (or moments) of a stack of replicas as one tensor.
//!
//! An update rule is then a handful of operations, however many layers there are. That is for GPUs, where a small network waits
//! for each operation to be started, and not for what it computes.
//!
//! Invariant: a replica's row is its vector in [`ReplicaState`](crate::train::ReplicaState), layer by layer, weight then bias.

use ::burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use phasesweep_networks::Graph;

use super::parameters::{LayerParameters, Parameters, sum_of_each};
use super::transfer;
use crate::train::TrainError;

/// `[replica, 1, parameter]`
#[derive(Debug, Clone)]
pub(super) struct Flat(pub(super) Tensor<3>);

impl Flat {
    /// Copies replicas' vectors to the device; a vector that is empty counts as zeros.
    pub(super) fn upload(device: &Device, graph: &Graph, replicas: &[&[f32]]) -> Flat {
        let length = graph.parameters();
        let mut values = vec![0.0f32; replicas.len() * length];
        for (row, replica) in values.chunks_mut(length.max(1)).zip(replicas) {
            if !replica.is_empty() {
                row.copy_from_slice(replica);
            }
        }
        Flat(Tensor::from_data(TensorData::new(values, [replicas.len(), 1, length]), device))
    }

    /// The tensors of layers, joined.
    pub(super) fn of(layers: Parameters) -> Flat {
        let rows = layers.into_tensors().map(|tensor| {
            let [replicas, outputs, inputs] = tensor.dims();
            tensor.reshape([replicas, 1, outputs * inputs])
        });
        Flat(Tensor::cat(rows.collect(), 2))
    }

    /// The same numbers layer by layer, as views where the device has such.
    pub(super) fn layers(&self, graph: &Graph) -> Parameters {
        let replicas = self.0.dims()[0];
        let mut start = 0;
        let mut take = |outputs: usize, inputs: usize| {
            let part = self.0.clone().narrow(2, start, outputs * inputs);
            start += outputs * inputs;
            part
        };
        let nodes = graph.nodes();
        let layers = graph.layers().map(|(node, layer)| {
            let (outputs, inputs) = (layer.outputs(), layer.fan_in());
            let mut weight = take(outputs, inputs);
            // Samples that all replicas share meet the weights of all as one matrix, which is laid out once for a step.
            if node.inputs.first().is_some_and(|&from| nodes[from].inputs.is_empty()) {
                weight = weight.reshape([1, replicas * outputs, inputs]);
            }
            LayerParameters {
                weight: weight.reshape([replicas, outputs, inputs]),
                bias: layer.bias.then(|| take(outputs, 1).reshape([replicas, outputs, 1])),
            }
        });
        Parameters(layers.collect())
    }

    /// Copies them to the host: one vector for each replica.
    ///
    /// # Errors
    /// [`TrainError`] if the device fails.
    pub(super) fn download(&self) -> Result<Vec<Vec<f32>>, TrainError> {
        let [replicas, _, length] = self.0.dims();
        let values = transfer::fetch(vec![self.0.clone()])?.concat();
        Ok((0..replicas).map(|replica| values[replica * length..(replica + 1) * length].to_vec()).collect())
    }

    /// The replicas at these places, in this order.
    pub(super) fn select(&self, places: &Tensor<1, Int>) -> Flat {
        Flat(self.0.clone().select(0, places.clone()))
    }

    /// Each replica's sum over all its parameters, `[replica, 1, 1]`: finite only if all of them are.
    pub(super) fn sum(&self) -> Tensor<3> {
        sum_of_each(self.0.clone())
    }

    /// These where `gate` (`[replica, 1, 1]`) is set, `old` elsewhere: a frozen replica's values, NaN or not, touch nothing.
    pub(super) fn gated(self, gate: &Tensor<3, Bool>, old: Flat) -> Flat {
        let mask = gate.clone().expand(old.0.dims());
        Flat(old.0.mask_where(mask, self.0))
    }
}
