//! Any network on the host in single precision: forward at many points, and back to the inputs.
//!
//! For what is measured at a few scheduled epochs and needs what engines do not hand out: pre-activations of arbitrary
//! points ([`Walk`]), and gradients with respect to inputs. Samples are rows; a batch normalisation is γ x + β, what it is
//! in evaluation of parameters into which its running averages were folded. Invariant: a row's numbers depend on the network,
//! on the row and on the number of rows of the call alone: one thread, products of a fixed shape.

mod reach;
mod walk;

#[cfg(test)]
pub(crate) mod tests;

use faer::Accum;
use phasesweep_networks::{Graph, Op};

pub use reach::Reach;
pub use walk::{Room, Walk};

use super::operations::{Linear, Normaliser, Real, Windows, add};

/// One replica's network.
#[derive(Debug, Clone)]
pub struct Network<'a> {
    graph: &'a Graph,
    parameters: &'a [f32],
    /// Where each node's value lies: in its own place, or, of an image as a vector, in that of the image.
    holders: Vec<usize>,
}

/// A forward pass that can be gone back through, and buffers that calls reuse.
#[derive(Debug, Clone, Default)]
pub struct Pass {
    /// The values of each node `[row, value]`, in the place of whoever holds them.
    values: Vec<Vec<f32>>,
    /// The gradients at them, and whether anything is known of each yet.
    deltas: Vec<Vec<f32>>,
    known: Vec<bool>,
    /// What one node adds to a gradient.
    own: Vec<f32>,
    columns: Vec<f32>,
}

impl Pass {
    /// The outputs `[row, class]` of the last forward pass of that network.
    pub fn outputs(&self, network: &Network<'_>) -> &[f32] {
        network.holders.last().and_then(|&holder| self.values.get(holder)).map_or(&[], Vec::as_slice)
    }
}

