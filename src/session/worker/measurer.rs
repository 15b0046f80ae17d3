//! A worker that measures after a run: it reads the weights that a cohort's cells kept, moment by moment, and leaves a part.
//!
//! Invariants: what is measured of a cell is what the run would have measured, to the bit, since the weights, the samples and
//! the program are the same; a part is written before the checkpoint it replaces is removed; nothing is reported finished
//! before its part is durable; a part has no hole that is not the cell's own (it diverged, or left early).

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::crash_marker::CrashMarker;
use super::full_cells::{FullCells, Life};
use super::saved_state;
use super::unfinished::Unfinished;
use super::workload;
use crate::dispatch::{CohortOutcome, CohortRunner, CohortTask, Control};
use crate::host::peak_memory;
use crate::observables::{Layout, Observer, Record, View, layout_on_weights};
use crate::plan::{CellId, CohortId};
use crate::session::addition_context::{AdditionContext, Asked};
use crate::store::{
    CellStatus, Checkpoint, Origin, Part, PartCell, RunningCohort, block_digest, durable, read_parameters,
};
use crate::train::{Problem, Replica, steps_per_epoch};

/// What [`Origin::engine`] says of what is measured after a run.
const ENGINE: &str = "measured on kept weights";

/// How a worker measures.
#[derive(Debug, Clone)]
pub(in crate::session) struct MeasurerConfig {
    /// Threads that share the work.
    pub(in crate::session) threads: usize,
    /// Time between two checkpoints of a cohort.
    pub(in crate::session) checkpoint_every: Duration,
    /// Where the worker is, for provenance.
    pub(in crate::session) origin: Origin,
}

/// Measures cohorts.
pub(in crate::session) struct Measurer {
    context: Arc<AdditionContext>,
    config: MeasurerConfig,
    finished: FullCells,
    crash_marker: Arc<CrashMarker>,
}

/// A cohort at work.
struct Cohort<'a> {
    id: CohortId,
    /// The observable.
    asked: &'a Asked,
    /// Indices into the plan.
    cells: &'a [u32],
    ids: &'a [CellId],
}

/// How far a cohort is.
struct Progress {
    /// One for each cell.
    records: Vec<Record>,
    /// The first moment that is not measured yet, in epochs or steps as its observable counts.
    from: usize,
    /// Seconds that earlier launches spent on it.
    before: f64,
}

impl CohortRunner for Measurer {
    fn run(&mut self, task: &CohortTask, control: &Control) -> CohortOutcome {
        self.measure(task, control).map_or_else(Unfinished::outcome, |seconds| CohortOutcome::Finished { seconds })
    }
}

impl Measurer {
    pub(in crate::session) fn new(
        context: Arc<AdditionContext>,
        config: MeasurerConfig,
        crash_marker: Arc<CrashMarker>,
    ) -> Measurer {
        let finished = FullCells::new(context.run.directory.clone());
        Measurer { context, config, finished, crash_marker }
    }

    fn measure(&mut self, task: &CohortTask, control: &Control) -> Result<f64, Unfinished> {
        let context = self.context.clone();
        let (observable, _) = context.of_number(task.cells[0]);
        let cells: Vec<u32> = task.cells.iter().map(|&number| context.of_number(number).1).collect();
        let ids: Vec<CellId> = cells.iter().map(|&cell| context.run.id(cell)).collect();
        let asked = &context.asked[observable];
        let cohort = Cohort { id: CohortId::of(&ids), asked, cells: &cells, ids: &ids };
        let running =
            RunningCohort::begin(&asked.directory, cohort.id, &ids, task.attempt + 1, self.config.origin.rank)?;
        self.crash_marker.take(running);
        let outcome = self.measure_cells(&cohort, control);
        // Whatever happened, this process survived it: only a death leaves the file behind.
        self.crash_marker.clear()?;
        outcome
    }

