//! A network as a graph: nodes, each an operation on the values of earlier nodes.
//!
//! Whatever is known of a network follows from its graph: where its parameters lie and what they are called, how many
//! products a sample takes, which values are hidden layers, and whether it is a plain chain of layers.
//!
//! Invariants: node 0 is the input and the last node the output; a node's inputs come before it; parameters lie node by
//! node, weight (row-major) then bias, without gaps; the hidden layers ascend and are followed by the output. Running
//! averages of batch normalisation, which no gradient moves, lie apart, node by node, means then variances.

use std::borrow::Cow;
use std::ops::Range;

use super::activation::Activation;
use super::operation::{Normalisation, Op};

/// The shape of a node's value for one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// A vector.
    Units(usize),
    /// `[channels, height, width]`.
    Image([usize; 3]),
}

impl Extent {
    /// Number of values.
    pub fn size(self) -> usize {
        match self {
            Extent::Units(units) => units,
            Extent::Image([channels, height, width]) => channels * height * width,
        }
    }
}

/// The parameters of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Its number among the nodes with parameters, from 0.
    pub index: usize,
    /// Its name as a PyTorch module: its tensors are `name.weight` and `name.bias`.
    pub name: String,
    /// Shape of the weight; the first entry is the number of units, or of output channels.
    pub shape: Vec<usize>,
    /// Whether it has a bias, one for each entry of the weight's first dimension.
    pub bias: bool,
    /// Where its weight begins among the network's parameters.
    pub start: usize,
}

impl Layer {
    /// Units, or output channels.
    pub fn outputs(&self) -> usize {
        self.shape[0]
    }

    /// Inputs that one unit sums over.
    pub fn fan_in(&self) -> usize {
        self.shape[1..].iter().product()
    }

    /// Number of weights.
    pub fn weights(&self) -> usize {
        self.shape.iter().product()
    }

    /// Number of biases: [`Layer::outputs`], or 0.
    pub fn biases(&self) -> usize {
        if self.bias { self.outputs() } else { 0 }
    }

    /// Number of weights and biases.
    pub fn parameters(&self) -> usize {
        self.weights() + self.biases()
    }

    /// Its weight within the network's parameters.
    pub fn weight_range(&self) -> Range<usize> {
        self.start..self.start + self.weights()
    }

    /// Its bias within the network's parameters; empty without one.
    pub fn bias_range(&self) -> Range<usize> {
        self.start + self.weights()..self.start + self.parameters()
    }
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it computes.
    pub op: Op,
    /// Of which nodes.
    pub inputs: Vec<usize>,
    /// The shape of what comes of it.
    pub extent: Extent,
    /// Its parameters, if it has any.
    pub layer: Option<Layer>,
}

impl Node {
    /// Multiplications of a sample.
    pub fn products(&self) -> usize {
        let Some(layer) = &self.layer else { return 0 };
        match self.extent {
            Extent::Units(_) => layer.weights(),
            Extent::Image([_, height, width]) => layer.weights() * height * width,
        }
    }
}

/// A network on its data.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) hidden: Vec<usize>,
}

/// Running averages of a batch normalisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Averages<'a> {
    /// Its layer.
    pub layer: &'a Layer,
    /// Its running means among the network's running averages.
    pub means: Range<usize>,
    /// Its running variances among them.
    pub variances: Range<usize>,
}

impl Graph {
    /// The nodes, input first, output last.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The nodes that count as hidden layers, in order: what layer 1, 2, … of `observe` means.
    pub fn hidden(&self) -> &[usize] {
        &self.hidden
    }

    /// The nodes with parameters, in the order in which these lie.
    pub fn layers(&self) -> impl DoubleEndedIterator<Item = (&Node, &Layer)> {
        self.nodes.iter().filter_map(|node| Some((node, node.layer.as_ref()?)))
    }

    /// Number of parameters.
    pub fn parameters(&self) -> usize {
        self.layers().map(|(_, layer)| layer.parameters()).sum()
    }

    /// Multiplications of a sample's outputs.
    pub fn products(&self) -> usize {
        self.nodes.iter().map(Node::products).sum()
    }

    /// How many nodes take each node's value.
    pub fn consumers(&self) -> Vec<usize> {
        let mut consumers = vec![0; self.nodes.len()];
        self.nodes.iter().flat_map(|node| &node.inputs).for_each(|&from| consumers[from] += 1);
        consumers
    }

    /// Whether a node reads the samples themselves, so that no gradient is wanted beneath it.
    pub fn reads_samples(&self, node: &Node) -> bool {
        node.inputs.iter().any(|&from| self.nodes[from].op == Op::Input)
    }

    /// The nodes whose values an activation bends, ascending, each once: of a chain, its hidden layers before their
    /// activations. An image and its flattening are one node, the image.
    pub fn pre_activations(&self) -> Vec<usize> {
        let bends = |node: &&Node| matches!(node.op, Op::Activation(activation) if activation != Activation::Identity);
        let mut found: Vec<usize> =
            self.nodes.iter().filter(bends).map(|node| self.unflattened(node.inputs[0])).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The node itself, or the image that it flattens.
    fn unflattened(&self, node: usize) -> usize {
        match self.nodes[node].op {
            Op::Flatten => self.unflattened(self.nodes[node].inputs[0]),
            _ => node,
        }
    }

    /// The running averages of the batch normalisations, in the order in which they lie.
    pub fn averages(&self) -> impl Iterator<Item = Averages<'_>> {
        let mut start = 0;
        self.layers().filter(|(node, _)| node.op == Op::Normalise(Normalisation::Batch)).map(move |(_, layer)| {
            let (means, end) = (start..start + layer.outputs(), start + 2 * layer.outputs());
            start = end;
            Averages { layer, variances: means.end..end, means }
        })
    }

    /// Number of running averages.
    pub fn averaged(&self) -> usize {
        self.averages().map(|averages| averages.variances.end).last().unwrap_or(0)
    }

    /// Running averages before training: means of 0, variances of 1.
    pub fn initial_averages(&self) -> Vec<f32> {
        let mut values = vec![0.0; self.averaged()];
        self.averages().for_each(|averages| values[averages.variances].fill(1.0));
        values
    }

    /// The parameters with which the network computes what it computes in evaluation, if a batch normalisation is taken as
    /// γ x + β alone: its running averages are folded into its γ and β, γ' = γ/√(variance + ε), β' = β − mean γ'. Those of
    /// a network without batch normalisation are the parameters themselves.
    pub fn evaluated<'p>(&self, parameters: &'p [f32], averages: &[f32]) -> Cow<'p, [f32]> {
        let mut folded = Cow::Borrowed(parameters);
        for Averages { layer, means, variances } in self.averages() {
            let own = folded.to_mut();
            for (place, (mean, variance)) in means.zip(variances).enumerate() {
                let weight = layer.weight_range().start + place;
                let bias = layer.bias_range().start + place;
                let affine = [own[weight], own[bias]].map(f64::from);
                let moments = [averages[mean], averages[variance]].map(f64::from);
                [own[weight], own[bias]] = Normalisation::folded(affine, moments).map(|x| x as f32);
            }
        }
        folded
    }
}
