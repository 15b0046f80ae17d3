//! Weights (or moments) of a stack of replicas on the device, and their way from and to host memory.
//!
//! Invariant: layer ℓ's weight is `[replica, out, fan_in]` and its bias `[replica, out, 1]`, so that one replica's slice,
//! layer by layer, weight then bias, is the vector in [`ReplicaState`](crate::train::ReplicaState).

use ::burn::tensor::{Bool, Device, Int, Tensor, TensorData, Transaction};

use super::failure::classify;
use crate::train::TrainError;
use phasesweep_networks::Graph;

/// One layer's weights and biases.
#[derive(Debug, Clone)]
pub(super) struct LayerParameters {
    /// `[replica, out, fan_in]`
    pub(super) weight: Tensor<3>,
    /// `[replica, out, 1]`
    pub(super) bias: Tensor<3>,
}

/// All layers.
#[derive(Debug, Clone)]
pub(super) struct Parameters(pub(super) Vec<LayerParameters>);

impl Parameters {
    /// Copies replicas' vectors to the device; a vector that is empty counts as zeros.
    pub(super) fn upload(device: &Device, graph: &Graph, replicas: &[&[f32]]) -> Parameters {
        let mut start = 0;
        let mut take = |len: usize, shape: [usize; 3]| {
            let mut values = vec![0.0f32; replicas.len() * len];
            for (slot, replica) in values.chunks_mut(len.max(1)).zip(replicas) {
                if !replica.is_empty() {
                    slot.copy_from_slice(&replica[start..start + len]);
                }
            }
            start += len;
            Tensor::<3>::from_data(TensorData::new(values, shape), device)
        };
        Parameters(
            graph
                .layers()
                .map(|(_, layer)| LayerParameters {
                    weight: take(layer.weights(), [replicas.len(), layer.outputs(), layer.fan_in()]),
                    bias: take(layer.outputs(), [replicas.len(), layer.outputs(), 1]),
                })
                .collect(),
        )
    }

    /// Copies them to the host: one vector for each replica.
    ///
    /// # Errors
    /// [`TrainError`] if the device fails.
    pub(super) fn download(&self, replicas: usize) -> Result<Vec<Vec<f32>>, TrainError> {
        let mut transaction = Transaction::default();
        for layer in &self.0 {
            transaction = transaction.register(layer.weight.clone()).register(layer.bias.clone());
        }
        let mut out = vec![Vec::new(); replicas];
        for data in transaction.try_execute().map_err(classify)? {
            let values = data.try_into_vec::<f32>().map_err(|error| TrainError::Device(format!("{error:?}")))?;
            let len = values.len() / replicas.max(1);
            for (replica, slice) in out.iter_mut().zip(values.chunks(len.max(1))) {
                replica.extend_from_slice(slice);
            }
        }
        Ok(out)
    }

    /// The replicas at these places, in this order.
    pub(super) fn select(&self, places: &Tensor<1, Int>) -> Parameters {
        self.clone().map(|tensor| tensor.select(0, places.clone()))
    }

    /// Each replica's sum over all its parameters, `[replica, 1, 1]`: finite only if all of them are.
    pub(super) fn sum(&self) -> Option<Tensor<3>> {
        let sums = self.0.iter().flat_map(|layer| {
            let flat = |tensor: &Tensor<3>| {
                let [replicas, out, inputs] = tensor.dims();
                tensor.clone().reshape([replicas, 1, out * inputs]).sum_dim(2)
            };
            [flat(&layer.weight), flat(&layer.bias)]
        });
        sums.reduce(|a, b| a + b)
    }

    /// These where `gate` (`[replica, 1, 1]`) is set, `old` elsewhere: a frozen replica's values, NaN or not, touch
    /// nothing.
    pub(super) fn gated(self, gate: &Tensor<3, Bool>, old: Parameters) -> Parameters {
        let choose = |new: Tensor<3>, old: Tensor<3>| {
            let mask = gate.clone().expand(old.dims());
            old.mask_where(mask, new)
        };
        let layers = self.0.into_iter().zip(old.0).map(|(new, old)| LayerParameters {
            weight: choose(new.weight, old.weight),
            bias: choose(new.bias, old.bias),
        });
        Parameters(layers.collect())
    }

    /// The layers with each tensor replaced.
    pub(super) fn map(self, change: impl Fn(Tensor<3>) -> Tensor<3>) -> Parameters {
        let layers =
            self.0.into_iter().map(|layer| LayerParameters { weight: change(layer.weight), bias: change(layer.bias) });
        Parameters(layers.collect())
    }

    /// The layers with each tensor replaced, two by two.
    pub(super) fn zip(self, other: Parameters, join: impl Fn(Tensor<3>, Tensor<3>) -> Tensor<3>) -> Parameters {
        let layers = self
            .0
            .into_iter()
            .zip(other.0)
            .map(|(a, b)| LayerParameters { weight: join(a.weight, b.weight), bias: join(a.bias, b.bias) });
        Parameters(layers.collect())
    }

    /// Its tensors, layer by layer: weight, then bias.
    pub(super) fn into_tensors(self) -> std::vec::IntoIter<Tensor<3>> {
        self.0.into_iter().flat_map(|layer| [layer.weight, layer.bias]).collect::<Vec<_>>().into_iter()
    }

    /// The layers of tensors in the order of [`Parameters::into_tensors`].
    pub(super) fn from_tensors(tensors: Vec<Tensor<3>>) -> Parameters {
        let mut tensors = tensors.into_iter();
        let mut layers = Vec::new();
        while let (Some(weight), Some(bias)) = (tensors.next(), tensors.next()) {
            layers.push(LayerParameters { weight, bias });
        }
        Parameters(layers)
    }
}
