//! The contracts that users rely on, each tested through the real binary: what a bad file says, that a result does not
//! depend on how it was computed, that a killed run loses nothing, that other programs read what is written.

#![allow(clippy::unwrap_used)]

mod arrays;
mod complexity;
mod config_errors;
mod data;
mod device;
mod durability;
mod elements;
mod exit_code;
mod flow_weights;
mod identity;
mod instructions;
mod interop;
mod limits;
mod metadata;
mod observables;
mod observe;
mod packing;
mod pruning;
mod quick;
mod residual;
mod rig;
mod run_directory;
mod slice;
mod steps;
