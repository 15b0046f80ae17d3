//! phasesweep under a real Slurm: two nodes on this machine, real walltime signals, real kills.
//!
//! Each test starts a cluster of its own (a second or two) and ends it. Without Slurm's packages, or as another user
//! than root, they print why and pass.

mod cluster;
mod notations;
mod results;
mod rig;
mod sweeps;
