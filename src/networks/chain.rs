//! Networks without branches, for which the CPU kernel has a path of its own.
//!
//! Invariant: a graph is a chain only if nothing of it is lost by saying so; whatever else it has makes it none.

use super::activation::Activation;
use super::graph::{Extent, Graph};
use super::operation::{Op, Pool, Pooling, Window};

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

impl Graph {
    /// The network as a plain chain: convolutions of stride 1 and same padding, each with its activation and max pooling,
    /// then dense layers with theirs, then the output layer; every layer has a bias, and every hidden layer the same
    /// activation. `None` for every other network, which an engine or a measurement that knows chains alone must refuse by
    /// name.
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
            if node.layer.as_ref().is_some_and(|layer| !layer.bias) {
                return None;
            }
            match node.op {
                Op::Flatten if !chain.layers.is_empty() && hidden.last() == Some(&(place - 2)) => continue,
                Op::Dense => {
                    let layer = node.layer.as_ref()?;
                    chain.layers.push(LayerShape::Dense { inputs: layer.fan_in(), outputs: layer.outputs() });
                    if place == self.nodes.len() {
                        return (hidden == self.hidden).then_some(chain);
                    }
                }
                Op::Convolution(window) if window.kernel % 2 == 1 && window == Window::same(window.kernel) => {
                    let kernel = window.kernel;
                    let Extent::Image([outputs, height, width]) = node.extent else { return None };
                    let inputs = node.layer.as_ref()?.shape[1];
                    let pool = op(place + 1).and_then(side).unwrap_or(1);
                    chain.layers.push(LayerShape::Convolution { inputs, outputs, kernel, pool, height, width });
                }
                _ => return None,
            }
            let Some(Op::Activation(activation)) = op(place) else { return None };
            if *chain.activation.get_or_insert(activation) != activation {
                return None;
            }
            place += 1;
            if matches!(node.op, Op::Convolution(_)) && op(place).and_then(side).is_some() {
                place += 1;
            }
            hidden.push(place - 1);
        }
        None
    }
}

/// The side of max pooling over square windows that lie side by side; `None` for every other operation.
fn side(op: Op) -> Option<usize> {
    match op {
        Op::Pool(pool) if pool == Pool::square(Pooling::Max, pool.window[0]) => Some(pool.window[0]),
        _ => None,
    }
}
