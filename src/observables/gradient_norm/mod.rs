//! The norm of the full-batch gradient: ‖∇L‖ over all parameters, biases counted, of the training loss over all samples
//! that the replica is trained on, without weight decay.
//!
//! Of any network but one with batch normalisation, whose training gradient goes through the means and variances of
//! each batch; γ and β of a layer normalisation are parameters like others.
//!
//! Invariant: see [`TrainingLoss`].

mod device;

use phasesweep_networks::Graph;
use phasesweep_results::dimension::CELL;
use phasesweep_results::{Dim, Dimension, Dtype, LabelKind, Variable};
use serde::Serialize;

use super::training_loss::{self, TrainingLoss, length};
use super::{Axes, Definition, Keys, Labels, Loss, Observable, OnDevice, Schedule, Setup, Sizes, Subject, View};

const EPOCH: Dim = &Dimension::index(
    "gradient_norm_epoch",
    LabelKind::Integer,
    "epoch",
    "epoch of a measurement of the gradient's norm",
);

static GRADIENT_NORM: Variable = Variable {
    name: "gradient_norm",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "Euclidean norm of the training loss's full-batch gradient at all parameters, without weight decay",
    when: "`[observe] gradient_norm`",
};

/// What is asked for. Part of a cell's identity: names and order of the fields may not change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GradientNorm {
    /// When.
    pub at: Schedule,
}

impl Definition for GradientNorm {
    const MEANING: &'static str = "norm of the training loss's full-batch gradient, without weight decay";
    const VARIABLES: &'static [&'static Variable] = &[&GRADIENT_NORM];
    const OF_FLOWS: Result<(), &'static str> =
        Err("a flow's loss is one of the margin α (f − f₀), which this does not know; leave it out");

    fn read(keys: &mut dyn Keys) -> Option<GradientNorm> {
        Some(GradientNorm { at: keys.schedule("at", "epochs or steps")? })
    }
}

impl Observable for GradientNorm {
    fn schedule(&self) -> &Schedule {
        &self.at
    }

    fn label(&self, setup: &Setup<'_>, axes: &mut Axes) {
        axes.set(EPOCH, Labels::of(self.at.moments(setup.epochs)));
    }

    fn fits(&self, graph: &Graph, loss: Loss) -> Result<(), String> {
        training_loss::knows_loss(loss, "gradient_norm")?;
        training_loss::knows_no_batch(graph, "gradient_norm")
    }

    fn flops(&self, sizes: &Sizes<'_>) -> f64 {
        2.0 * training_loss::PASSES_OF_A_GRADIENT * sizes.products.iter().sum::<f64>() * sizes.samples as f64
    }

    fn piece(&self, view: &View<'_>, _piece: usize) -> Vec<f64> {
        vec![length(&TrainingLoss::of(view, usize::MAX).gradient().1)]
    }

    fn on_device(&self, subject: &Subject<'_>) -> Option<&dyn OnDevice> {
        training_loss::worth_a_device(subject, training_loss::PASSES_OF_A_GRADIENT, usize::MAX).then_some(self)
    }

    fn values(&self, _subject: &Subject<'_>, pieces: Vec<Vec<f64>>) -> Vec<Vec<f32>> {
        vec![pieces.into_iter().flatten().map(|norm| norm as f32).collect()]
    }
}

#[cfg(test)]
mod tests {
    use phasesweep_networks::Activation;

    use super::super::Loss;
    use super::super::example::Example;
    use super::*;

    /// The squared norm is the slope of the loss along the gradient, whatever the network.
    #[test]
    fn the_norm_is_the_slope_of_the_loss_along_the_gradient() {
        let mut example = Example::new(2, Activation::Tanh, Loss::CrossEntropy);
        let (norm, gradient) = {
            let subject = example.subject();
            let view = example.view(&subject, None);
            let asked = GradientNorm { at: Schedule::Every { every: 1 } };
            (asked.piece(&view, 0)[0], TrainingLoss::of(&view, usize::MAX).gradient().1)
        };
        let centre = example.parameters.clone();
        let mut at = |shift: f64| {
            example.parameters =
                centre.iter().zip(&gradient).map(|(&w, g)| (f64::from(w) + shift * g / norm) as f32).collect();
            let subject = example.subject();
            TrainingLoss::of(&example.view(&subject, None), usize::MAX).gradient().0
        };
        let slope = (at(1e-3) - at(-1e-3)) / 2e-3;
        // Weights are moved in single precision, 1e-3 apart, and the third derivative is of order 1.
        assert!((slope / norm - 1.0).abs() < 1e-3, "{slope} {norm}");
    }
}
