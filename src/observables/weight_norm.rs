//! The norm of each layer's weights: ‖W‖_F = √(Σ w²), the Frobenius norm of the weight matrix (of a convolution, of its
//! kernels), as it stands in Neyshabur et al., "Norm-based capacity control in neural networks" (COLT 2015). Biases are not
//! counted.
//!
//! Layers are those with parameters, in the order in which these lie in files of weights: that of PyTorch's modules, a
//! residual's branch before its shortcut. A normalisation is one of them; its weights are γ, and β is not counted, as
//! biases are not. Running averages of batch normalisation are no parameters.
//!
//! Invariant: sums are in f64, in the order of the weights, so that a norm depends on the weights alone.

use phasesweep_results::dimension::CELL;
use phasesweep_results::{Dim, Dimension, Dtype, LabelKind, Variable};
use serde::Serialize;

use super::{Axes, Definition, Keys, Labels, Observable, Schedule, Setup, Sizes, Subject, View};

/// A layer with weights.
pub(super) const LAYER: Dim = &Dimension::index(
    "weight_layer",
    LabelKind::Integer,
    "1",
    "layer with weights, counted from 1; the last is the output layer",
);
const EPOCH: Dim =
    &Dimension::index("weight_norm_epoch", LabelKind::Integer, "epoch", "epoch of a measurement of the weights' norms");

static WEIGHT_NORM: Variable = Variable {
    name: "weight_norm",
    dims: &[CELL, LAYER, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "Frobenius norm of the layer's weights, biases not counted",
    when: "`[observe] weight_norm`",
};

/// What is asked for. Part of a cell's identity: names and order of the fields may not change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WeightNorm {
    at: Schedule,
}

impl Definition for WeightNorm {
    const MEANING: &'static str = "Frobenius norm of each layer's weights, biases not counted";
    const VARIABLES: &'static [&'static Variable] = &[&WEIGHT_NORM];
    const OF_FLOWS: Result<(), &'static str> = Ok(());

    fn read(keys: &mut dyn Keys) -> Option<WeightNorm> {
        Some(WeightNorm { at: keys.schedule("at", "epochs or steps")? })
    }
}

impl Observable for WeightNorm {
    fn schedule(&self) -> &Schedule {
        &self.at
    }

    fn label(&self, setup: &Setup<'_>, axes: &mut Axes) {
        axes.set(LAYER, Labels::integers(1..=setup.layers));
        axes.set(EPOCH, Labels::of(self.at.moments(setup.epochs)));
    }

    fn flops(&self, sizes: &Sizes<'_>) -> f64 {
        2.0 * sizes.parameters
    }

    fn piece(&self, view: &View<'_>, _piece: usize) -> Vec<f64> {
        let norm = |weights: &[f32]| weights.iter().map(|&w| f64::from(w).powi(2)).sum::<f64>().sqrt();
        view.subject.graph.layers().map(|(_, layer)| norm(&view.parameters[layer.weight_range()])).collect()
    }

    fn values(&self, _subject: &Subject<'_>, pieces: Vec<Vec<f64>>) -> Vec<Vec<f32>> {
        vec![pieces.into_iter().flatten().map(|norm| norm as f32).collect()]
    }
}
