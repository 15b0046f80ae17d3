//! Training in f64, written as the formulas stand in the textbooks: loops over samples and units, one network.

use crate::sweep::{Activation, Batch, Loss, Optimiser, OptimiserKind};
use crate::train::{Problem, Replica};

/// A network and its moments, in the layout of a replica's state.
pub(super) struct Network {
    widths: Vec<usize>,
    pub(super) parameters: Vec<f64>,
    first: Vec<f64>,
    second: Vec<f64>,
    steps: i32,
}

/// What is measured at one epoch.
pub(super) struct Measured {
    pub(super) loss: f64,
    pub(super) wrong: usize,
    pub(super) test_wrong: usize,
    pub(super) noisy_wrong: Vec<usize>,
    /// `[layer][class]`
    pub(super) radius: Vec<Vec<f64>>,
    /// `[layer][pair]`
    pub(super) distance: Vec<Vec<f64>>,
    pub(super) missed: Vec<bool>,
}

/// erfc(x) for x ≥ 0 by Simpson's rule on (2/√π) ∫ₓ exp(−t²) dt.
fn erfc(x: f64) -> f64 {
    let (n, end) = (400, x + 6.0);
    let h = (end - x) / n as f64;
    let f = |k: usize| (-(x + k as f64 * h).powi(2)).exp();
    let inner: f64 = (1..n).map(|k| f(k) * if k % 2 == 1 { 4.0 } else { 2.0 }).sum();
    (f(0) + inner + f(n)) * h / 3.0 * 2.0 / std::f64::consts::PI.sqrt()
}

/// Value and derivative.
pub(super) fn activation(kind: Activation, z: f64) -> (f64, f64) {
    match kind {
        Activation::Tanh => (z.tanh(), 1.0 - z.tanh().powi(2)),
        Activation::Softplus => (z.exp().ln_1p(), 1.0 / (1.0 + (-z).exp())),
        Activation::Relu => (z.max(0.0), if z > 0.0 { 1.0 } else { 0.0 }),
        Activation::Sigmoid => {
            let s = 1.0 / (1.0 + (-z).exp());
            (s, s * (1.0 - s))
        }
        Activation::Gelu => {
            let tail = 0.5 * erfc(z.abs() / 2f64.sqrt());
            let phi = if z > 0.0 { 1.0 - tail } else { tail };
            let density = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
            (z * phi, phi + z * density)
        }
    }
}

impl Network {
    pub(super) fn new(widths: Vec<usize>, parameters: &[f32]) -> Network {
        let parameters: Vec<f64> = parameters.iter().map(|&p| f64::from(p)).collect();
        let zeros = vec![0.0; parameters.len()];
        Network { widths, first: zeros.clone(), second: zeros, parameters, steps: 0 }
    }

    /// Outputs and derivatives of every layer for one sample.
    fn forward(&self, kind: Activation, x: &[f32]) -> Vec<(Vec<f64>, Vec<f64>)> {
        let mut layers: Vec<(Vec<f64>, Vec<f64>)> = vec![(x.iter().map(|&x| f64::from(x)).collect(), vec![])];
        let mut base = 0;
        let depth = self.widths.len() - 1;
        for l in 0..depth {
            let (n_in, n_out) = (self.widths[l], self.widths[l + 1]);
            let (w, b) = self.parameters[base..].split_at(n_in * n_out);
            let mut out = (vec![], vec![]);
            for o in 0..n_out {
                let z = b[o] + (0..n_in).map(|i| w[o * n_in + i] * layers[l].0[i]).sum::<f64>();
                let (value, slope) = if l + 1 < depth { activation(kind, z) } else { (z, 1.0) };
                out.0.push(value);
                out.1.push(slope);
            }
            layers.push(out);
            base += (n_in + 1) * n_out;
        }
        layers
    }

