//! f and its gradients: shallow loops, deep passes and autodiff agree, in both precisions.

use std::sync::Arc;

use super::autodiff::value_and_gradient;
use super::case::{MEAN_FIELD, cnn, mlp, problem};
use crate::sweep::{Activation, ArchitectureKind, MeanField};
use crate::train::flow::deep;
use crate::train::flow::field::Field;
use crate::train::flow::network::Network;
use phasesweep_passes::{Real, Vectors};

/// Differences, relative to the largest entry, of f and of a weighted sum of gradients from autodiff's.
fn against_autodiff<T: Real>(kind: ArchitectureKind, mean_field: Option<MeanField>) -> (f64, f64) {
    // More samples than a tile of any kind, and not a multiple of one.
    let problem = problem(kind.clone(), mean_field, 150, 1);
    let network = Network::new(&kind, Activation::Relu, mean_field, &problem.block).unwrap();
    let wide: Vec<f64> = network.initial(5, &kind, mean_field, 1.0, &problem.block);
    let parameters: Vec<T> = wide.iter().map(|&v| T::of(f64::from(v as f32))).collect();
    let wide: Vec<f64> = parameters.iter().map(|v| v.wide()).collect();
    let mut field = Field::<T>::new(network.clone());
    let points = field.points(&problem.block.train.x);
    let mut outputs = Vec::new();
    field.load(&parameters);
    field.outputs(&points, points.len(), &mut outputs);
    // Every third sample pulls, with different weights.
    let terms: Vec<(usize, T)> = (0..150).step_by(3).map(|i| (i, T::of(0.01 * i as f64 - 0.4))).collect();
    let mut gradient = vec![T::default(); parameters.len()];
    field.gradient(&points, &terms, &mut gradient);

    let each: Vec<(f64, Vec<f64>)> =
        problem.block.train.x.chunks(network.inputs).map(|x| value_and_gradient(&network, &wide, x)).collect();
    let mut sum = vec![0.0; wide.len()];
    for (i, c) in &terms {
        sum.iter_mut().zip(&each[*i].1).for_each(|(sum, g)| *sum += c.wide() * g);
    }
    let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, |a: f64, b| a.max(b.abs()));
    let f = largest(&mut outputs.iter().zip(&each).map(|(f, (g, _))| f.wide() - g));
    let g = largest(&mut gradient.iter().zip(&sum).map(|(a, b)| a.wide() - b));
    (f / largest(&mut each.iter().map(|(f, _)| *f)), g / largest(&mut sum.iter().copied()))
}

#[test]
fn outputs_and_gradients_agree_with_autodiff() {
    for mean_field in [None, MEAN_FIELD] {
        // 11 neurons: two blocks of four and a rest.
        for kind in [mlp(&[11]), mlp(&[6, 5]), cnn()] {
            for (f, g) in
                [against_autodiff::<f32>(kind.clone(), mean_field), against_autodiff::<f64>(kind.clone(), mean_field)]
            {
                // Single precision, in autodiff in any case; sums over 50 samples that partly cancel.
                assert!(f < 2e-6 && g < 1e-5, "{kind:?} {mean_field:?}: {f:e}, {g:e}");
            }
        }
    }
}

/// What the active sets rest on: no output moves farther than the weights allow.
#[test]
fn outputs_move_no_farther_than_their_bound() {
    for neurons in [3, 21] {
        let kind = mlp(&[neurons]);
        let problem = problem(kind.clone(), MEAN_FIELD, 40, 1);
        let network = Network::new(&kind, Activation::Relu, MEAN_FIELD, &problem.block).unwrap();
        let start = network.initial(2, &kind, MEAN_FIELD, 1.0, &problem.block);
        let other = network.initial(3, &kind, MEAN_FIELD, 1.0, &problem.block);
        let mut field = Field::<f64>::new(network.clone());
        let points = field.points(&problem.block.train.x);
        let (mut before, mut after) = (Vec::new(), Vec::new());
        field.load(&start);
        let there = field.packed().unwrap().clone();
        field.outputs(&points, points.len(), &mut before);
        for share in [1e-6, 1e-2, 1.0] {
            let moved: Vec<f64> = start.iter().zip(&other).map(|(a, b)| a + share * (b - a)).collect();
            field.load(&moved);
            field.outputs(&points, points.len(), &mut after);
            let [apart, size] = field.apart(&there);
            let mut tightest = 0.0;
            for sample in 0..points.len() {
                let length = (points.row(sample).iter().map(|x| x * x).sum::<f64>() + 1.0).sqrt();
                let (drift, f) = ((after[sample] - before[sample]).abs(), after[sample].abs());
                assert!(drift <= apart * length && f <= size * length, "{neurons} {share}: {drift} {apart}");
                tightest = f64::max(tightest, drift / (apart * length));
            }
            // Neurons add up with either sign: of one part in the square root of their number or so nothing is lost.
            assert!(tightest > 0.05, "{neurons} {share}: the bound is useless, {tightest}");
        }
    }
}

