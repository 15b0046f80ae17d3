//! Products of the training losses' Hessians with vectors, of all replicas in one program: along the vector through the network, and
//! back (Pearlmutter, "Fast exact multiplication by the Hessian", Neural Computation 6, 1994).
//!
//! Every value is `[replica, unit, row]`, an image as a vector of its channels' rows; convolutions and poolings alone turn it
//! into images. Where a rectifier or a pooling bends, the derivative is that of one side, as in training. Invariants: replicas
//! never mix; a graph has no batch normalisation.

use ::burn::tensor::Tensor;
use phasesweep_networks::{Activation, Extent, Graph, Node, Normalisation, Op, Pool, Window};

use super::activation::{Active, curvature};
use super::convolution::{self, Below};
use super::network::{image_of_units as image, units_of_image as units};
use super::parameters::{LayerParameters, Parameters};
use super::pooling::{self, Places};

/// Whoever asks for a Hessian has refused such networks: their training gradient goes through the moments of a batch.
const NO_BATCH: &str = "a batch normalisation has no Hessian of its own";

/// What rows of inputs `[replica, input, row]` add to the products with `direction`, layer by layer; `None`: no output depends on the
/// layer. `at_outputs` answers, of the outputs and of a tangent along which they move, the loss's gradient there and its
/// derivative along the tangent.
pub(super) fn products(
    graph: &Graph,
    parameters: &Parameters,
    inputs: Tensor<3>,
    direction: &Parameters,
    at_outputs: impl FnOnce(Tensor<3>, Tensor<3>) -> (Tensor<3>, Tensor<3>),
) -> Vec<Option<LayerParameters>> {
    let there = Along::through(graph, parameters, inputs, direction);
    let (Some(outputs), tangent) = (there.values.last(), there.tangents.last().cloned().flatten()) else {
        return Vec::new();
    };
    let tangent = tangent.unwrap_or_else(|| outputs.zeros_like());
    let (delta, moved) = at_outputs(outputs.clone(), tangent);
    there.back(direction, delta, moved)
}

/// Values of all nodes at a block, and their derivatives along a direction among the parameters.
struct Along<'h> {
    graph: &'h Graph,
    parameters: &'h Parameters,
    replicas: usize,
    values: Vec<Tensor<3>>,
    /// `None`: the node does not depend on parameters.
    tangents: Vec<Option<Tensor<3>>>,
    places: Vec<Places>,
}

/// A node with weights, on images or on vectors.
#[derive(Debug, Clone, Copy)]
struct Linear {
    window: Option<(Window, [usize; 3])>,
    replicas: usize,
}

impl Linear {
    fn of(graph: &Graph, node: &Node, replicas: usize) -> Linear {
        let window = match node.op {
            Op::Convolution(window) => Some((window, image_shape(graph, node.inputs[0]))),
            _ => None,
        };
        Linear { window, replicas }
    }

    fn below(self, x: &Tensor<3>, shape: [usize; 3]) -> Below {
        Below::Own(image(x.clone(), shape))
    }

    fn forward(self, own: &LayerParameters, x: &Tensor<3>) -> Tensor<3> {
        match self.window {
            Some((window, shape)) => units(convolution::forward(self.below(x, shape), own, window), self.replicas),
            None => {
                let product = own.weight.clone().matmul(x.clone());
                match &own.bias {
                    Some(bias) => product + bias.clone(),
                    None => product,
                }
            }
        }
    }

    fn back(self, own: &LayerParameters, delta: &Tensor<3>, extent: Extent) -> Tensor<3> {
        match (self.window, extent) {
            (Some((window, shape)), Extent::Image(out)) => {
                let below = convolution::backward(own, window, image(delta.clone(), out), [shape[1], shape[2]]);
                units(below, self.replicas)
            }
            _ => own.weight.clone().swap_dims(1, 2).matmul(delta.clone()),
        }
    }

