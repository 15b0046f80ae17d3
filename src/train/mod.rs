//! Cohorts of replicas, trained as one stacked program.

mod problem;

pub use problem::{Engine, Problem, Record, Replica, ReplicaState, TrainError};
