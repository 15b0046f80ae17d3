//! Forward and backward through the graph of a stack of replicas, node by node.
//!
//! Vectors are `[replica, unit, sample]`: a layer's matrix product leaves them contiguous, reductions over units are
//! sums of rows, and the weights multiply from the left as they are stored. Inputs that all replicas share make a
//! first layer one product, `[replica·unit, d] × [d, sample]`. Images are `[sample, replica·channel, height, width]`.
//! Gradients are written by hand, operation by operation, so that nothing is kept that they do not need. Invariant:
//! replicas never mix, so that one that is not finite leaves its neighbours as they are.

use ::burn::tensor::Tensor;
use phasesweep_networks::{Extent, Graph, Node, Normalisation, Op};

use super::activation::Active;
use super::convolution::{self, Below};
use super::input::Input;
use super::normalisation::{self, Normalised, Shape};
use super::parameters::{LayerParameters, Parameters};
use super::pooling::{self, Places};

/// What a pass is for.
#[expect(clippy::large_enum_variant, reason = "there is one for a pass")]
#[derive(Debug, Clone)]
pub(in crate::train) enum Mode {
    /// Values alone; batch normalisation by the running averages, as PyTorch's `model.eval()`.
    Evaluation,
    /// Values of parameters into which running averages are folded, where batch normalisation is γ x + β; and the way back, where
    /// `back` says so.
    Folded {
        /// Whether the pass is gone back through.
        back: bool,
    },
    /// Values and the way back; batch normalisation by the moments of the samples that count: 1, others 0,
    /// `[replica, 1, sample]`; absent where all do.
    Training(Option<Tensor<3>>),
}

impl Mode {
    /// Whether what the way back needs is kept.
    fn goes_back(&self) -> bool {
        matches!(self, Mode::Training(_) | Mode::Folded { back: true })
    }
}

/// The value of a node.
#[expect(clippy::large_enum_variant, reason = "there is one for a node, which holds samples times units")]
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// Samples, or what came out of an image: rows.
    Rows(Input),
    /// A vector, `[replica, unit, sample]`.
    Units(Box<Active<3>>),
    /// `[sample, replica·channel, height, width]`.
    Image(Box<Active<4>>),
}

/// A gradient at the value of a node, laid out as the value.
#[derive(Debug, Clone)]
enum Delta {
    Units(Tensor<3>),
    Image(Tensor<4>),
}

/// What the way back needs of a node besides values.
#[expect(clippy::large_enum_variant, reason = "there is one for a node, which holds samples times units")]
#[derive(Debug, Clone)]
enum Aside {
    Nothing,
    Places(Places),
    Normalised(Box<Normalised>),
}

/// A pass through the network.
#[derive(Debug, Clone)]
pub(in crate::train) struct Pass {
    /// What is still needed of each node.
    values: Vec<Option<Value>>,
    aside: Vec<Aside>,
    /// What running averages are moved by, batch normalisation by batch normalisation: means as weights, variances as
    /// biases. Of training passes alone.
    pub(super) moments: Vec<LayerParameters>,
    replicas: usize,
}

impl From<Tensor<3>> for Value {
    fn from(out: Tensor<3>) -> Value {
        Value::Units(Box::new(out.into()))
    }
}

impl From<Tensor<4>> for Value {
    fn from(out: Tensor<4>) -> Value {
        Value::Image(Box::new(out.into()))
    }
}

impl Value {
    /// The values of a node of this extent, from `[replica, unit, sample]`.
    pub(super) fn of_node(values: Tensor<3>, extent: Extent) -> Value {
        match extent {
            Extent::Units(_) => values.into(),
            Extent::Image(shape) => image_of_units(values, shape).into(),
        }
    }

    /// Every value of a replica, whatever it is, as `[replica, unit, sample]`.
    pub(super) fn units(self, replicas: usize) -> Tensor<3> {
        match self {
            Value::Image(image) => units_of_image(image.out, replicas),
            other => other.vector(replicas),
        }
    }

