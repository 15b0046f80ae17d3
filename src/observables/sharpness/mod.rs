//! Sharpness: the largest eigenvalues of the training loss's Hessian, and its trace.
//!
//! Cohen, Kaur, Li, Kolter & Talwalkar, "Gradient descent on neural networks typically occurs at the edge of stability"
//! (ICLR 2021, arXiv 2103.00065): the sharpness is the largest eigenvalue of ∇²L; plain gradient descent with the learning
//! rate η is stable on a quadratic while it is below 2/η. The eigenvalues are Ritz values of a Lanczos process with full
//! reorthogonalisation (Golub & Van Loan, "Matrix Computations", §10.1 and §10.3) on exact products with the Hessian; each
//! comes with its residual ‖H v − λ v‖, and an eigenvalue of the Hessian lies within the residual of it. Of an eigenvalue
//! that is there several times, one copy may be found. The trace is the mean of vᵀ H v over vectors of random signs
//! (Hutchinson 1989), with its standard error. Weight decay is not part of the loss.
//!
//! Of any network but one with batch normalisation, whose training gradient goes through the means and variances of
//! each batch; γ and β of a layer normalisation are parameters like others.
//!
//! Invariants: everything is in f64; a result depends on the weights, the seed and the samples alone, up to rounding where a device
//! has measured it. [`lanczos`] is the process; products with the Hessian come from the host's [`TrainingLoss`], or, of large
//! networks, from a device that computes in double precision (`device`).

mod device;
mod lanczos;

use phasesweep_networks::Graph;
use phasesweep_results::dimension::CELL;
use phasesweep_results::{Dim, Dimension, Dtype, LabelKind, Variable};
use serde::Serialize;

use self::lanczos::Lanczos;
use super::keys::MOST;
use super::training_loss::{self, TrainingLoss, dot};
use super::{Axes, Definition, Keys, Labels, Loss, Observable, OnDevice, Schedule, Setup, Sizes, Subject, View};
use crate::data::stream::Key;

const RANK: Dim = &Dimension::index(
    "hessian_rank",
    LabelKind::Integer,
    "1",
    "place of an eigenvalue of the Hessian, counted from 1; the first is the largest",
);
const EPOCH: Dim =
    &Dimension::index("sharpness_epoch", LabelKind::Integer, "epoch", "epoch of a measurement of the sharpness");

static EIGENVALUE: Variable = Variable {
    name: "hessian_eigenvalue",
    dims: &[CELL, RANK, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "largest eigenvalues of the training loss's Hessian, descending; the first is the sharpness",
    when: "`[observe] sharpness`",
};
static RESIDUAL: Variable = Variable {
    name: "hessian_residual",
    dims: &[CELL, RANK, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "residual of hessian_eigenvalue: an eigenvalue of the Hessian lies within it",
    when: "`[observe] sharpness`",
};
static TRACE: Variable = Variable {
    name: "hessian_trace",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "trace of the training loss's Hessian, estimated from products with vectors of random signs",
    when: "`[observe] sharpness` with `probes` of 1 or more",
};
static TRACE_ERROR: Variable = Variable {
    name: "hessian_trace_error",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "standard error of hessian_trace",
    when: "`[observe] sharpness` with `probes` of 2 or more",
};

/// Passes of a sample that a product with the Hessian takes.
const PASSES: f64 = 7.0;

/// What is asked for. Part of a cell's identity: names and order of the fields may not change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sharpness {
    /// When.
    pub at: Schedule,
    /// Largest eigenvalues.
    pub eigenvalues: usize,
    /// Most products with the Hessian that the eigenvalues may take.
    pub iterations: usize,
    /// Random vectors for the trace.
    pub probes: usize,
    /// Training samples over which the loss is taken.
    pub points: usize,
}

impl Definition for Sharpness {
    const MEANING: &'static str =
        "largest eigenvalues of the training loss's Hessian, and its trace (Cohen et al. 2021)";
    const VARIABLES: &'static [&'static Variable] = &[&EIGENVALUE, &RESIDUAL, &TRACE, &TRACE_ERROR];
    const OF_FLOWS: Result<(), &'static str> =
        Err("a flow's loss is one of the margin α (f − f₀), which this does not know; leave it out");

    fn read(keys: &mut dyn Keys) -> Option<Sharpness> {
        let at = keys.schedule("at", "epochs or steps");
        let eigenvalues = keys.whole("eigenvalues", 1..=100, 1, "largest eigenvalues");
        let iterations =
            keys.whole("iterations", 1..=1000, 100, "most products with the Hessian that the eigenvalues may take");
        let probes = keys.whole("probes", 0..=10_000, 10, "random vectors for the trace, 0 for no trace");
        let points = keys.whole(
            "points",
            1..=MOST,
            MOST as usize,
            "training samples over which the loss is taken, the first ones that are not pruned; all if there are fewer",
        );
        Some(Sharpness {
            at: at?,
            eigenvalues: eigenvalues?,
            iterations: iterations?,
            probes: probes?,
            points: points?,
        })
    }
}

