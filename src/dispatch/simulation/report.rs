//! What came of a simulated job: how well its ranks were used, and what its coordinator cost.

use super::super::outcome::Seconds;

/// What came of a job.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// Cells finished.
    pub cells: u64,
    /// Cohorts finished.
    pub cohorts: u64,
    /// Allocations.
    pub allocations: u32,
    /// Ranks that died.
    pub deaths: u32,
    /// Simulated time of all allocations.
    pub seconds: Seconds,
    /// Time that the work alone takes if every rank is busy at its speed to the end.
    pub ideal: Seconds,
    /// Share of the ranks' capacity that was lost between the moment when nothing was left to be handed out and the end of
    /// the last allocation.
    pub tail: f64,
    /// Messages that rank 0 took in.
    pub messages: u64,
    /// Seconds by the caller's clock that the coordinator took for them.
    pub handling: Seconds,
    /// Times that the coordinator was told the time, and seconds by the caller's clock that it took.
    pub ticks: u64,
    /// See `ticks`.
    pub ticking: Seconds,
    /// Looks at how far the run is ([`Coordinator::progress`](super::super::Coordinator::progress)), and seconds by the caller's
    /// clock that they took.
    pub looks: u64,
    /// See `looks`.
    pub looking: Seconds,
    /// Share of simulated time in which rank 0 was busy with messages.
    pub busy: f64,
    /// Longest time that a message waited for rank 0, apart from the end of an allocation.
    pub longest_wait: Seconds,
}

impl Report {
    /// Ideal over simulated time.
    pub fn efficiency(&self) -> f64 {
        self.ideal / self.seconds
    }
}
