//! What a partition must be: a tiling on which the network is affine, with nothing lost.

mod golden;
mod graphs;

use std::collections::HashSet;

use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

/// A network with weights uniform in ±√(6/fan_in) (so that signals keep their size) and biases uniform in ±0.5.
fn random(widths: &[usize], slope: f64, seed: u64) -> PiecewiseLinear {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let layers = widths
        .windows(2)
        .map(|pair| {
            let bound = (6.0 / pair[0] as f64).sqrt();
            Dense {
                weight: (0..pair[0] * pair[1]).map(|_| rng.random_range(-bound..bound)).collect(),
                bias: (0..pair[1]).map(|_| rng.random_range(-0.5..0.5)).collect(),
            }
        })
        .collect();
    PiecewiseLinear::new(layers, slope).unwrap()
}

fn plane(dimension: usize, seed: u64) -> Plane {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut point = || (0..dimension).map(|_| rng.random_range(-1.0..1.0)).collect::<Vec<f64>>();
    Plane::through([&point(), &point(), &point()]).unwrap()
}

fn square(half: f64) -> Window {
    Window::rectangle([0.0, 0.0], [half, half]).unwrap()
}

fn pattern_at(network: &PiecewiseLinear, x: &[f64]) -> Vec<u64> {
    let all = network.pre_activations(x);
    let mut words = Vec::new();
    for layer in &all[..all.len() - 1] {
        words.extend(layer.chunks(64).map(|chunk| {
            chunk.iter().enumerate().filter(|(_, z)| **z > 0.0).fold(0, |word, (bit, _)| word | 1 << bit)
        }));
    }
    words
}

fn total_area(cut: &Partition) -> f64 {
    (0..cut.regions()).map(|region| cut.area(region)).sum()
}

/// Tiles, is planar, and neighbours differ in the one neuron whose zero set they share.
fn check_tiling(cut: &Partition, window: &Window) {
    let sum = total_area(cut);
    assert!((sum - window.area()).abs() < 1e-9, "areas add up to {sum} of {}", window.area());
    assert!((0..cut.regions()).all(|region| cut.area(region) > -1e-15), "a region is turned inside out");
    let [v, e, f] = cut.euler();
    assert_eq!(v + f, e + 1, "V = {v}, E = {e}, F = {f}");
    for edge in cut.edges() {
        let [a, b] = edge.regions.map(|region| cut.pattern(region));
        let differ: u32 = a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum();
        assert_eq!(differ, 1, "{edge:?}");
        let Origin::Neuron { layer, neuron } = edge.origin else { panic!("a border of the window inside: {edge:?}") };
        let on = edge.regions.map(|region| cut.is_active(region, layer as usize, neuron as usize));
        assert_ne!(on[0], on[1], "{edge:?}");
    }
    let distinct: HashSet<&[u64]> = (0..cut.regions()).map(|region| cut.pattern(region)).collect();
    assert_eq!(distinct.len(), cut.regions(), "a convex region has its pattern for itself");
}

/// At random convex combinations of each region's corners: the network's signs are the region's, and its outputs the same
/// combination of those at the corners.
fn check_affine(network: &PiecewiseLinear, plane: &Plane, cut: &Partition, points: usize) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let outputs = |point: Point| network.pre_activations(&plane.at(point)).pop().unwrap();
    for region in 0..cut.regions() {
        let corners = cut.polygon(region);
        let at_corners: Vec<Vec<f64>> = corners.iter().map(|&corner| outputs(corner)).collect();
        for _ in 0..points {
            let weights: Vec<f64> = corners.iter().map(|_| -rng.random_range(1e-9..1.0f64).ln()).collect();
            let total: f64 = weights.iter().sum();
            let mix = |of: &dyn Fn(usize) -> f64| (0..corners.len()).map(|i| weights[i] / total * of(i)).sum::<f64>();
            let point = [mix(&|i| corners[i][0]), mix(&|i| corners[i][1])];
            for (class, output) in outputs(point).into_iter().enumerate() {
                let affine = mix(&|i| at_corners[i][class]);
                assert!((output - affine).abs() < 1e-6 * (1.0 + output.abs()), "{output} is not {affine}");
            }
            // A point nearer to a line than rounding has no sign to compare.
            let clear = network.pre_activations(&plane.at(point)).iter().flatten().all(|z| z.abs() > 1e-10);
            if clear {
                assert_eq!(pattern_at(network, &plane.at(point)), cut.pattern(region));
            }
        }
    }
}

