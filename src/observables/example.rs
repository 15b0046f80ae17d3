//! Small networks on small blocks, for the tests of observables.

#![allow(clippy::unwrap_used)]

use phasesweep_networks::{
    Activation, ArchitectureKind, Cnn, Count, Element, Graph, Layers, Mlp, Normalisation, Number, PoolKind, Ports,
    ResidualMlp, Word,
};

use super::{Loss, Setup, Subject, View};
use crate::data::{Block, Samples};

/// How many kinds of network there are.
pub(crate) const KINDS: usize = 5;
/// The number of a network with batch normalisation, which not everything is measured of.
pub(crate) const OF_BATCHES: usize = KINDS;

/// A network, its weights and its samples: three classes of images of 2 × 5 × 4.
pub(crate) struct Example {
    pub(crate) block: Block,
    pub(crate) graph: Graph,
    pub(crate) parameters: Vec<f32>,
    loss: Loss,
}

/// Numbers in (−1, 1) that a place determines.
pub(crate) fn numbers(count: usize, phase: f64) -> Vec<f32> {
    (0..count).map(|k| (k as f64 * 0.737 + phase).sin() as f32).collect()
}

const ACTIVATION: Element = Element::Word(Word::Activation);

fn dense(dense: Count, bias: bool) -> Element {
    Element::Dense { dense, bias }
}

/// A residual network of dense layers with layer normalisation, a layer without a bias, and scaled outputs.
pub(crate) fn residual() -> Vec<Element> {
    let normalised = Element::Normalise { normalise: Normalisation::Layer };
    let branch = vec![dense(Count::Of(5), true), ACTIVATION, dense(Count::Of(4), true)];
    vec![
        dense(Count::Of(4), false),
        normalised.clone(),
        ACTIVATION,
        Element::Residual { residual: branch, shortcut: vec![] },
        normalised,
        Element::Scale { scale: Number(0.75) },
        dense(Count::Classes, true),
    ]
}

/// A residual network of convolutions: strided, grouped, depthwise, with a projection, overlapping windows of both
/// poolings, and this normalisation.
pub(crate) fn images(normalise: Normalisation) -> Vec<Element> {
    let (normalised, bias) = (Element::Normalise { normalise }, false);
    let conv = |conv, kernel, stride, groups| Element::Convolution {
        conv: Count::Of(conv),
        kernel,
        stride,
        padding: kernel / 2,
        groups,
        bias,
    };
    let pool = |pool| Element::Pool { pool, side: 2, stride: 1 };
    let depthwise = Element::Depthwise { depthwise: 3, stride: 1, padding: 1, bias: true };
    let branch = vec![depthwise, ACTIVATION, conv(6, 3, 2, 2), normalised.clone()];
    vec![
        conv(4, 3, 1, 1),
        normalised,
        ACTIVATION,
        pool(PoolKind::Max),
        Element::Residual { residual: branch, shortcut: vec![] },
        ACTIVATION,
        pool(PoolKind::Mean),
        dense(Count::Classes, true),
    ]
}

impl Example {
    /// A network of the kind of that number: dense, convolutional, residual, residual with layer normalisation, a residual
    /// convolutional one with strides, depthwise and grouped convolutions and both poolings, and the last with batch
    /// normalisation.
    pub(crate) fn new(kind: usize, activation: Activation, loss: Loss) -> Example {
        let kind = match kind {
            0 => ArchitectureKind::Mlp(Mlp { hidden: vec![5, 4] }),
            1 => ArchitectureKind::Cnn(Cnn { channels: vec![3], kernel: 3, pool: 2, hidden: vec![4] }),
            2 => ArchitectureKind::ResidualMlp(ResidualMlp { width: 4, blocks: 2 }),
            3 => ArchitectureKind::Layers(Layers { layers: residual() }),
            4 => ArchitectureKind::Layers(Layers { layers: images(Normalisation::Layer) }),
            _ => ArchitectureKind::Layers(Layers { layers: images(Normalisation::Batch) }),
        };
        let samples = |count: usize, phase: f64| Samples {
            x: numbers(count * 40, phase),
            y: (0..count).map(|sample| (sample % 3) as u16).collect(),
        };
        let block = Block {
            features: 40,
            live: (0..40).collect(),
            image: Some([2, 5, 4]),
            classes: 3,
            train: samples(23, 0.2),
            test: samples(11, 1.4),
            source_index: (0..23).collect(),
        };
        let graph = kind.graph(Ports { inputs: 40, image: block.image, classes: 3 }, activation).unwrap();
        let parameters = numbers(graph.parameters(), 2.5);
        Example { block, graph, parameters, loss }
    }

    pub(crate) fn label(&self, sample: usize) -> usize {
        usize::from(self.block.train.y[sample])
    }

    pub(crate) fn subject(&self) -> Subject<'_> {
        let setup = Setup {
            epochs: 1,
            classes: self.block.classes,
            samples: self.block.train.len(),
            layers: self.graph.layers().count(),
            hidden: self.graph.hidden().len(),
            pre_activations: self.graph.pre_activations().len(),
            parameters: self.graph.parameters(),
            observed: &[],
            recorded: &[],
            manifold: &[],
            snapshots: &[],
            noise: &[],
            steps: true,
            flow: None,
        };
        Subject::new(setup, &self.block, self.graph.clone(), self.loss)
    }

    /// The replica at the example's weights; it began from none but zeros.
    pub(crate) fn view<'a>(&'a self, subject: &'a Subject<'a>, kept: Option<&'a [bool]>) -> View<'a> {
        let count = self.parameters.len();
        View::new(subject, &self.parameters, 7, kept, 1, Box::new(move || vec![0.0; count])).unwrap()
    }
}
