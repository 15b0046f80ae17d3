//! Robustness to noise: the share of test samples misclassified where independent Gaussian noise of standard deviation σ is
//! added to every input, for several draws of the noise (Ciceri et al. 2024, the noisy variant of their Fig. 2c).
//!
//! It is what `noise` in `[observe]` has at every recorded epoch of one draw; here each σ has as many draws as are asked for,
//! at epochs of one's choice, so that the spread over draws is known and many σ cost little. The noise is that of
//! [`crate::data::noisy_test`], in units of the standardised inputs: draw k is one set of normals, which every σ stretches, so
//! that draws are paired over σ; draw 0 is the one that the first σ of `noise` has. Any network is measured; one with batch
//! normalisation in evaluation, with its running averages.
//!
//! Invariants: the noise depends on the draw, the test sample and the source's input alone, neither on the seed nor on the
//! network, so that cells are compared on the same noisy samples. A sample counts as misclassified if its greatest output,
//! the first among equals, is not its label's.

mod device;

use phasesweep_results::Variable;
use phasesweep_results::dimension::{NOISE_DRAW, NOISE_EPOCH, NOISE_SIGMA};
use phasesweep_results::variables::NOISE_ERROR;
use serde::Serialize;

use super::axes::{Axes, Labels};
use super::keys::{Keys, MOST};
use super::margins::decided;
use super::registry::{Definition, Observable, OnDevice, Sizes};
use super::schedule::Schedule;
use super::setup::{Setup, Subject, View};
use crate::data::TestNoise;
use crate::observe::network::{Network, Pass};

/// Test samples of one forward pass.
const GROUP: usize = 64;

/// What is asked for. Part of a cell's identity: names and order of the fields may not change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NoiseRobustness {
    /// Epochs at which it is measured.
    pub at: Schedule,
    /// Standard deviations of the noise, in units of the standardised inputs, ascending.
    pub sigma: Vec<f64>,
    /// Draws of the noise.
    pub draws: usize,
    /// Test samples, the first ones; all of them if there are fewer.
    pub points: usize,
}

impl NoiseRobustness {
    fn points(&self, subject: &Subject<'_>) -> usize {
        self.points.min(subject.block.test.len())
    }
}

impl Definition for NoiseRobustness {
    const MEANING: &'static str =
        "error of test samples with Gaussian noise on their inputs, for several draws of it (Ciceri et al. 2024)";
    const VARIABLES: &'static [&'static Variable] = &[&NOISE_ERROR];
    const OF_FLOWS: Result<(), &'static str> =
        Err("a flow decides by the sign of f − f₀, not by the largest of its outputs; leave it out");

    fn read(keys: &mut dyn Keys) -> Option<NoiseRobustness> {
        let at = keys.schedule("at", "epochs or steps");
        let sigma = keys.positive_numbers(
            "sigma",
            "1.0",
            "standard deviations of the noise, in units of the standardised inputs",
        );
        let draws = keys.whole("draws", 1..=MOST, 8, "draws of the noise, the same for all cells");
        let points = keys.whole("points", 1..=MOST, MOST as usize, "test samples, the first ones");
        Some(NoiseRobustness { at: at?, sigma: sigma?, draws: draws?, points: points? })
    }
}

impl Observable for NoiseRobustness {
    fn schedule(&self) -> &Schedule {
        &self.at
    }

    fn label(&self, setup: &Setup<'_>, axes: &mut Axes) {
        axes.set(NOISE_SIGMA, Labels::Numbers(self.sigma.clone()));
        axes.set(NOISE_DRAW, Labels::integers(0..self.draws));
        axes.set(NOISE_EPOCH, Labels::of(self.at.moments(setup.epochs)));
    }

    fn flops(&self, sizes: &Sizes<'_>) -> f64 {
        let noisy = (self.sigma.len() * self.draws * self.points.min(sizes.tests)) as f64;
        noisy * 2.0 * sizes.products.iter().sum::<f64>()
    }

    /// A draw: its normals are drawn once for all σ.
    fn pieces(&self, _subject: &Subject<'_>) -> usize {
        self.draws
    }

