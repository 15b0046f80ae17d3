//! An independent trainer, one replica at a time, in f64: the networks' own reference forward and backward, update rules
//! as PyTorch's documentation writes them, observables from their definition.

use phasesweep_optimisers::{Moment, Parameter};

use phasesweep_networks::reference::{backward, forward};

use crate::sweep::{Batch, Loss};
use crate::train::order::epoch_order;
use crate::train::{Problem, Replica};

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

/// Hidden layers' activations and the outputs of one sample.
pub(super) fn outputs(problem: &Problem, parameters: &[f64], x: &[f32]) -> (Vec<Vec<f64>>, Vec<f64>) {
    let graph = problem.graph().unwrap();
    let mut values = forward(&graph, parameters, &double(x));
    let hidden = graph.hidden().iter().map(|&node| values[node].clone()).collect();
    (hidden, values.pop().unwrap())
}

fn double(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

fn sample_loss(kind: Loss, z: &[f64], y: usize) -> f64 {
    match kind {
        Loss::CrossEntropy => z.iter().map(|v| v.exp()).sum::<f64>().ln() - z[y],
        Loss::SmoothedCrossEntropy { smoothing } => {
            // A share of the loss is that of every class in turn.
            let of = |class: usize| sample_loss(Loss::CrossEntropy, z, class);
            let mean = (0..z.len()).map(of).sum::<f64>() / z.len() as f64;
            (1.0 - smoothing) * of(y) + smoothing * mean
        }
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

/// Gradient of a sample's loss at the outputs.
fn loss_gradient(kind: Loss, z: &[f64], y: usize) -> Vec<f64> {
    let hot = |c: usize| f64::from(u8::from(c == y));
    let sum: f64 = z.iter().map(|v| v.exp()).sum();
    let of = |(c, v): (usize, &f64)| match kind {
        Loss::CrossEntropy => v.exp() / sum - hot(c),
        Loss::SmoothedCrossEntropy { smoothing } => {
            v.exp() / sum - (1.0 - smoothing) * hot(c) - smoothing / z.len() as f64
        }
        Loss::MeanSquared => 2.0 * (v - hot(c)) / z.len() as f64,
        Loss::Hinge | Loss::SoftHinge | Loss::QuadraticHinge => unreachable!(),
    };
    z.iter().enumerate().map(of).collect()
}

pub(super) fn gradient(problem: &Problem, parameters: &[f64], samples: &[usize]) -> Vec<f64> {
    let graph = problem.graph().unwrap();
    let mut sum = vec![0.0; parameters.len()];
    for &sample in samples {
        let values = forward(&graph, parameters, &double(input(problem, sample)));
        let y = usize::from(problem.block.train.y[sample]);
        let own = backward(&graph, parameters, &values, &loss_gradient(problem.loss, &values[values.len() - 1], y));
        sum.iter_mut().zip(own.parameters).for_each(|(sum, own)| *sum += own / samples.len() as f64);
    }
    sum
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
    let (mut epochs, mut step) = (Vec::new(), 0);
    let norm = |vector: &[f64]| vector.iter().map(|x| x * x).sum::<f64>().sqrt();
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
        let per_epoch = batches.len() as u64;
        for batch in batches {
            let (rates, recipe) = (replica.optimiser.rates(), &replica.optimiser.recipe);
            let mut slope = gradient(problem, &w, &batch);
            if recipe.sam_radius.is_some() {
                let factor = recipe.climb_factor(norm(&slope));
                let uphill: Vec<f64> = w.iter().zip(&slope).map(|(w, slope)| w + factor * slope).collect();
                slope = gradient(problem, &uphill, &batch);
            }
            let factor = recipe.clip_factor(norm(&slope));
            slope.iter_mut().for_each(|slope| *slope *= factor);
            let rule = problem.optimiser.rule().expect("a rule of steps");
            let at = Moment { step, per_epoch, epochs: problem.epochs as u64 };
            step += 1;
            let (kept, factors) = (rule.moments(&rates), recipe.factors(&rates, &at));
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
