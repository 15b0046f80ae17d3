//! What is left to measure after a run, what it costs, and how it is cut into cohorts.
//!
//! Invariants: a cell is measured once it is finished and all the weights are there that it should have kept; whatever keeps
//! a cell from it is counted and told, never passed over.

use std::collections::HashSet;
use std::fmt;

use super::forecast::{data_shape, limits, makespan, rate_key};
use super::remaining::{self, CellCost, Unfinished};
use crate::amount::{bytes, span};
use crate::cost::{Rate, Rates, measurement_cost};
use crate::data::Shape;
use crate::dispatch::{CohortTask, TaskId};
use crate::observables::{Moment, Moments, Unit};
use crate::pack::AtOnce;
use crate::plan::{CellId, Plan};
use crate::session::addition_context::Asked;
use crate::session::execution::Execution;
use crate::session::worker::full_cells::FullCells;
use crate::store::{CellStatus, RunDirectory, Scan, StoreError};

/// Seconds that a cohort should take at most, where its cells are many: what a launch loses that is cut off, and how long
/// a rank may be without a cohort at the end.
const COHORT_SECONDS: f64 = 300.0;
/// Epochs or steps that are listed.
const LISTED: usize = 8;

/// The cells of a plan, by what can be measured of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::session) struct Survey {
    /// Finished cells whose weights are there, those that were measured before included: indices into the plan, ascending.
    pub(in crate::session) measurable: Vec<u32>,
    /// Those of them that were measured before.
    pub(in crate::session) measured: HashSet<CellId>,
    /// Finished cells of which weights are missing that they kept once.
    pub(in crate::session) without_weights: u64,
    /// Cells that the run has not finished.
    pub(in crate::session) not_trained: u64,
    /// Cells that failed in the run.
    pub(in crate::session) failed: u64,
}

impl Survey {
    /// Looks at the cells of a plan. `run` is what the run's parts hold, `own` what the observable's do.
    ///
    /// # Errors
    /// [`StoreError`] if a directory cannot be listed or a part not be read.
    pub(in crate::session) fn of(
        directory: &RunDirectory,
        plan: &Plan,
        ids: &[CellId],
        moments: &Moments,
        run: &Scan,
        own: Option<&Scan>,
    ) -> Result<Survey, StoreError> {
        let mut survey = Survey::default();
        let mut finished = FullCells::new(directory.clone());
        for cell in 0..plan.len() as u32 {
            let id = ids[cell as usize];
            let certain = (cell as usize % plan.seeds().len()) < plan.certain_seeds();
            let Some(found) = run.done.get(&id) else {
                survey.not_trained += u64::from(certain);
                continue;
            };
            if found.status == CellStatus::Failed {
                survey.failed += 1;
                continue;
            }
            let measured = own.and_then(|own| own.done.get(&id));
            if measured.is_some_and(|found| found.status != CellStatus::Failed) {
                survey.measured.insert(id);
                survey.measurable.push(cell);
                continue;
            }
            let kept: HashSet<Moment> = directory.weights_files(id)?.into_iter().map(|(at, _)| at).collect();
            let mut missing = moments.iter().filter(|at| !kept.contains(at)).peekable();
            let lacks = match missing.peek() {
                None => false,
                // Of a cell that diverged, nothing was kept from there on, and a pruned one takes fewer steps. (Cells that may
                // leave early keep no weights.)
                Some(_) if found.status == CellStatus::Diverged || moments.unit == Unit::Step => {
                    let (life, steps) = (finished.life(id)?, finished.steps_per_epoch(plan, cell)?);
                    missing.any(|at| life.has(at, steps, || false))
                }
                Some(_) => true,
            };
            match lacks {
                true => survey.without_weights += 1,
                false => survey.measurable.push(cell),
            }
        }
        Ok(survey)
    }

    /// Cells that are left.
    pub(in crate::session) fn left(&self) -> u64 {
        (self.measurable.len() - self.measured.len()) as u64
    }

