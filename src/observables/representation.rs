//! How many directions the hidden layers use: the participation ratio and the effective rank of the covariance of a
//! layer's values over training samples.
//!
//! With the eigenvalues λ of the covariance: participation ratio (Σ λ)²/Σ λ² (Gao et al., "A theory of multineuronal
//! dimensionality, dynamics and measurement", bioRxiv 214262, 2017); effective rank exp(−Σ p ln p), p = λ/Σ λ (Roy &
//! Vetterli, "The effective rank", EUSIPCO 2007, whose singular values are here the covariance's). Both are 1 where one
//! direction varies, and d where d directions vary alike; neither depends on the scale of the values.
//!
//! What counts as a hidden layer, the network says ([networks.md](../networks.md#hidden-layers)). A network with batch
//! normalisation is measured in evaluation: running averages stand for the means and variances of batches, as in
//! PyTorch's `model.eval()`.
//!
//! Invariants: everything is in f64; missing where nothing varies.

use faer::{Accum, MatMut, MatRef};
use phasesweep_passes::multiply;
use phasesweep_results::dimension::CELL;
use phasesweep_results::{Dim, Dimension, Dtype, LabelKind, Variable};
use serde::Serialize;

use super::keys::MOST;
use super::training_loss::{for_each_group, trained_on, widened};
use super::{Axes, Definition, Keys, Labels, Observable, Schedule, Setup, Sizes, Subject, View};
use crate::observe::spectrum::eigenvalues;

/// A hidden layer whose values are looked at.
pub(super) const LAYER: Dim = &Dimension::index(
    "representation_layer",
    LabelKind::Integer,
    "1",
    "hidden layer, counted from 1, of a measurement of representations",
);
const EPOCH: Dim =
    &Dimension::index("representation_epoch", LabelKind::Integer, "epoch", "epoch of a measurement of representations");

static RATIO: Variable = Variable {
    name: "participation_ratio",
    dims: &[CELL, LAYER, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "participation ratio of the covariance of the hidden layer's values over training samples",
    when: "`[observe] representation`",
};
static RANK: Variable = Variable {
    name: "effective_rank",
    dims: &[CELL, LAYER, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "effective rank of the covariance of the hidden layer's values over training samples",
    when: "`[observe] representation`",
};

/// What is asked for. Part of a cell's identity: names and order of the fields may not change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Representation {
    at: Schedule,
    points: usize,
}

impl Definition for Representation {
    const MEANING: &'static str = "participation ratio and effective rank of the covariance of each hidden layer (Gao et al. 2017, Roy & Vetterli 2007)";
    const VARIABLES: &'static [&'static Variable] = &[&RATIO, &RANK];
    const OF_FLOWS: Result<(), &'static str> = Ok(());

    fn read(keys: &mut dyn Keys) -> Option<Representation> {
        let at = keys.schedule("at", "epochs or steps");
        let points = keys.whole(
            "points",
            2..=MOST,
            1000,
            "training samples, the first ones that are not pruned; all if there are fewer",
        );
        Some(Representation { at: at?, points: points? })
    }
}

impl Observable for Representation {
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
        // A layer is about as wide as the square root of the most products that a layer has.
        let width = sizes.products.iter().copied().fold(1.0, f64::max).sqrt();
        let side = points.min(width);
        layers * (points * 2.0 * sizes.products.iter().sum::<f64>() + 2.0 * points * width * side + 4.0 * side.powi(3))
    }

    /// A hidden layer each.
    fn pieces(&self, subject: &Subject<'_>) -> usize {
        subject.graph.hidden().len()
    }

    fn piece(&self, view: &View<'_>, piece: usize) -> Vec<f64> {
        let (graph, samples) = (&view.subject.graph, &view.subject.block.train);
        let node = graph.hidden()[piece];
        let mut values = Vec::new();
        let places = trained_on(view, self.points);
        for_each_group(graph, &widened(view.evaluated()), samples, &places, |batch, _| {
            values.extend_from_slice(batch.values(node));
        });
        dimensions(values, graph.nodes()[node].extent.size())
    }

    fn values(&self, _subject: &Subject<'_>, pieces: Vec<Vec<f64>>) -> Vec<Vec<f32>> {
        let column = |place: usize| {
            pieces.iter().map(|piece| piece.get(place).map_or(f32::NAN, |&value| value as f32)).collect()
        };
        vec![column(0), column(1)]
    }
}

