//! Forward and backward through the fully connected layers of a stack of replicas, gradients by hand.
//!
//! Activations are `[replica, unit, sample]`: a layer's matrix product leaves them contiguous, reductions over units are
//! sums of rows, and the weights multiply from the left as they are stored. Inputs that all replicas share make the
//! first layer one product, `[replica·unit, d] × [d, sample]`. Invariant: replicas never mix, so that one that is not
//! finite leaves its neighbours as they are.

use ::burn::tensor::{Tensor, activation};

use super::on_flex;
use super::parameters::{LayerParameters, Parameters};
use crate::sweep::Activation;

/// What a layer is fed.
#[derive(Debug, Clone)]
pub(super) enum Input {
    /// The same samples for every replica: `[sample, d]`.
    Shared(Tensor<2>),
    /// Each replica its own: `[replica, sample, d]`.
    Own(Tensor<3>),
}

/// A hidden layer's state, kept for the way back.
#[derive(Debug, Clone)]
pub(super) struct Hidden {
    /// Before the activation; kept for GELU alone, whose derivative needs it.
    before: Option<Tensor<3>>,
    /// After it: `[replica, unit, sample]`.
    pub(super) out: Tensor<3>,
    /// `out²`, where it is needed: by the derivative, and by the norms of the observables.
    pub(super) square: Option<Tensor<3>>,
}

/// A pass through the dense layers.
#[derive(Debug, Clone)]
pub(super) struct Forward {
    /// The hidden layers, first to last.
    pub(super) hidden: Vec<Hidden>,
    /// Outputs `[replica, class, sample]`.
    pub(super) logits: Tensor<3>,
}

impl Input {
    /// weight · inputs: `[replica, out, sample]`.
    fn product(&self, weight: &Tensor<3>) -> Tensor<3> {
        let [replicas, out, d] = weight.dims();
        match self {
            Input::Shared(x) => {
                let samples = x.dims()[0];
                let flat = weight.clone().reshape([replicas * out, d]).matmul(x.clone().transpose());
                flat.reshape([replicas, out, samples])
            }
            Input::Own(x) => weight.clone().matmul(x.clone().swap_dims(1, 2)),
        }
    }

    /// delta · inputsᵀ: the weight's gradient, `[replica, out, d]`.
    fn outer(&self, delta: Tensor<3>) -> Tensor<3> {
        let [replicas, out, samples] = delta.dims();
        match self {
            Input::Shared(x) => {
                let d = x.dims()[1];
                delta.reshape([replicas * out, samples]).matmul(x.clone()).reshape([replicas, out, d])
            }
            Input::Own(x) => delta.matmul(x.clone()),
        }
    }
}

/// Through the dense layers. With `train`, what the way back needs is kept.
pub(super) fn forward(layers: &[LayerParameters], input: &Input, kind: Activation, train: bool) -> Forward {
    let mut hidden: Vec<Hidden> = Vec::with_capacity(layers.len());
    let mut logits = None;
    for (place, layer) in layers.iter().enumerate() {
        let product = match hidden.last() {
            None => input.product(&layer.weight),
            Some(below) => layer.weight.clone().matmul(below.out.clone()),
        };
        let z = product + layer.bias.clone();
        if place + 1 == layers.len() {
            logits = Some(z);
            break;
        }
        let before = (train && kind == Activation::Gelu).then(|| z.clone());
        hidden.push(Hidden { before, out: activate(z, kind), square: None });
    }
    // A network always has its output layer; `shape::layers` never returns an empty list.
    let logits = logits.unwrap_or_else(|| unreachable!("a network without an output layer"));
    Forward { hidden, logits }
}

