//! A replica's state as the arrays of a checkpoint, and back.
//!
//! The trainer does not know files and the store does not know trainers; this is where they meet. Invariant: a state that is
//! restored equals the saved one in every bit; one that does not fit the problem is not restored.

use phasesweep_results::FlowStop;

use crate::observables::{Layout, Record, Values};
use crate::store::SavedState;
use crate::train::flow::FlowState;
use crate::train::{Problem, ReplicaState};

/// Names of the arrays that are no variables. Those of variables are their own.
const PARAMETERS: &str = "parameters";
const FIRST_MOMENT: &str = "first moment";
const SECOND_MOMENT: &str = "second moment";
/// Only there with batch normalisation: networks without wrote none before there was any.
const AVERAGES: &str = "running averages";
/// Steps taken of the pass under way; not there between two passes.
const STEP: &str = "steps of the pass";
const FLOW_PARAMETERS: &str = "flow parameters";
/// Time, length of the next step, steps tried and not taken, code of the reason why it ended (missing: it has not).
const FLOW_NUMBERS: &str = "flow numbers";

/// The state as arrays by name.
pub(in crate::session) fn save(state: &ReplicaState) -> SavedState {
    let ReplicaState { epoch, step, parameters, first_moment, second_moment, averages, diverged, record, flow } = state;
    let mut arrays = vec![
        (PARAMETERS.to_owned(), Values::F32(parameters.clone())),
        (FIRST_MOMENT.to_owned(), Values::F32(first_moment.clone())),
        (SECOND_MOMENT.to_owned(), Values::F32(second_moment.clone())),
    ];
    if !averages.is_empty() {
        arrays.push((AVERAGES.to_owned(), Values::F32(averages.clone())));
    }
    if let Some(FlowState { parameters, time, step, rejected, stop }) = flow.as_deref() {
        let stop = stop.map_or(f64::NAN, |stop| f64::from(stop.code()));
        arrays.push((FLOW_PARAMETERS.to_owned(), Values::F64(parameters.clone())));
        // As many steps as a flow can take are whole numbers in f64.
        arrays.push((FLOW_NUMBERS.to_owned(), Values::F64(vec![*time, *step, *rejected as f64, stop])));
    }
    if *step > 0 {
        // As many steps as a pass can have are whole numbers in f64.
        arrays.push((STEP.to_owned(), Values::F64(vec![*step as f64])));
    }
    arrays.extend(record.arrays().map(|(variable, values)| (variable.name.to_owned(), values.clone())));
    SavedState { epoch: *epoch, diverged: *diverged, arrays }
}

/// The state behind arrays; `None` if they are not those of a state of the problem.
pub(in crate::session) fn restore(mut saved: SavedState, problem: &Problem) -> Option<ReplicaState> {
    let mut floats = |name: &str| match saved.take(name)? {
        Values::F32(values) => Some(values),
        _ => None,
    };
    let (parameters, first_moment, second_moment) =
        (floats(PARAMETERS)?, floats(FIRST_MOMENT)?, floats(SECOND_MOMENT)?);
    let expected = if problem.flow.is_some() { 0 } else { problem.initial_averages().len() };
    let averages = if expected == 0 { Vec::new() } else { floats(AVERAGES)? };
    if averages.len() != expected {
        return None;
    }
    let flow = match &problem.flow {
        None => None,
        Some(_) => {
            let (Values::F64(parameters), Values::F64(numbers)) =
                (saved.take(FLOW_PARAMETERS)?, saved.take(FLOW_NUMBERS)?)
            else {
                return None;
            };
            let [time, step, rejected, stop] = *numbers.as_slice() else { return None };
            let stop = if stop.is_nan() { None } else { Some(FlowStop::from_code(stop as u8)?) };
            Some(Box::new(FlowState { parameters, time, step, rejected: rejected as u64, stop }))
        }
    };
    let step = match saved.take(STEP) {
        None => 0,
        Some(Values::F64(step)) => *step.first()? as usize,
        Some(_) => return None,
    };
    let record = Record::restored(&problem.layout(), |name| saved.take(name))?;
    // What is left over was measured by another sweep, or by another version.
    saved.arrays.is_empty().then_some(ReplicaState {
        epoch: saved.epoch,
        step,
        parameters,
        first_moment,
        second_moment,
        averages,
        diverged: saved.diverged,
        record,
        flow,
    })
}

