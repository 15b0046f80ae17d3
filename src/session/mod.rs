//! How the rooms meet in one `phasesweep run`: from the sweep file to `results.h5`, on one process or on every rank.
//!
//! Rank 0 reads the sweep and its data and tells the others what was asked for and what the data are, so that all compute
//! the same plan; it alone looks at the run directory, packs what is left, coordinates, and collects. Every rank trains and
//! writes its own parts.

mod adaptive;
mod allocation;
mod crash_marker;
mod deadline;
mod examination;
mod forecast;
mod full_cells;
mod kept_weights;
mod opening;
mod pools;
mod progress;
mod pruning;
mod run_context;
mod runner;
mod signals;
mod terms;
mod todo;
mod trials;
mod watch;
mod workload;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

pub use examination::findings_of_plan;
pub use forecast::{Forecast, bytes, heaviest_cell};
pub use terms::{ResolvedTerms, Terms};

use crate::data::DataError;
use crate::dispatch::{self, DispatchError, End, Launch, StopCause, Topology, World};
use crate::duration::span;
use crate::host::{Allowance, CpuSet, Limits, ThisHost};
use crate::run_directory::{Collecting, RunDirectoryError};
use crate::slurm::TimeLeft;
use crate::store::{Collected, Origin, StoreError};
use crate::train::DeviceError;
use crash_marker::CrashMarker;
use deadline::{Deadline, deadline};
use examination::Examined;
use opening::Opening;
use run_context::RunContext;
use runner::{Manner, Runner};
use watch::{RunStart, Watcher};

/// What `phasesweep run` was asked to do.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The sweep file, a run directory, or the sweep file in one.
    pub sweep_file: PathBuf,
    /// `--set` overrides.
    pub overrides: Vec<String>,
    /// Directory that relative paths in them start from; the working directory unless given.
    pub overrides_from: Option<PathBuf>,
    /// Go on in a directory that belongs to another sweep, or whose data changed.
    pub accept_changes: bool,
    /// Device, engine, threads, memory.
    pub terms: Terms,
    /// Run directory; `runs/<sweep name>` unless given.
    pub out: Option<PathBuf>,
    /// Time between two checkpoints of a cohort.
    pub checkpoint_every: Duration,
    /// Time until the allocation ends, if it is told; else Slurm is asked.
    pub walltime: Option<TimeLeft>,
    /// Time kept free before that.
    pub margin: Duration,
    /// Rank 0 coordinates only.
    pub dedicated_coordinator: bool,
    /// Take the directory's lease without watching whether its holder lives.
    pub take_over: bool,
    /// Collect `results.h5` at the end.
    pub collect: bool,
    /// Show no progress.
    pub quiet: bool,
    /// Seconds per cell that a simulated trainer sleeps.
    pub simulate: Option<f64>,
    /// The seed at which a trainer aborts the process, to prove that its cell is isolated.
    pub poison: Option<u64>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Every cell is there.
    Complete,
    /// Every cell was tried, some failed.
    FailedCells,
    /// Interrupted; run again to continue.
    Interrupted,
}

