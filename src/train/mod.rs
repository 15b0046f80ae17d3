//! Cohorts of replicas, trained as one stacked program.

pub mod binding;
mod problem;

pub use problem::{Engine, Problem, Record, Replica, ReplicaState, TrainError};
