//! Losses, errors, class radii and distances at moments of one's choice: also within an epoch.
//!
//! Engines record these at whole epochs, where the activations are ([`super::losses`], [`super::manifold`]). Here they are
//! measured on copies of the weights, with the same definitions, so that they can be had at single steps of the optimiser:
//! `trajectory = { at = { steps = { every = 1, until = 50 } } }` shows the inversion of a network that inverts within its
//! first pass. What is measured are the mean loss and the share of misclassified samples of the training samples that are not
//! pruned, the share of misclassified test samples, and R_c and D (Ciceri et al. 2024) of the training samples in the layers
//! that `[[architecture]] observe` names.
//!
//! Of a network with batch normalisation it is what the network computes in evaluation, as engines record it.
//!
//! Invariants: sums are in f64, in the order of the samples; at whole epochs it is what the engines record, up to the
//! rounding of their single precision; a class without samples has no radius.

use phasesweep_networks::Graph;
use phasesweep_results::dimension::{CELL, CLASS, LAYER, PAIR, TRAJECTORY_EPOCH as EPOCH};
use phasesweep_results::variables::TRAJECTORY_TRAIN_ERROR;
use phasesweep_results::{Dtype, Variable};
use serde::Serialize;

use super::manifold::{self, Observed};
use super::margins::decided;
use super::training_loss::{self, for_each_group, softmax, trained_on, widened};
use super::{Axes, Definition, Keys, Labels, Loss, Observable, Schedule, Setup, Sizes, Subject, View};

static TRAIN_LOSS: Variable = Variable {
    name: "trajectory_train_loss",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "mean loss over the kept training samples, as train_loss",
    when: "`[observe] trajectory`",
};
static TEST_ERROR: Variable = Variable {
    name: "trajectory_test_error",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "share of the test samples misclassified, as test_error",
    when: "`[observe] trajectory`",
};
static RADIUS: Variable = Variable {
    name: "trajectory_radius",
    dims: &[CELL, LAYER, CLASS, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "radius R_c of a class's manifold of training samples, as radius",
    when: "`[observe] trajectory`",
};
static DISTANCE: Variable = Variable {
    name: "trajectory_distance",
    dims: &[CELL, LAYER, PAIR, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "distance D between the centres of two classes of training samples, as distance",
    when: "`[observe] trajectory`",
};

/// What is asked for. Part of a cell's identity: names and order of the fields may not change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trajectory {
    at: Schedule,
}

impl Definition for Trajectory {
    const MEANING: &'static str = "loss, errors, class radii and distances, as the engines record them at epochs, at epochs or steps of one's choice";
    const VARIABLES: &'static [&'static Variable] =
        &[&TRAIN_LOSS, &TRAJECTORY_TRAIN_ERROR, &TEST_ERROR, &RADIUS, &DISTANCE];
    const OF_FLOWS: Result<(), &'static str> =
        Err("a flow records its loss and errors at its own steps; leave it out, and choose these by `record`");

    fn read(keys: &mut dyn Keys) -> Option<Trajectory> {
        Some(Trajectory { at: keys.schedule("at", "epochs or steps")? })
    }
}

impl Observable for Trajectory {
    fn schedule(&self) -> &Schedule {
        &self.at
    }

    fn label(&self, setup: &Setup<'_>, axes: &mut Axes) {
        manifold::label(setup, axes);
        axes.set(EPOCH, Labels::of(self.at.moments(setup.epochs)));
    }

    fn fits(&self, _graph: &Graph, loss: Loss) -> Result<(), String> {
        training_loss::knows_loss(loss, "trajectory")
    }

    fn flops(&self, sizes: &Sizes<'_>) -> f64 {
        2.0 * sizes.products.iter().sum::<f64>() * (sizes.samples + sizes.tests) as f64
    }

    /// Training samples, then test samples.
    fn pieces(&self, _subject: &Subject<'_>) -> usize {
        2
    }

    fn piece(&self, view: &View<'_>, piece: usize) -> Vec<f64> {
        match piece {
            0 => on_training_samples(view),
            _ => vec![on_test_samples(view)],
        }
    }

    fn values(&self, subject: &Subject<'_>, pieces: Vec<Vec<f64>>) -> Vec<Vec<f32>> {
        let [of_training, of_tests] = pieces.as_slice() else { return Vec::new() };
        let narrow = |numbers: &[f64]| numbers.iter().map(|&x| x as f32).collect::<Vec<f32>>();
        let radii = 2 + subject.setup.observed.len() * subject.block.classes;
        vec![
            narrow(&of_training[..1]),
            narrow(&of_training[1..2]),
            narrow(of_tests),
            narrow(&of_training[2..radii]),
            narrow(&of_training[radii..]),
        ]
    }
}

/// Loss, error, radii by layer and class, distances by layer and pair, of the samples that are not pruned.
fn on_training_samples(view: &View<'_>) -> Vec<f64> {
    let Subject { block, graph, loss, .. } = view.subject;
    let mut observed = Observed::new(view.subject);
    let places = trained_on(view, usize::MAX);
    let (mut total, mut wrong) = (0.0, 0_usize);
    for_each_group(graph, &widened(view.evaluated()), &block.train, &places, |batch, group| {
        for (row, &sample) in batch.outputs().chunks_exact(block.classes.max(1)).zip(group) {
            let label = usize::from(block.train.y[sample]);
            total += loss_of(*loss, row, label);
            wrong += usize::from(decided(row) != label);
        }
        observed.add(batch, group, &block.train.y);
    });
    let count = places.len() as f64;
    [total / count, wrong as f64 / count].into_iter().chain(observed.finish()).collect()
}

