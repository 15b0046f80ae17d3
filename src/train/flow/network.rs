//! The network of a flow: one output, its layers with their scales, and where its parameters lie.
//!
//! A chain of layers is what it was before there were other networks, to the bit: [`Level`]s, in either parametrisation. Every
//! other graph is followed in the standard parametrisation alone, by its [`Passes`]: of the mean-field one it is not said what
//! the scale of a residual sum or of a shared kernel is to be.
//!
//! Invariant: parameters lie layer by layer, weight `[out, in]` row-major (convolution: `[out, in, k, k]`), then bias
//! `[out]`; a mean-field network's output layer has no bias. A network has levels or passes, and not both.

use std::ops::Range;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::patches::Sources;
use super::unit::Unit;
use crate::data::Block;
use crate::sweep::{Activation, ArchitectureKind, MeanField};
use phasesweep_networks::{Chain, Graph, LayerShape, Op, Ports};
use phasesweep_passes::{Passes, scaled_layers};

/// One layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Level {
    /// Its shape; the last one has one output.
    pub(super) layer: LayerShape,
    /// Where its weights begin.
    pub(super) weight: usize,
    /// Where its biases begin; `None`: it has none.
    pub(super) bias: Option<usize>,
    /// Pre-activation = scale · W a + b.
    pub(super) scale: f64,
}

/// Whether a gradient flow follows a graph, in the mean-field parametrisation or in the standard one.
///
/// # Errors
/// Why it does not.
pub fn followed(graph: &Graph, mean_field: bool) -> Result<(), String> {
    if graph.as_chain().is_some() {
        return Ok(());
    }
    if mean_field {
        return Err("the mean-field parametrisation is that of chains of layers with biases (kind = \"mlp\", kind = \
                    \"cnn\"). Write parametrisation = \"standard\": α alone then says which regime a flow is in"
            .to_owned());
    }
    phasesweep_passes::followed(graph)
}

/// The first layer of a network: what is known of its neurons.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct First {
    /// Its weights, neuron by neuron (of a convolution, channel by channel).
    pub(super) weights: Range<usize>,
    /// Where its biases begin; `None`: it has none.
    pub(super) bias: Option<usize>,
    /// Neurons.
    pub(super) neurons: usize,
    /// Inputs of a neuron.
    pub(super) fan_in: usize,
    /// Whether it is a dense layer of the samples, so that a weight belongs to a coordinate.
    pub(super) of_coordinates: bool,
}

/// A network.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::train) struct Network {
    /// Its layers, from input to output.
    pub(super) levels: Vec<Level>,
    /// What follows every hidden layer.
    pub(super) unit: Unit,
    /// Number of its parameters.
    pub(super) parameters: usize,
    /// Inputs of a sample.
    pub(super) inputs: usize,
    /// For each layer, where the numbers of its patches come from; empty of dense layers.
    pub(super) sources: Arc<Vec<Sources>>,
    /// Of a graph that is no chain of layers.
    pub(super) passes: Option<Arc<Passes>>,
}

impl Network {
    /// The network of an architecture on a block; `None` where it cannot be built (a convolution on no image, or pooled
    /// down to nothing), or is not [`followed`].
    pub(in crate::train) fn new(
        kind: &ArchitectureKind,
        activation: Activation,
        mean_field: Option<MeanField>,
        block: &Block,
    ) -> Option<Network> {
        let ports = Ports { inputs: block.inputs(), image: block.image, classes: block.classes };
        let graph = kind.graph(ports, activation).ok()?;
        followed(&graph, mean_field.is_some()).ok()?;
        let Some(Chain { mut layers, .. }) = graph.as_chain() else {
            let graph = kind.graph(Ports { classes: 1, ..ports }, activation).ok()?;
            return Some(Network {
                levels: Vec::new(),
                unit: Unit::new(activation, false),
                parameters: graph.parameters(),
                inputs: block.inputs(),
                sources: Arc::default(),
                passes: Some(Arc::new(Passes::new(graph).ok()?)),
            });
        };
        if let Some(LayerShape::Dense { outputs, .. }) = layers.last_mut() {
            *outputs = 1;
        }
        let last = layers.len() - 1;
        let mut levels = Vec::with_capacity(layers.len());
        let mut start = 0;
        for (place, layer) in layers.into_iter().enumerate() {
            let fan_in = layer.fan_in() as f64;
            let scale = match (mean_field, place == last) {
                (None, _) => 1.0,
                (Some(_), false) => 1.0 / fan_in.sqrt(),
                (Some(_), true) => 1.0 / fan_in,
            };
            let weight = start;
            start += layer.weights();
            let bias = (mean_field.is_none() || place < last).then_some(start);
            start += if bias.is_some() { layer.outputs() } else { 0 };
            levels.push(Level { layer, weight, bias, scale });
        }
        let unit = Unit::new(activation, mean_field.is_some());
        let sources = levels.iter().enumerate().map(|(place, level)| Sources::of(level.layer, place == 0));
        let sources = Arc::new(sources.collect());
        Some(Network { levels, unit, parameters: start, inputs: block.inputs(), sources, passes: None })
    }

