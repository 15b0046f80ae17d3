//! Cohorts of replicas, trained as one stacked program.

pub mod binding;
pub mod burn;
pub mod device;
pub mod init;
mod problem;
pub mod shape;

pub use device::{DeviceError, DeviceName};
pub use problem::{Engine, Problem, Record, Replica, ReplicaState, TrainError, UNMEASURED_BYTE};
