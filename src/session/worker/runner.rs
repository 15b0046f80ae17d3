//! A worker: trains one cohort after another, from its checkpoint if it has one, and leaves a part for each.
//!
//! Invariants: while a cohort runs, a file in `running/` says who runs it, so that a death is noticed at relaunch; a
//! part is written before the checkpoint it replaces is removed; nothing is reported finished before its part is durable.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::crash_marker::CrashMarker;
use super::full_cells::FullCells;
use super::kept_weights::KeptWeights;
use super::saved_state;
use super::unfinished::Unfinished;
use super::workload;
use crate::dispatch::{CohortOutcome, CohortRunner, CohortTask, Control, FailureReason};
use crate::host::peak_memory;
use crate::observables::Moment;
use crate::observe::device::ObservingDevice;
use crate::plan::{CellId, CohortId};
use crate::session::run_context::RunContext;
use crate::store::{CellStatus, Checkpoint, Origin, Part, PartCell, RunningCohort};
use crate::train::flow::StageWeights;
use crate::train::{
    Choice, DriveError, Ended, Measuring, Pace, Problem, Replica, ReplicaState, TrainError, build_engine, drive,
};

/// How a worker trains.
#[derive(Debug, Clone)]
pub(in crate::session) struct WorkerConfig {
    /// Engine, device and threads.
    pub(in crate::session) choice: Choice,
    /// Time between two checkpoints of a cohort.
    pub(in crate::session) checkpoint_every: Duration,
    /// Seconds per cell that a simulated trainer sleeps; `None` trains.
    pub(in crate::session) simulate: Option<f64>,
    /// The seed that takes the process down.
    pub(in crate::session) poison: Option<u64>,
    /// Where the worker is, for provenance.
    pub(in crate::session) origin: Origin,
}

/// Trains cohorts.
pub(in crate::session) struct Runner {
    context: Arc<RunContext>,
    config: WorkerConfig,
    full_cells: FullCells,
    crash_marker: Arc<CrashMarker>,
}

impl From<DriveError> for Unfinished {
    fn from(error: DriveError) -> Unfinished {
        let reason = match &error {
            DriveError::Train(TrainError::Lost(_)) => return Unfinished::DeviceLost(error.to_string()),
            DriveError::Train(TrainError::OutOfMemory(_)) => FailureReason::OutOfMemory,
            DriveError::Train(TrainError::Device(_)) | DriveError::Observable(_) => FailureReason::Error,
            DriveError::Checkpoint(_) | DriveError::Weights(_) => FailureReason::Storage,
        };
        Unfinished::Failed(reason, error.to_string())
    }
}

impl Runner {
    pub(in crate::session) fn new(
        context: Arc<RunContext>,
        config: WorkerConfig,
        crash_marker: Arc<CrashMarker>,
    ) -> Runner {
        let full_cells = FullCells::new(context.directory.clone());
        Runner { context, config, full_cells, crash_marker }
    }

    fn train(&mut self, task: &CohortTask, control: &Control) -> Result<f64, Unfinished> {
        let ids: Vec<CellId> = task.cells.iter().map(|&cell| self.context.id(cell)).collect();
        let cohort = CohortId::of(&ids);
        let running =
            RunningCohort::begin(&self.context.directory, cohort, &ids, task.attempt + 1, self.config.origin.rank)?;
        self.crash_marker.take(running);
        if let Some(poison) = self.config.poison
            && task.cells.iter().any(|&cell| self.context.plan.seed_of(cell) == poison)
        {
            std::process::abort();
        }
        let outcome = match self.config.simulate {
            Some(seconds) => self.pretend(task, control, cohort, &ids, seconds),
            None => self.train_cells(task, control, cohort, &ids),
        };
        // Whatever happened, this process survived it: only a death leaves the file behind.
        self.crash_marker.clear()?;
        outcome
    }

