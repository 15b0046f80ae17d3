//! Networks that are piecewise linear: dense layers in f64 with max(0, z), or a leaky version of it, between them.
//!
//! Invariants: consecutive layers fit; every number is finite; there is at least one layer, and the last one has no
//! activation.

use super::error::PartitionError;

/// One dense layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    /// Weight `[output, input]`, row-major.
    pub weight: Vec<f64>,
    /// Bias `[output]`.
    pub bias: Vec<f64>,
}

impl Dense {
    /// Units.
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// Inputs of a unit; 0 if there are no units.
    pub fn inputs(&self) -> usize {
        self.weight.len().checked_div(self.bias.len()).unwrap_or(0)
    }

    /// Weight · x + bias.
    ///
    /// # Panics
    /// `x` is shorter than the inputs.
    pub(super) fn apply(&self, x: &[f64]) -> Vec<f64> {
        let rows = self.weight.chunks_exact(self.inputs().max(1));
        rows.zip(&self.bias).map(|(row, bias)| dot(row, x) + bias).collect()
    }
}

/// A network that is affine on convex polyhedra.
#[derive(Debug, Clone, PartialEq)]
pub struct PiecewiseLinear {
    layers: Vec<Dense>,
    slope: f64,
}

impl PiecewiseLinear {
    /// Layers from input to output. Between them z ↦ z for z > 0, `slope`·z else: 0 is the rectifier.
    ///
    /// # Errors
    /// [`PartitionError::Network`] if a layer is empty, does not fit the one before, or holds what is not a number; or
    /// if the slope is not below 1 (at 1 nothing bends).
    pub fn new(layers: Vec<Dense>, slope: f64) -> Result<PiecewiseLinear, PartitionError> {
        let refuse = |what: String| Err(PartitionError::Network(what));
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
        Ok(PiecewiseLinear { layers, slope })
    }

    /// All layers, the output layer last.
    pub fn layers(&self) -> &[Dense] {
        &self.layers
    }

    /// Inputs of the network.
    pub fn inputs(&self) -> usize {
        self.layers[0].inputs()
    }

    /// Units of each hidden layer.
    pub fn hidden(&self) -> Vec<usize> {
        self.layers[..self.layers.len() - 1].iter().map(Dense::outputs).collect()
    }

    /// The activation.
    pub(super) fn activate(&self, z: f64) -> f64 {
        if z > 0.0 { z } else { self.slope * z }
    }

    /// Pre-activations of every layer at a point, the outputs last.
    ///
    /// # Panics
    /// `x` has fewer entries than the network has inputs.
    pub fn pre_activations(&self, x: &[f64]) -> Vec<Vec<f64>> {
        let mut all: Vec<Vec<f64>> = Vec::with_capacity(self.layers.len());
        let mut h = x.to_vec();
        for layer in &self.layers {
            let z = layer.apply(&h);
            h = z.iter().map(|&z| self.activate(z)).collect();
            all.push(z);
        }
        all
    }
}

/// Σ a·b over the shorter one.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
