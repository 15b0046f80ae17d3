//! Rank 0's part of a command: the list of tasks, the progress, and whether an allocation brought anything.

pub(in crate::session) mod addition_observer;
pub(in crate::session) mod allocation;
pub(in crate::session) mod hold;
mod observation;
pub(in crate::session) mod progress;
pub(in crate::session) mod run_observer;
pub(in crate::session) mod status_file;
pub(in crate::session) mod unfinished;
