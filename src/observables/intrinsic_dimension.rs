//! The intrinsic dimension of each hidden layer's values over training samples, by two nearest neighbours.
//!
//! Facco, d'Errico, Rodriguez & Laio, "Estimating the intrinsic dimension of datasets by a minimal neighborhood information"
//! (Scientific Reports 7, 2017); of networks' layers as in Ansuini, Laio, Macke & Zoccolan, "Intrinsic dimension of data
//! representations in deep neural networks" (NeurIPS 2019, arXiv 1905.12784). [`twonn`] is the estimate: the slope of
//! −ln(1 − F(μ)) against ln μ, with μ the ratio of a sample's distances to its second and its first neighbour, the tenth of
//! the largest ratios left out. Its standard error is about d/√n; a dimension above ten is underestimated.
//!
//! What counts as a hidden layer, the network says ([networks.md](../networks.md#hidden-layers)). A network with batch
//! normalisation is measured in evaluation: running averages stand for the means and variances of batches, as in
//! PyTorch's `model.eval()`.
//!
//! Invariants: everything is in f64; the points are the same at every epoch; samples with equal values (dead rectified
//! units) are left out, and fewer than ten that are left have no dimension.

use phasesweep_results::dimension::CELL;
use phasesweep_results::{Dim, Dimension, Dtype, LabelKind, Variable};
use serde::Serialize;

use super::representation::LAYER;
use super::training_loss::{drawn, for_each_group, widened};
use super::{Axes, Definition, Keys, Labels, Observable, Schedule, Setup, Sizes, Subject, View};
use crate::observe::twonn;

const EPOCH: Dim = &Dimension::index(
    "intrinsic_dimension_epoch",
    LabelKind::Integer,
    "epoch",
    "epoch of a measurement of the intrinsic dimension",
);

static DIMENSION: Variable = Variable {
    name: "intrinsic_dimension",
    dims: &[CELL, LAYER, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "intrinsic dimension of the hidden layer's values over training samples, by two nearest neighbours",
    when: "`[observe] intrinsic_dimension`",
};

/// What is asked for. Part of a cell's identity: names and order of the fields may not change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IntrinsicDimension {
    at: Schedule,
    points: usize,
}

impl Definition for IntrinsicDimension {
    const MEANING: &'static str =
        "intrinsic dimension of each hidden layer by two nearest neighbours (Facco et al. 2017, Ansuini et al. 2019)";
    const VARIABLES: &'static [&'static Variable] = &[&DIMENSION];
    const OF_FLOWS: Result<(), &'static str> = Ok(());

    fn read(keys: &mut dyn Keys) -> Option<IntrinsicDimension> {
        let at = keys.schedule("at", "epochs or steps");
        let points = keys.whole(
            "points",
            10..=twonn::MOST as i128,
            1000,
            "training samples, drawn by the cell's seed from those that are not pruned; all if there are fewer",
        );
        Some(IntrinsicDimension { at: at?, points: points? })
    }
}

impl Observable for IntrinsicDimension {
    fn schedule(&self) -> &Schedule {
        &self.at
    }

    fn label(&self, setup: &Setup<'_>, axes: &mut Axes) {
        axes.set(LAYER, Labels::integers(1..=setup.hidden));
        axes.set(EPOCH, Labels::of(self.at.moments(setup.epochs)));
    }

    fn flops(&self, sizes: &Sizes<'_>) -> f64 {
        let points = self.points.min(sizes.samples) as f64;
        let layers = sizes.hidden as f64;
        // A layer is about as wide as the square root of the most products that a layer has; a comparison of distances takes
        // about as long as ten operations.
        let width = sizes.products.iter().copied().fold(1.0, f64::max).sqrt();
        layers * (points * 2.0 * sizes.products.iter().sum::<f64>() + points * points * (2.0 * width + 10.0))
    }

    /// A hidden layer each.
    fn pieces(&self, subject: &Subject<'_>) -> usize {
        subject.graph.hidden().len()
    }

