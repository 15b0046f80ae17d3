//! What a sweep would cost: the same packing and the same rates as a run, and nothing trained.

use std::fmt;

use super::remaining::CellCost;
use crate::amount::{bytes, span};
use crate::cost::{self, Activations, DataShape, Rate, Rates, ReplicaCost, replica_cost};
use crate::data::Shape;
use crate::device::{DeviceName, KernelChoice};
use crate::host::{Limits as HostLimits, ThisHost};
use crate::observables::Unit;
use crate::pack::{AtOnce, Limits, Pending, pack};
use crate::plan::Plan;
use crate::session::error::SessionError;
use crate::session::execution::{Execution, ExecutionOptions};
use crate::sweep::{ArchitectureKind, Flow, Sweep};
use crate::train::Choice;

/// Replicas for each thread below which a cohort leaves vector lanes idle, or threads without a group to take from each
/// other when one falls behind; on other devices, until trials tell.
const EFFICIENT_REPLICAS: usize = 16;

/// Costs of a plan's variants on this host.
pub(in crate::session) struct Costs {
    /// One entry per variant.
    pub(in crate::session) of_variant: Vec<CellCost>,
    /// The same, as counted.
    pub(in crate::session) counted: Vec<ReplicaCost>,
    /// Key of the rate of each variant.
    pub(in crate::session) rate_key: Vec<String>,
    /// Key of the replicas at once of each variant, where trials tell them.
    pub(in crate::session) trial_key: Vec<Option<String>>,
    /// The slowest rate among the variants.
    pub(in crate::session) rate: Rate,
}

impl Costs {
    /// Counts what a plan's variants cost and expects the time from remembered rates.
    ///
    /// `shapes` are the sizes of `plan.sweep().data`, in order.
    pub(in crate::session) fn of(plan: &Plan, shapes: &[Shape], execution: &Execution, rates: &Rates) -> Costs {
        let shapes: Vec<DataShape> = shapes.iter().map(data_shape).collect();
        let mut costs = Costs {
            of_variant: Vec::new(),
            counted: Vec::new(),
            rate_key: Vec::new(),
            trial_key: Vec::new(),
            rate: Rate { flops_per_second: f64::INFINITY, spread: 1.0, measured: true },
        };
        for variant in plan.variants() {
            let architecture = &plan.sweep().architectures[variant.architecture];
            let numbers = plan.sweep().optimisers[variant.optimiser].flow;
            let graph = shapes[variant.data].graph(architecture);
            let trained = crate::train::kernel::network(&graph, architecture.activation).is_ok();
            let samples = plan.sweep().subsamples[variant.subsample].size();
            let on_host = |numbers: Flow| !execution.choice.takes_flow(&graph, samples, numbers.precision);
            let flow_on_host = numbers.is_some_and(on_host);
            let kernel = numbers.is_none() && execution.choice.may_take_kernel() && trained;
            let accelerated = !kernel && !flow_on_host && !execution.choice.device.is_flex();
            // What a GPU holds is not in the rank's memory: trials tell how much of it fits.
            let held = match kernel {
                true if graph.averaged() > 0 => Activations::Step,
                false if !flow_on_host && !execution.choice.device.is_gpu() => Activations::All,
                _ => Activations::Tile,
            };
            let counted = replica_cost(plan, variant, &shapes[variant.data], held);
            let engine = match (numbers, kernel) {
                (Some(_), _) if flow_on_host => "flow".to_string(),
                (Some(_), _) => format!("flow on {}", execution.device()),
                (None, true) => "kernel".to_string(),
                (None, false) => format!("burn {}", execution.device()),
            };
            let key = rate_key(execution, &engine, &architecture.kind, shapes[variant.data].features);
            let rate = rates.expect(&key, execution.choice.threads);
            if rate.flops_per_second < costs.rate.flops_per_second {
                costs.rate = rate;
            }
            // The weights uphill and a second gradient take memory of their own.
            let gradients = plan.sweep().optimisers[variant.optimiser].recipe.gradients_per_step();
            let twice = if gradients > 1 { ", two gradients a step" } else { "" };
            let trial_key = accelerated.then(|| format!("{key}/{samples} samples{twice}"));
            let efficient = EFFICIENT_REPLICAS * execution.choice.threads.max(1);
            let remembered = trial_key.as_ref().and_then(|key| rates.at_once(key));
            costs.of_variant.push(CellCost {
                seconds: counted.flops / rate.flops_per_second,
                bytes: counted.bytes,
                shared_bytes: counted.shared_bytes,
                at_once: remembered.unwrap_or(AtOnce { efficient, most: None }),
            });
            costs.counted.push(counted);
            costs.rate_key.push(key);
            costs.trial_key.push(trial_key);
        }
        costs
    }
}

