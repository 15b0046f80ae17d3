//! The gradient of every row of a batch by itself: its length, and, of a layer, itself.
//!
//! A dense layer z = W a + b has the gradient (δ aᵀ, δ) at one row, so that its square is (a·a + 1) (δ·δ), without the 1
//! where there is no bias: no gradient is written down. A convolution shares its weights among pixels, a normalisation its
//! γ and β, and theirs are.

use std::ops::Range;

use phasesweep_networks::{Node, Op};

use super::super::operations::{Linear, Normaliser};
use super::{AtNodes, Batch};

impl Batch<'_> {
    /// ‖∂‖² of each row's own gradient at the parameters; `deltas` is the answer of [`Batch::backward`].
    pub fn row_squares(&self, deltas: &AtNodes) -> Vec<f64> {
        let mut squares = vec![0.0; self.rows];
        for (node, delta) in self.graph.nodes().iter().zip(deltas) {
            let Some(layer) = &node.layer else { continue };
            if node.op == Op::Dense {
                let (inputs, outputs) = (self.graph.nodes()[node.inputs[0]].extent.size(), node.extent.size());
                let rows = self.values[node.inputs[0]].chunks_exact(inputs).zip(delta.chunks_exact(outputs));
                let bias = f64::from(u8::from(layer.bias));
                squares.iter_mut().zip(rows).for_each(|(sum, (a, d))| *sum += (square(a) + bias) * square(d));
            } else {
                let mut squared = squares.iter_mut();
                self.for_each_row_gradient(node, delta, |own| {
                    squared.next().into_iter().for_each(|sum| *sum += square(own));
                });
            }
        }
        squares
    }

    /// Calls `visit` with the gradient of each row at the node's parameters, weights then biases.
    pub(super) fn for_each_row_gradient(&self, node: &Node, delta: &[f64], mut visit: impl FnMut(&[f64])) {
        let Some(layer) = &node.layer else { return };
        let own: Range<usize> = layer.weight_range().start..layer.bias_range().end;
        let mut gradient = vec![0.0; own.end];
        let inputs = self.graph.nodes()[node.inputs[0]].extent.size();
        let (linear, normaliser) = (Linear::of(self.graph, node), Normaliser::of(node));
        let mut columns = Vec::new();
        for (x, delta) in self.values[node.inputs[0]].chunks_exact(inputs).zip(delta.chunks_exact(node.extent.size())) {
            gradient[own.clone()].fill(0.0);
            if let Some(linear) = &linear {
                linear.gradient(delta, x, 1, &mut gradient, &mut columns);
                linear.bias_gradient(delta, &mut gradient);
            }
            if let Some(normaliser) = &normaliser {
                normaliser.gradient(x, delta, &mut gradient);
            }
            visit(&gradient[own.clone()]);
        }
    }
}

fn square(numbers: &[f64]) -> f64 {
    numbers.iter().map(|x| x * x).sum()
}
