//! How alike each hidden layer is to itself at the start of training, and at its end: linear centred kernel alignment.
//!
//! Kornblith, Norouzi, Lee & Hinton, "Similarity of neural network representations revisited" (ICML 2019, arXiv 1905.00414),
//! §3: CKA(X, Y) = ⟨HKH, HLH⟩/(‖HKH‖ ‖HLH‖) with K = X Xᵀ and L = Y Yᵀ of the layer's values X, Y `[sample, unit]` and
//! H = 1 − 11ᵀ/n, which is ‖Yᵀ X‖²/(‖Xᵀ X‖ ‖Yᵀ Y‖) of values around their means (Frobenius norms). It is 1 for what differs by
//! a rotation, a factor and a shift, and 0 for what shares no direction.
//!
//! What counts as a hidden layer, the network says ([networks.md](../networks.md#hidden-layers)). A network with batch
//! normalisation is measured in evaluation: running averages stand for the means and variances of batches, as in
//! PyTorch's `model.eval()`. The initial network has the running averages 0 and 1 then, which normalise nothing.
//!
//! The initial network is drawn anew. The end is known when it is there: until then the matrices HKH of all epochs, each
//! over its norm, are a working variable of the record (single precision, one triangle), so that they lie in checkpoints and
//! a resumed cell knows them to the bit. The end is the last epoch of training, which is measured in any case; a cell that
//! diverged or left before it has no end, and its likeness to it is missing at all epochs.
//!
//! Invariants: sums are in f64; the points are the same at every epoch; missing where nothing varies.

use phasesweep_results::dimension::CELL;
use phasesweep_results::{Dim, Dimension, Dtype, LabelKind, Variable};
use serde::Serialize;

use super::record::Record;
use super::representation::LAYER;
use super::training_loss::{drawn, for_each_group, widened};
use super::{Axes, Definition, Keys, Labels, Moments, Observable, Schedule, Setup, Sizes, Subject, View};
use crate::observe::gram::{centre, cosine, gram};

const EPOCH: Dim = &Dimension::index(
    "cka_epoch",
    LabelKind::Integer,
    "epoch",
    "epoch of a measurement of the likeness to start and end",
);
const PAIR: Dim = &Dimension::index("cka_pair", LabelKind::Position, "1", "pair of samples");

