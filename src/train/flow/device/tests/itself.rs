//! A flow on the device is the same alone and in company, stopped and not, in whatever blocks and stacks: bit for bit on flex
//! where the network is of dense layers, whose products of a replica are its own. Convolutions there, and other devices, may sum
//! otherwise in other stacks: there stops and blocks alone have to leave the bits.

use phasesweep_results::FlowStop;

use super::*;
use crate::sweep::{Flow, Loss, Watched};
use crate::train::burn::flex::on_flex;
use crate::train::flow::tests::case::{FLOW, MEAN_FIELD, cnn, mlp, problem, replica};
use crate::train::flow::{FlowEngine, StageWeights};

/// Everything in a state, as bits, so that NaNs compare.
type Bits = (usize, Option<FlowStop>, Option<usize>, u64, Vec<u64>);

fn bits(state: &ReplicaState) -> Bits {
    let flow = flow(state);
    let recorded: Vec<f64> = state.record.arrays().flat_map(|(variable, _)| state.record.numbers(variable)).collect();
    let numbers = flow.parameters.iter().chain([&flow.time, &flow.step]).chain(&recorded);
    let numbers = numbers.map(|value| if value.is_nan() { u64::MAX } else { value.to_bits() });
    (state.epoch, flow.stop, state.diverged, flow.rejected, numbers.collect())
}

fn cohort(watched: Watched) -> Vec<Replica> {
    let mut replicas = Vec::new();
    for precision in precisions() {
        let with = |seed: u64, numbers: Flow| replica(seed, Flow { precision, watched, ..numbers });
        replicas.extend([
            with(1, Flow { alpha: 0.1, ..FLOW }),
            with(2, Flow { alpha: 1.0, fitted: 0.3, ..FLOW }),
            with(3, Flow { alpha: 1.0, time: Some(0.2), ..FLOW }),
            // Its outputs overflow at once.
            Replica { init_scale: 1e160, ..with(4, FLOW) },
            Replica { kept: Some((0..40).map(|k| k % 4 != 1).collect()), ..with(5, FLOW) },
        ]);
    }
    replicas
}

fn cases() -> [Problem; 3] {
    let shallow = Problem { loss: Loss::SoftHinge, ..problem(mlp(&[16]), MEAN_FIELD, 40, 300) };
    let mut deep = Problem { loss: Loss::Hinge, ..problem(mlp(&[9, 7]), MEAN_FIELD, 40, 300) };
    let observe = &mut deep.flow.as_mut().unwrap().observe;
    (observe.kernel_losses, observe.weights_at) = (vec![0.7], vec![0.5, 1.0]);
    let images = Problem { loss: Loss::SoftHinge, ..problem(cnn(), MEAN_FIELD, 40, 30) };
    [shallow, deep, images]
}

fn assert_same(problem: &Problem, found: &ReplicaState, whole: &ReplicaState, name: &str) {
    if on_flex(&device_under_test()) && !problem.architecture.needs_images() {
        assert!(bits(found) == bits(whole), "{name}");
        return;
    }
    assert_eq!((found.diverged, flow(found).stop), (whole.diverged, flow(whole).stop), "{name}");
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
    let (found, whole) = (&flow(found).parameters, &flow(whole).parameters);
    let apart = square(&mut found.iter().zip(whole).map(|(a, b)| a - b)) / square(&mut whole.iter().copied());
    // Another rounding of single precision, amplified over hundreds of steps; NaN of one that overflowed.
    assert!(apart.is_nan() || apart.sqrt() < 0.02, "{name}: {}", apart.sqrt());
}

#[test]
fn alone_cut_and_in_other_blocks_and_stacks_a_flow_is_the_same_bits() {
    for (problem, watched) in cases().iter().zip([Watched::Pulling, Watched::All, Watched::Pulling]) {
        let replicas = cohort(watched);
        let whole = run(problem, &replicas, CUT);
        let stops: Vec<_> = whole.iter().map(|state| flow(state).stop).collect();
        // Images would take a thousand steps, which a software renderer takes hours for.
        let ends = stops.contains(&Some(FlowStop::Fitted)) && stops.contains(&Some(FlowStop::Time));
        assert!(ends || problem.architecture.needs_images(), "{stops:?}");
        assert!(whole[3].diverged.is_some() && whole.iter().filter(|state| state.diverged.is_none()).count() >= 4);
        for cut in [Cut { block: 1, ..CUT }, Cut { block: 64, ..CUT }] {
            for (place, (other, whole)) in run(problem, &replicas, cut).iter().zip(&whole).enumerate() {
                assert!(bits(other) == bits(whole), "{cut:?}, {place}");
            }
        }
        for (place, (other, whole)) in run(problem, &replicas, Cut { stack: 2, ..CUT }).iter().zip(&whole).enumerate() {
            assert_same(problem, other, whole, &format!("two at a time, {place}"));
        }
        for (place, (replica, whole)) in replicas.iter().zip(&whole).enumerate() {
            let alone = run(problem, std::slice::from_ref(replica), CUT);
            assert_same(problem, &alone[0], whole, &format!("alone, {place}"));
        }
        let mut states = fresh(problem, &replicas);
        let mut kept: Vec<StageWeights> = Vec::new();
        for until in [1, 2, 9, 10, 11, 57, 150, usize::MAX].map(|until| until.min(problem.epochs + 1)) {
            let mut engine = engine(problem, &replicas, states, CUT);
            engine.advance(until).unwrap();
            kept.extend(engine.stages());
            states = engine.states().unwrap();
        }
        for (place, (other, whole)) in states.iter().zip(&whole).enumerate() {
            assert!(bits(other) == bits(whole), "{place}");
        }
        let mut unbroken = engine(problem, &replicas, fresh(problem, &replicas), CUT);
        unbroken.advance(problem.epochs + 1).unwrap();
        let by_place = |stage: &StageWeights| (stage.replica, stage.epoch);
        let mut stages = unbroken.stages();
        stages.sort_by_key(by_place);
        kept.sort_by_key(by_place);
        assert_eq!(kept, stages);
    }
}

/// A checkpoint of the device goes on on the host, and one of the host on the device: both end where an unbroken flow does.
#[test]
fn states_go_from_the_device_to_the_host_and_back() {
    let problem = Problem { loss: Loss::SoftHinge, ..problem(mlp(&[16]), MEAN_FIELD, 40, 400) };
    let precision = precisions().pop().unwrap();
    let replicas = [replica(1, Flow { precision, alpha: 5.0, ..FLOW }), replica(2, Flow { precision, ..FLOW })];
    let whole = run(&problem, &replicas, CUT);
    let mut states = fresh(&problem, &replicas);
    for (until, on_device) in [(20, true), (45, false), (90, true), (401, false)] {
        if on_device {
            let mut engine = engine(&problem, &replicas, states, CUT);
            engine.advance(until).unwrap();
            states = engine.states().unwrap();
        } else {
            let mut engine = FlowEngine::new(&problem, &replicas, states, 2).unwrap();
            engine.advance(until).unwrap();
            states = engine.states().unwrap();
        }
    }
    for (mixed, whole) in states.iter().zip(&whole) {
        assert_eq!((mixed.epoch, flow(mixed).stop), (whole.epoch, flow(whole).stop));
        let off = (flow(mixed).time - flow(whole).time).abs() / flow(whole).time;
        // Rounding alone tells them apart: see host.rs.
        assert!(off < if precision == Precision::F64 { 1e-9 } else { 1e-2 }, "{off:e}");
    }
}
