//! `phasesweep observe`: measures more on the weights that a run kept, on one process or on every rank; nothing is trained.

use std::sync::Arc;

use super::addition_context::{AdditionContext, Asked};
use super::conduct::{end_silent_ranks, ending_on_rank_0, follow};
use super::coordinator::addition_observer::{AdditionObserver, check_asked};
use super::error::SessionError;
use super::run_context::RunContext;
use super::schedule::measuring::{MeasuringForecast, Survey, counts_text};
use super::settings::{Ending, ObserveSettings};
use super::start::examination::{Examined, examine};
use super::start::handshake::{Agreement, Loaded, confirm, data_records};
use super::start::launch::{Launched, launch};
use super::worker::measurer::{Measurer, MeasurerConfig};
use super::worker::workload;
use crate::amount::span;
use crate::dispatch::{self, End};
use crate::host::{Limits, ThisHost};
use crate::observables::Observer;
use crate::plan::Plan;
use crate::run_directory::{
    Addition, KeptRun, Record, RunDirectoryError, check_data, collect_run, is_measured_by_the_run, kept_moments, locate,
};
use crate::store::{RunDirectory, scan};
use crate::sweep::{AskedAddition, parse_additions};
use crate::train::Problem;

/// Measures what is asked for of a run on the weights that it kept, and collects.
///
/// # Errors
/// [`SessionError`]. On ranks other than 0 only what is that rank's own fault; rank 0 speaks for all.
pub fn observe(settings: &ObserveSettings) -> Result<Ending, SessionError> {
    let job = &settings.job;
    let (launched, agreement) = launch(job, || load(settings))?;
    let Agreement { plan, record, directory, additions, examined } = agreement;
    let Launched { started, ref world, ref execution, .. } = launched;
    let keys: Vec<&str> = additions.iter().map(|addition| addition.settings.as_str()).collect();
    let fingerprint = format!("{} {:016x} observe {}", env!("CARGO_PKG_VERSION"), plan.digest(), keys.join(" "));
    let run = RunContext::new(plan, directory.clone(), examined.pools);
    let context = Arc::new(AdditionContext::new(run, additions)?);
    // Copies of the weights are measured on the host's processors, whatever trained them.
    let config = MeasurerConfig {
        threads: execution.choice.threads,
        checkpoint_every: job.checkpoint_every,
        origin: launched.origin("cpu".to_owned()),
    };
    let dispatch_settings = launched.dispatch_settings(fingerprint);
    let make_runner = {
        let (context, crash_marker) = (context.clone(), launched.crash_marker.clone());
        move |_| Ok(Measurer::new(context.clone(), config.clone(), crash_marker.clone()))
    };
    if launched.rank != 0 {
        return follow(&launched, job, &dispatch_settings, make_runner);
    }

    let prepared =
        check_fits(&context).and_then(|()| AdditionObserver::prepare(&context, settings, &launched, &record));
    let (tasks, mut observer) = confirm(world.as_ref(), prepared)?;
    if tasks.is_empty() {
        tracing::info!("{}: everything that was asked for is measured already", record.name);
    }
    let outcome = dispatch::run(launched.topology(job), tasks, &dispatch_settings, make_runner, &mut observer);
    let without_weights = observer.finish();
    let outcome = outcome?;
    let mut ending = ending_on_rank_0(&launched, job, &outcome)?;
    match &outcome.end {
        End::Interrupted(cause) => tracing::warn!(
            "interrupted: {cause}. {} cells are measured, {} are left; run the same command again to continue",
            outcome.done,
            outcome.left
        ),
        End::Complete | End::FailedCells => {
            if without_weights > 0 && ending == Ending::Complete {
                ending = Ending::FailedCells;
            }
            if job.collect {
                let collected = collect_run(&KeptRun::open(&directory)?, false)?;
                let added: Vec<String> =
                    collected.added.iter().map(|(name, cells)| format!("{name} of {cells} cells")).collect();
                tracing::info!(
                    "{}: measured after the run: {}; in {}",
                    directory.results().display(),
                    added.join(", "),
                    span(started.elapsed().as_secs_f64())
                );
            }
        }
    }
    let ended = Ok(ending);
    end_silent_ranks(job, &outcome, world.as_ref(), &ended);
    ended
}

