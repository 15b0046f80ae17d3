//! Training in f64, written as the formulas stand in the textbooks: loops over samples, units and places, one network.

use phasesweep_optimisers::{Moment, Parameter};

use crate::{Activation, Batch, LayerShape, Loss, Problem, Replica, Rule};

/// A network and its moments, in the layout of a replica's state.
pub(super) struct Network {
    layers: Vec<LayerShape>,
    pub(super) parameters: Vec<f64>,
    first: Vec<f64>,
    second: Vec<f64>,
    /// How near any gradient came to a kink: a rectified sum to zero, or the greatest of a window to another. Nearer than
    /// rounding, the other side's gradient is as right.
    pub(super) nearest_kink: f64,
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
        other => (other.value(z), other.slope(z)),
    }
}

/// What a layer makes of a sample.
struct Signal {
    /// Outputs, `[channel, line, column]` behind the pooling of a convolution.
    out: Vec<f64>,
    /// The activation's derivative at each.
    slope: Vec<f64>,
    /// Which of the layer's sums each output is.
    sum: Vec<usize>,
    /// How near the layer's sums are to a kink.
    kink: f64,
}

/// Calls `visit` with the places of every product of a layer: weight, input, sum.
fn products(layer: &LayerShape, mut visit: impl FnMut(usize, usize, usize)) {
    match *layer {
        LayerShape::Dense { inputs, outputs } => {
            for o in 0..outputs {
                for i in 0..inputs {
                    visit(o * inputs + i, i, o);
                }
            }
        }
        LayerShape::Convolution { inputs, outputs, kernel, height, width, .. } => {
            let inside = |at: usize, k: usize, size: usize| (at + k).checked_sub(kernel / 2).filter(|&at| at < size);
            for (o, i) in (0..outputs).flat_map(|o| (0..inputs).map(move |i| (o, i))) {
                for (ky, kx) in (0..kernel).flat_map(|ky| (0..kernel).map(move |kx| (ky, kx))) {
                    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                        if let (Some(from_y), Some(from_x)) = (inside(y, ky, height), inside(x, kx, width)) {
                            let weight = ((o * inputs + i) * kernel + ky) * kernel + kx;
                            visit(weight, (i * height + from_y) * width + from_x, (o * height + y) * width + x);
                        }
                    }
                }
            }
        }
    }
}

/// Sums of a unit or channel.
fn places(layer: &LayerShape) -> usize {
    match *layer {
        LayerShape::Dense { .. } => 1,
        LayerShape::Convolution { height, width, .. } => height * width,
    }
}

/// From a hidden layer's sums to its outputs: the activation, then of each window the first greatest.
fn activate(layer: &LayerShape, kind: Activation, z: &[f64]) -> Signal {
    let all: Vec<(f64, f64)> = z.iter().map(|&z| activation(kind, z)).collect();
    let windows: Vec<Vec<usize>> = match *layer {
        LayerShape::Dense { .. } => (0..all.len()).map(|at| vec![at]).collect(),
        LayerShape::Convolution { outputs, pool, height, width, .. } => {
            let mut windows = vec![];
            for o in 0..outputs {
                for (top, left) in (0..height / pool).flat_map(|y| (0..width / pool).map(move |x| (y * pool, x * pool)))
                {
                    let place = |at: usize| (o * height + top + at / pool) * width + left + at % pool;
                    windows.push((0..pool * pool).map(place).collect());
                }
            }
            windows
        }
    };
    let greatest = |best: usize, at: usize| if all[at].0 > all[best].0 { at } else { best };
    let sum: Vec<usize> = windows.iter().map(|window| window.iter().copied().reduce(greatest).unwrap()).collect();
    let (out, slope) = sum.iter().map(|&at| all[at]).unzip();
    let bent = kind == Activation::Relu || kind == Activation::LeakyRelu;
    let rectified = z.iter().filter(|_| bent).map(|z| z.abs());
    // Places that are exactly equal see equal inputs: they are so in any precision.
    let close = windows.iter().zip(&sum).flat_map(|(window, &best)| {
        window.iter().map(|&at| all[best].0 - all[at].0).filter(|&apart| apart > 0.0).collect::<Vec<f64>>()
    });
    let kink = rectified.chain(close).fold(f64::INFINITY, f64::min);
    Signal { out, slope, sum, kink }
}

