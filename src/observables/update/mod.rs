//! How far the weights went in the last epoch or step, and whether they still go the same way.
//!
//! With θ_t the parameters after t epochs, biases counted, and u_t = θ_t − θ_{t−1} the update over the last epoch (in
//! full-batch training that of the last step): the length ‖u_t‖, the length over ‖θ_{t−1}‖, cos(u_t, u_{t−1}), and
//! cos(∇L(θ_t), ∇L(θ_{t−1})) of the gradients of the training loss over all samples (or `points` of them), without weight
//! decay. Where `at` names steps, t counts steps: u_t is the update of the last step, also in minibatches. Gradients that turn around from step to step, a cosine near −1, are what gradient descent shows at the edge of
//! stability along the sharpest direction (Cohen et al. 2021, arXiv 2103.00065); cosines between successive gradients tell
//! when training oscillates (Xing, Arpit, Tsirigotis & Bengio, "A walk with SGD", 2018, arXiv 1802.08770).
//!
//! γ and β of normalisations are parameters like others; running averages of batch normalisation are none. Of a
//! network with batch normalisation the gradients' cosine is missing: the gradient that trains it goes through the
//! means and variances of each batch.
//!
//! It needs the weights of the two epochs, or steps, before ([`super::earlier`]). Invariants: differences and sums are in f64,
//! in the order of the parameters; missing at the start, the updates' cosine also one epoch (step) later, and a cosine with what is
//! zero.

mod device;

use phasesweep_networks::Graph;
use phasesweep_results::dimension::CELL;
use phasesweep_results::{Dim, Dimension, Dtype, LabelKind, Variable};
use serde::Serialize;

use super::keys::MOST;
use super::training_loss::{self, TrainingLoss, dot, drawn, length};
use super::{Axes, Definition, Keys, Labels, Loss, Observable, OnDevice, Schedule, Setup, Sizes, Subject, View};

const EPOCH: Dim =
    &Dimension::index("update_epoch", LabelKind::Integer, "epoch", "epoch of a measurement of the last update");

static LENGTH: Variable = Variable {
    name: "update_length",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "Euclidean norm of all parameters minus those of the epoch before (of the step before, where steps are named), biases counted",
    when: "`[observe] update`",
};
static RELATIVE: Variable = Variable {
    name: "update_relative",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "update_length over the norm of all parameters of the epoch (step) before",
    when: "`[observe] update`",
};
static UPDATE_COSINE: Variable = Variable {
    name: "update_cosine",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "cosine between the update of the last epoch (step) and that of the one before",
    when: "`[observe] update`",
};
static GRADIENT_COSINE: Variable = Variable {
    name: "gradient_cosine",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "cosine between the training loss's gradient and that of the epoch (step) before, without weight decay",
    when: "`[observe] update`",
};

/// What is asked for. Part of a cell's identity: names and order of the fields may not change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Update {
    /// When.
    pub at: Schedule,
    /// Training samples over which the gradients are taken.
    pub points: usize,
}

impl Definition for Update {
    const MEANING: &'static str = "length of the update over the last epoch or step, cosines between successive updates and between successive gradients of the training loss";
    const VARIABLES: &'static [&'static Variable] = &[&LENGTH, &RELATIVE, &UPDATE_COSINE, &GRADIENT_COSINE];
    const OF_FLOWS: Result<(), &'static str> =
        Err("a flow has steps of adapted length instead of epochs; leave it out");

    fn read(keys: &mut dyn Keys) -> Option<Update> {
        let at = keys.schedule("at", "epochs or steps");
        let points = keys.whole(
            "points",
            1..=MOST,
            MOST as usize,
            "training samples over which the two gradients are taken, drawn by the cell's seed from those that are not \
             pruned; all if there are fewer",
        );
        Some(Update { at: at?, points: points? })
    }
}

impl Observable for Update {
    fn schedule(&self) -> &Schedule {
        &self.at
    }

    fn before(&self) -> usize {
        2
    }

    fn label(&self, setup: &Setup<'_>, axes: &mut Axes) {
        axes.set(EPOCH, Labels::of(self.at.moments(setup.epochs)));
    }

    fn fits(&self, _graph: &Graph, loss: Loss) -> Result<(), String> {
        training_loss::knows_loss(loss, "update")
    }

