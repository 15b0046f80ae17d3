//! Batches against the networks' reference, which goes sample by sample and number by number.

#![allow(clippy::unwrap_used)]

use phasesweep_networks::{Activation, ArchitectureKind, Cnn, Graph, Mlp, Ports, ResidualMlp, reference};

use super::*;

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