    /// As a vector `[replica, unit, sample]` of so many replicas.
    fn vector(self, replicas: usize) -> Tensor<3> {
        match self {
            Value::Units(units) => units.out,
            Value::Rows(Input::Own(x)) => x.swap_dims(1, 2),
            Value::Rows(Input::Shared(x) | Input::Each(x)) => {
                let [samples, d] = x.dims();
                x.transpose().reshape([1, d, samples]).expand([replicas, d, samples])
            }
            // Built graphs flatten images before they meet vectors.
            Value::Image(_) => unreachable!("an image where a vector was expected"),
        }
    }

    /// As what a convolution is fed: an image of this shape.
    fn below(self, [channels, height, width]: [usize; 3], replicas: usize) -> Below {
        match self {
            Value::Image(image) => Below::Own(image.out),
            Value::Rows(Input::Shared(x)) => {
                let samples = x.dims()[0];
                Below::Shared(x.reshape([samples, channels, height, width]))
            }
            Value::Rows(Input::Each(x)) => {
                let samples = x.dims()[0];
                Below::Own(convolution::repeated(x.reshape([samples, channels, height, width]), replicas))
            }
            Value::Rows(Input::Own(x)) => {
                let samples = x.dims()[1];
                Below::Own(x.swap_dims(0, 1).reshape([samples, replicas * channels, height, width]))
            }
            Value::Units(_) => unreachable!("a vector where an image was expected"),
        }
    }

    /// As an image of this shape, each replica's own.
    fn image(self, shape: [usize; 3], replicas: usize) -> Tensor<4> {
        match self.below(shape, replicas) {
            Below::Own(image) => image,
            Below::Shared(image) => convolution::repeated(image, replicas),
        }
    }
}

/// Values only, as vectors: `[sample, replica, activation]`.
fn flat(image: Tensor<4>, replicas: usize) -> Tensor<3> {
    let [samples, channels, height, width] = image.dims();
    image.reshape([samples, replicas, channels / replicas * height * width])
}

/// `[replica, unit, sample]` as images, `[sample, replica·channel, height, width]`.
pub(super) fn image_of_units(values: Tensor<3>, [channels, height, width]: [usize; 3]) -> Tensor<4> {
    let [replicas, _, samples] = values.dims();
    values.permute([2, 0, 1]).reshape([samples, replicas * channels, height, width])
}

/// Back from [`image_of_units`].
pub(super) fn units_of_image(image: Tensor<4>, replicas: usize) -> Tensor<3> {
    flat(image, replicas).permute([1, 2, 0])
}

/// Images as a normalisation takes them.
fn by_channel(image: Tensor<4>) -> Tensor<3> {
    let [samples, channels, height, width] = image.dims();
    image.reshape([samples, channels, height * width])
}

/// Through the graph. `averages` are its running averages; [`Mode`] says what is kept.
pub(in crate::train) fn forward(
    graph: &Graph,
    parameters: &Parameters,
    averages: &Parameters,
    input: Input,
    mode: &Mode,
) -> Pass {
    let nodes = graph.nodes();
    let mut values = vec![None; nodes.len()];
    values[0] = Some(Value::Rows(input));
    let kept = kept(graph, mode.goes_back());
    compute(graph, parameters, averages, values, 1..nodes.len(), &kept, mode)
}

/// The values of `wanted` nodes of a network with folded parameters, `[replica, unit, sample]`, from those of the `known` ones,
/// of which none follows from a wanted one.
pub(super) fn values(
    graph: &Graph,
    parameters: &Parameters,
    known: Vec<(usize, Value)>,
    wanted: &[usize],
) -> Vec<Tensor<3>> {
    let nodes = graph.nodes();
    let (mut values, mut kept) = (vec![None; nodes.len()], vec![false; nodes.len()]);
    known.into_iter().for_each(|(node, value)| values[node] = Some(value));
    wanted.iter().for_each(|&node| kept[node] = true);
    let mut needed = kept.clone();
    for place in (0..nodes.len()).rev().filter(|&place| values[place].is_none()) {
        if needed[place] {
            nodes[place].inputs.iter().for_each(|&input| needed[input] = true);
        }
    }
    let places: Vec<usize> = (0..nodes.len()).filter(|&place| needed[place] && values[place].is_none()).collect();
    let none = Parameters(Vec::new());
    let pass = compute(graph, parameters, &none, values, places.into_iter(), &kept, &Mode::Folded { back: false });
    let of_node = |node: &usize| match pass.values[*node].clone() {
        Some(value) => value.units(pass.replicas),
        None => unreachable!("what was wanted is kept"),
    };
    wanted.iter().map(of_node).collect()
}

