//! `phasesweep run`: from the sweep file to `results.h5`, on one process or on every rank.

use std::sync::Arc;

use super::conduct::{cost, end_silent_ranks, ending_on_rank_0, follow};
use super::coordinator::run_observer::{RunObserver, RunStart};
use super::error::SessionError;
use super::run_context::RunContext;
use super::settings::{Ending, Settings};
use super::start::examination::Examined;
use super::start::handshake::{Agreement, confirm, load_run};
use super::start::launch::{Launched, launch};
use super::worker::runner::{Runner, WorkerConfig};
use crate::amount::span;
use crate::dispatch::{self, End};
use crate::run_directory::Collecting;

/// Runs a sweep on this process, or on all ranks if a launcher started this one.
///
/// # Errors
/// [`SessionError`]. On ranks other than 0 only what is that rank's own fault; rank 0 speaks for all.
pub fn run(settings: &Settings) -> Result<Ending, SessionError> {
    let job = &settings.job;
    let (launched, agreement) = launch(job, || load_run(settings))?;
    let Agreement { plan, record, directory, examined, .. } = agreement;
    let Launched { started, ranks, ref world, ref execution, ref deadline, .. } = launched;
    let Examined { pools, findings, .. } = examined;
    findings.iter().for_each(|finding| tracing::warn!("{finding}"));
    let sweep_name = plan.sweep().name.clone();
    let fingerprint = format!("{} {:016x}", env!("CARGO_PKG_VERSION"), plan.digest());
    let context = Arc::new(RunContext::new(plan, directory, pools));
    let config = WorkerConfig {
        choice: execution.choice.clone(),
        checkpoint_every: job.checkpoint_every,
        simulate: settings.simulate,
        poison: settings.poison,
        origin: launched.origin(execution.device()),
    };
    let dispatch_settings = launched.dispatch_settings(fingerprint);
    let make_runner = {
        let (context, crash_marker) = (context.clone(), launched.crash_marker.clone());
        move |_| Ok(Runner::new(context.clone(), config.clone(), crash_marker.clone()))
    };
    if launched.rank != 0 {
        return follow(&launched, job, &dispatch_settings, make_runner);
    }

    let start = RunStart { ranks, started, left: deadline.left };
    let prepared = RunObserver::prepare(&context, settings, execution, &record, &findings, start);
    let (tasks, mut observer) = confirm(world.as_ref(), prepared)?;
    if tasks.is_empty() {
        tracing::info!("{sweep_name}: every cell is done already");
    }
    let outcome = dispatch::run(launched.topology(job), tasks, &dispatch_settings, make_runner, &mut observer);
    let wall = observer.finish();
    let outcome = outcome?;
    let mut ending = ending_on_rank_0(&launched, job, &outcome)?;
    match &outcome.end {
        End::Interrupted(cause) => tracing::warn!(
            "interrupted: {cause}. {} cells are done, {} are left; run the same command again to continue",
            outcome.done,
            outcome.left
        ),
        End::Complete | End::FailedCells if job.collect => {
            let collecting = Collecting {
                plan: &context.plan,
                ids: context.ids(),
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
    end_silent_ranks(job, &outcome, world.as_ref(), &ended);
    ended
}
