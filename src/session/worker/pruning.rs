//! Which samples a pruned cell trains on, from what its full cell left in a part.
//!
//! Invariant: the set depends on the full cell's record, the pruned cell's specification and its seed, on nothing else.

use std::sync::Arc;

use rand::seq::index;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::observe::turning_point::{DEFAULT_FRACTION, Extremum, by_prominence};
use crate::sweep::{InversionOf, Prune, PruneSize};

/// What pruning needs to know of a full cell.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::session) struct FullCell {
    /// Recorded epochs.
    pub(in crate::session) epochs: Vec<usize>,
    /// Training error `[recorded]`.
    pub(in crate::session) train_error: Vec<f32>,
    /// Radii of the classes 0 and 1 at the last observed layer, each `[recorded]`; empty where there is no such class.
    pub(in crate::session) radius: [Vec<f32>; 2],
    /// Mean distance over all pairs of classes at the last observed layer `[recorded]`: with two classes, their distance.
    pub(in crate::session) distance: Vec<f32>,
    /// Epochs whose misclassified samples were kept.
    pub(in crate::session) snapshot_epochs: Vec<usize>,
    /// Misclassified samples `[snapshot, byte]`, first sample in the high bit.
    pub(in crate::session) misclassified: Vec<u8>,
}

impl FullCell {
    /// Training error at the inversion of the distance, by prominence; `None` without one.
    pub(in crate::session) fn epsilon_star(&self) -> Option<f64> {
        let turn = by_prominence(&self.epochs, &self.distance, Extremum::Maximum, DEFAULT_FRACTION).turn()?;
        self.train_error.get(turn.index).map(|&error| f64::from(error))
    }
}

/// Why a pruned cell has no training set. It is then a failed cell, with this as the reason.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(in crate::session) enum NoSet {
    /// The full cell has no inversion, so it has no stragglers.
    #[error("its full cell has no inversion of {0} by prominence, and so no stragglers")]
    NoInversion(&'static str),
    /// The misclassified samples of the epoch were not kept.
    #[error("the misclassified samples of epoch {0} were not kept: say `misclassified = {{ every = 1 }}` in [observe]")]
    NoSnapshot(usize),
    /// Nothing would be left.
    #[error("all samples would be removed")]
    NothingLeft,
}

/// Flags of the samples that a cell keeps, one for each of its block's; `None`: all of them.
pub(in crate::session) type Kept = Result<Option<Arc<[bool]>>, NoSet>;

/// Flags of the samples that a pruned cell keeps, one for each of the block's `samples`.
///
/// # Errors
/// [`NoSet`] if the full cell does not define the set.
pub(in crate::session) fn kept(prune: &Prune, full: &FullCell, samples: usize, seed: u64) -> Kept {
    let removed = match *prune {
        Prune::None => return Ok(None),
        Prune::Stragglers { at } => stragglers(full, at, samples)?,
        Prune::Misclassified { epoch } => misclassified(full, epoch, samples)?,
        Prune::Random { like } => {
            let size = match like {
                PruneSize::Stragglers { at } => stragglers(full, at, samples)?.len(),
                PruneSize::Misclassified { epoch } => misclassified(full, epoch, samples)?.len(),
            };
            let key = blake3::derive_key("phasesweep 1 random prune", &seed.to_le_bytes());
            index::sample(&mut ChaCha8Rng::from_seed(key), samples, size).into_vec()
        }
    };
    if removed.len() >= samples {
        return Err(NoSet::NothingLeft);
    }
    let mut kept = vec![true; samples];
    for sample in removed {
        kept[sample] = false;
    }
    Ok(Some(kept.into()))
}

/// The full cell's samples still misclassified at its inversion.
fn stragglers(full: &FullCell, at: InversionOf, samples: usize) -> Result<Vec<usize>, NoSet> {
    let (series, extremum, name) = match at {
        InversionOf::Distance => (full.distance.as_slice(), Extremum::Maximum, "distance"),
        InversionOf::Radius0 => (full.radius[0].as_slice(), Extremum::Minimum, "radius_0"),
        InversionOf::Radius1 => (full.radius[1].as_slice(), Extremum::Minimum, "radius_1"),
    };
    let turn =
        by_prominence(&full.epochs, series, extremum, DEFAULT_FRACTION).turn().ok_or(NoSet::NoInversion(name))?;
    misclassified(full, turn.epoch, samples)
}

/// The full cell's samples misclassified at an epoch.
fn misclassified(full: &FullCell, epoch: usize, samples: usize) -> Result<Vec<usize>, NoSet> {
    let place = full.snapshot_epochs.iter().position(|&at| at == epoch).ok_or(NoSet::NoSnapshot(epoch))?;
    let bytes = samples.div_ceil(8);
    let bits = full.misclassified.get(place * bytes..(place + 1) * bytes).ok_or(NoSet::NoSnapshot(epoch))?;
    Ok((0..samples).filter(|sample| bits[sample / 8] >> (7 - sample % 8) & 1 == 1).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twelve samples; the distance peaks at epoch 2, where samples 1 and 9 are misclassified.
    fn full() -> FullCell {
        FullCell {
            epochs: vec![0, 1, 2, 3, 4],
            train_error: vec![0.5, 0.4, 0.3, 0.2, 0.1],
            radius: [vec![5.0, 4.0, 3.0, 2.0, 1.0], vec![3.0, 2.0, 1.0, 2.0, 3.0]],
            distance: vec![0.0, 1.0, 2.0, 1.5, 1.0],
            snapshot_epochs: vec![0, 2],
            misclassified: vec![0xff, 0xf0, 0b0100_0000, 0b0100_0000],
        }
    }

    fn removed(prune: Prune) -> Vec<usize> {
        let kept = kept(&prune, &full(), 12, 3).unwrap().unwrap();
        (0..12).filter(|&sample| !kept[sample]).collect()
    }

    #[test]
    fn stragglers_are_those_misclassified_at_the_inversion() {
        assert_eq!(removed(Prune::Stragglers { at: InversionOf::Distance }), [1, 9]);
        assert_eq!(removed(Prune::Stragglers { at: InversionOf::Radius1 }), [1, 9]);
        assert_eq!(removed(Prune::Misclassified { epoch: 2 }), [1, 9]);
    }

    #[test]
    fn a_control_removes_as_many_from_its_own_stream() {
        let like = PruneSize::Stragglers { at: InversionOf::Distance };
        let control = Prune::Random { like };
        assert_eq!(removed(control).len(), 2);
        let others: std::collections::HashSet<_> =
            (0..50).map(|seed| kept(&control, &full(), 12, seed).unwrap().unwrap().to_vec()).collect();
        assert!(others.len() > 20, "66 pairs, 50 seeds: the sets must differ between seeds");
    }

    #[test]
    fn epsilon_star_is_the_training_error_where_the_distance_peaks() {
        assert_eq!(full().epsilon_star(), Some(f64::from(0.3f32)));
    }

    #[test]
    fn what_the_full_cell_does_not_define_is_said() {
        let prune = Prune::Stragglers { at: InversionOf::Radius0 };
        assert_eq!(kept(&prune, &full(), 12, 0), Err(NoSet::NoInversion("radius_0")));
        assert_eq!(kept(&Prune::Misclassified { epoch: 3 }, &full(), 12, 0), Err(NoSet::NoSnapshot(3)));
        assert_eq!(kept(&Prune::Misclassified { epoch: 0 }, &full(), 12, 0), Err(NoSet::NothingLeft));
    }
}
