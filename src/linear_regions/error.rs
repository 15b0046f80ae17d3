//! Why a slice could not be cut: a sentence for a person, without a prefix.

use std::path::PathBuf;

use super::partition::PartitionError;

/// What is wrong with the files, the plane or the window of a slice.
#[derive(Debug, thiserror::Error)]
pub enum SliceError {
    /// A file of weights or of a plane is not what it should be.
    #[error("{}: {what}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The plane does not follow from the samples that were named.
    #[error("{0}")]
    Samples(String),
    /// The window is no window.
    #[error("{0}; --window must be positive")]
    Window(PartitionError),
    /// The plane, or the partition of it.
    #[error(transparent)]
    Partition(#[from] PartitionError),
}