/// Computes the values of nodes, which ascend, from those that are there.
fn compute(
    graph: &Graph,
    parameters: &Parameters,
    averages: &Parameters,
    values: Vec<Option<Value>>,
    places: impl Iterator<Item = usize> + Clone,
    kept: &[bool],
    mode: &Mode,
) -> Pass {
    let train = mode.goes_back();
    let replicas = parameters.0.first().map_or(0, |layer| layer.weight.dims()[0]);
    let nodes = graph.nodes();
    let mut left = vec![0; nodes.len()];
    places.clone().flat_map(|place| &nodes[place].inputs).for_each(|&input| left[input] += 1);
    let mut averages = averages.0.iter();
    let mut pass = Pass { values, aside: vec![Aside::Nothing; nodes.len()], moments: Vec::new(), replicas };
    for place in places {
        let node = &nodes[place];
        // A value that nobody else wants is handed over, so that it can be changed in place.
        let mut take = |from: usize| {
            left[from] -= 1;
            let value =
                if left[from] == 0 && !kept[from] { pass.values[from].take() } else { pass.values[from].clone() };
            value.unwrap_or_else(|| unreachable!("a node is computed before those that take its value"))
        };
        let first = take(node.inputs[0]);
        let own = node.layer.as_ref().map(|layer| &parameters.0[layer.index]);
        let image = image_of(graph, node);
        let value = match (node.op, own) {
            (Op::Dense, Some(own)) => {
                let product = match first {
                    Value::Rows(rows) => rows.product(&own.weight),
                    other => own.weight.clone().matmul(other.vector(replicas)),
                };
                match &own.bias {
                    Some(bias) => (product + bias.clone()).into(),
                    None => product.into(),
                }
            }
            (Op::Convolution(window), Some(own)) => {
                convolution::forward(first.below(image.unwrap_or_default(), replicas), own, window).into()
            }
            (Op::Activation(kind), _) => match image {
                Some(image) => Value::Image(Box::new(Active::of(first.image(image, replicas), kind, train))),
                None => Value::Units(Box::new(Active::of(first.vector(replicas), kind, train))),
            },
            (Op::Pool(pool), _) => {
                let (out, places) = pooling::forward(first.image(image.unwrap_or_default(), replicas), pool, train);
                pass.aside[place] = Aside::Places(places);
                out.into()
            }
            (Op::Normalise(kind), Some(own)) => {
                let (x, shape, dims) = match image {
                    Some(image) => {
                        let image = first.image(image, replicas);
                        let dims = image.dims();
                        (by_channel(image), Shape::Image(replicas), Some(dims))
                    }
                    None => (first.vector(replicas), Shape::Vector, None),
                };
                let (out, normalised) = match (kind, mode) {
                    (Normalisation::Layer, _) => normalisation::of_layer(x, own, shape),
                    (Normalisation::Batch, Mode::Training(counted)) => {
                        let (out, normalised, moments) = normalisation::of_batch(x, own, counted.clone(), shape);
                        pass.moments.push(moments);
                        (out, normalised)
                    }
                    (Normalisation::Batch, Mode::Evaluation) => {
                        let Some(averages) = averages.next() else {
                            unreachable!("every batch normalisation has its running averages")
                        };
                        pass.values[place] = Some(unfolded(normalisation::evaluated(x, own, averages, shape), dims));
                        continue;
                    }
                    (Normalisation::Batch, Mode::Folded { .. }) => {
                        pass.values[place] = Some(unfolded(normalisation::affine(x, own, shape), dims));
                        continue;
                    }
                };
                if train {
                    pass.aside[place] = Aside::Normalised(Box::new(normalised));
                }
                unfolded(out, dims)
            }
            (Op::Scale(factor), _) => match image {
                Some(image) => first.image(image, replicas).mul_scalar(factor.0).into(),
                None => first.vector(replicas).mul_scalar(factor.0).into(),
            },
            (Op::Flatten, _) => match first {
                Value::Image(image) => Value::Rows(Input::Own(flat(image.out, replicas).swap_dims(0, 1))),
                first => first,
            },
            (Op::Add, _) => {
                let second = take(node.inputs[1]);
                match image {
                    Some(image) => (first.image(image, replicas) + second.image(image, replicas)).into(),
                    None => (first.vector(replicas) + second.vector(replicas)).into(),
                }
            }
            (op, _) => unreachable!("{op:?} without parameters"),
        };
        pass.values[place] = Some(value);
    }
    pass
}

