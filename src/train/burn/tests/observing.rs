//! What is measured on the device against what the host measures of the same weights.

use super::*;
use crate::device::Doubles;
use crate::observables::attack::Norm;
use crate::observables::example::{Example, KINDS, OF_BATCHES, numbers};
use crate::observables::gradient_noise::GradientNoise;
use crate::observables::gradient_norm::GradientNorm;
use crate::observables::local_complexity::{LocalComplexity, PointSet};
use crate::observables::noise_robustness::NoiseRobustness;
use crate::observables::robustness::{Climbed, Robustness};
use crate::observables::sharpness::Sharpness;
use crate::observables::training_loss::{self, TrainingLoss};
use crate::observables::update::Update;
use crate::observables::{Loss as Climbable, Observable, OnDevice, Position, Schedule, Scheduled, Subject, Unit, View};
use crate::observe::device::ObservingDevice;
use crate::train::Measuring;
use crate::train::burn::BurnObserving;
use crate::train::burn::transfer::fetches;

fn complexity() -> LocalComplexity {
    LocalComplexity {
        at: Schedule::Every { every: 1 },
        radii: vec![0.05, 0.7],
        directions: 4,
        points: 20,
        sets: PointSet::ALL.to_vec(),
        centroid: true,
        outputs: false,
        random_box: None,
        shared_frame: false,
        test_points: None,
        random_points: Some(37),
    }
}

fn robustness() -> Robustness {
    Robustness {
        at: Schedule::Every { every: 1 },
        norms: Norm::ALL.to_vec(),
        epsilons: vec![0.02, 0.3],
        steps: 5,
        step_size: None,
        random_start: false,
        points: 1000,
        clip: None,
        last_iterate: false,
        attack_loss: Climbed::Trained,
    }
}

/// What the pieces of an observable find of each view: on the host, and on the device in blocks of so many numbers.
fn both(asked: &dyn Observable, subject: &Subject<'_>, views: &[&View<'_>], block: usize) -> [Vec<Vec<Vec<f64>>>; 2] {
    let pieces = |view: &&View<'_>| (0..asked.pieces(subject)).map(|piece| asked.piece(view, piece)).collect();
    let device = BurnObserving::new(device_under_test()).in_blocks_of(block);
    let parameters: Vec<&[f32]> = views.iter().map(|view| view.evaluated()).collect();
    let networks = device.networks(&subject.graph, &parameters);
    let before = fetches();
    let there = asked.on_device(subject).unwrap().measure(&*networks, views).unwrap();
    assert_eq!(fetches() - before, 1, "the device is waited for once");
    [views.iter().map(pieces).collect(), there]
}

/// How far the two are from each other in all, and how much there is on the host. They have the same shape.
fn apart([host, device]: &[Vec<Vec<Vec<f64>>>; 2]) -> [f64; 2] {
    let shape = |found: &[Vec<Vec<f64>>]| -> Vec<Vec<usize>> {
        found.iter().map(|pieces| pieces.iter().map(Vec::len).collect()).collect()
    };
    assert_eq!(shape(host), shape(device));
    let flat = |found: &[Vec<Vec<f64>>]| found.iter().flatten().flatten().copied().collect::<Vec<f64>>();
    let (host, device) = (flat(host), flat(device));
    [host.iter().zip(&device).map(|(a, b)| (a - b).abs()).sum(), host.iter().sum()]
}

/// Calls `check` with each kind of network, and two replicas of it.
fn each_network(activation: Activation, loss: Climbable, check: impl Fn(usize, &Subject<'_>, &[&View<'_>])) {
    for kind in (0..KINDS).chain([OF_BATCHES]) {
        let example = Example::new(kind, activation, loss);
        let subject = example.subject();
        let other = numbers(example.parameters.len(), 0.3);
        let averages: Vec<f32> = numbers(subject.graph.averaged(), 1.1).iter().map(|x| x.abs() + 0.2).collect();
        let view = |parameters, seed| {
            let count = other.len();
            let view = View::new(&subject, parameters, seed, None, 1, Box::new(move || vec![0.0; count])).unwrap();
            view.with_averages(&averages).unwrap()
        };
        let views = [view(&example.parameters, 7), view(&other, 8)];
        check(kind, &subject, &[&views[0], &views[1]]);
    }
}

