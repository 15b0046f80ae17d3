//! A network as a graph: nodes, each an operation on the values of earlier nodes.
//!
//! Whatever is known of a network follows from its graph: where its parameters lie and what they are called, how many
//! products a sample takes, which values are hidden layers, and whether it is a plain chain of layers.
//!
//! Invariants: node 0 is the input and the last node the output; a node's inputs come before it; parameters lie node by
//! node, weight (row-major) then bias, without gaps; the hidden layers ascend and are followed by the output.

use std::fmt;

use super::activation::Activation;

/// What a network is fed and what it must answer: the sizes that follow from the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// Inputs of a sample.
    pub inputs: usize,
    /// `[channels, height, width]` of a sample, where the inputs are whole images.
    pub image: Option<[usize; 3]>,
    /// Outputs.
    pub classes: usize,
}

/// Why a network cannot be built on the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfit {
    /// It convolves, and the inputs are no images, or images of which pixels were dropped.
    NoImages,
    /// Its pooling leaves no pixel.
    PooledAway,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Misfit::NoImages => "it convolves, and the inputs are no images of which every pixel was kept",
            Misfit::PooledAway => "its pooling leaves nothing of the images",
        })
    }
}

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

/// What a node computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// The sample.
    Input,
    /// W x + b; W is `[units, inputs]`.
    Dense,
    /// Square convolution, stride 1, same padding, with a bias for each output channel; the weight is
    /// `[outputs, inputs, kernel, kernel]`.
    Convolution {
        /// Side of the kernel, odd.
        kernel: usize,
    },
    /// Elementwise.
    Activation(Activation),
    /// Greatest value of each window; rows and columns that do not fill one are dropped.
    MaxPool {
        /// Side and stride of the windows.
        side: usize,
    },
    /// An image as a vector, channel by channel, row by row.
    Flatten,
    /// The sum of two values of one shape.
    Add,
}

/// The parameters of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Its number among the nodes with parameters, from 0.
    pub index: usize,
    /// Its name as a PyTorch module: its tensors are `name.weight` and `name.bias`.
    pub name: String,
    /// Shape of the weight; the first entry is the number of biases.
    pub shape: Vec<usize>,
    /// Where its weight begins among the network's parameters.
    pub start: usize,
}

impl Layer {
    /// Biases: units, or output channels.
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

    /// Number of weights and biases.
    pub fn parameters(&self) -> usize {
        self.weights() + self.outputs()
    }

    /// Its weight within the network's parameters.
    pub fn weight_range(&self) -> std::ops::Range<usize> {
        self.start..self.start + self.weights()
    }

    /// Its bias within the network's parameters.
    pub fn bias_range(&self) -> std::ops::Range<usize> {
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
    nodes: Vec<Node>,
    hidden: Vec<usize>,
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

    /// The network as a plain chain: convolutions, each with its activation and pooling, then dense layers with theirs,
    /// then the output layer, every hidden layer with the same activation. `None` for every other network, which whoever
    /// only knows chains must refuse by name.
    pub fn as_chain(&self) -> Option<Chain> {
        let follows = |place: usize| self.nodes[place].inputs == [place - 1];
        if self.nodes.first()?.op != Op::Input || !(1..self.nodes.len()).all(follows) {
            return None;
        }
        let mut chain = Chain { layers: Vec::new(), activation: None };
        let mut hidden = Vec::new();
        let mut place = 1;
        while place < self.nodes.len() {
            let node = &self.nodes[place];
            let op = |at: usize| self.nodes.get(at).map(|node| node.op);
            place += 1;
            match node.op {
                Op::Flatten if !chain.layers.is_empty() && hidden.last() == Some(&(place - 2)) => continue,
                Op::Dense => {
                    let layer = node.layer.as_ref()?;
                    chain.layers.push(LayerShape::Dense { inputs: layer.fan_in(), outputs: layer.outputs() });
                    if place == self.nodes.len() {
                        return (hidden == self.hidden).then_some(chain);
                    }
                }
                Op::Convolution { kernel } => {
                    let Extent::Image([outputs, height, width]) = node.extent else { return None };
                    let inputs = node.layer.as_ref()?.shape[1];
                    let pool = match op(place + 1) {
                        Some(Op::MaxPool { side }) => side,
                        _ => 1,
                    };
                    chain.layers.push(LayerShape::Convolution { inputs, outputs, kernel, pool, height, width });
                }
                _ => return None,
            }
            let Some(Op::Activation(activation)) = op(place) else { return None };
            if *chain.activation.get_or_insert(activation) != activation {
                return None;
            }
            place += 1;
            if matches!((node.op, op(place)), (Op::Convolution { .. }, Some(Op::MaxPool { .. }))) {
                place += 1;
            }
            hidden.push(place - 1);
        }
        None
    }
}

/// A network without branches: its layers, from input to output, the output layer included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The layers; their parameters lie in this order.
    pub layers: Vec<LayerShape>,
    /// What follows every hidden layer; `None` where there is none.
    pub activation: Option<Activation>,
}

/// A layer of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerShape {
    /// Every input to every output: weight `[outputs, inputs]`.
    Dense {
        /// Inputs of a unit.
        inputs: usize,
        /// Units.
        outputs: usize,
    },
    /// Square convolution, stride 1, same padding; weight `[outputs, inputs, kernel, kernel]`. Max pooling of side and
    /// stride `pool` follows the activation; rows and columns that do not fill a window are dropped.
    Convolution {
        /// Input channels.
        inputs: usize,
        /// Output channels.
        outputs: usize,
        /// Side of the kernel.
        kernel: usize,
        /// Side and stride of the pooling; 1 is none.
        pool: usize,
        /// Height of the input (and of the output before pooling).
        height: usize,
        /// Width of the input (and of the output before pooling).
        width: usize,
    },
}

