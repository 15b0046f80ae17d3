//! The tangent kernel of any network in ordinary training: its spectrum, how well it is aligned with the labels, and how far
//! it has come from the initial one.
//!
//! Jacot, Gabriel & Hongler, "Neural tangent kernel" (NeurIPS 2018, arXiv 1806.07572). A network of K outputs has a matrix
//! of K × K for each pair of samples; what is measured is its trace, Θ(x, x') = Σ_k ∂f_k(x)·∂f_k(x'), over all parameters,
//! biases counted. It is n × n where the whole kernel is K n × K n, it is positive semidefinite, it does not depend on the
//! basis of the outputs, and in the limit of infinite width it is K times the kernel of each output. Of n training samples:
//!
//! - the largest eigenvalues and the trace of the matrix Θ over n;
//! - alignment with the labels, centred: ⟨HΘH, HYH⟩/(‖HΘH‖ ‖HYH‖), Y(x, x') = 1 for two samples of one class and 0 otherwise,
//!   H = 1 − 11ᵀ/n (Cortes, Mohri & Rostamizadeh, "Algorithms for learning kernels based on centered alignment", JMLR 13,
//!   2012, definition 4);
//! - change: ‖Θ_t − Θ_0‖/‖Θ_0‖; and rotation: 1 − ⟨Θ_t, Θ_0⟩/(‖Θ_t‖ ‖Θ_0‖), the kernel distance of Fort et al., "Deep learning
//!   versus kernel learning" (NeurIPS 2020, arXiv 2010.15110), which does not change with the kernel's scale. Not centred.
//!
//! Of any network but one with batch normalisation, whose training gradient goes through the means and variances of
//! each batch; γ and β of a layer normalisation are parameters like others. The kernel is summed layer by layer: a
//! dense layer's is (a·a' + 1) (δ·δ') of what it is fed and of the gradients that come back, a convolution's Σ_pp'
//! (A_p·A'_p') (δ_p·δ'_p') over pixels or that of gradients written down, whichever takes fewer multiplications.
//!
//! All norms are Frobenius norms. Invariants: everything is in f64; the points are the same at every epoch.

use phasesweep_networks::Graph;
use phasesweep_results::dimension::CELL;
use phasesweep_results::{Dim, Dimension, Dtype, LabelKind, Variable};
use serde::Serialize;

use super::training_loss::{self, drawn, groups, widened};
use super::{Axes, Definition, Keys, Labels, Loss, Observable, Schedule, Setup, Sizes, Subject, View};
use crate::observe::batch::{Batch, tangent_kernel};
use crate::observe::gram::{centre, cosine};
use crate::observe::spectrum::{eigenvalues, frobenius};

const RANK: Dim = &Dimension::index(
    "tangent_kernel_rank",
    LabelKind::Integer,
    "1",
    "place of an eigenvalue of the tangent kernel, counted from 1; the first is the largest",
);
const EPOCH: Dim = &Dimension::index(
    "tangent_kernel_epoch",
    LabelKind::Integer,
    "epoch",
    "epoch of a measurement of the tangent kernel",
);

static EIGENVALUE: Variable = Variable {
    name: "tangent_kernel_eigenvalue",
    dims: &[CELL, RANK, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "largest eigenvalues of the tangent kernel, summed over the outputs, at training samples, over their number",
    when: "`[observe] tangent_kernel`",
};
static TRACE: Variable = Variable {
    name: "tangent_kernel_trace",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "trace of the tangent kernel over the number of samples: the mean of Σ_k ‖∂f_k(x)‖²",
    when: "`[observe] tangent_kernel`",
};
static ALIGNMENT: Variable = Variable {
    name: "tangent_kernel_alignment",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "centred alignment of the tangent kernel with the labels, 0 to 1",
    when: "`[observe] tangent_kernel`",
};
static CHANGE: Variable = Variable {
    name: "tangent_kernel_change",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "Frobenius norm of the tangent kernel minus the initial one, over that of the initial one",
    when: "`[observe] tangent_kernel`",
};
static ROTATION: Variable = Variable {
    name: "tangent_kernel_rotation",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "1 minus the cosine between the tangent kernel and the initial one, 0 to 1",
    when: "`[observe] tangent_kernel`",
};

/// What is asked for. Part of a cell's identity: names and order of the fields may not change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TangentKernel {
    at: Schedule,
    eigenvalues: usize,
    points: usize,
}

