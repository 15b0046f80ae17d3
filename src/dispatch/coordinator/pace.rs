//! Measured against predicted time: what corrects the prediction of the rest.
//!
//! Invariant: cohorts without a prediction, and resumed ones (which were not trained whole in the time they took), do
//! not count.

use super::super::outcome::Seconds;
use super::super::task::CohortTask;

/// How far measured times are allowed to scale predicted ones when the walltime is near. Too low costs a checkpoint,
/// too high leaves a worker idle; a few odd cohorts should do neither.
const RATIO: std::ops::RangeInclusive<f64> = 0.5..=10.0;

/// A worker's own ratio counts where it is so many times that of all, or less than such a part of it.
const APART: f64 = 2.0;

/// How much less a faster worker's ratio may be: a GPU among CPUs may well be 20 times as fast as predicted, all the time.
const FASTER: f64 = 50.0;

/// Sums over finished cohorts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pace {
    pub(super) predicted: Seconds,
    pub(super) measured: Seconds,
    /// Of measured / predicted.
    pub(super) ratios: f64,
    /// Of its square.
    pub(super) squares: f64,
    pub(super) count: u64,
}

impl Pace {
    /// A cohort took so long.
    pub(super) fn finished(&mut self, task: &CohortTask, seconds: Seconds) {
        if task.predicted_seconds > 0.0 && !task.resume {
            let ratio = seconds / task.predicted_seconds;
            self.predicted += task.predicted_seconds;
            self.measured += seconds;
            self.ratios += ratio;
            self.squares += ratio * ratio;
            self.count += 1;
        }
    }

    /// Measured over predicted time: of all cohorts so far, or, for a worker whose speed is known and far from that, of its
    /// own. Within [`RATIO`], for a worker that is faster within [`FASTER`] of it; 1 as long as nothing is known.
    pub(super) fn ratio_of(&self, speed: Option<f64>) -> f64 {
        let all = if self.predicted > 0.0 { self.measured / self.predicted } else { 1.0 };
        match speed.map(|speed| 1.0 / speed) {
            Some(own) if own > APART * all => own.min(*RATIO.end()),
            Some(own) if own < all / APART => own.max(*RATIO.start() / FASTER),
            _ => all.clamp(*RATIO.start(), *RATIO.end()),
        }
    }
}
