//! Stopping within a pass over minibatches: it does not show in any engine, and every replica is measured at its own steps.

use std::collections::BTreeMap;

use super::*;
use crate::observables::{Moment, Position, Schedule, Scheduled, variable};
use crate::train::flow::StageWeights;
use crate::train::{Ended, Measuring, Pace, TrainError, drive, steps_per_epoch};

fn replicas() -> [Replica; 3] {
    [replica(1, sgd(0.05, 0.9, 0.0)), pruned(2, sgd(0.02, 0.0, 0.1)), replica(3, sgd(0.03, 0.0, 0.0))]
}

/// Passes of six steps, of five where samples are pruned away.
fn minibatches(kind: OptimiserKind) -> Problem {
    Problem { optimiser: kind, batch: Batch::Mini { size: 8 }, epochs: 6, ..cut_to(6, mlp(&[5], 3)) }
}

fn cut_to(epochs: usize, problem: Problem) -> Problem {
    let within = |list: Vec<usize>| list.into_iter().filter(|&epoch| epoch <= epochs).collect();
    Problem {
        epochs,
        recorded: within(problem.recorded),
        manifold: within(problem.manifold),
        snapshots: within(problem.snapshots),
        ..problem
    }
}

pub(super) type Build = fn(&Problem, &[Replica], Vec<ReplicaState>) -> Result<Box<dyn Engine>, TrainError>;

pub(super) fn on_burn(
    problem: &Problem,
    replicas: &[Replica],
    states: Vec<ReplicaState>,
) -> Result<Box<dyn Engine>, TrainError> {
    Ok(Box::new(engine(problem, replicas, states)))
}

fn on_kernel(
    problem: &Problem,
    replicas: &[Replica],
    states: Vec<ReplicaState>,
) -> Result<Box<dyn Engine>, TrainError> {
    Ok(Box::new(KernelEngine::new(problem, replicas, states, 2, KernelChoice::Auto)?))
}

fn starts(problem: &Problem, replicas: &[Replica]) -> Vec<ReplicaState> {
    replicas.iter().map(|replica| start(problem, replica)).collect()
}

/// Trains to the end by way of these positions, each with a new engine.
fn by_way_of(build: Build, problem: &Problem, replicas: &[Replica], stops: &[Position]) -> Vec<ReplicaState> {
    let mut states = starts(problem, replicas);
    for &until in stops.iter().chain([&Position::at_epoch(problem.epochs + 1)]) {
        let mut engine = build(problem, replicas, states).unwrap();
        engine.advance_to(until).unwrap();
        states = engine.states().unwrap();
        assert!(states.iter().all(|state| state.position() == until));
    }
    states
}

fn text(states: &[ReplicaState]) -> String {
    format!("{states:?}")
}

const STOPS: [(usize, usize); 9] = [(0, 1), (0, 2), (0, 5), (1, 0), (1, 5), (3, 1), (3, 4), (5, 5), (6, 0)];

#[test]
fn a_run_that_stops_within_passes_has_the_bits_of_one_that_does_not() {
    let stops = STOPS.map(|(epoch, step)| Position { epoch, step });
    for kind in [Rule::Sgd, Rule::Adam].map(OptimiserKind::Rule) {
        let dense = minibatches(kind);
        let images = Problem { optimiser: kind, batch: Batch::Mini { size: 20 }, ..cnn(&[4]) };
        for build in [on_burn as Build, on_kernel] {
            let unbroken = by_way_of(build, &dense, &replicas(), &[]);
            assert_eq!(text(&by_way_of(build, &dense, &replicas(), &stops)), text(&unbroken));
            let stops = [(0, 2), (2, 1), (3, 1)].map(|(epoch, step)| Position { epoch, step });
            let unbroken = by_way_of(build, &images, &replicas(), &[]);
            assert_eq!(text(&by_way_of(build, &images, &replicas(), &stops)), text(&unbroken));
        }
    }
}