    /// Loss of one sample's outputs, and its gradient.
    fn loss(kind: Loss, f: &[f64], y: usize) -> (f64, Vec<f64>) {
        match kind {
            Loss::CrossEntropy => {
                let top = f.iter().copied().fold(f64::MIN, f64::max);
                let sum: f64 = f.iter().map(|f| (f - top).exp()).sum();
                let gradient = f.iter().enumerate().map(|(c, f)| (f - top).exp() / sum - f64::from(u8::from(c == y)));
                (top + sum.ln() - f[y], gradient.collect())
            }
            Loss::MeanSquared => {
                let off: Vec<f64> = f.iter().enumerate().map(|(c, f)| f - f64::from(u8::from(c == y))).collect();
                let n = f.len() as f64;
                (off.iter().map(|o| o * o).sum::<f64>() / n, off.iter().map(|o| 2.0 * o / n).collect())
            }
            Loss::Hinge | Loss::SoftHinge | Loss::QuadraticHinge => unreachable!(),
        }
    }

    fn guess(f: &[f64]) -> usize {
        (1..f.len()).fold(0, |best, c| if f[c] > f[best] { c } else { best })
    }

    /// Mean gradient over the listed samples.
    fn gradient(&self, problem: &Problem, samples: &[usize]) -> Vec<f64> {
        let d = problem.block.inputs();
        let mut gradient = vec![0.0; self.parameters.len()];
        for &s in samples {
            let layers = self.forward(problem.activation, &problem.block.train.x[s * d..(s + 1) * d]);
            let depth = self.widths.len() - 1;
            let mut delta = Network::loss(problem.loss, &layers[depth].0, usize::from(problem.block.train.y[s])).1;
            let mut end = self.parameters.len();
            for l in (0..depth).rev() {
                let (n_in, n_out) = (self.widths[l], self.widths[l + 1]);
                let base = end - (n_in + 1) * n_out;
                for o in 0..n_out {
                    for i in 0..n_in {
                        gradient[base + o * n_in + i] += delta[o] * layers[l].0[i] / samples.len() as f64;
                    }
                    gradient[base + n_in * n_out + o] += delta[o] / samples.len() as f64;
                }
                if l > 0 {
                    let w = &self.parameters[base..];
                    let back = |i: usize| (0..n_out).map(|o| w[o * n_in + i] * delta[o]).sum::<f64>() * layers[l].1[i];
                    delta = (0..n_in).map(back).collect();
                }
                end = base;
            }
        }
        gradient
    }

    /// One step of the rule as PyTorch's documentation writes it.
    fn step(&mut self, rule: &Optimiser, gradient: &[f64]) {
        self.steps += 1;
        for (i, &g) in gradient.iter().enumerate() {
            let (w, m, v) = (&mut self.parameters[i], &mut self.first[i], &mut self.second[i]);
            let mut g = g;
            if rule.kind == OptimiserKind::Adamw {
                *w -= rule.lr * rule.weight_decay * *w;
            } else {
                g += rule.weight_decay * *w;
            }
            match rule.kind {
                OptimiserKind::GradientFlow => unreachable!(),
                OptimiserKind::Sgd | OptimiserKind::Nesterov => {
                    *m = rule.momentum * *m + g;
                    let nesterov = rule.kind == OptimiserKind::Nesterov;
                    *w -= rule.lr * if nesterov { g + rule.momentum * *m } else { *m };
                }
                OptimiserKind::Adam | OptimiserKind::Adamw => {
                    *m = rule.beta1 * *m + (1.0 - rule.beta1) * g;
                    *v = rule.beta2 * *v + (1.0 - rule.beta2) * g * g;
                    let mean = *m / (1.0 - rule.beta1.powi(self.steps));
                    let square = *v / (1.0 - rule.beta2.powi(self.steps));
                    *w -= rule.lr * mean / (square.sqrt() + rule.epsilon);
                }
                OptimiserKind::Rmsprop => {
                    *v = rule.beta2 * *v + (1.0 - rule.beta2) * g * g;
                    *m = rule.momentum * *m + g / (v.sqrt() + rule.epsilon);
                    *w -= rule.lr * *m;
                }
            }
        }
    }

