//! Ranks: the world that `mpirun` or `srun` started, and the transport between its ranks. The only room that names MPI.
//!
//! Built without the feature `mpi`, the same names exist and say so. All MPI calls of a process are made by one thread,
//! the one that called [`World::start`], and none of them waits while anything else is to be done: sends are immediate,
//! receives are probed for, and between probes the thread sleeps, so that ranks may outnumber cores.

mod launch;

#[cfg(feature = "mpi")]
mod enabled;
#[cfg(feature = "mpi")]
use enabled as world;

#[cfg(not(feature = "mpi"))]
mod disabled;
#[cfg(not(feature = "mpi"))]
use disabled as world;

pub use launch::Launch;
pub use world::World;
pub(super) use world::{Hub, serve};

/// Why there is no world.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// This binary has no MPI.
    #[error("this phasesweep was built without MPI: build it with `--features mpi`, or run it without mpirun or srun")]
    NotBuilt,
    /// Someone else has initialised MPI, or it is finalised already.
    #[error("MPI was initialised before, and can be only once in a process")]
    AlreadyStarted,
    /// The library does not allow threads beside the one that calls it.
    #[error("the MPI library ({library}) allows no threads at all: use one built with thread support")]
    NoThreads {
        /// Its version.
        library: String,
    },
    /// The launcher started many processes, each of which believes to be alone.
    #[error(
        "{launcher} started {expected} processes, but MPI ({library}) sees only {seen}: the launcher belongs to \
         another MPI than the one phasesweep was built with. Use that MPI's own mpirun; with srun, try --mpi=pmix or \
         --mpi=pmi2"
    )]
    Launcher {
        /// What started us.
        launcher: &'static str,
        /// Number of processes by its word.
        expected: usize,
        /// Size of MPI's world.
        seen: usize,
        /// The library's version.
        library: String,
    },
}
