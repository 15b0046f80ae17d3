//! The exact partition of a two-dimensional slice of input space into the linear regions of a network.
//!
//! On a slice a piecewise linear network is affine on convex polygons. They are found layer by layer: the zero set of a
//! neuron is a straight line inside each polygon of the layers before, and cuts those that it crosses (Humayun et al.
//! 2023, arXiv 2302.12828; the edges-and-signs form is Berzins 2023, arXiv 2306.07212). Here the polygons are one mesh
//! whose vertices carry the pre-activations of the current layer: a network is continuous, so a vertex has one value
//! whichever polygon asks, and since a neuron is affine along every edge, a new vertex has the interpolated ones. No
//! polygon needs its own affine map, neighbours share their vertices, and areas tile the window by construction.
//!
//! Invariants: everything is f64; the result does not depend on the number of threads; a value within
//! [`RESOLUTION`] of zero, relative to what its sum is made of, is zero, so that lines that coincide, or meet in a
//! point, leave no slivers; a neuron that is zero on a whole region counts as off there.

mod decision;
mod error;
mod mesh;
mod nearness;
mod network;
mod plane;
mod regions;
mod subdivide;
mod summary;

pub use decision::{Boundary, Decision};
pub use error::PartitionError;
pub use mesh::Origin;
pub use nearness::{Nearest, Nearness, SHARES};
pub use network::{Dense, PiecewiseLinear};
pub use plane::{Plane, Point, Window, area};
pub use regions::{Edge, Partition};
pub use subdivide::{RESOLUTION, partition};
pub use summary::Summary;

#[cfg(test)]
mod tests;
