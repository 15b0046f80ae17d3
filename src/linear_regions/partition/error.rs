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
        /// Hidden layer, 1-based, at which there were more.
        layer: usize,
    },
}
