//! Slurm: what to ask it for, whether that can work, the job script, and the submission.
//!
//! ```text
//! [slurm] table ─┐
//! flags ─────────┴► Request ─ check ─► render (slurm/templates, or the site's) ─ check_script ─► submit ─► <run>/slurm/jobs
//! ```
//!
//! [`Request`] is resolved once and never changed; [`check()`] and [`render`] are pure; [`Client`] alone starts Slurm's
//! programs, one call per question, and never waits for a job. The job script decides by phasesweep's exit code, and
//! the job's id is on disk before [`submit`] returns.

mod check;
mod client;
mod error;
mod job_id;
mod jobs;
mod options;
mod quantity;
mod request;
mod surrounding;
mod template;

pub use check::{Needs, Refusal, check, check_script};
pub use client::{Client, JobState, State, job_states, submit};
pub use error::SlurmError;
pub use job_id::JobId;
pub use jobs::{JobRecord, read_jobs, record_job};
pub use quantity::{MEMORY_FORMS, Memory, TimeLeft, WALLTIME_FORMS, Walltime, parse_interval};
pub use request::{DeviceKind, Launcher, Request};
pub use template::{NAMES, Template, TemplateError, render};
