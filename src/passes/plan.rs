//! The plan for a graph: what connects its pixels and where its values lie, known before any number is.

use phasesweep_networks::{Activation, Extent, Graph, Normalisation, Op};

use super::connect::{self, Connections};
use super::gather::{depthwise, lay};
use super::placement::{self, Backwards, Forwards};
use super::pool;
use super::real::Real;

/// A layer's sums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) forwards: Connections,
    pub(crate) backwards: Connections,
    /// For each tap, the pairs of an output and an input pixel.
    pub(crate) pairs: Vec<Vec<[u32; 2]>>,
    pub(crate) groups: usize,
    /// Input channels of a group.
    pub(crate) inputs: usize,
    /// Output channels of a group.
    pub(crate) outputs: usize,
}

/// The passes through a graph of one output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passes {
    pub(crate) graph: Graph,
    /// Of the nodes that are dense layers or convolutions.
    pub(crate) sums: Vec<Option<Sums>>,
    /// Of the nodes that are poolings: the pixels of their windows.
    pub(crate) windows: Vec<Vec<u32>>,
    /// Places where all is kept that the way back reads.
    pub(crate) kept: Forwards,
    /// Places where nothing is.
    pub(crate) brief: Forwards,
    pub(crate) back: Backwards,
    /// How many nodes read each node.
    pub(crate) consumers: Vec<usize>,
}

impl Passes {
    /// The plan for a graph of one output.
    ///
    /// # Errors
    /// Why there is none: see [`followed`], or its output is not one number.
    pub fn new(graph: Graph) -> Result<Passes, String> {
        followed(&graph)?;
        if graph.nodes().last().map(|node| node.extent) != Some(Extent::Units(1)) {
            return Err("a gradient flow has one output".to_owned());
        }
        let image = |node: usize| match graph.nodes()[node].extent {
            Extent::Image([_, height, width]) => [height, width],
            Extent::Units(_) => [1, 1],
        };
        let (mut sums, mut windows) = (Vec::new(), Vec::new());
        for (place, node) in graph.nodes().iter().enumerate() {
            let mut own = None;
            let mut pixels = Vec::new();
            match (node.op, &node.layer) {
                (Op::Dense, Some(layer)) => {
                    own = Some(Sums {
                        forwards: Connections::single(),
                        backwards: Connections::single(),
                        pairs: vec![vec![[0, 0]]],
                        groups: 1,
                        inputs: layer.fan_in(),
                        outputs: layer.outputs(),
                    });
                }
                (Op::Convolution(window), Some(layer)) => {
                    let (forwards, backwards, pairs) =
                        connect::convolution(window, image(node.inputs[0]), image(place));
                    let groups = window.groups;
                    let outputs = layer.outputs() / groups;
                    own = Some(Sums { forwards, backwards, pairs, groups, inputs: layer.shape[1], outputs });
                }
                (Op::Pool(pool), _) => pixels = pool::windows(pool, image(node.inputs[0])),
                _ => {}
            }
            sums.push(own);
            windows.push(pixels);
        }
        let (kept, brief) = (placement::forwards(&graph, true), placement::forwards(&graph, false));
        let back = placement::backwards(&graph);
        Ok(Passes { sums, windows, kept, brief, back, consumers: graph.consumers(), graph })
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Inputs of a sample.
    pub fn inputs(&self) -> usize {
        self.graph.nodes().first().map_or(0, |node| node.extent.size())
    }

    /// Products of one sample's output.
    pub fn products(&self) -> usize {
        self.graph.products()
    }

    /// Takes over parameters, in the graph's layout.
    pub fn load<T: Real>(&self, parameters: &[T], into: &mut Weights<T>) {
        into.layers.resize_with(self.graph.nodes().len(), Laid::default);
        for ((node, sums), laid) in self.graph.nodes().iter().zip(&self.sums).zip(&mut into.layers) {
            let Some(layer) = &node.layer else { continue };
            let weights = &parameters[layer.weight_range()];
            laid.bias.clear();
            laid.bias.extend_from_slice(&parameters[layer.bias_range()]);
            let Some(Sums { groups, inputs, outputs, pairs, .. }) = sums else {
                laid.forwards.clear();
                laid.forwards.extend_from_slice(weights);
                continue;
            };
            let (groups, inputs, outputs, taps) = (*groups, *inputs, *outputs, pairs.len());
            let at = |group: usize, output: usize, input: usize, tap: usize| {
                weights[((group * outputs + output) * inputs + input) * taps + tap]
            };
            if depthwise(inputs, outputs, taps) {
                laid.forwards.clear();
                laid.forwards.extend_from_slice(weights);
                laid.backwards.clone_from(&laid.forwards);
                continue;
            }
            lay(&mut laid.forwards, [groups, outputs, inputs, taps], at);
            lay(&mut laid.backwards, [groups, inputs, outputs, taps], |group, input, output, tap| {
                at(group, output, input, tap)
            });
        }
    }
}

/// Parameters in the orders of the loops.
#[derive(Debug, Clone, Default)]
pub struct Weights<T> {
    /// For each node.
    pub(crate) layers: Vec<Laid<T>>,
}

/// The parameters of a node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Laid<T> {
    /// Weights on the way forwards; γ of a normalisation.
    pub(crate) forwards: Vec<T>,
    /// Weights on the way back.
    pub(crate) backwards: Vec<T>,
    /// Biases; β of a normalisation.
    pub(crate) bias: Vec<T>,
}

/// Whether a gradient flow can follow the graph, whatever the number of its outputs.
///
/// # Errors
/// Why it cannot.
pub fn followed(graph: &Graph) -> Result<(), String> {
    if graph.nodes().iter().any(|node| node.op == Op::Normalise(Normalisation::Batch)) {
        return Err(
            "a gradient flow has no batches, and batch normalisation makes f of a sample depend on the others. \
                    Write { normalise = \"layer\" }, or train the network by steps of any optimiser"
                .to_owned(),
        );
    }
    scaled_layers(graph).map(drop)
}

/// For each layer of a graph, whether its weights and biases are to be multiplied by a positive number for the output to be.
///
/// # Errors
/// Why there are no such layers.
pub fn scaled_layers(graph: &Graph) -> Result<Vec<bool>, String> {
    let consumers = graph.consumers();
    let mut scaled = vec![false; graph.layers().count()];
    let mut open = vec![graph.nodes().len() - 1];
    while let Some(place) = open.pop() {
        let node = &graph.nodes()[place];
        if let Some(layer) = &node.layer {
            scaled[layer.index] = true;
            continue;
        }
        let homogeneous = match node.op {
            Op::Flatten | Op::Pool(_) | Op::Scale(_) | Op::Add => true,
            Op::Activation(kind) => {
                matches!(kind, Activation::Relu | Activation::LeakyRelu | Activation::Identity)
            }
            _ => false,
        };
        if !homogeneous || node.inputs.iter().any(|&input| consumers[input] != 1) {
            return Err(
                "its output is no layer's output that a factor α could be taken into: end it with a dense layer"
                    .to_owned(),
            );
        }
        open.extend(&node.inputs);
    }
    Ok(scaled)
}
