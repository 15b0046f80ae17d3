//! What a rank does with a cohort: its problem, its checkpoints and kept weights, its part; and what it measures on weights
//! that a run kept.

pub(in crate::session) mod crash_marker;
pub(in crate::session) mod full_cells;
pub(in crate::session) mod kept_weights;
pub(in crate::session) mod measurer;
pub(in crate::session) mod pruning;
pub(in crate::session) mod runner;
pub(in crate::session) mod saved_state;
pub(in crate::session) mod unfinished;
pub(in crate::session) mod workload;