/// Every sign pattern met at random points of the window belongs to a region.
fn check_none_lost(network: &PiecewiseLinear, plane: &Plane, half: f64, cut: &Partition, points: usize) {
    let known: HashSet<&[u64]> = (0..cut.regions()).map(|region| cut.pattern(region)).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for _ in 0..points {
        let x = plane.at([rng.random_range(-half..half), rng.random_range(-half..half)]);
        assert!(known.contains(pattern_at(network, &x).as_slice()), "a region was lost");
    }
}

#[test]
fn random_networks_are_tiled_exactly() {
    for (seed, (widths, slope)) in [
        (vec![5, 16, 3], 0.0),
        (vec![30, 24, 24, 10], 0.0),
        (vec![12, 70, 65, 20, 4], 0.0),
        (vec![3, 20, 20, 20, 20, 2], 0.0),
        (vec![8, 30, 30, 1], 0.1),
        (vec![2, 30, 30, 5], -0.5),
    ]
    .into_iter()
    .enumerate()
    {
        let network = random(&widths, slope, seed as u64);
        let (plane, window) = (plane(widths[0], 100 + seed as u64), square(2.0));
        let cut = partition(&network, &plane, &window, Limits::regions(1_000_000)).unwrap();
        assert!(cut.regions() > 20, "{widths:?}: {}", cut.regions());
        check_tiling(&cut, &window);
        check_affine(&network, &plane, &cut, 3);
        check_none_lost(&network, &plane, 2.0, &cut, 20_000);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_small_network_is_tiled(
        widths in prop::collection::vec(1usize..12, 1..4),
        seed: u64,
        slope in prop_oneof![Just(0.0), -1.0..0.9f64],
        half in 0.1..20.0f64,
    ) {
        let widths = [&[4], widths.as_slice(), &[3]].concat();
        let network = random(&widths, slope, seed);
        let (plane, window) = (plane(4, seed), square(half));
        let cut = partition(&network, &plane, &window, Limits::regions(100_000)).unwrap();
        check_tiling(&cut, &window);
        check_affine(&network, &plane, &cut, 2);
        let decision = cut.decision();
        let sum: f64 = decision.areas.iter().sum();
        prop_assert!((sum - window.area()).abs() < 1e-9 * window.area().max(1.0));
    }
}

/// Lines a·u + b·v + c = 0 that pass through the window, and their crossings inside it, pair by pair.
fn arrangement(lines: &[[f64; 3]], half: f64) -> usize {
    let corners = [[-half, -half], [half, -half], [half, half], [-half, half]];
    let through = |l: &[f64; 3]| {
        let signs = corners.map(|c| l[0] * c[0] + l[1] * c[1] + l[2] > 0.0);
        signs.contains(&true) && signs.contains(&false)
    };
    let mut crossings = 0;
    for (i, a) in lines.iter().enumerate() {
        for b in &lines[..i] {
            let det = a[0] * b[1] - a[1] * b[0];
            let (u, v) = ((a[1] * b[2] - a[2] * b[1]) / det, (a[2] * b[0] - a[0] * b[2]) / det);
            crossings += usize::from(u.abs() < half && v.abs() < half);
        }
    }
    1 + lines.iter().filter(|line| through(line)).count() + crossings
}

/// One hidden layer that is a line arrangement: its regions and the formula's 1 + lines + crossings.
fn one_layer(neurons: usize, half: f64, seed: u64) -> (Partition, usize) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let lines: Vec<[f64; 3]> = (0..neurons)
        .map(|_| {
            let (angle, offset) = (rng.random_range(0.0..std::f64::consts::TAU), rng.random_range(-1.0..1.0f64));
            let (sin, cos) = angle.sin_cos();
            let scale = rng.random_range(0.1..3.0);
            [scale * cos, scale * sin, scale * offset]
        })
        .collect();
    let hidden = Dense {
        weight: lines.iter().flat_map(|line| [line[0], line[1]]).collect(),
        bias: lines.iter().map(|line| line[2]).collect(),
    };
    let output = Dense { weight: vec![1.0; neurons], bias: vec![0.0] };
    let network = PiecewiseLinear::new(vec![hidden, output], 0.0).unwrap();
    let plane = Plane::along(vec![0.0, 0.0], &[1.0, 0.0], &[0.0, 1.0]).unwrap();
    (partition(&network, &plane, &square(half), Limits::regions(1_000_000)).unwrap(), arrangement(&lines, half))
}