/// A record of which everything before `next` is measured, as arrays by name.
pub(in crate::session) fn save_record(record: &Record, next: usize) -> SavedState {
    let arrays = record.arrays().map(|(variable, values)| (variable.name.to_owned(), values.clone())).collect();
    SavedState { epoch: next, diverged: None, arrays }
}

/// The record behind arrays; `None` if they are not those of the layout.
pub(in crate::session) fn restore_record(mut saved: SavedState, layout: &Layout) -> Option<Record> {
    let record = Record::restored(layout, |name| saved.take(name))?;
    saved.arrays.is_empty().then_some(record)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::data::{Block, Samples};
    use crate::sweep::{Activation, ArchitectureKind, Batch, Loss, Optimiser, OptimiserKind, Rule};
    use crate::train::Replica;
    use phasesweep_networks::{Count, Element, Layers, Normalisation};
    use phasesweep_optimisers::Rates;

    /// A dense layer, with batch normalisation behind it or without, and the output layer.
    fn problem(normalised: bool) -> Problem {
        let dense = |dense| Element::Dense { dense, bias: true };
        let mut layers = vec![dense(Count::Of(4)), dense(Count::Classes)];
        if normalised {
            layers.insert(1, Element::Normalise { normalise: Normalisation::Batch });
        }
        let samples = Samples { x: vec![0.5; 2 * 3], y: vec![0, 1] };
        let block = Block {
            features: 3,
            live: vec![0, 1, 2],
            image: None,
            classes: 2,
            train: samples.clone(),
            test: samples,
            source_index: vec![0, 1],
        };
        Problem {
            block: Arc::new(block),
            noisy: Arc::default(),
            noise: vec![],
            architecture: ArchitectureKind::Layers(Layers { layers }),
            activation: Activation::Tanh,
            layers: vec![1],
            loss: Loss::CrossEntropy,
            optimiser: OptimiserKind::Rule(Rule::Sgd),
            batch: Batch::Full,
            epochs: 1,
            recorded: vec![0, 1],
            manifold: vec![],
            snapshots: vec![],
            scheduled: Default::default(),
            flow: None,
        }
    }

    #[test]
    fn running_averages_are_saved_and_asked_for_where_there_are_any() {
        let rates = Rates { lr: 0.1, momentum: 0.9, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 };
        let optimiser = Optimiser::of(Rule::Sgd, rates, Default::default());
        let replica = Replica { seed: 1, optimiser, init_scale: 1.0, kept: None };
        let (plain, normalised) = (problem(false), problem(true));
        let mut state = ReplicaState::fresh(&normalised, &replica);
        state.averages = (0..8).map(|k| k as f32).collect();
        let restored = restore(save(&state), &normalised).unwrap();
        assert_eq!((&restored.averages, &restored.parameters), (&state.averages, &state.parameters));
        // A checkpoint from before there were any, and one of another network.
        let without = ReplicaState { averages: vec![], ..state.clone() };
        assert!(restore(save(&without), &normalised).is_none());
        assert!(restore(save(&state), &plain).is_none());
        let fresh = ReplicaState::fresh(&plain, &replica);
        let saved = save(&fresh);
        assert!(saved.arrays.iter().all(|(name, _)| name != AVERAGES), "written as before");
        assert!(restore(saved, &plain).is_some());
    }

    #[test]
    fn a_state_within_a_pass_is_restored_there() {
        let problem = problem(false);
        let state = |step| ReplicaState {
            epoch: 1,
            step,
            parameters: vec![0.25, f32::NAN],
            first_moment: vec![],
            second_moment: vec![1.5],
            averages: vec![],
            diverged: None,
            record: Record::empty(&problem.layout()),
            flow: None,
        };
        for step in [0, 3] {
            let saved = save(&state(step));
            assert_eq!(saved.arrays.iter().any(|(name, _)| name == STEP), step > 0, "as before between two passes");
            let restored = restore(saved, &problem).unwrap();
            assert_eq!(format!("{restored:?}"), format!("{:?}", state(step)));
        }
    }
}
