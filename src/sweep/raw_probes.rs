//! The tables inside `[observe]` as they were typed: local complexity and robustness.
//!
//! Nothing is judged here but types and unknown keys; what the numbers mean is `validate`'s.

use super::raw::raw_table;
use super::reader::{Epochs, Field, List, TableReader};

raw_table! {
    /// Keys of `local_complexity = { … }`.
    RawLocalComplexity {
        at: Epochs = epochs,
        radii: List<f64> = numbers,
        directions: i128 = integer,
        points: i128 = integer,
        sets: List<String> = strings,
        centroid: bool = boolean,
    }
}

raw_table! {
    /// Keys of `robustness = { … }`.
    RawRobustness {
        at: Epochs = epochs,
        norm: List<String> = strings,
        epsilon: List<f64> = numbers,
        steps: i128 = integer,
        step_size: f64 = number,
        random_start: bool = boolean,
        points: i128 = integer,
        clip: List<f64> = numbers,
    }
}

impl TableReader<'_, '_> {
    /// The table of local complexity.
    pub(crate) fn local_complexity(&mut self, key: &'static str) -> Field<RawLocalComplexity> {
        self.table(key, RawLocalComplexity::read)
    }

    /// The table of robustness.
    pub(crate) fn robustness(&mut self, key: &'static str) -> Field<RawRobustness> {
        self.table(key, RawRobustness::read)
    }
}
