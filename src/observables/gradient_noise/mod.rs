//! The noise of minibatch gradients: the gradient noise scale, the batch size beyond which a larger batch hardly helps.
//!
//! McCandlish, Kaplan, Amodei & the OpenAI Dota Team, "An empirical model of large-batch training" (2018, arXiv 1812.06162),
//! §2.2, equations 2.8 and 2.9. Of the gradients g_i of m training samples' own losses, with mean G:
//!
//! - tr Σ = Σ_i ‖g_i − G‖²/(m − 1), the unbiased estimate of the trace of their covariance;
//! - |G|²; over samples of a distribution it exceeds that of the distribution by tr Σ/m on average, which the unbiased
//!   estimate |G|² − tr Σ/m takes off (appendix A.1, with batches of 1 and m);
//! - the simple noise scale B_simple = tr Σ/|G|², in samples: that of minibatches drawn from these samples, and, with the
//!   unbiased |G|², that of the distribution, which is missing where the estimate of |G|² is not positive;
//! - the noise scale B_noise = tr(HΣ)/(GᵀHG) with the Hessian H of the loss over the same samples. tr(HΣ) is the mean of
//!   uᵀHu, u = Σ_i (s_i − s̄) g_i/√(m − 1), over vectors s of random signs (Hutchinson's estimator with u uᵀ for Σ), with
//!   its standard error. Where H has negative eigenvalues any sign may come out.
//!
//! Of any network but one with batch normalisation, whose training gradient goes through the means and variances of
//! each batch; γ and β of a layer normalisation are parameters like others.
//!
//! Every gradient is exact: tr Σ takes one pass forward and back over the samples. Invariant: see [`TrainingLoss`].

mod device;

use phasesweep_networks::Graph;
use phasesweep_results::dimension::CELL;
use phasesweep_results::{Dim, Dimension, Dtype, LabelKind, Variable};
use serde::Serialize;

use super::keys::MOST;
use super::training_loss::{self, TrainingLoss, dot, drawn};
use super::{Axes, Definition, Keys, Labels, Loss, Observable, OnDevice, Schedule, Setup, Sizes, Subject, View};
use crate::data::stream::Key;

const EPOCH: Dim = &Dimension::index(
    "gradient_noise_epoch",
    LabelKind::Integer,
    "epoch",
    "epoch of a measurement of the gradients' noise",
);

static VARIANCE: Variable = Variable {
    name: "gradient_variance",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "tr Σ: unbiased estimate of the trace of the covariance of the gradients of single samples' losses",
    when: "`[observe] gradient_noise`",
};
static SQUARE: Variable = Variable {
    name: "gradient_square",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "|G|²: square of the norm of the mean gradient of the same samples",
    when: "`[observe] gradient_noise`",
};
static UNBIASED: Variable = Variable {
    name: "gradient_square_unbiased",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "|G|² − tr Σ/m of m samples: unbiased estimate for the distribution that they come from; may be negative",
    when: "`[observe] gradient_noise`",
};
static SCALE: Variable = Variable {
    name: "noise_scale",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "sample",
    long_name: "simple gradient noise scale tr Σ/|G|² of minibatches drawn from the samples",
    when: "`[observe] gradient_noise`",
};
static SCALE_UNBIASED: Variable = Variable {
    name: "noise_scale_unbiased",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "sample",
    long_name: "gradient_variance over gradient_square_unbiased; missing where that is not positive",
    when: "`[observe] gradient_noise`",
};
static CURVATURE: Variable = Variable {
    name: "gradient_curvature",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "GᵀHG: curvature of the training loss along its gradient, times the gradient's square",
    when: "`[observe] gradient_noise` with `probes` of 1 or more",
};
static NOISE_CURVATURE: Variable = Variable {
    name: "noise_curvature",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "tr(HΣ), estimated from random signs",
    when: "`[observe] gradient_noise` with `probes` of 1 or more",
};
static NOISE_CURVATURE_ERROR: Variable = Variable {
    name: "noise_curvature_error",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "standard error of noise_curvature",
    when: "`[observe] gradient_noise` with `probes` of 2 or more",
};
static SCALE_CURVED: Variable = Variable {
    name: "noise_scale_curved",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "sample",
    long_name: "gradient noise scale tr(HΣ)/(GᵀHG), noise_curvature over gradient_curvature",
    when: "`[observe] gradient_noise` with `probes` of 1 or more",
};

/// What is asked for. Part of a cell's identity: names and order of the fields may not change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GradientNoise {
    /// When.
    pub at: Schedule,
    /// Training samples whose gradients are compared.
    pub points: usize,
    /// Random vectors for tr(HΣ).
    pub probes: usize,
}

