//! The samples that a layer is given, and the two products with them.

use ::burn::tensor::Tensor;

/// What a layer is fed.
#[derive(Debug, Clone)]
pub(in crate::train) enum Input {
    /// The same samples for every replica, in one product for all: `[sample, d]`. Its rounding may depend on how many they are.
    Shared(Tensor<2>),
    /// The same samples for every replica, each in a product of its own: `[sample, d]`.
    Each(Tensor<2>),
    /// Each replica its own: `[replica, sample, d]`.
    Own(Tensor<3>),
}

impl Input {
    /// weight · inputs: `[replica, out, sample]`.
    pub(super) fn product(&self, weight: &Tensor<3>) -> Tensor<3> {
        let [replicas, out, d] = weight.dims();
        match self {
            Input::Shared(x) => {
                let samples = x.dims()[0];
                let flat = weight.clone().reshape([replicas * out, d]).matmul(x.clone().transpose());
                flat.reshape([replicas, out, samples])
            }
            Input::Each(x) => weight.clone().matmul(x.clone().transpose().unsqueeze()),
            Input::Own(x) => weight.clone().matmul(x.clone().swap_dims(1, 2)),
        }
    }

    /// delta · inputsᵀ: the weight's gradient, `[replica, out, d]`.
    pub(super) fn outer(&self, delta: Tensor<3>) -> Tensor<3> {
        let [replicas, out, samples] = delta.dims();
        match self {
            Input::Shared(x) => {
                let d = x.dims()[1];
                delta.reshape([replicas * out, samples]).matmul(x.clone()).reshape([replicas, out, d])
            }
            Input::Each(x) => delta.matmul(x.clone().unsqueeze()),
            Input::Own(x) => delta.matmul(x.clone()),
        }
    }
}
