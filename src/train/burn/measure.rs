//! Measurements of a stack: summed on the device tile by tile, reduced to one row for each replica, kept on the device
//! until many epochs' rows are fetched at once, then written into the replicas' records.
//!
//! Invariants: a row's first column says whether the replica was still finite; what a diverged replica would have
//! measured is never written; a class without kept samples has NaN.

use std::sync::Arc;

use ::burn::tensor::{Int, Tensor};

use phasesweep_results::Variable;
use phasesweep_results::variables::{DISTANCE, MISCLASSIFIED, RADIUS};

use super::flex::on_flex;
use super::transfer;
use crate::observables::Record;
use crate::train::{Problem, TrainError};

/// Classes up to which a GPU sums class by class instead of by a product, which with so few columns leaves most of it idle: of 64
/// replicas (20 units, 8192 samples, two classes) cuBLAS took 246 µs on an H200, where a pass over as much memory takes 20.
const FEW: usize = 4;

/// What is measured at an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    /// Losses and errors: the place in `recorded`.
    pub(super) recorded: Option<usize>,
    /// Radii and distances, at the same place.
    pub(super) manifold: bool,
    /// Misclassified samples: the place in `snapshots`.
    pub(super) snapshot: Option<usize>,
}

impl Due {
    /// What the schedule says of an epoch.
    pub(super) fn at(problem: &Problem, epoch: usize) -> Due {
        let recorded = problem.recorded.binary_search(&epoch).ok();
        Due {
            recorded,
            manifold: recorded.is_some() && problem.manifold.binary_search(&epoch).is_ok(),
            snapshot: problem.snapshots.binary_search(&epoch).ok(),
        }
    }

    /// Whether anything is.
    pub(super) fn any(&self) -> bool {
        self.recorded.is_some() || self.snapshot.is_some()
    }
}

/// A layer's sums over samples, for radii and distances.
#[derive(Debug, Clone)]
pub(super) struct ManifoldSums {
    /// Σ φ: `[replica, unit, class]`.
    centre: Tensor<3>,
    /// Σ ‖φ‖², the number of samples that are not silent: `[replica, 1, class]`.
    square: Tensor<3>,
}

impl ManifoldSums {
    /// A tile's sums. `activations` and their squares are `[replica, unit, sample]`, `onehot` is `[1, class, sample]`,
    /// `weight` (1 kept, 0 pruned) `[replica, 1, sample]`. A sample whose activations are all zero has φ = 0.
    pub(super) fn of(activations: Tensor<3>, square: Tensor<3>, onehot: Tensor<3>, weight: Option<Tensor<3>>) -> Self {
        let norm2 = square.sum_dim(1);
        let silent = norm2.clone().lower_equal_elem(0.0);
        let mut inverse = norm2.sqrt().recip().mask_fill(silent.clone(), 0.0);
        let mut speaks = silent.bool_not().float();
        if let Some(weight) = weight {
            inverse = inverse * weight.clone();
            speaks = speaks * weight;
        }
        let by_class = onehot.clone() * inverse;
        let classes = by_class.dims()[1];
        let centre = if classes <= FEW && !on_flex(&activations.device()) {
            let of_class = |class| (activations.clone() * by_class.clone().narrow(1, class, 1)).sum_dim(2);
            Tensor::cat((0..classes).map(of_class).collect(), 2)
        } else {
            activations.matmul(by_class.swap_dims(1, 2))
        };
        ManifoldSums { centre, square: (onehot * speaks).sum_dim(2).swap_dims(1, 2) }
    }

    /// Both tiles' sums.
    pub(super) fn add(self, other: ManifoldSums) -> ManifoldSums {
        ManifoldSums { centre: self.centre + other.centre, square: self.square + other.square }
    }

    /// Radii `[replica, class]`, then distances `[replica, pair]`: columns of a row. `share` is 1/n_c,
    /// `[replica, 1, class]`; `pairs` are the two classes of each pair.
    pub(super) fn columns(self, share: Tensor<3>, pairs: &(Tensor<1, Int>, Tensor<1, Int>)) -> [Tensor<2>; 2] {
        let centre = self.centre * share.clone();
        let [replicas, _, classes] = centre.dims();
        let radius2 = self.square * share - (centre.clone() * centre.clone()).sum_dim(1);
        let radius = radius2.clamp_min(0.0).sqrt().reshape([replicas, classes]);
        let pair_count = pairs.0.dims()[0];
        let between = centre.clone().select(2, pairs.0.clone()) - centre.select(2, pairs.1.clone());
        let distance = (between.clone() * between).sum_dim(1).sqrt().reshape([replicas, pair_count]);
        [radius, distance]
    }
}

