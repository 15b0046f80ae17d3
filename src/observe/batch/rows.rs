//! What is known of the gradient of every row of a batch by itself: its length, and the tangent kernel.
//!
//! A dense layer z = W a + b has the gradient (δ aᵀ, δ) at one row, so that products of the gradients of two rows are
//! (a·a' + 1) (δ·δ'): no gradient is written down. A convolution shares its weights among pixels, and its gradient is.

use phasesweep_networks::{Node, Op};

use super::linear::Linear;
use super::{AtNodes, Batch};
use crate::observe::gram::gram;

impl Batch<'_> {
    /// ‖∂‖² of each row's own gradient at the parameters; `deltas` is the answer of [`Batch::backward`].
    pub fn row_squares(&self, deltas: &AtNodes) -> Vec<f64> {
        let mut squares = vec![0.0; self.rows];
        for (node, delta) in self.graph.nodes().iter().zip(deltas).filter(|(node, _)| node.layer.is_some()) {
            if node.op == Op::Dense {
                let (inputs, outputs) = (self.graph.nodes()[node.inputs[0]].extent.size(), node.extent.size());
                let rows = self.values[node.inputs[0]].chunks_exact(inputs).zip(delta.chunks_exact(outputs));
                squares.iter_mut().zip(rows).for_each(|(sum, (a, d))| *sum += (square(a) + 1.0) * square(d));
            } else {
                let own = self.row_gradients(node, delta);
                let width = own.len().checked_div(self.rows).unwrap_or(0).max(1);
                squares.iter_mut().zip(own.chunks_exact(width)).for_each(|(sum, row)| *sum += square(row));
            }
        }
        squares
    }

    /// The gradient of each row at the node's parameters `[row, weights then biases]`.
    fn row_gradients(&self, node: &Node, delta: &[f64]) -> Vec<f64> {
        let (Some(linear), Some(layer)) = (Linear::of(self.graph, node), &node.layer) else { return Vec::new() };
        let own = layer.weight_range().start..layer.bias_range().end;
        let mut gradient = vec![0.0; self.graph.parameters()];
        let mut out = Vec::with_capacity(self.rows * own.len());
        let inputs = self.graph.nodes()[node.inputs[0]].extent.size();
        for (x, delta) in self.values[node.inputs[0]].chunks_exact(inputs).zip(delta.chunks_exact(node.extent.size())) {
            gradient[own.clone()].fill(0.0);
            linear.gradient(delta, x, 1, &mut gradient);
            linear.bias_gradient(delta, &mut gradient);
            out.extend_from_slice(&gradient[own.clone()]);
        }
        out
    }
}

/// The tangent kernel summed over the outputs, Θ(x, x') = Σ_k ∂f_k(x)·∂f_k(x'), between all rows of batches of one network,
/// in their order: `n × n`.
pub fn tangent_kernel(batches: &[Batch<'_>]) -> Vec<f64> {
    let Some(Batch { graph, .. }) = batches.first() else { return Vec::new() };
    let rows: usize = batches.iter().map(Batch::rows).sum();
    let outputs = graph.nodes().last().map_or(0, |node| node.extent.size());
    let mut total = vec![0.0; rows * rows];
    // a·a' + 1 of each dense layer: the same for all outputs.
    let fed: Vec<Option<Vec<f64>>> = (graph.nodes().iter())
        .map(|node| {
            (node.op == Op::Dense).then(|| {
                let inputs: Vec<&[f64]> = batches.iter().map(|batch| batch.values(node.inputs[0])).collect();
                let mut products = gram(&inputs.concat(), rows);
                products.iter_mut().for_each(|value| *value += 1.0);
                products
            })
        })
        .collect();
    let mut unused = vec![0.0; graph.parameters()];
    for output in 0..outputs {
        let deltas: Vec<AtNodes> = (batches.iter())
            .map(|batch| {
                let mut one = vec![0.0; batch.rows * outputs];
                one.iter_mut().skip(output).step_by(outputs).for_each(|value| *value = 1.0);
                batch.backward(&one, &mut unused)
            })
            .collect();
        for (place, node) in graph.nodes().iter().enumerate().filter(|(_, node)| node.layer.is_some()) {
            match &fed[place] {
                Some(fed) => {
                    let signals: Vec<&[f64]> = deltas.iter().map(|deltas| deltas[place].as_slice()).collect();
                    let products = gram(&signals.concat(), rows);
                    total.iter_mut().zip(fed).zip(&products).for_each(|((sum, a), d)| *sum += a * d);
                }
                None => {
                    let gradients: Vec<Vec<f64>> =
                        batches.iter().zip(&deltas).map(|(batch, d)| batch.row_gradients(node, &d[place])).collect();
                    total.iter_mut().zip(gram(&gradients.concat(), rows)).for_each(|(sum, own)| *sum += own);
                }
            }
        }
    }
    total
}

fn square(numbers: &[f64]) -> f64 {
    numbers.iter().map(|x| x * x).sum()
}