/// The share of test samples that are misclassified; NaN where there are none.
fn on_test_samples(view: &View<'_>) -> f64 {
    let Subject { block, graph, .. } = view.subject;
    let places: Vec<usize> = (0..block.test.len()).collect();
    let mut wrong = 0_usize;
    for_each_group(graph, &widened(view.evaluated()), &block.test, &places, |batch, group| {
        let rows = batch.outputs().chunks_exact(block.classes.max(1)).zip(group);
        wrong += rows.filter(|(row, sample)| decided(row) != usize::from(block.test.y[**sample])).count();
    });
    wrong as f64 / places.len() as f64
}

/// The loss of one sample.
fn loss_of(loss: Loss, outputs: &[f64], label: usize) -> f64 {
    match loss {
        Loss::MeanSquared => {
            let target = |class: usize| f64::from(u8::from(class == label));
            let squares = outputs.iter().enumerate().map(|(class, f)| (f - target(class)).powi(2));
            squares.sum::<f64>() / outputs.len() as f64
        }
        Loss::SmoothedCrossEntropy { smoothing } => {
            let even = outputs.iter().sum::<f64>() / outputs.len() as f64;
            softmax(&mut outputs.to_vec()) - (1.0 - smoothing) * outputs[label] - smoothing * even
        }
        // The hinges are refused by `fits`.
        Loss::CrossEntropy | Loss::Hinge | Loss::SoftHinge | Loss::QuadraticHinge => {
            softmax(&mut outputs.to_vec()) - outputs[label]
        }
    }
}

#[cfg(test)]
mod tests {
    use phasesweep_networks::{Activation, reference};

    use super::super::example::{Example, KINDS};
    use super::*;

    const LOSSES: [Loss; 3] = [Loss::CrossEntropy, Loss::MeanSquared, Loss::SmoothedCrossEntropy { smoothing: 0.3 }];

    /// Against the reference network, sample by sample, and the definition of radii and distances; of pruned samples nothing
    /// counts.
    #[test]
    fn losses_errors_radii_and_distances_are_those_of_the_reference() {
        let kept: Vec<bool> = (0..23).map(|sample| sample % 4 != 1).collect();
        for (kind, loss) in (0..KINDS).flat_map(|kind| LOSSES.map(|loss| (kind, loss))) {
            let example = Example::new(kind, Activation::Tanh, loss);
            let mut subject = example.subject();
            subject.setup.observed = &[1];
            let subject = &subject;
            let asked = Trajectory { at: Schedule::Every { every: 1 } };
            let view = example.view(subject, Some(&kept));
            let found = asked.values(subject, vec![asked.piece(&view, 0), asked.piece(&view, 1)]);
            let parameters = widened(view.evaluated());
            let values = |x: &[f32]| {
                let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
                reference::forward(&subject.graph, &parameters, &x)
            };
            let judged = |outputs: &[f64], label: usize| {
                let greatest = outputs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let own = match loss {
                    Loss::MeanSquared => {
                        let apart = |class: usize| outputs[class] - if class == label { 1.0 } else { 0.0 };
                        (0..3).map(|class| apart(class) * apart(class)).sum::<f64>() / 3.0
                    }
                    _ => {
                        let smoothing =
                            if let Loss::SmoothedCrossEntropy { smoothing } = loss { smoothing } else { 0.0 };
                        let total = outputs.iter().map(|f| f.exp()).sum::<f64>();
                        let wanted =
                            |class: usize| smoothing / 3.0 + if class == label { 1.0 - smoothing } else { 0.0 };
                        (0..3).map(|class| -wanted(class) * (outputs[class].exp() / total).ln()).sum()
                    }
                };
                (own, f64::from(u8::from(outputs[label] < greatest)))
            };
            let (mut total, mut wrong, mut count, mut hidden) = (0.0, 0.0, 0.0, Vec::new());
            for (sample, x) in example.block.train.x.chunks(40).enumerate() {
                let mut all = values(x);
                let (own, missed) = judged(all.last().map_or(&[], Vec::as_slice), example.label(sample));
                if kept[sample] {
                    (total, wrong, count) = (total + own, wrong + missed, count + 1.0);
                }
                hidden.extend(all.swap_remove(subject.graph.hidden()[0]).iter().map(|&h| h as f32));
            }
            let tests: f64 = (example.block.test.x.chunks(40).zip(&example.block.test.y))
                .map(|(x, &label)| judged(values(x).last().map_or(&[], Vec::as_slice), usize::from(label)).1)
                .sum();
            let defined = manifold::measure(&hidden, &example.block.train.y, Some(&kept), 3);
            let exact =
                [vec![total / count], vec![wrong / count], vec![tests / 11.0], defined.radius, defined.distance];
            for (own, exact) in found.iter().zip(&exact) {
                assert_eq!(own.len(), exact.len());
                for (own, exact) in own.iter().zip(exact) {
                    // Stored in single precision, and the activations of the definition are.
                    assert!((f64::from(*own) - exact).abs() < 1e-6 * (1.0 + exact.abs()), "{kind} {own} {exact}");
                }
            }
        }
    }
}
