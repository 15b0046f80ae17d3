//! The tangent kernel of a network, layer by layer.
//!
//! The gradients of a dense layer z = W a + b at two rows have the product (a·a' + 1) (δ·δ'), without the 1 where there is no
//! bias. Those of a convolution, which sums over the pixels p of its outputs, have
//! Σ_pp' (A_p·A'_p') (δ_p·δ'_p') + (Σ_p δ_p)·(Σ_p' δ'_p') with A_p the patch that the kernel covers at p: products of P × P
//! pixels for each pair of rows, in place of gradients as long as the weights. The cheaper of the two is taken, by counting
//! multiplications; where the gradients are written down, a part of them at a time.

use std::ops::Range;

use faer::{Accum, MatMut, MatRef};
use phasesweep_networks::{Graph, Node, Op};
use phasesweep_passes::multiply;

use super::super::operations::Linear;
use super::{AtNodes, Batch};
use crate::observe::gram::gram;

/// Numbers of gradients that are held at once: 256 MiB.
const MOST_NUMBERS: usize = 1 << 25;

/// The tangent kernel summed over the outputs, Θ(x, x') = Σ_k ∂f_k(x)·∂f_k(x'), between all rows of batches of one network,
/// in their order: `n × n`.
pub fn tangent_kernel(batches: &[Batch<'_>]) -> Vec<f64> {
    let Some(Batch { graph, .. }) = batches.first() else { return Vec::new() };
    let rows: usize = batches.iter().map(Batch::rows).sum();
    let outputs = graph.nodes().last().map_or(0, |node| node.extent.size());
    let mut total = vec![0.0; rows * rows];
    let mut layers: Vec<(usize, Product)> = (graph.nodes().iter().enumerate())
        .filter_map(|(place, node)| Some((place, Product::of(graph, node, batches, rows, outputs)?)))
        .collect();
    let mut unused = vec![0.0; graph.parameters()];
    for output in 0..outputs {
        let deltas: Vec<AtNodes> = (batches.iter())
            .map(|batch| {
                let mut one = vec![0.0; batch.rows * outputs];
                one.iter_mut().skip(output).step_by(outputs).for_each(|value| *value = 1.0);
                let mut deltas = batch.backward(&one, &mut unused);
                // Of all rows at once, those of layers alone are held.
                let others = graph.nodes().iter().zip(&mut deltas).filter(|(node, _)| node.layer.is_none());
                others.for_each(|(_, delta)| *delta = Vec::new());
                deltas
            })
            .collect();
        for (place, product) in &mut layers {
            let signals: Vec<&[f64]> = deltas.iter().map(|deltas| deltas[*place].as_slice()).collect();
            product.take(&graph.nodes()[*place], batches, &signals, output, &mut total);
        }
    }
    for (_, product) in &layers {
        if let Product::Patches(patches) = product {
            patches.add(&mut total);
        }
    }
    total
}

/// How the gradients of a layer at two rows are multiplied.
enum Product {
    /// Of a dense layer: a·a' + 1 of all pairs of rows, the same for all outputs.
    Fed(Vec<f64>),
    /// Of a convolution: its patches and, once they are known, the signals of all outputs.
    Patches(Patches),
    /// Of gradients that are written down.
    Gradients,
}

impl Product {
    /// Of a node; `None` if it has no parameters.
    fn of(graph: &Graph, node: &Node, batches: &[Batch<'_>], rows: usize, outputs: usize) -> Option<Product> {
        let layer = node.layer.as_ref()?;
        if node.op == Op::Dense {
            let inputs: Vec<&[f64]> = batches.iter().map(|batch| batch.values(node.inputs[0])).collect();
            let mut products = gram(&inputs.concat(), rows);
            if layer.bias {
                products.iter_mut().for_each(|value| *value += 1.0);
            }
            return Some(Product::Fed(products));
        }
        let patches = Linear::of(graph, node).filter(|linear| by_patches(linear.shape(), rows, outputs));
        Some(patches.map_or(Product::Gradients, |linear| {
            let size = graph.nodes()[node.inputs[0]].extent.size();
            let images = batches.iter().flat_map(|batch| batch.values(node.inputs[0]).chunks_exact(size));
            Product::Patches(Patches::new(linear, layer.bias, images, rows, outputs))
        }))
    }

    /// Takes the signals of one output, which are the gradients of that output at the node, batch by batch, and adds the
    /// layer's part of that output's kernel to `total`, unless all outputs are waited for.
    fn take(&mut self, node: &Node, batches: &[Batch<'_>], signals: &[&[f64]], output: usize, total: &mut [f64]) {
        let rows: usize = batches.iter().map(Batch::rows).sum();
        match self {
            Product::Fed(fed) => {
                let products = gram(&signals.concat(), rows);
                total.iter_mut().zip(fed).zip(&products).for_each(|((sum, a), d)| *sum += *a * d);
            }
            Product::Patches(patches) => patches.take(signals, output),
            Product::Gradients => {
                let numbers = node.layer.as_ref().map_or(0, |layer| layer.parameters());
                // All at once where they fit, as many at a time as do where they do not.
                let part = (MOST_NUMBERS / rows.max(1)).clamp(1, numbers.max(1));
                for first in (0..numbers).step_by(part) {
                    let range = first..(first + part).min(numbers);
                    let own = gram(&gradients(node, batches, signals, range), rows);
                    total.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
                }
            }
        }
    }
}

/// Whether products of patches and signals of a convolution (groups, pixels, taps of a unit, units of a group) take fewer
/// multiplications than writing gradients down and multiplying these, for so many rows and outputs. A grouped convolution
/// has so few weights that they do not.
pub(super) fn by_patches([groups, pixels, taps, units]: [usize; 4], rows: usize, outputs: usize) -> bool {
    let [pixels, taps, units, rows, outputs] = [pixels, taps, units, rows, outputs].map(|count| count as f64);
    let of_patches = (rows * pixels).powi(2) / 2.0 * (taps + outputs * units);
    let of_gradients = outputs * taps * units * rows * (pixels + rows);
    groups == 1 && of_patches < of_gradients
}

/// A part of the gradient of each row at the node's parameters.
fn gradients(node: &Node, batches: &[Batch<'_>], signals: &[&[f64]], range: Range<usize>) -> Vec<f64> {
    let mut all = Vec::new();
    for (batch, signals) in batches.iter().zip(signals) {
        batch.for_each_row_gradient(node, signals, |own| all.extend_from_slice(&own[range.clone()]));
    }
    all
}

/// The patches of a convolution at all rows, and the signals of all outputs.
struct Patches {
    pixels: usize,
    taps: usize,
    units: usize,
    outputs: usize,
    bias: bool,
    /// `[row, pixel, tap]`.
    patches: Vec<f64>,
    /// `[row, pixel, output, unit]`.
    signals: Vec<f64>,
}

impl Patches {
    fn new<'x>(
        linear: Linear<'_>,
        bias: bool,
        images: impl Iterator<Item = &'x [f64]>,
        rows: usize,
        outputs: usize,
    ) -> Patches {
        let [_, pixels, taps, units] = linear.shape();
        let patches = images.flat_map(|image| linear.patches(image)).collect();
        Patches { pixels, taps, units, outputs, bias, patches, signals: vec![0.0; rows * pixels * outputs * units] }
    }

    /// Takes the signals `[row, unit, pixel]` of one output, batch by batch.
    fn take(&mut self, signals: &[&[f64]], output: usize) {
        let rows = signals.iter().flat_map(|batch| batch.chunks_exact(self.units * self.pixels));
        let own = self.signals.chunks_exact_mut(self.pixels * self.outputs * self.units);
        for (signals, own) in rows.zip(own) {
            for (pixel, own) in own.chunks_exact_mut(self.outputs * self.units).enumerate() {
                let own = &mut own[output * self.units..][..self.units];
                let units = signals.iter().skip(pixel).step_by(self.pixels);
                own.iter_mut().zip(units).for_each(|(own, &signal)| *own = signal);
            }
        }
    }

    /// Adds the layer's part of the kernel to `total`.
    fn add(&self, total: &mut [f64]) {
        let (pixels, wide) = (self.pixels, self.outputs * self.units);
        let rows = self.patches.len() / (pixels * self.taps);
        let bias = f64::from(u8::from(self.bias));
        for row in 0..rows {
            // This row with itself and all before it: what is beyond follows by symmetry.
            let [patches, signals] = [(&self.patches, self.taps), (&self.signals, wide)].map(|(all, width)| {
                let all = MatRef::from_row_major_slice(&all[..(row + 1) * pixels * width], (row + 1) * pixels, width);
                let mut out = vec![0.0; pixels * (row + 1) * pixels];
                let target = MatMut::from_row_major_slice_mut(&mut out, pixels, (row + 1) * pixels);
                let own = all.subrows(row * pixels, pixels);
                multiply(target, Accum::Replace, own, all.transpose());
                out
            });
            let lines = patches.chunks_exact((row + 1) * pixels).zip(signals.chunks_exact((row + 1) * pixels));
            for (patches, signals) in lines {
                for (other, (a, d)) in patches.chunks_exact(pixels).zip(signals.chunks_exact(pixels)).enumerate() {
                    let sum = a.iter().zip(d).map(|(a, d)| (a + bias) * d).sum::<f64>();
                    total[row * rows + other] += sum;
                    if other != row {
                        total[other * rows + row] += sum;
                    }
                }
            }
        }
    }
}