    /// The gradient of weights and, with `biased`, of biases.
    fn gradient(
        self,
        own: &LayerParameters,
        x: &Tensor<3>,
        delta: &Tensor<3>,
        extent: Extent,
        biased: bool,
    ) -> LayerParameters {
        let own = LayerParameters { weight: own.weight.clone(), bias: own.bias.clone().filter(|_| biased) };
        match (self.window, extent) {
            (Some((window, shape)), Extent::Image(out)) => {
                convolution::gradient(self.below(x, shape), &own, window, &image(delta.clone(), out))
            }
            _ => LayerParameters {
                weight: delta.clone().matmul(x.clone().swap_dims(1, 2)),
                bias: own.bias.map(|_| delta.clone().sum_dim(2)),
            },
        }
    }
}

/// What layer normalisation makes of its input and of the input's derivative.
struct Normalised {
    /// (x − mean)/√(variance + ε).
    standard: Tensor<3>,
    /// 1/√(variance + ε), `[replica, 1, row]`.
    inverse: Tensor<3>,
    /// The derivative of `standard`.
    tangent: Option<Tensor<3>>,
    /// That of `inverse`.
    inverse_tangent: Option<Tensor<3>>,
}

impl Normalised {
    fn of(x: &Tensor<3>, tangent: Option<&Tensor<3>>) -> Normalised {
        let centred = x.clone() - x.clone().mean_dim(1);
        let variance = (centred.clone() * centred.clone()).mean_dim(1);
        let inverse = variance.add_scalar(Normalisation::EPSILON).sqrt().recip();
        let standard = centred * inverse.clone();
        let Some(t) = tangent else { return Normalised { standard, inverse, tangent: None, inverse_tangent: None } };
        // The deviation moves by the mean of standard · t.
        let spread = (standard.clone() * t.clone()).mean_dim(1);
        let moved = (t.clone() - t.clone().mean_dim(1) - standard.clone() * spread.clone()) * inverse.clone();
        let of_inverse = (spread * inverse.clone() * inverse.clone()).neg();
        Normalised { standard, inverse, tangent: Some(moved), inverse_tangent: Some(of_inverse) }
    }

    /// The gradient below of one at `inner` = γ δ, but for the factor `inverse`.
    fn turned(&self, inner: &Tensor<3>) -> Tensor<3> {
        let along = (inner.clone() * self.standard.clone()).mean_dim(1);
        inner.clone() - inner.clone().mean_dim(1) - self.standard.clone() * along
    }
}