#[test]
fn the_shallow_loops_are_the_deep_passes() {
    let kind = mlp(&[13]);
    let problem = problem(kind.clone(), MEAN_FIELD, 45, 1);
    let network = Network::new(&kind, Activation::Relu, MEAN_FIELD, &problem.block).unwrap();
    let parameters = network.initial(1, &kind, MEAN_FIELD, 1.0, &problem.block);
    let x: Vec<f64> = problem.block.train.x.iter().map(|&x| f64::from(x)).collect();
    let mut field = Field::<f64>::new(network.clone());
    let points = field.points(&problem.block.train.x);
    let mut outputs = Vec::new();
    field.load(&parameters);
    field.outputs(&points, points.len(), &mut outputs);
    for (fast, slow) in outputs.iter().zip(deep::forward(&network, &parameters, &x).outputs) {
        // Rounding of sums of 13 terms.
        assert!((fast - slow).abs() < 1e-14, "{fast} {slow}");
    }
    let c: Vec<f64> = (0..45).map(|i| (f64::from(i) * 0.7).sin()).collect();
    let terms: Vec<(usize, f64)> = c.iter().copied().enumerate().collect();
    let mut fast = vec![0.0; parameters.len()];
    field.gradient(&points, &terms, &mut fast);
    let mut slow = vec![0.0; parameters.len()];
    deep::add_gradient(&network, &parameters, &x, &c, &mut slow);
    for (fast, slow) in fast.iter().zip(slow) {
        assert!((fast - slow).abs() < 1e-13, "{fast} {slow}");
    }
}

/// A flow's numbers do not depend on the processor: vectors of either length, and arrays, compute the same bits.
#[test]
fn the_shallow_loops_have_the_same_bits_with_any_vectors() {
    fn bits<T: Real>(neurons: usize, inputs: usize, samples: usize, vectors: Vectors) -> Vec<u64> {
        let mut problem = problem(mlp(&[neurons]), MEAN_FIELD, samples * inputs, 1);
        let block = Arc::make_mut(&mut problem.block);
        (block.features, block.live) = (inputs, (0..inputs as u32).collect());
        block.train.x.truncate(samples * inputs);
        block.train.y.truncate(samples);
        let kind = mlp(&[neurons]);
        let network = Network::new(&kind, Activation::Relu, MEAN_FIELD, &problem.block).unwrap();
        assert_eq!(network.inputs, inputs);
        let start = network.initial(neurons as u64, &kind, MEAN_FIELD, 1.0, &problem.block);
        let parameters: Vec<T> = start.iter().map(|&value| T::of(value)).collect();
        let mut field = Field::<T>::new(network);
        field.vectors = vectors;
        field.load(&parameters);
        let points = field.points(&problem.block.train.x);
        let mut outputs = Vec::new();
        field.outputs(&points, samples, &mut outputs);
        let terms: Vec<(usize, T)> = (0..samples).map(|i| (i, T::of((i as f64 * 0.7).sin()))).collect();
        let mut gradient = vec![T::default(); parameters.len()];
        field.gradient(&points, &terms, &mut gradient);
        let moved = gradient.iter().filter(|slope| slope.wide() != 0.0).count();
        assert!(neurons * samples < 100 || moved > gradient.len() / 4, "{moved} of {}", gradient.len());
        outputs.iter().chain(&gradient).map(|number| number.wide().to_bits()).collect()
    }
    // Neurons and samples of a part of a vector, of one, of a pair and of one more; coordinates by the handful and beside.
    for (neurons, inputs) in [(1, 1), (8, 2), (16, 3), (17, 5), (31, 6), (40, 9)] {
        for samples in [1, 16, 33, 130] {
            let here = |vectors| {
                (bits::<f32>(neurons, inputs, samples, vectors), bits::<f64>(neurons, inputs, samples, vectors))
            };
            let expected = here(Vectors::Arrays);
            for vectors in [Vectors::Avx2, Vectors::Avx512] {
                let available = vectors == Vectors::longest() || Vectors::longest() == Vectors::Avx512;
                assert!(!available || here(vectors) == expected, "{vectors:?}: {neurons}, {inputs}, {samples}");
            }
        }
    }
}