impl Network {
    pub(super) fn new(problem: &Problem, parameters: &[f32]) -> Network {
        let layers = problem.network.chain().to_vec();
        let parameters: Vec<f64> = parameters.iter().map(|&p| f64::from(p)).collect();
        let zeros = vec![0.0; parameters.len()];
        Network { layers, first: zeros.clone(), second: zeros, parameters, nearest_kink: f64::INFINITY }
    }

    /// Outputs and derivatives of every layer for one sample; the inputs come first.
    fn forward(&self, kind: Activation, x: &[f32]) -> Vec<Signal> {
        let mut signals = vec![Signal {
            out: x.iter().map(|&x| f64::from(x)).collect(),
            slope: vec![],
            sum: vec![],
            kink: f64::INFINITY,
        }];
        let mut base = 0;
        for (l, layer) in self.layers.iter().enumerate() {
            let (w, b) = self.parameters[base..].split_at(layer.weights());
            let places = places(layer);
            let mut z: Vec<f64> = (0..layer.outputs() * places).map(|at| b[at / places]).collect();
            products(layer, |weight, input, sum| z[sum] += w[weight] * signals[l].out[input]);
            signals.push(if l + 1 < self.layers.len() {
                activate(layer, kind, &z)
            } else {
                Signal { slope: vec![1.0; z.len()], sum: (0..z.len()).collect(), out: z, kink: f64::INFINITY }
            });
            base += layer.parameters();
        }
        signals
    }

    /// The last layer's sums for one sample.
    pub(super) fn outputs(&self, kind: Activation, x: &[f32]) -> Vec<f64> {
        self.forward(kind, x).pop().map_or_else(Vec::new, |signal| signal.out)
    }

    /// Loss of one sample's outputs, and its gradient.
    pub(super) fn loss(kind: Loss, f: &[f64], y: usize) -> (f64, Vec<f64>) {
        match kind {
            Loss::CrossEntropy => {
                let top = f.iter().copied().fold(f64::MIN, f64::max);
                let sum: f64 = f.iter().map(|f| (f - top).exp()).sum();
                let gradient = f.iter().enumerate().map(|(c, f)| (f - top).exp() / sum - f64::from(u8::from(c == y)));
                (top + sum.ln() - f[y], gradient.collect())
            }
            Loss::SmoothedCrossEntropy { smoothing } => {
                let (top, n) = (f.iter().copied().fold(f64::MIN, f64::max), f.len() as f64);
                let whole = top + f.iter().map(|f| (f - top).exp()).sum::<f64>().ln();
                let target = |c: usize| (1.0 - smoothing) * f64::from(u8::from(c == y)) + smoothing / n;
                let each = || f.iter().enumerate();
                let loss = each().map(|(c, f)| target(c) * (whole - f)).sum();
                (loss, each().map(|(c, f)| (f - whole).exp() - target(c)).collect())
            }
            Loss::MeanSquared => {
                let off: Vec<f64> = f.iter().enumerate().map(|(c, f)| f - f64::from(u8::from(c == y))).collect();
                let n = f.len() as f64;
                (off.iter().map(|o| o * o).sum::<f64>() / n, off.iter().map(|o| 2.0 * o / n).collect())
            }
        }
    }

    pub(super) fn guess(f: &[f64]) -> usize {
        (1..f.len()).fold(0, |best, c| if f[c] > f[best] { c } else { best })
    }

    /// Mean gradient over the listed samples.
    fn gradient(&mut self, problem: &Problem, samples: &[usize]) -> Vec<f64> {
        let d = problem.block.inputs();
        let mut gradient = vec![0.0; self.parameters.len()];
        let share = 1.0 / samples.len() as f64;
        for &s in samples {
            let signals = self.forward(problem.network.activation(), &problem.block.train.x[s * d..(s + 1) * d]);
            let depth = self.layers.len();
            self.nearest_kink = signals.iter().fold(self.nearest_kink, |nearest, signal| nearest.min(signal.kink));
            let y = usize::from(problem.block.train.y[s]);
            let mut back = Network::loss(problem.loss, &signals[depth].out, y).1;
            let mut end = self.parameters.len();
            for (l, layer) in self.layers.iter().enumerate().rev() {
                let (below, signal, places) = (&signals[l], &signals[l + 1], places(layer));
                let base = end - layer.parameters();
                let mut delta = vec![0.0; layer.outputs() * places];
                for ((back, slope), &sum) in back.iter().zip(&signal.slope).zip(&signal.sum) {
                    delta[sum] = back * slope;
                }
                back = vec![0.0; below.out.len()];
                products(layer, |weight, input, sum| {
                    gradient[base + weight] += share * delta[sum] * below.out[input];
                    back[input] += delta[sum] * self.parameters[base + weight];
                });
                for (at, delta) in delta.iter().enumerate() {
                    gradient[base + layer.weights() + at / places] += share * delta;
                }
                end = base;
            }
        }
        gradient
    }

