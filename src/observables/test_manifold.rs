//! Class radii and distances of the hidden layers on the test samples: what [`super::manifold`] is on the training samples.
//!
//! The definition is that of Ciceri et al. 2024 to the letter, φ(x) = h(x)/‖h(x)‖ included, on the layers that
//! `[[architecture]] observe` names: so that a radius of the test samples is held beside the one of the training samples. It
//! is measured on copies of the weights, in double precision, where the engines measure the training samples' in single
//! precision.
//!
//! What counts as a hidden layer, the network says ([networks.md](../networks.md#hidden-layers)). A network with batch
//! normalisation is measured in evaluation: running averages stand for the means and variances of batches, as in
//! PyTorch's `model.eval()`.
//!
//! Invariants: see [`super::manifold`].

use phasesweep_results::dimension::{CELL, CLASS, LAYER, PAIR};
use phasesweep_results::{Dim, Dimension, Dtype, LabelKind, Variable};
use serde::Serialize;

use super::manifold::{self, Observed};
use super::training_loss::{for_each_group, widened};
use super::{Axes, Definition, Keys, Labels, Observable, Schedule, Setup, Sizes, Subject, View};

const EPOCH: Dim = &Dimension::index(
    "test_manifold_epoch",
    LabelKind::Integer,
    "epoch",
    "epoch of a measurement of the test samples' radii and distances",
);

static RADIUS: Variable = Variable {
    name: "test_radius",
    dims: &[CELL, LAYER, CLASS, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "radius R_c of a class's manifold of test samples, defined as that of training samples",
    when: "`[observe] test_manifold`",
};
static DISTANCE: Variable = Variable {
    name: "test_distance",
    dims: &[CELL, LAYER, PAIR, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "distance D between the centres of two classes of test samples, defined as that of training samples",
    when: "`[observe] test_manifold`",
};

/// What is asked for. Part of a cell's identity: names and order of the fields may not change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TestManifold {
    at: Schedule,
}

impl Definition for TestManifold {
    const MEANING: &'static str = "class radii and distances of the test samples, as `manifold` has them of the training samples (Ciceri et al. 2024)";
    const VARIABLES: &'static [&'static Variable] = &[&RADIUS, &DISTANCE];
    const OF_FLOWS: Result<(), &'static str> = Ok(());

    fn read(keys: &mut dyn Keys) -> Option<TestManifold> {
        Some(TestManifold { at: keys.schedule("at", "epochs or steps")? })
    }
}

impl Observable for TestManifold {
    fn schedule(&self) -> &Schedule {
        &self.at
    }

    fn label(&self, setup: &Setup<'_>, axes: &mut Axes) {
        manifold::label(setup, axes);
        axes.set(EPOCH, Labels::of(self.at.moments(setup.epochs)));
    }

    fn flops(&self, sizes: &Sizes<'_>) -> f64 {
        2.0 * sizes.products.iter().sum::<f64>() * sizes.tests as f64
    }

    fn piece(&self, view: &View<'_>, _piece: usize) -> Vec<f64> {
        let Subject { block, graph, .. } = view.subject;
        let mut observed = Observed::new(view.subject);
        let places: Vec<usize> = (0..block.test.len()).collect();
        for_each_group(graph, &widened(view.evaluated()), &block.test, &places, |batch, group| {
            observed.add(batch, group, &block.test.y);
        });
        observed.finish()
    }

    fn values(&self, subject: &Subject<'_>, pieces: Vec<Vec<f64>>) -> Vec<Vec<f32>> {
        let mut radii: Vec<f32> = pieces.into_iter().flatten().map(|value| value as f32).collect();
        let distances = radii.split_off(radii.len().min(subject.setup.observed.len() * subject.block.classes));
        vec![radii, distances]
    }
}

#[cfg(test)]
mod tests {
    use phasesweep_networks::{Activation, reference};

    use super::super::Loss;
    use super::super::example::{Example, KINDS};
    use super::*;

    /// Against pairs of test samples, of values by the reference: the mean squared distance of two samples of a class is
    /// 2 R², that of samples of two classes D² + R_a² + R_b²: no centre is computed.
    #[test]
    fn radii_and_distances_are_those_of_pairs_of_samples() {
        for kind in 0..KINDS {
            let example = Example::new(kind, Activation::Tanh, Loss::CrossEntropy);
            let mut subject = example.subject();
            subject.setup.observed = &[1, 2];
            if subject.graph.hidden().len() < 2 {
                subject.setup.observed = &[1];
            }
            let subject = &subject;
            let asked = TestManifold { at: Schedule::Every { every: 1 } };
            let view = example.view(subject, None);
            let found = asked.values(subject, vec![asked.piece(&view, 0)]);
            for (layer, &node) in subject.graph.hidden()[..subject.setup.observed.len()].iter().enumerate() {
                let phi: Vec<(Vec<f64>, usize)> = (example.block.test.x.chunks(40).zip(&example.block.test.y))
                    .map(|(x, &label)| {
                        let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
                        let h = reference::forward(&subject.graph, &widened(view.parameters), &x).swap_remove(node);
                        let norm = h.iter().map(|h| h * h).sum::<f64>().sqrt();
                        (h.iter().map(|h| h / norm).collect(), usize::from(label))
                    })
                    .collect();
                let apart = |a: usize, b: usize| {
                    let of = |class: usize| phi.iter().filter(move |(_, label)| *label == class);
                    let square = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| (x - y).powi(2)).sum::<f64>();
                    let sum: f64 = of(a).flat_map(|(x, _)| of(b).map(move |(y, _)| square(x, y))).sum();
                    sum / (of(a).count() * of(b).count()) as f64
                };
                let radius = |class: usize| f64::from(found[0][layer * 3 + class]);
                for class in 0..3 {
                    // Stored in single precision.
                    assert!((2.0 * radius(class).powi(2) - apart(class, class)).abs() < 1e-6, "{kind} {layer} {class}");
                }
                for (pair, (a, b)) in [(0, 1), (0, 2), (1, 2)].into_iter().enumerate() {
                    let distance = f64::from(found[1][layer * 3 + pair]);
                    let exact = apart(a, b) - radius(a).powi(2) - radius(b).powi(2);
                    assert!((distance.powi(2) - exact).abs() < 1e-6, "{kind} {layer} {a}-{b}");
                }
            }
        }
    }
}
