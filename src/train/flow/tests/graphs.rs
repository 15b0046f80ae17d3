//! Graphs that are no chains of layers: f, gradients and tangent kernels against the reference of the graphs and against
//! burn's autodiff, and what is refused.

use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData, activation};
use phasesweep_networks::{
    Activation, Count, Element, Extent, Graph, Layers, Normalisation, Op, Pooling, Word, reference,
};

use super::case::{mlp, problem, separable};
use crate::sweep::ArchitectureKind;
use crate::train::flow::field::Field;
use crate::train::flow::network::{Network, followed};
use crate::train::flow::tangent::{Parameters, Signals, kernel};
use phasesweep_passes::Real;

/// f(x) and its gradient by autodiff, node by node; of the operations that [`separable`] has.
fn autodiff(graph: &Graph, parameters: &[f64], x: &[f32]) -> (f64, Vec<f64>) {
    let device = Device::flex();
    let leaf = |range: std::ops::Range<usize>, shape: [usize; 4]| {
        let values: Vec<f32> = parameters[range].iter().map(|&v| v as f32).collect();
        Tensor::<4>::from_data(TensorData::new(values, shape), &device).autodiff().require_grad()
    };
    let shape = |extent| match extent {
        Extent::Units(units) => [1, units, 1, 1],
        Extent::Image([channels, height, width]) => [1, channels, height, width],
    };
    let (mut values, mut leaves): (Vec<Tensor<4>>, Vec<(std::ops::Range<usize>, Tensor<4>)>) = (Vec::new(), Vec::new());
    for node in graph.nodes() {
        let of = |k: usize| values[node.inputs[k]].clone();
        let mut own = Vec::new();
        let value = match (node.op, &node.layer) {
            (Op::Input, _) => Tensor::<4>::from_data(TensorData::new(x.to_vec(), shape(node.extent)), &device),
            (Op::Convolution(w), Some(layer)) => {
                let [o, i, k, l] = [0, 1, 2, 3].map(|axis| layer.shape[axis]);
                let weight = leaf(layer.weight_range(), [o, i, k, l]);
                own.push((layer.weight_range(), weight.clone()));
                conv2d(of(0), weight, None, ConvOptions::new([w.stride; 2], [w.padding; 2], [1, 1], w.groups))
            }
            (Op::Dense, Some(layer)) => {
                let weight = leaf(layer.weight_range(), [1, 1, layer.outputs(), layer.fan_in()]);
                own.push((layer.weight_range(), weight.clone()));
                weight.matmul(of(0).reshape([1, 1, layer.fan_in(), 1])).reshape([1, layer.outputs(), 1, 1])
            }
            (Op::Normalise(_), Some(layer)) => {
                let size = node.extent.size() as f32;
                let centred = of(0) - of(0).sum().div_scalar(size).reshape([1, 1, 1, 1]).expand(shape(node.extent));
                let variance = (centred.clone() * centred.clone()).sum().div_scalar(size).add_scalar(1e-5);
                let gamma = leaf(layer.weight_range(), [1, layer.outputs(), 1, 1]);
                own.push((layer.weight_range(), gamma.clone()));
                gamma * centred / variance.sqrt().reshape([1, 1, 1, 1]).expand(shape(node.extent))
            }
            (Op::Activation(_), _) => activation::silu(of(0)),
            (Op::Pool(pool), _) if pool.kind == Pooling::Mean => {
                let [_, channels, height, width] = of(0).dims();
                of(0).reshape([1, channels, height * width, 1]).mean_dim(2)
            }
            (Op::Flatten, _) => of(0).reshape(shape(node.extent)),
            (Op::Add, _) => of(0) + of(1),
            (op, _) => panic!("not written out: {op:?}"),
        };
        let value = match node.layer.as_ref().filter(|layer| layer.bias) {
            Some(layer) => {
                let bias = leaf(layer.bias_range(), [1, layer.outputs(), 1, 1]);
                own.push((layer.bias_range(), bias.clone()));
                value + bias
            }
            None => value,
        };
        leaves.extend(own);
        values.push(value);
    }
    let f = values.pop().unwrap();
    let value = f.clone().inner().into_data().try_into_vec::<f32>().unwrap()[0];
    let mut gradients = f.sum().backward();
    let mut out = vec![f64::NAN; parameters.len()];
    for (range, leaf) in leaves {
        let gradient = leaf.grad_remove(&mut gradients).unwrap().into_data().try_into_vec::<f32>().unwrap();
        assert_eq!(gradient.len(), range.len());
        out[range].iter_mut().zip(gradient).for_each(|(place, value)| *place = f64::from(value));
    }
    (f64::from(value), out)
}

fn drawn(network: &Network, samples: usize) -> (crate::train::Problem, Vec<f64>) {
    let problem = problem(separable(), None, samples, 1);
    let parameters = network.initial(4, &separable(), None, 2.0, &problem.block);
    (problem, parameters)
}

fn network() -> Network {
    let problem = problem(separable(), None, 1, 1);
    Network::new(&separable(), Activation::Swish, None, &problem.block).unwrap()
}

