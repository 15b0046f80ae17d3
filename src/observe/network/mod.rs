//! A network on the host: one replica's parameters as matrices, forward to any layer and back to the inputs.
//!
//! For what is measured at a few scheduled epochs and needs what engines do not hand out: pre-activations of arbitrary
//! points, and gradients with respect to inputs. Samples are rows. Invariant: a row's numbers depend on the network, on
//! the row and on the number of rows of the call alone: one thread, products of a fixed shape.

mod activation;
mod convolution;
mod product;

#[cfg(test)]
pub(crate) mod tests;

pub use phasesweep_networks::Activation;
use phasesweep_networks::{Chain, Graph, LayerShape};

use product::{Side, product};

/// The chain of layers that a graph is: what local complexity and robustness are measured of.
///
/// # Errors
/// Why they are not measured of others.
pub fn chain(graph: &Graph) -> Result<Chain, String> {
    graph.as_chain().ok_or_else(|| {
        "local complexity and robustness are measured of plain chains of layers (kind = \"mlp\", kind = \"cnn\") only: \
         leave them out of [observe]"
            .to_owned()
    })
}

/// One replica's network.
#[derive(Debug, Clone, Copy)]
pub struct Network<'a> {
    layers: &'a [LayerShape],
    activation: Activation,
    parameters: &'a [f32],
}

/// Buffers that calls reuse.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    columns: Vec<f32>,
    gradient: Vec<f32>,
}

/// A forward pass that can be gone back through.
#[derive(Debug, Clone, Default)]
pub struct Forward {
    /// Pre-activations of each layer `[row, unit]`; the last are the network's outputs.
    pub sums: Vec<Vec<f32>>,
    /// What each layer but the first is fed `[row, activation]`.
    fed: Vec<Vec<f32>>,
}

