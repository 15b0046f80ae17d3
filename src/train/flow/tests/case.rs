//! Small problems with random samples.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::data::{Block, Samples};
use crate::sweep::{
    Activation, ArchitectureKind, Batch, Flow, FlowObserve, Loss, MeanField, Optimiser, OptimiserKind, Precision,
    Watched,
};
use crate::train::flow::FlowProblem;
use crate::train::{Problem, Replica};
use phasesweep_networks::{Cnn, Count, Element, Layers, Mlp, Normalisation, PoolKind, Word};

/// The paper's numbers, in double precision.
pub(in crate::train::flow) const FLOW: Flow = Flow {
    alpha: 1.0,
    gradient_change: 1e-4,
    output_change: 0.1,
    kink_change: 0.01,
    margin: 1.0,
    fitted: 1.0,
    time: None,
    precision: Precision::F64,
    watched: Watched::All,
};

pub(in crate::train::flow) const MEAN_FIELD: Option<MeanField> = Some(MeanField { bias_variance: 1.0 });

pub(in crate::train::flow) fn mlp(hidden: &[usize]) -> ArchitectureKind {
    ArchitectureKind::Mlp(Mlp { hidden: hidden.to_vec() })
}

/// Two convolutions with pooling, the second on an odd number of columns, and a dense hidden layer.
pub(in crate::train::flow) fn cnn() -> ArchitectureKind {
    ArchitectureKind::Cnn(Cnn { channels: vec![3, 4], kernel: 3, pool: 2, hidden: vec![5] })
}

/// A graph that is no chain: strided, pointwise and depthwise convolutions, a residual sum, layer normalisation, the mean
/// over pixels, layers with a bias and without.
pub(in crate::train::flow) fn separable() -> ArchitectureKind {
    let convolution = |channels, kernel, stride| {
        let (conv, padding) = (Count::Of(channels), kernel / 2);
        Element::Convolution { conv, kernel, stride, padding, groups: 1, bias: kernel == 3 }
    };
    let active = || Element::Word(Word::Activation);
    let depthwise = Element::Depthwise { depthwise: 3, stride: 1, padding: 1, bias: false };
    let residual = vec![depthwise, active(), convolution(4, 1, 1)];
    let layers = vec![
        convolution(4, 3, 2),
        active(),
        Element::Residual { residual, shortcut: vec![] },
        Element::Normalise { normalise: Normalisation::Layer },
        active(),
        Element::PoolAll { pool_all: PoolKind::Mean },
        Element::Dense { dense: Count::Classes, bias: false },
    ];
    ArchitectureKind::Layers(Layers { layers })
}

/// Normal samples in the shape that the network wants; the sign of the first input is the class.
pub(in crate::train::flow) fn problem(
    kind: ArchitectureKind,
    mean_field: Option<MeanField>,
    samples: usize,
    epochs: usize,
) -> Problem {
    let image = kind.needs_images().then_some([2, 6, 5]);
    let inputs = image.map_or(4, |image: [usize; 3]| image.iter().product());
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mut draw = |count: usize| {
        // Sums of twelve uniforms are near enough to normals here.
        let mut normal = || (0..12).map(|_| f64::from(rng.next_u32()) / f64::from(u32::MAX)).sum::<f64>() - 6.0;
        let x: Vec<f32> = (0..count * inputs).map(|_| normal() as f32).collect();
        let y = x.chunks(inputs).map(|row| u16::from(row[0] > 0.0)).collect();
        Samples { x, y }
    };
    let (train, test) = (draw(samples), draw(30));
    let block = Block {
        features: inputs,
        live: (0..inputs as u32).collect(),
        image,
        classes: 2,
        train,
        test,
        source_index: (0..samples as u32).collect(),
    };
    Problem {
        block: Arc::new(block),
        noisy: Arc::default(),
        architecture: kind,
        activation: Activation::Relu,
        layers: vec![1],
        loss: Loss::Hinge,
        optimiser: OptimiserKind::GradientFlow,
        batch: Batch::Full,
        epochs,
        recorded: (0..=epochs).step_by(10).collect(),
        manifold: vec![],
        snapshots: vec![],
        noise: vec![],
        scheduled: Default::default(),
        flow: Some(FlowProblem {
            mean_field,
            hinge_beta: Some(20.0),
            parallel: Some(1),
            observe: FlowObserve {
                stages: vec![0.0, 0.5, 1.0],
                kernel: vec![0.0, 1.0],
                kernel_points: 8,
                kernel_test: 20,
                components: 3,
                weights_at: vec![],
                neurons: 0,
                profile: 0,
                kernel_flow: 0,
                kernel_losses: vec![],
                kernel_compressed: None,
                kernel_parts: false,
                kernel_information: 0,
            },
        }),
    }
}

pub(in crate::train::flow) fn replica(seed: u64, flow: Flow) -> Replica {
    let optimiser = Optimiser {
        kind: OptimiserKind::GradientFlow,
        lr: 0.0,
        momentum: 0.0,
        beta1: 0.0,
        beta2: 0.0,
        epsilon: 0.0,
        weight_decay: 0.0,
        flow: Some(flow),
        recipe: Default::default(),
    };
    Replica { seed, optimiser, init_scale: 1.0, kept: None }
}
