//! Regions, units, cuts and deformations against closed forms and brute force.

#![allow(clippy::unwrap_used)]

use std::collections::HashSet;

use phasesweep_networks::Activation;

use super::diamond::count;
use super::*;
use crate::linear_regions::partition::Dense;
use crate::observables::example::Example;

fn settings(radii: &[f64], directions: &[usize]) -> Neighbourhood {
    Neighbourhood {
        at: Schedule::Every { every: 1 },
        radii: radii.to_vec(),
        directions: directions.to_vec(),
        points: 20,
        sets: PointSet::ALL.to_vec(),
        centroid: true,
        most_regions: 100_000,
    }
}

/// One hidden layer of lines n·x = c in the plane.
fn lines(lines: &[([f64; 2], f64)]) -> PiecewiseLinear {
    let weight = lines.iter().flat_map(|(normal, _)| *normal).collect();
    let bias = lines.iter().map(|(_, c)| -c).collect();
    let out = Dense { weight: vec![1.0; lines.len()], bias: vec![0.0] };
    PiecewiseLinear::new(vec![Dense { weight, bias }, out], 0.0).unwrap()
}

fn in_plane(of: &[([f64; 2], f64)], radius: f64) -> [f64; 2] {
    count(&lines(of), &[0.0, 0.0], &[vec![1.0, 0.0], vec![0.0, 1.0]], radius, 1000)
}

#[test]
fn lines_in_a_diamond_make_as_many_regions_as_geometry_says() {
    // x = 0.8 meets the square and the disc of radius 1 and the diamond; x + y = 1.2 the first two alone.
    assert_eq!(in_plane(&[([1.0, 0.0], 0.8)], 1.0), [2.0, 1.0]);
    assert_eq!(in_plane(&[([1.0, 1.0], 1.2)], 1.0), [1.0, 0.0]);
    assert_eq!(in_plane(&[([1.0, 1.0], 1.2)], 1.3), [2.0, 1.0]);
    // Two lines that cross within, and beyond: x = 0 and y = 0, x = 0.6 and y = 0.6.
    assert_eq!(in_plane(&[([1.0, 0.0], 0.0), ([0.0, 1.0], 0.0)], 1.0), [4.0, 2.0]);
    assert_eq!(in_plane(&[([1.0, 0.0], 0.6), ([0.0, 1.0], 0.6)], 1.0), [3.0, 2.0]);
    // Two units on one line are two units and bound two regions.
    assert_eq!(in_plane(&[([1.0, 0.0], 0.1), ([-2.0, 0.0], -0.2)], 1.0), [2.0, 2.0]);
}

/// k lines in general position: k + 1 and one more for each crossing in the diamond.
#[test]
fn lines_in_general_position_obey_the_formula() {
    let of: Vec<([f64; 2], f64)> = (0..30)
        .map(|k| {
            let angle = f64::from(k) * 2.39996;
            ([angle.cos(), angle.sin()], 0.07 * f64::from(k % 13) - 0.4)
        })
        .collect();
    for radius in [0.2, 0.5, 1.0] {
        // A line n·x = c meets the open diamond where |c| < r max |n|.
        let meets = |(normal, c): &&([f64; 2], f64)| c.abs() < radius * normal[0].abs().max(normal[1].abs());
        let inside: Vec<&([f64; 2], f64)> = of.iter().filter(meets).collect();
        let mut crossings = 0;
        for (at, (a, c)) in inside.iter().enumerate() {
            for (b, d) in &inside[..at] {
                let area = a[0] * b[1] - a[1] * b[0];
                let x = [(c * b[1] - d * a[1]) / area, (a[0] * d - b[0] * c) / area];
                crossings += usize::from(x[0].abs() + x[1].abs() < radius);
            }
        }
        let expected = [inside.len() + 1 + crossings, inside.len()].map(|number| number as f64);
        assert_eq!(in_plane(&of, radius), expected, "r = {radius}");
    }
    assert!(count(&lines(&of), &[0.0; 2], &[vec![1.0, 0.0], vec![0.0, 1.0]], 1.0, 40)[0].is_nan(), "too many");
}