    /// The first layer; `None`: there is no layer.
    pub(super) fn first(&self) -> Option<First> {
        if let Some(passes) = &self.passes {
            let graph = passes.graph();
            let (node, layer) = graph.layers().next()?;
            return Some(First {
                weights: layer.weight_range(),
                bias: layer.bias.then(|| layer.bias_range().start),
                neurons: layer.outputs(),
                fan_in: layer.fan_in(),
                of_coordinates: node.op == Op::Dense && graph.reads_samples(node),
            });
        }
        let level = self.levels.first()?;
        Some(First {
            weights: level.weight..level.weight + level.layer.weights(),
            bias: level.bias,
            neurons: level.layer.outputs(),
            fan_in: level.layer.fan_in(),
            of_coordinates: matches!(level.layer, LayerShape::Dense { .. }),
        })
    }

    /// For each layer, s² and the 1 of its biases in what it adds to the tangent kernel where it is dense, (s² a·a' + 1) δ·δ'.
    pub(super) fn dense_factors(&self) -> Vec<[f64; 2]> {
        let one = |biased: bool| f64::from(u8::from(biased));
        match &self.passes {
            Some(passes) => passes.graph().layers().map(|(_, layer)| [1.0, one(layer.bias)]).collect(),
            None => self.levels.iter().map(|level| [level.scale * level.scale, one(level.bias.is_some())]).collect(),
        }
    }

    /// For each layer whose weights are to be multiplied by α for the output to be, whether they are.
    pub(super) fn scaled(&self) -> Vec<bool> {
        match &self.passes {
            Some(passes) => scaled_layers(passes.graph()).unwrap_or_default(),
            None => (0..self.levels.len()).map(|place| place + 1 == self.levels.len()).collect(),
        }
    }

    /// Initial parameters. Mean-field: weights N(0, 1) and biases N(0, `bias_variance`), times `init_scale`; else as
    /// [`Problem::initial_parameters`](crate::train::Problem::initial_parameters), uniform on ±`init_scale`/√fan_in. Those of
    /// a graph that is no chain are the very numbers that the architecture draws for one output.
    ///
    /// Layer ℓ takes its weights from stream 2ℓ and its biases from stream 2ℓ + 1 of a generator keyed by the seed and
    /// the shape. A dense first layer draws for all inputs of the source and keeps the live ones.
    pub(in crate::train) fn initial(
        &self,
        seed: u64,
        kind: &ArchitectureKind,
        mean_field: Option<MeanField>,
        init_scale: f64,
        block: &Block,
    ) -> Vec<f64> {
        if let Some(passes) = &self.passes {
            let drawn = kind.initial_parameters(passes.graph(), seed, block.features, &block.live, init_scale);
            return drawn.into_iter().map(f64::from).collect();
        }
        let mut hasher = blake3::Hasher::new_derive_key("phasesweep 1 initial parameters of a flow");
        hasher.update(&seed.to_le_bytes());
        // The serialisation of a plain enum of integers cannot fail; an empty key part would still be a valid key.
        hasher.update(&serde_json::to_vec(kind).unwrap_or_default());
        let key = *hasher.finalize().as_bytes();
        let mut parameters = Vec::with_capacity(self.parameters);
        for (place, level) in self.levels.iter().enumerate() {
            let bound = init_scale / (level.layer.fan_in() as f64).sqrt();
            let draw = |stream: &mut Stream, deviation: f64| match mean_field {
                Some(_) => init_scale * deviation * stream.normal(),
                None => bound * (2.0 * stream.uniform() - 1.0),
            };
            let mut weights = Stream::new(key, 2 * place as u64);
            match level.layer {
                LayerShape::Dense { outputs, .. } if place == 0 => {
                    let mut row = vec![0.0; block.features];
                    for _ in 0..outputs {
                        row.fill_with(|| draw(&mut weights, 1.0));
                        parameters.extend(block.live.iter().map(|&feature| row[feature as usize]));
                    }
                }
                _ => parameters.extend((0..level.layer.weights()).map(|_| draw(&mut weights, 1.0))),
            }
            if level.bias.is_some() {
                let mut biases = Stream::new(key, 2 * place as u64 + 1);
                let deviation = mean_field.map_or(1.0, |field| field.bias_variance.sqrt());
                parameters.extend((0..level.layer.outputs()).map(|_| draw(&mut biases, deviation)));
            }
        }
        parameters
    }
}

/// One of the generator's independent streams.
struct Stream {
    rng: ChaCha8Rng,
    /// The second of a pair of normals.
    spare: Option<f64>,
}

impl Stream {
    fn new(key: [u8; 32], number: u64) -> Stream {
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(number);
        Stream { rng, spare: None }
    }

    /// Uniform on (0, 1): the midpoints of 2⁵³ parts.
    fn uniform(&mut self) -> f64 {
        ((self.rng.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// A standard normal (Box and Muller 1958).
    fn normal(&mut self) -> f64 {
        if let Some(second) = self.spare.take() {
            return second;
        }
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        let (sine, cosine) = (std::f64::consts::TAU * self.uniform()).sin_cos();
        self.spare = Some(radius * sine);
        radius * cosine
    }
}