/// What measuring would take: cells, epochs, operations, memory and time. Needs no data, and changes nothing.
///
/// # Errors
/// As [`observe`], as far as the run directory alone tells.
pub fn plan_observe(settings: &ObserveSettings, ranks: usize) -> Result<MeasuringForecast, SessionError> {
    let directory = locate(&settings.directory)?;
    let record = record_of(&directory)?;
    let run = KeptRun::open(&directory)?;
    let asked = additions_of(settings, &directory, &run.plan)?;
    let remarks: Vec<String> = asked.iter().filter_map(not_kept).collect();
    let asked: Vec<Asked> = asked
        .into_iter()
        .map(|asked| Asked::new(Addition::new(&asked), &run.plan, &directory))
        .collect::<Result<_, _>>()?;
    let of_run = scan(&directory.parts())?;
    let mut surveys = Vec::new();
    for asked in &asked {
        let parts = asked.directory.parts();
        let own = if parts.is_dir() { Some(scan(&parts)?) } else { None };
        let moments = &asked.asked.moments;
        surveys.push(Survey::of(&directory, &run.plan, run.ids(), moments, &of_run, own.as_ref())?);
    }
    let execution = settings.job.execution.resolve(Limits::read(&ThisHost).of_one_of(ranks), 0)?;
    let shapes: Vec<_> = record.data.iter().map(|data| data.shape).collect();
    let of_run = (&run.plan, run.ids(), &directory);
    let mut forecast = MeasuringForecast::new(of_run, &asked, &surveys, &shapes, execution, ranks);
    remarks.into_iter().for_each(|remark| forecast.remark(remark));
    Ok(forecast)
}

/// What the directory knows of its run.
fn record_of(directory: &RunDirectory) -> Result<Record, SessionError> {
    Record::read(directory)?.ok_or_else(|| {
        SessionError::Input(format!(
            "{} is of an earlier phasesweep, which did not keep what is needed of its data: run it once more (`phasesweep run \
             {}`), which trains nothing that is there",
            directory.root().display(),
            directory.root().display()
        ))
    })
}

/// What is asked for, or else was asked for before: each observable once.
fn additions_of(
    settings: &ObserveSettings,
    directory: &RunDirectory,
    plan: &Plan,
) -> Result<Vec<AskedAddition>, SessionError> {
    let kept = kept_moments(plan);
    let place = directory.root().display();
    if plan.sweep().observe.flow.is_some() {
        return Err(SessionError::Input(format!(
            "the run in {place} is of gradient flows, whose weights are kept at stages instead of epochs: other programs read \
             them, `observe` does not. Ask for the observable in the sweep file's [observe]"
        )));
    }
    if kept.is_empty() {
        return Err(SessionError::Input(format!(
            "the run in {place} keeps no weights, so that nothing can be measured on them. Ask for the observable in the \
             sweep file's [observe], or write `weights = {{ every = 10 }}` there; both are other cells, and are trained anew"
        )));
    }
    let asked = if settings.sets.is_empty() {
        let before = Addition::read_all(directory)?;
        if before.is_empty() {
            return Err(SessionError::Input(format!(
                "nothing was asked for of the run in {place} so far: say what is to be measured, as in --set \
                 'sharpness={{at={{every=10}}}}'. Without a schedule it is every {} whose weights were kept ({}). `phasesweep \
                 keys observe` lists the observables",
                kept.unit.name(),
                counts_text(&kept.counts)
            )));
        }
        before.iter().map(|addition| addition.asked(plan).map_err(SessionError::Input)).collect::<Result<_, _>>()?
    } else {
        let asked = parse_additions(&settings.sets, plan.sweep().train.epochs, &kept).map_err(SessionError::Sweep)?;
        let requests: Vec<Addition> = asked.iter().map(Addition::new).collect();
        check_asked(directory, &requests.iter().collect::<Vec<_>>(), settings.replace)?;
        asked
    };
    let mut refused = Vec::new();
    for asked in &asked {
        let name = asked.observable;
        if is_measured_by_the_run(plan, name) {
            refused.push(format!(
                "the run measures {name} itself, as its sweep file asks: it is in results.h5. With other settings it would be \
                 the same variables; run the sweep with these into a directory of its own (--out)"
            ));
        }
        for (_, observable) in asked.scheduled.asked() {
            if let Err(needs) = observable.measurable_afterwards() {
                refused.push(format!(
                    "{name} cannot be measured after a run: it needs {needs}. Ask for it in the sweep file's [observe]"
                ));
            }
        }
        if asked.moments.is_empty() {
            let (asked, unit) = (asked.not_kept.unit.name(), kept.unit.name());
            let advice = match asked == unit {
                true => String::new(),
                false => {
                    format!(", as in --set '{name}={{at={{steps=[…]}}}}' where they are steps, at=[…] where epochs")
                }
            };
            refused.push(format!(
                "{name}: none of the {asked}s that are asked for has weights that were kept: these are of {unit}s {}{advice}",
                counts_text(&kept.counts)
            ));
        }
    }
    if refused.is_empty() { Ok(asked) } else { Err(SessionError::Refused(refused)) }
}

