//! How the ranks of a job work until nothing is left to do, or something stops them, and what that means to whoever launched
//! the job.

use super::coordinator::run_observer::Idle;
use super::error::SessionError;
use super::settings::{Ending, JobSettings};
use super::start::handshake::confirm;
use super::start::launch::Launched;
use crate::amount::{bytes, span};
use crate::dispatch::{self, CohortRunner, DispatchError, End, StopCause, WorkerId, World};
use crate::store::Collected;

/// What a rank other than 0 does: it works until rank 0, which says what went wrong, releases it.
pub(super) fn follow<R: CohortRunner>(
    launched: &Launched,
    job: &JobSettings,
    dispatch_settings: &dispatch::Settings,
    make_runner: impl Fn(WorkerId) -> Result<R, String> + Send + Sync + 'static,
) -> Result<Ending, SessionError> {
    let world = launched.world.as_ref();
    confirm(world, Ok(()))?;
    let outcome = match dispatch::run(launched.topology(job), Vec::new(), dispatch_settings, make_runner, &mut Idle) {
        Err(DispatchError::GivenUp { .. }) => return Err(SessionError::OnRankZero),
        outcome => outcome?,
    };
    let ended = ending(&outcome.end);
    end_silent_ranks(job, &outcome, world, &ended);
    ended.map_err(|_| SessionError::OnRankZero)
}

/// How the work ended on rank 0. Where it failed, ranks that fell silent are ended.
pub(super) fn ending_on_rank_0(
    launched: &Launched,
    job: &JobSettings,
    outcome: &dispatch::Outcome,
) -> Result<Ending, SessionError> {
    let ended = ending(&outcome.end);
    if let Err(error) = &ended
        && !outcome.lost.is_empty()
    {
        tracing::error!("{error}");
    }
    if ended.is_err() {
        end_silent_ranks(job, outcome, launched.world.as_ref(), &ended);
    }
    ended
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
pub(super) fn end_silent_ranks(
    job: &JobSettings,
    outcome: &dispatch::Outcome,
    world: Option<&World>,
    ended: &Result<Ending, SessionError>,
) {
    if let Some(world) = world
        && !outcome.lost.is_empty()
    {
        tracing::warn!("ending the ranks that fell silent");
        world.abort(if ended.is_ok() { job.abort_codes.resumable } else { job.abort_codes.failed });
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