impl LayerShape {
    /// Inputs that one unit sums over.
    pub fn fan_in(&self) -> usize {
        match *self {
            LayerShape::Dense { inputs, .. } => inputs,
            LayerShape::Convolution { inputs, kernel, .. } => inputs * kernel * kernel,
        }
    }

    /// Units, or output channels: the number of biases.
    pub fn outputs(&self) -> usize {
        match *self {
            LayerShape::Dense { outputs, .. } | LayerShape::Convolution { outputs, .. } => outputs,
        }
    }

    /// Number of weights.
    pub fn weights(&self) -> usize {
        self.fan_in() * self.outputs()
    }

    /// Number of weights and biases.
    pub fn parameters(&self) -> usize {
        self.weights() + self.outputs()
    }

    /// Values that a sample has after this layer, its activation and its pooling.
    pub fn activations(&self) -> usize {
        match *self {
            LayerShape::Dense { outputs, .. } => outputs,
            LayerShape::Convolution { outputs, pool, height, width, .. } => outputs * (height / pool) * (width / pool),
        }
    }
}

/// Builds a graph node by node. Every method answers the new node's place.
#[derive(Debug)]
pub struct Builder {
    graph: Graph,
    ports: Ports,
    activation: Activation,
    parameters: usize,
    layers: usize,
}

impl Builder {
    /// Of a network on such data, whose hidden layers have this activation.
    pub fn new(ports: Ports, activation: Activation) -> Builder {
        let graph = Graph { nodes: Vec::new(), hidden: Vec::new() };
        Builder { graph, ports, activation, parameters: 0, layers: 0 }
    }

    fn add(&mut self, op: Op, inputs: Vec<usize>, extent: Extent) -> usize {
        self.graph.nodes.push(Node { op, inputs, extent, layer: None });
        self.graph.nodes.len() - 1
    }

    fn with_parameters(&mut self, name: String, shape: Vec<usize>, node: usize) -> usize {
        let layer = Layer { index: self.layers, name, shape, start: self.parameters };
        self.layers += 1;
        self.parameters += layer.parameters();
        self.graph.nodes[node].layer = Some(layer);
        node
    }

    fn extent(&self, node: usize) -> Extent {
        self.graph.nodes[node].extent
    }

    /// `[channels, height, width]` of a node; what is no image has no pixels and no channels.
    fn image(&self, node: usize) -> [usize; 3] {
        match self.extent(node) {
            Extent::Image(image) => image,
            Extent::Units(_) => [0; 3],
        }
    }

    /// Outputs that the data asks for.
    pub fn classes(&self) -> usize {
        self.ports.classes
    }

    /// The samples as vectors.
    pub fn vectors(&mut self) -> usize {
        self.add(Op::Input, Vec::new(), Extent::Units(self.ports.inputs))
    }

    /// The samples as images.
    ///
    /// # Errors
    /// [`Misfit::NoImages`] if they are none.
    pub fn images(&mut self) -> Result<usize, Misfit> {
        let image = self.ports.image.ok_or(Misfit::NoImages)?;
        Ok(self.add(Op::Input, Vec::new(), Extent::Image(image)))
    }

    /// A dense layer of the vector `from`.
    pub fn dense(&mut self, name: impl Into<String>, from: usize, outputs: usize) -> usize {
        let inputs = self.extent(from).size();
        let node = self.add(Op::Dense, vec![from], Extent::Units(outputs));
        self.with_parameters(name.into(), vec![outputs, inputs], node)
    }

    /// A convolution of the image `from`.
    pub fn convolution(&mut self, name: impl Into<String>, from: usize, outputs: usize, kernel: usize) -> usize {
        let [inputs, height, width] = self.image(from);
        let node = self.add(Op::Convolution { kernel }, vec![from], Extent::Image([outputs, height, width]));
        self.with_parameters(name.into(), vec![outputs, inputs, kernel, kernel], node)
    }

    /// The network's activation of `from`.
    pub fn activation(&mut self, from: usize) -> usize {
        self.add(Op::Activation(self.activation), vec![from], self.extent(from))
    }

    /// Max pooling of the image `from`.
    ///
    /// # Errors
    /// [`Misfit::PooledAway`] if no pixel is left.
    pub fn max_pool(&mut self, from: usize, side: usize) -> Result<usize, Misfit> {
        let [channels, height, width] = self.image(from);
        let image = [channels, height.checked_div(side).unwrap_or(0), width.checked_div(side).unwrap_or(0)];
        if image[1] * image[2] == 0 {
            return Err(Misfit::PooledAway);
        }
        Ok(self.add(Op::MaxPool { side }, vec![from], Extent::Image(image)))
    }

    /// The image `from` as a vector.
    pub fn flatten(&mut self, from: usize) -> usize {
        self.add(Op::Flatten, vec![from], Extent::Units(self.extent(from).size()))
    }

    /// The sum of two nodes of one shape.
    pub fn sum(&mut self, a: usize, b: usize) -> usize {
        self.add(Op::Add, vec![a, b], self.extent(a))
    }

    /// Says that a node is the next hidden layer.
    pub fn hidden(&mut self, node: usize) {
        self.graph.hidden.push(node);
    }

    /// The graph; its last node is the output.
    pub fn finish(self) -> Graph {
        self.graph
    }
}
