//! Rank 0's observer: builds the list of tasks, shows the progress, writes `status.json`, and writes a part for every cell
//! that is given up.
//!
//! Invariants: the run directory's lease is held from before the first look at it to the end; a cell that is given up
//! gets a part of its own that says why, so that nothing is dropped in silence.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::allocation::{Allocation, Reached};
use super::hold::hold;
use super::observation::{Observation, forget_split, give_up};
use super::progress::Display;
use super::status_file::StatusFile;
use super::unfinished::unfinished;
use crate::cost::Rates;
use crate::data::Shape;
use crate::dispatch::{CellFailure, CohortTask, Note, Observer, ObserverError, Outcome, Progress, TaskId};
use crate::pack::Limits;
use crate::plan::CellId;
use crate::run_directory::{Record, check_claim, keep_images};
use crate::session::error::SessionError;
use crate::session::execution::Execution;
use crate::session::run_context::RunContext;
use crate::session::schedule::adaptive;
use crate::session::schedule::forecast::{Costs, kept_weights, limits};
use crate::session::schedule::remaining;
use crate::session::schedule::trials;
use crate::session::settings::Settings;
use crate::session::worker::full_cells::FullCells;
use crate::store::{StoreError, scan, set_aside};

/// The observer of the ranks other than 0: it does nothing.
pub(in crate::session) struct Idle;

impl Observer for Idle {
    fn failed(&mut self, _: &[u32], _: &CellFailure) -> Result<(), ObserverError> {
        Ok(())
    }
}

/// The observer of rank 0.
pub(in crate::session) struct RunObserver {
    context: Arc<RunContext>,
    /// Its `found` are the cells of the directory that were done before the run began, asked for or not.
    observation: Observation,
    costs: Costs,
    simulated: bool,
    limits: Limits,
    /// Seeds that each variant has been given so far.
    seeds: Vec<usize>,
}

/// What the launcher and the clock say of a run.
#[derive(Debug, Clone, Copy)]
pub(in crate::session) struct RunStart {
    /// Number of ranks.
    pub(in crate::session) ranks: u32,
    /// When this process began.
    pub(in crate::session) started: Instant,
    /// Time left before the allocation ends; `None` if it does not.
    pub(in crate::session) left: Option<Duration>,
}

impl RunObserver {
    /// Takes the directory, looks at what is there, and lists what is left.
    pub(in crate::session) fn prepare(
        context: &Arc<RunContext>,
        settings: &Settings,
        execution: &Execution,
        record: &Record,
        findings: &[String],
        start: RunStart,
    ) -> Result<(Vec<CohortTask>, RunObserver), SessionError> {
        let RunStart { ranks, started, left } = start;
        let directory = &context.directory;
        directory.create()?;
        let lease = hold(directory, settings.job.take_over)?;
        directory.tidy()?;
        if !settings.accept_changes {
            // Another run may have opened the directory between the first look at it and the lease.
            check_claim(directory, record, &context.plan)?;
        }
        record.keep(directory)?;
        directory.keep_data_findings(findings)?;
        keep_images(directory, &context.plan, &record.identities(), || context.pool(0));

        let found = scan(&directory.parts())?;
        for (path, _) in &found.torn {
            set_aside(path)?;
        }
        for (_, refusal) in &found.refused {
            tracing::warn!("{refusal}; it is left alone");
        }
        let done = |id: &CellId| found.done.contains_key(id);
        let unfinished = unfinished(directory, &done)?;
        let cells_found = found.done.len() as u64;
        let allocation = Allocation::begin(directory, Reached::of(directory, cells_found)?, left)?;

        let shapes: Vec<Shape> = record.data.iter().map(|data| data.shape).collect();
        let mut rates = Rates::default_path().map(|path| Rates::read(&path)).unwrap_or_default();
        let mut costs = Costs::of(&context.plan, &shapes, execution, &rates);
        if let Some(seconds) = settings.simulate {
            costs.of_variant.iter_mut().for_each(|cost| cost.seconds = seconds);
        }
        let plan = &context.plan;
        let wanted: Vec<u32> = (0..plan.variants().len())
            .flat_map(|variant| (0..plan.certain_seeds()).map(move |seed| plan.cell(variant, seed)))
            .collect();
        if settings.simulate.is_none() {
            let left = wanted.iter().copied().filter(|&cell| !done(&context.id(cell)));
            trials::settle(context, execution, left, &mut costs, &mut rates);
        }
        let workers = if settings.job.dedicated_coordinator && ranks > 1 { ranks - 1 } else { ranks };
        let limits = limits(execution, workers as usize);
        let tasks = remaining::tasks(plan, context.ids(), &wanted, &done, &unfinished, &costs.of_variant, &limits);
        let left: u64 = tasks.iter().map(|task| task.cells.len() as u64).sum();
        let before = wanted.len() as u64 - left;
        tracing::info!(
            "{}: {} cells, {before} done before; {left} in {} cohorts on {ranks} rank(s) of {} thread(s), device {}",
            plan.sweep().name,
            wanted.len(),
            tasks.len(),
            execution.choice.threads,
            execution.device(),
        );
        if let Some(kept) = kept_weights(plan, &shapes)
            && left > 0
        {
            tracing::info!("weights: {kept}");
        }
        let observation = Observation {
            lease,
            display: Display::new(left, settings.job.quiet),
            started,
            status: StatusFile::new(directory, ranks, before),
            rates,
            cells_of: HashMap::new(),
            allocation,
            found: cells_found,
        };
        let observer = RunObserver {
            context: context.clone(),
            observation,
            costs,
            simulated: settings.simulate.is_some(),
            limits,
            seeds: vec![plan.certain_seeds(); plan.variants().len()],
        };
        Ok((tasks, observer))
    }

