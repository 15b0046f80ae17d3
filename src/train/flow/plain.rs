//! The plain network that computes what a flow's network does: every pre-activation W a + b, every activation σ itself.
//!
//! A flow's network has a scale s at each layer, c at each activation, and α in front of its output (z = s W a + b, a = c σ(z),
//! F = α (f − f₀)). In a graph that is no chain there is α alone, which goes into every layer whose output the network's
//! output is made of ([`phasesweep_passes::scaled_layers`]). Multiplied into the weights they leave a network of one output, α f, that any program computes; F is that
//! network at one stage minus the same at the start. Since c and s are positive, pooling and the signs of
//! pre-activations, and so the linear regions, stay what they are.
//!
//! Invariant: parameters lie in the layout of the architecture's graph with one output, so that the output layer has a bias, 0
//! in a mean-field network.

use super::network::{Level, Network};

/// The weights of a flow at one of its stages.
#[derive(Debug, Clone, PartialEq)]
pub struct StageWeights {
    /// The replica's place among those of the engine.
    pub replica: usize,
    /// Share of fitted samples that names the stage; 0 is the start and 1 the end.
    pub stage: f64,
    /// Steps taken so far.
    pub epoch: usize,
    /// Time t.
    pub time: f64,
    /// Output scale α, which the output layer's weights contain.
    pub alpha: f64,
    /// For each layer, from input to output, what the flow's own weights were multiplied by.
    pub scales: Vec<f64>,
    /// The plain network's parameters, layer by layer: weight, then bias.
    pub parameters: Vec<f64>,
}

impl Network {
    /// What the weights of each layer are to be multiplied by, so that activations are σ and the output is α f.
    pub(super) fn scales(&self, alpha: f64) -> Vec<f64> {
        let of_output = self.scaled().into_iter().map(|scaled| if scaled { alpha } else { 1.0 });
        if self.passes.is_some() {
            return of_output.collect();
        }
        let scale = |((place, level), of_output): ((usize, &Level), f64)| {
            let of_input = if place == 0 { 1.0 } else { self.unit.scale };
            level.scale * of_input * of_output
        };
        self.levels.iter().enumerate().zip(of_output).map(scale).collect()
    }

    /// The parameters of the plain network that computes α f at a flow's parameters.
    pub(in crate::train) fn plain(&self, parameters: &[f64], alpha: f64) -> Vec<f64> {
        if let Some(passes) = &self.passes {
            let mut plain = parameters.to_vec();
            for ((_, layer), scale) in passes.graph().layers().zip(self.scales(alpha)) {
                plain[layer.weight_range().start..layer.bias_range().end].iter_mut().for_each(|value| *value *= scale);
            }
            return plain;
        }
        let last = self.levels.len() - 1;
        let mut plain = Vec::with_capacity(parameters.len() + 1);
        for (place, (level, scale)) in self.levels.iter().zip(self.scales(alpha)).enumerate() {
            let weights = &parameters[level.weight..level.weight + level.layer.weights()];
            plain.extend(weights.iter().map(|w| scale * w));
            let units = level.layer.outputs();
            let of_bias = if place == last { alpha } else { 1.0 };
            match level.bias {
                Some(at) => plain.extend(parameters[at..at + units].iter().map(|b| of_bias * b)),
                None => plain.extend(std::iter::repeat_n(0.0, units)),
            }
        }
        plain
    }
}