#[test]
fn the_field_of_a_graph_is_that_of_the_reference_and_of_autodiff() {
    fn one<T: Real>(tolerance: f64) {
        let network = network();
        let (problem, parameters) = drawn(&network, 75);
        let graph = network.passes.as_ref().unwrap().graph().clone();
        let narrow: Vec<T> = parameters.iter().map(|&v| T::of(v)).collect();
        let mut field = Field::<T>::new(network.clone());
        let points = field.points(&problem.block.train.x);
        field.load(&narrow);
        let (mut outputs, mut again) = (Vec::new(), Vec::new());
        field.outputs(&points, points.len(), &mut outputs);
        let terms: Vec<(usize, T)> =
            (0..75).map(|i| (i, T::of(if i % 3 == 0 { 0.02 * i as f64 - 0.7 } else { 0.0 }))).collect();
        let few: Vec<(usize, T)> = terms.iter().step_by(3).copied().collect();
        let [mut gradient, mut fused] = [(); 2].map(|()| vec![T::default(); parameters.len()]);
        field.gradient(&points, &few, &mut gradient);
        field.outputs_and_gradient(&points, |sample, _| terms[sample].1, &mut again, &mut fused);
        assert_eq!(outputs, again);
        let mut sums = [vec![0.0; parameters.len()], vec![0.0; parameters.len()]];
        let (mut worst, mut scale) = (0.0, 0.0);
        for (i, x) in problem.block.train.x.chunks(network.inputs).enumerate() {
            let wide: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
            let values = reference::forward(&graph, &parameters, &wide);
            let f = values.last().unwrap()[0];
            worst = f64::max(worst, (f - outputs[i].wide()).abs());
            scale = f64::max(scale, f.abs());
            let by_reference = reference::backward(&graph, &parameters, &values, &[1.0]).parameters;
            let (value, by_autodiff) = autodiff(&graph, &parameters, x);
            assert!((value - f).abs() < 1e-5, "single precision: {value} {f}");
            for (sum, own) in sums.iter_mut().zip([by_reference, by_autodiff]) {
                sum.iter_mut().zip(own).for_each(|(sum, own)| *sum += terms[i].1.wide() * own);
            }
        }
        assert!(worst < tolerance * scale, "{worst:e} of {scale}");
        for (which, (sum, tolerance)) in sums.iter().zip([tolerance, 1e-5]).enumerate() {
            let scale = sum.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
            for (own, expected) in gradient.iter().chain(&fused).zip(sum.iter().chain(sum)) {
                assert!((own.wide() - expected).abs() < 3.0 * tolerance * scale, "{which}: {own:?} {expected}");
            }
        }
    }
    // Rounding of a few hundred terms through seven layers.
    one::<f32>(1e-5);
    one::<f64>(1e-12);
}

#[test]
fn the_kernel_of_a_graph_is_that_of_autodiff() {
    let network = network();
    let (problem, parameters) = drawn(&network, 13);
    let graph = network.passes.as_ref().unwrap().graph();
    let x = &problem.block.train.x;
    let rows: Vec<Vec<f64>> = x.chunks(network.inputs).map(|x| autodiff(graph, &parameters, x).1).collect();
    let (all, some) =
        (Signals::of(&network, &parameters, x), Signals::of(&network, &parameters, &x[..5 * network.inputs]));
    let kernel = |a: &Signals, b: &Signals| kernel(&network, None, Parameters::All, a, b);
    let gram = kernel(&all, &some);
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    for (i, of_row) in gram.chunks(13).enumerate() {
        for (j, value) in of_row.iter().enumerate() {
            let scale = (dot(&rows[i], &rows[i]) * dot(&rows[j], &rows[j])).sqrt();
            // Autodiff computes in single precision.
            assert!((dot(&rows[i], &rows[j]) - value).abs() < 1e-5 * scale, "{i} {j}");
        }
    }
    assert_eq!(kernel(&all.head(5), &some), kernel(&some, &some));
    let (hidden, units) = all.last_hidden();
    assert_eq!((hidden.len(), units), (13 * 4, 4));
}

#[test]
fn what_is_refused_is_named() {
    let graph = |layers: Vec<Element>| {
        let problem = problem(mlp(&[2]), None, 2, 1);
        let ports = phasesweep_networks::Ports { inputs: problem.block.inputs(), image: None, classes: 2 };
        ArchitectureKind::Layers(Layers { layers }).graph(ports, Activation::Relu).unwrap()
    };
    let dense = |dense, bias| Element::Dense { dense, bias };
    let active = || Element::Word(Word::Activation);
    let batch = vec![
        dense(Count::Of(3), true),
        Element::Normalise { normalise: Normalisation::Batch },
        active(),
        dense(Count::Classes, true),
    ];
    assert!(followed(&graph(batch), false).unwrap_err().contains("batch normalisation"));
    let unbiased = vec![dense(Count::Of(3), false), active(), dense(Count::Classes, true)];
    assert_eq!(followed(&graph(unbiased.clone()), false), Ok(()));
    assert!(followed(&graph(unbiased), true).unwrap_err().contains("mean-field"));
    let open = vec![dense(Count::Classes, true), Element::Word(Word::Apply(Activation::Tanh))];
    assert!(followed(&graph(open), false).unwrap_err().contains("end it with a dense layer"));
}
