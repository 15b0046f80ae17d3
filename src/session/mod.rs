//! How the rooms meet in one `phasesweep run`: from the sweep file to `results.h5`, on one process or on every rank.
//!
//! Rank 0 reads the sweep and its data and tells the others what was asked for and what the data are, so that all compute
//! the same plan; it alone looks at the run directory, packs what is left, coordinates, and collects. Every rank trains and
//! writes its own parts.

mod coordinator;
mod error;
mod execution;
mod run_context;
mod schedule;
mod settings;
mod start;
mod worker;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

pub use error::SessionError;
pub use execution::{Execution, ExecutionOptions};
pub use schedule::forecast::{Forecast, heaviest_cell};
pub use settings::{AbortCodes, Ending, Settings};
pub use start::examination::findings_of_plan;

use crate::amount::{bytes, span};
use crate::dispatch::{self, DispatchError, End, Launch, StopCause, Topology, World};
use crate::host::{Allowance, CpuSet, Limits, ThisHost};
use crate::run_directory::Collecting;
use crate::store::{Collected, Origin};
use coordinator::run_observer::{RunObserver, RunStart};
use run_context::RunContext;
use start::deadline::{Deadline, deadline};
use start::examination::Examined;
use start::handshake::Agreement;
use worker::crash_marker::CrashMarker;
use worker::runner::{Runner, WorkerConfig};

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
    let stop = start::signals::watch(crash_marker.clone())?;
    let allowance = allowance(world.as_ref());
    // The clock of rank 0 alone decides.
    let deadline = if rank == 0 { deadline_of(settings) } else { Ok(Deadline::unknown(settings.margin)) };
    // A rank must not leave before the others know: rank 0's faults go through the handshake, the others' end the job.
    let execution = settings.execution.resolve(allowance, local_rank as usize).map_err(SessionError::from);
    let execution = deadline.and_then(|deadline| Ok((execution?, deadline)));
    let (execution, deadline) = match (execution, &world) {
        (Err(error), Some(world)) if rank != 0 => {
            start::handshake::agree_on_plan(settings, Some(world), None)?;
            tracing::error!("rank {rank}: {error}");
            world.abort(settings.abort_codes.failed)
        }
        (Err(error), world) => {
            return start::handshake::agree_on_plan(settings, world.as_ref(), Some(error)).map(|_| Ending::Interrupted);
        }
        (Ok(execution), _) => execution,
    };
    rayon::ThreadPoolBuilder::new().num_threads(execution.choice.threads).build_global().ok();

    let Agreement { plan, record, directory, examined } =
        start::handshake::agree_on_plan(settings, world.as_ref(), None)?;
    let Examined { pools, findings, .. } = examined;
    findings.iter().for_each(|finding| tracing::warn!("{finding}"));
    let sweep_name = plan.sweep().name.clone();
    let fingerprint = format!("{} {:016x}", env!("CARGO_PKG_VERSION"), plan.digest());
    let context = Arc::new(RunContext::new(plan, directory, pools));

    let origin = Origin {
        host: crate::host::name(),
        rank,
        device: execution.device(),
        engine: String::new(),
        version: env!("CARGO_PKG_VERSION").to_string(),
        git_commit: env!("PHASESWEEP_GIT_COMMIT").to_string(),
        peak_memory: None,
    };
    tracing::debug!(
        "rank {rank} of {ranks} on {}: {} thread(s) ({}), {} of memory ({}), device {}",
        origin.host,
        execution.choice.threads,
        execution.allowance.thread_limit,
        bytes(execution.allowance.memory),
        execution.allowance.memory_limit,
        execution.device()
    );
    let config = WorkerConfig {
        choice: execution.choice.clone(),
        checkpoint_every: settings.checkpoint_every,
        simulate: settings.simulate,
        poison: settings.poison,
        origin,
    };
    let dispatch_settings = dispatch::Settings {
        fingerprint,
        deadline: deadline.left.and_then(|left| started.checked_add(left)),
        margin: deadline.margin,
        stop,
        ..dispatch::Settings::default()
    };
    let make_runner = {
        let context = context.clone();
        move |_| Ok(Runner::new(context.clone(), config.clone(), crash_marker.clone()))
    };
    let topology = || match &world {
        Some(world) => Topology::World { world, dedicated: settings.dedicated_coordinator },
        None => Topology::Threads(1),
    };
    if rank != 0 {
        start::handshake::confirm(world.as_ref(), Ok(()))?;
        // Rank 0 says what went wrong.
        let outcome = match dispatch::run(
            topology(),
            Vec::new(),
            &dispatch_settings,
            make_runner,
            &mut coordinator::run_observer::Idle,
        ) {
            Err(DispatchError::GivenUp { .. }) => return Err(SessionError::OnRankZero),
            outcome => outcome?,
        };
        let ended = ending(&outcome.end);
        end_silent_ranks(settings, &outcome, world.as_ref(), &ended);
        return ended.map_err(|_| SessionError::OnRankZero);
    }

    let start = RunStart { ranks, started, left: deadline.left };
    let prepared = RunObserver::prepare(&context, settings, &execution, &record, &findings, start);
    let (tasks, mut observer) = start::handshake::confirm(world.as_ref(), prepared)?;
    if tasks.is_empty() {
        tracing::info!("{sweep_name}: every cell is done already");
    }
    let outcome = dispatch::run(topology(), tasks, &dispatch_settings, make_runner, &mut observer);
    let wall = observer.finish();
    let outcome = outcome?;
    let ended = ending(&outcome.end);
    if let Err(error) = &ended
        && !outcome.lost.is_empty()
    {
        tracing::error!("{error}");
    }
    if ended.is_err() {
        end_silent_ranks(settings, &outcome, world.as_ref(), &ended);
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
    end_silent_ranks(settings, &outcome, world.as_ref(), &ended);
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
fn end_silent_ranks(
    settings: &Settings,
    outcome: &dispatch::Outcome,
    world: Option<&World>,
    ended: &Result<Ending, SessionError>,
) {
    if let Some(world) = world
        && !outcome.lost.is_empty()
    {
        tracing::warn!("ending the ranks that fell silent");
        world.abort(if ended.is_ok() { settings.abort_codes.resumable } else { settings.abort_codes.failed });
    }
}

/// A disk that refuses will refuse again, and an allocation that brought nothing will bring nothing again: these are not
/// interruptions but something for a person to mend.
fn ending(end: &End) -> Result<Ending, SessionError> {
    match end {
        End::Complete => Ok(Ending::Complete),
        End::FailedCells => Ok(Ending::FailedCells),
        End::Interrupted(StopCause::Storage { message } | StopCause::NoProgress { message }) => {
            Err(SessionError::Input(message.clone()))
        }
        End::Interrupted(_) => Ok(Ending::Interrupted),
    }
}
