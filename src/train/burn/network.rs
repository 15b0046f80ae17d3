//! Forward and backward through the graph of a stack of replicas, node by node.
//!
//! Vectors are `[replica, unit, sample]`: a layer's matrix product leaves them contiguous, reductions over units are
//! sums of rows, and the weights multiply from the left as they are stored. Inputs that all replicas share make a
//! first layer one product, `[replica·unit, d] × [d, sample]`. Gradients of nodes with vectors are written by hand here;
//! those of nodes with images are autodiff's (`convolution`). Invariant: replicas never mix, so that one that is not
//! finite leaves its neighbours as they are.

use ::burn::tensor::{Tensor, activation};
use phasesweep_networks::{Extent, Graph, LEAK, Op};

use super::convolution::{self, Leaf};
use super::flex::on_flex;
use super::input::Input;
use super::parameters::{LayerParameters, Parameters};
use crate::sweep::Activation;

/// A vector, with what the way back and the observables need of it.
#[derive(Debug, Clone)]
struct Units {
    /// Before the activation; kept where the derivative needs it.
    before: Option<Tensor<3>>,
    /// `[replica, unit, sample]`.
    out: Tensor<3>,
    /// `out²`, where it is needed: by the derivative, and by the norms of the observables.
    square: Option<Tensor<3>>,
}

/// The value of a node.
#[derive(Debug, Clone)]
enum Value {
    /// Samples, or what came out of an image: rows.
    Rows(Input),
    /// A vector.
    Units(Box<Units>),
    /// `[sample, replica·channel, height, width]`.
    Image(Tensor<4>),
}

/// A pass through the network.
#[derive(Debug, Clone)]
pub(super) struct Pass {
    /// What is still needed of each node.
    values: Vec<Option<Value>>,
    /// Parameters of images' nodes that gradients are wanted of.
    leaves: Vec<Leaf>,
    replicas: usize,
}

impl From<Tensor<3>> for Units {
    fn from(out: Tensor<3>) -> Units {
        Units { before: None, out, square: None }
    }
}

impl Units {
    fn squared(&self) -> Tensor<3> {
        self.square.clone().unwrap_or_else(|| self.out.clone() * self.out.clone())
    }
}

impl Value {
    /// As a vector `[replica, unit, sample]` of so many replicas.
    fn vector(self, replicas: usize) -> Tensor<3> {
        match self {
            Value::Units(units) => units.out,
            Value::Rows(Input::Own(x)) => x.swap_dims(1, 2),
            Value::Rows(Input::Shared(x)) => {
                let [samples, d] = x.dims();
                x.transpose().reshape([1, d, samples]).expand([replicas, d, samples])
            }
            // Built graphs flatten images before they meet vectors.
            Value::Image(_) => unreachable!("an image where a vector was expected"),
        }
    }
}

/// Through the graph. With `train`, what the way back needs is kept.
pub(super) fn forward(graph: &Graph, parameters: &Parameters, input: Input, train: bool) -> Pass {
    let replicas = parameters.0.first().map_or(0, |layer| layer.weight.dims()[0]);
    let kept = kept(graph, train);
    let mut left = graph.consumers();
    let mut pass = Pass { values: vec![None; graph.nodes().len()], leaves: Vec::new(), replicas };
    pass.values[0] = Some(Value::Rows(input));
    for (place, node) in graph.nodes().iter().enumerate().skip(1) {
        // A value that nobody else wants is handed over, so that it can be changed in place.
        let mut take = |from: usize| {
            left[from] -= 1;
            let value =
                if left[from] == 0 && !kept[from] { pass.values[from].take() } else { pass.values[from].clone() };
            value.unwrap_or_else(|| unreachable!("a node is computed before those that take its value"))
        };
        let first = take(node.inputs[0]);
        let own = node.layer.as_ref().map(|layer| (layer.index, &parameters.0[layer.index]));
        let value = match (node.op, first, own) {
            (Op::Dense, first, Some((_, own))) => {
                let product = match first {
                    Value::Rows(rows) => rows.product(&own.weight),
                    other => own.weight.clone().matmul(other.vector(replicas)),
                };
                Value::Units(Box::new((product + own.bias.clone()).into()))
            }
            (Op::Convolution(window), first, Some((layer, own))) => {
                let image = match first {
                    Value::Image(image) => convolution::Below::Own(image),
                    Value::Rows(rows) => convolution::below(&rows, graph.nodes()[node.inputs[0]].extent, replicas),
                    Value::Units(_) => unreachable!("a vector where an image was expected"),
                };
                let (out, leaf) = convolution::convolve(image, own, layer, window.kernel, train);
                pass.leaves.extend(leaf);
                Value::Image(out)
            }
            (Op::Activation(kind), Value::Image(image), _) => Value::Image(activate(image, kind)),
            (Op::Activation(kind), first, _) => {
                let z = first.vector(replicas);
                let before = (train && needs_argument(kind)).then(|| z.clone());
                Value::Units(Box::new(Units { before, out: activate(z, kind), square: None }))
            }
            (Op::Pool(pool), Value::Image(image), _) => Value::Image(convolution::pool(image, pool.window[0])),
            (Op::Flatten, Value::Image(image), _) => {
                Value::Rows(Input::Own(convolution::flat(&image, replicas).swap_dims(0, 1)))
            }
            (Op::Flatten, first, _) => first,
            (Op::Add, Value::Image(a), _) => match take(node.inputs[1]) {
                Value::Image(b) => Value::Image(a + b),
                _ => unreachable!("the sum of an image and a vector"),
            },
            (Op::Add, a, _) => {
                let b = take(node.inputs[1]).vector(replicas);
                Value::Units(Box::new((a.vector(replicas) + b).into()))
            }
            (op, ..) => unreachable!("{op:?} of such a value"),
        };
        pass.values[place] = Some(value);
    }
    pass
}

