//! Kills at random moments, bad disks, poison: through the binary, with real signals, real processes and real disks.
//!
//! `PHASESWEEP_KILLS` sets how many kills the campaign has (8 unless set; `make torture` has 200), `PHASESWEEP_SEED`
//! where it begins: the n-th kill of a seed is always of the same kind at the same moment.

mod bad_disks;
mod campaign;
mod poison;
mod rig;