#[test]
fn local_complexity_counts_what_the_host_counts() {
    let variants = [
        complexity(),
        LocalComplexity { centroid: false, outputs: true, shared_frame: true, ..complexity() },
        LocalComplexity { random_box: Some([-0.5, 2.0]), radii: vec![0.3], ..complexity() },
    ];
    for activation in [Activation::Relu, Activation::Gelu] {
        for asked in &variants {
            each_network(activation, Climbable::CrossEntropy, |kind, subject, views| {
                let found = both(asked, subject, views, 1 << 26);
                let [apart, whole] = apart(&found);
                // A sign may hang on the last digits of a sum: of tens to hundreds of units that are cut, hardly one.
                assert!(whole > 20.0 && apart <= 1.0, "{activation:?}, network {kind}: {apart} of {whole}");
                // Neither blocks nor neighbours change a replica's.
                for block in [1, 40_000] {
                    let again = both(asked, subject, &views[1..], block);
                    assert_eq!(again[1][0], found[1][1], "{activation:?}, network {kind}, blocks of {block}");
                }
            });
        }
    }
}

#[test]
fn attacks_fell_what_they_fell_on_the_host() {
    let variants = [
        robustness(),
        Robustness { random_start: true, clip: Some([-0.5, 0.8]), ..robustness() },
        Robustness { last_iterate: true, random_start: true, step_size: Some(0.2), ..robustness() },
    ];
    let smoothed = Climbable::SmoothedCrossEntropy { smoothing: 0.1 };
    for loss in [Climbable::CrossEntropy, Climbable::MeanSquared, smoothed] {
        for asked in &variants {
            each_network(Activation::Tanh, loss, |kind, subject, views| {
                let found = both(asked, subject, views, 1 << 26);
                let [apart, whole] = apart(&found);
                // Of eleven samples of two replicas under four attacks: one may stop at the boundary itself.
                assert!(whole > 8.0 && apart <= 1.0, "{loss:?}, network {kind}: {apart} of {whole}, {asked:?}");
                let alone = both(asked, subject, &views[1..], 1 << 26);
                assert_eq!(alone[1][0], found[1][1], "{loss:?}, network {kind}");
            });
        }
    }
    // Attacks go uphill: without steps fewer fall.
    let fallen = |asked: &Robustness| {
        let total = std::cell::Cell::new(0.0);
        each_network(Activation::Tanh, Climbable::CrossEntropy, |_, subject, views| {
            total.set(total.get() + apart(&both(asked, subject, views, 1 << 26))[1]);
        });
        total.get()
    };
    let still = Robustness { step_size: Some(1e-9), ..robustness() };
    assert!(fallen(&robustness()) > fallen(&still) + 20.0);
}

#[test]
fn noisy_samples_are_misclassified_as_on_the_host() {
    let asked = NoiseRobustness { at: Schedule::Every { every: 1 }, sigma: vec![0.5, 2.0], draws: 3, points: 1000 };
    each_network(Activation::Gelu, Climbable::CrossEntropy, |kind, subject, views| {
        for block in [1 << 26, 500] {
            let found = both(&asked, subject, views, block);
            // No two outputs of these networks are within rounding of each other.
            let [apart, whole] = apart(&found);
            assert!(whole > 20.0 && apart == 0.0, "network {kind}: {apart} of {whole}, blocks of {block}");
        }
    });
}

/// Calls `check` with each kind of network that has a Hessian of its own, and two replicas of it, of which one is pruned.
fn each_hessian(activation: Activation, loss: Climbable, check: impl Fn(usize, &Subject<'_>, &[&View<'_>])) {
    for kind in 0..KINDS {
        let mut example = Example::new(kind, activation, loss);
        // Weights of about the size of initial ones: the example's saturate most units.
        example.parameters.iter_mut().for_each(|w| *w *= 0.25);
        let subject = example.subject();
        let other = numbers(example.parameters.len(), 0.3).iter().map(|w| 0.2 * w).collect::<Vec<f32>>();
        let kept: Vec<bool> = (0..subject.block.train.len()).map(|sample| sample % 3 != 1).collect();
        let view = |parameters, seed, kept| {
            let count = other.len();
            View::new(&subject, parameters, seed, kept, 1, Box::new(move || vec![0.0; count])).unwrap()
        };
        let views = [view(&example.parameters, 7, None), view(&other, 8, Some(kept.as_slice()))];
        check(kind, &subject, &[&views[0], &views[1]]);
    }
}