    /// What keeps cells from being measured, as sentences.
    pub(in crate::session) fn remarks(&self, observable: &str, directory: &RunDirectory) -> Vec<String> {
        let place = directory.root().display();
        let mut remarks = Vec::new();
        if self.not_trained > 0 {
            remarks.push(format!(
                "{observable}: {} cells are not trained yet, and are not measured: `phasesweep run {place}` trains them, \
                 and `phasesweep observe {place}` measures them then",
                self.not_trained
            ));
        }
        if self.failed > 0 {
            remarks.push(format!("{observable}: {} cells failed in the run, and are not measured", self.failed));
        }
        if self.without_weights > 0 {
            remarks.push(format!(
                "{observable}: of {} finished cells, weights that were kept are not in {} any more, so that they are not \
                 measured. Put the files back and ask again; or ask for moments that are there ({observable}={{at=[…]}} with \
                 --replace); or train the cells anew into a directory of its own (`phasesweep run {place} --out DIR`)",
                self.without_weights,
                directory.weights().display()
            ));
        }
        remarks
    }
}

/// What measuring costs, for each variant of a plan.
pub(in crate::session) struct MeasuringCosts {
    /// Seconds, bytes and replicas at once.
    pub(in crate::session) of_variant: Vec<CellCost>,
    /// Floating-point operations of a cell.
    pub(in crate::session) flops: Vec<f64>,
    /// Under which name the rate is remembered.
    pub(in crate::session) rate_key: Vec<String>,
    /// The slowest rate.
    rate: Rate,
}

impl MeasuringCosts {
    /// Counts what an observable costs. `shapes` are the sizes of the plan's data, in order.
    pub(in crate::session) fn of(
        plan: &Plan,
        asked: &Asked,
        shapes: &[Shape],
        execution: &Execution,
        rates: &Rates,
    ) -> MeasuringCosts {
        let fastest = Rate { flops_per_second: f64::INFINITY, spread: 1.0, measured: true };
        let mut costs =
            MeasuringCosts { of_variant: Vec::new(), flops: Vec::new(), rate_key: Vec::new(), rate: fastest };
        let threads = execution.choice.threads.max(1);
        for variant in plan.variants() {
            let shape = &shapes[variant.data];
            let counted = measurement_cost(plan, variant, &data_shape(shape), &asked.asked.scheduled);
            let kind = &plan.sweep().architectures[variant.architecture].kind;
            let engine = format!("observe {}", asked.asked.observable);
            let key = rate_key(execution, &engine, kind, shape.features);
            let rate = rates.expect(&key, threads);
            if rate.flops_per_second < costs.rate.flops_per_second {
                costs.rate = rate;
            }
            let seconds = counted.flops / rate.flops_per_second;
            // Threads share the pieces of all cells of a cohort.
            let most = (COHORT_SECONDS / seconds.max(1e-9)).floor().clamp(threads as f64, 1e6) as usize;
            costs.of_variant.push(CellCost {
                seconds,
                bytes: counted.bytes,
                shared_bytes: counted.shared_bytes,
                at_once: AtOnce { efficient: threads, most: Some(most) },
            });
            costs.flops.push(counted.flops);
            costs.rate_key.push(key);
        }
        costs
    }
}

