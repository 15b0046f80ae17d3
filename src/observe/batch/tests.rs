//! Batches against the networks' reference, which goes sample by sample and number by number.

#![allow(clippy::unwrap_used)]

use phasesweep_networks::{
    Activation, ArchitectureKind, Cnn, Graph, Layers, Mlp, Normalisation, Ports, ResidualMlp, reference,
};

use proptest::prelude::*;

use super::super::random;
use super::*;
use crate::observables::example;

/// Numbers in (−1, 1) that a place determines.
fn numbers(count: usize, phase: f64) -> Vec<f64> {
    (0..count).map(|k| (k as f64 * 0.737 + phase).sin()).collect()
}

/// A network of each kind, on images that do not fill their pooling windows.
fn graphs() -> Vec<Graph> {
    let ports = Ports { inputs: 70, image: Some([2, 7, 5]), classes: 3 };
    let kinds = [
        ArchitectureKind::Mlp(Mlp { hidden: vec![6, 5] }),
        ArchitectureKind::Cnn(Cnn { channels: vec![3, 4], kernel: 3, pool: 2, hidden: vec![5] }),
        ArchitectureKind::ResidualMlp(ResidualMlp { width: 4, blocks: 2 }),
        ArchitectureKind::Layers(Layers { layers: example::residual() }),
        ArchitectureKind::Layers(Layers { layers: example::images(Normalisation::Layer) }),
        ArchitectureKind::Layers(Layers { layers: example::images(Normalisation::Batch) }),
    ];
    kinds.iter().map(|kind| kind.graph(ports, Activation::Tanh).unwrap()).collect()
}

#[test]
fn values_and_gradients_are_those_of_the_reference() {
    for graph in graphs() {
        let (parameters, rows) = (numbers(graph.parameters(), 0.3), 4);
        let (samples, delta) = (numbers(rows * 70, 1.1), numbers(rows * 3, 2.0));
        let batch = Batch::new(&graph, &parameters, samples.clone());
        let mut gradient = vec![0.0; parameters.len()];
        batch.backward(&delta, &mut gradient);
        let mut expected = vec![0.0; parameters.len()];
        for (row, sample) in samples.chunks(70).enumerate() {
            let values = reference::forward(&graph, &parameters, sample);
            for (node, exact) in values.iter().enumerate() {
                let own = &batch.values(node)[row * exact.len()..(row + 1) * exact.len()];
                // Sums of at most 70 products of numbers about 1, in another order.
                assert!(own.iter().zip(exact).all(|(a, b)| (a - b).abs() < 1e-12), "node {node}");
            }
            let back = reference::backward(&graph, &parameters, &values, &delta[row * 3..(row + 1) * 3]);
            add(&mut expected, &back.parameters);
        }
        for (own, exact) in gradient.iter().zip(&expected) {
            assert!((own - exact).abs() < 1e-11, "{own} {exact}");
        }
    }
}

/// Along a direction, against central differences of the way back; the gradient at the outputs is held fixed.
#[test]
fn derivatives_along_a_direction_are_those_of_differences() {
    for graph in graphs() {
        let parameters = numbers(graph.parameters(), 0.3);
        let (samples, delta) = (numbers(3 * 70, 1.1), numbers(3 * 3, 2.0));
        let direction = numbers(graph.parameters(), 4.0);
        let at = |shift: f64| {
            let moved: Vec<f64> = parameters.iter().zip(&direction).map(|(w, v)| w + shift * v).collect();
            let batch = Batch::new(&graph, &moved, samples.clone());
            let mut gradient = vec![0.0; moved.len()];
            batch.backward(&delta, &mut gradient);
            (batch.outputs().to_vec(), gradient)
        };
        let batch = Batch::new(&graph, &parameters, samples.clone());
        let deltas = batch.backward(&delta, &mut vec![0.0; parameters.len()]);
        let tangents = batch.along(&direction);
        let mut product = vec![0.0; parameters.len()];
        batch.backward_along(&direction, &deltas, &tangents, &vec![0.0; delta.len()], &mut product);
        let ((outputs, gradient), (outputs_below, gradient_below)) = (at(1e-6), at(-1e-6));
        let own = tangents.last().unwrap().iter().chain(&product);
        let above = outputs.iter().chain(&gradient);
        for ((own, above), below) in own.zip(above).zip(outputs_below.iter().chain(&gradient_below)) {
            let difference = (above - below) / 2e-6;
            // Rounding of 1e-15/1e-6, and third derivatives along a direction of length 10 times 1e-12.
            assert!((own - difference).abs() < 1e-6 * difference.abs().max(1.0), "{own} {difference}");
        }
    }
}