    fn piece(&self, view: &View<'_>, piece: usize) -> Vec<f64> {
        let (graph, samples) = (&view.subject.graph, &view.subject.block.train);
        let (node, places) = (graph.hidden()[piece], drawn(view, self.points));
        let mut values = Vec::new();
        for_each_group(graph, &widened(view.evaluated()), samples, &places, |batch, _| {
            values.extend_from_slice(batch.values(node));
        });
        vec![twonn::dimension(&values, graph.nodes()[node].extent.size())]
    }

    fn values(&self, _subject: &Subject<'_>, pieces: Vec<Vec<f64>>) -> Vec<Vec<f32>> {
        vec![pieces.into_iter().flatten().map(|dimension| dimension as f32).collect()]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use phasesweep_networks::{Activation, ArchitectureKind, Mlp, Ports};

    use super::super::example::Example;
    use super::super::{Loss, Subject};
    use super::*;
    use crate::data::stream::Key;
    use crate::data::{Block, Samples};

    /// Inputs from a cube of d dimensions, which a first layer turns without loss (an orthogonal map of rectifiers' pairs
    /// z, −z): the layer has the cube's dimension, whatever its width.
    #[test]
    fn a_layer_that_keeps_a_cube_has_its_dimension() {
        for d in [1_usize, 2, 4] {
            let samples = |count: usize| {
                let mut x = Vec::new();
                for sample in 0..count {
                    let mut numbers = Key::new("test: cube", &[d as u64]).at(sample as u64);
                    x.extend((0..d).map(|_| numbers.uniform() as f32 + 1.0));
                }
                Samples { x, y: vec![0; count] }
            };
            let block = Block {
                features: d,
                live: (0..d as u32).collect(),
                image: None,
                classes: 2,
                train: samples(1500),
                test: samples(1),
                source_index: (0..1500).collect(),
            };
            let block = Arc::new(block);
            let kind = ArchitectureKind::Mlp(Mlp { hidden: vec![2 * d + 3] });
            let graph = kind.graph(Ports { inputs: d, image: None, classes: 2 }, Activation::Relu).unwrap();
            let mut parameters = vec![0.0; graph.parameters()];
            // Units 0 to d − 1 pass the inputs, which are positive; the others are dead, or copies of the first.
            (0..d).for_each(|unit| parameters[unit * d + unit] = 2.0);
            parameters[d * d] = 1.0;
            let example = Example::new(0, Activation::Relu, Loss::CrossEntropy);
            let setup = example.subject().setup;
            let setup = Setup { samples: 1500, hidden: 1, layers: 2, parameters: parameters.len(), ..setup };
            let subject = Subject::new(setup, &block, graph, Loss::CrossEntropy);
            let zeros = vec![0.0; parameters.len()];
            let view = View::new(&subject, &parameters, 3, None, 1, Box::new(move || zeros.clone())).unwrap();
            let asked = IntrinsicDimension { at: Schedule::Every { every: 1 }, points: 1500 };
            let found = asked.piece(&view, 0)[0];
            // Five standard errors d/√n; the border of the cube lowers it by some percent for each further dimension.
            let tolerance = d as f64 * (5.0 / 1500_f64.sqrt() + 0.02 * (d as f64 - 1.0));
            assert!((found - d as f64).abs() < tolerance, "{d}: {found}");
        }
    }

    #[test]
    fn a_dead_layer_has_none() {
        let mut example = Example::new(0, Activation::Relu, Loss::CrossEntropy);
        example.parameters.fill(-1.0);
        example.block.train.x.iter_mut().for_each(|x| *x = x.abs());
        let subject = example.subject();
        let view = example.view(&subject, None);
        let asked = IntrinsicDimension { at: Schedule::Every { every: 1 }, points: 1000 };
        assert!(asked.piece(&view, 0)[0].is_nan());
    }
}