    fn train_cells(
        &mut self,
        task: &CohortTask,
        control: &Control,
        cohort: CohortId,
        ids: &[CellId],
    ) -> Result<f64, Unfinished> {
        let started = Instant::now();
        let context = self.context.clone();
        let plan = &context.plan;
        let variant = plan.variant_of(task.cells[0]);
        let prepared =
            self.context.block(variant).map_err(|error| Unfinished::Failed(FailureReason::Error, error.to_string()))?;
        let problem = workload::problem(plan, variant, &prepared);

        let mut failures = vec![String::new(); ids.len()];
        let mut replicas: Vec<Option<Replica>> = Vec::with_capacity(ids.len());
        for (&cell, failure) in task.cells.iter().zip(&mut failures) {
            replicas.push(match self.full_cells.kept(plan, cell, problem.train().len())? {
                Ok(kept) => Some(workload::replica(&self.context, cell, kept)),
                Err(no_set) => {
                    *failure = no_set.to_string();
                    None
                }
            });
        }
        let trained: Vec<usize> = (0..ids.len()).filter(|&cell| replicas[cell].is_some()).collect();
        let replicas: Vec<Replica> = replicas.into_iter().flatten().collect();
        let trained_ids: Vec<CellId> = trained.iter().map(|&cell| ids[cell]).collect();

        let path = self.context.directory.checkpoint(cohort);
        let has_checkpoint = path.exists();
        let (states, before) = match has_checkpoint {
            true => self.starting_states(&path, &problem, &replicas, &trained_ids),
            false => (fresh_states(&problem, &replicas), 0.0),
        };
        let mut describe = String::new();
        let specifications =
            trained.iter().map(|&cell| plan.specification(plan.variant_of(task.cells[cell]))).collect();
        let weights = KeptWeights::new(&context.directory, &problem, &replicas, &trained_ids, specifications);
        let mut pace = CohortPace {
            control,
            weights,
            checkpoint: Checkpoint { cohort, cells: trained_ids, wall_seconds: before, states: Vec::new() },
            path: &path,
            before,
            started,
            saved: Instant::now(),
            every: self.config.checkpoint_every,
            has_checkpoint,
            length_is_known: problem.flow.is_none(),
        };
        let choice = &self.config.choice;
        let device = choice.observing().map_err(DriveError::Train)?;
        let device = device.as_ref().map(|device| device as &dyn ObservingDevice);
        let ended = drive(
            &problem,
            &replicas,
            states,
            plan.sweep().stop.after_inversion,
            Measuring { threads: choice.threads, device },
            &mut |replicas, states| {
                let engine = build_engine(choice, &problem, replicas, states)?;
                if describe.is_empty() {
                    describe = engine.describe();
                    tracing::debug!("{cohort}: {} cells, {describe}", ids.len());
                }
                Ok(engine)
            },
            &mut pace,
        )?;
        let Ended::Complete(states) = ended else { return Err(Unfinished::Stopped) };

        let seconds = before + started.elapsed().as_secs_f64();
        let mut of_cell: Vec<Option<&ReplicaState>> = vec![None; ids.len()];
        for (&cell, state) in trained.iter().zip(&states) {
            of_cell[cell] = Some(state);
        }
        let mut layout = problem.layout();
        let columns = problem.columns(&layout, &of_cell);
        layout.axes.number_classes(&prepared.classes);
        self.write(task, cohort, ids, &of_cell, &failures, seconds, describe, layout.axes, columns)?;
        if pace.has_checkpoint {
            crate::store::durable::remove(&path)?;
        }
        Ok(seconds)
    }

    /// States to start from: those of the checkpoint at `path`, if it is one of this cohort, else fresh ones.
    fn starting_states(
        &self,
        path: &std::path::Path,
        problem: &Problem,
        replicas: &[Replica],
        ids: &[CellId],
    ) -> (Vec<ReplicaState>, f64) {
        match Checkpoint::read(path) {
            Ok(checkpoint) if checkpoint.cells == ids => {
                let seconds = checkpoint.wall_seconds;
                let states = checkpoint.states.into_iter().map(|saved| saved_state::restore(saved, problem));
                if let Some(states) = states.collect::<Option<Vec<_>>>() {
                    tracing::info!("continuing {} cells from {}", ids.len(), path.display());
                    return (states, seconds);
                }
                tracing::warn!("{} holds other variables than this sweep; its cells start afresh", path.display());
            }
            Ok(_) => tracing::warn!("{} is of other cells and is not used", path.display()),
            Err(error) => tracing::warn!("{error}; its cells start afresh"),
        }
        (fresh_states(problem, replicas), 0.0)
    }

