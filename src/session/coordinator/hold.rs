//! Taking a run directory's lease: one command works in a directory at a time, whatever it does there.

use crate::session::error::SessionError;
use crate::store::{Lease, RunDirectory, StoreError, durable, lease};

/// Takes the lease; with `take_over`, from whoever has it.
///
/// # Errors
/// [`SessionError::Resumable`] if another command works there; [`SessionError::Store`].
pub(in crate::session) fn hold(directory: &RunDirectory, take_over: bool) -> Result<Lease, SessionError> {
    if take_over && directory.lease_file().exists() {
        tracing::warn!("taking over {}", directory.root().display());
        durable::remove(&directory.lease_file())?;
    }
    directory.lease(lease::Timing::default()).map_err(|error| match error {
        // It may be over soon, and then this command goes on from what it left.
        StoreError::Held { .. } => SessionError::Resumable(error.to_string()),
        error => SessionError::Store(error),
    })
}