/// Against the whole Jacobian: the gradient of every output at every sample, by the reference.
#[test]
fn lengths_and_kernels_are_those_of_the_jacobian() {
    for graph in graphs() {
        let parameters = numbers(graph.parameters(), 0.3);
        let (samples, delta) = (numbers(5 * 70, 1.1), numbers(5 * 3, 2.0));
        let jacobian = |sample: &[f64], outputs: &[f64]| {
            let values = reference::forward(&graph, &parameters, sample);
            reference::backward(&graph, &parameters, &values, outputs).parameters
        };
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let batch = Batch::new(&graph, &parameters, samples.clone());
        let squares = batch.row_squares(&batch.backward(&delta, &mut vec![0.0; parameters.len()]));
        for ((sample, delta), own) in samples.chunks(70).zip(delta.chunks(3)).zip(squares) {
            let gradient = jacobian(sample, delta);
            let exact = dot(&gradient, &gradient);
            // Sums of at most thousands of products in another order.
            assert!((own / exact - 1.0).abs() < 1e-11, "{own} {exact}");
        }
        // In two batches, which must not show.
        let batches = [&samples[..3 * 70], &samples[3 * 70..]].map(|x| Batch::new(&graph, &parameters, x.to_vec()));
        let kernel = tangent_kernel(&batches);
        let units = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        let rows: Vec<Vec<f64>> =
            samples.chunks(70).map(|sample| units.iter().flat_map(|unit| jacobian(sample, unit)).collect()).collect();
        for (place, own) in kernel.iter().enumerate() {
            let exact = dot(&rows[place / 5], &rows[place % 5]);
            assert!((own - exact).abs() < 1e-11 * dot(&rows[place / 5], &rows[place / 5]), "{own} {exact}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any graph of all operations: values, gradients, lengths and kernels against the reference, sample by sample; products
    /// with second derivatives against differences of the way back.
    #[test]
    fn any_graph_is_that_of_the_reference(steps in random::steps(), phase in 0.0..6.0f64) {
        let graph = random::graph(&steps);
        let (parameters, rows) = (random::parameters(&graph, phase), 3);
        let (samples, delta) = (random::numbers(rows * random::INPUTS, phase + 1.0), numbers(rows * 3, 2.0));
        let batch = Batch::new(&graph, &parameters, samples.clone());
        let mut gradient = vec![0.0; parameters.len()];
        let deltas = batch.backward(&delta, &mut gradient);
        let squares = batch.row_squares(&deltas);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let (mut expected, mut jacobian) = (vec![0.0; parameters.len()], Vec::new());
        for (row, sample) in samples.chunks(random::INPUTS).enumerate() {
            let values = reference::forward(&graph, &parameters, sample);
            prop_assume!(!random::bends(&graph, &values));
            for (node, exact) in values.iter().enumerate() {
                let own = &batch.values(node)[row * exact.len()..(row + 1) * exact.len()];
                // Sums of at most 60 products in another order, a dozen nodes deep; a layer normalisation divides by what
                // may be small.
                prop_assert!(own.iter().zip(exact).all(|(a, b)| (a - b).abs() < 1e-10 * b.abs().max(1.0)), "node {}", node);
            }
            let back = |outputs: &[f64]| reference::backward(&graph, &parameters, &values, outputs).parameters;
            let own = back(&delta[row * 3..(row + 1) * 3]);
            let exact = dot(&own, &own);
            prop_assert!((squares[row] - exact).abs() <= 1e-9 * exact, "{} {}", squares[row], exact);
            add(&mut expected, &own);
            jacobian.push([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(|unit| back(&unit)).concat());
        }
        let length = dot(&expected, &expected).sqrt();
        for (own, exact) in gradient.iter().zip(&expected) {
            prop_assert!((own - exact).abs() <= 1e-9 * length.max(1.0), "{} {}", own, exact);
        }
        let kernel = tangent_kernel(&[batch]);
        for (place, own) in kernel.iter().enumerate() {
            let (a, b) = (&jacobian[place / rows], &jacobian[place % rows]);
            prop_assert!((own - dot(a, b)).abs() <= 1e-9 * (dot(a, a) * dot(b, b)).sqrt(), "{} {}", own, dot(a, b));
        }
    }

    #[test]
    fn derivatives_along_a_direction_hold_for_any_graph(steps in random::steps(), phase in 0.0..6.0f64) {
        let graph = random::graph(&steps);
        let (parameters, direction) = (random::parameters(&graph, phase), numbers(graph.parameters(), phase + 4.0));
        let (samples, delta) = (random::numbers(2 * random::INPUTS, phase + 1.0), numbers(2 * 3, 2.0));
        for sample in samples.chunks(random::INPUTS) {
            prop_assume!(!random::bends(&graph, &reference::forward(&graph, &parameters, sample)));
        }
        let at = |shift: f64| {
            let moved: Vec<f64> = parameters.iter().zip(&direction).map(|(w, v)| w + shift * v).collect();
            let batch = Batch::new(&graph, &moved, samples.clone());
            let mut gradient = vec![0.0; moved.len()];
            batch.backward(&delta, &mut gradient);
            [batch.outputs().to_vec(), gradient].concat()
        };
        let batch = Batch::new(&graph, &parameters, samples.clone());
        let deltas = batch.backward(&delta, &mut vec![0.0; parameters.len()]);
        let tangents = batch.along(&direction);
        let mut product = vec![0.0; parameters.len()];
        batch.backward_along(&direction, &deltas, &tangents, &[0.0; 6], &mut product);
        let own = [tangents.last().unwrap().clone(), product].concat();
        // Differences of two widths: where they disagree, third derivatives are large, as near a layer of equal values.
        let [wide, narrow] = [2e-6, 1e-6].map(|h| {
            at(h).iter().zip(at(-h)).map(|(above, below)| (above - below) / (2.0 * h)).collect::<Vec<f64>>()
        });
        let scale = narrow.iter().fold(1.0_f64, |most, x| most.max(x.abs()));
        for ((own, wide), narrow) in own.iter().zip(&wide).zip(&narrow) {
            // Rounding of 1e-15/1e-6 of the greatest.
            let tolerance = 1e-6 * scale + 10.0 * (wide - narrow).abs();
            prop_assert!((own - narrow).abs() < tolerance, "{} {} {}", own, narrow, scale);
        }
    }
}

/// Layers of few pixels and many weights, whose kernel is of patches and signals, and layers of many pixels, whose gradients
/// are written down: the two are one function.
#[test]
fn patches_and_gradients_give_one_kernel() {
    let ports = Ports { inputs: 2 * 64, image: Some([2, 8, 8]), classes: 3 };
    let build = |stride: usize| {
        let mut builder = phasesweep_networks::Builder::new(ports, Activation::Tanh);
        let from = builder.images().unwrap();
        let window = |stride| phasesweep_networks::Window { kernel: 3, stride, padding: 1, groups: 1 };
        let from = builder.convolution_with("a", from, 8, window(stride), true).unwrap();
        let from = builder.activation(from);
        let from = builder.convolution_with("b", from, 8, window(2), false).unwrap();
        let from = builder.activation(from);
        let from = builder.flatten(from);
        builder.dense("c", from, 3);
        builder.finish()
    };
    for (graph, patches) in [(build(2), true), (build(1), false)] {
        let parameters = numbers(graph.parameters(), 0.7);
        let samples = numbers(7 * 128, 1.3);
        let batch = Batch::new(&graph, &parameters, samples.clone());
        let second = graph.layers().nth(1).unwrap().0;
        let shape = Linear::of(&graph, second).unwrap().shape();
        assert_eq!(kernel::by_patches(shape, 7, 3), patches, "{shape:?}");
        let kernel = tangent_kernel(&[batch]);
        let rows: Vec<Vec<f64>> = samples
            .chunks(128)
            .map(|sample| {
                let values = reference::forward(&graph, &parameters, sample);
                let units = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
                units.map(|unit| reference::backward(&graph, &parameters, &values, &unit).parameters).concat()
            })
            .collect();
        for (place, own) in kernel.iter().enumerate() {
            let exact: f64 = rows[place / 7].iter().zip(&rows[place % 7]).map(|(a, b)| a * b).sum();
            assert!((own - exact).abs() < 1e-10 * kernel[0], "{own} {exact}");
        }
    }
}