    /// One step of the rule, in f64; the rules' own tests hold it against the formulas as they are printed.
    fn step(&mut self, rule: Rule, replica: &Replica, gradient: &[f64], at: &Moment) {
        let rates = &replica.rates;
        let factors = replica.recipe.factors(rates, at);
        let clip = replica.recipe.clip_factor(norm(gradient));
        let [first, second] = rule.moments(rates);
        for (i, g) in gradient.iter().map(|g| g * clip).enumerate() {
            let weight = self.parameters[i];
            let (first, second) = (first.then_some(self.first[i]), second.then_some(self.second[i]));
            let after = rule.step(Parameter { weight, first, second }, g, &factors, true);
            self.parameters[i] = after.weight;
            self.first[i] = after.first.unwrap_or_default();
            self.second[i] = after.second.unwrap_or_default();
        }
    }

    /// The gradient that a step is taken along: that at the parameters, or uphill of them.
    fn uphill(&mut self, problem: &Problem, replica: &Replica, samples: &[usize]) -> Vec<f64> {
        let gradient = self.gradient(problem, samples);
        if replica.recipe.sam_radius.is_none() {
            return gradient;
        }
        let (here, factor) = (self.parameters.clone(), replica.recipe.climb_factor(norm(&gradient)));
        self.parameters.iter_mut().zip(&gradient).for_each(|(w, g)| *w += factor * g);
        let gradient = self.gradient(problem, samples);
        self.parameters = here;
        gradient
    }

    /// One pass over the kept samples.
    pub(super) fn pass(&mut self, problem: &Problem, replica: &Replica, epoch: usize) {
        let kept: Vec<usize> = (0..problem.block.train.len()).filter(|&s| keeps(replica, s)).collect();
        match problem.batch {
            Batch::Full => {
                let gradient = self.uphill(problem, replica, &kept);
                let at = Moment { step: epoch as u64, per_epoch: 1, epochs: problem.epochs as u64 };
                self.step(problem.rule, replica, &gradient, &at);
            }
            Batch::Mini { size } => {
                let order = (problem.order)(replica.seed, epoch, problem.block.train.len());
                let order: Vec<usize> = order.iter().map(|&s| s as usize).filter(|&s| keeps(replica, s)).collect();
                let per_epoch = order.len().div_ceil(size) as u64;
                for (number, batch) in order.chunks(size).enumerate() {
                    let gradient = self.uphill(problem, replica, batch);
                    let step = epoch as u64 * per_epoch + number as u64;
                    let at = Moment { step, per_epoch, epochs: problem.epochs as u64 };
                    self.step(problem.rule, replica, &gradient, &at);
                }
            }
        }
    }

    /// Everything that a record holds, at the present weights.
    pub(super) fn measure(&self, problem: &Problem, replica: &Replica) -> Measured {
        let block = &problem.block;
        let d = block.inputs();
        let depth = self.layers.len();
        let (mut loss, mut wrong, mut count) = (0.0, 0, vec![0.0; block.classes]);
        let width = |l: usize| self.layers[l - 1].activations();
        let mut centres: Vec<Vec<Vec<f64>>> =
            problem.observed.iter().map(|&l| vec![vec![0.0; width(l)]; block.classes]).collect();
        let mut spreads: Vec<Vec<f64>> = problem.observed.iter().map(|_| vec![0.0; block.classes]).collect();
        let mut missed = vec![];
        let mut directions = vec![];
        for (s, x) in block.train.x.chunks(d).enumerate() {
            let signals = self.forward(problem.network.activation(), x);
            let y = usize::from(block.train.y[s]);
            missed.push(Network::guess(&signals[depth].out) != y);
            if !keeps(replica, s) {
                continue;
            }
            loss += Network::loss(problem.loss, &signals[depth].out, y).0;
            wrong += usize::from(missed[s]);
            count[y] += 1.0;
            for (at, &l) in problem.observed.iter().enumerate() {
                let h = &signals[l].out;
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
            let guesses =
                x.chunks(d).map(|x| Network::guess(&self.forward(problem.network.activation(), x)[depth].out));
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

fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// Whether a replica trains on a sample.
pub(super) fn keeps(replica: &Replica, sample: usize) -> bool {
    replica.kept.as_ref().is_none_or(|kept| kept[sample])
}
