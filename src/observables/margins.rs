//! How sure the outputs are, and how rightly: quantiles of the margins, the error of each class, the mean entropy and the
//! expected calibration error, over training and test samples.
//!
//! The margin of a sample is its label's output minus the greatest other one; it is misclassified where that is negative,
//! or 0 and the other class comes first. Confidence is the softmax of the greatest output. The expected calibration error
//! is that of Guo, Pleiss, Sun & Weinberger, "On calibration of modern neural networks" (ICML 2017, arXiv 1706.04599):
//! Σ_b (n_b/n) |accuracy_b − mean confidence_b| over bins of equal width. Outputs that were trained on the mean squared
//! error are no log-probabilities: their entropy and calibration error are missing.
//!
//! A network with batch normalisation is measured in evaluation: running averages stand for the means and variances of
//! batches, as in PyTorch's `model.eval()`.
//!
//! Invariants: training samples are those that the replica is trained on; classes without a sample have no error.

use phasesweep_results::dimension::{CELL, CLASS};
use phasesweep_results::{Dim, Dimension, Dtype, LabelKind, Variable};
use serde::Serialize;

use super::loss::Loss;
use super::training_loss::{for_each_group, softmax, trained_on, widened};
use super::{Axes, Definition, Keys, Labels, Observable, Schedule, Setup, Sizes, Subject, View};

/// Training or test samples.
pub(super) const SET: Dim =
    &Dimension::index("sample_set", LabelKind::Text, "1", "samples that were measured: \"train\" or \"test\"");
const QUANTILE: Dim =
    &Dimension::index("margin_quantile", LabelKind::Number, "1", "share of samples whose margin is at most this");
const EPOCH: Dim =
    &Dimension::index("margins_epoch", LabelKind::Integer, "epoch", "epoch of a measurement of the outputs");

