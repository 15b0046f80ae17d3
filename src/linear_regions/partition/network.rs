//! Networks that are piecewise affine: affine operations and sums, and between them rectifiers and maxima over windows, all
//! in f64.
//!
//! A batch normalisation is the affine map that it is in evaluation. Smooth activations and layer normalisation are
//! refused: what they compute is affine nowhere.
//!
//! Invariants: node 0 is the input and the last node the output; a node's inputs come before it and fit it; every number
//! is finite; a rectifier's slope below zero is less than 1, and a maximum is over two values or more.

use phasesweep_networks::{
    Activation, Extent, Graph, LEAK, Layer, Node as GraphNode, Normalisation, Op, Pool, Pooling,
};

use super::affine::{Affine, Convolution, Dense, Windows};
use super::error::PartitionError;

/// What a node computes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operation {
    Input,
    Affine(Affine),
    /// Of two nodes.
    Sum,
    /// z for z > 0, else slope · z.
    Rectifier {
        slope: f64,
    },
    /// The greatest value of each window.
    Maximum(Windows),
}

/// A node.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) operation: Operation,
    pub(super) inputs: Vec<usize>,
    /// Number of its values.
    pub(super) size: usize,
}

/// A network that is affine on convex polyhedra.
#[derive(Debug, Clone, PartialEq)]
pub struct PiecewiseLinear {
    nodes: Vec<Node>,
    /// The nodes that are hidden layers.
    hidden: Vec<usize>,
}

/// Values of a node, and places of all windows of a pooling, may not be more: nothing so large can be cut.
const LARGEST: usize = 1 << 28;

fn refuse<T>(what: String) -> Result<T, PartitionError> {
    Err(PartitionError::Network(what))
}

impl PiecewiseLinear {
    /// Dense layers from input to output. Between them z ↦ z for z > 0, `slope`·z else: 0 is the rectifier. The hidden
    /// layers are those after it.
    ///
    /// # Errors
    /// [`PartitionError::Network`] if a layer is empty, does not fit the one before, or holds what is not a number; or
    /// if the slope is not below 1 (at 1 nothing bends).
    pub fn new(layers: Vec<Dense>, slope: f64) -> Result<PiecewiseLinear, PartitionError> {
        if layers.is_empty() {
            return refuse("it has no layers".to_owned());
        }
        if !slope.is_finite() || slope >= 1.0 {
            return refuse(format!("its activation has slope {slope} below 0; a bend needs a slope below 1"));
        }
        for (place, layer) in layers.iter().enumerate() {
            let (outputs, weights) = (layer.bias.len(), layer.weight.len());
            if outputs == 0 || weights == 0 || weights % outputs != 0 {
                return refuse(format!("layer {} has {weights} weights and {outputs} biases", place + 1));
            }
            if !layer.weight.iter().chain(&layer.bias).all(|number| number.is_finite()) {
                return refuse(format!("layer {} holds numbers that are not finite: the run diverged", place + 1));
            }
            if place > 0 && layers[place - 1].outputs() != layer.inputs() {
                let before = layers[place - 1].outputs();
                return refuse(format!("layer {} takes {} inputs from a layer of {before}", place + 1, layer.inputs()));
            }
        }
        let mut building = Building::of(layers[0].inputs());
        let (mut from, mut hidden, last) = (0, Vec::new(), layers.len() - 1);
        for (place, layer) in layers.into_iter().enumerate() {
            from = building.add(Operation::Affine(Affine::Dense(layer)), vec![from]);
            if place < last {
                from = building.add(Operation::Rectifier { slope }, vec![from]);
                hidden.push(from);
            }
        }
        Ok(PiecewiseLinear { nodes: building.nodes, hidden })
    }

