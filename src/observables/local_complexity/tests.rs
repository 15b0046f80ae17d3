//! Local complexity against counting by hand and against geometry.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::observables::Loss;
use crate::observables::example::Example;
use crate::observe::network::tests::reference::{Reference, cases, graph};
use phasesweep_networks::Activation;
use phasesweep_networks::LayerShape;

/// Every vertex formed and sent through a double-precision network, every unit looked at. Where a unit's sign hangs on
/// less than f32 can tell, either count will do.
#[test]
fn counts_are_those_of_every_vertex_sent_through() {
    let mut cut_in_all = 0;
    for case in cases() {
        for (centroid, outputs) in [(false, false), (true, false), (false, true)] {
            let (layers, parameters, x) = case.build(11, 5);
            let graph = graph(&layers, case.activation);
            let network = Network::new(&graph, &parameters).unwrap();
            let around = Neighbourhood { radii: vec![0.02, 0.3, 2.0], directions: 4, centroid, outputs };
            let frame = frame(3, 0, 0, around.directions, network.inputs());
            let walk = Walk::new(&network, &around.counted(&graph));
            let counts = count(&walk, &x, &frame, &around, &mut Room::default());
            let reference = Reference::new(&layers, case.activation, &parameters);
            let counted = layers.len() - usize::from(!outputs);
            assert_eq!(counts.len(), 5 * 3 * counted);
            for (point, x) in x.chunks(network.inputs()).enumerate() {
                for (at, radius) in around.radii.iter().enumerate() {
                    let mut vertices = Vec::new();
                    if centroid {
                        vertices.push(x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>());
                    }
                    for (direction, sign) in frame.chunks(x.len()).flat_map(|v| [(v, 1.0), (v, -1.0)]) {
                        let along = direction.iter().map(|&v| sign * radius * f64::from(v));
                        vertices.push(x.iter().zip(along).map(|(&x, v)| f64::from(x) + v).collect());
                    }
                    let sums: Vec<_> = vertices.iter().map(|vertex| reference.sums_of(vertex)).collect();
                    for layer in 0..counted {
                        let (mut surely, mut possibly) = (0, 0);
                        for unit in 0..sums[0][layer].len() {
                            let z: Vec<f64> = sums.iter().map(|sums| sums[layer][unit]).collect();
                            let (least, greatest) =
                                z.iter().fold((f64::MAX, f64::MIN), |(a, b), &z| (a.min(z), b.max(z)));
                            // Rounding of f32 over a few layers of sums about 1.
                            surely += u32::from(least < -1e-5 && greatest > 1e-5);
                            possibly += u32::from(least < 1e-5 && greatest > -1e-5);
                        }
                        let own = counts[(point * around.radii.len() + at) * counted + layer];
                        assert!((surely..=possibly).contains(&own), "{case:?} {own}: {surely} to {possibly}");
                        cut_in_all += own;
                    }
                }
            }
        }
    }
    assert!(cut_in_all > 1000, "the test would not see much: {cut_in_all}");
}

/// One hidden layer, exactly: the unit n·x − c is at distance δ = |n·x − c|/‖n‖ of x, and x ± r v_p lie on both sides of it
/// if and only if δ < r max_p |v_p·n|/‖n‖.
#[test]
fn one_hidden_layer_is_geometry() {
    let (inputs, units, directions) = (12, 40, 5);
    let layers = [LayerShape::Dense { inputs, outputs: units }, LayerShape::Dense { inputs: units, outputs: 2 }];
    let mut parameters = random_points(1, 0, 1, &vec![(-1.0, 1.0); (inputs + 1) * units]);
    parameters.extend(vec![0.0; (units + 1) * 2]);
    let graph = graph(&layers, Activation::Gelu);
    let network = Network::new(&graph, &parameters).unwrap();
    let points = random_points(2, 0, GROUP, &vec![(-2.0, 2.0); inputs]);
    let frame = frame(9, 1, 4, directions, inputs);
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    for radius in [0.05, 0.4, 3.0] {
        let around = Neighbourhood { radii: vec![radius], directions, centroid: false, outputs: false };
        let walk = Walk::new(&network, &around.counted(&graph));
        let counts = count(&walk, &points, &frame, &around, &mut Room::default());
        for (x, &own) in points.chunks(inputs).zip(&counts) {
            let cut = |unit: &usize| {
                let normal = &parameters[unit * inputs..(unit + 1) * inputs];
                let distance = dot(normal, x) + f64::from(parameters[units * inputs + unit]);
                let reach = frame.chunks(inputs).map(|v| dot(v, normal).abs()).fold(0.0, f64::max);
                distance.abs() < radius * reach
            };
            assert_eq!(own as usize, (0..units).filter(cut).count());
        }
    }
}