#[test]
fn engines_agree_within_a_pass() {
    let problem = minibatches(OptimiserKind::Rule(Rule::Adam));
    for stop in STOPS.map(|(epoch, step)| Position { epoch, step }) {
        let at_stop = |build: Build| {
            let mut engine = build(&problem, &replicas(), starts(&problem, &replicas())).unwrap();
            engine.advance_to(stop).unwrap();
            engine.states().unwrap()
        };
        for (a, b) in at_stop(on_burn).iter().zip(&at_stop(on_kernel)) {
            assert_close(&a.parameters, &b.parameters, "parameters");
            assert_close(&a.first_moment, &b.first_moment, "first moment");
            assert_close(a.record.floats(&TRAIN_LOSS), b.record.floats(&TRAIN_LOSS), "loss");
        }
    }
}

#[test]
fn a_replica_that_diverges_within_a_pass_is_known_to_at_its_end() {
    let mut problem = minibatches(OptimiserKind::Rule(Rule::Sgd));
    (problem.loss, problem.activation) = (Loss::MeanSquared, Activation::Relu);
    let replicas = [replica(1, sgd(0.02, 0.0, 0.0)), replica(2, sgd(1e12, 0.0, 0.0))];
    for build in [on_burn as Build, on_kernel] {
        let mut states = starts(&problem, &replicas);
        for step in 1..6 {
            let mut engine = build(&problem, &replicas, states).unwrap();
            engine.advance_to(Position { epoch: 0, step }).unwrap();
            states = engine.states().unwrap();
            assert!(states.iter().all(|state| state.diverged.is_none()));
        }
        assert!(states[1].parameters.iter().any(|weight| !weight.is_finite()), "it did");
        let mut engine = build(&problem, &replicas, states).unwrap();
        engine.advance(problem.epochs + 1).unwrap();
        let states = engine.states().unwrap();
        let unbroken = by_way_of_end(build, &problem, &replicas);
        assert_eq!((states[1].diverged, states[1].position()), (Some(1), Position::at_epoch(1)));
        assert_eq!((unbroken[1].diverged, unbroken[1].position()), (Some(1), Position::at_epoch(1)));
        assert_eq!(text(&states[..1]), text(&unbroken[..1]));
    }
}

fn by_way_of_end(build: Build, problem: &Problem, replicas: &[Replica]) -> Vec<ReplicaState> {
    let mut engine = build(problem, replicas, starts(problem, replicas)).unwrap();
    engine.advance(problem.epochs + 1).unwrap();
    engine.states().unwrap()
}

/// The weights that were kept: by replica and moment, as bits.
type Kept = BTreeMap<(usize, Moment), Vec<u32>>;

/// Stops as often as it is told to, and remembers what it was given.
#[derive(Default)]
struct Stops {
    is_stopping: bool,
    saved: Vec<ReplicaState>,
    kept: Kept,
}

impl Pace for Stops {
    fn should_stop(&self) -> bool {
        self.is_stopping
    }

    fn at(&mut self, _: usize, _: usize) {}

    fn checkpoint_due(&self) -> bool {
        false
    }

    fn checkpoint(&mut self, states: &[ReplicaState]) -> Result<(), String> {
        self.saved = states.to_vec();
        Ok(())
    }

    fn keep_weights(&mut self, replica: usize, at: Moment, state: &ReplicaState) -> Result<(), String> {
        let bits: Vec<u32> = state.parameters.iter().map(|weight| weight.to_bits()).collect();
        let before = self.kept.insert((replica, at), bits.clone());
        assert!(before.is_none_or(|before| before == bits), "written again, it is the same");
        Ok(())
    }

    fn keep_stage(&mut self, _: &StageWeights) -> Result<(), String> {
        unreachable!("no gradient flow")
    }
}

/// Drives to the end, measuring on the host, stopping at every opportunity if `is_stopping`.
fn driven(build: Build, problem: &Problem, replicas: &[Replica], is_stopping: bool) -> (Vec<ReplicaState>, Kept) {
    measured_by(Measuring { threads: 2, device: None }, build, problem, replicas, is_stopping)
}

