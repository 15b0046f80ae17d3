//! Weights (or moments) of a stack of replicas on the device, and their way from and to host memory.
//!
//! Invariant: layer ℓ's weight is `[replica, out, fan_in]` and its bias, if it has one, `[replica, out, 1]`, so that one
//! replica's slice, layer by layer, weight then bias, is the vector in [`ReplicaState`](crate::train::ReplicaState). Running
//! averages lie the same way: a batch normalisation's means as a weight, its variances as a bias.

use std::ops::Range;

use ::burn::tensor::{Bool, Device, Int, Tensor, TensorData};

use super::transfer;
use crate::device::longest_sum;
use crate::train::TrainError;
use phasesweep_networks::Graph;

/// One layer's weights and biases.
#[derive(Debug, Clone)]
pub(in crate::train) struct LayerParameters {
    /// `[replica, out, fan_in]`
    pub(in crate::train) weight: Tensor<3>,
    /// `[replica, out, 1]`
    pub(in crate::train) bias: Option<Tensor<3>>,
}

impl LayerParameters {
    /// Each tensor replaced.
    pub(in crate::train) fn map(self, change: impl Fn(Tensor<3>) -> Tensor<3>) -> LayerParameters {
        LayerParameters { weight: change(self.weight), bias: self.bias.map(change) }
    }

    /// Each tensor replaced, two by two.
    pub(super) fn zip(
        self,
        other: LayerParameters,
        join: impl Fn(Tensor<3>, Tensor<3>) -> Tensor<3>,
    ) -> LayerParameters {
        let bias = self.bias.zip(other.bias).map(|(a, b)| join(a, b));
        LayerParameters { weight: join(self.weight, other.weight), bias }
    }

    /// Its tensors: weight, then bias.
    fn tensors(&self) -> impl Iterator<Item = &Tensor<3>> {
        std::iter::once(&self.weight).chain(&self.bias)
    }
}

/// All layers.
#[derive(Debug, Clone)]
pub(in crate::train) struct Parameters(pub(in crate::train) Vec<LayerParameters>);

/// Sums of `[replica, 1, number]`, `[replica, 1, 1]`, however many numbers the device adds up at once.
pub(super) fn sum_of_each(numbers: Tensor<3>) -> Tensor<3> {
    let [_, _, count] = numbers.dims();
    let longest = longest_sum(&numbers.device());
    if count <= longest {
        return numbers.sum_dim(2);
    }
    let part = |start: usize| numbers.clone().narrow(2, start, longest.min(count - start)).sum_dim(2);
    (longest..count).step_by(longest).fold(part(0), |sum, start| sum + part(start))
}

impl Parameters {
    /// Copies replicas' vectors to the device, tensor by tensor: all replicas of a cohort, of which a stack may hold fewer.
    pub(super) fn upload(device: &Device, graph: &Graph, replicas: &[&[f32]]) -> Parameters {
        Parameters::laid_out(graph, replicas, |values, shape| Tensor::from_data(TensorData::new(values, shape), device))
    }

    /// Replicas' vectors layer by layer, as `tensor` makes tensors of numbers and a shape.
    pub(super) fn laid_out<T: Copy>(
        graph: &Graph,
        replicas: &[&[T]],
        tensor: impl Fn(Vec<T>, [usize; 3]) -> Tensor<3>,
    ) -> Parameters {
        let mut start = 0;
        let mut take = |len: usize, shape: [usize; 3]| {
            let range = start..start + len;
            start = range.end;
            tensor(replicas.iter().flat_map(|replica| replica[range.clone()].iter().copied()).collect(), shape)
        };
        let layers = graph.layers().map(|(_, layer)| LayerParameters {
            weight: take(layer.weights(), [replicas.len(), layer.outputs(), layer.fan_in()]),
            bias: layer.bias.then(|| take(layer.outputs(), [replicas.len(), layer.outputs(), 1])),
        });
        Parameters(layers.collect())
    }

    /// Copies replicas' running averages to the device.
    pub(in crate::train) fn upload_averages(device: &Device, graph: &Graph, replicas: &[&[f32]]) -> Parameters {
        let take = |range: Range<usize>| {
            let values =
                replicas.iter().flat_map(|replica| replica[range.clone()].iter().copied()).collect::<Vec<f32>>();
            Tensor::<3>::from_data(TensorData::new(values, [replicas.len(), range.len(), 1]), device)
        };
        let layers = graph
            .averages()
            .map(|averages| LayerParameters { weight: take(averages.means), bias: Some(take(averages.variances)) });
        Parameters(layers.collect())
    }

