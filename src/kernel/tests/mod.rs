//! The kernel against training in f64, against itself under every packing, and at its edges.

mod agreement;
mod case;
mod convolution;
mod extent;
mod functions;
mod golden;
mod graph;
mod instructions;
mod packing;
mod recipes;
mod reference;
mod reuse;
