//! A point of the trajectory: the parameters, the margins y F of the training samples there, and the gradient.

// NaN must take the conservative branch, which evaluates every sample: `!(a > b)` is true for NaN, `a <= b` is false.
#![allow(clippy::neg_cmp_op_on_partial_ord)]

use super::active_set::ActiveSet;
use super::basis::Basis;
use super::field::Field;
use super::screening::Screening;
use phasesweep_passes::Real;

/// A point of a flow.
#[derive(Debug, Clone, Default)]
pub(super) struct FlowPoint<T> {
    pub(super) parameters: Vec<T>,
    /// y F of each training sample that was evaluated; NaN or of an earlier point for the others.
    pub(super) margins: Vec<f64>,
    /// The samples whose loss has a slope here, ascending, with the coefficients of their gradients.
    pub(super) terms: Vec<(usize, T)>,
    /// θ'
    pub(super) gradient: Vec<T>,
    /// ‖θ'‖
    pub(super) norm: f64,
    /// Kept samples that do not fit.
    pub(super) unfitted: usize,
    /// How many samples of the active set were evaluated; `None`: all samples.
    looked: Option<usize>,
    outputs: Vec<T>,
}

impl<T: Real> FlowPoint<T> {
    /// A point of which only the parameters are known so far.
    pub(super) fn at(parameters: Vec<T>) -> FlowPoint<T> {
        let gradient = vec![T::default(); parameters.len()];
        FlowPoint { parameters, gradient, ..FlowPoint::default() }
    }

    /// Takes over a point that was computed elsewhere: its parameters, f of all training samples, and ‖θ'‖. The gradient
    /// itself is not known then.
    pub(super) fn adopt(&mut self, basis: &Basis<T>, parameters: Vec<T>, outputs: Vec<T>, norm: f64) {
        (self.parameters, self.outputs) = (parameters, outputs);
        self.margins.resize(basis.shared.train.len(), f64::NAN);
        self.take_margins(basis);
        self.pulls(basis, &basis.kept);
        // A loss without a slope at NaN must not pass for an end.
        let is_finite = basis.kept.iter().all(|&sample| self.margins[sample].is_finite());
        self.norm = if is_finite { norm } else { f64::NAN };
    }

    /// Computes the margins, the gradient and its norm.
    pub(super) fn evaluate(&mut self, basis: &Basis<T>, field: &mut Field<T>, screening: &mut Screening<T>) {
        field.load(&self.parameters);
        self.margins.resize(basis.shared.train.len(), f64::NAN);
        self.looked = screening.list.as_mut().and_then(|list| list.look(field));
        if let (Some(count), Some(list)) = (self.looked, &screening.list) {
            field.outputs(&list.points, count, &mut self.outputs);
            let samples = &list.order[..count];
            for (&sample, &output) in samples.iter().zip(&self.outputs) {
                self.margins[sample] = basis.margin(sample, output);
            }
            let greatest = self.pulls(basis, samples);
            self.terms.sort_unstable_by_key(|&(sample, _)| sample);
            // Where the greatest pull is so small, more might pull than the list thought of.
            let quiet = basis.shared.loss.quiet(T::NEGLIGIBLE * greatest);
            if quiet.is_none_or(|quiet| !(quiet <= list.cut)) {
                self.looked = None;
            }
        }
        if self.looked.is_none() && field.is_graph() {
            self.pass(basis, field);
            return;
        }
        if self.looked.is_none() {
            self.look_at_all(basis, field);
            self.pulls(basis, &basis.kept);
        }
        field.gradient(&basis.shared.train, &self.terms, &mut self.gradient);
        self.norm = norm(&self.gradient);
    }

    /// Margins and gradient of a graph in one pass: every sample pulls as it does, however little.
    fn pass(&mut self, basis: &Basis<T>, field: &Field<T>) {
        let (train, labels, share) = (&basis.shared.train, &basis.shared.labels, 1.0 / basis.kept.len() as f64);
        let all = basis.kept.len() == train.len();
        let coefficient = |sample: usize, output: T| {
            if !all && basis.kept.binary_search(&sample).is_err() {
                return T::default();
            }
            let margin = basis.margin(sample, output);
            // A margin that is not finite must make the gradient, and with it the step, not finite too.
            let pull = if margin.is_finite() { basis.shared.loss.pull(margin) } else { f64::NAN };
            T::of(pull * labels[sample] * share)
        };
        field.outputs_and_gradient(train, coefficient, &mut self.outputs, &mut self.gradient);
        self.take_margins(basis);
        self.pulls(basis, &basis.kept);
        self.norm = norm(&self.gradient);
    }