impl<'a> Network<'a> {
    /// The network of a state's parameters on `layers`, those of [`chain`].
    ///
    /// `None` if the parameters are not as many as the layers have.
    pub fn new(layers: &'a [LayerShape], activation: Activation, parameters: &'a [f32]) -> Option<Network<'a>> {
        let expected: usize = layers.iter().map(LayerShape::parameters).sum();
        (parameters.len() == expected && !layers.is_empty()).then_some(Network { layers, activation, parameters })
    }

    /// Layers with parameters, the output layer included.
    pub fn depth(&self) -> usize {
        self.layers.len()
    }

    /// Inputs of a sample.
    pub fn inputs(&self) -> usize {
        inputs(&self.layers[0])
    }

    /// Pre-activations of a sample at a layer, from 0: what [`units`] says.
    pub fn units(&self, layer: usize) -> usize {
        units(&self.layers[layer])
    }

    /// Values of a sample after a layer, its activation and its pooling.
    pub fn activations(&self, layer: usize) -> usize {
        self.layers[layer].activations()
    }

    /// A layer's weights, `[out, in]` row-major (convolution: `[out, in, k, k]`).
    pub fn weight(&self, layer: usize) -> &'a [f32] {
        let start = self.start(layer);
        &self.parameters[start..start + self.layers[layer].weights()]
    }

    fn start(&self, layer: usize) -> usize {
        self.layers[..layer].iter().map(LayerShape::parameters).sum()
    }

    /// A layer's bias, one for each of a sample's units.
    pub fn bias(&self, layer: usize) -> impl Iterator<Item = f32> + use<'a> {
        let start = self.start(layer) + self.layers[layer].weights();
        let outputs = self.layers[layer].outputs();
        let repeat = units(&self.layers[layer]) / outputs;
        self.parameters[start..start + outputs].iter().flat_map(move |&b| std::iter::repeat_n(b, repeat))
    }

    /// W x without the bias, for `rows` rows of what the layer is fed: `out` becomes `[row, unit]`.
    pub fn linear(&self, layer: usize, x: &[f32], rows: usize, out: &mut Vec<f32>, scratch: &mut Scratch) {
        let (weight, units) = (self.weight(layer), self.units(layer));
        out.resize(rows * units, 0.0);
        match self.layers[layer] {
            LayerShape::Dense { inputs, outputs } => {
                product(Side::plain(x, rows, inputs), Side::transposed(weight, outputs, inputs), out);
            }
            LayerShape::Convolution { .. } => {
                convolution::linear(&self.layers[layer], weight, x, out, &mut scratch.columns);
            }
        }
    }

    /// W x + b.
    pub fn sums(&self, layer: usize, x: &[f32], rows: usize, out: &mut Vec<f32>, scratch: &mut Scratch) {
        self.linear(layer, x, rows, out, scratch);
        let units = self.units(layer);
        let bias: Vec<f32> = self.bias(layer).collect();
        for row in out[..rows * units].chunks_exact_mut(units) {
            row.iter_mut().zip(&bias).for_each(|(z, b)| *z += b);
        }
    }

    /// From pre-activations `[row, unit]`, which are overwritten, to what the next layer is fed `[row, activation]`.
    pub fn activate(&self, layer: usize, z: &mut Vec<f32>, out: &mut Vec<f32>) {
        activation::apply(self.activation, z);
        match self.layers[layer] {
            LayerShape::Convolution { pool, .. } if pool > 1 => convolution::pool(&self.layers[layer], z, out),
            _ => std::mem::swap(z, out),
        }
    }

    /// All layers, `rows` rows of inputs.
    pub fn forward(&self, x: &[f32], rows: usize, pass: &mut Forward, scratch: &mut Scratch) {
        pass.sums.resize(self.depth(), Vec::new());
        pass.fed.resize(self.depth() - 1, Vec::new());
        let mut active = Vec::new();
        for layer in 0..self.depth() {
            let (fed, rest) = pass.fed.split_at_mut(layer.min(self.depth() - 1));
            let from = fed.last().map_or(x, Vec::as_slice);
            self.sums(layer, from, rows, &mut pass.sums[layer], scratch);
            if let Some(next) = rest.first_mut() {
                active.clone_from(&pass.sums[layer]);
                self.activate(layer, &mut active, next);
            }
        }
    }

    /// Back through a pass: from the gradient at the outputs `[row, class]` to that at the inputs `[row, input]`.
    pub fn backward(&self, pass: &Forward, delta: &[f32], rows: usize, out: &mut Vec<f32>, scratch: &mut Scratch) {
        let mut delta = delta.to_vec();
        for layer in (0..self.depth()).rev() {
            let weight = self.weight(layer);
            let width = inputs(&self.layers[layer]);
            out.resize(rows * width, 0.0);
            match self.layers[layer] {
                LayerShape::Dense { inputs, outputs } => {
                    product(Side::plain(&delta, rows, outputs), Side::plain(weight, outputs, inputs), out);
                }
                LayerShape::Convolution { .. } => {
                    convolution::back(&self.layers[layer], weight, &delta, out, &mut scratch.columns);
                }
            }
            let Some(below) = layer.checked_sub(1) else { return };
            delta.clone_from(&pass.sums[below]);
            match self.layers[below] {
                LayerShape::Convolution { pool, .. } if pool > 1 => {
                    scratch.gradient.clone_from(&pass.sums[below]);
                    activation::apply(self.activation, &mut scratch.gradient);
                    activation::slope(self.activation, &mut delta);
                    convolution::pool_back(&self.layers[below], &scratch.gradient, out, &mut delta);
                }
                _ => {
                    activation::slope(self.activation, &mut delta);
                    delta.iter_mut().zip(out.iter()).for_each(|(slope, back)| *slope *= back);
                }
            }
        }
    }
}

/// Inputs of a layer, all channels and pixels of a convolution.
fn inputs(layer: &LayerShape) -> usize {
    match *layer {
        LayerShape::Dense { inputs, .. } => inputs,
        LayerShape::Convolution { inputs, height, width, .. } => inputs * height * width,
    }
}

/// Pre-activations that a sample has at a layer: units, or output channels times pixels before pooling.
pub fn units(layer: &LayerShape) -> usize {
    match *layer {
        LayerShape::Dense { outputs, .. } => outputs,
        LayerShape::Convolution { outputs, height, width, .. } => outputs * height * width,
    }
}