static MARGIN: Variable = Variable {
    name: "output_margin",
    dims: &[CELL, SET, QUANTILE, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "quantile of the margins: the label's output minus the greatest other output",
    when: "`[observe] margins`",
};
static CLASS_ERROR: Variable = Variable {
    name: "class_error",
    dims: &[CELL, SET, CLASS, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "share of the class's samples that are misclassified",
    when: "`[observe] margins`",
};
static ENTROPY: Variable = Variable {
    name: "output_entropy",
    dims: &[CELL, SET, EPOCH],
    dtype: Dtype::F32,
    units: "nat",
    long_name: "mean entropy of the softmax of the outputs",
    when: "`[observe] margins` with `loss = \"cross-entropy\"`",
};
static CALIBRATION: Variable = Variable {
    name: "calibration_error",
    dims: &[CELL, SET, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "expected calibration error of the softmax of the outputs",
    when: "`[observe] margins` with `loss = \"cross-entropy\"`",
};

/// Names of the sets of samples, in the order of pieces.
pub(super) const SETS: [&str; 2] = ["train", "test"];
/// Shares at which margins have quantiles: linear interpolation between order statistics, as NumPy does.
const SHARES: [f64; 7] = [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0];

/// What is asked for. Part of a cell's identity: names and order of the fields may not change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Margins {
    at: Schedule,
    bins: usize,
}

impl Definition for Margins {
    const MEANING: &'static str =
        "quantiles of margins, error of each class, mean entropy and expected calibration error (Guo et al. 2017)";
    const VARIABLES: &'static [&'static Variable] = &[&MARGIN, &CLASS_ERROR, &ENTROPY, &CALIBRATION];
    const OF_FLOWS: Result<(), &'static str> =
        Err("every flow records its `margin`, and has no probabilities of classes; leave it out");

    fn read(keys: &mut dyn Keys) -> Option<Margins> {
        let at = keys.schedule("at", "epochs or steps");
        let bins = keys.whole("bins", 1..=1000, 15, "bins of confidence of the expected calibration error");
        Some(Margins { at: at?, bins: bins? })
    }
}

/// The names of the sets as labels.
pub(super) fn sets() -> Labels {
    Labels::Texts(SETS.iter().map(|&set| set.to_owned()).collect())
}

impl Observable for Margins {
    fn schedule(&self) -> &Schedule {
        &self.at
    }

    fn label(&self, setup: &Setup<'_>, axes: &mut Axes) {
        axes.set(SET, sets());
        axes.set(QUANTILE, Labels::Numbers(SHARES.to_vec()));
        axes.set(CLASS, Labels::integers(0..setup.classes));
        axes.set(EPOCH, Labels::of(self.at.moments(setup.epochs)));
    }

    fn flops(&self, sizes: &Sizes<'_>) -> f64 {
        2.0 * sizes.products.iter().sum::<f64>() * (sizes.samples + sizes.tests) as f64
    }

    /// Training samples, then test samples.
    fn pieces(&self, _subject: &Subject<'_>) -> usize {
        SETS.len()
    }

    fn piece(&self, view: &View<'_>, piece: usize) -> Vec<f64> {
        let (subject, classes) = (view.subject, view.subject.block.classes);
        let (samples, places) = match piece {
            0 => (&subject.block.train, trained_on(view, usize::MAX)),
            _ => (&subject.block.test, (0..subject.block.test.len()).collect()),
        };
        let mut outputs = Vec::new();
        for_each_group(&subject.graph, &widened(view.evaluated()), samples, &places, |batch, _| {
            outputs.extend_from_slice(batch.outputs());
        });
        let labels: Vec<usize> = places.iter().map(|&place| usize::from(samples.y[place])).collect();
        let sure = match subject.loss {
            Loss::MeanSquared => [f64::NAN; 2],
            _ => sureness(&outputs, &labels, classes, self.bins),
        };
        [quantiles(&outputs, &labels, classes), errors(&outputs, &labels, classes), sure.to_vec()].concat()
    }

    fn values(&self, subject: &Subject<'_>, pieces: Vec<Vec<f64>>) -> Vec<Vec<f32>> {
        let classes = subject.block.classes;
        let (errors, sure) = (SHARES.len(), SHARES.len() + classes);
        let part = |range: std::ops::Range<usize>| {
            pieces.iter().flat_map(|piece| piece[range.clone()].iter().map(|&value| value as f32)).collect()
        };
        vec![part(0..errors), part(errors..sure), part(sure..sure + 1), part(sure + 1..sure + 2)]
    }
}

/// The greatest output's class, the first among equals.
pub(super) fn decided<T: PartialOrd>(outputs: &[T]) -> usize {
    (1..outputs.len()).fold(0, |best, class| if outputs[class] > outputs[best] { class } else { best })
}

/// Quantiles of the margins, at [`SHARES`]; NaN of nothing, and of what is not finite.
fn quantiles(outputs: &[f64], labels: &[usize], classes: usize) -> Vec<f64> {
    let mut margins: Vec<f64> = outputs
        .chunks_exact(classes.max(1))
        .zip(labels)
        .map(|(row, &label)| {
            let others = row.iter().enumerate().filter(|&(class, _)| class != label).map(|(_, &f)| f);
            row[label] - others.fold(f64::NEG_INFINITY, f64::max)
        })
        .collect();
    if margins.is_empty() || outputs.iter().any(|f| !f.is_finite()) {
        return vec![f64::NAN; SHARES.len()];
    }
    margins.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = share * (margins.len() - 1) as f64;
        let (low, high) = (margins[place.floor() as usize], margins[place.ceil() as usize]);
        low + (high - low) * place.fract()
    };
    SHARES.iter().map(|&share| at(share)).collect()
}

/// The share of each class's samples that are misclassified; NaN of a class without samples, and of outputs that are not
/// finite.
fn errors(outputs: &[f64], labels: &[usize], classes: usize) -> Vec<f64> {
    let (mut wrong, mut count) = (vec![0.0; classes], vec![0.0; classes]);
    for (row, &label) in outputs.chunks_exact(classes.max(1)).zip(labels) {
        count[label] += 1.0;
        let finite = row.iter().all(|f| f.is_finite());
        wrong[label] += if finite { f64::from(u8::from(decided(row) != label)) } else { f64::NAN };
    }
    wrong.iter().zip(&count).map(|(wrong, count)| wrong / count).collect()
}

/// Mean entropy of the softmax, in nats, and expected calibration error over `bins` bins; NaN of nothing.
fn sureness(outputs: &[f64], labels: &[usize], classes: usize, bins: usize) -> [f64; 2] {
    let count = labels.len() as f64;
    let (mut entropy, mut gaps) = (0.0, vec![0.0; bins]);
    for (row, &label) in outputs.chunks_exact(classes.max(1)).zip(labels) {
        let mut p = row.to_vec();
        softmax(&mut p);
        entropy += p.iter().map(|&p| if p == 0.0 { 0.0 } else { -p * p.ln() }).sum::<f64>();
        let best = decided(row);
        // Bins are open below and closed above, as in the paper.
        let bin = ((p[best] * bins as f64).ceil() as usize).clamp(1, bins) - 1;
        gaps[bin] += f64::from(u8::from(best == label)) - p[best];
    }
    // n_b |accuracy − confidence| is the absolute value of the sum of the differences.
    [entropy / count, gaps.iter().map(|gap| gap.abs()).sum::<f64>() / count]
}