/// Participation ratio and effective rank of the covariance of `values` `[row, unit]`.
fn dimensions(mut values: Vec<f64>, units: usize) -> Vec<f64> {
    let rows = values.len() / units.max(1);
    let mut means = vec![0.0; units];
    for row in values.chunks_exact(units.max(1)) {
        means.iter_mut().zip(row).for_each(|(mean, x)| *mean += x / rows as f64);
    }
    for row in values.chunks_exact_mut(units.max(1)) {
        row.iter_mut().zip(&means).for_each(|(x, mean)| *x -= mean);
    }
    // XᵀX and XXᵀ have the same eigenvalues but for zeros, which do not count; neither does a common factor.
    let x = MatRef::from_row_major_slice(&values, rows, units);
    let side = rows.min(units);
    let mut gram = vec![0.0; side * side];
    let (left, right) = if units <= rows { (x.transpose(), x) } else { (x, x.transpose()) };
    let out = MatMut::from_row_major_slice_mut(&mut gram, side, side);
    multiply(out, Accum::Replace, left, right);
    // Rounding makes zeros slightly negative.
    let spectrum: Vec<f64> = eigenvalues(&gram, side, side).into_iter().map(positive).collect();
    let total: f64 = spectrum.iter().sum();
    let squares: f64 = spectrum.iter().map(|value| value * value).sum();
    let entropy: f64 =
        spectrum.iter().map(|value| value / total).map(|p| if p == 0.0 { 0.0 } else { -p * p.ln() }).sum();
    vec![total * total / squares, entropy.exp()]
}

/// Not below 0; NaN stays.
fn positive(value: f64) -> f64 {
    if value < 0.0 { 0.0 } else { value }
}

#[cfg(test)]
mod tests {
    use phasesweep_networks::{Activation, reference};

    use super::super::Loss;
    use super::super::example::{Example, KINDS};
    use super::*;

    fn close(found: &[f64], expected: [f64; 2]) {
        // Eigenvalues are good to 1e-15 of the greatest; p ln p of as much counts 1e-13.
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-10), "{found:?} {expected:?}");
    }

    #[test]
    fn dimensions_are_those_of_closed_forms() {
        // ±1 along each of five axes around a common mean: isotropic, wide and narrow.
        let cross: Vec<f64> =
            (0..10 * 5).map(|k| 3.0 + if k / 5 / 2 == k % 5 { [1.0, -1.0][k / 5 % 2] } else { 0.0 }).collect();
        close(&dimensions(cross, 5), [5.0, 5.0]);
        // Multiples of one vector, fewer samples than units.
        close(&dimensions((0..4 * 7).map(|k| (k / 7 * (k % 7)) as f64).collect(), 7), [1.0, 1.0]);
        // Variances 4 and 1: (4 + 1)²/(16 + 1), and exp of the entropy of 0.8 and 0.2.
        let entropy = -(0.8 * 0.8_f64.ln() + 0.2 * 0.2_f64.ln());
        close(&dimensions(vec![2.0, 0.0, -2.0, 0.0, 0.0, 1.0, 0.0, -1.0], 2), [25.0 / 17.0, entropy.exp()]);
        assert!(dimensions(vec![1.0; 12], 3).iter().all(|value| value.is_nan()), "nothing varies");
        assert!(dimensions(vec![f64::NAN; 12], 3).iter().all(|value| value.is_nan()));
    }

    /// Of the kept samples' values by the reference, by traces: (tr C)²/tr C² needs no eigenvalues.
    #[test]
    fn ratios_are_those_of_traces_of_the_hidden_values() {
        for kind in 0..KINDS {
            let example = Example::new(kind, Activation::Tanh, Loss::CrossEntropy);
            let subject = example.subject();
            let kept: Vec<bool> = (0..example.block.train.len()).map(|sample| sample % 4 != 2).collect();
            let view = example.view(&subject, Some(&kept));
            let asked = Representation { at: Schedule::Every { every: 1 }, points: 12 };
            for (piece, &node) in subject.graph.hidden().iter().enumerate() {
                let rows: Vec<Vec<f64>> = (0..kept.len())
                    .filter(|&sample| kept[sample])
                    .take(12)
                    .map(|sample| {
                        let x: Vec<f64> =
                            example.block.train.x[sample * 40..][..40].iter().map(|&x| f64::from(x)).collect();
                        reference::forward(&subject.graph, &widened(view.parameters), &x).swap_remove(node)
                    })
                    .collect();
                let units = rows[0].len();
                let mean = |i: usize| rows.iter().map(|row| row[i]).sum::<f64>() / 12.0;
                let covariance =
                    |i: usize, j: usize| rows.iter().map(|row| (row[i] - mean(i)) * (row[j] - mean(j))).sum::<f64>();
                let trace: f64 = (0..units).map(|i| covariance(i, i)).sum();
                let squares: f64 = (0..units * units).map(|k| covariance(k / units, k % units).powi(2)).sum();
                let found = asked.piece(&view, piece);
                // Sums in another order.
                assert!((found[0] - trace * trace / squares).abs() < 1e-9, "{kind} {piece}: {found:?}");
                // Rényi's entropy of order 2 is at most Shannon's.
                assert!(found[1] >= found[0] - 1e-9 && found[1] <= units.min(11) as f64 + 1e-9);
            }
        }
    }
}