#[test]
fn one_layer_has_as_many_regions_as_its_line_arrangement() {
    for (neurons, half) in [(1, 1.5), (2, 1.5), (10, 0.7), (60, 1.5), (128, 1.0), (128, 100.0)] {
        for seed in 0..5 {
            let (cut, expected) = one_layer(neurons, half, seed);
            assert_eq!(cut.regions(), expected, "{neurons} neurons, half side {half}, seed {seed}");
        }
    }
}

#[test]
fn of_a_hundred_thousand_regions_none_is_lost() {
    let (cut, expected) = one_layer(540, 1.5, 9);
    assert!(expected > 100_000, "{expected}");
    assert_eq!(cut.regions(), expected);
    check_tiling(&cut, &square(1.5));
}

#[test]
fn lines_that_coincide_or_meet_in_points_leave_no_slivers() {
    // u = 0, ±1 and v = 0, ±1 make 16 squares; the diagonals u = v and u = −v halve eight of them, through corners.
    let mut lines: Vec<[f64; 3]> =
        (-1..=1).flat_map(|k| [[1.0, 0.0, f64::from(k)], [0.0, 1.0, f64::from(k)]]).collect();
    lines.extend([[1.0, -1.0, 0.0], [1.0, 1.0, 0.0]]);
    // The same lines again, scaled and turned about.
    let again: Vec<[f64; 3]> = lines.iter().map(|line| line.map(|number| -0.3 * number)).collect();
    lines.extend(again);
    // Turned by an angle and moved, so that nothing is a round number; sixteen inputs.
    let plane = plane(16, 4);
    let [one, two] = plane.directions();
    let (sin, cos) = 0.7f64.sin_cos();
    let mut hidden = Dense { weight: Vec::new(), bias: Vec::new() };
    for [a, b, c] in &lines {
        let (a, b) = (a * cos - b * sin, a * sin + b * cos);
        let row: Vec<f64> = one.iter().zip(two).map(|(e, f)| a * e + b * f).collect();
        hidden.bias.push(c - plane::dot(&row, plane.origin()));
        hidden.weight.extend(row);
    }
    let output = Dense { weight: vec![1.0; lines.len()], bias: vec![0.0] };
    let network = PiecewiseLinear::new(vec![hidden, output], 0.0).unwrap();
    let turn = |[u, v]: Point| [u * cos + v * sin, -u * sin + v * cos];
    let inverse = |[u, v]: Point| [u * cos - v * sin, u * sin + v * cos];
    let window = Window::polygon([[-2.0, -2.0], [2.0, -2.0], [2.0, 2.0], [-2.0, 2.0]].map(inverse).to_vec()).unwrap();
    assert_eq!(turn(inverse([1.0, 2.0])).map(|x| (x * 1e9).round()), [1e9, 2e9]);
    let cut = partition(&network, &plane, &window, Limits::regions(1000)).unwrap();
    assert_eq!(cut.regions(), 24);
    assert!((0..24).all(|region| cut.area(region) > 0.49));
    assert!((total_area(&cut) - 16.0).abs() < 1e-9);
}