/// Nodes whose value outlasts the forward pass: hidden layers and the output; with `train`, what gradients are made of.
fn kept(graph: &Graph, train: bool) -> Vec<bool> {
    let nodes = graph.nodes();
    let mut kept = vec![false; nodes.len()];
    graph.hidden().iter().for_each(|&node| kept[node] = true);
    if let Some(last) = kept.last_mut() {
        *last = true;
    }
    for (place, node) in nodes.iter().enumerate().filter(|_| train) {
        match node.op {
            Op::Dense | Op::Flatten => kept[node.inputs[0]] = true,
            Op::Activation(_) => kept[place] = true,
            Op::Input | Op::Convolution(_) | Op::Pool(_) | Op::Add | Op::Scale(_) | Op::Normalise(_) => {}
        }
    }
    kept
}

impl Pass {
    /// The outputs `[replica, class, sample]`.
    pub(super) fn outputs(&self) -> Tensor<3> {
        match self.values.last() {
            Some(Some(value)) => value.clone().vector(self.replicas),
            // A network always has its output layer, and its value is kept.
            _ => unreachable!("a network without an output layer"),
        }
    }

    /// What an observer of a hidden layer sees: the node's values and their squares, `[replica, unit, sample]`.
    pub(super) fn observed(&mut self, node: usize) -> (Tensor<3>, Tensor<3>) {
        match &mut self.values[node] {
            Some(Value::Units(units)) => {
                let square = units.squared();
                // Kept for the way back, where σ' may be made of it.
                units.square = Some(square.clone());
                (units.out.clone(), square)
            }
            Some(Value::Image(image)) => {
                let out = convolution::flat(image, self.replicas).permute([1, 2, 0]);
                (out.clone(), out.clone() * out)
            }
            Some(Value::Rows(rows)) => {
                let out = Value::Rows(rows.clone()).vector(self.replicas);
                (out.clone(), out.clone() * out)
            }
            None => unreachable!("hidden layers outlast the pass"),
        }
    }

    /// Back through the graph, from the loss's gradient at the outputs, `delta` `[replica, class, sample]`, to the
    /// parameters' gradients.
    pub(super) fn backward(mut self, graph: &Graph, parameters: &Parameters, delta: Tensor<3>) -> Parameters {
        let nodes = graph.nodes();
        let consumers = graph.consumers();
        let mut gradients: Vec<Option<LayerParameters>> = vec![None; parameters.0.len()];
        let mut deltas: Vec<Option<Tensor<3>>> = vec![None; nodes.len()];
        let mut images = Vec::new();
        if let Some(last) = deltas.last_mut() {
            *last = Some(delta);
        }
        for (place, node) in nodes.iter().enumerate().rev() {
            if matches!(node.extent, Extent::Image(_)) {
                continue;
            }
            let Some(delta) = deltas[place].take() else { continue };
            let mut add = |to: usize, delta: Tensor<3>| {
                deltas[to] = Some(match deltas[to].take() {
                    Some(sum) => sum + delta,
                    None => delta,
                });
            };
            match (node.op, &node.layer) {
                (Op::Dense, Some(layer)) => {
                    let from = node.inputs[0];
                    let bias = delta.clone().sum_dim(2);
                    let weight = match self.values[from].clone() {
                        Some(Value::Rows(rows)) => rows.outer(delta.clone()),
                        Some(other) => delta.clone().matmul(other.vector(self.replicas).swap_dims(1, 2)),
                        None => unreachable!("what a dense layer was fed outlasts the pass"),
                    };
                    gradients[layer.index] = Some(LayerParameters { weight, bias });
                    let weight = &parameters.0[layer.index].weight;
                    match (nodes[from].op, &mut self.values[from]) {
                        (Op::Input, _) => {}
                        // The layer's way back and that of the activation beneath it, in one.
                        (Op::Activation(kind), value @ Some(Value::Units(_))) if consumers[from] == 1 => {
                            if let Some(Value::Units(below)) = value.take() {
                                add(nodes[from].inputs[0], through(*below, kind, weight, delta));
                            }
                        }
                        _ => add(from, weight.clone().swap_dims(1, 2).matmul(delta)),
                    }
                }
                (Op::Activation(kind), _) => {
                    let Some(Value::Units(own)) = self.values[place].take() else { continue };
                    add(node.inputs[0], delta * slope(*own, kind));
                }
                (Op::Add, _) => {
                    add(node.inputs[0], delta.clone());
                    add(node.inputs[1], delta);
                }
                (Op::Flatten, _) => match self.values[node.inputs[0]].clone() {
                    Some(Value::Image(image)) => images.push((image, delta)),
                    _ => add(node.inputs[0], delta),
                },
                _ => {}
            }
        }
        for (layer, gradient) in convolution::backward(images, self.leaves, self.replicas) {
            gradients[layer] = Some(gradient);
        }
        // A layer that no output depends on has no gradient.
        let zero = |layer: &LayerParameters| LayerParameters {
            weight: layer.weight.zeros_like(),
            bias: layer.bias.zeros_like(),
        };
        let all = gradients.into_iter().zip(&parameters.0);
        Parameters(all.map(|(gradient, layer)| gradient.unwrap_or_else(|| zero(layer))).collect())
    }
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
        Activation::LeakyRelu => activation::leaky_relu(z, LEAK),
        Activation::Swish => {
            let sigmoid = activate(z.clone(), Activation::Sigmoid);
            z * sigmoid
        }
        // The exponential of what is not negative would overflow.
        Activation::Elu => activation::relu(z.clone()) + z.clamp_max(0.0).exp().sub_scalar(1.0),
        Activation::Erf => z.erf(),
        Activation::Quadratic => z.clone() * z,
        Activation::Identity => z,
    }
}