/// Networks of every kind: sign patterns on a fine grid of each diamond are among those of its regions, so that there are no
/// more of them, and hardly fewer; units and cuts are in order.
#[test]
fn regions_units_and_cuts_are_those_of_a_grid() {
    let mut seen = [0.0; 4];
    for kind in [0, 1, 2] {
        let example = Example::new(kind, Activation::Relu, Loss::CrossEntropy);
        let subject = example.subject();
        let view = example.view(&subject, None);
        let asked = Neighbourhood { centroid: false, ..settings(&[0.3, 1.5], &[2, 6]) };
        let network = PiecewiseLinear::from_graph(&subject.graph, &widened(&example.parameters)).unwrap();
        for piece in 0..asked.pieces(&subject) {
            let group = asked.points().groups(&subject)[piece];
            let (points, frame) = (asked.points().group(&view, group), asked.points().frame(&view, group, 6, 40));
            let found = asked.piece(&view, piece);
            let of_point = asked.numbers(subject.setup.hidden);
            assert_eq!(found.len(), points.len() / 40 * 2 * of_point);
            for (at, found) in found.chunks(of_point).enumerate().step_by(5) {
                let (x, radius) = (&points[at / 2 * 40..][..40], asked.radii[at % 2]);
                let (mut patterns, mut any, mut all) = (HashSet::new(), vec![], vec![]);
                const SIDE: i32 = 60;
                for (i, j) in (-SIDE..=SIDE).flat_map(|i| (-SIDE..=SIDE).map(move |j| (i, j))) {
                    if i.abs() + j.abs() > SIDE {
                        continue;
                    }
                    let [s, t] = [i, j].map(|k| radius * f64::from(k) / f64::from(SIDE));
                    let place = |k: usize| f64::from(x[k]) + s * f64::from(frame[k]) + t * f64::from(frame[40 + k]);
                    let x: Vec<f64> = (0..40).map(place).collect();
                    let mut sums = network.pre_activations(&x);
                    sums.pop();
                    // Of the convolutional network the maxima of its pooling stand behind its activation.
                    let signs: Vec<bool> = if kind == 1 { [&sums[0][..], &sums[2]].concat() } else { sums.concat() }
                        .iter()
                        .map(|&z| z > 0.0)
                        .collect();
                    any.resize(signs.len(), false);
                    all.resize(signs.len(), true);
                    any.iter_mut().zip(&signs).for_each(|(any, sign)| *any |= sign);
                    all.iter_mut().zip(&signs).for_each(|(all, sign)| *all &= sign);
                    patterns.insert(signs);
                }
                let units = any.iter().zip(&all).filter(|(any, all)| **any && !**all).count() as f64;
                let regions = patterns.len() as f64;
                assert!(found[0] >= regions && found[1] >= units, "{kind} {at}: {found:?}, {regions} {units}");
                // Two directions, in the diamond; the first two of six.
                assert!(found[2] <= found[1] && found[2] <= found[3], "{kind} {at}: {found:?}");
                // Each unit that bends makes a region, or meets another unit's border.
                assert!((found[0] > 1.0) == (found[1] > 0.0) || kind == 1);
                [regions, found[0], units, found[1]].iter().zip(&mut seen).for_each(|(own, all)| *all += own);
            }
        }
    }
    // What a grid of 7,321 places misses is small; winners of pooling, which it does not see, are some.
    assert!(seen[0] > 100.0 && seen[0] > 0.5 * seen[1] && seen[2] > 0.97 * seen[3], "{seen:?}");
}