/// The image that a node's first input is, if it is one.
fn image_of(graph: &Graph, node: &Node) -> Option<[usize; 3]> {
    match graph.nodes()[*node.inputs.first()?].extent {
        Extent::Image(image) => Some(image),
        Extent::Units(_) => None,
    }
}

/// What a normalisation answers, as an image of these dimensions or as the vector that it is.
fn unfolded(out: Tensor<3>, dims: Option<[usize; 4]>) -> Value {
    match dims {
        Some(dims) => out.reshape(dims).into(),
        None => out.into(),
    }
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
            Op::Dense | Op::Convolution(_) | Op::Pool(_) => kept[node.inputs[0]] = true,
            Op::Activation(_) => kept[place] = true,
            Op::Input | Op::Flatten | Op::Add | Op::Scale(_) | Op::Normalise(_) => {}
        }
    }
    kept
}

impl Pass {
    /// The outputs `[replica, class, sample]`.
    pub(in crate::train) fn outputs(&self) -> Tensor<3> {
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
                let out = units_of_image(image.out.clone(), self.replicas);
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
    /// parameters' gradients. Of training passes alone.
    pub(in crate::train) fn backward(self, graph: &Graph, parameters: &Parameters, delta: Tensor<3>) -> Parameters {
        parameters.with_zeros(self.back(graph, parameters, delta, Wanted::Parameters).gradients)
    }

    /// Back through the graph, from each sample's gradient at the outputs to the square of the norm of its own gradient of all
    /// parameters, `[replica, 1, sample]`. Of training passes of graphs without batch normalisation, whose samples have
    /// gradients of their own.
    pub(super) fn squares(self, graph: &Graph, parameters: &Parameters, delta: Tensor<3>) -> Tensor<3> {
        let [replicas, _, samples] = delta.dims();
        let none = || Tensor::zeros([replicas, 1, samples], (&delta.device(), delta.dtype()));
        let squares = self.back(graph, parameters, delta.clone(), Wanted::Squares).squares;
        squares.unwrap_or_else(none)
    }

    /// Back through the graph, from a gradient at the outputs to that at the inputs, `[replica, sample, input]`; `None` if no
    /// output depends on them. Of folded passes alone.
    pub(super) fn back_to_inputs(self, graph: &Graph, parameters: &Parameters, delta: Tensor<3>) -> Option<Tensor<3>> {
        let replicas = self.replicas;
        Some(match self.back(graph, parameters, delta, Wanted::Inputs).at_inputs? {
            Delta::Units(delta) => delta.swap_dims(1, 2),
            Delta::Image(delta) => flat(delta, replicas).swap_dims(0, 1),
        })
    }

    /// Back through the graph.
    fn back(mut self, graph: &Graph, parameters: &Parameters, delta: Tensor<3>, wanted: Wanted) -> Back {
        let nodes = graph.nodes();
        let consumers = graph.consumers();
        let mut gradients: Vec<Option<LayerParameters>> = vec![None; parameters.0.len()];
        let mut squares: Option<Tensor<3>> = None;
        let mut deltas = Deltas(vec![None; nodes.len()]);
        if let Some(last) = nodes.len().checked_sub(1) {
            deltas.add(last, Delta::Units(delta));
        }
        for (place, node) in nodes.iter().enumerate().skip(1).rev() {
            let Some(delta) = deltas.0[place].take() else { continue };
            let from = node.inputs[0];
            // Training asks for no gradient at the samples.
            let further = nodes[from].op != Op::Input || wanted == Wanted::Inputs;
            let own = node.layer.as_ref().map(|layer| (layer.index, &parameters.0[layer.index]));
            match (node.op, delta, own) {
                (Op::Dense, Delta::Units(delta), Some((index, own))) => {
                    let Some(fed) = self.values[from].clone() else {
                        unreachable!("what a dense layer was fed outlasts the pass")
                    };
                    match wanted {
                        Wanted::Parameters => {
                            let bias = own.bias.is_some().then(|| delta.clone().sum_dim(2));
                            let weight = match fed {
                                Value::Rows(rows) => rows.outer(delta.clone()),
                                other => delta.clone().matmul(other.vector(self.replicas).swap_dims(1, 2)),
                            };
                            gradients[index] = Some(LayerParameters { weight, bias });
                        }
                        Wanted::Squares => {
                            // Of δ aᵀ and of δ.
                            let bias = f64::from(u8::from(own.bias.is_some()));
                            let of_fed = square(fed.vector(self.replicas)).add_scalar(bias);
                            squares = Some(plus(squares, of_fed * square(delta.clone())));
                        }
                        Wanted::Inputs => {}
                    }
                    match (nodes[from].op, &mut self.values[from]) {
                        _ if !further => {}
                        // The layer's way back and that of the activation beneath it, in one.
                        (Op::Activation(kind), value @ Some(Value::Units(_))) if consumers[from] == 1 => {
                            if let Some(Value::Units(below)) = value.take() {
                                let delta = below.back_through(kind, &own.weight, delta);
                                deltas.add(nodes[from].inputs[0], Delta::Units(delta));
                            }
                        }
                        _ => deltas.add(from, Delta::Units(own.weight.clone().swap_dims(1, 2).matmul(delta))),
                    }
                }
                (Op::Convolution(window), Delta::Image(delta), Some((index, own))) => {
                    let (Some(fed), Some(image)) = (self.values[from].clone(), image_of(graph, node)) else {
                        unreachable!("what a convolution was fed outlasts the pass")
                    };
                    let fed = || fed.below(image, self.replicas);
                    match wanted {
                        Wanted::Parameters => {
                            gradients[index] = Some(convolution::gradient(fed(), own, window, &delta));
                        }
                        Wanted::Squares => {
                            squares = Some(plus(squares, convolution::squares(fed(), own, window, &delta)));
                        }
                        Wanted::Inputs => {}
                    }
                    if further {
                        let sides = [image[1], image[2]];
                        deltas.add(from, Delta::Image(convolution::backward(own, window, delta, sides)));
                    }
                }
                (Op::Activation(kind), delta, _) => match (self.values[place].take(), delta) {
                    (Some(Value::Units(own)), Delta::Units(delta)) => {
                        deltas.add(from, Delta::Units(own.back(kind, delta)));
                    }
                    (Some(Value::Image(own)), Delta::Image(delta)) => {
                        deltas.add(from, Delta::Image(own.back(kind, delta)));
                    }
                    _ => unreachable!("what an activation answered outlasts the pass"),
                },
                (Op::Pool(pool), Delta::Image(delta), _) if further => {
                    let (Some(fed), Some(image)) = (self.values[from].clone(), image_of(graph, node)) else {
                        unreachable!("what a pooling was fed outlasts the pass")
                    };
                    let fed = fed.image(image, self.replicas);
                    let Aside::Places(places) = std::mem::replace(&mut self.aside[place], Aside::Nothing) else {
                        unreachable!("a pooling says where it took its values")
                    };
                    deltas.add(from, Delta::Image(pooling::backward(fed, pool, places, delta)));
                }
                (Op::Normalise(kind), delta, Some((index, own))) => {
                    let (delta, shape, dims) = match delta {
                        Delta::Units(delta) => (delta, Shape::Vector, None),
                        Delta::Image(delta) => {
                            let dims = delta.dims();
                            (by_channel(delta), Shape::Image(self.replicas), Some(dims))
                        }
                    };
                    let below = match std::mem::replace(&mut self.aside[place], Aside::Nothing) {
                        Aside::Normalised(normalised) => {
                            if wanted == Wanted::Squares {
                                let of_layer = normalisation::squares_of_layer(delta.clone(), own, &normalised, shape);
                                squares = Some(plus(squares, of_layer));
                            }
                            let back = match kind {
                                Normalisation::Batch => normalisation::back_of_batch,
                                Normalisation::Layer => normalisation::back_of_layer,
                            };
                            let (below, gradient) = back(delta, own, *normalised, shape);
                            gradients[index] = Some(gradient);
                            below
                        }
                        Aside::Nothing if kind == Normalisation::Batch => {
                            normalisation::back_of_affine(delta, own, shape)
                        }
                        _ => unreachable!("a normalisation keeps what it made"),
                    };
                    deltas
                        .add(from, dims.map_or(Delta::Units(below.clone()), |dims| Delta::Image(below.reshape(dims))));
                }
                (Op::Scale(factor), delta, _) => deltas.add(
                    from,
                    match delta {
                        Delta::Units(delta) => Delta::Units(delta.mul_scalar(factor.0)),
                        Delta::Image(delta) => Delta::Image(delta.mul_scalar(factor.0)),
                    },
                ),
                (Op::Add, delta, _) => {
                    deltas.add(from, delta.clone());
                    deltas.add(node.inputs[1], delta);
                }
                (Op::Flatten, Delta::Units(delta), _) => match image_of(graph, node) {
                    Some([channels, height, width]) => {
                        let samples = delta.dims()[2];
                        let dims = [samples, self.replicas * channels, height, width];
                        deltas.add(from, Delta::Image(delta.permute([2, 0, 1]).reshape(dims)));
                    }
                    None => deltas.add(from, Delta::Units(delta)),
                },
                _ => {}
            }
        }
        let at_inputs = deltas.0.first_mut().and_then(Option::take);
        Back { gradients, at_inputs, squares }
    }
}

/// What a way back has led to; what was not wanted may be there in part.
struct Back {
    /// Each layer's gradient; `None`: no output depends on the layer.
    gradients: Vec<Option<LayerParameters>>,
    /// The gradient at the inputs; `None`: no output depends on them.
    at_inputs: Option<Delta>,
    /// Σ over layers of the squares of each sample's own gradient, `[replica, 1, sample]`.
    squares: Option<Tensor<3>>,
}

/// Σ v² over the units of each sample, `[replica, 1, sample]`.
fn square(values: Tensor<3>) -> Tensor<3> {
    (values.clone() * values).sum_dim(1)
}

/// The sum of what is there.
fn plus(sum: Option<Tensor<3>>, own: Tensor<3>) -> Tensor<3> {
    match sum {
        Some(sum) => sum + own,
        None => own,
    }
}

/// What a way back leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// The gradients of the parameters.
    Parameters,
    /// The squares of each sample's own gradient.
    Squares,
    /// The gradient at the inputs.
    Inputs,
}

/// Gradients at the values of nodes, as far as they are known.
struct Deltas(Vec<Option<Delta>>);

impl Deltas {
    fn add(&mut self, to: usize, delta: Delta) {
        let slot = &mut self.0[to];
        *slot = Some(match (slot.take(), delta) {
            (Some(Delta::Units(sum)), Delta::Units(delta)) => Delta::Units(sum + delta),
            (Some(Delta::Image(sum)), Delta::Image(delta)) => Delta::Image(sum + delta),
            (None, delta) => delta,
            _ => unreachable!("gradients at one value are laid out alike"),
        });
    }
}
