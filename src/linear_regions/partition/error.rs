//! Why there is no partition.

/// Why there is no partition.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum PartitionError {
    /// The layers make no network.
    #[error("the network cannot be cut up: {0}")]
    Network(String),
    /// The plane is none, or lies in another space.
    #[error("the plane of the slice cannot be used: {0}")]
    Plane(String),
    /// The window is none.
    #[error("the window of the slice cannot be used: {0}")]
    Window(String),
    /// Memory is bounded.
    #[error(
        "the slice has more than {most} linear regions (at layer {layer}); cut a smaller window, or allow more regions"
    )]
    TooMany {
        /// Most regions that were allowed.
        most: usize,
        /// Hidden layer, 1-based, at which there were more; one more than there are behind the last.
        layer: usize,
    },
    /// Memory is bounded.
    #[error(
        "the slice takes more than {} MiB (at layer {layer}, with {regions} linear regions so far and {numbers} numbers at each of \
         their corners); cut a smaller window, or allow more memory", most / 1024 / 1024
    )]
    TooLarge {
        /// Most bytes that were allowed.
        most: usize,
        /// As of [`PartitionError::TooMany`].
        layer: usize,
        /// Regions by then.
        regions: usize,
        /// Numbers that are kept at each corner of a region: the values that later nodes of the network read.
        numbers: usize,
    },
}
