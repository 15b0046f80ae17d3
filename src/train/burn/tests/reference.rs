//! An independent trainer, one replica at a time, in f64: naive forward passes, gradients by central differences of the
//! loss, update rules as PyTorch's documentation writes them, observables from their definition.

use phasesweep_optimisers::Parameter;

use crate::sweep::{Activation, Batch, Loss};
use crate::train::init::epoch_order;
use crate::train::shape::{self, LayerShape};
use crate::train::{Problem, Replica};

/// Half the step of the differences: rounding ε/h is near 1e-9, and a rectifier's kink is rarely within it.
const H: f64 = 1e-7;

/// What the reference says of an epoch.
#[derive(Debug, Clone, Default)]
pub(super) struct Epoch {
    pub(super) loss: f64,
    pub(super) error: f64,
    pub(super) tests: Vec<f64>,
    pub(super) wrong: Vec<bool>,
    /// `[layer][class]`
    pub(super) radius: Vec<Vec<f64>>,
    /// `[layer][pair]`
    pub(super) distance: Vec<Vec<f64>>,
}

fn erf(x: f64) -> f64 {
    // Maclaurin series; the tests keep |x| small enough for it to be exact to 1e-12.
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        if term.abs() < 1e-18 {
            break;
        }
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

fn activate(z: f64, kind: Activation) -> f64 {
    match kind {
        Activation::Tanh => z.tanh(),
        Activation::Relu => z.max(0.0),
        Activation::Softplus => z.exp().ln_1p(),
        Activation::Gelu => z * 0.5 * (1.0 + erf(z / 2f64.sqrt())),
        Activation::Sigmoid => 1.0 / (1.0 + (-z).exp()),
    }
}

/// Hidden layers' activations and the outputs of one sample.
pub(super) fn outputs(problem: &Problem, parameters: &[f64], x: &[f32]) -> (Vec<Vec<f64>>, Vec<f64>) {
    let layers = shape::layers(&problem.architecture, &problem.block).unwrap();
    let mut below: Vec<f64> = x.iter().map(|&v| f64::from(v)).collect();
    let (mut hidden, mut start) = (Vec::new(), 0);
    for (place, layer) in layers.iter().enumerate() {
        let weights = &parameters[start..start + layer.weights()];
        let biases = &parameters[start + layer.weights()..start + layer.parameters()];
        start += layer.parameters();
        let mut out: Vec<f64> = match *layer {
            LayerShape::Dense { inputs, outputs } => (0..outputs)
                .map(|o| biases[o] + (0..inputs).map(|i| weights[o * inputs + i] * below[i]).sum::<f64>())
                .collect(),
            LayerShape::Convolution { inputs, outputs, kernel, height, width, .. } => {
                let at = |c: usize, y: isize, x: isize| {
                    let inside = y >= 0 && x >= 0 && y < height as isize && x < width as isize;
                    if inside { below[(c * height + y as usize) * width + x as usize] } else { 0.0 }
                };
                let half = (kernel / 2) as isize;
                let mut out = Vec::new();
                for o in 0..outputs {
                    for (y, x) in (0..height as isize).flat_map(|y| (0..width as isize).map(move |x| (y, x))) {
                        let mut sum = biases[o];
                        for (c, (i, j)) in (0..inputs)
                            .flat_map(|c| (0..kernel).flat_map(move |i| (0..kernel).map(move |j| (c, (i, j)))))
                        {
                            sum += weights[((o * inputs + c) * kernel + i) * kernel + j]
                                * at(c, y + i as isize - half, x + j as isize - half);
                        }
                        out.push(sum);
                    }
                }
                out
            }
        };
        if place + 1 == layers.len() {
            return (hidden, out);
        }
        out.iter_mut().for_each(|z| *z = activate(*z, problem.activation));
        if let LayerShape::Convolution { outputs, pool, height, width, .. } = *layer {
            let (h, w) = (height / pool, width / pool);
            let mut pooled = vec![f64::NEG_INFINITY; outputs * h * w];
            for (o, (y, x)) in
                (0..outputs).flat_map(|o| (0..h * pool).flat_map(move |y| (0..w * pool).map(move |x| (o, (y, x)))))
            {
                let slot = &mut pooled[(o * h + y / pool) * w + x / pool];
                *slot = slot.max(out[(o * height + y) * width + x]);
            }
            out = pooled;
        }
        hidden.push(out.clone());
        below = out;
    }
    unreachable!()
}

fn sample_loss(kind: Loss, z: &[f64], y: usize) -> f64 {
    match kind {
        Loss::CrossEntropy => z.iter().map(|v| v.exp()).sum::<f64>().ln() - z[y],
        Loss::MeanSquared => {
            let hot = |c: usize| f64::from(u8::from(c == y));
            z.iter().enumerate().map(|(c, v)| (v - hot(c)).powi(2)).sum::<f64>() / z.len() as f64
        }
        Loss::Hinge | Loss::SoftHinge | Loss::QuadraticHinge => unreachable!(),
    }
}

fn input(problem: &Problem, sample: usize) -> &[f32] {
    let d = problem.block.inputs();
    &problem.block.train.x[sample * d..(sample + 1) * d]
}

pub(super) fn mean_loss(problem: &Problem, parameters: &[f64], samples: &[usize]) -> f64 {
    let each = samples.iter().map(|&sample| {
        let (_, z) = outputs(problem, parameters, input(problem, sample));
        sample_loss(problem.loss, &z, usize::from(problem.block.train.y[sample]))
    });
    each.sum::<f64>() / samples.len() as f64
}

pub(super) fn gradient(problem: &Problem, parameters: &[f64], samples: &[usize]) -> Vec<f64> {
    let mut moved = parameters.to_vec();
    (0..parameters.len())
        .map(|p| {
            moved[p] = parameters[p] + H;
            let up = mean_loss(problem, &moved, samples);
            moved[p] = parameters[p] - H;
            let down = mean_loss(problem, &moved, samples);
            moved[p] = parameters[p];
            (up - down) / (2.0 * H)
        })
        .collect()
}

fn greatest(z: &[f64]) -> usize {
    (0..z.len()).max_by(|&a, &b| z[a].total_cmp(&z[b])).unwrap()
}

fn measure(problem: &Problem, parameters: &[f64], kept: &[usize]) -> Epoch {
    let train = &problem.block.train;
    let all: Vec<(Vec<Vec<f64>>, Vec<f64>)> =
        (0..train.len()).map(|sample| outputs(problem, parameters, input(problem, sample))).collect();
    let wrong: Vec<bool> = all.iter().zip(&train.y).map(|((_, z), &y)| greatest(z) != usize::from(y)).collect();
    let d = problem.block.inputs();
    let tests = problem.test_inputs().map(|x| {
        let wrong = x.chunks(d).zip(&problem.block.test.y);
        let wrong = wrong.filter(|(x, y)| greatest(&outputs(problem, parameters, x).1) != usize::from(**y)).count();
        wrong as f64 / problem.block.test.len() as f64
    });
    let mut out = Epoch {
        loss: mean_loss(problem, parameters, kept),
        error: kept.iter().filter(|&&sample| wrong[sample]).count() as f64 / kept.len() as f64,
        tests: tests.collect(),
        wrong,
        ..Epoch::default()
    };
    for &layer in &problem.layers {
        let phi = |sample: usize| {
            let h = &all[sample].0[layer - 1];
            let norm = h.iter().map(|v| v * v).sum::<f64>().sqrt();
            h.iter().map(|v| if norm > 0.0 { v / norm } else { 0.0 }).collect::<Vec<f64>>()
        };
        let classes: Vec<Vec<Vec<f64>>> = (0..problem.block.classes)
            .map(|c| kept.iter().filter(|&&s| usize::from(train.y[s]) == c).map(|&s| phi(s)).collect())
            .collect();
        let mean = |of: &[Vec<f64>]| -> Vec<f64> {
            (0..of[0].len()).map(|k| of.iter().map(|phi| phi[k]).sum::<f64>() / of.len() as f64).collect()
        };
        let far = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        let centres: Vec<Vec<f64>> = classes.iter().map(|of| mean(of)).collect();
        out.radius.push(
            classes
                .iter()
                .zip(&centres)
                .map(|(of, mu)| (of.iter().map(|phi| far(phi, mu)).sum::<f64>() / of.len() as f64).sqrt())
                .collect(),
        );
        out.distance.push(problem.pairs().iter().map(|&(a, b)| far(&centres[a], &centres[b]).sqrt()).collect());
    }
    out
}

/// Trains a replica from its initial weights; every epoch's measurements, and the weights at the end.
pub(super) fn train(problem: &Problem, replica: &Replica, initial: &[f32]) -> (Vec<Epoch>, Vec<f64>) {
    let n = problem.block.train.len();
    let keeps = |sample: usize| replica.kept.as_ref().is_none_or(|kept| kept[sample]);
    let kept: Vec<usize> = (0..n).filter(|&sample| keeps(sample)).collect();
    let mut w: Vec<f64> = initial.iter().map(|&v| f64::from(v)).collect();
    let (mut first, mut second) = (vec![0.0; w.len()], vec![0.0; w.len()]);
    let (mut epochs, mut t) = (Vec::new(), 0);
    for epoch in 0..=problem.epochs {
        epochs.push(measure(problem, &w, &kept));
        if epoch == problem.epochs {
            break;
        }
        let batches: Vec<Vec<usize>> = match problem.batch {
            Batch::Full => vec![kept.clone()],
            Batch::Mini { size } => {
                let order = epoch_order(replica.seed, epoch, n);
                let order: Vec<usize> = order.iter().map(|&s| s as usize).filter(|&s| keeps(s)).collect();
                order.chunks(size).map(<[usize]>::to_vec).collect()
            }
        };
        for batch in batches {
            t += 1;
            let slope = gradient(problem, &w, &batch);
            let rates = replica.optimiser.rates();
            let rule = problem.optimiser.rule().expect("a rule of steps");
            let (kept, factors) = (rule.moments(&rates), rates.factors(t));
            for p in 0..w.len() {
                let before = Parameter {
                    weight: w[p],
                    first: kept[0].then_some(first[p]),
                    second: kept[1].then_some(second[p]),
                };
                let after = rule.step(before, slope[p], &factors, true);
                w[p] = after.weight;
                first[p] = after.first.unwrap_or_default();
                second[p] = after.second.unwrap_or_default();
            }
        }
    }
    (epochs, w)
}
