//! Builds the graph of a network on its data.

use std::fmt;

use super::activation::Activation;
use super::graph::{Extent, Graph, Layer, Node};
use super::operation::{Normalisation, Number, Op, Pool, Pooling, Window};

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
    /// The window of a convolution is larger than what it is fed.
    WindowTooLarge,
    /// The groups of a convolution do not divide its channels.
    GroupsDoNotDivide,
    /// Two values of different shapes are to be added.
    ShapesDiffer,
    /// A dense layer is fed an image, or a convolution, a pooling or a normalisation what it cannot take.
    WrongShape,
    /// What comes out of it is not one number for each class.
    WrongOutputs,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Misfit::NoImages => "it convolves, and the inputs are no images of which every pixel was kept",
            Misfit::PooledAway => "its pooling leaves nothing of the images",
            Misfit::WindowTooLarge => "a convolution's window is larger than the image that it is fed",
            Misfit::GroupsDoNotDivide => "the groups of a convolution do not divide its input and output channels",
            Misfit::ShapesDiffer => "a residual branch and its shortcut have different shapes",
            Misfit::WrongShape => "an operation on images is fed a vector, or a dense layer an image",
            Misfit::WrongOutputs => "what comes out of it is not one number for each class",
        })
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
        Builder { graph: Graph::default(), ports, activation, parameters: 0, layers: 0 }
    }

    fn add(&mut self, op: Op, inputs: Vec<usize>, extent: Extent) -> usize {
        self.graph.nodes.push(Node { op, inputs, extent, layer: None });
        self.graph.nodes.len() - 1
    }

    fn with_parameters(&mut self, name: String, shape: Vec<usize>, bias: bool, node: usize) -> usize {
        let layer = Layer { index: self.layers, name, shape, bias, start: self.parameters };
        self.layers += 1;
        self.parameters += layer.parameters();
        self.graph.nodes[node].layer = Some(layer);
        node
    }

    /// The shape of a node's value.
    pub fn extent(&self, node: usize) -> Extent {
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

    /// A dense layer of the vector `from`, with a bias.
    pub fn dense(&mut self, name: impl Into<String>, from: usize, outputs: usize) -> usize {
        self.dense_with(name, from, outputs, true)
    }

    /// A dense layer of the vector `from`, with a bias or without.
    pub fn dense_with(&mut self, name: impl Into<String>, from: usize, outputs: usize, bias: bool) -> usize {
        let inputs = self.extent(from).size();
        let node = self.add(Op::Dense, vec![from], Extent::Units(outputs));
        self.with_parameters(name.into(), vec![outputs, inputs], bias, node)
    }

    /// A convolution of the image `from`, with stride 1, padding that keeps the image's sides, and a bias.
    pub fn convolution(&mut self, name: impl Into<String>, from: usize, outputs: usize, kernel: usize) -> usize {
        let [inputs, height, width] = self.image(from);
        let op = Op::Convolution(Window::same(kernel));
        let node = self.add(op, vec![from], Extent::Image([outputs, height, width]));
        self.with_parameters(name.into(), vec![outputs, inputs, kernel, kernel], true, node)
    }

    /// A convolution of the image `from`, with a bias or without.
    ///
    /// # Errors
    /// [`Misfit`] if `from` is no image, the groups do not divide the channels, or no window fits.
    pub fn convolution_with(
        &mut self,
        name: impl Into<String>,
        from: usize,
        outputs: usize,
        window: Window,
        bias: bool,
    ) -> Result<usize, Misfit> {
        let Extent::Image([inputs, height, width]) = self.extent(from) else { return Err(Misfit::WrongShape) };
        if window.groups == 0 || !inputs.is_multiple_of(window.groups) || !outputs.is_multiple_of(window.groups) {
            return Err(Misfit::GroupsDoNotDivide);
        }
        let image = [outputs, window.places(height), window.places(width)];
        if image[1] * image[2] == 0 {
            return Err(Misfit::WindowTooLarge);
        }
        let node = self.add(Op::Convolution(window), vec![from], Extent::Image(image));
        let shape = vec![outputs, inputs / window.groups, window.kernel, window.kernel];
        Ok(self.with_parameters(name.into(), shape, bias, node))
    }

    /// The network's activation of `from`.
    pub fn activation(&mut self, from: usize) -> usize {
        self.apply(self.activation, from)
    }

    /// An activation of `from`.
    pub fn apply(&mut self, activation: Activation, from: usize) -> usize {
        self.add(Op::Activation(activation), vec![from], self.extent(from))
    }

    /// Max pooling of the image `from` over square windows side by side.
    ///
    /// # Errors
    /// As [`Builder::pool`].
    pub fn max_pool(&mut self, from: usize, side: usize) -> Result<usize, Misfit> {
        self.pool(from, Pool::square(Pooling::Max, side))
    }

    /// Pooling of the image `from`.
    ///
    /// # Errors
    /// [`Misfit`] if `from` is no image, or no pixel is left.
    pub fn pool(&mut self, from: usize, pool: Pool) -> Result<usize, Misfit> {
        let Extent::Image([channels, height, width]) = self.extent(from) else { return Err(Misfit::WrongShape) };
        let [down, across] = pool.places([height, width]);
        if down * across == 0 {
            return Err(Misfit::PooledAway);
        }
        Ok(self.add(Op::Pool(pool), vec![from], Extent::Image([channels, down, across])))
    }

    /// The image `from` pooled over all its pixels, as a vector of its channels.
    ///
    /// # Errors
    /// [`Misfit::WrongShape`] if `from` is no image.
    pub fn pool_all(&mut self, from: usize, kind: Pooling) -> Result<usize, Misfit> {
        let [_, height, width] = self.image(from);
        let pooled = self.pool(from, Pool { kind, window: [height, width], stride: [1, 1] })?;
        Ok(self.flatten(pooled))
    }

    /// A normalisation of `from`, with its γ and β.
    pub fn normalise(&mut self, name: impl Into<String>, from: usize, normalisation: Normalisation) -> usize {
        let extent = self.extent(from);
        let channels = match extent {
            Extent::Units(units) => units,
            Extent::Image([channels, ..]) => channels,
        };
        let node = self.add(Op::Normalise(normalisation), vec![from], extent);
        self.with_parameters(name.into(), vec![channels], true, node)
    }

    /// `from` times a constant.
    pub fn scale(&mut self, from: usize, factor: Number) -> usize {
        self.add(Op::Scale(factor), vec![from], self.extent(from))
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