/// A cut with P directions is what local complexity counts, and numbers of points come back as means, quantiles and correlations.
#[test]
fn values_are_statistics_over_the_points() {
    let example = Example::new(0, Activation::Relu, Loss::CrossEntropy);
    let subject = example.subject();
    let view = example.view(&subject, None);
    let asked = settings(&[0.2, 1.5], &[1, 2, 6]);
    let pieces: Vec<Vec<f64>> = (0..asked.pieces(&subject)).map(|piece| asked.piece(&view, piece)).collect();
    let values = asked.values(&subject, pieces.clone());
    assert_eq!(
        values.iter().map(Vec::len).collect::<Vec<_>>(),
        [vec![6, 6, 18, 30, 30, 90, 18, 6], vec![3 * 2 * 3; MEASURES]].concat()
    );
    // Random points stand first, 20 in two groups; then 11 of the test set in one.
    let of_test = pieces[2].chunks(2 * asked.numbers(2)).map(|point| point[asked.numbers(2)]).collect::<Vec<f64>>();
    assert_eq!(of_test.len(), 11);
    assert_eq!(values[0][3], (of_test.iter().sum::<f64>() / 11.0) as f32, "test points at the second radius");
    let mut ordered = of_test;
    ordered.sort_by(f64::total_cmp);
    assert_eq!(values[3][3 * 5 + 2], ordered[5] as f32);
    // The same number by local complexity itself.
    let counted = crate::observables::local_complexity::LocalComplexity {
        at: Schedule::Every { every: 1 },
        radii: asked.radii.clone(),
        directions: 6,
        points: 20,
        sets: PointSet::ALL.to_vec(),
        centroid: true,
        outputs: false,
        random_box: None,
        shared_frame: false,
        test_points: None,
        random_points: None,
    };
    let pieces = (0..counted.pieces(&subject)).map(|piece| counted.piece(&view, piece)).collect();
    let lc = counted.values(&subject, pieces).swap_remove(0);
    let total: Vec<f32> = lc.chunks(3).map(|layers| layers[2]).collect();
    let six: Vec<f32> = values[2].chunks(3).map(|cuts| cuts[2]).collect();
    assert_eq!(six, total);
}

#[test]
fn a_layer_that_is_affine_stretches_and_does_not_bend() {
    // The point at (1, 1), directions along both axes, r = 2, and h = (3 s, t).
    let images = [1.0, 1.0, 7.0, 1.0, -5.0, 1.0, 1.0, 3.0, 1.0, -1.0];
    let found = Deformation::of(&images, 2, 2.0);
    assert_eq!((found.stretch, found.aspect, found.bend), (2.0, 3.0, 0.0));
    let across = (36.0_f64 + 4.0).sqrt();
    assert_eq!(found.diameter, 3.0);
    // Sums in another order.
    assert!((found.eccentricity - (2.0 * 12.0 + 2.0 * across) / 4.0 / 4.0).abs() < 1e-15);
    // A rectified unit that turns on at the point: half of the neighbourhood is folded away.
    let found = Deformation::of(&[0.0, 2.0, 0.0, 0.0, 0.0], 1, 2.0);
    assert_eq!((found.stretch, found.bend), (0.25, 1.0));
    assert!(found.aspect.is_infinite());
    assert!(Deformation::of(&[0.0; 5], 1, 2.0).aspect.is_nan(), "a dead layer has no shape");
}

#[test]
fn only_piecewise_affine_networks_have_regions() {
    let asked = settings(&[0.1], &[2]);
    let refusal = |kind: usize, activation: Activation| {
        asked.fits(&Example::new(kind, activation, Loss::CrossEntropy).graph, Loss::CrossEntropy)
    };
    assert_eq!(refusal(0, Activation::LeakyRelu), Ok(()));
    assert!(refusal(0, Activation::Tanh).unwrap_err().contains("tanh"));
    assert!(refusal(3, Activation::Relu).unwrap_err().contains("layer normalisation"));
    let wide = Neighbourhood { directions: vec![41], ..asked.clone() };
    let told = wide.fits(&Example::new(0, Activation::Relu, Loss::CrossEntropy).graph, Loss::CrossEntropy);
    assert!(told.unwrap_err().contains("40 inputs"));
}