impl<'a> Network<'a> {
    /// The network of a state's parameters, those in evaluation.
    ///
    /// `None` if they are not as many as the graph has, or the graph is empty.
    pub fn new(graph: &'a Graph, parameters: &'a [f32]) -> Option<Network<'a>> {
        if parameters.len() != graph.parameters() || graph.nodes().is_empty() {
            return None;
        }
        let mut holders: Vec<usize> = Vec::new();
        for (place, node) in graph.nodes().iter().enumerate() {
            holders.push(if node.op == Op::Flatten { holders[node.inputs[0]] } else { place });
        }
        Some(Network { graph, parameters, holders })
    }

    /// Inputs of a sample.
    pub fn inputs(&self) -> usize {
        self.graph.nodes()[0].extent.size()
    }

    /// All nodes, `rows` rows of inputs.
    pub fn forward(&self, x: &[f32], rows: usize, pass: &mut Pass) {
        pass.values.resize(self.graph.nodes().len(), Vec::new());
        pass.values[0].clear();
        pass.values[0].extend_from_slice(x);
        for place in 1..self.graph.nodes().len() {
            self.compute(place, rows, Keep::Inputs, Constants::In, &mut pass.values, &mut pass.columns);
        }
    }

    /// Back through a pass: from the gradient at the outputs `[row, class]` to that at the inputs `[row, input]`.
    pub fn backward(&self, pass: &mut Pass, delta: &[f32], rows: usize, out: &mut Vec<f32>) {
        let nodes = self.graph.nodes();
        let Pass { values, deltas, known, own, columns } = pass;
        deltas.resize(nodes.len(), Vec::new());
        known.clear();
        known.resize(nodes.len(), false);
        let last = self.holders[nodes.len() - 1];
        deltas[last].clear();
        deltas[last].extend_from_slice(delta);
        known[last] = true;
        for (place, node) in nodes.iter().enumerate().rev() {
            let (below, rest) = deltas.split_at_mut(place);
            let delta = &rest[0];
            if !known[place] || node.op == Op::Flatten {
                continue;
            }
            for &input in &node.inputs {
                let from = self.holders[input];
                let z = &values[from];
                match node.op {
                    Op::Input | Op::Flatten => {}
                    Op::Add => own.clone_from(delta),
                    Op::Scale(factor) => {
                        own.clone_from(delta);
                        own.iter_mut().for_each(|d| *d *= factor.0 as f32);
                    }
                    Op::Activation(activation) => {
                        own.clone_from(z);
                        f32::slope(activation, own);
                        own.iter_mut().zip(delta).for_each(|(slope, d)| *slope *= d);
                    }
                    Op::Pool(_) => {
                        own.clear();
                        own.resize(z.len(), 0.0);
                        Windows::of(self.graph, node).into_iter().for_each(|windows| windows.give(z, delta, own));
                    }
                    Op::Normalise(_) => {
                        own.clear();
                        own.resize(z.len(), 0.0);
                        let normaliser = Normaliser::of(node);
                        normaliser.into_iter().for_each(|n| n.backward(self.parameters, z, delta, own));
                    }
                    Op::Dense | Op::Convolution(_) => {
                        own.resize(z.len(), 0.0);
                        if let Some(linear) = Linear::of(self.graph, node) {
                            linear.backward(self.parameters, delta, rows, Accum::Replace, own, columns);
                        }
                    }
                }
                if known[from] {
                    add(&mut below[from], own);
                } else {
                    std::mem::swap(&mut below[from], own);
                    known[from] = true;
                }
            }
        }
        out.clear();
        out.clear();
        if known[0] {
            out.extend_from_slice(&deltas[0]);
        } else {
            // Nothing of the outputs depends on the samples.
            out.resize(values[0].len(), 0.0);
        }
    }

    /// Computes the values of a node that holds its own from those of its inputs.
    fn compute(
        &self,
        place: usize,
        rows: usize,
        keep: Keep,
        constants: Constants,
        values: &mut [Vec<f32>],
        columns: &mut Vec<f32>,
    ) {
        let node = &self.graph.nodes()[place];
        let (below, rest) = values.split_at_mut(place);
        let (out, Some(&input)) = (&mut rest[0], node.inputs.first()) else { return };
        let from = self.holders[input];
        // The first input's values, in its own buffer where nobody needs them any more.
        let mut take = |out: &mut Vec<f32>| match keep {
            Keep::Inputs => out.clone_from(&below[from]),
            Keep::Nothing => std::mem::swap(out, &mut below[from]),
        };
        match node.op {
            Op::Input | Op::Flatten => {}
            Op::Activation(activation) => {
                take(out);
                f32::apply(activation, out);
            }
            Op::Scale(factor) => {
                take(out);
                out.iter_mut().for_each(|x| *x *= factor.0 as f32);
            }
            Op::Normalise(_) => {
                take(out);
                if let Some(normaliser) = Normaliser::of(node) {
                    match constants {
                        Constants::In => normaliser.forward(self.parameters, out),
                        Constants::Out => normaliser.linear(self.parameters, out),
                    }
                }
            }
            Op::Add => {
                let other = self.holders[node.inputs[1]];
                if other == from {
                    out.clone_from(&below[from]);
                    out.iter_mut().for_each(|x| *x += *x);
                } else {
                    take(out);
                    add(out, &below[other]);
                }
            }
            Op::Pool(_) => {
                out.resize(rows * node.extent.size(), 0.0);
                if let Some(windows) = Windows::of(self.graph, node) {
                    windows.take(&below[from], &below[from], out);
                }
            }
            Op::Dense | Op::Convolution(_) => {
                out.resize(rows * node.extent.size(), 0.0);
                if let Some(linear) = Linear::of(self.graph, node) {
                    linear.forward(self.parameters, &below[from], rows, Accum::Replace, out, columns);
                    if constants == Constants::In {
                        linear.add_bias(self.parameters, out);
                    }
                }
            }
        }
    }
}

/// What of a node's inputs is needed later.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Keep {
    /// All of them.
    Inputs,
    /// Not the first.
    Nothing,
}

/// Whether an affine node is taken with its constants or is its linear part.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Constants {
    In,
    Out,
}