#[cfg(test)]
mod tests {
    use phasesweep_networks::{Activation, reference};

    use super::super::example::{Example, KINDS};
    use super::*;

    /// Four samples of two classes, by hand.
    #[test]
    fn four_samples_by_hand() {
        let ln = |odds: f64| odds.ln();
        // Confidence 0.9, 0.9, 0.6, 0.5; the second is wrong, the last a tie that the first class wins, wrongly.
        let outputs = [ln(9.0), 0.0, ln(9.0), 0.0, 0.0, ln(1.5), 0.0, 0.0];
        let labels = [0, 1, 1, 1];
        assert_eq!(errors(&outputs, &labels, 2), [0.0, 2.0 / 3.0]);
        let margins = quantiles(&outputs, &labels, 2);
        assert_eq!((margins[0], margins[6]), (-ln(9.0), ln(9.0)));
        // Between the second and the third of −ln 9, 0, ln 1.5, ln 9; NumPy's rule.
        assert!((margins[3] - ln(1.5) / 2.0).abs() < 1e-15);
        assert!((margins[1] - 0.15 * ln(9.0) + ln(9.0)).abs() < 1e-14);
        let [entropy, calibration] = sureness(&outputs, &labels, 2, 15);
        let h = |p: f64| -p * ln(p) - (1.0 - p) * ln(1.0 - p);
        assert!((entropy - (2.0 * h(0.9) + h(0.6) + h(0.5)) / 4.0).abs() < 1e-14);
        // Bins of 0.9 (one of two right), 0.6 (right), 0.5 (wrong): 2·0.4, 0.4, 0.5.
        assert!((calibration - (0.8 + 0.4 + 0.5) / 4.0).abs() < 1e-14, "{calibration}");
        // One bin: |2/4 − 2.9/4|.
        assert!((sureness(&outputs, &labels, 2, 1)[1] - 0.9 / 4.0).abs() < 1e-14);
        assert!(quantiles(&[], &[], 2).iter().all(|value| value.is_nan()));
        assert!(errors(&outputs, &[0; 4], 2)[1].is_nan(), "a class without samples has no error");
        assert!(errors(&[f64::NAN; 2], &[0], 2)[0].is_nan() && quantiles(&[f64::NAN; 2], &[0], 2)[0].is_nan());
    }

    /// On every network, by the reference's outputs: the least and the greatest margin, and each class's error.
    #[test]
    fn both_sets_of_samples_are_measured() {
        for kind in 0..KINDS {
            let example = Example::new(kind, Activation::Relu, Loss::MeanSquared);
            let subject = example.subject();
            let view = example.view(&subject, None);
            let asked = Margins { at: Schedule::Every { every: 1 }, bins: 15 };
            let found = asked.values(&subject, vec![asked.piece(&view, 0), asked.piece(&view, 1)]);
            assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [14, 6, 2, 2]);
            assert!(found[2..].iter().flatten().all(|value| value.is_nan()), "not of the mean squared error");
            for (set, samples) in [&example.block.train, &example.block.test].into_iter().enumerate() {
                let (mut margins, mut wrong) = (Vec::new(), [0.0_f64; 3]);
                for (x, &label) in samples.x.chunks(40).zip(&samples.y) {
                    let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
                    let values = reference::forward(&subject.graph, &widened(view.parameters), &x);
                    let (f, label) = (&values[values.len() - 1], usize::from(label));
                    let other = f64::max(f[(label + 1) % 3], f[(label + 2) % 3]);
                    margins.push(f[label] - other);
                    wrong[label] += f64::from(u8::from(f[label] < other));
                }
                let least = margins.iter().copied().fold(f64::INFINITY, f64::min);
                let greatest = margins.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                // Stored in single precision.
                assert!((f64::from(found[0][7 * set]) - least).abs() < 1e-6 * least.abs().max(1.0));
                assert!((f64::from(found[0][7 * set + 6]) - greatest).abs() < 1e-6 * greatest.abs().max(1.0));
                for class in 0..3 {
                    let count = samples.y.iter().filter(|&&label| usize::from(label) == class).count() as f64;
                    assert!((f64::from(found[1][3 * set + class]) - wrong[class] / count).abs() < 1e-6);
                }
            }
        }
    }
}
