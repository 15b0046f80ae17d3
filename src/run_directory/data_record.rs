//! What a run directory keeps of its data, so that whoever reads the run needs no data: which samples they were, and how
//! many.
//!
//! Invariant: the identity is the one that the ids of cells are made of; the path, where the sweep names one, is absolute.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::data::{self, DataError, Pool, Shape};
use crate::sweep::Data;

/// What is kept of one entry of the data axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataRecord {
    /// Name of the source, as in a sweep file.
    pub name: String,
    /// The source, as JSON. A text, because a number that is read from JSON need not be the one that was written.
    source: String,
    /// The whole entry likewise: source, labels and scaling, as they take part in the ids of cells.
    entry: String,
    /// The directory that the sweep names, absolute.
    path: Option<PathBuf>,
    /// The directory that the files were found in; `None` for sources without files.
    found_in: Option<PathBuf>,
    /// What stands for the samples in the ids of cells: their digest in hexadecimal digits, and whatever may follow it.
    pub identity: String,
    /// Their sizes and classes.
    pub shape: Shape,
}

impl DataRecord {
    /// The record of an entry of that identity. `pool` is its decoded source, which one without files need not be.
    ///
    /// # Errors
    /// The files are nowhere, or their heads are malformed.
    pub fn new(data: &Data, identity: String, pool: Option<&Pool>) -> Result<DataRecord, DataError> {
        Ok(DataRecord {
            name: data.source.name().to_string(),
            source: json(&data.source),
            entry: json(data),
            path: data.path.clone(),
            found_in: pool.and_then(Pool::dir).map(Path::to_path_buf),
            identity,
            shape: pool.map_or_else(|| data::shape(data), |pool| pool.shape(data))?,
        })
    }

    /// Whether this is the record of that entry.
    pub fn is_of(&self, data: &Data) -> bool {
        self.entry == json(data) && self.path == data.path
    }

    /// Whether both records are of one source in one place, whatever its labels and scaling are.
    pub fn is_of_the_source_of(&self, other: &DataRecord) -> bool {
        self.source == other.source && self.path == other.path
    }

    /// Whether the cells of both entries would be the same: equal samples in two places.
    pub fn has_the_cells_of(&self, other: &DataRecord) -> bool {
        self.entry == other.entry && self.identity == other.identity
    }

    /// Digest of the samples.
    pub(super) fn digest(&self) -> &str {
        digest_of(&self.identity)
    }

    /// Where the samples are, for people.
    pub fn place(&self) -> String {
        self.found_in.as_ref().map_or_else(|| "this program".to_string(), |directory| directory.display().to_string())
    }
}

/// The digest with which an identity begins.
pub(super) fn digest_of(identity: &str) -> &str {
    identity.split(' ').next().unwrap_or_default()
}

/// The canonical text of what takes part in the ids of cells.
pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value)
        .unwrap_or_else(|error| unreachable!("names and numbers always have a JSON form: {error}"))
}
