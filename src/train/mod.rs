//! Cohorts of replicas, trained as one stacked program.

pub mod init;
mod problem;
pub mod shape;

pub use problem::{Engine, Problem, Record, Replica, ReplicaState, TrainError};