    #[allow(clippy::too_many_arguments)]
    fn write(
        &self,
        task: &CohortTask,
        cohort: CohortId,
        ids: &[CellId],
        states: &[Option<&ReplicaState>],
        failures: &[String],
        seconds: f64,
        engine: String,
        axes: crate::store::Axes,
        columns: Vec<crate::store::Column>,
    ) -> Result<(), Unfinished> {
        let plan = &self.context.plan;
        let mut variants: Vec<usize> = task.cells.iter().map(|&cell| plan.variant_of(cell)).collect();
        variants.sort_unstable();
        variants.dedup();
        let cells = task.cells.iter().enumerate().map(|(place, &cell)| {
            let diverged = states.get(place).copied().flatten().and_then(|state| state.diverged);
            PartCell {
                id: ids[place],
                seed: plan.seed_of(cell),
                variant: variants.partition_point(|&variant| variant < plan.variant_of(cell)) as u32,
                status: match (failures[place].is_empty(), diverged) {
                    (false, _) => CellStatus::Failed,
                    (true, Some(_)) => CellStatus::Diverged,
                    (true, None) => CellStatus::Complete,
                },
                diverged_epoch: diverged.map(|epoch| epoch as u32),
                wall_seconds: seconds / ids.len() as f64,
                failure: failures[place].clone(),
            }
        });
        let part = Part {
            cohort,
            cells: cells.collect(),
            variants: variants.iter().map(|&variant| plan.specification(variant).to_string()).collect(),
            origin: Origin { engine, peak_memory: peak_memory(), ..self.config.origin.clone() },
            axes,
            columns,
        };
        Ok(part.write(&self.context.directory.part(cohort))?)
    }

    /// Sleeps instead of training; for driving dispatcher and store with many ranks and cells.
    fn pretend(
        &mut self,
        task: &CohortTask,
        control: &Control,
        cohort: CohortId,
        ids: &[CellId],
        seconds_per_cell: f64,
    ) -> Result<f64, Unfinished> {
        let started = Instant::now();
        let all = Duration::from_secs_f64(seconds_per_cell * ids.len() as f64);
        while started.elapsed() < all {
            if control.stop_requested() {
                return Err(Unfinished::Stopped);
            }
            control.heartbeat(0, started.elapsed().as_secs_f64() / all.as_secs_f64());
            std::thread::sleep((all - started.elapsed().min(all)).min(Duration::from_millis(50)));
        }
        let none = vec![None; ids.len()];
        let failures = vec![String::new(); ids.len()];
        let seconds = started.elapsed().as_secs_f64();
        self.write(task, cohort, ids, &none, &failures, seconds, "simulated".into(), Default::default(), Vec::new())?;
        Ok(seconds)
    }
}

/// States of replicas that nobody has trained.
fn fresh_states(problem: &Problem, replicas: &[Replica]) -> Vec<ReplicaState> {
    replicas.iter().map(|replica| ReplicaState::fresh(problem, replica)).collect()
}

impl CohortRunner for Runner {
    fn run(&mut self, task: &CohortTask, control: &Control) -> CohortOutcome {
        self.train(task, control).map_or_else(Unfinished::outcome, |seconds| CohortOutcome::Finished { seconds })
    }
}

/// The world around one cohort's epoch loop.
struct CohortPace<'a> {
    control: &'a Control,
    weights: KeptWeights<'a>,
    checkpoint: Checkpoint,
    path: &'a std::path::Path,
    before: f64,
    started: Instant,
    saved: Instant,
    every: Duration,
    /// Whether there is a file to be removed at the end.
    has_checkpoint: bool,
    /// Whether the last epoch is the end: a gradient flow's is a bound that it seldom comes near, so that an epoch says nothing of
    /// how much is left.
    length_is_known: bool,
}

impl Pace for CohortPace<'_> {
    fn should_stop(&self) -> bool {
        self.control.stop_requested()
    }

    fn at(&mut self, epoch: usize, epochs: usize) {
        let done = if self.length_is_known { epoch as f64 / epochs.max(1) as f64 } else { 0.0 };
        self.control.heartbeat(epoch as u64, done);
    }

    fn checkpoint_due(&self) -> bool {
        self.saved.elapsed() >= self.every
    }

    fn checkpoint(&mut self, states: &[ReplicaState]) -> Result<(), String> {
        self.checkpoint.states = states.iter().map(saved_state::save).collect();
        self.checkpoint.wall_seconds = self.before + self.started.elapsed().as_secs_f64();
        self.saved = Instant::now();
        self.has_checkpoint = true;
        self.checkpoint.write(self.path).map_err(|error| error.to_string())
    }

    fn keep_weights(&mut self, replica: usize, at: Moment, state: &ReplicaState) -> Result<(), String> {
        self.weights.keep(replica, at, state).map_err(|error| error.to_string())
    }

    fn keep_stage(&mut self, stage: &StageWeights) -> Result<(), String> {
        self.weights.keep_stage(stage).map_err(|error| error.to_string())
    }
}