/// From a layer's delta to that of the hidden layer below: σ'(z) ∘ (weightᵀ · delta).
///
/// Elementwise passes over the hidden layer are what this costs. Where σ' is a polynomial of the output, its negative
/// takes one pass less, and the small weight takes the other sign.
fn through(below: Units, kind: Activation, weight: &Tensor<3>, delta: Tensor<3>) -> Tensor<3> {
    let transposed = weight.clone().swap_dims(1, 2);
    match kind {
        Activation::Tanh => {
            let back = transposed.neg().matmul(delta);
            back * below.squared().sub_scalar(1.0)
        }
        Activation::Sigmoid => {
            let back = transposed.neg().matmul(delta);
            back * (below.squared() - below.out)
        }
        Activation::Relu => transposed.matmul(delta) * below.out.sign(),
        // σ' = 1/(1 + e^−z) = 1 − e^−σ.
        Activation::Softplus => transposed.neg().matmul(delta) * below.out.neg().exp().sub_scalar(1.0),
        Activation::Identity => transposed.matmul(delta),
        kind => transposed.matmul(delta) * slope(below, kind),
    }
}

/// σ'(z) of an activation's node.
fn slope(own: Units, kind: Activation) -> Tensor<3> {
    match kind {
        Activation::Tanh => own.squared().neg().add_scalar(1.0),
        Activation::Sigmoid => own.out.clone() - own.squared(),
        Activation::Relu => own.out.sign(),
        Activation::Softplus => own.out.neg().exp().neg().add_scalar(1.0),
        Activation::LeakyRelu => own.out.sign().clamp_min(0.0).mul_scalar(1.0 - LEAK).add_scalar(LEAK),
        // e^z = σ + 1 below 0, and 1 above.
        Activation::Elu => own.out.clamp_max(0.0).add_scalar(1.0),
        Activation::Identity => own.out.ones_like(),
        Activation::Gelu | Activation::Swish | Activation::Erf | Activation::Quadratic => match own.before {
            Some(z) => slope_at(z, kind),
            None => unreachable!("what such a function was given is kept for the way back"),
        },
    }
}

/// Whether σ'(z) does not follow from σ(z).
fn needs_argument(kind: Activation) -> bool {
    matches!(kind, Activation::Gelu | Activation::Swish | Activation::Erf | Activation::Quadratic)
}

/// σ'(z) from z, of the functions of [`needs_argument`].
fn slope_at(z: Tensor<3>, kind: Activation) -> Tensor<3> {
    match kind {
        Activation::Swish => {
            let sigmoid = activate(z.clone(), Activation::Sigmoid);
            let rest = sigmoid.clone().neg().add_scalar(1.0);
            sigmoid * (z * rest).add_scalar(1.0)
        }
        Activation::Erf => (z.clone() * z).neg().exp().mul_scalar(std::f64::consts::FRAC_2_SQRT_PI),
        Activation::Quadratic => z.mul_scalar(2.0),
        _ => gelu_slope(z),
    }
}

/// d/dz zΦ(z) = Φ(z) + zφ(z), with the normal distribution's function Φ and density φ.
fn gelu_slope(z: Tensor<3>) -> Tensor<3> {
    let distribution = z.clone().mul_scalar(std::f64::consts::FRAC_1_SQRT_2).erf().add_scalar(1.0).mul_scalar(0.5);
    let density = (z.clone() * z.clone()).mul_scalar(-0.5).exp().mul_scalar(1.0 / std::f64::consts::TAU.sqrt());
    distribution + density * z
}
