//! Signals that ask for an orderly end: SIGUSR1 (Slurm's warning before the walltime), SIGTERM, SIGINT.
//!
//! Invariant: the handler only sets a flag; a SIGINT that comes a second or more after the first ends the process at once, for a
//! person who means it. What is to be done at once is done by a thread of its own, for the trainer may be in the middle of a
//! long epoch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use crate::session::error::SessionError;
use crate::session::worker::crash_marker::CrashMarker;

/// How long further SIGINTs are taken for echoes of the first: a terminal's goes to every process of a group, and `mpirun` and
/// `timeout` pass on what they were sent themselves, so that one key comes as two.
const ECHOES: Duration = Duration::from_secs(1);

/// All that ask for an end.
const ENDING: [i32; 4] = [SIGUSR1, SIGUSR2, SIGTERM, SIGINT];

/// The flag that the signals set. They also delete the crash marker of the running cohort: what follows is no fault of it.
pub(in crate::session) fn watch(crash_marker: Arc<CrashMarker>) -> Result<Arc<AtomicBool>, SessionError> {
    let stop = Arc::new(AtomicBool::new(false));
    let failed = |error: std::io::Error| SessionError::Bug(format!("signal handlers cannot be installed: {error}"));
    let is_meant = Arc::new(AtomicBool::new(false));
    flag::register_conditional_shutdown(SIGINT, 130, is_meant.clone()).map_err(failed)?;
    for signal in ENDING {
        flag::register(signal, stop.clone()).map_err(failed)?;
    }
    let mut signals = Signals::new(ENDING).map_err(failed)?;
    let hear = move || {
        for signal in signals.forever() {
            if let Err(error) = crash_marker.clear() {
                tracing::warn!("{error}");
            }
            if signal == SIGINT && !is_meant.load(Ordering::Relaxed) {
                std::thread::sleep(ECHOES);
                is_meant.store(true, Ordering::Relaxed);
            }
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(hear).map_err(failed)?;
    Ok(stop)
}
