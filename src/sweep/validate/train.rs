//! `[train]`: length, loss, batch.

use super::flow;
use super::judge::{Judge, Otherwise};
use super::schedule::LONGEST;
use crate::sweep::diagnostics::Diagnostics;
use crate::sweep::place::Located;
use crate::sweep::raw::{BatchSize, RawTable, RawTrain};
use crate::sweep::reader::Field;
use crate::sweep::resolved::{Batch, Loss, Subsample, Train};

const LOSSES: [(&str, Loss); 5] = [
    ("cross-entropy", Loss::CrossEntropy),
    ("mse", Loss::MeanSquared),
    ("hinge", Loss::Hinge),
    ("soft-hinge", Loss::SoftHinge),
    ("quadratic-hinge", Loss::QuadraticHinge),
];

/// The table.
pub(crate) fn resolve(table: &RawTable<RawTrain>, diagnostics: &mut Diagnostics) -> Option<Train> {
    let (raw, mut judge) = (&table.keys, Judge::of("[train]", table, diagnostics));
    let epochs = match &raw.epochs {
        Field::Absent => judge.missing("epochs", "500"),
        field => judge.whole_if_given("epochs", field, 1..=LONGEST),
    };
    let loss = judge.choice("loss", &raw.loss, &LOSSES, Otherwise::Is(Loss::CrossEntropy));
    let batch = match &raw.batch {
        Field::Broken => None,
        Field::Absent | Field::Given(Located { value: BatchSize::Full, .. }) => Some(Batch::Full),
        Field::Given(Located { value: BatchSize::Samples(size), place }) => judge
            .whole_value("batch", &Located::new(*size, place.clone()), 1..=1_000_000_000_000)
            .map(|size| Batch::Mini { size: size.value }),
    };
    let hinge_beta = flow::hinge_beta(&mut judge, raw, loss?);
    Some(Train { epochs: epochs?, loss: loss?, batch: batch?, hinge_beta: hinge_beta? })
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