#[test]
fn directions_are_orthonormal_and_each_group_has_its_own() {
    let (directions, inputs) = (25, 60);
    let one = frame(4, 2, 7, directions, inputs);
    for (i, a) in one.chunks(inputs).enumerate() {
        for (j, b) in one.chunks(inputs).enumerate() {
            let product: f64 = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
            // Entries are rounded to f32 once.
            assert!((product - f64::from(u8::from(i == j))).abs() < 1e-6, "{i} {j} {product}");
        }
    }
    assert_eq!(one, frame(4, 2, 7, directions, inputs));
    for other in
        [frame(5, 2, 7, directions, inputs), frame(4, 1, 7, directions, inputs), frame(4, 2, 8, directions, inputs)]
    {
        assert_ne!(one, other);
    }
    // As many as there are dimensions is the most there can be.
    let whole = frame(1, 0, 0, 3, 3);
    let square: f32 = whole.iter().map(|x| x * x).sum();
    assert!((square - 3.0).abs() < 1e-5);
}

#[test]
fn random_points_stay_between_their_bounds_and_do_not_depend_on_the_group() {
    let bounds = [(0.0, 1.0), (-2.0, 3.0), (0.5, 0.5)];
    let points = random_points(6, 0, 400, &bounds);
    for point in points.chunks(3) {
        assert!(point.iter().zip(bounds).all(|(x, (low, high))| (low..=high).contains(x)));
    }
    assert_eq!(points[16 * 3..32 * 3], random_points(6, 16, 16, &bounds));
    let mean = points.iter().skip(1).step_by(3).sum::<f32>() / 400.0;
    // Uniform on (−2, 3): five standard errors of a mean of 400.
    assert!((mean - 0.5).abs() < 5.0 * 5.0 / 12f32.sqrt() / 20.0, "{mean}");
}

