//! Small networks on small blocks, for the tests of observables.

#![allow(clippy::unwrap_used)]

use phasesweep_networks::{Activation, ArchitectureKind, Cnn, Graph, Mlp, Ports, ResidualMlp};

use super::{Loss, Setup, Subject, View};
use crate::data::{Block, Samples};

/// How many kinds of network there are.
pub(crate) const KINDS: usize = 3;

/// A network, its weights and its samples: three classes of images of 2 × 5 × 4.
pub(crate) struct Example {
    pub(crate) block: Block,
    pub(crate) graph: Graph,
    pub(crate) parameters: Vec<f32>,
    activation: Activation,
    loss: Loss,
}

/// Numbers in (−1, 1) that a place determines.
pub(crate) fn numbers(count: usize, phase: f64) -> Vec<f32> {
    (0..count).map(|k| (k as f64 * 0.737 + phase).sin() as f32).collect()
}

impl Example {
    /// A network of the kind of that number: dense, convolutional, residual.
    pub(crate) fn new(kind: usize, activation: Activation, loss: Loss) -> Example {
        let kind = match kind {
            0 => ArchitectureKind::Mlp(Mlp { hidden: vec![5, 4] }),
            1 => ArchitectureKind::Cnn(Cnn { channels: vec![3], kernel: 3, pool: 2, hidden: vec![4] }),
            _ => ArchitectureKind::ResidualMlp(ResidualMlp { width: 4, blocks: 2 }),
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
        Example { block, graph, parameters, activation, loss }
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
            parameters: self.graph.parameters(),
            observed: &[],
            recorded: &[],
            manifold: &[],
            snapshots: &[],
            noise: &[],
            steps: true,
            flow: None,
        };
        Subject::new(setup, &self.block, self.graph.clone(), self.activation, self.loss)
    }

    /// The replica at the example's weights; it began from none but zeros.
    pub(crate) fn view<'a>(&'a self, subject: &'a Subject<'a>, kept: Option<&'a [bool]>) -> View<'a> {
        let count = self.parameters.len();
        View::new(subject, &self.parameters, 7, kept, 1, Box::new(move || vec![0.0; count])).unwrap()
    }
}
