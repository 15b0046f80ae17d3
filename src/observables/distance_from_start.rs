//! The distance of the weights from where training began: ‖W_t − W_0‖_F for each layer's weight matrix (of a convolution,
//! its kernels), biases not counted, and ‖θ_t − θ_0‖ over all parameters, biases counted; as in Nagarajan & Kolter,
//! "Generalization in deep networks: the role of distance from initialization" (2019, arXiv 1901.01672).
//!
//! Layers are those of `weight_norm`: a normalisation is one of them, its weights are γ. Over all parameters γ and β
//! count, running averages of batch normalisation do not.
//!
//! Invariant: differences and sums are in f64, in the order of the weights.

use phasesweep_results::dimension::CELL;
use phasesweep_results::{Dim, Dimension, Dtype, LabelKind, Variable};
use serde::Serialize;

use super::weight_norm::LAYER;
use super::{Axes, Definition, Keys, Labels, Observable, Schedule, Setup, Sizes, Subject, View};

const EPOCH: Dim = &Dimension::index(
    "distance_from_start_epoch",
    LabelKind::Integer,
    "epoch",
    "epoch of a measurement of the distance from the initial weights",
);

static LAYERS: Variable = Variable {
    name: "weight_distance",
    dims: &[CELL, LAYER, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "Frobenius norm of the layer's weights minus the initial ones, biases not counted",
    when: "`[observe] distance_from_start`",
};
static WHOLE: Variable = Variable {
    name: "parameter_distance",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "Euclidean norm of all parameters minus the initial ones, biases counted",
    when: "`[observe] distance_from_start`",
};

/// What is asked for. Part of a cell's identity: names and order of the fields may not change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DistanceFromStart {
    at: Schedule,
}

impl Definition for DistanceFromStart {
    const MEANING: &'static str =
        "distance of the weights from the initial ones, by layer and over all parameters (Nagarajan & Kolter 2019)";
    const VARIABLES: &'static [&'static Variable] = &[&LAYERS, &WHOLE];
    const OF_FLOWS: Result<(), &'static str> = Err("every flow records `distance_from_start` of itself; leave it out");

    fn read(keys: &mut dyn Keys) -> Option<DistanceFromStart> {
        Some(DistanceFromStart { at: keys.schedule("at", "epochs or steps")? })
    }
}

impl Observable for DistanceFromStart {
    fn schedule(&self) -> &Schedule {
        &self.at
    }

    fn label(&self, setup: &Setup<'_>, axes: &mut Axes) {
        axes.set(LAYER, Labels::integers(1..=setup.layers));
        axes.set(EPOCH, Labels::of(self.at.moments(setup.epochs)));
    }

    fn flops(&self, sizes: &Sizes<'_>) -> f64 {
        // Each number is drawn once more; a draw takes about as much as a few operations.
        10.0 * sizes.parameters
    }

    fn piece(&self, view: &View<'_>, _piece: usize) -> Vec<f64> {
        let squares: Vec<f64> = (view.parameters.iter().zip(view.initial()))
            .map(|(&now, &then)| (f64::from(now) - f64::from(then)).powi(2))
            .collect();
        let norm = |squares: &[f64]| squares.iter().sum::<f64>().sqrt();
        let layers = view.subject.graph.layers().map(|(_, layer)| norm(&squares[layer.weight_range()]));
        layers.chain([norm(&squares)]).collect()
    }

    fn values(&self, _subject: &Subject<'_>, pieces: Vec<Vec<f64>>) -> Vec<Vec<f32>> {
        let mut layers: Vec<f32> = pieces.into_iter().flatten().map(|norm| norm as f32).collect();
        let whole = layers.pop().unwrap_or(f32::NAN);
        vec![layers, vec![whole]]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use phasesweep_networks::Activation;

    use super::super::Loss;
    use super::super::example::Example;
    use super::*;

    /// From a start of zeros the distance is the norm; from a start that differs in one bias alone, by that.
    #[test]
    fn distances_are_norms_of_differences() {
        let example = Example::new(0, Activation::Relu, Loss::CrossEntropy);
        let subject = example.subject();
        let asked = DistanceFromStart { at: Schedule::Every { every: 1 } };
        let measure = |view: &View<'_>| asked.values(&subject, vec![asked.piece(view, 0)]);
        let from_zero = measure(&example.view(&subject, None));
        let norm = |w: &[f32]| w.iter().map(|&w| f64::from(w).powi(2)).sum::<f64>().sqrt() as f32;
        // Layers of 5 × 40, 4 × 5 and 3 × 4 weights, each followed by its biases.
        let p = &example.parameters;
        assert_eq!(from_zero[0], [norm(&p[..200]), norm(&p[205..225]), norm(&p[229..241])]);
        assert_eq!(from_zero[1], [norm(p)]);
        let mut start = p.clone();
        start[202] += 0.5;
        let step = (f64::from(start[202]) - f64::from(p[202])) as f32;
        let moved = View::new(&subject, p, 7, None, 1, Box::new(move || start.clone())).unwrap();
        assert_eq!(measure(&moved), [vec![0.0; 3], vec![step]]);
    }
}
