//! Properties that hold for any input.

use phasesweep_analysis::figures::plot::simplify;
use phasesweep_analysis::figures::scale::{Kind, Scale};
use phasesweep_analysis::statistics::additive::{Term, decompose};
use phasesweep_analysis::statistics::contrast::{Variant, difference, largest, mean_difference};
use phasesweep_analysis::statistics::interval::mean_interval;
use phasesweep_analysis::statistics::overlap::all_pairs;
use phasesweep_analysis::statistics::{intraclass, jaccard, moments, spread};
use phasesweep_analysis::tables::text::number;
use proptest::prelude::*;

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
fn what_cannot_be_known_is_nan_and_never_zero() {
    assert!(moments::mean(&[]).is_nan());
    assert!(moments::standard_deviation(&[1.0]).is_nan());
    assert!(moments::coefficient_of_variation(&[0.0, 0.0]).is_nan());
    assert!(!mean_interval(&[1.0]).is_known());
    assert!(intraclass::icc1(&[vec![1.0, 2.0]]).is_nan());
    assert!(intraclass::icc1(&[vec![1.0], vec![2.0]]).is_nan());
    assert!(spread::ratio(&[1.0, 2.0], &[3.0, 3.0], &[0, 1]).of_deviations.is_nan());
    assert!(decompose(&[1.0, 1.0], &[]).is_none());
    // One cell for each level: nothing is left over to tell chance from effect.
    let term = Term { name: "seed".into(), level: vec![0, 1, 2], nested_in: vec![] };
    let fit = decompose(&[1.0, 2.0, 4.0], &[term]).expect("the values spread");
    assert!(fit.shares[0].omega_squared.is_nan() && fit.shares[0].shift().is_nan());
    assert_eq!(fit.residual_degrees, 0);
}

#[test]
fn equal_values_do_not_tell_an_interval() {
    assert!(!mean_interval(&[0.25; 3]).is_known());
    assert!(!mean_interval(&[0.1 + 0.2, 0.3, 0.3]).is_known(), "values that differ by rounding");
    assert!(!spread::within(&[0.25; 6], &[0, 0, 0, 1, 1, 1], &[0, 1, 2, 0, 1, 2]).interval.is_known());
    // But it is known that they spread less than the step of which they are multiples.
    let flat = |stratum, value| Variant::new(stratum, &[(0, value), (1, value), (2, value)], 0.01).expect("values");
    let apart = difference(&flat(0, 0.25), &flat(1, 0.5));
    assert!((apart.error - (2.0 * 0.01_f64.powi(2) / 3.0).sqrt()).abs() < 1e-15);
    let paired = difference(&flat(0, 0.25), &flat(0, 0.5));
    assert_eq!(paired.error, apart.error);
    let mean = mean_difference(&[(&flat(0, 0.25), &flat(1, 0.5))], &[1.0]);
    assert!((mean.error - apart.error).abs() < 1e-15);
    assert!(Variant::new(0, &[(0, 0.25)], 0.01).is_none(), "a single value says nothing of its spread");
}

#[test]
fn the_jackknife_of_overlaps_is_that_of_runs_left_out_one_by_one() {
    // z without each run by brute force, on sets of the first multiples.
    let sets: Vec<Vec<u64>> =
        (0..7_u32).map(|run| vec![0x00ff_f0f3_1771_u64.rotate_left(run * run) | 0xffff]).collect();
    let z = |sets: &[Vec<u64>]| {
        let borrowed: Vec<&[u64]> = sets.iter().map(Vec::as_slice).collect();
        all_pairs(&borrowed, 64.0).expect("three runs and more")
    };
    let whole = z(&sets);
    let pseudo: Vec<f64> = (0..7)
        .map(|out| {
            let left: Vec<Vec<u64>> = (0..7).filter(|run| *run != out).map(|run| sets[run].clone()).collect();
            7.0 * whole.z - 6.0 * z(&left).z
        })
        .collect();
    let expected = mean_interval(&pseudo);
    assert!((whole.corrected - moments::mean(&pseudo)).abs() < 1e-9);
    assert!((whole.interval.low - expected.low).abs() < 1e-9 && (whole.interval.high - expected.high).abs() < 1e-9);
}

proptest! {
    /// With one pair a stratum the mean over circumstances is the mean of the differences, and its variance the sum of
    /// theirs; the interval of the largest holds the largest estimate, and grows at its lower end with their number.
    #[test]
    fn contrasts_of_independent_pairs_add_up(values in prop::collection::vec(0.01..0.2_f64, 24)) {
        let variant = |stratum: usize, place: usize| {
            let of: Vec<(i64, f64)> = (0..4).map(|seed| (seed as i64, values[4 * place + seed])).collect();
            Variant::new(stratum, &of, 1e-4).expect("two values")
        };
        let all: Vec<Variant> = (0..6).map(|place| variant(place, place)).collect();
        prop_assume!(values.chunks(4).all(|of| moments::standard_deviation(of) > 1e-3));
        let pairs: Vec<(&Variant, &Variant)> = (0..3).map(|pair| (&all[2 * pair], &all[2 * pair + 1])).collect();
        let single: Vec<_> = pairs.iter().map(|(a, b)| difference(a, b)).collect();
        let mean = mean_difference(&pairs, &[1.0; 3]);
        let estimate = single.iter().map(|one| one.estimate).sum::<f64>() / 3.0;
        let variance = single.iter().map(|one| one.error.powi(2)).sum::<f64>() / 9.0;
        prop_assert!((mean.estimate - estimate).abs() < 1e-12);
        prop_assert!((mean.error - variance.sqrt()).abs() < 1e-12);
        let (greatest, interval) = largest(&single, &[]);
        prop_assert!(interval.low <= greatest && greatest < interval.high);
        let (_, alone) = largest(&single[..1], &[]);
        prop_assert!(largest(&[single[0]; 3], &[]).1.low <= alone.low);
        let (_, with_mean) = largest(&single, &[mean]);
        prop_assert_eq!(with_mean.high, interval.high);
    }

    /// Standard deviations without a seed, by sums, are those of the rows that are left.
    #[test]
    fn spreads_within_groups_are_pooled(values in prop::collection::vec(0.01..0.2_f64, 12)) {
        let group: Vec<usize> = (0..12).map(|row| row / 4).collect();
        let seed: Vec<i64> = (0..12).map(|row| row as i64 % 4).collect();
        let pooled = |keep: &dyn Fn(usize) -> bool| {
            let of = |g: usize| (0..12).filter(|&r| group[r] == g && keep(r)).map(|r| values[r]).collect::<Vec<_>>();
            let squares: f64 = (0..3).map(|g| moments::sum_of_squares(&of(g))).sum();
            let degrees: usize = (0..3).map(|g| of(g).len() - 1).sum();
            (squares / degrees as f64).sqrt()
        };
        let whole = pooled(&|_| true);
        prop_assume!(whole > 1e-3);
        let ours = spread::within(&values, &group, &seed);
        prop_assert!((ours.deviation - whole).abs() < 1e-12);
        let pseudo: Vec<f64> = (0..4).map(|out| 4.0 * whole.ln() - 3.0 * pooled(&|row| seed[row] != out).ln()).collect();
        let expected = mean_interval(&pseudo);
        prop_assert!((ours.interval.low.ln() - expected.low).abs() < 1e-6);
        prop_assert!((ours.interval.high.ln() - expected.high).abs() < 1e-6);
    }
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
