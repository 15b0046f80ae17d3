//! How large a cohort the devices take: learnt from the ones that did not fit and the ones that did.
//!
//! Invariant: the limit never grows, except to a size that was seen to fit.

/// What is known of the devices' memory, in units of [`CohortTask::footprint`](super::super::task::CohortTask::footprint).
#[derive(Debug, Clone, Copy)]
pub(super) struct MemoryLimit {
    /// Smallest footprint that did not fit; `u64::MAX` if all did.
    too_large: u64,
    /// Largest footprint below it that fitted.
    fits: u64,
}

impl MemoryLimit {
    /// Nothing known.
    pub(super) fn unknown() -> MemoryLimit {
        MemoryLimit { too_large: u64::MAX, fits: 0 }
    }

    /// A cohort of this footprint did not fit. Returns whether the limit became smaller.
    pub(super) fn overflowed(&mut self, footprint: u64) -> bool {
        let before = self.largest();
        self.too_large = self.too_large.min(footprint);
        if self.fits >= self.too_large {
            // Fitted once and does not now: another device, or a neighbour on it. The smaller size is the safe one.
            self.fits = 0;
        }
        self.largest() < before
    }

    /// A cohort of this footprint was finished.
    pub(super) fn fitted(&mut self, footprint: u64) {
        if footprint < self.too_large {
            self.fits = self.fits.max(footprint);
        }
    }

    /// Largest footprint to be handed out: the largest seen to fit, or half of what did not.
    pub(super) fn largest(&self) -> u64 {
        if self.too_large == u64::MAX { u64::MAX } else { self.fits.max(self.too_large.div_ceil(2)).max(1) }
    }

    /// Pieces that a cohort of this footprint and so many cells must be cut into; 1 if it fits or is one cell.
    pub(super) fn pieces(&self, footprint: u64, cells: usize) -> usize {
        if footprint <= self.largest() {
            return 1;
        }
        usize::try_from(footprint.div_ceil(self.largest())).unwrap_or(usize::MAX).clamp(1, cells.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_halves_on_overflow_and_recovers_up_to_what_fitted() {
        let mut limit = MemoryLimit::unknown();
        assert_eq!(limit.pieces(1 << 40, 64), 1);
        assert!(limit.overflowed(1000));
        assert_eq!(limit.largest(), 500);
        assert_eq!(limit.pieces(1600, 64), 4);
        assert_eq!(limit.pieces(1600, 3), 3);
        limit.fitted(700);
        assert_eq!(limit.largest(), 700);
        limit.fitted(2000); // contradicts what is known: on another device, perhaps
        assert_eq!(limit.largest(), 700);
        assert!(limit.overflowed(600));
        assert_eq!(limit.largest(), 300);
        assert!(!limit.overflowed(900));
    }
}
