//! Small problems to test on.

use std::sync::Arc;

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    Activation, Batch, Block, Curves, LayerShape, Loss, Network, Problem, Rates, Recipe, Replica, Rule, Samples, State,
    UNMEASURED_BYTE,
};

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
    pub(super) kind: Rule,
    pub(super) momentum: f64,
    /// What is done around the rule's step; the second of three replicas has none of it but SAM.
    pub(super) recipe: Recipe,
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
            kind: Rule::Sgd,
            momentum: 0.0,
            recipe: Recipe::default(),
            batch: Batch::Full,
            replicas: 3,
            density: 0.2,
            pruned: false,
            epochs: 20,
        }
    }
}

/// A permutation of `n` samples of a seed and an epoch.
pub(super) fn shuffled(seed: u64, epoch: usize, n: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..n as u32).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed << 20 | epoch as u64));
    order
}

/// Curves of the problem with nothing measured yet.
pub(super) fn unmeasured(problem: &Problem) -> Curves {
    let epochs = problem.recorded.len();
    let nan = |n: usize| vec![f32::NAN; n];
    let layers = if problem.manifold.is_empty() { 0 } else { problem.observed.len() };
    Curves {
        train_loss: nan(epochs),
        train_error: nan(epochs),
        test_error: nan(epochs),
        noisy_error: nan(problem.noisy.len() * epochs),
        radius: nan(layers * problem.block.classes * epochs),
        distance: nan(layers * problem.pairs().len() * epochs),
        misclassified: vec![UNMEASURED_BYTE; problem.snapshots.len() * problem.snapshot_bytes()],
    }
}

impl Case {
    /// The network's layers on so many inputs, the output layer included.
    fn layers(&self, mut inputs: usize) -> Vec<LayerShape> {
        let mut layers = vec![];
        if let Some(Trunk { image: [mut depth, mut height, mut width], channels, kernel, pool }) = self.trunk.clone() {
            for outputs in channels {
                layers.push(LayerShape::Convolution { inputs: depth, outputs, kernel, pool, height, width });
                [depth, height, width] = [outputs, height / pool, width / pool];
            }
            inputs = depth * height * width;
        }
        for &outputs in self.hidden.iter().chain([&self.classes]) {
            layers.push(LayerShape::Dense { inputs, outputs });
            inputs = outputs;
        }
        layers
    }

    /// The problem, its replicas and fresh states.
    pub(super) fn build(&self) -> (Problem, Vec<Replica>, Vec<State>) {
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
        let layers = self.layers(inputs);
        let problem = Problem {
            block: Arc::new(block),
            noisy: Arc::new(vec![noise]),
            observed: (1..layers.len()).collect(),
            network: Network::Chain { layers, activation: self.activation },
            loss: self.loss,
            rule: self.kind,
            order: shuffled,
            batch: self.batch,
            epochs: self.epochs,
            recorded: (0..=self.epochs).filter(|t| t % 2 == 0 || *t == self.epochs).collect(),
            manifold: (0..=self.epochs).step_by(4).collect(),
            // Ascending and distinct, whatever the length of the run.
            snapshots: [0, 3].into_iter().filter(|&epoch| epoch < self.epochs).chain([self.epochs]).collect(),
        };
        let lr = match self.kind {
            // Momentum multiplies the steps by 1/(1 − momentum).
            Rule::Sgd | Rule::Nesterov => 0.3 * (1.0 - self.momentum),
            _ => 0.01,
        };
        let replica = |r: usize| Replica {
            seed: r as u64,
            rates: Rates {
                lr: lr * (1.0 + r as f64 / 7.0),
                momentum: self.momentum * (1.0 - r as f64 / 20.0),
                beta1: 0.9 - r as f64 / 50.0,
                beta2: 0.99 - r as f64 / 100.0,
                epsilon: 1e-3 * (1.0 + r as f64),
                weight_decay: 0.01 * r as f64,
            },
            recipe: match r % 3 {
                1 => Recipe { sam_radius: self.recipe.sam_radius.map(|radius| radius / 2.0), ..Recipe::default() },
                _ => self.recipe.clone(),
            },
            kept: (self.pruned && r % 2 == 1)
                .then(|| (0..self.samples).map(|s| !(s * 7 + r).is_multiple_of(5)).collect()),
        };
        let replicas: Vec<Replica> = (0..self.replicas).map(replica).collect();
        let state = |r: usize| {
            let mut rng = ChaCha8Rng::seed_from_u64(100 + r as u64);
            let mut parameters = vec![];
            for layer in problem.network.chain() {
                let bound = 1.0 / (layer.fan_in() as f32).sqrt();
                parameters.extend((0..layer.parameters()).map(|_| rng.random_range(-bound..bound)));
            }
            State {
                step: 0,
                epoch: 0,
                parameters,
                first_moment: vec![],
                second_moment: vec![],
                averages: vec![],
                diverged: None,
                record: unmeasured(&problem),
            }
        };
        let states = (0..self.replicas).map(state).collect();
        (problem, replicas, states)
    }
}