#[test]
fn products_with_hessians_are_those_of_the_host() {
    if Doubles::of(&device_under_test()) < Doubles::Images {
        return;
    }
    let smoothed = Climbable::SmoothedCrossEntropy { smoothing: 0.1 };
    let losses = [Climbable::CrossEntropy, Climbable::MeanSquared, smoothed];
    for (activation, loss) in Activation::ALL.into_iter().zip(losses.into_iter().cycle()) {
        each_hessian(activation, loss, |kind, subject, views| {
            let count = subject.graph.parameters();
            let vector = |by: f64| (0..count).map(|k| (by * k as f64).sin()).collect::<Vec<f64>>();
            let vectors = vec![vector(1.3), vector(0.7)];
            let expected: Vec<Vec<f64>> = (views.iter().zip(&vectors))
                .map(|(view, vector)| TrainingLoss::of(view, 17).hessian_product(vector))
                .collect();
            // All rows at once, and some.
            for block in [1 << 26, 20_000] {
                let device = BurnObserving::new(device_under_test()).in_blocks_of(block);
                let parameters: Vec<&[f32]> = views.iter().map(|view| view.parameters).collect();
                let networks = device.networks(&subject.graph, &parameters);
                let counted: Vec<Vec<usize>> = views.iter().map(|view| training_loss::trained_on(view, 17)).collect();
                let derivatives = networks.derivatives(&training_loss::of_replicas(views, &counted));
                let found = derivatives.products(&vectors).unwrap();
                for (found, expected) in found.iter().zip(&expected) {
                    let scale = expected.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
                    assert_eq!(found.len(), expected.len());
                    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
                        // Double precision, summed in another order; an error function is as good as its library.
                        let within = match activation {
                            Activation::Gelu | Activation::Erf => 1e-9,
                            _ => 1e-11,
                        };
                        let off = (found - expected).abs();
                        assert!(
                            off <= within * scale,
                            "{activation:?}, {loss:?}, network {kind}, {at}: {found} {expected}"
                        );
                    }
                }
            }
        });
    }
}

#[test]
fn the_sharpness_is_that_of_the_host() {
    if Doubles::of(&device_under_test()) < Doubles::Images {
        return;
    }
    let at = Schedule::Every { every: 1 };
    let asked = Sharpness { at, eigenvalues: 2, iterations: 60, probes: 7, points: 1000 };
    each_hessian(Activation::Tanh, Climbable::CrossEntropy, |kind, subject, views| {
        assert!(asked.on_device(subject).is_none(), "a network of some hundred weights is sooner measured on the host");
        let device = BurnObserving::new(device_under_test());
        let parameters: Vec<&[f32]> = views.iter().map(|view| view.evaluated()).collect();
        let networks = device.networks(&subject.graph, &parameters);
        let there = asked.measure(&*networks, views).unwrap();
        for (view, there) in views.iter().zip(&there) {
            let here: Vec<Vec<f64>> = (0..asked.pieces(subject)).map(|piece| asked.piece(view, piece)).collect();
            assert_eq!(here.len(), there.len());
            let scale = here[0][0];
            // Two eigenvalues to their residuals, which end at 1e-5 of the greatest, and traces.
            for (here, there) in here[0][..2].iter().zip(&there[0][..2]) {
                assert!((here - there).abs() <= 1e-6 * scale, "network {kind}: {here} {there}");
            }
            for (here, there) in here[1..].iter().flatten().zip(there[1..].iter().flatten()) {
                assert!((here - there).abs() <= 1e-9 * here.abs().max(scale), "network {kind}: {here} {there}");
            }
            assert_eq!(here.iter().map(Vec::len).collect::<Vec<_>>(), there.iter().map(Vec::len).collect::<Vec<_>>());
        }
    });
}