impl Definition for GradientNoise {
    const MEANING: &'static str =
        "gradient noise scale of minibatches, with and without the Hessian (McCandlish et al. 2018)";
    const VARIABLES: &'static [&'static Variable] = &[
        &VARIANCE,
        &SQUARE,
        &UNBIASED,
        &SCALE,
        &SCALE_UNBIASED,
        &CURVATURE,
        &NOISE_CURVATURE,
        &NOISE_CURVATURE_ERROR,
        &SCALE_CURVED,
    ];
    const OF_FLOWS: Result<(), &'static str> = Err("a flow has no minibatches; leave it out");

    fn read(keys: &mut dyn Keys) -> Option<GradientNoise> {
        let at = keys.schedule("at", "epochs or steps");
        let points = keys.whole(
            "points",
            2..=MOST,
            MOST as usize,
            "training samples, drawn by the cell's seed from those that are not pruned; all if there are fewer",
        );
        let probes =
            keys.whole("probes", 0..=10_000, 0, "vectors of random signs for tr(HΣ), 0 for nothing with the Hessian");
        Some(GradientNoise { at: at?, points: points?, probes: probes? })
    }
}

impl Observable for GradientNoise {
    fn schedule(&self) -> &Schedule {
        &self.at
    }

    fn label(&self, setup: &Setup<'_>, axes: &mut Axes) {
        axes.set(EPOCH, Labels::of(self.at.moments(setup.epochs)));
    }

    fn fits(&self, graph: &Graph, loss: Loss) -> Result<(), String> {
        training_loss::knows_loss(loss, "gradient_noise")?;
        training_loss::knows_no_batch(graph, "gradient_noise")
    }

    fn flops(&self, sizes: &Sizes<'_>) -> f64 {
        let pass = 2.0 * sizes.products.iter().sum::<f64>() * self.points.min(sizes.samples) as f64;
        // A gradient takes three passes, a product with the Hessian nine, or seven where several share the first ones. With
        // random vectors a product, and for each the way back of a gradient and a product.
        let curved = if self.probes == 0 { 0.0 } else { 9.0 + 9.0 * self.probes as f64 };
        (training_loss::PASSES_OF_A_GRADIENT + curved) * pass
    }

    /// Everything without random vectors, then these.
    fn pieces(&self, _subject: &Subject<'_>) -> usize {
        1 + training_loss::pieces_of_probes(self.probes)
    }

    fn piece(&self, view: &View<'_>, piece: usize) -> Vec<f64> {
        let loss = TrainingLoss::over(view, drawn(view, self.points));
        if piece > 0 {
            let expanded = loss.expanded();
            let curvature = |probe: usize| {
                let along = expanded.combination(&signs(view.seed, probe, loss.samples()));
                dot(&along, &expanded.hessian_product(&along))
            };
            return training_loss::probes(piece, self.probes).map(curvature).collect();
        }
        let (gradient, squares) = loss.gradient_and_squares();
        let curvature = if self.probes == 0 { f64::NAN } else { dot(&gradient, &loss.hessian_product(&gradient)) };
        moments(&gradient, &squares, curvature)
    }

    fn on_device(&self, subject: &Subject<'_>) -> Option<&dyn OnDevice> {
        training_loss::worth_a_device(subject, training_loss::PASSES_OF_A_GRADIENT, self.points).then_some(self)
    }

    fn values(&self, _subject: &Subject<'_>, pieces: Vec<Vec<f64>>) -> Vec<Vec<f32>> {
        let mut pieces = pieces.into_iter();
        let Some(&[variance, square, unbiased, curvature]) = pieces.next().as_deref() else {
            return vec![vec![f32::NAN]; GradientNoise::VARIABLES.len()];
        };
        let found: Vec<f64> = pieces.flatten().collect();
        let count = found.len() as f64;
        // 0/0 is NaN: without random vectors there is no estimate, and with one no standard error.
        let mean = found.iter().sum::<f64>() / count;
        let spread = found.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
        let error = if found.len() < 2 { f64::NAN } else { (spread / count).sqrt() };
        let scale = if unbiased > 0.0 { variance / unbiased } else { f64::NAN };
        [variance, square, unbiased, variance / square, scale, curvature, mean, error, mean / curvature]
            .map(|value| vec![value as f32])
            .to_vec()
    }
}

/// tr Σ, |G|², its unbiased estimate and GᵀHG, from the mean gradient and the squares of the samples' own.
fn moments(gradient: &[f64], squares: &[f64], curvature: f64) -> Vec<f64> {
    let (count, square) = (squares.len() as f64, dot(gradient, gradient));
    let spread = squares.iter().sum::<f64>() - count * square;
    // Equal gradients leave a rounding error of either sign; one sample has no variance: 0/0.
    let variance = if spread < 0.0 { 0.0 } else { spread } / (count - 1.0);
    vec![variance, square, square - variance / count, curvature]
}

