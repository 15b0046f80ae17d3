//! Rank 0's observer of what is measured after a run: builds the list of tasks, shows the progress, writes
//! `observe/status.json`, and a part for every cell that is given up.
//!
//! Invariants: the run directory's lease is held from before the first look at it to the end, so that no run works in it
//! meanwhile; what was asked for is kept before anything is measured; a cell that is given up gets a part of its own that says
//! why. Such a cell is tried again by the next command: what stood in the way was most likely a file, and has been mended.

use std::collections::HashMap;
use std::sync::Arc;

use super::allocation::{Allocation, Reached};
use super::hold::hold;
use super::observation::{Observation, forget_split, give_up};
use super::progress::Display;
use super::status_file::StatusFile;
use super::unfinished::unfinished;
use crate::cost::Rates;
use crate::data::Shape;
use crate::dispatch::{CellFailure, CohortTask, Note, Observer, ObserverError, Outcome, Progress, TaskId};
use crate::plan::CellId;
use crate::run_directory::{Addition, Record, RunDirectoryError};
use crate::session::addition_context::{AdditionContext, Asked};
use crate::session::error::SessionError;
use crate::session::schedule::forecast::limits;
use crate::session::schedule::measuring::{MeasuringCosts, Survey, tasks};
use crate::session::settings::ObserveSettings;
use crate::session::start::launch::Launched;
use crate::store::{RunDirectory, durable, scan, set_aside};

/// The observer of rank 0.
pub(in crate::session) struct AdditionObserver {
    context: Arc<AdditionContext>,
    /// Its `found` are the cells that were measured before.
    observation: Observation,
    costs: Vec<MeasuringCosts>,
    /// Finished cells that cannot be measured because weights are missing.
    without_weights: u64,
}

impl AdditionObserver {
    /// Takes the directory, looks at what is there, keeps what is asked for, and lists what is left.
    pub(in crate::session) fn prepare(
        context: &Arc<AdditionContext>,
        settings: &ObserveSettings,
        launched: &Launched,
        record: &Record,
    ) -> Result<(Vec<CohortTask>, AdditionObserver), SessionError> {
        let (run, directory) = (&context.run, &context.run.directory);
        let lease = hold(directory, settings.job.take_over)?;
        if Record::read(directory)?.as_ref() != Some(record) {
            return Err(SessionError::Resumable(format!(
                "another command changed {} at the same moment: run this one again",
                directory.root().display()
            )));
        }
        let additions: Vec<&Addition> = context.asked.iter().map(|asked| &asked.addition).collect();
        check_asked(directory, &additions, settings.replace)?;
        let of_run = scan(&directory.parts())?;
        let mut surveys = Vec::new();
        for asked in &context.asked {
            let own = match asked.directory.parts().is_dir() {
                true => Some(scan(&asked.directory.parts())?),
                false => None,
            };
            for (path, _) in own.iter().flat_map(|own| &own.torn) {
                set_aside(path)?;
            }
            for (_, refusal) in own.iter().flat_map(|own| &own.refused) {
                tracing::warn!("{refusal}; it is left alone");
            }
            let moments = &asked.asked.moments;
            surveys.push(Survey::of(directory, &run.plan, run.ids(), moments, &of_run, own.as_ref())?);
        }
        let remarks = |place: usize| surveys[place].remarks(context.asked[place].asked.observable, directory);
        for (place, survey) in surveys.iter().enumerate() {
            if survey.measurable.is_empty() {
                // Nothing is kept of a request that measures nothing.
                return Err(SessionError::Refused(remarks(place)));
            }
            remarks(place).iter().for_each(|remark| tracing::warn!("{remark}"));
        }
        durable::create_directory(directory.additions().root())?;
        for asked in &context.asked {
            asked.addition.keep(directory)?;
            asked.directory.tidy()?;
        }
        let found: u64 = surveys.iter().map(|survey| survey.measured.len() as u64).sum();
        let reached = Reached::of_all(&directories(context), found)?;
        let allocation = Allocation::begin(&directory.additions(), reached, launched.deadline.left)?;

        let shapes: Vec<Shape> = record.data.iter().map(|data| data.shape).collect();
        let rates = Rates::default_path().map(|path| Rates::read(&path)).unwrap_or_default();
        let execution = &launched.execution;
        let ranks = launched.ranks;
        let workers = if settings.job.dedicated_coordinator && ranks > 1 { ranks - 1 } else { ranks };
        let limits = limits(execution, workers as usize);
        let (mut all, mut costs) = (Vec::new(), Vec::new());
        for (place, (asked, survey)) in context.asked.iter().zip(&surveys).enumerate() {
            let of = MeasuringCosts::of(&run.plan, asked, &shapes, execution, &rates);
            let done = |id: &CellId| survey.measured.contains(id);
            let unfinished = unfinished(&asked.directory, &done)?;
            let number = |cell| context.number(place, cell);
            all.extend(tasks(&run.plan, run.ids(), (place, survey), &unfinished, &of, &limits, number));
            costs.push(of);
            tracing::info!(
                "{}: {} at {} {}s, of {} cells; {} measured before",
                run.plan.sweep().name,
                asked.asked.observable,
                asked.asked.moments.len(),
                asked.asked.moments.unit.name(),
                survey.measurable.len(),
                survey.measured.len()
            );
        }
        let left = all.iter().map(|task| task.cells.len() as u64).sum();
        let observation = Observation {
            lease,
            display: Display::new(left, settings.job.quiet),
            started: launched.started,
            status: StatusFile::new(&directory.additions(), ranks, found),
            rates,
            cells_of: HashMap::new(),
            allocation,
            found,
        };
        let observer = AdditionObserver {
            context: context.clone(),
            observation,
            costs,
            without_weights: surveys.iter().map(|survey| survey.without_weights).sum(),
        };
        Ok((all, observer))
    }

