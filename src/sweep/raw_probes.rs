//! The tables inside `[observe]` as they were typed: local complexity and robustness.
//!
//! Nothing is judged here but types and unknown keys; what the numbers mean is `validate`'s.

use super::place::Located;
use super::reader::{Epochs, Field, List, TableReader};

/// Keys of `local_complexity = { … }`.
#[derive(Debug, Clone)]
pub(crate) struct RawLocalComplexity {
    pub(crate) at: Field<Epochs>,
    pub(crate) radii: Field<List<f64>>,
    pub(crate) directions: Field<i128>,
    pub(crate) points: Field<i128>,
    pub(crate) sets: Field<List<String>>,
    pub(crate) centroid: Field<bool>,
}

/// Keys of `robustness = { … }`.
#[derive(Debug, Clone)]
pub(crate) struct RawRobustness {
    pub(crate) at: Field<Epochs>,
    pub(crate) norm: Field<List<String>>,
    pub(crate) epsilon: Field<List<f64>>,
    pub(crate) steps: Field<i128>,
    pub(crate) step_size: Field<f64>,
    pub(crate) random_start: Field<bool>,
    pub(crate) points: Field<i128>,
    pub(crate) clip: Field<List<f64>>,
}

impl TableReader<'_, '_> {
    /// The table of local complexity.
    pub(crate) fn local_complexity(&mut self, key: &'static str) -> Field<RawLocalComplexity> {
        self.table(key, |reader| RawLocalComplexity {
            at: reader.epochs("at"),
            radii: reader.numbers("radii"),
            directions: reader.integer("directions"),
            points: reader.integer("points"),
            sets: reader.strings("sets"),
            centroid: reader.boolean("centroid"),
        })
    }

    /// The table of robustness.
    pub(crate) fn robustness(&mut self, key: &'static str) -> Field<RawRobustness> {
        self.table(key, |reader| RawRobustness {
            at: reader.epochs("at"),
            norm: reader.strings("norm"),
            epsilon: reader.numbers("epsilon"),
            steps: reader.integer("steps"),
            step_size: reader.number("step_size"),
            random_start: reader.boolean("random_start"),
            points: reader.integer("points"),
            clip: reader.numbers("clip"),
        })
    }

    /// A table under a key, whose own keys `read` asks for.
    fn table<T>(&mut self, key: &'static str, read: fn(&mut TableReader<'_, '_>) -> T) -> Field<T> {
        match self.inner(key) {
            Field::Given(Located { value: mut reader, place }) => {
                let value = read(&mut reader);
                reader.finish();
                Field::Given(Located::new(value, place))
            }
            Field::Absent => Field::Absent,
            Field::Broken => Field::Broken,
        }
    }
}