impl Definition for TangentKernel {
    const MEANING: &'static str = "tangent kernel, summed over the outputs: spectrum, alignment with the labels, change from the start (Jacot et al. 2018, Cortes et al. 2012, Fort et al. 2020)";
    const VARIABLES: &'static [&'static Variable] = &[&EIGENVALUE, &TRACE, &ALIGNMENT, &CHANGE, &ROTATION];
    const OF_FLOWS: Result<(), &'static str> =
        Err("a flow's tangent kernel is measured at its stages; write kernel = [0, 1] in [flow]");

    fn read(keys: &mut dyn Keys) -> Option<TangentKernel> {
        let at = keys.schedule("at", "epochs or steps");
        let eigenvalues = keys.whole("eigenvalues", 1..=100, 5, "largest eigenvalues");
        let points = keys.whole(
            "points",
            2..=2000,
            200,
            "training samples, drawn by the cell's seed from those that are not pruned; all if there are fewer",
        );
        Some(TangentKernel { at: at?, eigenvalues: eigenvalues?, points: points? })
    }
}

impl Observable for TangentKernel {
    fn schedule(&self) -> &Schedule {
        &self.at
    }

    fn label(&self, setup: &Setup<'_>, axes: &mut Axes) {
        axes.set(RANK, Labels::integers(1..=self.eigenvalues));
        axes.set(EPOCH, Labels::of(self.at.moments(setup.epochs)));
    }

    fn fits(&self, graph: &Graph, _loss: Loss) -> Result<(), String> {
        training_loss::knows_no_batch(graph, "tangent_kernel")
    }

    fn flops(&self, sizes: &Sizes<'_>) -> f64 {
        let (points, outputs) = (self.points.min(sizes.samples) as f64, sizes.classes as f64);
        // Forward, and back to weights and inputs for each output; products of all pairs of samples, of what a layer is fed
        // once and of what comes back for each output. A layer is about as wide as the square root of its products.
        let passes = points * 2.0 * sizes.products.iter().sum::<f64>() * (1.0 + 2.0 * outputs);
        let widths: f64 = sizes.products.iter().map(|products| products.sqrt()).sum();
        // Now and at the start; then the spectrum.
        2.0 * (passes + 2.0 * points * points * widths * (1.0 + outputs)) + 10.0 * points.powi(3)
    }

    fn piece(&self, view: &View<'_>, _piece: usize) -> Vec<f64> {
        let (graph, samples) = (&view.subject.graph, &view.subject.block.train);
        let places = drawn(view, self.points);
        let count = places.len();
        let [mut now, start] = [view.parameters, view.initial()].map(|parameters| {
            let parameters = widened(parameters);
            let batches: Vec<Batch<'_>> =
                groups(graph, &parameters, samples, &places).map(|(batch, _)| batch).collect();
            tangent_kernel(&batches)
        });
        let difference: Vec<f64> = now.iter().zip(&start).map(|(now, start)| now - start).collect();
        let change = frobenius(&difference) / frobenius(&start);
        let rotation = distance(cosine(&now, &start));
        let trace = (0..count).map(|place| now[place * count + place]).sum::<f64>() / count as f64;
        let mut spectrum = eigenvalues(&now, count, self.eigenvalues);
        spectrum.iter_mut().for_each(|value| *value /= count as f64);
        let label = |place: usize| samples.y[places[place]];
        let mut labels: Vec<f64> =
            (0..count * count).map(|pair| f64::from(u8::from(label(pair / count) == label(pair % count)))).collect();
        centre(&mut now, count);
        centre(&mut labels, count);
        [spectrum, vec![trace, cosine(&now, &labels), change, rotation]].concat()
    }

    fn values(&self, _subject: &Subject<'_>, pieces: Vec<Vec<f64>>) -> Vec<Vec<f32>> {
        let mut found: Vec<f32> = pieces.into_iter().flatten().map(|value| value as f32).collect();
        found.resize(self.eigenvalues + 4, f32::NAN);
        let rest = found.split_off(self.eigenvalues);
        [found].into_iter().chain(rest.into_iter().map(|value| vec![value])).collect()
    }
}

