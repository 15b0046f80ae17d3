//! Forward and backward passes through any graph, for gradient flows: f of samples, Σ c ∂f over samples, and what the
//! tangent kernel needs of each layer at each sample.
//!
//! Samples lie side by side in the lanes of a vector (eight in single, four in double precision), a *tile* of them at a
//! time: a value is `[channel, pixel, lane]`, and every operation is the same sequence of vector operations whatever the
//! window, stride or grouping of a convolution. So nothing is spread out into patches: [`connect`] says which pixels each
//! pixel sums over, [`gather`] takes the sums with all output channels of a pixel in registers, forwards and backwards, and
//! [`slopes`] the derivatives by the weights, which stay one number for each sample until a caller adds them up. That is
//! what the tangent kernel wants of a convolution.
//!
//! [`Passes`] is the plan for a graph: where values lie, and which may be overwritten. [`Room`] is the memory of one thread.
//! [`lanes`] and [`real`] hold the vectors and the two precisions, which the loops of shallow networks use, too, and
//! [`algebra`] the products and decompositions of matrices, which whatever is measured on the host uses.
//!
//! Invariants: a sample's numbers depend on its inputs and the parameters alone, whichever samples lie beside it; a tile's
//! sums of gradients depend on the tile alone. The lanes that no sample fills up have inputs and coefficients of 0.

mod algebra;
mod connect;
mod elementwise;
mod gather;
mod lanes;
mod placement;
mod plan;
mod pool;
mod real;
mod slopes;
mod tape;
#[cfg(test)]
mod tests;

pub use algebra::{by_faer, multiply};
pub use lanes::Lanes;
pub use plan::{Passes, Weights, followed, scaled_layers};
pub use real::{Job, Real, Vectors, View, fast};
pub use tape::{Room, Signal};