    /// One pass over the kept samples.
    pub(super) fn pass(&mut self, problem: &Problem, replica: &Replica, epoch: usize) {
        let kept: Vec<usize> = (0..problem.block.train.len()).filter(|&s| keeps(replica, s)).collect();
        match problem.batch {
            Batch::Full => {
                let gradient = self.gradient(problem, &kept);
                self.step(&replica.optimiser, &gradient);
            }
            Batch::Mini { size } => {
                let order = crate::train::init::epoch_order(replica.seed, epoch, problem.block.train.len());
                let order: Vec<usize> = order.iter().map(|&s| s as usize).filter(|&s| keeps(replica, s)).collect();
                for batch in order.chunks(size) {
                    let gradient = self.gradient(problem, batch);
                    self.step(&replica.optimiser, &gradient);
                }
            }
        }
    }

    /// Everything that a record holds, at the present weights.
    pub(super) fn measure(&self, problem: &Problem, replica: &Replica) -> Measured {
        let block = &problem.block;
        let d = block.inputs();
        let depth = self.widths.len() - 1;
        let (mut loss, mut wrong, mut count) = (0.0, 0, vec![0.0; block.classes]);
        let width = |l: usize| self.widths[l];
        let mut centres: Vec<Vec<Vec<f64>>> =
            problem.layers.iter().map(|&l| vec![vec![0.0; width(l)]; block.classes]).collect();
        let mut spreads: Vec<Vec<f64>> = problem.layers.iter().map(|_| vec![0.0; block.classes]).collect();
        let mut missed = vec![];
        let mut directions = vec![];
        for (s, x) in block.train.x.chunks(d).enumerate() {
            let layers = self.forward(problem.activation, x);
            let y = usize::from(block.train.y[s]);
            missed.push(Network::guess(&layers[depth].0) != y);
            if !keeps(replica, s) {
                continue;
            }
            loss += Network::loss(problem.loss, &layers[depth].0, y).0;
            wrong += usize::from(missed[s]);
            count[y] += 1.0;
            for (at, &l) in problem.layers.iter().enumerate() {
                let h = &layers[l].0;
                let norm = h.iter().map(|h| h * h).sum::<f64>().sqrt();
                let phi: Vec<f64> = h.iter().map(|h| if norm > 0.0 { h / norm } else { 0.0 }).collect();
                for (c, phi) in centres[at][y].iter_mut().zip(&phi) {
                    *c += phi;
                }
                directions.push((at, y, phi));
            }
        }
        for layer in &mut centres {
            for (centre, &n) in layer.iter_mut().zip(&count) {
                centre.iter_mut().for_each(|c| *c /= n);
            }
        }
        // The radius from its definition: the mean squared distance to the centre.
        for (at, y, phi) in &directions {
            spreads[*at][*y] += centres[*at][*y].iter().zip(phi).map(|(c, p)| (c - p).powi(2)).sum::<f64>() / count[*y];
        }
        let some = |c: usize, x: f64| if count[c] > 0.0 { x } else { f64::NAN };
        let radius =
            spreads.iter().map(|layer| layer.iter().enumerate().map(|(c, s)| some(c, s.sqrt())).collect()).collect();
        let apart = |layer: &[Vec<f64>], a: usize, b: usize| {
            layer[a].iter().zip(&layer[b]).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
        };
        let distance = centres.iter().map(|layer| problem.pairs().iter().map(|&(a, b)| apart(layer, a, b)).collect());
        let errors = |x: &[f32]| {
            let guesses = x.chunks(d).map(|x| Network::guess(&self.forward(problem.activation, x)[depth].0));
            guesses.zip(&block.test.y).filter(|(guess, y)| *guess != usize::from(**y)).count()
        };
        Measured {
            loss: loss / count.iter().sum::<f64>(),
            wrong,
            test_wrong: errors(&block.test.x),
            noisy_wrong: problem.noisy.iter().map(|x| errors(x)).collect(),
            radius,
            distance: distance.collect(),
            missed,
        }
    }
}

/// Whether a replica trains on a sample.
pub(super) fn keeps(replica: &Replica, sample: usize) -> bool {
    replica.kept.as_ref().is_none_or(|kept| kept[sample])
}
