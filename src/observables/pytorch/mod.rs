//! Observables of residual networks with normalisations against PyTorch and NumPy, which computed the same by the formulas
//! of the papers in double precision: `networks.py`, whose answer is `networks.json`.
//!
//! Parameters are found by PyTorch's names, as in files of weights.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use phasesweep_networks::{
    Activation, ArchitectureKind, Count, Element, Graph, Layers, Normalisation, Number, PoolKind, Ports, Word,
};
use serde_json::Value;

use super::attack::{Attack, Norm};
use super::keys::Listing;
use super::local_complexity::{Neighbourhood, count};
use super::registry::{Definition, Observable};
use super::robustness::misclassified;
use super::{
    Loss, Setup, Subject, View, cka, gradient_noise, gradient_norm, intrinsic_dimension, representation, sharpness,
    tangent_kernel, test_manifold,
};
use crate::data::{Block, Samples};
use crate::observe::network::{Network, Pass, Room, Walk};

/// A network of the script, at its weights and samples.
struct Peer {
    found: Value,
    graph: Graph,
    block: Block,
    parameters: Vec<f32>,
    averages: Vec<f32>,
    start: Vec<f32>,
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

impl Peer {
    fn new(name: &str, layers: Vec<Element>, image: Option<[usize; 3]>, inputs: usize) -> Peer {
        let text = include_str!("networks.json");
        let found = serde_json::from_str::<Value>(text).unwrap()[name].take();
        let kind = ArchitectureKind::Layers(Layers { layers });
        let graph = kind.graph(Ports { inputs, image, classes: 3 }, Activation::Relu).unwrap();
        let single = |numbers: Vec<f64>| numbers.into_iter().map(|x| x as f32).collect::<Vec<f32>>();
        let of = |set: &str| {
            let (mut parameters, mut averages) = (vec![f32::NAN; graph.parameters()], vec![f32::NAN; graph.averaged()]);
            let tensors: HashMap<&str, Vec<f32>> = (found[set].as_object().unwrap().iter())
                .map(|(name, values)| (name.as_str(), single(numbers(values))))
                .collect();
            for (_, layer) in graph.layers() {
                // A projection that is made is no shortcut: the script writes shortcuts out.
                let tensor = |part: &str| tensors[format!("{}.{part}", layer.name).as_str()].as_slice();
                parameters[layer.weight_range()].copy_from_slice(tensor("weight"));
                if layer.bias {
                    parameters[layer.bias_range()].copy_from_slice(tensor("bias"));
                }
            }
            for own in graph.averages() {
                let tensor = |part: &str| tensors[format!("{}.{part}", own.layer.name).as_str()].as_slice();
                averages[own.means].copy_from_slice(tensor("running_mean"));
                averages[own.variances].copy_from_slice(tensor("running_var"));
            }
            (parameters, averages)
        };
        let ((parameters, averages), (start, before)) = (of("parameters"), of("start"));
        assert!(parameters.iter().chain(&averages).chain(&start).all(|x| x.is_finite()), "every parameter is named");
        assert_eq!(before, graph.initial_averages());
        let y: Vec<u16> = numbers(&found["labels"]).into_iter().map(|label| label as u16).collect();
        let samples = || Samples { x: single(numbers(&found["x"])), y: y.clone() };
        let block = Block {
            features: inputs,
            live: (0..inputs as u32).collect(),
            image,
            classes: 3,
            train: samples(),
            test: samples(),
            source_index: (0..y.len() as u32).collect(),
        };
        Peer { graph, block, parameters, averages, start, found }
    }

    fn subject<'a>(&'a self, observed: &'a [usize]) -> Subject<'a> {
        let setup = Setup {
            epochs: 1,
            classes: 3,
            samples: self.block.train.len(),
            layers: self.graph.layers().count(),
            hidden: self.graph.hidden().len(),
            pre_activations: self.graph.pre_activations().len(),
            parameters: self.graph.parameters(),
            observed,
            recorded: &[],
            manifold: &[],
            snapshots: &[],
            noise: &[],
            steps: true,
            flow: None,
        };
        Subject::new(setup, &self.block, self.graph.clone(), Loss::CrossEntropy)
    }

