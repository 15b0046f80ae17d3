//! The network of a flow: one output, its layers with their scales, and where its parameters lie.
//!
//! Invariant: parameters lie layer by layer, weight `[out, in]` row-major (convolution: `[out, in, k, k]`), then bias
//! `[out]`; a mean-field network's output layer has no bias.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::unit::Unit;
use crate::data::Block;
use crate::sweep::{Activation, ArchitectureKind, MeanField};
use phasesweep_networks::{Chain, Graph, LayerShape, Ports};

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

/// The chain of layers that a graph is: what a gradient flow follows.
///
/// # Errors
/// Why it does not follow others.
pub fn chain(graph: &Graph) -> Result<Chain, String> {
    graph.as_chain().ok_or_else(|| {
        "gradient flows train plain chains of layers (kind = \"mlp\", kind = \"cnn\") only; steps of any optimiser train \
         this network"
            .to_owned()
    })
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
}

impl Network {
    /// The network of an architecture on a block; `None` where it cannot be built (a convolution on no image, or pooled
    /// down to nothing), or is no chain of layers.
    pub(in crate::train) fn new(
        kind: &ArchitectureKind,
        activation: Activation,
        mean_field: Option<MeanField>,
        block: &Block,
    ) -> Option<Network> {
        let ports = Ports { inputs: block.inputs(), image: block.image, classes: block.classes };
        let Chain { mut layers, .. } = chain(&kind.graph(ports, activation).ok()?).ok()?;
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
        Some(Network { levels, unit, parameters: start, inputs: block.inputs() })
    }

    /// Initial parameters. Mean-field: weights N(0, 1) and biases N(0, `bias_variance`), times `init_scale`; else as
    /// [`Problem::initial_parameters`](crate::train::Problem::initial_parameters), uniform on ±`init_scale`/√fan_in.
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