impl<'h> Along<'h> {
    fn through(graph: &'h Graph, parameters: &'h Parameters, inputs: Tensor<3>, direction: &Parameters) -> Along<'h> {
        let replicas = inputs.dims()[0];
        let mut there =
            Along { graph, parameters, replicas, values: Vec::new(), tangents: Vec::new(), places: Vec::new() };
        for node in graph.nodes() {
            let first = || there.values[node.inputs[0]].clone();
            let tangent = |input: usize| there.tangents[node.inputs[input]].clone();
            let layer = node.layer.as_ref().map(|layer| (&parameters.0[layer.index], &direction.0[layer.index]));
            let mut places = None;
            let (value, tangent) = match (node.op, layer) {
                (Op::Input, _) => (inputs.clone(), None),
                (Op::Flatten, _) => (first(), tangent(0)),
                (Op::Scale(factor), _) => (first().mul_scalar(factor.0), tangent(0).map(|t| t.mul_scalar(factor.0))),
                (Op::Add, _) => {
                    let tangent = match (tangent(0), tangent(1)) {
                        (Some(a), Some(b)) => Some(a + b),
                        (a, b) => a.or(b),
                    };
                    (first() + there.values[node.inputs[1]].clone(), tangent)
                }
                (Op::Activation(kind), _) => {
                    let active = Active::of(first(), kind, true);
                    (active.out.clone(), tangent(0).map(|t| active.back(kind, t)))
                }
                (Op::Pool(pool), _) => {
                    let shape = image_shape(graph, node.inputs[0]);
                    let (pooled, at) = pooling::forward(image(first(), shape), pool, true);
                    let tangent = tangent(0).map(|t| units(taken(image(t, shape), pool, &at), replicas));
                    places = at;
                    (units(pooled, replicas), tangent)
                }
                (Op::Normalise(Normalisation::Batch), _) => unreachable!("{NO_BATCH}"),
                (Op::Normalise(Normalisation::Layer), Some((own, along))) => {
                    let tangent = tangent(0);
                    let normalised = Normalised::of(&first(), tangent.as_ref());
                    let size = node.extent.size();
                    let apply = |own: &LayerParameters, standard: &Tensor<3>| {
                        let scaled = standard.clone() * spread(&own.weight, size);
                        match &own.bias {
                            Some(bias) => scaled + spread(bias, size),
                            None => scaled,
                        }
                    };
                    let mut moved = apply(along, &normalised.standard);
                    if let Some(t) = normalised.tangent {
                        moved = moved + t * spread(&own.weight, size);
                    }
                    (apply(own, &normalised.standard), Some(moved))
                }
                (_, Some((own, along))) => {
                    let linear = Linear::of(graph, node, replicas);
                    let mut moved = linear.forward(along, &first());
                    if let Some(t) = tangent(0) {
                        let unbiased = LayerParameters { weight: own.weight.clone(), bias: None };
                        moved = moved + linear.forward(&unbiased, &t);
                    }
                    (linear.forward(own, &first()), Some(moved))
                }
                (op, None) => unreachable!("{op:?} without parameters"),
            };
            there.values.push(value);
            there.tangents.push(tangent);
            there.places.push(places);
        }
        there
    }

    /// The derivatives of the layers' gradients, from a gradient at the outputs (`delta`) that moves by `moved`.
    fn back(self, direction: &Parameters, delta: Tensor<3>, moved: Tensor<3>) -> Vec<Option<LayerParameters>> {
        let (graph, replicas) = (self.graph, self.replicas);
        let nodes = graph.nodes();
        let mut gradients = vec![None; direction.0.len()];
        let mut deltas: Vec<Option<[Tensor<3>; 2]>> = vec![None; nodes.len()];
        if let Some(last) = deltas.last_mut() {
            *last = Some([delta, moved]);
        }
        for (place, node) in nodes.iter().enumerate().skip(1).rev() {
            let Some([delta, moved]) = deltas[place].take() else { continue };
            let from = node.inputs[0];
            let (x, t) = (&self.values[from], &self.tangents[from]);
            let layer = node
                .layer
                .as_ref()
                .map(|layer| (layer.index, &self.parameters.0[layer.index], &direction.0[layer.index]));
            let below = match (node.op, layer) {
                (Op::Input | Op::Flatten | Op::Add, _) => [delta.clone(), moved.clone()],
                (Op::Scale(factor), _) => [delta, moved].map(|values| values.mul_scalar(factor.0)),
                (Op::Activation(kind), _) => self.back_of_activation(place, from, kind, [delta, moved]),
                (Op::Pool(pool), _) => {
                    let shape = image_shape(graph, from);
                    let Extent::Image(out) = node.extent else { unreachable!("a pooling answers an image") };
                    [delta, moved].map(|values| {
                        let places = self.places[place].clone();
                        units(pooling::backward(image(x.clone(), shape), pool, places, image(values, out)), replicas)
                    })
                }
                (Op::Normalise(Normalisation::Batch), _) => unreachable!("{NO_BATCH}"),
                (Op::Normalise(Normalisation::Layer), Some((index, own, along))) => {
                    let (gradient, below) = back_of_layer(x, t.as_ref(), own, along, [delta, moved]);
                    gradients[index] = Some(gradient);
                    below
                }
                (_, Some((index, own, along))) => {
                    let linear = Linear::of(graph, node, replicas);
                    let mut gradient = linear.gradient(own, x, &moved, node.extent, true);
                    if let Some(t) = t {
                        gradient.weight = gradient.weight + linear.gradient(own, t, &delta, node.extent, false).weight;
                    }
                    gradients[index] = Some(gradient);
                    if graph.reads_samples(node) {
                        continue;
                    }
                    let moved = linear.back(own, &moved, node.extent) + linear.back(along, &delta, node.extent);
                    [linear.back(own, &delta, node.extent), moved]
                }
                (op, None) => unreachable!("{op:?} without parameters"),
            };
            for &to in node.inputs.iter().filter(|&&to| nodes[to].op != Op::Input) {
                let below = below.clone();
                deltas[to] = Some(match deltas[to].take() {
                    Some([delta, moved]) => {
                        let [other, other_moved] = below;
                        [delta + other, moved + other_moved]
                    }
                    None => below,
                });
            }
        }
        gradients
    }

    /// σ' δ, and its derivative σ' δ̇ + σ'' ż δ.
    fn back_of_activation(
        &self,
        place: usize,
        from: usize,
        kind: Activation,
        [delta, moved]: [Tensor<3>; 2],
    ) -> [Tensor<3>; 2] {
        let z = &self.values[from];
        let active = Active { before: Some(z.clone()), out: self.values[place].clone(), square: None };
        let mut along = active.clone().back(kind, moved);
        if let Some((t, curvature)) = self.tangents[from].as_ref().zip(curvature(z.clone(), kind)) {
            along = along + curvature * t.clone() * delta.clone();
        }
        [active.back(kind, delta), along]
    }
}