    fn measure_cells(&mut self, cohort: &Cohort<'_>, control: &Control) -> Result<f64, Unfinished> {
        let started = Instant::now();
        let context = self.context.clone();
        let (plan, asked) = (&context.run.plan, &cohort.asked.asked);
        let variant = plan.variant_of(cohort.cells[0]);
        let prepared = context.run.block(variant).map_err(Unfinished::error)?;
        let problem = Problem { scheduled: asked.scheduled.clone(), ..workload::problem(plan, variant, &prepared) };
        let graph = problem.graph().map_err(Unfinished::error)?;
        let digest = block_digest(&prepared.block);
        let subject = problem.subject();
        let mut layout = layout_on_weights(&problem.setup(), &problem.scheduled);

        let mut replicas: Vec<(Replica, Life)> = Vec::with_capacity(cohort.cells.len());
        for (&cell, &id) in cohort.cells.iter().zip(cohort.ids) {
            let kept = self.finished.kept(plan, cell, problem.train().len())?;
            let kept = kept.map_err(Unfinished::error)?;
            replicas.push((workload::replica(&context.run, cell, kept), self.finished.life(id)?));
        }
        let per_epoch: Vec<usize> = replicas.iter().map(|(replica, _)| steps_per_epoch(&problem, replica)).collect();
        let observer = Observer::new(&subject, &problem.scheduled, &per_epoch, self.config.threads);
        let observer = observer.map_err(Unfinished::error)?;
        let path = cohort.asked.directory.checkpoint(cohort.id);
        let Progress { mut records, from, before } = starting_point(&path, cohort, &layout);
        let mut saved = Instant::now();
        let unmeasured = asked.moments.iter().enumerate().filter(|(_, at)| at.count >= from);
        for (place, at) in unmeasured {
            let mut there = Vec::with_capacity(replicas.len());
            for (cell, (_, life)) in replicas.iter().enumerate() {
                let file = context.run.directory.weights_file(cohort.ids[cell], at);
                if life.has(at, per_epoch[cell], || file.exists()) {
                    let kept = read_parameters(&file, cohort.ids[cell], at, &graph, &digest);
                    there.push((cell, kept.map_err(Unfinished::error)?));
                }
            }
            let (mut views, mut due) = (Vec::new(), Vec::new());
            let mut rest = records.iter_mut().enumerate();
            for (cell, kept) in &there {
                let (replica, _) = &replicas[*cell];
                let steps = per_epoch[*cell];
                let initial = Box::new(|| problem.initial_parameters(replica));
                let samples = replica.kept.as_deref();
                let view = View::new(&subject, &kept.parameters, replica.seed, samples, steps, initial);
                let view = view.and_then(|view| view.with_averages(&kept.averages));
                views.extend(view.map(|view| view.trained_to(at.unit.position(at.count, steps))));
                due.extend(rest.by_ref().find(|(place, _)| place == cell).map(|(_, record)| record));
            }
            observer.observe(&views, &mut due).map_err(Unfinished::error)?;
            drop(views);
            control.heartbeat(at.count as u64, (place + 1) as f64 / asked.moments.len() as f64);
            let Some(&next) = asked.moments.counts.get(place + 1) else { break };
            let stop = control.stop_requested();
            if stop || saved.elapsed() >= self.config.checkpoint_every {
                let seconds = before + started.elapsed().as_secs_f64();
                let states = records.iter().map(|record| saved_state::save_record(record, next)).collect();
                let cells = cohort.ids.to_vec();
                Checkpoint { cohort: cohort.id, cells, wall_seconds: seconds, states }.write(&path)?;
                saved = Instant::now();
            }
            if stop {
                return Err(Unfinished::Stopped);
            }
        }
        let seconds = before + started.elapsed().as_secs_f64();
        let records: Vec<Option<Record>> = records.into_iter().map(Some).collect();
        let columns = layout.columns(&records);
        layout.axes.number_classes(&prepared.classes);
        let mut variants: Vec<usize> = cohort.cells.iter().map(|&cell| plan.variant_of(cell)).collect();
        variants.sort_unstable();
        variants.dedup();
        let cell = |(place, &cell): (usize, &u32)| PartCell {
            id: cohort.ids[place],
            seed: plan.seed_of(cell),
            variant: variants.partition_point(|&variant| variant < plan.variant_of(cell)) as u32,
            status: CellStatus::Complete,
            diverged_epoch: None,
            wall_seconds: seconds / cohort.cells.len() as f64,
            failure: String::new(),
        };
        let part = Part {
            cohort: cohort.id,
            cells: cohort.cells.iter().enumerate().map(cell).collect(),
            variants: variants.iter().map(|&variant| plan.specification(variant).to_string()).collect(),
            origin: Origin { engine: ENGINE.to_owned(), peak_memory: peak_memory(), ..self.config.origin.clone() },
            axes: layout.axes,
            columns,
        };
        part.write(&cohort.asked.directory.part(cohort.id))?;
        durable::remove(&path)?;
        Ok(seconds)
    }
}

/// Where a cohort stands: at its checkpoint, if there is one of it, else at its beginning.
fn starting_point(path: &std::path::Path, cohort: &Cohort<'_>, layout: &Layout) -> Progress {
    let fresh =
        || Progress { records: cohort.ids.iter().map(|_| Record::empty(layout)).collect(), from: 0, before: 0.0 };
    if !path.exists() {
        return fresh();
    }
    let checkpoint = match Checkpoint::read(path) {
        Ok(checkpoint) if checkpoint.cells == cohort.ids => checkpoint,
        Ok(_) => {
            tracing::warn!("{} is of other cells and is not used", path.display());
            return fresh();
        }
        Err(error) => {
            tracing::warn!("{error}; its cells are measured from their first moment");
            return fresh();
        }
    };
    let from = checkpoint.states.iter().map(|state| state.epoch).min().unwrap_or(0);
    let records: Option<Vec<Record>> =
        checkpoint.states.into_iter().map(|state| saved_state::restore_record(state, layout)).collect();
    match records {
        Some(records) => {
            tracing::info!("going on with {} cells from {}", cohort.ids.len(), path.display());
            Progress { records, from, before: checkpoint.wall_seconds }
        }
        None => {
            tracing::warn!("{} holds other variables; its cells are measured from their first moment", path.display());
            fresh()
        }
    }
}