    /// Copies them to the host: one vector for each replica.
    ///
    /// # Errors
    /// [`TrainError`] if the device fails.
    pub(in crate::train) fn download(&self, replicas: usize) -> Result<Vec<Vec<f32>>, TrainError> {
        Ok(by_replica(transfer::fetch(self.clone().into_tensors().collect())?, replicas))
    }

    /// As [`Parameters::download`], in double precision.
    ///
    /// # Errors
    /// [`TrainError`] if the device fails.
    pub(super) fn download_wide(self, replicas: usize) -> Result<Vec<Vec<f64>>, TrainError> {
        Ok(by_replica(transfer::fetch_wide(self.into_tensors().collect())?, replicas))
    }

    /// Gradients by these, of which a layer that no output depends on has none.
    pub(super) fn with_zeros(&self, gradients: Vec<Option<LayerParameters>>) -> Parameters {
        let zero = |layer: &LayerParameters| layer.clone().map(|tensor| tensor.zeros_like());
        let all = gradients.into_iter().zip(&self.0);
        Parameters(all.map(|(gradient, layer)| gradient.unwrap_or_else(|| zero(layer))).collect())
    }

    /// The replicas at these places, in this order.
    pub(in crate::train) fn select(&self, places: &Tensor<1, Int>) -> Parameters {
        self.clone().map(|tensor| tensor.select(0, places.clone()))
    }

    /// Each replica's sum over all its parameters, `[replica, 1, 1]`: finite only if all of them are.
    pub(in crate::train) fn sum(&self) -> Option<Tensor<3>> {
        let sums = self.0.iter().flat_map(LayerParameters::tensors).map(|tensor| {
            let [replicas, out, inputs] = tensor.dims();
            sum_of_each(tensor.clone().reshape([replicas, 1, out * inputs]))
        });
        sums.reduce(|a, b| a + b)
    }

    /// Each replica's Euclidean norm over all its parameters, `[replica, 1, 1]`.
    pub(in crate::train) fn norm(&self) -> Option<Tensor<3>> {
        self.clone().map(|tensor| tensor.clone() * tensor).sum().map(Tensor::sqrt)
    }

    /// These where `gate` (`[replica, 1, 1]`) is set, `old` elsewhere: a frozen replica's values, NaN or not, touch
    /// nothing.
    pub(in crate::train) fn gated(self, gate: &Tensor<3, Bool>, old: Parameters) -> Parameters {
        let choose = |new: Tensor<3>, old: Tensor<3>| {
            let mask = gate.clone().expand(old.dims());
            old.mask_where(mask, new)
        };
        self.zip(old, choose)
    }

    /// The layers with each tensor replaced.
    pub(in crate::train) fn map(self, change: impl Fn(Tensor<3>) -> Tensor<3>) -> Parameters {
        Parameters(self.0.into_iter().map(|layer| layer.map(&change)).collect())
    }

    /// The layers with each tensor replaced, two by two.
    pub(in crate::train) fn zip(
        self,
        other: Parameters,
        join: impl Fn(Tensor<3>, Tensor<3>) -> Tensor<3>,
    ) -> Parameters {
        Parameters(self.0.into_iter().zip(other.0).map(|(a, b)| a.zip(b, &join)).collect())
    }

    /// Its tensors, layer by layer: weight, then bias.
    pub(in crate::train) fn into_tensors(self) -> std::vec::IntoIter<Tensor<3>> {
        let tensors = self.0.into_iter().flat_map(|layer| std::iter::once(layer.weight).chain(layer.bias));
        tensors.collect::<Vec<_>>().into_iter()
    }
}

/// What tensors of so many replicas hold, replica by replica.
fn by_replica<T: Copy>(tensors: Vec<Vec<T>>, replicas: usize) -> Vec<Vec<T>> {
    let mut out = vec![Vec::new(); replicas];
    for values in tensors {
        let each = values.len() / replicas.max(1);
        out.iter_mut().zip(values.chunks(each.max(1))).for_each(|(replica, part)| replica.extend_from_slice(part));
    }
    out
}