/// The derivative of the gradient of a layer normalisation's γ and β, and the gradient below with its derivative.
fn back_of_layer(
    x: &Tensor<3>,
    tangent: Option<&Tensor<3>>,
    own: &LayerParameters,
    along: &LayerParameters,
    [delta, moved]: [Tensor<3>; 2],
) -> (LayerParameters, [Tensor<3>; 2]) {
    let normalised = Normalised::of(x, tangent);
    let size = x.dims()[1];
    let mut of_weight = moved.clone() * normalised.standard.clone();
    if let Some(t) = &normalised.tangent {
        of_weight = of_weight + delta.clone() * t.clone();
    }
    let channels = own.weight.dims()[1];
    let gradient = LayerParameters {
        weight: gathered(of_weight, channels),
        bias: own.bias.is_some().then(|| gathered(moved.clone(), channels)),
    };
    let weight = spread(&own.weight, size);
    let inner = delta.clone() * weight.clone();
    let inner_moved = moved * weight + delta * spread(&along.weight, size);
    let turned = normalised.turned(&inner);
    let below = turned.clone() * normalised.inverse.clone();
    let mut below_moved = normalised.turned(&inner_moved);
    if let (Some(t), Some(inverse)) = (&normalised.tangent, &normalised.inverse_tangent) {
        let product = (inner.clone() * normalised.standard.clone()).mean_dim(1);
        let product_moved = (inner * t.clone()).mean_dim(1);
        below_moved = below_moved - t.clone() * product - normalised.standard.clone() * product_moved;
        return (gradient, [below, below_moved * normalised.inverse + turned * inverse.clone()]);
    }
    (gradient, [below, below_moved * normalised.inverse])
}

/// γ or β, `[replica, channel, 1]`, for every value, `[replica, value, 1]`.
fn spread(parameter: &Tensor<3>, values: usize) -> Tensor<3> {
    let [replicas, channels, _] = parameter.dims();
    parameter.clone().expand([replicas, channels, values / channels]).reshape([replicas, values, 1])
}

/// Sums of `[replica, value, row]` over rows and over the pixels of each channel.
fn gathered(values: Tensor<3>, channels: usize) -> Tensor<3> {
    let [replicas, size, _] = values.dims();
    values.sum_dim(2).reshape([replicas, channels, size / channels]).sum_dim(2)
}

/// The image that a node is.
fn image_shape(graph: &Graph, node: usize) -> [usize; 3] {
    match graph.nodes()[node].extent {
        Extent::Image(shape) => shape,
        Extent::Units(_) => unreachable!("a vector where an image was expected"),
    }
}

/// What a pooling takes of an image where it took its values from `places`.
fn taken(image: Tensor<4>, pool: Pool, places: &Places) -> Tensor<4> {
    let Some(places) = places else { return pooling::forward(image, pool, false).0 };
    let ([rows, channels, height, width], [_, _, down, right]) = (image.dims(), places.dims());
    let places = places.clone().reshape([rows, channels, down * right]);
    image.reshape([rows, channels, height * width]).gather(2, places).reshape([rows, channels, down, right])
}
