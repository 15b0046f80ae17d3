//! What a replica knows of its test samples: which it misclassifies, and how long each of these predictions must hold.
//!
//! Invariant: a prediction is known to hold until the outputs have moved by its lead; what moved is added up here, never
//! forgotten.

use super::drift::Drift;

/// What a replica knows of its test samples.
pub(super) struct Predictions {
    pub(super) sets: Vec<Known>,
    /// Slope and offset of how far two outputs can have approached since the kernel took over.
    pub(super) moved: [f64; 2],
    /// What rounding puts a difference of outputs off by, with the weights as they are: slope and offset.
    pub(super) rounding: [f32; 2],
}

/// What is known of one test set.
pub(super) struct Known {
    /// For each sample, how far `moved` must come for its prediction to change at the earliest; NaN where not known.
    pub(super) leads: Vec<f32>,
    /// Whether each sample is misclassified.
    missed: Vec<bool>,
    /// Misclassified samples.
    wrong: u32,
}

impl Predictions {
    /// Knows nothing yet of sets of such sizes. `reuse_predictions`: leads are kept, and every step must be told of.
    pub(super) fn none(sizes: impl Iterator<Item = usize>, reuse_predictions: bool) -> Predictions {
        let known = |size: usize| Known {
            leads: vec![f32::NAN; if reuse_predictions { size } else { 0 }],
            missed: vec![false; size],
            wrong: 0,
        };
        Predictions { sets: sizes.map(known).collect(), moved: [0.0; 2], rounding: [0.0; 2] }
    }

    /// Takes note of what was moved, for the replica in a lane of its group.
    pub(super) fn drifted(&mut self, drift: &Drift, lane: usize) {
        let Drift { moved, rounding, .. } = drift;
        self.moved[0] += f64::from(moved.slope[lane]);
        self.moved[1] += f64::from(moved.offset[lane]);
        self.rounding = [rounding.slope[lane], rounding.offset[lane]];
    }

    /// Misclassified samples of a set.
    pub(super) fn wrong(&self, set: usize) -> u32 {
        self.sets[set].wrong
    }

    /// Records whether a sample is misclassified, and its lead.
    pub(super) fn record(&mut self, set: usize, sample: usize, missed: bool, lead: f32) {
        let known = &mut self.sets[set];
        let was = std::mem::replace(&mut known.missed[sample], missed);
        known.wrong = known.wrong + u32::from(missed) - u32::from(was);
        if let Some(known) = known.leads.get_mut(sample) {
            *known = lead;
        }
    }
}
