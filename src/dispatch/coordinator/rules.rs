//! What a run is to keep to: numbers that do not change while it lasts.

use super::super::outcome::Seconds;

/// The rules of one run, in seconds on the coordinator's clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// When the allocation ends.
    pub deadline: Option<Seconds>,
    /// Time kept free before the deadline for checkpoints and the orderly end: when it begins, everyone is drained.
    pub margin: Seconds,
    /// A cohort that has crashed so often is not tried again as it is. At least 1.
    pub max_attempts: u32,
    /// A worker not heard for so long is lost; `None` where a worker's death is noticed otherwise.
    pub silence: Option<Seconds>,
    /// The same, before its first word: ranks start at different times.
    pub join_silence: Seconds,
    /// A worker that has not given its cohort back so long after it was asked to is lost.
    pub drain_grace: Seconds,
    /// Whether the run can go on after a worker fell silent (threads) or not (MPI).
    pub survives_loss: bool,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            deadline: None,
            margin: 60.0,
            max_attempts: 2,
            silence: None,
            join_silence: 600.0,
            drain_grace: 120.0,
            survives_loss: true,
        }
    }
}