/// Back through the dense layers, from the loss's gradient at the outputs, `delta` `[replica, class, sample]`: the
/// parameters' gradients, and, if asked for, the gradient at the inputs `[replica, d, sample]`.
pub(super) fn backward(
    layers: &[LayerParameters],
    input: &Input,
    forward: Forward,
    delta: Tensor<3>,
    kind: Activation,
    to_input: bool,
) -> (Parameters, Option<Tensor<3>>) {
    let mut hidden = forward.hidden;
    let mut delta = delta;
    let mut gradients = Vec::with_capacity(layers.len());
    for layer in layers.iter().rev() {
        let below = hidden.pop();
        let bias = delta.clone().sum_dim(2);
        let weight = match &below {
            None => input.outer(delta.clone()),
            Some(below) => delta.clone().matmul(below.out.clone().swap_dims(1, 2)),
        };
        gradients.push(LayerParameters { weight, bias });
        if let Some(below) = below {
            delta = through(below, kind, &layer.weight, delta);
        } else {
            let back = to_input.then(|| layer.weight.clone().swap_dims(1, 2).matmul(delta));
            gradients.reverse();
            return (Parameters(gradients), back);
        }
    }
    unreachable!("a network has one hidden state fewer than layers")
}

/// The elementwise function.
///
/// flex calls the C library for each element, so there tanh and the sigmoid are made of one exponential, several times
/// faster; absolute error within 2e-7. Where autodiff goes back through it, an exponential that overflows would be
/// multiplied by the 0 that it makes: the argument is kept where f32 has the limits already.
pub(super) fn activate<const D: usize>(z: Tensor<D>, kind: Activation) -> Tensor<D> {
    let bounded = |z: Tensor<D>, bound: f64| if z.is_autodiff() { z.clamp(-bound, bound) } else { z };
    match kind {
        // 1 − 2/(e^2z + 1)
        Activation::Tanh if on_flex(&z.device()) => {
            bounded(z, 20.0).mul_scalar(2.0).exp().add_scalar(1.0).recip().mul_scalar(-2.0).add_scalar(1.0)
        }
        Activation::Sigmoid if on_flex(&z.device()) => bounded(z, 80.0).neg().exp().add_scalar(1.0).recip(),
        Activation::Tanh => z.tanh(),
        Activation::Relu => activation::relu(z),
        Activation::Gelu => activation::gelu(z),
        Activation::Sigmoid => activation::sigmoid(z),
        Activation::Softplus => activation::softplus(z, 1.0),
    }
}

/// From a layer's delta to that of the hidden layer below: σ'(z) ∘ (weightᵀ · delta).
///
/// Elementwise passes over the hidden layer are what this costs. Where σ' is a polynomial of the output, its negative
/// takes one pass less, and the small weight takes the other sign.
fn through(below: Hidden, kind: Activation, weight: &Tensor<3>, delta: Tensor<3>) -> Tensor<3> {
    let transposed = weight.clone().swap_dims(1, 2);
    let square = |out: &Tensor<3>| out.clone() * out.clone();
    match kind {
        Activation::Tanh => {
            let back = transposed.neg().matmul(delta);
            back * below.square.unwrap_or_else(|| square(&below.out)).sub_scalar(1.0)
        }
        Activation::Sigmoid => {
            let back = transposed.neg().matmul(delta);
            back * (below.square.unwrap_or_else(|| square(&below.out)) - below.out)
        }
        Activation::Relu => transposed.matmul(delta) * below.out.sign(),
        // σ' = 1/(1 + e^−z) = 1 − e^−σ.
        Activation::Softplus => transposed.neg().matmul(delta) * below.out.neg().exp().sub_scalar(1.0),
        Activation::Gelu => {
            let back = transposed.matmul(delta);
            match below.before {
                Some(z) => back * gelu_slope(z),
                None => back,
            }
        }
    }
}

/// d/dz zΦ(z) = Φ(z) + zφ(z), with the normal distribution's function Φ and density φ.
fn gelu_slope(z: Tensor<3>) -> Tensor<3> {
    let distribution = z.clone().mul_scalar(std::f64::consts::FRAC_1_SQRT_2).erf().add_scalar(1.0).mul_scalar(0.5);
    let density = (z.clone() * z.clone()).mul_scalar(-0.5).exp().mul_scalar(1.0 / std::f64::consts::TAU.sqrt());
    distribution + density * z
}
