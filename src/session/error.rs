//! Why a run could not be done. Sentences without a prefix: the command line prints them.

use crate::data::DataError;
use crate::device::DeviceError;
use crate::dispatch::{DispatchError, WorldError};
use crate::run_directory::RunDirectoryError;
use crate::store::StoreError;
use crate::sweep::Diagnostics;

/// Why a run could not be done.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The sweep file is not valid; each finding says its place.
    #[error(transparent)]
    Sweep(Diagnostics),
    /// The sweep asks of its data what they do not hold; one sentence each.
    #[error("{}", .0.join("\n"))]
    Refused(Vec<String>),
    /// Something else that was asked for is wrong.
    #[error("{0}")]
    Input(String),
    /// A data set is not there or not right.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The device is not there.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The disk, or what lies on it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ranks could not work together.
    #[error(transparent)]
    Dispatch(#[from] DispatchError),
    /// MPI could not start.
    #[error(transparent)]
    World(#[from] WorldError),
    /// Interrupted by something that running again may get past; nothing finished is lost.
    #[error("{0}")]
    Resumable(String),
    /// The fault is rank 0's, which prints it.
    #[error("rank 0 says what is wrong")]
    OnRankZero,
    /// The interruption is rank 0's, which prints it.
    #[error("rank 0 says what interrupted the run")]
    ResumableOnRankZero,
    /// A fault of the program.
    #[error("{0}")]
    Bug(String),
}

impl From<RunDirectoryError> for SessionError {
    fn from(error: RunDirectoryError) -> SessionError {
        match error {
            RunDirectoryError::Data(error) => SessionError::Data(error),
            RunDirectoryError::Store(error) => SessionError::Store(error),
            RunDirectoryError::Sweep(diagnostics) => SessionError::Sweep(diagnostics),
            error => SessionError::Input(error.to_string()),
        }
    }
}