    fn flops(&self, sizes: &Sizes<'_>) -> f64 {
        // Two gradients.
        let samples = self.points.min(sizes.samples) as f64;
        2.0 * 2.0 * training_loss::PASSES_OF_A_GRADIENT * sizes.products.iter().sum::<f64>() * samples
            + 12.0 * sizes.parameters
    }

    fn piece(&self, view: &View<'_>, _piece: usize) -> Vec<f64> {
        self.measured(view, |last| {
            let loss = TrainingLoss::over(view, drawn(view, self.points));
            let now = loss.gradient().1;
            cosine(&now, &loss.at(last).gradient().1)
        })
    }

    fn on_device(&self, subject: &Subject<'_>) -> Option<&dyn OnDevice> {
        let gradients = training_loss::knows_no_batch(&subject.graph, "update").is_ok();
        let worth = training_loss::worth_a_device(subject, training_loss::PASSES_OF_A_GRADIENT, self.points);
        (gradients && worth).then_some(self)
    }

    fn values(&self, _subject: &Subject<'_>, pieces: Vec<Vec<f64>>) -> Vec<Vec<f32>> {
        pieces.into_iter().flatten().map(|value| vec![value as f32]).collect()
    }
}

impl Update {
    /// What is found of a view, with the cosine of its gradient and that at the weights one moment before.
    fn measured(&self, view: &View<'_>, of_gradients: impl FnOnce(&[f32]) -> f64) -> Vec<f64> {
        let unit = self.at.unit();
        let Some(last) = view.before(unit, 1) else { return vec![f64::NAN; 4] };
        let step = difference(view.parameters, last);
        let before = view.before(unit, 2).map_or(f64::NAN, |earlier| cosine(&step, &difference(last, earlier)));
        let has_gradients = training_loss::knows_no_batch(&view.subject.graph, "update").is_ok();
        let gradients = if has_gradients { of_gradients(last) } else { f64::NAN };
        let norm = last.iter().map(|&w| f64::from(w).powi(2)).sum::<f64>().sqrt();
        vec![length(&step), length(&step) / norm, before, gradients]
    }
}