    /// A graph with its parameters. A batch normalisation is taken as γ x + β: its running averages are to be folded into
    /// γ and β before, as [`Graph::evaluated`] does.
    ///
    /// # Errors
    /// [`PartitionError::Network`] if the graph has a smooth activation or a layer normalisation, which are affine nowhere;
    /// if the parameters are not as many as the graph's, or not finite.
    pub fn from_graph(graph: &Graph, parameters: &[f64]) -> Result<PiecewiseLinear, PartitionError> {
        if parameters.len() != graph.parameters() {
            let wanted = graph.parameters();
            return refuse(format!("it has {wanted} parameters, and {} are given", parameters.len()));
        }
        if let Some((_, layer)) = graph.layers().find(|(_, layer)| !of(layer, parameters).is_finite()) {
            return refuse(format!("`{}` holds numbers that are not finite: the run diverged", layer.name));
        }
        let windows = |node: &GraphNode| match node.op {
            Op::Pool(pool) => pool.window[0].saturating_mul(pool.window[1]),
            _ => 1,
        };
        if graph.nodes().iter().any(|node| node.extent.size().saturating_mul(windows(node)) > LARGEST) {
            return refuse(format!("a node of it has more than {LARGEST} values"));
        }
        let mut building = Building::of(graph.nodes().first().map_or(0, |node| node.extent.size()));
        // Which node of ours each node of the graph is: what changes no number is its input.
        let mut places: Vec<usize> = Vec::with_capacity(graph.nodes().len());
        for node in graph.nodes() {
            let from: Vec<usize> = node.inputs.iter().map(|&input| places[input]).collect();
            let place = match operation(graph, node, parameters)? {
                Some(operation) => building.add(operation, from),
                None => from.first().copied().unwrap_or(0),
            };
            places.push(place);
        }
        let hidden = graph.hidden().iter().map(|&node| places[node]).collect();
        // The output is the last node, also where what the graph ends in changes no number of an earlier one.
        if let Some(output) = places.last() {
            building.nodes.truncate(output + 1);
        }
        Ok(PiecewiseLinear { nodes: building.nodes, hidden })
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Inputs of the network.
    pub fn inputs(&self) -> usize {
        self.nodes[0].size
    }

    /// Outputs of the network.
    pub fn outputs(&self) -> usize {
        self.nodes.last().map_or(0, |node| node.size)
    }

    /// The nodes that are hidden layers, in their order.
    pub(super) fn hidden_nodes(&self) -> &[usize] {
        &self.hidden
    }

    /// Units of each hidden layer.
    pub fn hidden(&self) -> Vec<usize> {
        self.hidden.iter().map(|&node| self.nodes[node].size).collect()
    }

    /// What each activation and each maximum reads at a point, in their order; the outputs last. Of a perceptron these are
    /// the pre-activations of its layers.
    ///
    /// # Panics
    /// `x` has fewer entries than the network has inputs.
    pub fn pre_activations(&self, x: &[f64]) -> Vec<Vec<f64>> {
        let (mut values, mut all): (Vec<Vec<f64>>, _) = (Vec::new(), Vec::new());
        for node in &self.nodes {
            let of = |input: usize| &values[node.inputs[input]];
            let value = match &node.operation {
                Operation::Input => x.to_vec(),
                Operation::Affine(affine) => affine.apply(of(0)),
                Operation::Sum => of(0).iter().zip(of(1)).map(|(a, b)| a + b).collect(),
                Operation::Rectifier { slope } => {
                    all.push(of(0).clone());
                    of(0).iter().map(|&z| rectified(z, *slope)).collect()
                }
                Operation::Maximum(windows) => {
                    all.push(of(0).clone());
                    let greatest =
                        |window: &[u32]| window.iter().map(|&at| of(0)[at as usize]).fold(f64::MIN, f64::max);
                    windows.places.chunks_exact(windows.of).map(greatest).collect()
                }
            };
            values.push(value);
        }
        all.extend(values.pop());
        all
    }
}

/// z for z > 0, else slope · z.
pub(super) fn rectified(z: f64, slope: f64) -> f64 {
    if z > 0.0 { z } else { slope * z }
}

struct Building {
    nodes: Vec<Node>,
}

impl Building {
    fn of(inputs: usize) -> Building {
        Building { nodes: vec![Node { operation: Operation::Input, inputs: Vec::new(), size: inputs }] }
    }

    /// The place of the new node.
    fn add(&mut self, operation: Operation, inputs: Vec<usize>) -> usize {
        let size = match &operation {
            Operation::Affine(affine) => affine.outputs(),
            Operation::Maximum(windows) => windows.count(),
            Operation::Input | Operation::Sum | Operation::Rectifier { .. } => self.nodes[inputs[0]].size,
        };
        self.nodes.push(Node { operation, inputs, size });
        self.nodes.len() - 1
    }
}

/// A layer's numbers.
struct Numbers<'a> {
    weight: &'a [f64],
    /// Empty without a bias.
    bias: &'a [f64],
}

