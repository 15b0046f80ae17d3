//! Properties that hold for any input, and coverage by simulation.

use phasesweep_analysis::figures::plot::simplify;
use phasesweep_analysis::figures::scale::{Kind, Scale};
use phasesweep_analysis::statistics::additive::{Term, decompose};
use phasesweep_analysis::statistics::bootstrap::{generator, mean_interval};
use phasesweep_analysis::statistics::{intraclass, jaccard, moments, spread};
use phasesweep_analysis::tables::text::number;
use proptest::prelude::*;
use rand::Rng;

/// Distance of a point from a polyline.
fn from_polyline(point: (f64, f64), line: &[(f64, f64)]) -> f64 {
    let from_segment = |a: (f64, f64), b: (f64, f64)| {
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let length = dx * dx + dy * dy;
        let along = if length > 0.0 { ((point.0 - a.0) * dx + (point.1 - a.1) * dy) / length } else { 0.0 };
        let along = along.clamp(0.0, 1.0);
        ((point.0 - a.0 - along * dx).powi(2) + (point.1 - a.1 - along * dy).powi(2)).sqrt()
    };
    line.windows(2).map(|pair| from_segment(pair[0], pair[1])).fold(f64::INFINITY, f64::min)
}

proptest! {
    #[test]
    fn a_simplified_curve_stays_within_its_tolerance(heights in prop::collection::vec(0.0..100.0_f64, 2..80)) {
        let points: Vec<(f64, f64)> = heights.iter().enumerate().map(|(x, y)| (x as f64, *y)).collect();
        let kept = simplify(&points, 3.0);
        prop_assert_eq!(kept[0], points[0]);
        prop_assert_eq!(kept[kept.len() - 1], points[points.len() - 1]);
        for point in &points {
            prop_assert!(from_polyline(*point, &kept) <= 3.0 + 1e-9);
        }
    }

    #[test]
    fn ticks_ascend_within_the_scale_and_their_labels_tell_them_apart(
        low in 1e-5..1.0_f64, factor in 1.01..1e5_f64, log in any::<bool>(), about in 2_usize..9,
    ) {
        let kind = if log { Kind::Log } else { Kind::Linear };
        let scale = Scale { low, high: low * factor, kind, reversed: false };
        let ticks = scale.ticks(about);
        prop_assert!(ticks.len() <= 4 * about + 2, "{} ticks of {}", ticks.len(), about);
        for pair in ticks.windows(2) {
            prop_assert!(pair[0].0 < pair[1].0);
            prop_assert_ne!(&pair[0].1, &pair[1].1);
        }
        for (value, label) in &ticks {
            prop_assert!((low * 0.999..=low * factor * 1.001).contains(value));
            let read: f64 = label.parse().expect("a label is a number");
            prop_assert!((read - value).abs() <= 1e-6 * value.abs() + 1e-12, "{label} for {value}");
        }
    }

    #[test]
    fn shares_of_a_balanced_grid_add_up(effects in prop::collection::vec(-1.0..1.0_f64, 24)) {
        // In a balanced grid type II sums of squares are orthogonal: with the residual they make up the total.
        let level = |of: fn(usize) -> usize| (0..24).map(of).collect::<Vec<_>>();
        let terms = [
            Term { name: "a".into(), level: level(|row| row % 2), nested_in: vec![] },
            Term { name: "b".into(), level: level(|row| row / 2 % 3), nested_in: vec![] },
            Term { name: "seed".into(), level: level(|row| row / 6), nested_in: vec![] },
        ];
        prop_assume!(moments::sum_of_squares(&effects) > 1e-6);
        let fit = decompose(&effects, &terms).expect("the values spread");
        let sum: f64 = fit.shares.iter().map(|share| share.sum_of_squares).sum::<f64>() + fit.residual;
        prop_assert!((sum - fit.total).abs() < 1e-9 * fit.total);
        prop_assert_eq!(fit.shares.iter().map(|share| share.degrees).collect::<Vec<_>>(), [1, 2, 3]);
        prop_assert_eq!(fit.residual_degrees, 24 - 1 - 6);
    }

    #[test]
    fn jaccard_is_symmetric_and_one_for_equal_sets(a in any::<[u64; 3]>(), b in any::<[u64; 3]>()) {
        prop_assert_eq!(jaccard::index(&a, &b).to_bits(), jaccard::index(&b, &a).to_bits());
        prop_assume!(a != [0; 3]);
        prop_assert_eq!(jaccard::index(&a, &a), 1.0);
    }

    #[test]
    fn numbers_keep_four_digits(value in prop_oneof![1e-5..1.0_f64, 1.0..1e5_f64]) {
        let read: f64 = number(value).parse().expect("a number");
        prop_assert!((read - value).abs() <= 6e-4 * value, "{} for {value}", number(value));
    }
}

#[test]
fn the_interval_of_a_mean_covers_it() {
    // 95% nominal; the bootstrap of 32 normal values covers somewhat less (about 94%). 400 trials have a standard error
    // of 1.2%, of which three and a half are allowed each way.
    let mut random = generator(99);
    let covered = (0..400)
        .filter(|trial| {
            let normal =
                |random: &mut rand_chacha::ChaCha8Rng| (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
            let values: Vec<f64> = (0..32).map(|_| normal(&mut random)).collect();
            let interval = mean_interval(&values, 500, *trial);
            interval.low <= 0.0 && 0.0 <= interval.high
        })
        .count();
    assert!((360..=393).contains(&covered), "covered {covered} of 400");
}

#[test]
fn what_cannot_be_known_is_nan_and_never_zero() {
    assert!(moments::mean(&[]).is_nan());
    assert!(moments::standard_deviation(&[1.0]).is_nan());
    assert!(moments::coefficient_of_variation(&[0.0, 0.0]).is_nan());
    assert!(!mean_interval(&[1.0], 1000, 0).is_known());
    assert!(intraclass::icc1(&[vec![1.0, 2.0]]).is_nan());
    assert!(intraclass::icc1(&[vec![1.0], vec![2.0]]).is_nan());
    assert!(spread::ratio(&[1.0, 2.0], &[3.0, 3.0], 100, 0).of_deviations.is_nan());
    assert!(decompose(&[1.0, 1.0], &[]).is_none());
    // One cell for each level: nothing is left over to tell chance from effect.
    let term = Term { name: "seed".into(), level: vec![0, 1, 2], nested_in: vec![] };
    let fit = decompose(&[1.0, 2.0, 4.0], &[term]).expect("the values spread");
    assert!(fit.shares[0].omega_squared.is_nan() && fit.shares[0].shift.is_nan());
    assert_eq!(fit.residual_degrees, 0);
}

#[test]
fn equal_values_have_a_point_for_an_interval() {
    let interval = mean_interval(&[0.25; 9], 1000, 0);
    assert_eq!((interval.low, interval.high), (0.25, 0.25));
}

#[test]
fn a_confounded_term_has_no_share() {
    // Each optimiser was run on one data source only.
    let level = vec![0, 0, 1, 1, 2, 2];
    let terms = [
        Term { name: "data".into(), level: level.iter().map(|l| l / 2).collect(), nested_in: vec![] },
        Term { name: "optimiser".into(), level, nested_in: vec![] },
    ];
    let fit = decompose(&[1.0, 1.2, 2.0, 2.1, 5.0, 5.3], &terms).expect("the values spread");
    assert_eq!(fit.shares[0].degrees, 0);
    assert!(fit.shares[0].omega_squared.is_nan());
    assert_eq!(fit.shares[1].degrees, 1);
}
