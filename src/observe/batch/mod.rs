//! Any network on a batch of samples in double precision: forward, back to the parameters, and the derivative of both
//! along a direction among the parameters, from which products with a loss's Hessian follow (Pearlmutter, "Fast exact
//! multiplication by the Hessian", Neural Computation 6, 1994).
//!
//! Samples are rows, parameters lie in the graph's layout. Where a rectifier or a pooling bends, the derivative is that of
//! one side, as in training. Invariant: one thread and products of a fixed shape, so that the numbers depend on the
//! network and on the rows of the batch alone.

mod linear;
mod pool;
mod rows;

#[cfg(test)]
mod tests;

use phasesweep_networks::{Graph, Op};

pub use rows::tangent_kernel;

use linear::Linear;
use pool::for_each_window;

/// The values of all nodes at a batch.
#[derive(Debug)]
pub struct Batch<'a> {
    graph: &'a Graph,
    parameters: &'a [f64],
    rows: usize,
    values: Vec<Vec<f64>>,
}

/// Numbers at every node `[row, value]`: gradients at its value, or derivatives of it.
pub type AtNodes = Vec<Vec<f64>>;

impl<'a> Batch<'a> {
    /// Forward from samples `[row, input]`.
    pub fn new(graph: &'a Graph, parameters: &'a [f64], samples: Vec<f64>) -> Batch<'a> {
        let inputs = graph.nodes().first().map_or(1, |node| node.extent.size());
        let mut batch = Batch { graph, parameters, rows: samples.len() / inputs.max(1), values: Vec::new() };
        let mut samples = Some(samples);
        for node in graph.nodes() {
            let of = |input: usize| &batch.values[node.inputs[input]];
            let value = match node.op {
                Op::Input => samples.take().unwrap_or_default(),
                Op::Flatten => of(0).clone(),
                Op::Scale(_) | Op::Normalise(_) => unreachable!("no network of the registry has such a node yet"),
                Op::Add => of(0).iter().zip(of(1)).map(|(a, b)| a + b).collect(),
                Op::Activation(activation) => of(0).iter().map(|&z| activation.value(z)).collect(),
                Op::Pool(_) => batch.pooled(node.inputs[0], node, of(0)),
                Op::Dense | Op::Convolution(_) => {
                    let mut sums = vec![0.0; batch.rows * node.extent.size()];
                    if let Some(linear) = Linear::of(graph, node) {
                        linear.forward(parameters, of(0), batch.rows, &mut sums);
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
    fn pooled(&self, input: usize, node: &phasesweep_networks::Node, from: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.rows * node.extent.size()];
        for_each_window(self.graph, node, &self.values[input], |at, greatest| out[at] = from[greatest]);
        out
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
        for (place, node) in self.graph.nodes().iter().enumerate().rev() {
            let (below, rest) = deltas.split_at_mut(place);
            let delta = &rest[0];
            match node.op {
                Op::Input => {}
                Op::Scale(_) | Op::Normalise(_) => unreachable!("no network of the registry has such a node yet"),
                Op::Flatten | Op::Add => node.inputs.iter().for_each(|&from| add(&mut below[from], delta)),
                Op::Activation(activation) => {
                    let from = node.inputs[0];
                    for ((sum, &z), own) in below[from].iter_mut().zip(&self.values[from]).zip(delta) {
                        *sum += activation.slope(z) * own;
                    }
                }
                Op::Pool(_) => {
                    let from = node.inputs[0];
                    let sums = &mut below[from];
                    for_each_window(self.graph, node, &self.values[from], |at, place| sums[place] += delta[at]);
                }
                Op::Dense | Op::Convolution(_) => {
                    let Some(linear) = Linear::of(self.graph, node) else { continue };
                    let from = node.inputs[0];
                    linear.gradient(delta, &self.values[from], self.rows, gradient);
                    linear.bias_gradient(delta, gradient);
                    if !self.graph.reads_samples(node) {
                        linear.backward(self.parameters, delta, self.rows, &mut below[from]);
                    }
                }
            }
        }
        deltas
    }

    /// The derivatives of all nodes' values along a direction among the parameters.
    pub fn along(&self, direction: &[f64]) -> AtNodes {
        let mut tangents: AtNodes = Vec::new();
        for node in self.graph.nodes() {
            let of = |input: usize| &tangents[node.inputs[input]];
            let tangent = match node.op {
                Op::Input => vec![0.0; self.values[0].len()],
                Op::Flatten => of(0).clone(),
                Op::Scale(_) | Op::Normalise(_) => unreachable!("no network of the registry has such a node yet"),
                Op::Add => of(0).iter().zip(of(1)).map(|(a, b)| a + b).collect(),
                Op::Activation(activation) => {
                    self.values[node.inputs[0]].iter().zip(of(0)).map(|(&z, t)| activation.slope(z) * t).collect()
                }
                Op::Pool(_) => self.pooled(node.inputs[0], node, of(0)),
                Op::Dense | Op::Convolution(_) => {
                    let mut sums = vec![0.0; self.rows * node.extent.size()];
                    if let Some(linear) = Linear::of(self.graph, node) {
                        linear.forward(direction, &self.values[node.inputs[0]], self.rows, &mut sums);
                        linear.add_bias(direction, &mut sums);
                        if !self.graph.reads_samples(node) {
                            linear.forward(self.parameters, of(0), self.rows, &mut sums);
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
        for (place, node) in self.graph.nodes().iter().enumerate().rev() {
            let (below, rest) = moved.split_at_mut(place);
            let (delta, own) = (&deltas[place], &rest[0]);
            match node.op {
                Op::Input => {}
                Op::Scale(_) | Op::Normalise(_) => unreachable!("no network of the registry has such a node yet"),
                Op::Flatten | Op::Add => node.inputs.iter().for_each(|&from| add(&mut below[from], own)),
                Op::Activation(activation) => {
                    let from = node.inputs[0];
                    let at = self.values[from].iter().zip(&tangents[from]);
                    for (((sum, (&z, t)), d), own) in below[from].iter_mut().zip(at).zip(delta).zip(own) {
                        *sum += activation.slope(z) * own + activation.curvature(z) * t * d;
                    }
                }
                Op::Pool(_) => {
                    let from = node.inputs[0];
                    let sums = &mut below[from];
                    for_each_window(self.graph, node, &self.values[from], |at, place| sums[place] += own[at]);
                }
                Op::Dense | Op::Convolution(_) => {
                    let Some(linear) = Linear::of(self.graph, node) else { continue };
                    let from = node.inputs[0];
                    linear.gradient(own, &self.values[from], self.rows, product);
                    linear.bias_gradient(own, product);
                    if !self.graph.reads_samples(node) {
                        linear.gradient(delta, &tangents[from], self.rows, product);
                        linear.backward(self.parameters, own, self.rows, &mut below[from]);
                        linear.backward(direction, delta, self.rows, &mut below[from]);
                    }
                }
            }
        }
    }
}

fn add(sums: &mut [f64], own: &[f64]) {
    sums.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
}
