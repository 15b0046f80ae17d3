//! The machine under this process: its name and its processes, and how much of its memory and of its CPUs the job allows.
//!
//! ```text
//! environment, /proc, /sys/fs/cgroup ─► HostFiles ─► Limits::read ─► Limits::of_rank ─► Allowance
//! ```
//!
//! Invariants: everything that is read goes through [`HostFiles`], and what follows from it is a pure function; the
//! least limit decides, and the [`Allowance`] names it; a limit that could not be read is absent, never 0.

mod cgroup;
mod cpus;
mod files;
mod limits;
mod peak_memory;
pub mod place;
mod subnormals;
#[cfg(test)]
mod tests;

pub use cpus::CpuSet;
pub use files::{HostFiles, ThisHost};
pub use limits::{Allowance, CpuLimit, Limits, MemoryLimit};
pub use peak_memory::peak_memory;
pub use place::name;
pub use subnormals::flush_subnormals;