/// The authors' choices together, as the observable measures them: output units count, random points fill the unit box
/// whatever the data's range is, and all points look along the same directions. Every point and vertex is formed here and sent
/// through a network in double precision.
#[test]
fn the_authors_choices_are_what_they_say() {
    let example = Example::new(0, Activation::Relu, Loss::CrossEntropy);
    let settings = LocalComplexity {
        at: Schedule::Every { every: 1 },
        radii: vec![0.2, 1.5],
        directions: 6,
        points: 20,
        sets: PointSet::ALL.to_vec(),
        centroid: false,
        outputs: true,
        random_box: Some([0.0, 1.0]),
        shared_frame: true,
        test_points: None,
        random_points: None,
    };
    let subject = example.subject();
    let view = example.view(&subject, None);
    let measured = |settings: &LocalComplexity| {
        let pieces = (0..settings.pieces(&subject)).map(|piece| settings.piece(&view, piece)).collect();
        settings.values(&subject, pieces).swap_remove(0)
    };
    let found = measured(&settings);
    let inputs = 40;
    assert_eq!(found.len(), 3 * 2 * (3 + 1), "set × radius × (two hidden layers, outputs, total)");
    let layers = subject.graph.as_chain().unwrap().layers;
    let reference = Reference::new(&layers, Activation::Relu, &example.parameters);
    let directions = frame(7, 0, 0, settings.directions, inputs);
    let samples = |x: &[f32], most: usize| x.chunks(inputs).take(most).map(<[f32]>::to_vec).collect::<Vec<_>>();
    let random = random_points(7, 0, settings.points, &vec![(0.0, 1.0); inputs]);
    assert!(random.iter().all(|x| (0.0..=1.0).contains(x)) && random.iter().any(|&x| x > 0.9));
    let sets = [samples(&random, 20), samples(&example.block.test.x, 20), samples(&example.block.train.x, 20)];
    assert_eq!(sets.each_ref().map(Vec::len), [20, 11, 20]);
    for (set, points) in sets.iter().enumerate() {
        for (at, radius) in settings.radii.iter().enumerate() {
            let mut cut = [0u32; 3];
            for x in points {
                let ends = directions.chunks(inputs).flat_map(|v| [(v, *radius), (v, -radius)]);
                let vertex = |(v, r): (&[f32], f64)| -> Vec<f64> {
                    x.iter().zip(v).map(|(&x, &v)| f64::from(x) + r * f64::from(v)).collect()
                };
                let sums: Vec<_> = ends.map(|end| reference.sums_of(&vertex(end))).collect();
                for (layer, cut) in cut.iter_mut().enumerate() {
                    for unit in 0..sums[0][layer].len() {
                        let positive = sums.iter().filter(|sums| sums[layer][unit] > 0.0).count();
                        *cut += u32::from(positive > 0 && positive < sums.len());
                        // No sign may hang on what f32 cannot tell.
                        assert!(sums.iter().all(|sums| sums[layer][unit].abs() > 1e-6));
                    }
                }
            }
            let mean = |count: u32| (f64::from(count) / points.len() as f64) as f32;
            let expected = [mean(cut[0]), mean(cut[1]), mean(cut[2]), mean(cut.iter().sum())];
            assert_eq!(found[(set * 2 + at) * 4..][..4], expected, "set {set}, r = {radius}");
        }
    }
    // Each choice makes a difference of its own, and without them nothing of the settings is written that was not before.
    let plain = LocalComplexity { outputs: false, random_box: None, shared_frame: false, ..settings.clone() };
    let other = |settings: LocalComplexity| assert_ne!(measured(&settings), measured(&plain), "{settings:?}");
    other(LocalComplexity { random_box: Some([0.0, 1.0]), ..plain.clone() });
    other(LocalComplexity { shared_frame: true, ..plain.clone() });
    let written = serde_json::to_value(&plain).unwrap();
    assert_eq!(written.as_object().unwrap().len(), 6, "{written}");
    let mut axes = Axes::default();
    settings.label(&subject.setup, &mut axes);
    let names = ["1", "2", "output", "total"].map(str::to_owned).to_vec();
    assert_eq!(axes.get(LC_LAYER), Some(&Labels::Texts(names)));
}

/// What was counted when networks on the host were chains alone: counts of units do not hang on rounding here.
#[test]
fn counts_of_chains_are_what_they_were() {
    let settings = LocalComplexity {
        at: Schedule::Every { every: 1 },
        radii: vec![0.05, 0.4],
        directions: 6,
        points: 20,
        sets: PointSet::ALL.to_vec(),
        centroid: true,
        outputs: true,
        random_box: None,
        shared_frame: false,
        test_points: None,
        random_points: None,
    };
    let found: Vec<Vec<u32>> = (0..2)
        .map(|kind| {
            let example = Example::new(kind, Activation::Relu, Loss::CrossEntropy);
            let subject = example.subject();
            let view = example.view(&subject, None);
            let pieces = (0..settings.pieces(&subject)).map(|piece| settings.piece(&view, piece)).collect();
            settings
                .values(&subject, pieces)
                .swap_remove(0)
                .into_iter()
                .map(|mean| (mean * 220.0).round() as u32)
                .collect()
        })
        .collect();
    // Radius by radius, layer by layer, output and total, times the points: random, test and training ones.
    let dense = [[11, 0, 22, 33, 154, 44, 77, 275], [0, 0, 0, 0, 0, 0, 0, 0], [11, 0, 0, 11, 11, 0, 0, 11]];
    let convolutional =
        [[209, 0, 0, 209, 1485, 99, 66, 1650], [40, 0, 0, 40, 780, 0, 0, 780], [121, 11, 0, 132, 814, 33, 0, 847]];
    assert_eq!(found, [dense.concat(), convolutional.concat()]);
}
