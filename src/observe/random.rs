//! Random graphs of all operations, for tests.

use phasesweep_networks::{
    Activation, Builder, Extent, Graph, Normalisation, Number, Op, Pool, Pooling, Ports, Window,
};
use proptest::prelude::*;

/// Inputs of the graphs' samples.
pub(super) const INPUTS: usize = 60;

/// A step: which operation, of which node, and with which numbers.
pub(super) type Step = (u8, usize, usize);

/// Between 1 and 11 steps.
pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec((0u8..8, 0usize..12, 0usize..144), 1..12)
}

/// The graph of these steps on images of 2 × 6 × 5, for three classes. Steps that cannot be are left out.
pub(super) fn graph(steps: &[Step]) -> Graph {
    let ports = Ports { inputs: INPUTS, image: Some([2, 6, 5]), classes: 3 };
    let mut builder = Builder::new(ports, Activation::Tanh);
    let mut nodes = vec![builder.images().unwrap_or_default()];
    for (place, &(step, node, number)) in steps.iter().enumerate() {
        // The later nodes oftener, so that graphs are deep.
        let from = nodes[nodes.len() - 1 - (node / 2) % nodes.len()];
        let extent = builder.extent(from);
        let added = match (step, extent) {
            (0 | 1, Extent::Image([channels, ..])) => {
                let groups = [1, 1, 2, channels][number % 4];
                let [kernel, stride, padding] = [1 + number / 4 % 3, 1 + number / 12 % 2, number / 24 % 2];
                let outputs = if groups == channels { channels } else { [2, 4, 6][number / 48] };
                let window = Window { kernel, stride, padding, groups };
                builder.convolution_with(format!("{place}"), from, outputs, window, number % 5 > 1).ok()
            }
            (0 | 1, Extent::Units(_)) => Some(builder.dense_with(format!("{place}"), from, 4, number % 5 > 1)),
            (2, _) => {
                use Activation::{Erf, Gelu, Identity, Relu, Softplus, Swish, Tanh};
                let kind = [Tanh, Gelu, Swish, Softplus, Relu, Identity, Erf][number % 7];
                Some(builder.apply(kind, from))
            }
            (3, Extent::Image(_)) => {
                let kind = [Pooling::Max, Pooling::Mean][number % 2];
                let pool = Pool { kind, window: [1 + number / 2 % 2, 1 + number / 4 % 3], stride: [1, 1 + number % 2] };
                builder.pool(from, pool).ok()
            }
            (4, _) => {
                let over = [Normalisation::Layer, Normalisation::Batch][number % 2];
                // A layer normalisation of one value is a constant.
                (extent.size() > 2).then(|| builder.normalise(format!("{place}"), from, over))
            }
            (5, _) => Some(builder.scale(from, Number(0.5 + number as f64 / 100.0))),
            (6, Extent::Image(_)) => Some(builder.flatten(from)),
            _ => {
                let others = nodes.iter().copied().filter(|&other| builder.extent(other) == extent);
                let others: Vec<usize> = others.collect();
                Some(builder.sum(from, others[number % others.len()]))
            }
        };
        nodes.extend(added);
    }
    let last = nodes[nodes.len() - 1];
    let flat = match builder.extent(last) {
        Extent::Image(_) => builder.flatten(last),
        Extent::Units(_) => last,
    };
    builder.dense("output", flat, 3);
    builder.finish()
}

/// Parameters of about the size of initial ones; γ about 1.
pub(super) fn parameters(graph: &Graph, phase: f64) -> Vec<f64> {
    let mut all = numbers(graph.parameters(), phase);
    for (node, layer) in graph.layers() {
        let normalised = matches!(node.op, Op::Normalise(_));
        let scale = if normalised { 0.3 } else { 1.2 / (layer.fan_in() as f64).sqrt() };
        let shift = if normalised { 1.0 } else { 0.0 };
        all[layer.weight_range()].iter_mut().for_each(|w| *w = shift + scale * *w);
    }
    // As 32-bit floats have them.
    all.into_iter().map(|w| f64::from(w as f32)).collect()
}

/// Numbers in (−1, 1) that a place determines.
pub(super) fn numbers(count: usize, phase: f64) -> Vec<f64> {
    (0..count).map(|k| f64::from((k as f64 * 0.737 + phase).sin() as f32)).collect()
}

/// Whether a rectifier or a maximum is so near its bend, at the values of a sample, that rounding may decide.
pub(super) fn bends(graph: &Graph, values: &[Vec<f64>]) -> bool {
    const NEAR: f64 = 1e-4;
    graph.nodes().iter().any(|node| {
        match (node.op, node.inputs.first().map(|&from| (from, graph.nodes()[from].extent))) {
            (Op::Activation(Activation::Relu), Some((from, _))) => values[from].iter().any(|z| z.abs() < NEAR),
            (
                Op::Pool(Pool { kind: Pooling::Max, window, stride }),
                Some((from, Extent::Image([channels, _, width]))),
            ) => {
                let Extent::Image([_, down, across]) = node.extent else { return false };
                let plane = values[from].len() / channels;
                (0..channels * down * across).any(|at| {
                    let (channel, row, column) = (at / (down * across), at / across % down, at % across);
                    let corner = channel * plane + row * stride[0] * width + column * stride[1];
                    let place = |k: usize| values[from][corner + k / window[1] * width + k % window[1]];
                    let mut all: Vec<f64> = (0..window[0] * window[1]).map(place).collect();
                    all.sort_by(f64::total_cmp);
                    all.len() > 1 && all[all.len() - 1] - all[all.len() - 2] < NEAR
                })
            }
            _ => false,
        }
    })
}