    /// Ends the observation: last status, remembered rates. Returns the number of cells without weights.
    pub(in crate::session) fn finish(&mut self) -> u64 {
        self.observation.finish(true);
        self.without_weights
    }

    /// Ids of the cells of these numbers, and the directory of their observable.
    fn of_numbers(&self, numbers: &[u32]) -> (Vec<CellId>, RunDirectory) {
        let context = &self.context;
        let place = numbers.first().map_or(0, |&number| context.of_number(number).0);
        let ids = numbers.iter().map(|&number| context.run.id(context.of_number(number).1)).collect();
        (ids, context.asked[place].directory.clone())
    }
}

fn directories(context: &AdditionContext) -> Vec<RunDirectory> {
    context.asked.iter().map(|asked| asked.directory.clone()).collect()
}

/// Refuses to ask for an observable with other settings than before, unless that is meant to be replaced.
///
/// # Errors
/// [`SessionError::Refused`], a sentence for each; the requests of the directory cannot be read.
pub(in crate::session) fn check_asked(
    directory: &RunDirectory,
    additions: &[&Addition],
    replace: bool,
) -> Result<(), SessionError> {
    if replace {
        return Ok(());
    }
    let kept = Addition::read_all(directory).map_err(|error: RunDirectoryError| SessionError::from(error))?;
    let other = |asked: &&Addition| {
        let kept = kept.iter().find(|kept| kept.observable == asked.observable)?;
        (kept.settings != asked.settings).then(|| {
            format!(
                "{} was asked for before, with other settings: {}. Leave --set out to go on with it, or say --replace to \
                 measure it anew as {}; what was measured before is then removed",
                asked.observable,
                kept.sets.join(" "),
                asked.sets.join(" ")
            )
        })
    };
    let sentences: Vec<String> = additions.iter().filter_map(other).collect();
    if sentences.is_empty() { Ok(()) } else { Err(SessionError::Refused(sentences)) }
}

impl Observer for AdditionObserver {
    fn progress(&mut self, progress: &Progress) -> Result<(), ObserverError> {
        self.observation.progress(progress)
    }

    fn note(&mut self, note: &Note) -> Result<(), ObserverError> {
        let (context, costs) = (&self.context, &self.costs);
        self.observation.note(note, |numbers| {
            let of = |number: u32| {
                let (place, cell) = context.of_number(number);
                (&costs[place], context.run.plan.variant_of(cell))
            };
            let (own, variant) = of(*numbers.first()?);
            let operations = numbers.iter().map(|&number| of(number)).map(|(own, variant)| own.flops[variant]);
            Some((own.rate_key[variant].clone(), operations.sum()))
        })
    }

    fn failed(&mut self, cells: &[u32], reason: &CellFailure) -> Result<(), ObserverError> {
        self.observation.lease.check()?;
        for &number in cells {
            let (place, cell) = self.context.of_number(number);
            let Asked { addition, directory, .. } = &self.context.asked[place];
            let id = self.context.run.id(cell);
            tracing::warn!("{} of cell {id} is given up: {reason}", addition.observable);
            give_up(directory, &self.context.run.plan, (cell, id), reason)?;
        }
        Ok(())
    }

    fn conclude(&mut self, outcome: &mut Outcome) -> Result<(), ObserverError> {
        let directories = directories(&self.context);
        self.observation.conclude(outcome, |done| Ok(Reached::of_all(&directories, done)?))
    }

    fn split(&mut self, parent: TaskId, children: &[CohortTask]) -> Result<(), ObserverError> {
        let numbers: Vec<u32> = children.iter().flat_map(|child| child.cells.iter().copied()).collect();
        let (ids, directory) = self.of_numbers(&numbers);
        forget_split(&directory, &ids, parent, children)
    }
}