static START: Variable = Variable {
    name: "cka_start",
    dims: &[CELL, LAYER, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "linear centred kernel alignment of the hidden layer with itself in the initial network, 0 to 1",
    when: "`[observe] cka`",
};
static END: Variable = Variable {
    name: "cka_end",
    dims: &[CELL, LAYER, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "linear centred kernel alignment of the hidden layer with itself at the last epoch of training, 0 to 1; \
                missing where a cell diverged or left before",
    when: "`[observe] cka` with `end = true`",
};
/// HKH over its norm, by rows of the lower triangle, entries off the diagonal times √2: as a vector it has the products of
/// the matrix. Zeros where there are fewer samples than asked for.
static MATRICES: Variable = Variable {
    name: "cka_matrices",
    dims: &[CELL, LAYER, PAIR, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "centred Gram matrices of the hidden layers, of norm 1",
    when: "never: a working variable",
};

static WORKING: &[&Variable] = &[&MATRICES];

/// What is asked for. Part of a cell's identity: names and order of the fields may not change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cka {
    at: Schedule,
    points: usize,
    end: bool,
}

impl Definition for Cka {
    const MEANING: &'static str = "likeness of each hidden layer to itself at the start and at the end of training: linear centred kernel alignment (Kornblith et al. 2019)";
    const VARIABLES: &'static [&'static Variable] = &[&START, &END];
    const OF_FLOWS: Result<(), &'static str> =
        Err("the last of a flow's steps is not known before it ends; leave it out");

    fn read(keys: &mut dyn Keys) -> Option<Cka> {
        let at = keys.schedule("at", "epochs or steps");
        let points = keys.whole(
            "points",
            3..=2000,
            200,
            "training samples, drawn by the cell's seed from those that are not pruned; all if there are fewer",
        );
        let end = keys.flag(
            "end",
            true,
            "whether the end of training is compared with, which keeps 2·points² bytes for each hidden layer and epoch of `at` \
             until then, and measures the last epoch",
        );
        Some(Cka { at: at?, points: points?, end: end? })
    }
}

impl Cka {
    /// Points where there are so many samples.
    fn points(&self, samples: usize) -> usize {
        self.points.min(samples)
    }
}

impl Observable for Cka {
    fn schedule(&self) -> &Schedule {
        &self.at
    }

    fn moments(&self, last: usize) -> Moments {
        let mut moments = self.at.moments(last);
        if self.end && moments.counts.last() != Some(&last) {
            moments.counts.push(last);
        }
        moments
    }

    fn at_steps(&self) -> Result<(), &'static str> {
        match self.end {
            true => {
                Err("the end of training, which `end` compares with, is an epoch. Write end = false, or name epochs")
            }
            false => Ok(()),
        }
    }

    fn label(&self, setup: &Setup<'_>, axes: &mut Axes) {
        let points = self.points(setup.samples);
        axes.set(LAYER, Labels::integers(1..=setup.hidden));
        axes.set(PAIR, Labels::Positions(if self.end { points * (points + 1) / 2 } else { 0 }));
        axes.set(EPOCH, Labels::of(self.moments(setup.epochs)));
    }

    fn working(&self) -> &'static [&'static Variable] {
        if self.end { WORKING } else { &[] }
    }

    fn flops(&self, sizes: &Sizes<'_>) -> f64 {
        let points = self.points(sizes.samples) as f64;
        let layers = sizes.hidden as f64;
        // A layer is about as wide as the square root of the most products that a layer has.
        let width = sizes.products.iter().copied().fold(1.0, f64::max).sqrt();
        2.0 * (points * 2.0 * sizes.products.iter().sum::<f64>() + layers * 2.0 * points * points * (width + 2.0))
    }

    /// A hidden layer each.
    fn pieces(&self, subject: &Subject<'_>) -> usize {
        subject.graph.hidden().len()
    }

    fn piece(&self, view: &View<'_>, piece: usize) -> Vec<f64> {
        let (graph, samples) = (&view.subject.graph, &view.subject.block.train);
        let (node, places) = (graph.hidden()[piece], drawn(view, self.points));
        let [now, start] = [view.evaluated(), &view.initially_evaluated()].map(|parameters| {
            let mut values = Vec::new();
            for_each_group(graph, &widened(parameters), samples, &places, |batch, _| {
                values.extend_from_slice(batch.values(node));
            });
            let mut matrix = gram(&values, places.len());
            centre(&mut matrix, places.len());
            matrix
        });
        let mut found = vec![cosine(&now, &start)];
        if self.end {
            found.extend(packed(&now, places.len(), self.points(samples.len())));
        }
        found
    }

    fn values(&self, _subject: &Subject<'_>, pieces: Vec<Vec<f64>>) -> Vec<Vec<f32>> {
        let narrow = |numbers: &[f64]| numbers.iter().map(|&x| x as f32).collect::<Vec<f32>>();
        let start = pieces.iter().map(|piece| piece[0] as f32).collect();
        // Known at the end alone.
        let end = vec![f32::NAN; pieces.len()];
        vec![start, end, pieces.iter().flat_map(|piece| narrow(&piece[1..])).collect()]
    }

    fn conclude(&self, subject: &Subject<'_>, record: &mut Record) {
        if !self.end {
            return;
        }
        let epochs = self.moments(subject.setup.epochs).len();
        let points = self.points(subject.setup.samples);
        // Layer by layer, pair by pair, epochs side by side.
        let layers = record.floats(&MATRICES).chunks_exact((points * (points + 1) / 2 * epochs).max(1));
        let found: Vec<f32> = layers.flat_map(|layer| with_last(layer, epochs)).collect();
        let end = record.floats_mut(&END);
        if found.len() == end.len() {
            end.copy_from_slice(&found);
        }
    }
}

