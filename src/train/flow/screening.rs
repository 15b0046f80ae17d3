//! When an active set is made, kept and given up.
//!
//! Invariant: what is decided here changes how long an evaluation takes, and no number of it; see [`super::active_set`].

use super::active_set::ActiveSet;
use crate::sweep::Watched;
use phasesweep_passes::Real;

/// Steps after which an active set is tried again at the latest.
const LONGEST_WAIT: usize = 200;

/// The active set, if there is one, and when the next is due.
pub(super) struct Screening<T> {
    pub(super) list: Option<ActiveSet<T>>,
    allowed: bool,
    /// Steps until another set is made.
    wait: usize,
    /// The wait after the next set that does not pay.
    patience: usize,
}

impl<T: Real> Screening<T> {
    /// No set yet; never one where the outputs of all samples bound a step.
    pub(super) fn new(watched: Watched) -> Screening<T> {
        Screening { list: None, allowed: watched == Watched::Pulling, wait: 0, patience: 1 }
    }

    /// Whether a set is due, now that a step was taken that evaluated all samples.
    pub(super) fn due(&mut self) -> bool {
        if !self.allowed {
            return false;
        }
        match &self.list {
            Some(list) if list.paid() => {
                self.patience = 1;
                true
            }
            Some(_) => {
                self.renew(None);
                false
            }
            None => {
                let due = self.wait == 0;
                self.wait = self.wait.saturating_sub(1);
                due
            }
        }
    }

    /// Takes over a new set in place of the old one, or none where it would not pay.
    pub(super) fn renew(&mut self, list: Option<ActiveSet<T>>) {
        if list.is_none() {
            self.wait = self.patience;
            self.patience = (2 * self.patience).min(LONGEST_WAIT);
        }
        self.list = list;
    }
}