/// Under which name a rate is remembered: host, engine, the network with all its numbers, threads.
pub(in crate::session) fn rate_key(
    execution: &Execution,
    engine: &str,
    kind: &ArchitectureKind,
    inputs: usize,
) -> String {
    let threads = execution.choice.threads;
    format!("{}/{engine}/{} of {inputs}/{threads} threads", crate::host::name(), kind.label())
}

/// Bytes that the heaviest cell of a sweep takes when it is trained alone on a CPU: less than that, no rank can do with.
/// `shapes` are the sizes of its data, in order.
pub fn heaviest_cell(sweep: Sweep, shapes: &[Shape], kernel: KernelChoice) -> u64 {
    let choice = Choice { kernel, device: DeviceName::Flex, threads: 1 };
    let plan = Plan::new(sweep, &[]);
    let allowance = HostLimits::default().of_one_of(1);
    let execution = Execution { choice, allowance, memory: u64::MAX, replicas: 1, tf32: false };
    let costs = Costs::of(&plan, shapes, &execution, &Rates::default());
    costs.of_variant.iter().map(|cost| cost.bytes + cost.shared_bytes).max().unwrap_or(0)
}

/// Limits of packing for so many ranks.
pub(in crate::session) fn limits(execution: &Execution, workers: usize) -> Limits {
    Limits { workers, memory: execution.memory, most_replicas: execution.replicas }
}

/// What `phasesweep plan` prints.
pub struct Forecast {
    plan: Plan,
    costs: Costs,
    execution: Execution,
    ranks: usize,
    cohorts: usize,
    largest: usize,
    makespan: f64,
    kept: Option<String>,
}

/// What the weights that a sweep keeps take on disk, as a sentence without an end; `None` where it keeps none. `shapes` are
/// the sizes of its data, in order.
pub(in crate::session) fn kept_weights(plan: &Plan, shapes: &[Shape]) -> Option<String> {
    let of_variant: Vec<(u64, usize)> = plan
        .variants()
        .iter()
        .enumerate()
        .map(|(place, variant)| cost::kept_weights(plan, place, &data_shape(&shapes[variant.data])))
        .collect();
    let times = of_variant.first().map_or(0, |(_, times)| *times);
    let at = plan.sweep().observe.probes.weights.as_ref();
    let which = match at.map(|at| at.unit()) {
        _ if plan.sweep().observe.flow.is_some() => "stages",
        Some(Unit::Step) => "steps",
        _ => "epochs",
    };
    if times == 0 {
        return None;
    }
    let each = of_variant.iter().map(|(bytes, _)| *bytes);
    let (low, high) = (each.clone().min().unwrap_or(0), each.clone().max().unwrap_or(0));
    let all: u64 = each.map(|bytes| bytes * plan.certain_seeds() as u64).sum();
    let per_cell = if low == high { bytes(low) } else { format!("{} to {}", bytes(low), bytes(high)) };
    Some(format!("about {per_cell} a cell, kept at {times} {which}, {} in all, on disk", bytes(all)))
}

/// Sizes of a source, as far as costs depend on them.
pub(in crate::session) fn data_shape(shape: &Shape) -> DataShape {
    DataShape { features: shape.features, image: shape.image, classes: shape.classes, test: shape.test }
}