/// Which moments that are asked for have no weights, as a sentence.
fn not_kept(asked: &AskedAddition) -> Option<String> {
    let AskedAddition { observable, moments, not_kept, .. } = asked;
    (!not_kept.is_empty()).then(|| {
        format!(
            "{observable}: of {} {}s that are asked for, {} are measured ({}); of the others the run kept no weights ({})",
            moments.len() + not_kept.len(),
            moments.unit.name(),
            moments.len(),
            counts_text(&moments.counts),
            counts_text(&not_kept.counts)
        )
    })
}

/// Reads the run, what is asked for, and the data, which must be those that the run was trained on.
fn load(settings: &ObserveSettings) -> Result<Loaded, SessionError> {
    let directory = locate(&settings.directory)?;
    let record = record_of(&directory)?;
    let name = directory.sweep_file().display().to_string();
    let sweep = record.definition.sweep(&name).map_err(RunDirectoryError::from)?;
    let plan = Plan::new(sweep.clone(), &record.identities());
    let asked = additions_of(settings, &directory, &plan)?;
    asked.iter().filter_map(not_kept).for_each(|sentence| tracing::warn!("{sentence}"));
    // What can be told of networks, data and observables together is told as by a run that measures all of it.
    let mut measured = sweep.clone();
    measured.observe.probes = asked.iter().fold(Default::default(), |all, asked| asked.scheduled.clone().with(all));
    let mut examined: Examined = examine(&measured)?;
    let data = data_records(&sweep, &mut examined)?;
    check_data(&directory, &record.data, &data)?;
    let additions = asked.iter().map(Addition::new).collect();
    Ok(Loaded { record, name, root: directory.root().to_path_buf(), additions, sweep, examined })
}

/// Refuses what cannot be measured of a network on its data, before anything is begun: on one block of each.
fn check_fits(context: &AdditionContext) -> Result<(), SessionError> {
    let plan = &context.run.plan;
    let mut seen = Vec::new();
    let mut refused: Vec<String> = Vec::new();
    for (place, variant) in plan.variants().iter().enumerate() {
        if seen.contains(&(variant.data, variant.architecture)) {
            continue;
        }
        seen.push((variant.data, variant.architecture));
        let prepared = context.run.block(place)?;
        for asked in &context.asked {
            let scheduled = asked.asked.scheduled.clone();
            let problem = Problem { scheduled, ..workload::problem(plan, place, &prepared) };
            let subject = problem.subject();
            if let Err(reason) = Observer::new(&subject, &problem.scheduled, &[1], 1)
                && !refused.contains(&reason)
            {
                refused.push(reason);
            }
        }
    }
    if refused.is_empty() { Ok(()) } else { Err(SessionError::Refused(refused)) }
}
