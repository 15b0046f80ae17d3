//! Any network on a batch of samples in double precision: forward, back to the parameters, and the derivative of both
//! along a direction among the parameters, from which products with a loss's Hessian follow (Pearlmutter, "Fast exact
//! multiplication by the Hessian", Neural Computation 6, 1994).
//!
//! Samples are rows, parameters lie in the graph's layout; a batch normalisation is γ x + β, what it is in evaluation of
//! parameters into which its running averages were folded. Where a rectifier or a pooling bends, the derivative is that of
//! one side, as in training. Invariant: one thread and products of a fixed shape, so that the numbers depend on the
//! network and on the rows of the batch alone.

mod kernel;
mod rows;

#[cfg(test)]
mod tests;

use std::cell::OnceCell;

use faer::Accum;
use phasesweep_networks::{Activation, Graph, Node, Op};

pub use kernel::tangent_kernel;

use super::operations::{Linear, Normaliser, Windows, add};

/// The values of all nodes at a batch.
#[derive(Debug)]
pub struct Batch<'a> {
    graph: &'a Graph,
    parameters: &'a [f64],
    rows: usize,
    values: Vec<Vec<f64>>,
    /// σ' and σ'' of each activation at its inputs, once they were asked for: a product with a Hessian asks three times, and
    /// exponentials cost more than all of its sums where layers are narrow.
    slopes: Vec<OnceCell<Vec<f64>>>,
    curvatures: Vec<OnceCell<Vec<f64>>>,
}

/// Numbers at every node `[row, value]`: gradients at its value, or derivatives of it.
pub type AtNodes = Vec<Vec<f64>>;

impl<'a> Batch<'a> {
    /// Forward from samples `[row, input]`.
    pub fn new(graph: &'a Graph, parameters: &'a [f64], samples: Vec<f64>) -> Batch<'a> {
        let inputs = graph.nodes().first().map_or(1, |node| node.extent.size());
        let rows = samples.len() / inputs.max(1);
        let [slopes, curvatures] = [(); 2].map(|()| vec![OnceCell::new(); graph.nodes().len()]);
        let mut batch = Batch { graph, parameters, rows, values: Vec::new(), slopes, curvatures };
        let mut samples = Some(samples);
        for node in graph.nodes() {
            let of = |input: usize| &batch.values[node.inputs[input]];
            let value = match node.op {
                Op::Input => samples.take().unwrap_or_default(),
                Op::Flatten => of(0).clone(),
                Op::Add => of(0).iter().zip(of(1)).map(|(a, b)| a + b).collect(),
                Op::Activation(activation) => activation.values(of(0)),
                Op::Scale(factor) => of(0).iter().map(|x| factor.0 * x).collect(),
                Op::Pool(_) => batch.pooled(node, of(0)),
                Op::Normalise(_) => {
                    let mut out = of(0).clone();
                    if let Some(normaliser) = Normaliser::of(node) {
                        normaliser.forward(parameters, &mut out);
                    }
                    out
                }
                Op::Dense | Op::Convolution(_) => {
                    let mut sums = vec![0.0; batch.rows * node.extent.size()];
                    if let Some(linear) = Linear::of(graph, node) {
                        linear.forward(parameters, of(0), batch.rows, Accum::Replace, &mut sums, &mut Vec::new());
                        linear.add_bias(parameters, &mut sums);
                    }
                    sums
                }
            };
            batch.values.push(value);
        }
        batch
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The values of a node `[row, value]`.
    pub fn values(&self, node: usize) -> &[f64] {
        &self.values[node]
    }

    /// The outputs `[row, class]`.
    pub fn outputs(&self) -> &[f64] {
        self.values.last().map_or(&[], Vec::as_slice)
    }

