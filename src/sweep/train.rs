//! `[train]`: length, loss, batch.

use serde::Serialize;

use super::diagnostics::Diagnostics;
use super::judge::{Judge, words};
use super::place::Located;
use super::reader::{BatchSize, Field};
use super::schedule::LONGEST;
use super::subsample::Subsample;
use super::table::{RawTable, Table, keys, no_kinds};
use crate::key::{Absent, Bound, Literal};
use crate::observables::Loss;

keys! {
    /// Keys of `[train]`.
    RawTrain {
        /// Passes over the training set; of a gradient flow, the most steps.
        epochs: i128 = integer { bound: Bound::Whole(1, LONGEST), absent: Absent::Required("500") },
        /// What is minimised: the mean over the training samples of the cross-entropy, or of the squared error on one-hot
        /// classes (`"mse"`). The hinges are of the margin y F and go with gradient flow.
        loss: String = string { words: Some(|| words(&LOSSES)), absent: Absent::Is(Literal::Word("cross-entropy")) },
        /// Share s of the target that is spread evenly over the C classes: the loss is −Σ_c t_c log softmax(f)_c with
        /// t_c = (1 − s) + s/C for the sample's class and s/C for every other (`torch.nn.CrossEntropyLoss`). Recorded losses
        /// and the observables that are measured of the loss are of this one.
        label_smoothing: f64 = number {
            bound: Bound::BelowOne,
            absent: Absent::Is(Literal::Number(0.0)),
            applies_to: "`loss = \"cross-entropy\"`",
        },
        /// β of ln(1 + e^{β (1 − m)})/β.
        hinge_beta: f64 = number {
            bound: Bound::Positive,
            absent: Absent::Is(Literal::Number(20.0)),
            applies_to: "`loss = \"soft-hinge\"`",
        },
        /// Samples per step, or `"full"`: gradient descent.
        batch: BatchSize = batch {
            bound: Bound::Whole(1, 1_000_000_000_000),
            absent: Absent::Is(Literal::Word("full")),
        },
    }
}

/// `[train]`
pub(crate) const TABLE: Table = Table {
    name: "train",
    header: "[train]",
    about: "How long, on what loss and in what batches is trained.",
    keys: RawTrain::KEYS,
    kinds: no_kinds,
};

/// Length, loss and batch of training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Train {
    /// Passes over the training set.
    pub epochs: usize,
    /// What is minimised.
    pub loss: Loss,
    /// Samples per step.
    pub batch: Batch,
    /// β of [`Loss::SoftHinge`]; `None` for all others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hinge_beta: Option<f64>,
}

/// Samples per step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Batch {
    /// All of them: gradient descent.
    Full,
    /// So many, in an order drawn anew each epoch from the cell's seed; the last batch may be smaller.
    Mini {
        /// Samples in a batch.
        size: usize,
    },
}

impl Batch {
    /// Steps of the optimiser in a pass over so many samples.
    pub fn steps(self, samples: usize) -> usize {
        match self {
            Batch::Full => 1,
            Batch::Mini { size } => samples.div_ceil(size),
        }
    }
}

const LOSSES: [(&str, Loss); 5] = [
    ("cross-entropy", Loss::CrossEntropy),
    ("mse", Loss::MeanSquared),
    ("hinge", Loss::Hinge),
    ("soft-hinge", Loss::SoftHinge),
    ("quadratic-hinge", Loss::QuadraticHinge),
];

/// The table.
pub(crate) fn resolve(table: &RawTable<RawTrain>, diagnostics: &mut Diagnostics) -> Option<Train> {
    let (raw, mut judge) = (&table.keys, Judge::of(TABLE.header, table, diagnostics));
    let epochs = judge.whole(&raw.epochs);
    let loss = judge.choice(&raw.loss, &LOSSES);
    let batch = match &raw.batch.field {
        Field::Broken => None,
        Field::Absent | Field::Given(Located { value: BatchSize::Full, .. }) => Some(Batch::Full),
        Field::Given(Located { value: BatchSize::Samples(size), place }) => judge
            .whole_value("batch", &Located::new(*size, place.clone()), raw.batch.key.bound.range())
            .map(|size| Batch::Mini { size: size.value }),
    };
    let loss = match loss? {
        Loss::CrossEntropy => match judge.number(&raw.label_smoothing)? {
            0.0 => Loss::CrossEntropy,
            smoothing => Loss::SmoothedCrossEntropy { smoothing },
        },
        loss => {
            judge.does_not_apply("this loss", &raw.label_smoothing);
            loss
        }
    };
    let hinge_beta = match loss {
        Loss::SoftHinge => judge.number(&raw.hinge_beta).map(Some),
        _ => {
            judge.does_not_apply("this loss", &raw.hinge_beta);
            Some(None)
        }
    };
    Some(Train { epochs: epochs?, loss, batch: batch?, hinge_beta: hinge_beta? })
}

/// The last epoch, as far as it is sound, even where the rest of the table is not.
pub(crate) fn last_epoch(raw: &RawTrain) -> Option<usize> {
    raw.epochs.given().filter(|epochs| (1..=LONGEST).contains(&epochs.value)).map(|epochs| epochs.value as usize)
}

/// Reports a batch that is larger than every subsample: it would be full batch by another name.
pub(crate) fn batch_fits(
    table: &RawTable<RawTrain>,
    train: &Train,
    subsamples: &[Located<Subsample>],
    diagnostics: &mut Diagnostics,
) {
    let largest = subsamples.iter().map(|entry| entry.value.size()).max();
    if let (Batch::Mini { size }, Some(largest), Some(written)) = (train.batch, largest, table.keys.batch.given())
        && size > largest
    {
        let error = diagnostics.error(&written.place, "`batch` is larger than every [[subsample]]");
        error.label(format!("the largest has {largest} samples")).help("write batch = \"full\" for gradient descent");
    }
}
