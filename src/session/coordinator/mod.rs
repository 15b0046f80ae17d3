//! Rank 0's part of a run: the list of tasks, the progress, and whether an allocation brought anything.

pub(in crate::session) mod allocation;
pub(in crate::session) mod progress;
pub(in crate::session) mod run_observer;