fn difference(a: &[f32], b: &[f32]) -> Vec<f64> {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) - f64::from(b)).collect()
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    dot(a, b) / (length(a) * length(b))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use phasesweep_networks::Activation;

    use super::super::example::{Example, OF_BATCHES};
    use super::super::{Loss, Moment, Observer, Position, Record, Scheduled, Unit, earlier, layout};
    use super::*;

    fn asked(at: &[usize]) -> Update {
        Update { at: Schedule::At { epochs: at.to_vec() }, points: MOST as usize }
    }

    /// Steps of known lengths and directions: by hand; and the gradients' cosine by central differences of losses, to which
    /// any weights between the two may lead.
    #[test]
    fn lengths_and_cosines_by_hand() {
        let mut example = Example::new(0, Activation::Tanh, Loss::MeanSquared);
        let now = example.parameters.clone();
        // The last step moves two weights by (0.75, 0.5), the one before by (0, −0.25): exact in single precision here.
        for weights in [3, 8] {
            assert!(now[weights].abs() < 1.0);
        }
        let moved = |from: &[f32], by: [f32; 2]| {
            let mut weights = from.to_vec();
            (weights[3], weights[8]) = (weights[3] - by[0], weights[8] - by[1]);
            weights
        };
        let last = moved(&now, [0.75, 0.5]);
        let first = moved(&last, [0.0, -0.25]);
        let found = {
            let subject = example.subject();
            let view = example.view(&subject, None).with_earlier(Unit::Epoch, vec![last.clone(), first]);
            // Of some samples, the same ones at both epochs.
            let some = Update { points: 9, ..asked(&[2]) }.piece(&view, 0);
            let loss = |weights: &[f32]| TrainingLoss::over(&view, drawn(&view, 9)).at(weights).gradient().1;
            assert_eq!(some[3], cosine(&loss(&now), &loss(&last)));
            asked(&[2]).piece(&view, 0)
        };
        let norm = last.iter().map(|&w| f64::from(w).powi(2)).sum::<f64>().sqrt();
        let step = 0.8125_f64.sqrt();
        // Weights are rounded where they are moved.
        for (own, exact) in found[..3].iter().zip([step, step / norm, -0.125 / (step * 0.25)]) {
            assert!((own - exact).abs() < 1e-6, "{found:?} {exact}");
        }
        let mut gradient = |weights: &[f32]| -> Vec<f64> {
            (0..weights.len())
                .map(|at| {
                    let mut loss = |shift: f32| {
                        example.parameters = weights.to_vec();
                        example.parameters[at] += shift;
                        let subject = example.subject();
                        let view = example.view(&subject, None);
                        (TrainingLoss::of(&view, usize::MAX).gradient().0, f64::from(example.parameters[at]))
                    };
                    let ((above, up), (below, down)) = (loss(1e-2), loss(-1e-2));
                    (above - below) / (up - down)
                })
                .collect()
        };
        let (of_now, of_last) = (gradient(&now), gradient(&last));
        // Third derivatives times 1e-4.
        assert!((found[3] - cosine(&of_now, &of_last)).abs() < 1e-3, "{found:?}");
    }

    /// Through the observer, which stops at the epochs before: what is measured at epochs 0, 1 and 5 are the last updates,
    /// also where the record was saved and restored in between.
    #[test]
    fn the_observer_remembers_what_is_needed_later() {
        let example = Example::new(0, Activation::Tanh, Loss::CrossEntropy);
        let mut subject = example.subject();
        subject.setup.epochs = 6;
        let scheduled = Scheduled { update: Some(asked(&[0, 1, 5])), ..Scheduled::default() };
        assert_eq!(scheduled.epochs(6), [0, 1, 5], "nothing else is recorded");
        let observer = Observer::new(&subject, &scheduled, &[1], 1).unwrap();
        let due: Vec<usize> = (0..=6).filter(|&epoch| observer.due(Position::at_epoch(epoch))).collect();
        assert_eq!(due, [0, 1, 3, 4, 5]);
        let layout = layout(&subject.setup, &scheduled);
        let mut record = Record::empty(&layout);
        let at = |epoch: usize| -> Vec<f32> {
            example.parameters.iter().enumerate().map(|(k, w)| w + (epoch * epoch * (k % 3)) as f32 / 16.0).collect()
        };
        for epoch in due {
            let weights = at(epoch);
            let zeros = vec![0.0; weights.len()];
            let view = View::new(&subject, &weights, 7, None, 1, Box::new(move || zeros.clone())).unwrap();
            let view = view.with_earlier(Unit::Epoch, earlier::recall(&record, Moment::epoch(epoch), weights.len()));
            observer.observe(&[view.trained_to(Position::at_epoch(epoch))], &mut [&mut record]).unwrap();
            record = Record::restored(&layout, |name| {
                record.arrays().find(|(variable, _)| variable.name == name).map(|(_, values)| values.clone())
            })
            .unwrap();
        }
        let lengths = record.floats(&LENGTH);
        assert!(lengths[0].is_nan());
        for (own, epoch) in lengths[1..].iter().zip([1, 5]) {
            let exact = length(&difference(&at(epoch), &at(epoch - 1)));
            assert!((f64::from(*own) / exact - 1.0).abs() < 1e-6, "{lengths:?} {exact}");
        }
        let cosines = record.floats(&UPDATE_COSINE);
        assert!(cosines[0].is_nan() && cosines[1].is_nan() && (cosines[2] - 1.0).abs() < 1e-6, "{cosines:?}");
        assert!(!layout.columns(&[Some(record)]).iter().any(|column| column.name == earlier::PARAMETERS[0].name));
    }

    #[test]
    fn with_batch_normalisation_the_update_is_measured_and_gradients_are_missing() {
        let example = Example::new(OF_BATCHES, Activation::Tanh, Loss::CrossEntropy);
        let subject = example.subject();
        let [last, first] =
            [0.5, 0.25].map(|factor| example.parameters.iter().map(|w| factor * w).collect::<Vec<f32>>());
        let view = example.view(&subject, None).with_earlier(Unit::Epoch, vec![last, first]);
        let found = asked(&[2]).piece(&view, 0);
        // θ, θ/2, θ/4: steps of θ/2 and θ/4.
        assert!((found[1] - 1.0).abs() < 1e-12 && (found[2] - 1.0).abs() < 1e-12 && found[3].is_nan(), "{found:?}");
    }
}
