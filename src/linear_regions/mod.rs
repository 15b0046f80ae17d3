//! The linear regions of a network: the exact partition of a plane through input space, and the frames that a slice of a
//! stored cell consists of.
//!
//! - [`partition`] cuts a plane into the regions on which a network is affine;
//! - [`Weights`] reads kept networks, [`SlicePlane`] the plane that is cut;
//! - [`Frame`], [`Frames`] and [`picture`] are what is told and drawn of each.
//!
//! Invariant: nothing here knows how a network was trained or which run it is of; files of weights are foreign bytes.

mod error;
mod frames;
pub mod partition;
pub mod picture;
mod slice_plane;
mod weights;

pub use error::SliceError;
pub use frames::{Frame, Frames};
pub use slice_plane::SlicePlane;
pub use weights::Weights;