/// When the last of so many ranks is done, in seconds, if each takes the longest cohort that is left: what the coordinator
/// does.
pub(in crate::session) fn makespan(cohorts: impl IntoIterator<Item = f64>, ranks: usize) -> f64 {
    let mut loads = std::collections::BinaryHeap::from(vec![std::cmp::Reverse(Load(0.0)); ranks.max(1)]);
    for seconds in cohorts {
        if let Some(std::cmp::Reverse(Load(least))) = loads.pop() {
            loads.push(std::cmp::Reverse(Load(least + seconds)));
        }
    }
    loads.into_iter().map(|load| load.0.0).fold(0.0, f64::max)
}

impl Forecast {
    /// Plans a sweep, whose data have these sizes, for so many ranks of this host.
    ///
    /// # Errors
    /// A sentence, if the device is not there.
    pub fn new(
        sweep: Sweep,
        shapes: &[Shape],
        execution: &ExecutionOptions,
        ranks: usize,
    ) -> Result<Forecast, SessionError> {
        let execution = execution.resolve(HostLimits::read(&ThisHost).of_one_of(ranks), 0)?;
        let rates = Rates::default_path().map(|path| Rates::read(&path)).unwrap_or_default();
        // Identities are not needed to count: no data is read for its digest.
        let plan = Plan::new(sweep, &[]);
        let costs = Costs::of(&plan, shapes, &execution, &rates);
        let kinds = plan.kinds();
        let certain = plan.certain_seeds();
        let pending: Vec<Pending> = (0..plan.variants().len())
            .map(|variant| {
                let CellCost { seconds, bytes, shared_bytes, at_once } = costs.of_variant[variant];
                let cells = (0..certain).map(|seed| plan.cell(variant, seed)).collect();
                Pending { cells, kind: kinds[variant], seconds, bytes, shared_bytes, at_once }
            })
            .collect();
        let packed = pack(&pending, &limits(&execution, ranks));
        let makespan = makespan(packed.iter().map(|cohort| cohort.seconds), ranks);
        let largest = packed.iter().map(|cohort| cohort.cells.len()).max().unwrap_or(0);
        let kept = kept_weights(&plan, shapes);
        Ok(Forecast { plan, costs, execution, ranks, cohorts: packed.len(), largest, makespan, kept })
    }

    /// The same for programs: counts, bytes, floating-point operations, and seconds as an interval.
    pub fn json(&self) -> serde_json::Value {
        let (plan, certain) = (&self.plan, self.plan.certain_seeds());
        let labels = |axis: usize| {
            let mut all: Vec<String> = Vec::new();
            for label in plan.variants().iter().map(|variant| plan.labels(*variant)[axis].clone()) {
                if !all.contains(&label) {
                    all.push(label);
                }
            }
            all
        };
        let axes: serde_json::Map<String, serde_json::Value> =
            Plan::AXES.iter().enumerate().map(|(axis, name)| ((*name).to_owned(), labels(axis).into())).collect();
        let counted = || self.costs.counted.iter();
        let rate = self.costs.rate;
        serde_json::json!({
            "name": plan.sweep().name,
            "seeds": certain,
            "most_seeds": plan.seeds().len(),
            "axes": axes,
            "cells": plan.variants().len() * certain,
            "cohorts": self.cohorts,
            "largest_cohort": self.largest,
            "parameters": [counted().map(|cost| cost.parameters).min(), counted().map(|cost| cost.parameters).max()],
            "bytes_per_replica": counted().map(|cost| cost.bytes).max(),
            "bytes_shared_by_a_cohort": counted().map(|cost| cost.shared_bytes).max(),
            "bytes_allowed_per_rank": self.execution.allowance.memory,
            "threads_per_rank": self.execution.choice.threads,
            "ranks": self.ranks,
            "device": self.execution.choice.device.to_string(),
            "operations": counted().map(|cost| cost.flops * certain as f64).sum::<f64>(),
            "operations_per_second": rate.flops_per_second,
            "is_rate_measured": rate.measured,
            "seconds": [self.makespan / rate.spread, self.makespan * rate.spread],
            "weights": self.kept,
        })
    }
}

/// A rank's load in seconds, ordered.
#[derive(Clone, Copy, PartialEq)]
struct Load(f64);

impl Eq for Load {}

