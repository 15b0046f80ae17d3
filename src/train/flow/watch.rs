//! Whether there is a list of the samples that might pull, and when a new one is made.
//!
//! Invariant: what is decided here changes how long an evaluation takes and no number of it; see [`super::shortlist`].

use super::real::Real;
use super::shortlist::Shortlist;
use crate::sweep::Watched;

/// Steps after which a list is tried again at the latest.
const LONGEST_WAIT: usize = 200;

/// The list there is, if any.
pub(super) struct Watch<T> {
    pub(super) list: Option<Shortlist<T>>,
    allowed: bool,
    /// Steps until another list is made.
    wait: usize,
    /// The wait after the next list that is of no use.
    patience: usize,
}

impl<T: Real> Watch<T> {
    /// No list yet; never one where all samples' outputs bound a step.
    pub(super) fn new(watched: Watched) -> Watch<T> {
        Watch { list: None, allowed: watched == Watched::Pulling, wait: 0, patience: 1 }
    }

    /// Whether a list is to be made, now that a step was taken whose evaluation looked at all samples.
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

    /// Takes over a new list in place of the old one, or none where it would be of no use.
    pub(super) fn renew(&mut self, list: Option<Shortlist<T>>) {
        if list.is_none() {
            self.wait = self.patience;
            self.patience = (2 * self.patience).min(LONGEST_WAIT);
        }
        self.list = list;
    }
}