/// A centred matrix as [`MATRICES`] has it, for so many points.
fn packed(matrix: &[f64], count: usize, points: usize) -> Vec<f64> {
    let norm = matrix.iter().map(|value| value * value).sum::<f64>().sqrt();
    let mut out: Vec<f64> = Vec::with_capacity(points * (points + 1) / 2);
    for row in 0..count {
        for column in 0..=row {
            let weight = if row == column { 1.0 } else { std::f64::consts::SQRT_2 };
            out.push(weight * matrix[row * count + column] / norm);
        }
    }
    out.resize(points * (points + 1) / 2, 0.0);
    out
}

/// The cosines between each of the vectors that lie side by side, `[entry, epoch]`, and the last of them.
fn with_last(vectors: &[f32], epochs: usize) -> Vec<f32> {
    let (mut products, mut squares) = (vec![0.0; epochs], vec![0.0; epochs]);
    for entries in vectors.chunks_exact(epochs.max(1)) {
        let last = f64::from(entries[epochs - 1]);
        for ((product, square), &entry) in products.iter_mut().zip(&mut squares).zip(entries) {
            *product += f64::from(entry) * last;
            *square += f64::from(entry).powi(2);
        }
    }
    let of_last = squares.last().copied().unwrap_or(f64::NAN);
    // The matrices were rounded, their norms with them.
    products.iter().zip(&squares).map(|(product, square)| (product / (square * of_last).sqrt()) as f32).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use phasesweep_networks::{Activation, reference};

    use super::super::example::{Example, KINDS, numbers};
    use super::super::{Loss, Observer, Position, Scheduled, layout};
    use super::*;

    fn asked(points: usize, at: &[usize]) -> Cka {
        Cka { at: Schedule::At { epochs: at.to_vec() }, points, end: true }
    }

    /// The values of a hidden layer at the points, by the reference, around their means.
    fn layer(
        example: &Example,
        subject: &Subject<'_>,
        parameters: &[f32],
        piece: usize,
        places: &[usize],
    ) -> Vec<Vec<f64>> {
        let mut rows: Vec<Vec<f64>> = (places.iter())
            .map(|&place| {
                let x: Vec<f64> = example.block.train.x[place * 40..][..40].iter().map(|&x| f64::from(x)).collect();
                reference::forward(&subject.graph, &widened(parameters), &x).swap_remove(subject.graph.hidden()[piece])
            })
            .collect();
        for unit in 0..rows[0].len() {
            let mean = rows.iter().map(|row| row[unit]).sum::<f64>() / rows.len() as f64;
            rows.iter_mut().for_each(|row| row[unit] -= mean);
        }
        rows
    }

    /// ‖Yᵀ X‖²/(‖Xᵀ X‖ ‖Yᵀ Y‖), by units rather than by samples.
    fn by_units(x: &[Vec<f64>], y: &[Vec<f64>]) -> f64 {
        let product = |x: &[Vec<f64>], y: &[Vec<f64>]| -> f64 {
            let entry = |i: usize, j: usize| x.iter().zip(y).map(|(x, y)| x[i] * y[j]).sum::<f64>();
            (0..x[0].len()).flat_map(|i| (0..y[0].len()).map(move |j| (i, j))).map(|(i, j)| entry(i, j).powi(2)).sum()
        };
        product(x, y) / (product(x, x).sqrt() * product(y, y).sqrt())
    }

    /// Through the observer, at three epochs of weights, of which the schedule names the first two: against the covariances
    /// between units, with the start and with the end, and nothing before the end is there.
    #[test]
    fn likeness_is_that_of_covariances() {
        for kind in 0..KINDS {
            let example = Example::new(kind, Activation::Tanh, Loss::CrossEntropy);
            let mut subject = example.subject();
            subject.setup.epochs = 9;
            let subject = &subject;
            let kept: Vec<bool> = (0..23).map(|sample| sample % 4 != 2).collect();
            // More points than there are samples that count, so that part of the matrices is empty.
            let points = 20;
            let scheduled = Scheduled { cka: Some(asked(points, &[0, 4])), ..Scheduled::default() };
            let observer = Observer::new(subject, &scheduled, &[1], 2).unwrap();
            let due = [0, 4, 8, 9].map(|epoch| observer.due(Position::at_epoch(epoch)));
            assert_eq!(due, [true, true, false, true]);
            let layout = layout(&subject.setup, &scheduled);
            let mut record = Record::empty(&layout);
            let weights: Vec<Vec<f32>> = (0..3).map(|k| numbers(example.parameters.len(), f64::from(k))).collect();
            for (epoch, weights) in [0, 4, 9].into_iter().zip(&weights) {
                assert!(record.floats(&END).iter().all(|value| value.is_nan()));
                let start = example.parameters.clone();
                let view = View::new(subject, weights, 7, Some(&kept), 1, Box::new(move || start.clone())).unwrap();
                observer.observe(&[view.trained_to(Position::at_epoch(epoch))], &mut [&mut record]).unwrap();
                // As if the cell were killed and resumed.
                record = Record::restored(&layout, |name| {
                    record.arrays().find(|(variable, _)| variable.name == name).map(|(_, values)| values.clone())
                })
                .unwrap();
            }
            let start = example.parameters.clone();
            let view = View::new(subject, &weights[0], 7, Some(&kept), 1, Box::new(move || start.clone())).unwrap();
            let places = drawn(&view, points);
            assert!(places.len() < points);
            for piece in 0..subject.graph.hidden().len() {
                let of = |parameters: &[f32]| layer(&example, subject, parameters, piece, &places);
                let (start, end) = (of(&example.parameters), of(&weights[2]));
                for (epoch, weights) in weights.iter().enumerate() {
                    let now = of(weights);
                    let found = [&START, &END].map(|variable| f64::from(record.floats(variable)[piece * 3 + epoch]));
                    // Stored in single precision, and so are the matrices, of hundreds of entries.
                    assert!((found[0] - by_units(&now, &start)).abs() < 1e-6, "{kind} {piece} {epoch}: {found:?}");
                    assert!((found[1] - by_units(&now, &end)).abs() < 1e-6, "{kind} {piece} {epoch}: {found:?}");
                }
                assert_eq!(record.floats(&END)[piece * 3 + 2], 1.0);
            }
            let columns = layout.columns(&[Some(record)]);
            let stored: Vec<&str> = columns.iter().map(|column| column.name).collect();
            assert!(stored.contains(&"cka_end") && !stored.contains(&MATRICES.name), "{stored:?}");
            assert!(layout.axes.get(PAIR).is_none() && layout.axes.get(LAYER).is_some());
        }
    }

    /// A record that was cut before the end, as that of a cell that left, has no likeness to it.
    #[test]
    fn without_the_end_nothing_is_said_of_it() {
        let example = Example::new(0, Activation::Tanh, Loss::CrossEntropy);
        let mut subject = example.subject();
        subject.setup.epochs = 3;
        let scheduled = Scheduled { cka: Some(asked(10, &[0, 1])), ..Scheduled::default() };
        let observer = Observer::new(&subject, &scheduled, &[1], 1).unwrap();
        let mut record = Record::empty(&layout(&subject.setup, &scheduled));
        observer
            .observe(&[example.view(&subject, None).trained_to(Position::at_epoch(1))], &mut [&mut record])
            .unwrap();
        assert!(record.floats(&END).iter().all(|value| value.is_nan()));
        // And where nothing is asked of the end, nothing is kept for it.
        let never = Scheduled { cka: Some(Cka { end: false, ..asked(10, &[0, 1]) }), ..Scheduled::default() };
        let smaller = layout(&subject.setup, &never);
        assert!(smaller.working.is_empty() && smaller.bytes() < layout(&subject.setup, &scheduled).bytes());
        // 2 layers of 55 pairs at epochs 0, 1 and 3, against none; a third epoch of two variables.
        assert_eq!(layout(&subject.setup, &scheduled).bytes() - smaller.bytes(), 4 * (2 * 55 * 3 + 2 * 2));
    }
}