/// As [`driven`], measured so.
pub(super) fn measured_by(
    measuring: Measuring<'_>,
    build: Build,
    problem: &Problem,
    replicas: &[Replica],
    is_stopping: bool,
) -> (Vec<ReplicaState>, Kept) {
    let (mut pace, mut states) = (Stops { is_stopping, ..Stops::default() }, starts(problem, replicas));
    loop {
        let mut build = |replicas: Vec<Replica>, states| build(problem, &replicas, states);
        match drive(problem, replicas, states, None, measuring, &mut build, &mut pace).unwrap() {
            Ended::Complete(states) => return (states, pace.kept),
            Ended::Stopped => states = pace.saved.clone(),
        }
    }
}

const STEPS: [usize; 9] = [0, 1, 2, 5, 6, 7, 13, 29, 36];

/// What a sweep file's tables ask for, at these moments.
fn scheduled(at: &Schedule) -> Scheduled {
    struct Answers<'a>(&'a Schedule);
    impl crate::observables::Keys for Answers<'_> {
        fn schedule(&mut self, _: &'static str, _: &'static str) -> Option<Schedule> {
            Some(self.0.clone())
        }
        fn positive_numbers(&mut self, _: &'static str, _: &'static str, _: &'static str) -> Option<Vec<f64>> {
            None
        }
        fn positive_number(&mut self, _: &'static str, _: &'static str, _: &'static str) -> Option<Option<f64>> {
            None
        }
        fn whole(
            &mut self,
            _: &'static str,
            _: std::ops::RangeInclusive<i128>,
            default: usize,
            _: &'static str,
        ) -> Option<usize> {
            Some(default)
        }
        fn optional_whole(
            &mut self,
            _: &'static str,
            _: std::ops::RangeInclusive<i128>,
            _: &'static str,
            _: &'static str,
        ) -> Option<Option<usize>> {
            Some(None)
        }
        fn whole_numbers(
            &mut self,
            _: &'static str,
            _: std::ops::RangeInclusive<i128>,
            default: &'static [usize],
            _: &'static str,
        ) -> Option<Vec<usize>> {
            Some(default.to_vec())
        }
        fn flag(&mut self, _: &'static str, default: bool, _: &'static str) -> Option<bool> {
            Some(default)
        }
        fn words(
            &mut self,
            _: &'static str,
            _: &'static [&'static str],
            default: &'static [usize],
            _: &'static str,
        ) -> Option<Vec<usize>> {
            Some(default.to_vec())
        }
        fn word(
            &mut self,
            _: &'static str,
            _: &'static [&'static str],
            default: usize,
            _: &'static str,
        ) -> Option<usize> {
            Some(default)
        }
        fn interval(&mut self, _: &'static str, _: &'static str, _: &'static str) -> Option<Option<[f64; 2]>> {
            None
        }
    }
    let mut scheduled = Scheduled { weights: Some(at.clone()), ..Scheduled::default() };
    for name in ["trajectory", "update", "weight_norm"] {
        scheduled.read(name, &mut Answers(at)).unwrap();
    }
    scheduled
}

fn numbers(state: &ReplicaState, name: &str) -> Vec<f32> {
    state.record.floats(variable(name).unwrap()).to_vec()
}