    /// Ends the observation: last status, remembered rates. Returns the wall time of the run in seconds.
    pub(in crate::session) fn finish(&mut self) -> f64 {
        self.observation.finish(!self.simulated).as_secs_f64()
    }
}

impl RunObserver {
    /// Tasks of the seeds that the stopping rule adds, now that all earlier ones are done.
    fn more_seeds(&mut self) -> Result<Vec<CohortTask>, StoreError> {
        let context = self.context.clone();
        let plan = &context.plan;
        let Some(rule) = plan.sweep().stop.half_width else { return Ok(Vec::new()) };
        let mut full_cells = FullCells::new(context.directory.clone());
        let mut wanted = Vec::new();
        // A pruned variant gets the seeds of its full one, whose ε* is what the rule is about.
        let mut next = self.seeds.clone();
        for (variant, (next, &seeds)) in next.iter_mut().zip(&self.seeds).enumerate() {
            if plan.full_cell_of(plan.cell(variant, 0)).is_some() {
                continue;
            }
            let mut found = Vec::new();
            for seed in 0..seeds {
                let id = context.id(plan.cell(variant, seed));
                found.extend(full_cells.get(id)?.epsilon_star());
            }
            *next = adaptive::seeds_wanted(&found, seeds, &rule);
            if *next > seeds {
                let labels = plan.labels(plan.variants()[variant]).join(", ");
                tracing::info!("{labels}: {} of {seeds} cells turned; going on to {next} seeds", found.len());
            }
        }
        for variant in 0..plan.variants().len() {
            if let Some(full) = plan.full_cell_of(plan.cell(variant, 0)) {
                next[variant] = next[plan.variant_of(full)];
            }
            wanted.extend((self.seeds[variant]..next[variant]).map(|seed| plan.cell(variant, seed)));
        }
        self.seeds = next;
        let found = scan(&context.directory.parts())?;
        let done = |id: &CellId| found.done.contains_key(id);
        let unfinished = unfinished(&context.directory, &done)?;
        Ok(remaining::tasks(plan, context.ids(), &wanted, &done, &unfinished, &self.costs.of_variant, &self.limits))
    }
}

impl Observer for RunObserver {
    fn progress(&mut self, progress: &Progress) -> Result<(), ObserverError> {
        self.observation.progress(progress)
    }

    fn note(&mut self, note: &Note) -> Result<(), ObserverError> {
        let (plan, costs) = (&self.context.plan, &self.costs);
        self.observation.note(note, |cells| {
            let key = costs.rate_key[plan.variant_of(*cells.first()?)].clone();
            Some((key, cells.iter().map(|&cell| costs.counted[plan.variant_of(cell)].flops).sum()))
        })
    }

    fn failed(&mut self, cells: &[u32], reason: &CellFailure) -> Result<(), ObserverError> {
        self.observation.lease.check()?;
        for &cell in cells {
            let id = self.context.id(cell);
            tracing::warn!("cell {id} is given up: {reason}");
            give_up(&self.context.directory, &self.context.plan, (cell, id), reason)?;
        }
        Ok(())
    }

    fn more(&mut self) -> Result<Vec<CohortTask>, ObserverError> {
        // A stage may be done already, from an earlier run: then the next one is asked for at once.
        loop {
            let before = self.seeds.clone();
            let tasks = self.more_seeds()?;
            if !tasks.is_empty() || self.seeds == before {
                return Ok(tasks);
            }
        }
    }

    fn conclude(&mut self, outcome: &mut Outcome) -> Result<(), ObserverError> {
        let directory = &self.context.directory;
        self.observation.conclude(outcome, |done| Ok(Reached::of(directory, done)?))
    }

    fn split(&mut self, parent: TaskId, children: &[CohortTask]) -> Result<(), ObserverError> {
        let cells = children.iter().flat_map(|child| &child.cells);
        let ids: Vec<CellId> = cells.map(|&cell| self.context.id(cell)).collect();
        forget_split(&self.context.directory, &ids, parent, children)
    }
}