    /// Takes from `from` what the pooling `node` takes from its input.
    fn pooled(&self, node: &Node, from: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.rows * node.extent.size()];
        if let Some(windows) = Windows::of(self.graph, node) {
            windows.take(&self.values[node.inputs[0]], from, &mut out);
        }
        out
    }

    /// σ' at the inputs of the activation at `place`.
    fn slopes(&self, place: usize, activation: Activation) -> &[f64] {
        self.slopes[place].get_or_init(|| self.of_activation(place, |z, value| activation.slope_at(z, value)))
    }

    /// σ'' at the inputs of the activation at `place`.
    fn curvatures(&self, place: usize, activation: Activation) -> &[f64] {
        self.curvatures[place].get_or_init(|| self.of_activation(place, |z, value| activation.curvature_at(z, value)))
    }

    fn of_activation(&self, place: usize, of: impl Fn(f64, f64) -> f64) -> Vec<f64> {
        let inputs = &self.values[self.graph.nodes()[place].inputs[0]];
        inputs.iter().zip(&self.values[place]).map(|(&z, &value)| of(z, value)).collect()
    }

    fn zeros(&self) -> AtNodes {
        self.values.iter().map(|value| vec![0.0; value.len()]).collect()
    }

    /// Back from a gradient at the outputs `[row, class]`: the gradients at all nodes; that at the parameters, summed over
    /// the rows, is added to `gradient`.
    pub fn backward(&self, outputs: &[f64], gradient: &mut [f64]) -> AtNodes {
        let mut deltas = self.zeros();
        if let Some(last) = deltas.last_mut() {
            last.copy_from_slice(outputs);
        }
        let mut columns = Vec::new();
        for (place, node) in self.graph.nodes().iter().enumerate().rev() {
            let (below, rest) = deltas.split_at_mut(place);
            let delta = &rest[0];
            let Some(&from) = node.inputs.first() else { continue };
            match node.op {
                Op::Input => {}
                Op::Flatten | Op::Add => node.inputs.iter().for_each(|&from| add(&mut below[from], delta)),
                Op::Activation(activation) => {
                    for ((sum, slope), own) in below[from].iter_mut().zip(self.slopes(place, activation)).zip(delta) {
                        *sum += slope * own;
                    }
                }
                Op::Scale(factor) => below[from].iter_mut().zip(delta).for_each(|(sum, own)| *sum += factor.0 * own),
                Op::Pool(_) => {
                    if let Some(windows) = Windows::of(self.graph, node) {
                        windows.give(&self.values[from], delta, &mut below[from]);
                    }
                }
                Op::Normalise(_) => {
                    let Some(normaliser) = Normaliser::of(node) else { continue };
                    normaliser.gradient(&self.values[from], delta, gradient);
                    normaliser.backward(self.parameters, &self.values[from], delta, &mut below[from]);
                }
                Op::Dense | Op::Convolution(_) => {
                    let Some(linear) = Linear::of(self.graph, node) else { continue };
                    linear.gradient(delta, &self.values[from], self.rows, gradient, &mut columns);
                    linear.bias_gradient(delta, gradient);
                    if !self.graph.reads_samples(node) {
                        let below = &mut below[from];
                        linear.backward(self.parameters, delta, self.rows, Accum::Add, below, &mut columns);
                    }
                }
            }
        }
        deltas
    }

    /// The derivatives of all nodes' values along a direction among the parameters.
    pub fn along(&self, direction: &[f64]) -> AtNodes {
        let mut tangents: AtNodes = Vec::new();
        let mut columns = Vec::new();
        for (place, node) in self.graph.nodes().iter().enumerate() {
            let of = |input: usize| &tangents[node.inputs[input]];
            let tangent = match node.op {
                Op::Input => vec![0.0; self.values[0].len()],
                Op::Flatten => of(0).clone(),
                Op::Add => of(0).iter().zip(of(1)).map(|(a, b)| a + b).collect(),
                Op::Activation(activation) => {
                    self.slopes(place, activation).iter().zip(of(0)).map(|(slope, t)| slope * t).collect()
                }
                Op::Scale(factor) => of(0).iter().map(|t| factor.0 * t).collect(),
                Op::Pool(_) => self.pooled(node, of(0)),
                Op::Normalise(_) => {
                    let x = &self.values[node.inputs[0]];
                    Normaliser::of(node).map_or_else(Vec::new, |own| own.along(self.parameters, direction, x, of(0)))
                }
                Op::Dense | Op::Convolution(_) => {
                    let mut sums = vec![0.0; self.rows * node.extent.size()];
                    if let Some(linear) = Linear::of(self.graph, node) {
                        let x = &self.values[node.inputs[0]];
                        linear.forward(direction, x, self.rows, Accum::Replace, &mut sums, &mut columns);
                        linear.add_bias(direction, &mut sums);
                        if !self.graph.reads_samples(node) {
                            linear.forward(self.parameters, of(0), self.rows, Accum::Add, &mut sums, &mut columns);
                        }
                    }
                    sums
                }
            };
            tangents.push(tangent);
        }
        tangents
    }

    /// The derivative of [`Batch::backward`]'s gradient along `direction`, added to `product`. `deltas` are that call's
    /// answer, `tangents` that of [`Batch::along`], `outputs` the derivative of the gradient at the outputs.
    pub fn backward_along(
        &self,
        direction: &[f64],
        deltas: &AtNodes,
        tangents: &AtNodes,
        outputs: &[f64],
        product: &mut [f64],
    ) {
        let mut moved = self.zeros();
        if let Some(last) = moved.last_mut() {
            last.copy_from_slice(outputs);
        }
        let mut columns = Vec::new();
        for (place, node) in self.graph.nodes().iter().enumerate().rev() {
            let (below, rest) = moved.split_at_mut(place);
            let (delta, own) = (&deltas[place], &rest[0]);
            let Some(&from) = node.inputs.first() else { continue };
            match node.op {
                Op::Input => {}
                Op::Flatten | Op::Add => node.inputs.iter().for_each(|&from| add(&mut below[from], own)),
                Op::Activation(activation) => {
                    let bends = self.slopes(place, activation).iter().zip(self.curvatures(place, activation));
                    let here = bends.zip(&tangents[from]).zip(delta.iter().zip(own));
                    for (sum, (((slope, curvature), t), (d, own))) in below[from].iter_mut().zip(here) {
                        *sum += slope * own + curvature * t * d;
                    }
                }
                Op::Scale(factor) => below[from].iter_mut().zip(own).for_each(|(sum, own)| *sum += factor.0 * own),
                Op::Pool(_) => {
                    if let Some(windows) = Windows::of(self.graph, node) {
                        windows.give(&self.values[from], own, &mut below[from]);
                    }
                }
                Op::Normalise(_) => {
                    let Some(normaliser) = Normaliser::of(node) else { continue };
                    let (x, tangent) = (&self.values[from], &tangents[from]);
                    let below = &mut below[from];
                    normaliser.backward_along(self.parameters, direction, x, tangent, delta, own, product, below);
                }
                Op::Dense | Op::Convolution(_) => {
                    let Some(linear) = Linear::of(self.graph, node) else { continue };
                    linear.gradient(own, &self.values[from], self.rows, product, &mut columns);
                    linear.bias_gradient(own, product);
                    if !self.graph.reads_samples(node) {
                        let (rows, below) = (self.rows, &mut below[from]);
                        linear.gradient(delta, &tangents[from], rows, product, &mut columns);
                        linear.backward(self.parameters, own, rows, Accum::Add, below, &mut columns);
                        linear.backward(direction, delta, rows, Accum::Add, below, &mut columns);
                    }
                }
            }
        }
    }
}
