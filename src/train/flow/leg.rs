//! How far a device may follow a flow until the host looks at it again. Plain numbers.

/// What is waited for: which stage comes next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Awaited {
    /// The most samples that may not fit there; negative: no number of them is waited for.
    pub(super) unfitted: f64,
    /// The greatest sum of losses there; negative: none is waited for.
    pub(super) loss: f64,
}

impl Default for Awaited {
    fn default() -> Awaited {
        Awaited { unfitted: -1.0, loss: -1.0 }
    }
}

/// How far a flow may go until it is looked at again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Leg {
    /// Length of the next step to be tried: no longer than the time that is left.
    pub(super) length: f64,
    /// Time that is left; infinite where time is not limited.
    pub(super) left: f64,
    /// Steps that may be taken, at least one.
    pub(super) steps: usize,
    /// The leg ends where at most so many of the kept samples do not fit; negative: nowhere.
    pub(super) unfitted: f64,
    /// The leg ends where the sum of the kept samples' losses is at most that; negative: nowhere.
    pub(super) loss: f64,
}