/// The tasks that are left of an observable, their cells as the coordinator numbers them: `number` says how.
pub(in crate::session) fn tasks(
    plan: &Plan,
    ids: &[CellId],
    (place, survey): (usize, &Survey),
    unfinished: &[Unfinished],
    costs: &MeasuringCosts,
    limits: &crate::pack::Limits,
    number: impl Fn(u32) -> u32,
) -> Vec<CohortTask> {
    let done = |id: &CellId| survey.measured.contains(id);
    let mut tasks = remaining::tasks(plan, ids, &survey.measurable, &done, unfinished, &costs.of_variant, limits);
    for task in &mut tasks {
        // The same cells may be a cohort of several observables.
        let own = (place as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        task.id = TaskId((task.id.0 ^ own) & !TaskId::SPLIT);
        // What a cell needs of another one, the run has finished.
        task.needs.clear();
        task.cells.iter_mut().for_each(|cell| *cell = number(*cell));
    }
    tasks
}

/// What `phasesweep observe --dry-run` prints.
pub struct MeasuringForecast {
    title: String,
    observables: Vec<Expected>,
    execution: Execution,
    ranks: usize,
    makespan: f64,
    spread: f64,
    measured: bool,
    remarks: Vec<String>,
}

/// What is expected of one observable.
struct Expected {
    name: String,
    moments: Moments,
    measured: u64,
    left: u64,
    cohorts: usize,
    flops: f64,
    bytes: u64,
    shared_bytes: u64,
}

impl MeasuringForecast {
    /// Plans what was asked for of the run in a directory, for so many ranks of this host. `surveys` are of the observables in
    /// their order.
    pub(in crate::session) fn new(
        (plan, ids, directory): (&Plan, &[CellId], &RunDirectory),
        asked: &[Asked],
        surveys: &[Survey],
        shapes: &[Shape],
        execution: Execution,
        ranks: usize,
    ) -> MeasuringForecast {
        let rates = Rates::default_path().map(|path| Rates::read(&path)).unwrap_or_default();
        let limits = limits(&execution, ranks);
        let mut forecast = MeasuringForecast {
            title: format!("{} in {}", plan.sweep().name, directory.root().display()),
            observables: Vec::new(),
            ranks,
            makespan: 0.0,
            spread: 1.0,
            measured: true,
            remarks: Vec::new(),
            execution,
        };
        let mut seconds = Vec::new();
        for (place, (asked, survey)) in asked.iter().zip(surveys).enumerate() {
            let costs = MeasuringCosts::of(plan, asked, shapes, &forecast.execution, &rates);
            let tasks = tasks(plan, ids, (place, survey), &[], &costs, &limits, |cell| cell);
            let left = tasks.iter().flat_map(|task| &task.cells).map(|&cell| plan.variant_of(cell));
            let of_left: Vec<usize> = left.collect();
            seconds.extend(tasks.iter().map(|task| task.predicted_seconds));
            forecast.observables.push(Expected {
                name: asked.asked.observable.to_owned(),
                moments: asked.asked.moments.clone(),
                measured: survey.measured.len() as u64,
                left: survey.left(),
                cohorts: tasks.len(),
                flops: of_left.iter().map(|&variant| costs.flops[variant]).sum(),
                bytes: costs.of_variant.iter().map(|cost| cost.bytes).max().unwrap_or(0),
                shared_bytes: costs.of_variant.iter().map(|cost| cost.shared_bytes).max().unwrap_or(0),
            });
            forecast.spread = forecast.spread.max(costs.rate.spread);
            forecast.measured &= costs.rate.measured;
            forecast.remarks.extend(survey.remarks(asked.asked.observable, directory));
        }
        seconds.sort_by(|a, b| b.total_cmp(a));
        forecast.makespan = makespan(seconds, ranks);
        forecast
    }

    /// What a person should know besides, in sentences.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// Adds such a sentence.
    pub(in crate::session) fn remark(&mut self, sentence: String) {
        self.remarks.push(sentence);
    }
}

/// Epochs or steps for people: the first ones, and the last.
pub(in crate::session) fn counts_text(counts: &[usize]) -> String {
    let text = |counts: &[usize]| counts.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    match counts {
        [first @ .., last] if counts.len() > LISTED => format!("{}, … {last}", text(&first[..LISTED - 1])),
        _ => text(counts),
    }
}

impl fmt::Display for MeasuringForecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "observe {}", self.title)?;
        for expected in &self.observables {
            let Expected { name, moments, measured, left, cohorts, flops, bytes: replica, shared_bytes } = expected;
            writeln!(f, "  {name}")?;
            let unit = format!("{}s", moments.unit.name());
            writeln!(f, "    {unit:11} {:>7}   {}", moments.len(), counts_text(&moments.counts))?;
            writeln!(f, "    {:11} {left:>7}   to be measured, {measured} measured before", "cells")?;
            writeln!(f, "    {:11} {cohorts:>7}", "cohorts")?;
            writeln!(f, "    {:11} {} a cell, {} shared by a cohort", "memory", bytes(*replica), bytes(*shared_bytes))?;
            writeln!(f, "    {:11} {flops:.2e} floating-point operations", "work")?;
        }
        let allowance = &self.execution.allowance;
        writeln!(
            f,
            "  {:13} {} allowed per rank ({}), of which cohorts take {} at most",
            "memory",
            bytes(allowance.memory),
            allowance.memory_limit,
            bytes(self.execution.memory)
        )?;
        let source =
            if self.measured { "at rates measured here" } else { "guessed: nothing like it was measured here yet" };
        writeln!(
            f,
            "  {:13} {} to {} on {} rank(s) of {} thread(s) ({source})",
            "time",
            span(self.makespan / self.spread),
            span(self.makespan * self.spread),
            self.ranks,
            self.execution.choice.threads,
        )
    }
}