    /// Makes a new active set, if all samples were evaluated here and one is due.
    pub(super) fn remember(&self, basis: &Basis<T>, field: &mut Field<T>, screening: &mut Screening<T>) {
        if self.looked.is_some() || !screening.due() {
            return;
        }
        field.load(&self.parameters);
        let (loss, numbers) = (basis.shared.loss, &basis.numbers);
        let least = basis.kept.iter().map(|&sample| self.margins[sample]).fold(f64::INFINITY, f64::min);
        // The list is to hold until the greatest pull has fallen to a quarter.
        let quiet = loss.quiet(0.25 * T::NEGLIGIBLE * loss.pull(least));
        let cut = quiet.map(|quiet| quiet.max(numbers.margin)).filter(|cut| cut.is_finite());
        let make = |cut| ActiveSet::new(field, &basis.shared.train, &basis.kept, &self.margins, numbers.alpha, cut);
        screening.renew(cut.and_then(make));
    }

    /// Evaluates all samples, where only some were.
    pub(super) fn complete(&mut self, basis: &Basis<T>, field: &mut Field<T>) {
        if self.looked.is_some() {
            field.load(&self.parameters);
            self.look_at_all(basis, field);
        }
    }

    fn look_at_all(&mut self, basis: &Basis<T>, field: &mut Field<T>) {
        let train = &basis.shared.train;
        field.outputs(train, train.len(), &mut self.outputs);
        self.take_margins(basis);
    }

    fn take_margins(&mut self, basis: &Basis<T>) {
        let each = self.margins.iter_mut().zip(&self.outputs).enumerate();
        each.for_each(|(sample, (margin, &output))| *margin = basis.margin(sample, output));
        self.looked = None;
    }

    /// Whether a sample whose loss has a slope at `other` was not evaluated here.
    pub(super) fn not_looked_at(&self, other: &FlowPoint<T>, screening: &Screening<T>) -> bool {
        let (Some(count), Some(list)) = (self.looked, &screening.list) else { return false };
        other.terms.iter().any(|&(sample, _)| !list.among(sample, count))
    }

    /// Which of the samples pull; returns the greatest pull. A sample pulls if it does so by no less than a share of the
    /// greatest pull that a sum would not notice.
    fn pulls(&mut self, basis: &Basis<T>, samples: &[usize]) -> f64 {
        let (loss, labels) = (basis.shared.loss, &basis.shared.labels);
        let margins = samples.iter().map(|&sample| self.margins[sample]);
        let greatest = if loss.falls() {
            loss.pull(margins.clone().fold(f64::INFINITY, f64::min))
        } else {
            margins.clone().map(|m| loss.pull(m).abs()).fold(0.0, f64::max)
        };
        let least = T::NEGLIGIBLE * greatest;
        let quiet = loss.quiet(least).unwrap_or(f64::INFINITY);
        let share = 1.0 / basis.kept.len() as f64;
        self.terms.clear();
        self.unfitted = 0;
        for &sample in samples {
            let margin = self.margins[sample];
            self.unfitted += usize::from(!(margin >= basis.numbers.margin));
            if margin > quiet {
                continue;
            }
            // A margin that is not finite must make the gradient, and with it the step, not finite too.
            let pull = if margin.is_finite() { loss.pull(margin) } else { f64::NAN };
            if pull != 0.0 && !(pull.abs() < least) {
                self.terms.push((sample, T::of(pull * labels[sample] * share)));
            }
        }
        greatest
    }
}

/// Sums of `term` in eight interleaved parts: fixed in order, and fit for vectors.
fn sum<'a, T: Real>(a: &'a [T], b: &'a [T], term: impl Fn(f64, f64) -> f64) -> f64 {
    let mut sums = [0.0; 8];
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += term(a.wide(), b.wide());
        }
    }
    for ((sum, a), b) in sums.iter_mut().zip(a_rest).zip(b_rest) {
        *sum += term(a.wide(), b.wide());
    }
    sums.iter().sum()
}

/// ‖a‖
pub(super) fn norm<T: Real>(a: &[T]) -> f64 {
    sum(a, a, |a, _| a * a).sqrt()
}

/// ‖a − b‖²
pub(super) fn square_distance<T: Real>(a: &[T], b: &[T]) -> f64 {
    sum(a, b, |a, b| (a - b) * (a - b))
}