impl Observable for Sharpness {
    fn schedule(&self) -> &Schedule {
        &self.at
    }

    fn label(&self, setup: &Setup<'_>, axes: &mut Axes) {
        axes.set(RANK, Labels::integers(1..=self.eigenvalues));
        axes.set(EPOCH, Labels::of(self.at.moments(setup.epochs)));
    }

    fn fits(&self, graph: &Graph, loss: Loss) -> Result<(), String> {
        training_loss::knows_loss(loss, "sharpness")?;
        training_loss::knows_no_batch(graph, "sharpness")
    }

    fn flops(&self, sizes: &Sizes<'_>) -> f64 {
        let samples = self.points.min(sizes.samples) as f64;
        // Along the vector and back, each by two products for one of a pass; forward and back are taken once for several.
        let product = 2.0 * PASSES * sizes.products.iter().sum::<f64>() * samples;
        let steps = self.iterations as f64;
        (steps + self.probes as f64) * product + 4.0 * steps * steps * sizes.parameters
    }

    /// The eigenvalues, then the random vectors.
    fn pieces(&self, _subject: &Subject<'_>) -> usize {
        1 + training_loss::pieces_of_probes(self.probes)
    }

    fn piece(&self, view: &View<'_>, piece: usize) -> Vec<f64> {
        let loss = TrainingLoss::of(view, self.points);
        let parameters = loss.parameters();
        let loss = loss.expanded();
        let product = |vector: &[f64]| loss.hessian_product(vector);
        if piece == 0 {
            let mut process = Lanczos::new(parameters, self.eigenvalues, self.iterations, view.seed);
            while let Some(image) = process.wanted().map(product) {
                process.take(image);
            }
            let (values, residuals) = process.found();
            return [values, residuals].concat();
        }
        let trace = |probe: usize| {
            let signs = signs(view.seed, probe, parameters);
            dot(&signs, &product(&signs))
        };
        training_loss::probes(piece, self.probes).map(trace).collect()
    }

    fn on_device(&self, subject: &Subject<'_>) -> Option<&dyn OnDevice> {
        training_loss::worth_a_device(subject, PASSES, self.points).then_some(self)
    }

    fn values(&self, _subject: &Subject<'_>, pieces: Vec<Vec<f64>>) -> Vec<Vec<f32>> {
        let mut pieces = pieces.into_iter();
        let found = pieces.next().unwrap_or_default();
        let traces: Vec<f64> = pieces.flatten().collect();
        let count = traces.len() as f64;
        // 0/0 is NaN: without random vectors there is no trace, and with one no standard error.
        let mean = traces.iter().sum::<f64>() / count;
        let variance = traces.iter().map(|trace| (trace - mean).powi(2)).sum::<f64>() / (count - 1.0);
        let narrow = |numbers: &[f64]| numbers.iter().map(|&x| x as f32).collect::<Vec<f32>>();
        let (values, residuals) = found.split_at(self.eigenvalues.min(found.len()));
        let error = if traces.len() < 2 { f64::NAN } else { (variance / count).sqrt() };
        vec![narrow(values), narrow(residuals), vec![mean as f32], vec![error as f32]]
    }
}