#[test]
fn every_replica_is_measured_at_its_own_steps_alone_and_in_a_cohort_stopped_or_not() {
    let at = Schedule::Steps { steps: STEPS.to_vec() };
    let plain = minibatches(OptimiserKind::Rule(Rule::Adam));
    let problem = Problem { scheduled: scheduled(&at), ..plain.clone() };
    for build in [on_burn as Build, on_kernel] {
        let (whole, kept) = driven(build, &problem, &replicas(), false);
        let (resumed, kept_again) = driven(build, &problem, &replicas(), true);
        assert_eq!((text(&resumed), &kept_again), (text(&whole), &kept));
        // Without any stop the engine's own numbers are the same.
        let unobserved = by_way_of(build, &plain, &replicas(), &[]);
        for (place, replica) in replicas().iter().enumerate() {
            let per_epoch = steps_per_epoch(&problem, replica);
            assert_eq!(per_epoch, if place == 1 { 5 } else { 6 });
            assert_eq!(text(&[ReplicaState { record: Record::default(), ..whole[place].clone() }]), {
                text(&[ReplicaState { record: Record::default(), ..unobserved[place].clone() }])
            });
            for own in [&TRAIN_LOSS, &TRAIN_ERROR, &TEST_ERROR, &RADIUS, &DISTANCE] {
                let [a, b] = [&whole, &unobserved].map(|states| states[place].record.floats(own));
                assert!(a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits()), "{}", own.name);
            }
            // The weights kept at a step are those of an engine that goes there with this replica alone.
            let there = STEPS.iter().filter(|&&step| step <= 6 * per_epoch);
            assert_eq!(kept.keys().filter(|(of, _)| *of == place).count(), there.clone().count());
            for &step in there {
                let own = std::slice::from_ref(replica);
                let mut engine = build(&plain, own, starts(&plain, own)).unwrap();
                engine.advance_to(Position { epoch: step / per_epoch, step: step % per_epoch }).unwrap();
                let alone = engine.states().unwrap().remove(0).parameters;
                let kept: Vec<f32> = kept[&(place, Moment::step(step))].iter().copied().map(f32::from_bits).collect();
                assert_close(&alone, &kept, &format!("replica {place}, step {step}"));
            }
            // At whole epochs it is what the engine records; beyond a replica's last step nothing is.
            for (at, &step) in STEPS.iter().enumerate() {
                let error = numbers(&whole[place], "trajectory_train_error")[at];
                let loss = numbers(&whole[place], "trajectory_train_loss")[at];
                assert_eq!(error.is_nan(), step > 6 * per_epoch, "replica {place}, step {step}");
                if step % per_epoch == 0 && step <= 6 * per_epoch {
                    let epoch = step / per_epoch;
                    assert_close(&[error], &[whole[place].record.floats(&TRAIN_ERROR)[epoch]], "error");
                    assert_close(&[loss], &[whole[place].record.floats(&TRAIN_LOSS)[epoch]], "loss");
                }
            }
            // The update of a step is the difference of the weights around it.
            let lengths = numbers(&whole[place], "update_length");
            let weights = |step: usize| kept[&(place, Moment::step(step))].iter().map(|&bits| f32::from_bits(bits));
            for at in [1, 2, 4, 5] {
                let (step, exact) = (STEPS[at], |a: f32, b: f32| (f64::from(a) - f64::from(b)).powi(2));
                let length = weights(step).zip(weights(step - 1)).map(|(a, b)| exact(a, b)).sum::<f64>().sqrt();
                assert!((f64::from(lengths[at]) / length - 1.0).abs() < 1e-6, "{} {length}", lengths[at]);
            }
            assert!(lengths[0].is_nan());
        }
    }
}

#[test]
fn with_a_full_batch_steps_are_epochs() {
    let list = vec![0, 1, 2, 5, 6];
    let named = |at: Schedule| Problem { scheduled: scheduled(&at), ..cut_to(6, mlp(&[5], 3)) };
    let (steps, epochs) = (named(Schedule::Steps { steps: list.clone() }), named(Schedule::At { epochs: list }));
    for build in [on_burn as Build, on_kernel] {
        let (by_steps, kept_steps) = driven(build, &steps, &replicas(), false);
        let (by_epochs, kept_epochs) = driven(build, &epochs, &replicas(), false);
        assert_eq!(kept_steps.values().collect::<Vec<_>>(), kept_epochs.values().collect::<Vec<_>>());
        for (a, b) in by_steps.iter().zip(&by_epochs) {
            assert_eq!(format!("{:?}", a.parameters), format!("{:?}", b.parameters));
            for name in
                ["trajectory_radius", "trajectory_test_error", "update_cosine", "weight_norm", "gradient_cosine"]
            {
                let bits = |state: &ReplicaState| numbers(state, name).iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert!(!bits(a).is_empty() && bits(a) == bits(b), "{name}");
            }
        }
    }
}