/// The factors (s_i − s̄)/√(m − 1) of m samples' gradients along which a probe takes the curvature.
fn signs(seed: u64, probe: usize, samples: usize) -> Vec<f64> {
    let mut numbers = Key::new("gradient noise: signs", &[seed]).at(probe as u64);
    let mut signs: Vec<f64> = (0..samples).map(|_| if numbers.uniform() < 0.5 { -1.0 } else { 1.0 }).collect();
    let count = samples as f64;
    let mean = signs.iter().sum::<f64>() / count;
    signs.iter_mut().for_each(|sign| *sign = (*sign - mean) / (count - 1.0).sqrt());
    signs
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use phasesweep_networks::Activation;

    use super::super::Loss;
    use super::super::example::{Example, KINDS};
    use super::*;

    fn asked(probes: usize) -> GradientNoise {
        GradientNoise { at: Schedule::Every { every: 1 }, points: 9, probes }
    }

    fn measure(asked: &GradientNoise, view: &View<'_>) -> Vec<f64> {
        let pieces = (0..asked.pieces(view.subject)).map(|piece| asked.piece(view, piece)).collect();
        asked.values(view.subject, pieces).iter().map(|value| f64::from(value[0])).collect()
    }

    /// Against all gradients written out, their covariance as a matrix, and the Hessian from differences of gradients.
    #[test]
    fn scales_are_those_of_the_explicit_covariance_and_hessian() {
        for (kind, loss) in (0..KINDS).flat_map(|kind| [(kind, Loss::CrossEntropy), (kind, Loss::MeanSquared)]) {
            let mut example = Example::new(kind, Activation::Tanh, loss);
            // Weights of about the size of initial ones: the example's saturate most units.
            example.parameters.iter_mut().for_each(|w| *w *= 0.25);
            let subject = example.subject();
            let kept: Vec<bool> = (0..23).map(|sample| sample % 4 != 2).collect();
            let view = example.view(&subject, Some(&kept));
            let found = measure(&asked(600), &view);
            let places = drawn(&view, 9);
            let own: Vec<Vec<f64>> =
                places.iter().map(|&place| TrainingLoss::over(&view, vec![place]).gradient().1).collect();
            let n = example.parameters.len();
            let mean: Vec<f64> = (0..n).map(|k| own.iter().map(|g| g[k]).sum::<f64>() / 9.0).collect();
            let covariance =
                |i: usize, j: usize| own.iter().map(|g| (g[i] - mean[i]) * (g[j] - mean[j])).sum::<f64>() / 8.0;
            let hessian = TrainingLoss::over(&view, places.clone()).explicit_hessian();
            let trace: f64 = (0..n).map(|i| covariance(i, i)).sum();
            let square: f64 = mean.iter().map(|g| g * g).sum();
            let curvature: f64 = (0..n * n).map(|k| mean[k / n] * hessian[k] * mean[k % n]).sum();
            let noise: f64 = (0..n * n).map(|k| hessian[k] * covariance(k % n, k / n)).sum();
            let unbiased = square - trace / 9.0;
            // Stored in single precision; the Hessian's differences are good to 1e-10.
            for (place, exact) in [(0, trace), (1, square), (2, unbiased), (3, trace / square), (5, curvature)] {
                assert!(
                    (found[place] - exact).abs() < 1e-5 * exact.abs().max(trace),
                    "{kind} {place}: {found:?} {exact}"
                );
            }
            if unbiased > 0.0 {
                assert!((found[4] * unbiased / trace - 1.0).abs() < 1e-4, "{found:?}");
            } else {
                assert!(found[4].is_nan());
            }
            // Four standard errors: one seed in sixteen thousand, and this one is fixed.
            assert!((found[6] - noise).abs() < 4.0 * found[7], "{kind} {loss:?}: {found:?} {noise}");
            assert!((found[8] * found[5] / found[6] - 1.0).abs() < 1e-5);
        }
    }

    /// One sample many times: no noise.
    #[test]
    fn equal_samples_have_no_noise() {
        let mut example = Example::new(0, Activation::Tanh, Loss::CrossEntropy);
        let first: Vec<f32> = example.block.train.x[..40].to_vec();
        example.block.train.x.chunks_mut(40).for_each(|x| x.copy_from_slice(&first));
        example.block.train.y.fill(2);
        let subject = example.subject();
        let found = measure(&asked(0), &example.view(&subject, None));
        assert!(found[0].abs() < 1e-12 && found[1] > 0.0 && found[3].abs() < 1e-9, "{found:?}");
        assert!(found[5..].iter().all(|value| value.is_nan()));
    }
}