    /// What follows from values in the layers, and from signs and attacks: of any network.
    fn assert_forward(&self) {
        let observed: Vec<usize> = (1..=self.graph.hidden().len()).collect();
        let subject = self.subject(&observed);
        let start = self.start.clone();
        let view = View::new(&subject, &self.parameters, 7, None, 1, Box::new(move || start.clone())).unwrap();
        let view = view.with_averages(&self.averages).unwrap();
        let layers = self.found["layers"].as_array().unwrap();
        let close = |name: &str, own: f32, exact: &Value| {
            let exact = exact.as_f64().unwrap();
            // Stored in single precision; the parameters of a batch normalisation are folded in single precision.
            assert!((f64::from(own) - exact).abs() < 3e-6 * exact.abs().max(1.0), "{name}: {own} {exact}");
        };
        let [radii, distances] = <[Vec<f32>; 2]>::try_from(values::<test_manifold::TestManifold>(&view)).unwrap();
        let [ratios, ranks] = <[Vec<f32>; 2]>::try_from(values::<representation::Representation>(&view)).unwrap();
        let likeness = values::<cka::Cka>(&view).swap_remove(0);
        let dimensions = values::<intrinsic_dimension::IntrinsicDimension>(&view).swap_remove(0);
        assert_eq!(layers.len(), observed.len());
        for (layer, exact) in layers.iter().enumerate() {
            for class in 0..3 {
                close("radius", radii[layer * 3 + class], &exact["radius"][class]);
                close("distance", distances[layer * 3 + class], &exact["distance"][class]);
            }
            close("participation ratio", ratios[layer], &exact["participation_ratio"]);
            close("effective rank", ranks[layer], &exact["effective_rank"]);
            close("cka", likeness[layer], &exact["cka_start"]);
            close("dimension", dimensions[layer], &exact["intrinsic_dimension"]);
        }

        let network = Network::new(&self.graph, view.evaluated()).unwrap();
        let (x, inputs) = (&self.block.train.x, network.inputs());
        let mut pass = Pass::default();
        network.forward(x, self.block.train.len(), &mut pass);
        for (own, exact) in pass.outputs(&network).iter().zip(numbers(&self.found["outputs"])) {
            // f32 over ten nodes of sums of at most 54 products of numbers about 1.
            assert!((f64::from(*own) - exact).abs() < 2e-5, "{own} {exact}");
        }
        let mut axes = vec![0.0; inputs * inputs];
        (0..inputs).for_each(|axis| axes[axis * (inputs + 1)] = 1.0);
        let around = Neighbourhood { radii: vec![0.25], directions: inputs, centroid: true, outputs: false };
        let walk = Walk::new(&network, &self.graph.pre_activations());
        let counts = count(&walk, &x[..8 * inputs], &axes, &around, &mut Room::default());
        let layers = self.graph.pre_activations().len();
        let cut: Vec<f64> =
            (0..layers).map(|at| counts.iter().skip(at).step_by(layers).map(|&n| f64::from(n)).sum()).collect();
        assert_eq!(cut, numbers(&self.found["cut"]));
        let (epsilon, steps) = (0.05, 5);
        let attack = Attack {
            norm: Norm::Linf,
            epsilon,
            steps,
            step_size: 2.5 * epsilon / steps as f64,
            random_start: None,
            clip: None,
            last_iterate: false,
            loss: Loss::CrossEntropy,
        };
        let fallen = misclassified(&network, x, &self.block.train.y, 0, &attack);
        assert_eq!(Some(fallen as u64), self.found["fallen"].as_u64());
    }
}

/// An observable's values at its default settings.
fn values<T: Definition>(view: &View<'_>) -> Vec<Vec<f32>> {
    let settings = T::read(&mut Listing::default()).unwrap();
    settings.fits(&view.subject.graph, view.subject.loss).unwrap();
    let pieces = (0..settings.pieces(view.subject)).map(|piece| settings.piece(view, piece)).collect();
    settings.values(view.subject, pieces)
}

fn dense(dense: Count, bias: bool) -> Element {
    Element::Dense { dense, bias }
}

fn apply(activation: Activation) -> Element {
    Element::Word(Word::Apply(activation))
}

fn normalised(normalise: Normalisation) -> Element {
    Element::Normalise { normalise }
}

#[test]
fn a_residual_network_with_layer_normalisation_is_measured_as_by_torch() {
    let branch = vec![dense(Count::Of(8), true), apply(Activation::Gelu), dense(Count::Of(8), true)];
    let layers = vec![
        dense(Count::Of(8), false),
        normalised(Normalisation::Layer),
        apply(Activation::Tanh),
        Element::Residual { residual: branch, shortcut: vec![] },
        normalised(Normalisation::Layer),
        Element::Scale { scale: Number(0.5) },
        dense(Count::Classes, true),
    ];
    let peer = Peer::new("dense", layers, None, 6);
    peer.assert_forward();
    let subject = peer.subject(&[1]);
    let start = peer.start.clone();
    let view = View::new(&subject, &peer.parameters, 7, None, 1, Box::new(move || start.clone())).unwrap();
    let close = |name: &str, own: f32, exact: &Value, tolerance: f64| {
        let exact = exact.as_f64().unwrap();
        assert!((f64::from(own) / exact - 1.0).abs() < tolerance, "{name}: {own} {exact}");
    };
    // Stored in single precision; Ritz values are good to 1e-5.
    close("norm", values::<gradient_norm::GradientNorm>(&view)[0][0], &peer.found["gradient_norm"], 1e-6);
    close("noise", values::<gradient_noise::GradientNoise>(&view)[0][0], &peer.found["gradient_variance"], 1e-6);
    close("sharpness", values::<sharpness::Sharpness>(&view)[0][0], &peer.found["hessian_eigenvalue"], 1e-5);
    let kernel = values::<tangent_kernel::TangentKernel>(&view);
    for (place, own) in kernel[0].iter().enumerate() {
        close("tangent kernel", *own, &peer.found["tangent_kernel_eigenvalue"][place], 1e-6);
    }
    close("trace", kernel[1][0], &peer.found["tangent_kernel_trace"], 1e-6);
}

#[test]
fn a_resnet_with_batch_normalisation_is_measured_in_evaluation_as_by_torch() {
    let conv = |conv, kernel, stride| Element::Convolution {
        conv: Count::Of(conv),
        kernel,
        stride,
        padding: kernel / 2,
        groups: 1,
        bias: false,
    };
    let batch = || normalised(Normalisation::Batch);
    let branch = vec![conv(6, 3, 2), batch(), apply(Activation::Relu), conv(6, 3, 1), batch()];
    let layers = vec![
        conv(4, 3, 1),
        batch(),
        apply(Activation::Relu),
        Element::Pool { pool: PoolKind::Max, side: 2, stride: 1 },
        Element::Residual { residual: branch, shortcut: vec![conv(6, 1, 2), batch()] },
        apply(Activation::Relu),
        Element::Depthwise { depthwise: 3, stride: 1, padding: 1, bias: true },
        apply(Activation::Relu),
        Element::PoolAll { pool_all: PoolKind::Mean },
        Element::Word(Word::Flatten),
        dense(Count::Classes, true),
    ];
    let peer = Peer::new("convolutional", layers, Some([1, 6, 6]), 36);
    peer.assert_forward();
    let subject = peer.subject(&[1]);
    for (name, settings) in [
        ("gradient_norm", &read::<gradient_norm::GradientNorm>() as &dyn Observable),
        ("gradient_noise", &read::<gradient_noise::GradientNoise>()),
        ("sharpness", &read::<sharpness::Sharpness>()),
        ("tangent_kernel", &read::<tangent_kernel::TangentKernel>()),
    ] {
        let refused = settings.fits(&subject.graph, subject.loss).unwrap_err();
        assert!(
            refused.contains(&format!("`{name}` is not measured of networks with batch normalisation")),
            "{refused}"
        );
    }
}

fn read<T: Definition>() -> T {
    T::read(&mut Listing::default()).unwrap()
}
