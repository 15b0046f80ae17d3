//! A stack: replicas of one precision, followed side by side on the device, each with its own time and steps.
//!
//! Invariants: the device is waited for once a block of trials, once more in a block after which a replica is looked at, and
//! once when the stack is made; a replica's numbers follow from its own alone, whoever is beside it, however many trials a
//! block has and wherever it is cut.

use std::sync::Arc;

use rayon::prelude::*;

use super::stepper::{Given, Shared, Stepper};
use crate::sweep::Flow;
use crate::train::burn::transfer;
use crate::train::flow::leg::Leg;
use crate::train::flow::trajectory::Steered;
use crate::train::{Replica, TrainError};

/// A replica of a stack.
struct Member {
    /// Its place in the cohort.
    place: usize,
    flow: Box<dyn Steered>,
    /// Whether the host knows the point where it is.
    arrived: bool,
    /// Whether something may be due there.
    is_due: bool,
}

/// A replica that joins a stack.
pub(super) struct Joining<'a> {
    /// Its place in the cohort.
    pub(super) place: usize,
    pub(super) replica: &'a Replica,
    pub(super) numbers: Flow,
    pub(super) flow: Box<dyn Steered>,
}

/// Replicas on the device, with what the host knows of them.
pub(super) struct Stack {
    members: Vec<Member>,
    /// Which member each row of the device's tensors is.
    rows: Vec<usize>,
    stepper: Stepper,
    /// Trials between two fetches.
    block: usize,
}

impl Stack {
    /// Puts replicas on the device.
    ///
    /// # Errors
    /// [`TrainError`] if the device fails.
    pub(super) fn new(shared: Arc<Shared>, joining: Vec<Joining<'_>>, block: usize) -> Result<Stack, TrainError> {
        let parameters =
            |joining: &Joining<'_>| joining.flow.state().flow.map_or_else(Vec::new, |flow| flow.parameters);
        let here: Vec<Vec<f64>> = joining.iter().map(parameters).collect();
        let given: Vec<Given<'_>> = joining
            .iter()
            .zip(&here)
            .map(|(joining, here)| Given {
                numbers: joining.numbers,
                kept: joining.replica.kept.as_deref(),
                start: joining.flow.start(),
                here,
            })
            .collect();
        let stepper = Stepper::new(shared, &given);
        drop(given);
        let rows: Vec<usize> = (0..joining.len()).collect();
        let mut tensors = stepper.point(&rows, false);
        tensors.push(stepper.start());
        let fetched = transfer::fetch_wide(tensors)?;
        let [outputs, norms, starts] = fetched.as_slice() else { return Err(unexpected()) };
        let samples = outputs.len() / rows.len().max(1);
        let member = |(row, Joining { place, mut flow, .. }): (usize, Joining<'_>)| {
            let of_row = row * samples..(row + 1) * samples;
            flow.begin(&starts[of_row.clone()]);
            flow.arrive(None, &outputs[of_row], norms[row]);
            Member { place, flow, arrived: true, is_due: true }
        };
        let members = joining.into_iter().enumerate().map(member).collect();
        Ok(Stack { members, rows, stepper, block: block.max(1) })
    }

    /// Its replicas, each with its place in the cohort.
    pub(super) fn flows(&mut self) -> impl Iterator<Item = (usize, &mut Box<dyn Steered>)> {
        self.members.iter_mut().map(|member| (member.place, &mut member.flow))
    }

    /// See [`crate::train::Engine::advance`]; what is measured is measured in `pool`.
    ///
    /// # Errors
    /// [`TrainError`] if the device fails; the stack is then to be dropped.
    pub(super) fn advance(&mut self, until: usize, pool: &rayon::ThreadPool) -> Result<(), TrainError> {
        loop {
            self.look(until, pool)?;
            self.dismiss()?;
            let members = &mut self.members;
            let legs: Vec<Option<Leg>> = self.rows.iter().map(|&member| members[member].flow.leg(until)).collect();
            // More trials than the longest leg has steps would serve those alone that are not taken.
            let Some(longest) = legs.iter().flatten().map(|leg| leg.steps).max() else { return Ok(()) };
            let trials = longest.min(self.block);
            let told = transfer::fetch_wide(vec![self.stepper.block(&legs, trials)])?.concat();
            if told.len() != legs.len() * (trials + 2) {
                return Err(unexpected());
            }
            for ((&member, leg), told) in self.rows.iter().zip(&legs).zip(told.chunks_exact(trials + 2)) {
                let Some(leg) = leg else { continue };
                let member = &mut members[member];
                member.arrived &= told[..trials].iter().all(|&length| length <= 0.0);
                member.is_due |= member.flow.went(leg, &told[..trials], told[trials], told[trials + 1] > 0.5);
            }
        }
    }

    /// Measures what is due of the replicas that are to go on.
    fn look(&mut self, until: usize, pool: &rayon::ThreadPool) -> Result<(), TrainError> {
        let is_due = |member: &Member| member.is_due && member.flow.goes_on(until);
        self.fetch(is_due)?;
        let mut due: Vec<&mut Member> = self.members.iter_mut().filter(|member| is_due(member)).collect();
        // Where there are more threads than replicas, they share the samples of each.
        let shared = due.len() < pool.current_num_threads();
        pool.install(|| {
            due.par_iter_mut().with_max_len(1).for_each(|member| {
                member.flow.look(shared);
                member.is_due = false;
            });
        });
        Ok(())
    }

    /// Lets the host know where the replicas are.
    ///
    /// # Errors
    /// [`TrainError`] if the device fails.
    pub(super) fn arrive(&mut self) -> Result<(), TrainError> {
        self.fetch(|_| true)
    }

    /// Fetches the points of some of the replicas that the host does not know, in one transfer.
    fn fetch(&mut self, wanted: impl Fn(&Member) -> bool) -> Result<(), TrainError> {
        let is_wanted = |&row: &usize| {
            let member = &self.members[self.rows[row]];
            !member.arrived && wanted(member)
        };
        let rows: Vec<usize> = (0..self.rows.len()).filter(is_wanted).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let fetched = transfer::fetch_wide(self.stepper.point(&rows, true))?;
        let [outputs, norms, layers @ ..] = fetched.as_slice() else { return Err(unexpected()) };
        let of_row = |values: &'_ [f64], row: usize| {
            let each = values.len() / rows.len();
            row * each..(row + 1) * each
        };
        for (row, &at) in rows.iter().enumerate() {
            let parameters: Vec<f64> =
                layers.iter().flat_map(|layer| layer[of_row(layer, row)].iter().copied()).collect();
            let member = &mut self.members[self.rows[at]];
            member.flow.arrive(Some(&parameters), &outputs[of_row(outputs, row)], norms[row]);
            member.arrived = true;
        }
        Ok(())
    }

    /// Lets the replicas go that have ended, once they are half of those on the device: each time is a copy of all others.
    fn dismiss(&mut self) -> Result<(), TrainError> {
        let goes_on = |&row: &usize| self.members[self.rows[row]].flow.goes_on(usize::MAX);
        let staying: Vec<usize> = (0..self.rows.len()).filter(goes_on).collect();
        if 2 * staying.len() > self.rows.len() || self.rows.is_empty() {
            return Ok(());
        }
        self.fetch(|member| !member.flow.goes_on(usize::MAX))?;
        if !staying.is_empty() {
            self.stepper.keep(&staying);
        }
        self.rows = staying.into_iter().map(|row| self.rows[row]).collect();
        Ok(())
    }
}

fn unexpected() -> TrainError {
    TrainError::Device("it handed back other numbers than it was asked for".to_owned())
}