impl PartialOrd for Load {
    fn partial_cmp(&self, other: &Load) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Load {
    fn cmp(&self, other: &Load) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl fmt::Display for Forecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = &self.plan;
        let sweep = plan.sweep();
        let certain = plan.certain_seeds();
        let cells = plan.variants().len() * certain;
        writeln!(f, "sweep {}", sweep.name)?;
        let seeds = match (plan.seeds().first(), plan.seeds().get(certain.saturating_sub(1))) {
            (Some(first), Some(last)) => format!("{first} to {last}"),
            _ => String::new(),
        };
        writeln!(f, "  {:13} {certain:>7}   {seeds}", "seeds")?;
        let first = |axis: usize, count: usize, label: &dyn Fn(usize) -> String| {
            let labels: Vec<String> = (0..count.min(6)).map(label).collect();
            let more = if count > 6 { ", …" } else { "" };
            format!("  {:13} {count:>7}   {}{more}", Plan::AXES[axis], labels.join(", "))
        };
        let base = plan.variants()[0];
        let axis = |axis: usize, count: usize| {
            first(axis, count, &|place| {
                let mut variant = base;
                match axis {
                    0 => variant.data = place,
                    1 => variant.subsample = place,
                    2 => variant.architecture = place,
                    3 => variant.optimiser = place,
                    _ => variant.prune = place,
                }
                plan.labels(variant)[axis].clone()
            })
        };
        writeln!(f, "{}", axis(0, sweep.data.len()))?;
        writeln!(f, "{}", axis(1, sweep.subsamples.len()))?;
        writeln!(f, "{}", axis(2, sweep.architectures.len()))?;
        writeln!(f, "{}", axis(3, sweep.optimisers.len()))?;
        if plan.prunes().len() > 1 {
            writeln!(f, "{}", axis(4, plan.prunes().len()))?;
        }
        if plan.seeds().len() > certain {
            writeln!(f, "  up to {} seeds of each variant if the stopping rule asks for them", plan.seeds().len())?;
        }
        writeln!(f, "  {:13} {cells:>7}", "cells")?;
        writeln!(f, "  {:13} {:>7}   of at most {} replicas", "cohorts", self.cohorts, self.largest)?;

        let flops: f64 = self.costs.counted.iter().map(|cost| cost.flops * certain as f64).sum();
        let parameters = self.costs.counted.iter().map(|cost| cost.parameters);
        let (low, high) = (parameters.clone().min().unwrap_or(0), parameters.max().unwrap_or(0));
        let replica = self.costs.counted.iter().map(|cost| cost.bytes).max().unwrap_or(0);
        let shared = self.costs.counted.iter().map(|cost| cost.shared_bytes).max().unwrap_or(0);
        let span_of = if low == high { format!("{low}") } else { format!("{low} to {high}") };
        writeln!(f, "  {:13} {span_of} per cell", "parameters")?;
        writeln!(
            f,
            "  {:13} {} per replica, {} shared by a cohort; {} allowed per rank ({}), of which cohorts take {} at most",
            "memory",
            bytes(replica),
            bytes(shared),
            bytes(self.execution.allowance.memory),
            self.execution.allowance.memory_limit,
            bytes(self.execution.memory)
        )?;
        let (threads, limit) = (self.execution.choice.threads, &self.execution.allowance.thread_limit);
        writeln!(f, "  {:13} {threads:>7}   per rank ({limit})", "threads")?;
        if let Some(kept) = &self.kept {
            writeln!(f, "  {:13} {kept}", "weights")?;
        }
        writeln!(f, "  {:13} {flops:.2e} floating-point operations", "work")?;
        let rate = self.costs.rate;
        let source = if rate.measured { "measured here" } else { "guessed: nothing like it has run here yet" };
        writeln!(
            f,
            "  {:13} {} to {} on {} rank(s) of {} thread(s), device {} ({:.1} GFLOP/s per rank, {source})",
            "time",
            span(self.makespan / rate.spread),
            span(self.makespan * rate.spread),
            self.ranks,
            self.execution.choice.threads,
            self.execution.choice.device,
            rate.flops_per_second / 1e9,
        )
    }
}
