//! How many replicas a device trains best at once: trials of growing cohorts, a few epochs each, before a sweep is packed.
//!
//! A tensor engine on a GPU is held up by the start of its operations as long as a cohort is small, and by its memory once
//! it is large; where the turn comes depends on the device and on the network's shape, so it is measured. What was
//! found is remembered with the rates. A trial trains fresh replicas of the sweep and throws them away.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::forecast::Costs;
use crate::cost::Rates;
use crate::pack::AtOnce;
use crate::session::execution::Execution;
use crate::session::run_context::RunContext;
use crate::session::worker::workload;
use crate::train::{Choice, Problem, Replica, ReplicaState, TrainError, build_engine};

/// Replicas of the first trial; fewer cells are not worth trying.
const SMALLEST: usize = 8;
/// Growth of the rate with a doubled cohort below which larger ones are not tried.
const WORTHWHILE: f64 = 1.1;
/// Share of the best rate that the efficient size must reach.
const NEAR_BEST: f64 = 0.95;
/// Time over which a trial is measured at least, where the run has epochs enough.
const MEASURED: Duration = Duration::from_millis(50);
/// Time after which no further trial is begun.
const ENOUGH: Duration = Duration::from_secs(20);

/// Which sizes were tried, and what came of them. Pure.
#[derive(Debug, Clone, Default)]
struct Trials {
    /// Size and replica-epochs per second, in the order of the trials.
    done: Vec<(usize, f64)>,
    /// A size that did not fit.
    too_large: Option<usize>,
}

impl Trials {
    /// The size to try next, of at most `most` replicas; `None` when more trials would not help.
    fn next(&self, most: usize) -> Option<usize> {
        let next = match self.done.as_slice() {
            [] => SMALLEST,
            [.., (_, before), (_, rate)] if *rate < WORTHWHILE * before => return None,
            [.., (last, _)] => 2 * last,
        };
        (self.too_large.is_none() && next <= most).then_some(next)
    }

    /// A trial went well.
    fn ran(&mut self, size: usize, rate: f64) {
        self.done.push((size, rate));
    }

    /// A trial ran out of memory.
    fn overflowed(&mut self, size: usize) {
        self.too_large = Some(size);
    }

    /// What the trials say; `None` if none went well.
    fn verdict(&self) -> Option<AtOnce> {
        let best = self.done.iter().map(|&(_, rate)| rate).fold(0.0, f64::max);
        let (efficient, _) = *self.done.iter().find(|&&(_, rate)| rate >= NEAR_BEST * best)?;
        let largest = self.done.iter().map(|&(size, _)| size).max();
        Some(AtOnce { efficient, most: largest.filter(|_| self.too_large.is_some()) })
    }
}

impl std::fmt::Display for Trials {
    /// Rates in the order of the trials: `8: 210, 16: 380, 32: no memory`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let told = self.done.iter().map(|(size, rate)| format!("{size}: {rate:.0}"));
        let all: Vec<String> = told.chain(self.too_large.map(|size| format!("{size}: no memory"))).collect();
        f.write_str(&all.join(", "))
    }
}

/// Finds out how many replicas this rank's device trains best at once, for every shape of which that is not known yet and
/// of which enough cells are left.
pub(in crate::session) fn settle(
    context: &RunContext,
    execution: &Execution,
    left: impl Iterator<Item = u32>,
    costs: &mut Costs,
    rates: &mut Rates,
) {
    // Most engines need no trials, and a sweep may have a million cells to look through.
    if costs.trial_key.iter().all(Option::is_none) {
        return;
    }
    let plan = &context.plan;
    let mut cells = BTreeMap::new();
    for cell in left {
        if let Some(key) = &costs.trial_key[plan.variant_of(cell)] {
            cells.entry(key.clone()).or_insert_with(Vec::new).push(cell);
        }
    }
    for (key, cells) in cells {
        if rates.at_once(&key).is_none() && cells.len() > SMALLEST {
            let tried = run(context, &execution.choice, plan.variant_of(cells[0]), cells.len().min(execution.replicas));
            match tried.map(|tried| (tried.verdict(), tried)) {
                Ok((Some(at_once), tried)) => {
                    tracing::info!(
                        "{} is used well by {} replicas at once (replica-epochs per second, by replicas: {tried})",
                        execution.device(),
                        at_once.efficient
                    );
                    rates.found(&key, at_once);
                }
                Ok((None, tried)) => tracing::warn!("no trial fit {}: {tried}", execution.device()),
                Err(error) => tracing::warn!("no trial of {} went well: {error}", execution.device()),
            }
        }
        let Some(at_once) = rates.at_once(&key) else { continue };
        for (cost, trial) in costs.of_variant.iter_mut().zip(&costs.trial_key) {
            if trial.as_ref() == Some(&key) {
                cost.at_once = at_once;
            }
        }
    }
}