/// Columns of a row: consecutive series of a variable.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    /// The variable, which has an epoch as its last dimension.
    pub(super) variable: &'static Variable,
    /// Its first series, in the order of its other dimensions.
    pub(super) first: usize,
    /// Their number.
    pub(super) count: usize,
}

/// An epoch's rows, still on the device.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    /// The epoch.
    pub(super) epoch: usize,
    /// What was due.
    pub(super) due: Due,
    /// `[replica, column]`: finite (1 or 0), then `columns`.
    pub(super) row: Tensor<2>,
    /// What the columns behind the first are.
    pub(super) columns: Vec<Columns>,
    /// `[replica, byte]`, each a whole number below 256.
    pub(super) misclassified: Option<Tensor<2>>,
}

/// An epoch's rows, on the host.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    epoch: usize,
    due: Due,
    members: Arc<[usize]>,
    row: Vec<f32>,
    columns: Vec<Columns>,
    misclassified: Vec<u8>,
}

/// Fetches all rows in one transfer. `members` are the stack's replicas by their place in the cohort.
///
/// # Errors
/// [`TrainError`] if the device fails.
pub(super) fn fetch(pending: Vec<Pending>, members: &Arc<[usize]>) -> Result<Vec<Measured>, TrainError> {
    let flat = |tensor: &Tensor<2>| tensor.clone().reshape([-1]);
    let parts: Vec<Tensor<1>> =
        pending.iter().flat_map(|p| std::iter::once(flat(&p.row)).chain(p.misclassified.as_ref().map(flat))).collect();
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    let values = transfer::fetch(vec![Tensor::cat(parts, 0)])?.concat();
    let mut rest = values.as_slice();
    let mut take = |tensor: &Tensor<2>| {
        let [rows, columns] = tensor.dims();
        let (own, after) = rest.split_at(rows * columns);
        rest = after;
        own
    };
    let measured = pending.iter().map(|p| Measured {
        epoch: p.epoch,
        due: p.due,
        members: members.clone(),
        row: take(&p.row).to_vec(),
        columns: p.columns.clone(),
        misclassified: p
            .misclassified
            .as_ref()
            .map(|bits| take(bits).iter().map(|&b| b as u8).collect())
            .unwrap_or_default(),
    });
    Ok(measured.collect())
}

impl Measured {
    /// The epoch.
    pub(super) fn epoch(&self) -> usize {
        self.epoch
    }

    /// Each replica's place in the cohort, and whether it was finite.
    pub(super) fn finite(&self) -> impl Iterator<Item = (usize, bool)> {
        let columns = self.row.len() / self.members.len().max(1);
        self.members.iter().copied().zip(self.row.chunks(columns.max(1)).map(|row| row[0] == 1.0))
    }

    /// Writes the row of the stack's replica `place` into its record. `counts` are its kept samples of each class.
    pub(super) fn write(&self, problem: &Problem, place: usize, counts: &[usize], record: &mut Record) {
        let width = self.row.len() / self.members.len();
        let mut row = self.row[place * width + 1..(place + 1) * width].iter().copied();
        if let Some(at) = self.due.recorded {
            let (epochs, pairs) = (problem.recorded.len(), problem.pairs());
            for &Columns { variable, first, count } in &self.columns {
                // A class without kept samples has no radius and no distance.
                let present = |series: usize| match variable.name {
                    name if name == RADIUS.name => counts[series % counts.len()] > 0,
                    name if name == DISTANCE.name => {
                        let (a, b) = pairs[series % pairs.len()];
                        counts[a] > 0 && counts[b] > 0
                    }
                    _ => true,
                };
                let values = record.floats_mut(variable);
                for (series, value) in (first..first + count).zip(row.by_ref()) {
                    if let Some(place) = values.get_mut(series * epochs + at) {
                        *place = if present(series) { value } else { f32::NAN };
                    }
                }
            }
        }
        if let Some(at) = self.due.snapshot {
            let bytes = problem.snapshot_bytes();
            let own = &self.misclassified[place * bytes..(place + 1) * bytes];
            record.bytes_mut(&MISCLASSIFIED)[at * bytes..(at + 1) * bytes].copy_from_slice(own);
        }
    }
}

/// Packs flags `[replica, sample]` (1 or 0) into bytes `[replica, byte]`, first sample in the high bit.
pub(super) fn pack(flags: Tensor<2>, powers: &Tensor<2>) -> Tensor<2> {
    let [replicas, samples] = flags.dims();
    let bytes = samples.div_ceil(8);
    let padding = Tensor::zeros([replicas, 8 * bytes - samples], &flags.device());
    let flags = if 8 * bytes > samples { Tensor::cat(vec![flags, padding], 1) } else { flags };
    flags.reshape([replicas * bytes, 8]).matmul(powers.clone()).reshape([replicas, bytes])
}