#[test]
fn a_dead_layer_and_missing_biases_are_no_trouble() {
    // Four rays from the origin, then a layer without biases: 0 wherever the first one is off.
    let first = Dense { weight: vec![1.0, 0.0, 0.0, 1.0], bias: vec![0.0, 0.0] };
    let second = Dense { weight: vec![1.0, -1.0, -1.0, -1.0], bias: vec![0.0, 0.0] };
    let output = Dense { weight: vec![1.0, 1.0], bias: vec![-0.25] };
    let network = PiecewiseLinear::new(vec![first, second, output], 0.0).unwrap();
    let plane = Plane::along(vec![0.0, 0.0], &[1.0, 0.0], &[0.0, 1.0]).unwrap();
    let cut = partition(&network, &plane, &square(1.0), Limits::regions(1000)).unwrap();
    // Quadrants; u = v cuts the first. The second neuron is nowhere positive.
    assert_eq!(cut.growth(), [4, 5]);
    assert!((total_area(&cut) - 4.0).abs() < 1e-12);
    // Output max(0, max(0, u) − max(0, v)) − 1/4: positive right of u = 1/4 below v = 0, and where u − v > 1/4.
    let decision = cut.decision();
    assert!((decision.areas[1] - (0.75 + 0.5 * 0.75 * 0.75)).abs() < 1e-12, "{decision:?}");
    assert!((decision.length() - (1.0 + 0.75 * 2f64.sqrt())).abs() < 1e-12, "{decision:?}");
    assert_eq!(decision.boundary.len(), 2);
}

#[test]
fn decisions_of_a_linear_network_are_its_sectors() {
    // Three outputs with directions 120° apart: sectors of a hexagon, and three rays from its centre.
    let angles = [90f64, 210.0, 330.0].map(f64::to_radians);
    let output = Dense { weight: angles.iter().flat_map(|a| [a.cos(), a.sin()]).collect(), bias: vec![0.0; 3] };
    let network = PiecewiseLinear::new(vec![output], 0.0).unwrap();
    let plane = Plane::along(vec![0.0, 0.0], &[1.0, 0.0], &[0.0, 1.0]).unwrap();
    let corners = (0..6).map(|k| f64::from(60 * k + 30).to_radians()).map(|a| [a.cos(), a.sin()]).collect();
    let window = Window::polygon(corners).unwrap();
    let cut = partition(&network, &plane, &window, Limits::regions(10)).unwrap();
    assert_eq!((cut.regions(), cut.growth()), (1, &[1][..]));
    let decision = cut.decision();
    let third = window.area() / 3.0;
    assert!(decision.areas.iter().all(|area| (area - third).abs() < 1e-12), "{decision:?}");
    assert_eq!(decision.boundary.len(), 3);
    assert!((decision.length() - 3.0).abs() < 1e-12, "rays to three corners of radius 1: {decision:?}");
}

#[test]
fn along_the_decision_boundary_the_two_classes_are_level_and_ahead() {
    let network = random(&[10, 40, 40, 6], 0.0, 3);
    let (plane, window) = (plane(10, 3), square(3.0));
    let cut = partition(&network, &plane, &window, Limits::regions(100_000)).unwrap();
    let decision = cut.decision();
    assert!(decision.boundary.len() > 20, "{}", decision.boundary.len());
    assert!((decision.areas.iter().sum::<f64>() - 36.0).abs() < 1e-9);
    let outputs = |point: Point| network.pre_activations(&plane.at(point)).pop().unwrap();
    for Boundary { ends: [p, q], classes: [a, b] } in &decision.boundary {
        let middle = outputs([0.5 * (p[0] + q[0]), 0.5 * (p[1] + q[1])]);
        let most = middle.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // The classes are level to rounding of outputs of order 10.
        assert!((middle[*a] - most).abs() < 1e-10 && (middle[*b] - most).abs() < 1e-10, "{middle:?}");
    }
    // Classes by brute force on a grid: binomial spread of 400² points, five standard errors at a share of a half.
    let n = 400;
    let mut counts = [0.0; 6];
    for i in 0..n * n {
        let at = |k: usize| -3.0 + 6.0 * (k as f64 + 0.5) / n as f64;
        let here = outputs([at(i % n), at(i / n)]);
        let best = (0..6).max_by(|a, b| here[*a].total_cmp(&here[*b])).unwrap();
        counts[best] += 36.0 / (n * n) as f64;
    }
    for (area, counted) in decision.areas.iter().zip(counts) {
        assert!((area - counted).abs() < 36.0 * 5.0 * 0.5 / n as f64, "{area} {counted}");
    }
}

