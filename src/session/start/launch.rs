//! The first steps of every command that works on the ranks of a job: MPI, signals, what the rank may use, the end of the
//! allocation, and the agreement on the plan.
//!
//! Invariant: a rank does not leave before the others know. Rank 0's faults go through the agreement, the others' end the job.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Instant, SystemTime};

use super::deadline::{Deadline, deadline};
use super::handshake::{Agreement, Loaded, agree_on_plan};
use super::signals;
use crate::amount::{bytes, span};
use crate::dispatch::{self, Launch, Topology, World};
use crate::host::{Allowance, CpuSet, Limits, ThisHost};
use crate::session::error::SessionError;
use crate::session::execution::Execution;
use crate::session::settings::JobSettings;
use crate::session::worker::crash_marker::CrashMarker;
use crate::store::Origin;

/// A process that has begun to work with the others.
pub(in crate::session) struct Launched {
    /// When it began.
    pub(in crate::session) started: Instant,
    /// The ranks; `None` without a launcher.
    pub(in crate::session) world: Option<World>,
    /// This rank.
    pub(in crate::session) rank: u32,
    /// All of them.
    pub(in crate::session) ranks: u32,
    /// Set by the signals that ask for an end.
    pub(in crate::session) stop: Arc<AtomicBool>,
    /// The marker of the cohort at work.
    pub(in crate::session) crash_marker: Arc<CrashMarker>,
    /// Device, threads and memory.
    pub(in crate::session) execution: Execution,
    /// When the allocation ends.
    pub(in crate::session) deadline: Deadline,
}

/// Begins, and agrees on the plan that `load` gives rank 0.
///
/// # Errors
/// [`SessionError`]. On ranks other than 0 only what is that rank's own fault; rank 0 speaks for all.
pub(in crate::session) fn launch(
    job: &JobSettings,
    load: impl FnOnce() -> Result<Loaded, SessionError>,
) -> Result<(Launched, Agreement), SessionError> {
    let started = Instant::now();
    let launch = Launch::detect();
    let world = if launch.is_some() { Some(World::start(launch)?) } else { None };
    let (rank, local_rank, ranks) = match &world {
        Some(world) => (world.rank(), world.local_rank(), world.size()),
        None => (0, 0, 1),
    };
    let crash_marker = Arc::new(CrashMarker::default());
    let stop = signals::watch(crash_marker.clone())?;
    let allowance = allowance(world.as_ref());
    // The clock of rank 0 alone decides.
    let deadline = if rank == 0 { deadline_of(job) } else { Ok(Deadline::unknown(job.margin)) };
    let execution = job.execution.resolve(allowance, local_rank as usize).map_err(SessionError::from);
    let execution = deadline.and_then(|deadline| Ok((execution?, deadline)));
    let (execution, deadline) = match (execution, &world) {
        (Err(error), Some(world)) if rank != 0 => {
            agree_on_plan(Some(world), None, load)?;
            tracing::error!("rank {rank}: {error}");
            world.abort(job.abort_codes.failed)
        }
        (Err(error), world) => {
            agree_on_plan(world.as_ref(), Some(error), load)?;
            return Err(SessionError::Bug("a fault was lost".to_string()));
        }
        (Ok(execution), _) => execution,
    };
    rayon::ThreadPoolBuilder::new().num_threads(execution.choice.threads).build_global().ok();
    let agreement = agree_on_plan(world.as_ref(), None, load)?;
    tracing::debug!(
        "rank {rank} of {ranks} on {}: {} thread(s) ({}), {} of memory ({}), device {}",
        crate::host::name(),
        execution.choice.threads,
        execution.allowance.thread_limit,
        bytes(execution.allowance.memory),
        execution.allowance.memory_limit,
        execution.device()
    );
    Ok((Launched { started, world, rank, ranks, stop, crash_marker, execution, deadline }, agreement))
}

impl Launched {
    /// Who conducts the work.
    pub(in crate::session) fn topology(&self, job: &JobSettings) -> Topology<'_> {
        match &self.world {
            Some(world) => Topology::World { world, dedicated: job.dedicated_coordinator },
            None => Topology::Threads(1),
        }
    }

    /// How the work is conducted; ranks with another fingerprint are refused.
    pub(in crate::session) fn dispatch_settings(&self, fingerprint: String) -> dispatch::Settings {
        dispatch::Settings {
            fingerprint,
            deadline: self.deadline.left.and_then(|left| self.started.checked_add(left)),
            margin: self.deadline.margin,
            stop: self.stop.clone(),
            ..dispatch::Settings::default()
        }
    }

    /// Where this rank works, for provenance; `device` is what computes.
    pub(in crate::session) fn origin(&self, device: String) -> Origin {
        Origin {
            host: crate::host::name(),
            rank: self.rank,
            device,
            engine: String::new(),
            version: env!("CARGO_PKG_VERSION").to_string(),
            git_commit: env!("PHASESWEEP_GIT_COMMIT").to_string(),
            peak_memory: None,
        }
    }
}

/// The end of the allocation, by this process's environment and clock.
fn deadline_of(job: &JobSettings) -> Result<Deadline, SessionError> {
    let job_end = std::env::var("SLURM_JOB_END_TIME").ok();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let deadline = deadline(job.walltime, job.margin, job_end.as_deref(), now).map_err(SessionError::Input)?;
    if let Deadline { left: Some(left), margin, shortened: true } = deadline {
        tracing::warn!(
            "{} are left before the allocation ends: only {} of the {} of --margin are kept free",
            span(left.as_secs_f64()),
            span(margin.as_secs_f64()),
            span(job.margin.as_secs_f64())
        );
    }
    Ok(deadline)
}

/// What this rank may use of its node: the ranks of a node tell each other to which CPUs they are bound.
pub fn allowance(world: Option<&World>) -> Allowance {
    let limits = Limits::read(&ThisHost);
    let Some(world) = world else { return limits.of_one_of(1) };
    let told = world.tell_node(limits.cpus().to_string().into_bytes());
    let cpus: Vec<CpuSet> = told.iter().map(|list| String::from_utf8_lossy(list).parse().unwrap_or_default()).collect();
    limits.of_rank(&cpus)
}