    /// How many samples each σ has misclassified.
    fn piece(&self, view: &View<'_>, piece: usize) -> Vec<f64> {
        let block = view.subject.block;
        let mut wrong = vec![0.0; self.sigma.len()];
        let Some(network) = Network::new(&view.subject.graph, view.evaluated()) else { return wrong };
        let (noise, inputs) = (TestNoise::new(piece as u64), network.inputs());
        let (mut pass, mut normals, mut noisy) = (Pass::default(), Vec::new(), Vec::new());
        let places: Vec<usize> = (0..self.points(view.subject)).collect();
        for group in places.chunks(GROUP) {
            normals.clear();
            group.iter().for_each(|&sample| noise.of_sample(block, sample, &mut normals));
            let x = &block.test.x[group[0] * inputs..(group[0] + group.len()) * inputs];
            let labels = &block.test.y[group[0]..group[0] + group.len()];
            for (sigma, wrong) in self.sigma.iter().zip(&mut wrong) {
                noisy.clear();
                noisy.extend(x.iter().zip(&normals).map(|(x, normal)| self::noisy(*x, *sigma, *normal)));
                network.forward(&noisy, group.len(), &mut pass);
                *wrong += misclassified(pass.outputs(&network), labels) as f64;
            }
        }
        wrong
    }

    fn on_device(&self, _subject: &Subject<'_>) -> Option<&dyn OnDevice> {
        Some(self)
    }

    fn values(&self, subject: &Subject<'_>, pieces: Vec<Vec<f64>>) -> Vec<Vec<f32>> {
        let points = self.points(subject) as f64;
        let error = |sigma: usize| pieces.iter().map(move |wrong| (wrong[sigma] / points) as f32);
        vec![(0..self.sigma.len()).flat_map(error).collect()]
    }
}

/// An input with noise.
fn noisy(x: f32, sigma: f64, normal: f64) -> f32 {
    (f64::from(x) + sigma * normal) as f32
}

/// How many rows of outputs have their greatest entry, the first among equals, elsewhere than at the label.
fn misclassified(outputs: &[f32], labels: &[u16]) -> usize {
    let classes = (outputs.len() / labels.len().max(1)).max(1);
    outputs.chunks_exact(classes).zip(labels).filter(|(row, label)| decided(row) != usize::from(**label)).count()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use phasesweep_networks::{Activation, reference};

    use super::super::Loss;
    use super::super::example::{Example, KINDS};
    use super::super::training_loss::widened;
    use super::*;
    use crate::data::noisy_test;

    /// Against the reference's outputs of the noisy test sets that engines are given.
    #[test]
    fn errors_are_those_of_the_noisy_test_sets() {
        for kind in 0..KINDS {
            let example = Example::new(kind, Activation::Tanh, Loss::CrossEntropy);
            let subject = &example.subject();
            let asked =
                NoiseRobustness { at: Schedule::Every { every: 1 }, sigma: vec![0.5, 2.0], draws: 3, points: 1000 };
            let view = example.view(subject, None);
            let pieces = (0..asked.pieces(subject)).map(|piece| asked.piece(&view, piece)).collect();
            let found = asked.values(subject, pieces).swap_remove(0);
            let parameters = widened(view.parameters);
            for (place, sigma) in asked.sigma.iter().enumerate() {
                for draw in 0..3 {
                    let noisy = noisy_test(&example.block, *sigma, draw as u64);
                    let wrong = |(x, label): (&[f32], &u16)| {
                        let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
                        let outputs = reference::forward(&subject.graph, &parameters, &x).pop().unwrap();
                        let best =
                            (1..3).fold(0, |best, class| if outputs[class] > outputs[best] { class } else { best });
                        best != usize::from(*label)
                    };
                    let count = noisy.chunks(40).zip(&example.block.test.y).filter(|pair| wrong(*pair)).count();
                    // No two outputs of these networks are within rounding of each other.
                    assert_eq!(found[place * 3 + draw], count as f32 / 11.0, "network {kind}, σ {sigma}, draw {draw}");
                }
            }
        }
    }

    #[test]
    fn ties_go_to_the_first_class() {
        assert_eq!(misclassified(&[1.0, 1.0, 0.0, 2.0, 0.0, 2.0], &[0, 1, 1]), 0);
        assert_eq!(misclassified(&[1.0, 1.0, 0.0, 2.0], &[1, 0]), 2);
    }
}
