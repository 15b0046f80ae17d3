//! Small problems to test on.

use std::sync::Arc;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::data::{Block, Samples};
use crate::sweep::{Activation, ArchitectureKind, Batch, Loss, Optimiser, OptimiserKind};
use crate::train::shape;
use crate::train::{Problem, Record, Replica, ReplicaState};

/// Convolutions before the fully connected layers.
#[derive(Debug, Clone)]
pub(super) struct Trunk {
    /// Channels, height and width of the inputs.
    pub(super) image: [usize; 3],
    pub(super) channels: Vec<usize>,
    pub(super) kernel: usize,
    pub(super) pool: usize,
}

/// What a test problem is like.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) samples: usize,
    pub(super) test: usize,
    /// Inputs of a fully connected network.
    pub(super) inputs: usize,
    pub(super) classes: usize,
    pub(super) trunk: Option<Trunk>,
    pub(super) hidden: Vec<usize>,
    pub(super) activation: Activation,
    pub(super) loss: Loss,
    pub(super) kind: OptimiserKind,
    pub(super) momentum: f64,
    pub(super) batch: Batch,
    pub(super) replicas: usize,
    /// Share of inputs off the background.
    pub(super) density: f64,
    /// Whether some replicas leave samples out.
    pub(super) pruned: bool,
    pub(super) epochs: usize,
}

impl Default for Case {
    fn default() -> Case {
        Case {
            samples: 203,
            test: 61,
            inputs: 17,
            classes: 2,
            trunk: None,
            hidden: vec![7],
            activation: Activation::Tanh,
            loss: Loss::CrossEntropy,
            kind: OptimiserKind::Sgd,
            momentum: 0.0,
            batch: Batch::Full,
            replicas: 3,
            density: 0.2,
            pruned: false,
            epochs: 20,
        }
    }
}

impl Case {
    /// The problem, its replicas and fresh states.
    pub(super) fn build(&self) -> (Problem, Vec<Replica>, Vec<ReplicaState>) {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let image = self.trunk.as_ref().map(|trunk| trunk.image);
        let inputs = image.map_or(self.inputs, |image| image.iter().product());
        let background: Vec<f32> = (0..inputs).map(|_| rng.random_range(-1.5..0.5)).collect();
        let mut draw = |n: usize| {
            let mut samples = Samples::default();
            for _ in 0..n {
                let y = rng.random_range(0..self.classes);
                for (i, &b) in background.iter().enumerate() {
                    // Classes differ in which inputs are off the background.
                    let share = self.density * if i % self.classes == y { 1.5 } else { 0.75 };
                    let off = rng.random_bool(share.min(1.0));
                    samples.x.push(if off { rng.random_range(-2.0..2.0) } else { b });
                }
                samples.y.push(y as u16);
            }
            samples
        };
        let (train, test) = (draw(self.samples), draw(self.test));
        let noise: Vec<f32> = test.x.iter().map(|x| x + rng.random_range(-0.5f32..0.5)).collect();
        let block = Block {
            features: inputs,
            live: (0..inputs as u32).collect(),
            image,
            classes: self.classes,
            train,
            test,
            source_index: (0..self.samples as u32).collect(),
        };
        let hidden = self.hidden.clone();
        let architecture = match self.trunk.clone() {
            None => ArchitectureKind::Mlp { hidden },
            Some(Trunk { channels, kernel, pool, .. }) => ArchitectureKind::Cnn { channels, kernel, pool, hidden },
        };
        let problem = Problem {
            block: Arc::new(block),
            noisy: Arc::new(vec![noise]),
            layers: (1..=architecture.depth()).collect(),
            architecture,
            activation: self.activation,
            loss: self.loss,
            optimiser: self.kind,
            batch: self.batch,
            epochs: self.epochs,
            recorded: (0..=self.epochs).filter(|t| t % 2 == 0 || *t == self.epochs).collect(),
            manifold: (0..=self.epochs).step_by(4).collect(),
            // Ascending and distinct, whatever the length of the run.
            snapshots: [0, 3].into_iter().filter(|&epoch| epoch < self.epochs).chain([self.epochs]).collect(),
            probing: crate::train::Probing::default(),
            flow: None,
        };
        let layers = shape::layers(&problem.architecture, &problem.block).unwrap();
        let lr = match self.kind {
            // Momentum multiplies the steps by 1/(1 − momentum).
            OptimiserKind::Sgd | OptimiserKind::Nesterov => 0.3 * (1.0 - self.momentum),
            _ => 0.01,
        };
        let replica = |r: usize| Replica {
            seed: r as u64,
            optimiser: Optimiser {
                kind: self.kind,
                lr: lr * (1.0 + r as f64 / 7.0),
                momentum: self.momentum * (1.0 - r as f64 / 20.0),
                beta1: 0.9 - r as f64 / 50.0,
                beta2: 0.99 - r as f64 / 100.0,
                epsilon: 1e-3 * (1.0 + r as f64),
                weight_decay: 0.01 * r as f64,
                flow: None,
            },
            init_scale: 1.0,
            kept: (self.pruned && r % 2 == 1)
                .then(|| (0..self.samples).map(|s| !(s * 7 + r).is_multiple_of(5)).collect()),
        };
        let replicas: Vec<Replica> = (0..self.replicas).map(replica).collect();
        let state = |r: usize| {
            let mut rng = ChaCha8Rng::seed_from_u64(100 + r as u64);
            let mut parameters = vec![];
            for layer in &layers {
                let bound = 1.0 / (layer.fan_in() as f32).sqrt();
                parameters.extend((0..layer.parameters()).map(|_| rng.random_range(-bound..bound)));
            }
            ReplicaState {
                epoch: 0,
                parameters,
                first_moment: vec![],
                second_moment: vec![],
                diverged: None,
                record: Record::empty(&problem),
                flow: None,
            }
        };
        let states = (0..self.replicas).map(state).collect();
        (problem, replicas, states)
    }
}