/// What of the gradients is measured, against the host: the norm, updates and noise, of samples that each replica draws itself.
#[test]
fn gradients_and_their_noise_are_those_of_the_host() {
    if Doubles::of(&device_under_test()) < Doubles::Images {
        return;
    }
    let at = || Schedule::Every { every: 1 };
    let noise = |points, probes| GradientNoise { at: at(), points, probes };
    let (norm, update) = (GradientNorm { at: at() }, Update { at: at(), points: 11 });
    let (few, some, all) = (noise(4, 2), noise(9, 7), noise(1000, 0));
    let asked: [(&dyn Observable, &dyn OnDevice); 5] =
        [(&norm, &norm), (&update, &update), (&few, &few), (&some, &some), (&all, &all)];
    let smoothed = Climbable::SmoothedCrossEntropy { smoothing: 0.1 };
    let losses = [Climbable::CrossEntropy, Climbable::MeanSquared, smoothed];
    for (activation, loss) in [Activation::Tanh, Activation::Relu, Activation::Gelu].into_iter().zip(losses) {
        each_hessian(activation, loss, |kind, subject, views| {
            let earlier = |view: &View<'_>| {
                let moved = |by: f32| view.parameters.iter().map(|w| w * (1.0 - by) + 0.01).collect::<Vec<f32>>();
                vec![moved(0.1), moved(0.3)]
            };
            // The second has just begun, and has no weights before.
            let [first, second] = [views[0], views[1]];
            let started = Box::new(|| first.parameters.to_vec());
            let again = View::new(subject, first.parameters, first.seed, first.kept, 1, started).unwrap();
            let first = again.with_earlier(Unit::Epoch, earlier(first));
            let started = Box::new(|| first.parameters.to_vec());
            let third = View::new(subject, second.parameters, 11, None, 1, started).unwrap();
            let views = [&first, second, &third];
            // Of few samples each replica goes through its own, of many through all that any of them has.
            let own = |points| {
                let drawn = views.map(|view| training_loss::drawn(view, points));
                training_loss::of_replicas(&views, &drawn).samples.is_some()
            };
            assert!(own(4) && !own(1000));
            for (observable, on_device) in asked {
                assert!(observable.on_device(subject).is_none(), "a few hundred weights are the host's");
                for block in [1 << 26, 20_000] {
                    let device = BurnObserving::new(device_under_test()).in_blocks_of(block);
                    let parameters: Vec<&[f32]> = views.iter().map(|view| view.parameters).collect();
                    let networks = device.networks(&subject.graph, &parameters);
                    let there = on_device.measure(&*networks, &views).unwrap();
                    for (view, there) in views.iter().zip(&there) {
                        let here: Vec<Vec<f64>> =
                            (0..observable.pieces(subject)).map(|piece| observable.piece(view, piece)).collect();
                        let shape = |found: &[Vec<f64>]| found.iter().map(Vec::len).collect::<Vec<usize>>();
                        assert_eq!(shape(&here), shape(there));
                        let scale = here.iter().flatten().fold(0.0, |most: f64, value| most.max(value.abs()));
                        for (here, there) in here.iter().flatten().zip(there.iter().flatten()) {
                            // Sums in another order, and differences of squares; an error function is as good as its library.
                            let same = here.is_nan() && there.is_nan() || (here - there).abs() <= 1e-9 * scale;
                            assert!(same, "{observable:?}, {activation:?}, {loss:?}, network {kind}: {here} {there}");
                        }
                    }
                }
            }
        });
    }
}

/// A whole cohort, trained on the device and measured on the host; and measured there, stopping wherever it can.
#[test]
fn records_are_those_of_the_host() {
    let problem = Problem {
        scheduled: Scheduled {
            local_complexity: Some(LocalComplexity { at: Schedule::Every { every: 5 }, ..complexity() }),
            robustness: Some(Robustness { at: Schedule::Every { every: 10 }, ..robustness() }),
            ..Scheduled::default()
        },
        ..mlp(&[6, 5], 3)
    };
    let replicas = [replica(1, sgd(0.05, 0.9, 0.0)), replica(2, sgd(0.02, 0.0, 0.0))];
    let device = BurnObserving::new(device_under_test());
    let records = [None, Some(&device as &dyn ObservingDevice)].map(|device| {
        let measuring = Measuring { threads: 2, device };
        steps::measured_by(measuring, steps::on_burn, &problem, &replicas, device.is_some()).0
    });
    for (host, device) in records[0].iter().zip(&records[1]) {
        assert_eq!(host.position(), Position::at_epoch(problem.epochs + 1));
        for name in ["local_complexity", "robust_error"] {
            let variable = crate::observables::variable(name).unwrap();
            let (host, device) = (host.record.floats(variable), device.record.floats(variable));
            assert!(host.len() > 4 && host.iter().any(|&value| value > 0.0) && host.len() == device.len());
            // Means over 20 to 37 points, and shares of 20 samples: one of them may differ.
            for (a, b) in host.iter().zip(device) {
                assert!((a - b).abs() <= 0.051, "{name}: {a} and {b}");
            }
        }
    }
}