#[test]
fn borders_gather_at_the_decision_boundary_where_they_are_put_there() {
    // Lines at u = ±0.01, ±0.02 … ±0.1, none of which the output reads: it is ½(u + 5) − ½(5 − u) = u.
    let offsets = (1..=10).flat_map(|k| [f64::from(k) * 0.01, f64::from(k) * -0.01]);
    let hidden =
        Dense { weight: [[1.0, 0.0].repeat(21), vec![-1.0, 0.0]].concat(), bias: offsets.chain([5.0, 5.0]).collect() };
    let output = Dense { weight: [vec![0.0; 20], vec![0.5, -0.5]].concat(), bias: vec![0.0] };
    let network = PiecewiseLinear::new(vec![hidden, output], 0.0).unwrap();
    let plane = Plane::along(vec![0.0, 0.0], &[1.0, 0.0], &[0.0, 1.0]).unwrap();
    let window = square(1.0);
    let cut = partition(&network, &plane, &window, Limits::regions(100)).unwrap();
    assert_eq!(cut.regions(), 21);
    let nearness = cut.nearness(&cut.decision(), &window);
    // Twenty borders of equal length at ten distances: the median is at 0.05.
    assert!((nearness.borders[2] - 0.05).abs() < 1e-12 && (nearness.borders[4] - 0.09).abs() < 1e-12, "{nearness:?}");
    // Even points: |u| uniform on [0, 1], to a step of the grid of 64 over [−1, 1].
    assert!((nearness.even[2] - 0.5).abs() < 2.0 / 64.0, "{nearness:?}");
}

#[test]
fn what_cannot_be_cut_is_refused_with_a_sentence() {
    let dense = |weights: usize, biases: usize| Dense { weight: vec![1.0; weights], bias: vec![1.0; biases] };
    let refused = |layers: Vec<Dense>| PiecewiseLinear::new(layers, 0.0).unwrap_err().to_string();
    assert!(refused(vec![]).contains("no layers"));
    assert!(refused(vec![dense(6, 3), dense(4, 2)]).contains("2 inputs from a layer of 3"));
    assert!(refused(vec![dense(7, 3)]).contains("7 weights and 3 biases"));
    let nan = Dense { weight: vec![f64::NAN], bias: vec![0.0] };
    assert!(refused(vec![nan]).contains("diverged"));
    assert!(Plane::through([&[0.0, 0.0, 1.0], &[1.0, 1.0, 1.0], &[3.0, 3.0, 1.0]]).is_err());
    assert!(Window::polygon(vec![[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]]).is_err(), "clockwise");
    for half in [[-1.0, -1.0], [1.0, 0.0], [f64::NAN, 1.0], [1.0, f64::INFINITY]] {
        assert!(Window::rectangle([0.0, 0.0], half).is_err(), "{half:?}");
    }
    let star = (0..5).map(|k| f64::from(144 * k).to_radians()).map(|a| [a.cos(), a.sin()]).collect();
    assert!(Window::polygon(star).is_err(), "turns left twice round");
    let network = random(&[3, 40, 2], 0.0, 1);
    let error = partition(&network, &plane(3, 1), &square(2.0), Limits::regions(50)).unwrap_err();
    assert_eq!(error, PartitionError::TooMany { most: 50, layer: 1 });
    assert!(
        partition(&network, &plane(4, 1), &square(2.0), Limits::regions(50))
            .unwrap_err()
            .to_string()
            .contains("4 coordinates")
    );
}

#[test]
fn planes_are_orthonormal_and_hold_their_points() {
    let points: [Vec<f64>; 3] = [vec![1.0, 2.0, 3.0, 4.0], vec![1.0, 2.5, 3.0, 4.0], vec![0.0, 2.0, 30.0, 4.0]];
    let plane = Plane::through([&points[0], &points[1], &points[2]]).unwrap();
    let [one, two] = plane.directions();
    assert!((plane::dot(one, one) - 1.0).abs() < 1e-15 && (plane::dot(two, two) - 1.0).abs() < 1e-15);
    assert!(plane::dot(one, two).abs() < 1e-15);
    for point in &points {
        let back = plane.at(plane.coordinates(point));
        assert!(back.iter().zip(point).all(|(a, b)| (a - b).abs() < 1e-13), "{back:?}");
    }
}
