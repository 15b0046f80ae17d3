//! Signals that ask for an orderly end: SIGUSR1 (Slurm's warning before the walltime), SIGTERM, SIGINT.
//!
//! Invariant: the handler only sets a flag; a second SIGINT ends the process at once, for a person who means it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::flag;

use super::SessionError;

/// The flag that the signals set.
pub(super) fn watch() -> Result<Arc<AtomicBool>, SessionError> {
    let stop = Arc::new(AtomicBool::new(false));
    let failed = |error: std::io::Error| SessionError::Bug(format!("signal handlers cannot be installed: {error}"));
    flag::register_conditional_shutdown(SIGINT, 130, stop.clone()).map_err(failed)?;
    for signal in [SIGUSR1, SIGUSR2, SIGTERM, SIGINT] {
        flag::register(signal, stop.clone()).map_err(failed)?;
    }
    Ok(stop)
}
