//! The exact partition of a two-dimensional slice of input space into the linear regions of a network.
//!
//! On a slice a piecewise affine network is affine on convex polygons. They are found node by node: the zero set of a
//! neuron is a straight line inside each polygon of the nodes before, and cuts those that it crosses (Humayun et al.
//! 2023, arXiv 2302.12828; the edges-and-signs form is Berzins 2023, arXiv 2306.07212); so is the line on which two values
//! of a pooling's window are equal and greatest. Here the polygons are one mesh whose vertices carry the values that later
//! nodes read: a network is continuous, so a vertex has one value whichever polygon asks, and since every value is affine
//! along every edge, a new vertex has the interpolated ones. No polygon needs its own affine map, neighbours share their
//! vertices, and areas tile the window by construction.
//!
//! Invariants: everything is f64; the result does not depend on the number of threads; a value within
//! [`RESOLUTION`] of zero, relative to what its sum is made of, is zero, so that lines that coincide, or meet in a
//! point, leave no slivers; a neuron that is zero on a whole region counts as off there, and of values that are equal on
//! a whole region the first counts as the winner.

mod affine;
mod decision;
mod error;
mod limits;
mod merge;
mod mesh;
mod nearness;
mod network;
mod patterns;
mod plane;
mod regions;
mod subdivide;
mod summary;
mod values;

pub use affine::Dense;
pub use decision::{Boundary, Decision};
pub use error::PartitionError;
pub use limits::Limits;
pub use mesh::Origin;
pub use nearness::{Nearest, Nearness, SHARES};
pub use network::PiecewiseLinear;
pub use patterns::Nonlinearity;
pub use plane::{Plane, Point, Window, area};
pub use regions::{Edge, Partition};
pub use subdivide::partition;
pub use summary::Summary;
pub use values::RESOLUTION;

#[cfg(test)]
mod tests;