/// Tries cohorts of a variant's first cells, of at most `most` replicas.
///
/// # Errors
/// A sentence, if the data cannot be prepared or the device fails otherwise than for want of memory.
fn run(context: &RunContext, choice: &Choice, variant: usize, most: usize) -> Result<Trials, String> {
    let plan = &context.plan;
    let prepared = context.block(variant).map_err(|error| error.to_string())?;
    let mut problem = workload::problem(plan, variant, &prepared);
    if let Some(flow) = &mut problem.flow {
        // What stages measure is measured on the host, takes long, and says nothing of the device.
        let observe = &mut flow.observe;
        (observe.stages, observe.kernel_losses) = (Vec::new(), Vec::new());
        (observe.kernel, observe.weights_at) = (Vec::new(), Vec::new());
    }
    let cell = plan.cell(variant, 0);
    let replica = |seed: usize| Replica { seed: seed as u64, ..workload::replica(context, cell, None) };
    let (mut trials, started) = (Trials::default(), Instant::now());
    while let Some(size) = trials.next(most).filter(|_| started.elapsed() < ENOUGH) {
        match rate(choice, &problem, (0..size).map(replica).collect()) {
            Ok(rate) => trials.ran(size, rate),
            Err(TrainError::OutOfMemory(_)) => trials.overflowed(size),
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(trials)
}

/// Replica-epochs per second of a cohort. Of gradient flows, whose epochs are steps, as long as all of them go on.
fn rate(choice: &Choice, problem: &Problem, replicas: Vec<Replica>) -> Result<f64, TrainError> {
    let size = replicas.len();
    let states = replicas.iter().map(|replica| ReplicaState::fresh(problem, replica)).collect();
    let mut engine = build_engine(choice, problem, replicas, states)?;
    // The first epoch compiles and allocates; asking for the states waits until the device is done.
    engine.advance(1)?;
    engine.states()?;
    let (mut epoch, mut step) = (1, 1);
    let mut before = None;
    loop {
        let (started, until) = (Instant::now(), (epoch + step).min(problem.epochs.max(2)));
        engine.advance(until)?;
        let states = engine.states()?;
        let took = started.elapsed();
        let rate = (size * (until - epoch)) as f64 / took.as_secs_f64().max(1e-9);
        // Where one has ended, it is not known how many steps were taken.
        if problem.flow.is_some() && states.iter().any(|state| state.epoch != until) {
            return Ok(before.unwrap_or(rate));
        }
        if took >= MEASURED || until >= problem.epochs {
            return Ok(rate);
        }
        before = Some(rate);
        (epoch, step) = (until, 2 * step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs trials on a device with the given rate for each size, which holds `fits` replicas.
    fn tried(rate: impl Fn(usize) -> f64, fits: usize, most: usize) -> (Vec<usize>, Option<AtOnce>) {
        let (mut trials, mut sizes) = (Trials::default(), vec![]);
        while let Some(size) = trials.next(most) {
            sizes.push(size);
            if size > fits { trials.overflowed(size) } else { trials.ran(size, rate(size)) }
        }
        (sizes, trials.verdict())
    }

    #[test]
    fn a_device_is_filled_and_no_further() {
        // Each epoch takes as long as it takes to start, or a hundredth of that for each replica.
        let (sizes, found) = tried(|size| size as f64 / (size as f64 / 100.0).max(1.0), usize::MAX, 1000);
        assert_eq!(sizes, [8, 16, 32, 64, 128, 256]);
        assert_eq!(found, Some(AtOnce { efficient: 128, most: None }));
    }

    #[test]
    fn what_gains_nothing_stays_small() {
        let (sizes, found) = tried(|_| 50.0, usize::MAX, 1000);
        assert_eq!((sizes, found), (vec![8, 16], Some(AtOnce { efficient: 8, most: None })));
    }

    #[test]
    fn memory_and_the_number_of_cells_end_the_trials() {
        let (sizes, found) = tried(|size| size as f64, 100, 1000);
        assert_eq!((sizes.last(), found), (Some(&128), Some(AtOnce { efficient: 64, most: Some(64) })));
        let (sizes, found) = tried(|size| size as f64, 100, 40);
        assert_eq!((sizes, found), (vec![8, 16, 32], Some(AtOnce { efficient: 32, most: None })));
        assert_eq!(tried(|size| size as f64, 4, 1000), (vec![8], None));
    }

    #[test]
    fn what_was_tried_can_be_read() {
        let mut trials = Trials::default();
        trials.ran(8, 210.4);
        trials.overflowed(16);
        assert_eq!(trials.to_string(), "8: 210, 16: no memory");
    }
}