/// Random signs, one for each parameter.
fn signs(seed: u64, probe: usize, parameters: usize) -> Vec<f64> {
    let mut numbers = Key::new("sharpness: signs", &[seed]).at(probe as u64);
    (0..parameters).map(|_| if numbers.uniform() < 0.5 { -1.0 } else { 1.0 }).collect()
}

#[cfg(test)]
mod tests {
    use phasesweep_networks::Activation;

    use super::super::Loss;
    use super::super::example::{Example, KINDS};
    use super::lanczos::TOLERANCE;
    use super::*;
    use crate::observe::spectrum::spectrum;

    fn asked(eigenvalues: usize, probes: usize) -> Sharpness {
        Sharpness { at: Schedule::Every { every: 1 }, eigenvalues, iterations: 300, probes, points: MOST as usize }
    }

    /// The whole Hessian, from central differences of gradients, and its eigenvalues by faer.
    #[test]
    fn eigenvalues_and_trace_are_those_of_the_explicit_hessian() {
        for (kind, loss) in (0..KINDS).flat_map(|kind| [(kind, Loss::CrossEntropy), (kind, Loss::MeanSquared)]) {
            let mut example = Example::new(kind, Activation::Tanh, loss);
            // Weights of about the size of initial ones: the example's saturate most units.
            example.parameters.iter_mut().for_each(|w| *w *= 0.25);
            let subject = example.subject();
            let view = example.view(&subject, None);
            let n = example.parameters.len();
            let matrix = TrainingLoss::of(&view, usize::MAX).explicit_hessian();
            let symmetric: Vec<f64> = (0..n * n).map(|k| 0.5 * (matrix[k] + matrix[k % n * n + k / n])).collect();
            let exact = spectrum(&symmetric, n, 3).values;
            let asked = asked(3, 400);
            let pieces = (0..asked.pieces(&subject)).map(|piece| asked.piece(&view, piece)).collect();
            let [values, residuals, trace, error] = <[Vec<f32>; 4]>::try_from(asked.values(&subject, pieces))
                .unwrap_or_else(|found| panic!("four variables, not {}", found.len()));
            for ((value, residual), exact) in values.iter().zip(&residuals).zip(&exact) {
                // The differences are good to 1e-10, the Ritz values to the residual.
                assert!((f64::from(*value) / exact - 1.0).abs() < 1e-4, "{kind} {loss:?}: {values:?} {exact}");
                assert!(f64::from(*residual) <= TOLERANCE * exact.max(exact.abs()) * 10.0, "{residuals:?}");
            }
            let sum: f64 = (0..n).map(|k| matrix[k * n + k]).sum();
            // Four standard errors: one seed in sixteen thousand, and this one is fixed.
            assert!((f64::from(trace[0]) - sum).abs() < 4.0 * f64::from(error[0]), "{trace:?} {error:?} {sum}");
            assert!(f64::from(error[0]) < 0.2 * sum.abs());
        }
    }

    #[test]
    fn without_random_vectors_there_is_no_trace() {
        let example = Example::new(0, Activation::Relu, Loss::CrossEntropy);
        let subject = example.subject();
        let values = asked(1, 0).values(&subject, vec![vec![1.0, 0.0]]);
        assert!(values[2][0].is_nan() && values[3][0].is_nan());
        let values = asked(1, 1).values(&subject, vec![vec![1.0, 0.0], vec![3.0]]);
        assert!(values[2][0] == 3.0 && values[3][0].is_nan());
    }
}