impl Numbers<'_> {
    fn is_finite(&self) -> bool {
        self.weight.iter().chain(self.bias).all(|number| number.is_finite())
    }

    /// The bias of each output.
    fn biases(&self, layer: &Layer) -> Vec<f64> {
        if layer.bias { self.bias.to_vec() } else { vec![0.0; layer.outputs()] }
    }
}

fn of<'a>(layer: &Layer, parameters: &'a [f64]) -> Numbers<'a> {
    Numbers { weight: &parameters[layer.weight_range()], bias: &parameters[layer.bias_range()] }
}

/// What a node of a graph computes; `None` if it changes no number.
fn operation(graph: &Graph, node: &GraphNode, parameters: &[f64]) -> Result<Option<Operation>, PartitionError> {
    let input = || node.inputs.first().map_or(Extent::Units(0), |&from| graph.nodes()[from].extent);
    let image = |extent: Extent| match extent {
        Extent::Image(image) => image,
        Extent::Units(units) => [units, 1, 1],
    };
    let layer = || node.layer.as_ref().ok_or_else(|| PartitionError::Network("a layer has no parameters".to_owned()));
    Ok(Some(match node.op {
        Op::Input | Op::Flatten => return Ok(None),
        Op::Add => Operation::Sum,
        Op::Dense => {
            let numbers = of(layer()?, parameters);
            let (weight, bias) = (numbers.weight.to_vec(), numbers.biases(layer()?));
            Operation::Affine(Affine::Dense(Dense { weight, bias }))
        }
        Op::Convolution(window) => {
            let numbers = of(layer()?, parameters);
            let (weight, bias) = (numbers.weight.to_vec(), numbers.biases(layer()?));
            let (input, output) = (image(input()), image(node.extent));
            Operation::Affine(Affine::Convolution(Convolution { weight, bias, input, output, window }))
        }
        Op::Scale(factor) => {
            let (factor, shift) = (vec![factor.0; node.extent.size()], vec![0.0; node.extent.size()]);
            Operation::Affine(Affine::Units { factor, shift })
        }
        Op::Normalise(Normalisation::Batch) => {
            let numbers = of(layer()?, parameters);
            let [channels, height, width] = image(node.extent);
            let each = |numbers: &[f64]| -> Vec<f64> {
                let pixels = |channel: usize| numbers.get(channel).copied().unwrap_or(0.0);
                (0..channels).flat_map(|channel| std::iter::repeat_n(pixels(channel), height * width)).collect()
            };
            Operation::Affine(Affine::Units { factor: each(numbers.weight), shift: each(numbers.bias) })
        }
        Op::Normalise(Normalisation::Layer) => {
            return refuse(
                "it has a layer normalisation, which divides by the spread of a sample's own values: between its bends it \
                 is no affine function, and has no linear regions. Local complexity and other observables measure it"
                    .to_owned(),
            );
        }
        Op::Activation(Activation::Identity) => return Ok(None),
        Op::Activation(Activation::Relu) => Operation::Rectifier { slope: 0.0 },
        Op::Activation(Activation::LeakyRelu) => Operation::Rectifier { slope: LEAK },
        Op::Activation(smooth) => {
            return refuse(format!(
                "its activation is {}, which bends everywhere: only networks that are affine between bends (relu, \
                 leaky-relu, identity) have linear regions to cut",
                smooth.name()
            ));
        }
        Op::Pool(pool) => {
            let windows = windows(pool, image(input()), image(node.extent));
            match pool.kind {
                Pooling::Max if windows.of > 1 => Operation::Maximum(windows),
                Pooling::Max | Pooling::Mean => Operation::Affine(Affine::Mean(windows)),
            }
        }
    }))
}

/// The places of a pooling's windows in the image that it reads, row by row.
fn windows(pool: Pool, [_, height, width]: [usize; 3], [channels, down, across]: [usize; 3]) -> Windows {
    let mut places = Vec::with_capacity(channels * down * across * pool.window[0] * pool.window[1]);
    for channel in 0..channels {
        for (row, column) in (0..down).flat_map(|row| (0..across).map(move |column| (row, column))) {
            for (i, j) in (0..pool.window[0]).flat_map(|i| (0..pool.window[1]).map(move |j| (i, j))) {
                let (y, x) = (row * pool.stride[0] + i, column * pool.stride[1] + j);
                places.push(((channel * height + y) * width + x) as u32);
            }
        }
    }
    Windows { places, of: pool.window[0] * pool.window[1] }
}