/// Why a run could not be done.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The sweep file, or a setting, is wrong.
    #[error("{0}")]
    Input(String),
    /// A data set is not there or not right.
    #[error("error: {0}")]
    Data(#[from] DataError),
    /// The device is not there.
    #[error("error: {0}")]
    Device(#[from] DeviceError),
    /// The disk, or what lies on it.
    #[error("error: {0}")]
    Store(#[from] StoreError),
    /// The ranks could not work together.
    #[error("error: {0}")]
    Dispatch(#[from] DispatchError),
    /// MPI could not start.
    #[error("error: {0}")]
    World(#[from] dispatch::WorldError),
    /// Interrupted by something that running again may get past; nothing finished is lost.
    #[error("{0}")]
    Resumable(String),
    /// A fault of the program.
    #[error("{0}")]
    Bug(String),
}

impl From<RunDirectoryError> for SessionError {
    fn from(error: RunDirectoryError) -> SessionError {
        match error {
            RunDirectoryError::Data(error) => SessionError::Data(error),
            RunDirectoryError::Store(error) => SessionError::Store(error),
            // Told as compilers do, each with its own prefix.
            RunDirectoryError::Sweep(diagnostics) => SessionError::Input(diagnostics.to_string()),
            error => SessionError::Input(format!("error: {error}")),
        }
    }
}

/// Runs a sweep on this process, or on all ranks if a launcher started this one.
///
/// # Errors
/// [`SessionError`]. On ranks other than 0 only what is that rank's own fault; rank 0 speaks for all.
pub fn run(settings: &Settings) -> Result<Ending, SessionError> {
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
    let deadline = if rank == 0 { deadline_of(settings) } else { Ok(Deadline::unknown(settings.margin)) };
    // A rank must not leave before the others know: rank 0's faults go through the opening, the others' end the job.
    let terms = settings.terms.resolve(allowance, local_rank as usize).map_err(SessionError::from);
    let terms = deadline.and_then(|deadline| Ok((terms?, deadline)));
    let (terms, deadline) = match (terms, &world) {
        (Err(error), Some(world)) if rank != 0 => {
            opening::agree(settings, Some(world), None)?;
            eprintln!("rank {rank}: {error}");
            world.abort(2)
        }
        (Err(error), world) => {
            return opening::agree(settings, world.as_ref(), Some(error)).map(|_| Ending::Interrupted);
        }
        (Ok(terms), _) => terms,
    };
    rayon::ThreadPoolBuilder::new().num_threads(terms.choice.threads).build_global().ok();

    let Opening { plan, record, directory, examined } = opening::agree(settings, world.as_ref(), None)?;
    let Examined { pools, findings, .. } = examined;
    findings.iter().for_each(|finding| tracing::warn!("{finding}"));
    let sweep_name = plan.sweep().name.clone();
    let fingerprint = format!("{} {:016x}", env!("CARGO_PKG_VERSION"), plan.digest());
    let context = Arc::new(RunContext::new(plan, directory, pools));

    let origin = Origin {
        host: crate::host::name(),
        rank,
        device: terms.device(),
        engine: String::new(),
        version: env!("CARGO_PKG_VERSION").to_string(),
        git_commit: env!("PHASESWEEP_GIT_COMMIT").to_string(),
        peak_memory: None,
    };
    tracing::debug!(
        "rank {rank} of {ranks} on {}: {} thread(s) ({}), {} of memory ({}), device {}",
        origin.host,
        terms.choice.threads,
        terms.allowance.thread_limit,
        bytes(terms.allowance.memory),
        terms.allowance.memory_limit,
        terms.device()
    );
    let manner = Manner {
        choice: terms.choice.clone(),
        checkpoint_every: settings.checkpoint_every,
        simulate: settings.simulate,
        poison: settings.poison,
        origin,
    };
    let conduct = dispatch::Settings {
        fingerprint,
        deadline: deadline.left.and_then(|left| started.checked_add(left)),
        margin: deadline.margin,
        stop,
        ..dispatch::Settings::default()
    };
    let make_runner = {
        let context = context.clone();
        move |_| Ok(Runner::new(context.clone(), manner.clone(), crash_marker.clone()))
    };
    let topology = || match &world {
        Some(world) => Topology::World { world, dedicated: settings.dedicated_coordinator },
        None => Topology::Threads(1),
    };
    if rank != 0 {
        opening::proceed(world.as_ref(), Ok(()))?;
        // Rank 0 says what went wrong.
        let outcome = match dispatch::run(topology(), Vec::new(), &conduct, make_runner, &mut watch::Idle) {
            Err(DispatchError::GivenUp { .. }) => return Err(SessionError::Input(String::new())),
            outcome => outcome?,
        };
        let ended = ending(&outcome.end);
        end_the_silent(&outcome, world.as_ref(), &ended);
        return ended.map_err(|_| SessionError::Input(String::new()));
    }

    let start = RunStart { ranks, started, left: deadline.left };
    let prepared = Watcher::prepare(&context, settings, &terms, &record, &findings, start);
    let (tasks, mut watcher) = opening::proceed(world.as_ref(), prepared)?;
    if tasks.is_empty() {
        tracing::info!("{sweep_name}: every cell is done already");
    }
    let outcome = dispatch::run(topology(), tasks, &conduct, make_runner, &mut watcher);
    let wall = watcher.finish();
    let outcome = outcome?;
    let ended = ending(&outcome.end);
    if let Err(error) = &ended
        && !outcome.lost.is_empty()
    {
        tracing::error!("{error}");
    }
    if ended.is_err() {
        end_the_silent(&outcome, world.as_ref(), &ended);
    }
    let mut ending = ended?;
    match &outcome.end {
        End::Interrupted(cause) => tracing::warn!(
            "interrupted: {cause}. {} cells are done, {} are left; run the same command again to continue",
            outcome.done,
            outcome.left
        ),
        End::Complete | End::FailedCells if settings.collect => {
            let collecting = Collecting {
                plan: &context.plan,
                ids: &context.ids,
                identities: &record.identities(),
                definition: &record.definition,
                directory: &context.directory,
                ranks,
                wall_seconds: wall,
                allow_fewer: false,
            };
            let collected = collecting.collect()?;
            if collected.failed > 0 && ending == Ending::Complete {
                ending = Ending::FailedCells;
            }
            tracing::info!(
                "{}: {} cells complete, {} diverged, {} failed, in {}",
                context.directory.results().display(),
                collected.complete,
                collected.diverged,
                collected.failed,
                span(started.elapsed().as_secs_f64())
            );
            tracing::info!("{}", cost(&collected));
        }
        End::Complete | End::FailedCells => {}
    }
    let ended = Ok(ending);
    end_the_silent(&outcome, world.as_ref(), &ended);
    ended
}

/// The end of the allocation, by this process's environment and clock.
fn deadline_of(settings: &Settings) -> Result<Deadline, SessionError> {
    let job_end = std::env::var("SLURM_JOB_END_TIME").ok();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let deadline =
        deadline(settings.walltime, settings.margin, job_end.as_deref(), now).map_err(SessionError::Input)?;
    if let Deadline { left: Some(left), margin, shortened: true } = deadline {
        tracing::warn!(
            "{} are left before the allocation ends: only {} of the {} of --margin are kept free",
            span(left.as_secs_f64()),
            span(margin.as_secs_f64()),
            span(settings.margin.as_secs_f64())
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

/// What the cells of a run cost, whichever launch trained them.
pub fn cost(collected: &Collected) -> String {
    if collected.training_seconds == 0.0 {
        return "no cell has been trained".to_owned();
    }
    let training = span(collected.training_seconds);
    let known = &collected.peak_memory;
    let Some(most) = known.iter().max() else { return format!("training took {training}, summed over cohorts") };
    let ranks = match known.len() {
        1 => String::new(),
        ranks => format!(" on the largest of {ranks} ranks, {} on all", bytes(known.iter().sum())),
    };
    format!("training took {training}, summed over cohorts, and {} of memory at most{ranks}", bytes(*most))
}

/// A world that lost a rank cannot be left in the orderly way: ends every rank with the code that says resumable, or with
/// the one of an error.
fn end_the_silent(outcome: &dispatch::Outcome, world: Option<&World>, ended: &Result<Ending, SessionError>) {
    if let Some(world) = world
        && !outcome.lost.is_empty()
    {
        tracing::warn!("ending the ranks that fell silent");
        world.abort(if ended.is_ok() { 75 } else { 2 });
    }
}

/// A disk that refuses will refuse again, and an allocation that brought nothing will bring nothing again: these are not
/// interruptions but something for a person to mend.
fn ending(end: &End) -> Result<Ending, SessionError> {
    match end {
        End::Complete => Ok(Ending::Complete),
        End::FailedCells => Ok(Ending::FailedCells),
        End::Interrupted(StopCause::Storage { message } | StopCause::NoProgress { message }) => {
            Err(SessionError::Input(format!("error: {message}")))
        }
        End::Interrupted(_) => Ok(Ending::Interrupted),
    }
}