/// 1 − cosine, not below 0 by rounding; NaN stays.
fn distance(cosine: f64) -> f64 {
    match 1.0 - cosine {
        below if below < 0.0 => 0.0,
        distance => distance,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use phasesweep_networks::{Activation, reference};

    use super::super::Loss;
    use super::super::example::{Example, KINDS, numbers};
    use super::*;

    /// Against the explicit Jacobian by central differences of the reference's outputs, on every network: the kernel, its
    /// trace, alignment and change by their definitions, sums written out.
    #[test]
    fn the_kernel_is_that_of_the_explicit_jacobian() {
        for kind in 0..KINDS {
            let example = Example::new(kind, Activation::Tanh, Loss::CrossEntropy);
            let subject = example.subject();
            let graph = &subject.graph;
            let count = example.parameters.len();
            let start = numbers(count, 0.4);
            let initial = start.clone();
            let kept: Vec<bool> = (0..23).map(|sample| sample % 4 != 2).collect();
            let view =
                View::new(&subject, &example.parameters, 7, Some(&kept), 1, Box::new(move || initial.clone())).unwrap();
            let asked = TangentKernel { at: Schedule::Every { every: 1 }, eigenvalues: 12, points: 8 };
            let found = asked.piece(&view, 0);
            let places = drawn(&view, 8);
            let jacobian = |parameters: &[f32]| -> Vec<Vec<f64>> {
                let mut parameters = widened(parameters);
                let mut columns: Vec<Vec<f64>> = Vec::new();
                for at in 0..count {
                    let mut outputs = [1e-5, -1e-5].map(|shift| {
                        parameters[at] += shift;
                        let of = |&place: &usize| {
                            let x: Vec<f64> =
                                example.block.train.x[place * 40..][..40].iter().map(|&x| f64::from(x)).collect();
                            reference::forward(graph, &parameters, &x).pop().unwrap()
                        };
                        let outputs: Vec<f64> = places.iter().flat_map(of).collect();
                        parameters[at] -= shift;
                        outputs
                    });
                    let below = std::mem::take(&mut outputs[1]);
                    columns.push(outputs[0].iter().zip(&below).map(|(a, b)| (a - b) / 2e-5).collect());
                }
                columns
            };
            let kernel = |columns: &[Vec<f64>]| -> Vec<f64> {
                (0..64)
                    .map(|pair| {
                        let output = |k: usize| -> f64 {
                            columns.iter().map(|c| c[pair / 8 * 3 + k] * c[pair % 8 * 3 + k]).sum()
                        };
                        (0..3).map(output).sum()
                    })
                    .collect()
            };
            let (now, then) = (kernel(&jacobian(&example.parameters)), kernel(&jacobian(&start)));
            let inner = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let square: f64 = now.iter().zip(&then).map(|(a, b)| (a - b).powi(2)).sum();
            let change = (square / inner(&then, &then)).sqrt();
            let rotation = 1.0 - inner(&now, &then) / (inner(&now, &now) * inner(&then, &then)).sqrt();
            let trace = (0..8).map(|i| now[i * 9]).sum::<f64>() / 8.0;
            // ⟨HΘH, Y⟩ with the whole matrix H.
            let h = |i: usize, j: usize| f64::from(u8::from(i == j)) - 0.125;
            let centred = |m: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
                let sum = |i: usize, j: usize| -> f64 {
                    (0..64).map(|pair| h(i, pair / 8) * m(pair / 8, pair % 8) * h(pair % 8, j)).sum()
                };
                (0..64).map(|pair| sum(pair / 8, pair % 8)).collect()
            };
            let theta = centred(&|i, j| now[i * 8 + j]);
            let same = centred(&|i, j| f64::from(u8::from(example.label(places[i]) == example.label(places[j]))));
            let alignment = inner(&theta, &same) / (inner(&theta, &theta) * inner(&same, &same)).sqrt();
            for (own, exact) in found[12..].iter().zip([trace, alignment, change, rotation]) {
                // Differences are good to 1e-16/1e-5 and to third derivatives times 1e-10, of terms about 1.
                assert!((own - exact).abs() < 1e-7 * exact.abs().max(1.0), "{kind}: {found:?} {exact}");
            }
            // Positive semidefinite, with the trace as the sum, and no more eigenvalues than samples.
            assert!(found[..8].iter().all(|&value| value > -1e-9 * found[0]), "{found:?}");
            assert!((found[..8].iter().sum::<f64>() / trace - 1.0).abs() < 1e-7);
            assert!(found[8..12].iter().all(|value| value.is_nan()));
            let squares: f64 = found[..8].iter().map(|value| (8.0 * value).powi(2)).sum();
            assert!((squares / inner(&now, &now) - 1.0).abs() < 1e-6, "Σ λ² = ‖Θ‖²");
        }
    }

    #[test]
    fn at_the_start_nothing_has_changed_and_one_class_has_no_alignment() {
        let mut example = Example::new(0, Activation::Relu, Loss::CrossEntropy);
        example.block.train.y.fill(1);
        let subject = example.subject();
        let start = example.parameters.clone();
        let view = View::new(&subject, &example.parameters, 7, None, 1, Box::new(move || start.clone())).unwrap();
        let asked = TangentKernel { at: Schedule::Every { every: 1 }, eigenvalues: 1, points: 200 };
        let [_, _, alignment, change, rotation] = <[f64; 5]>::try_from(asked.piece(&view, 0)).unwrap();
        assert!(alignment.is_nan() && change == 0.0 && rotation < 1e-15);
    }
}
