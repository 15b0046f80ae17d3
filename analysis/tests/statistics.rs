//! The statistics against scipy and statsmodels: values frozen in `reference/statistics.json`, made by
//! `reference/statistics.py`.

use std::collections::BTreeMap;

use phasesweep_analysis::statistics::contrast::{Contrast, Variant, difference, largest};
use phasesweep_analysis::statistics::{additive, interval, intraclass, jackknife, moments, overlap};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    moments: Moments,
    student: Vec<Student>,
    crossed: Anova,
    nested: Anova,
    one_way: OneWay,
    paired: Paired,
    icc: Vec<Icc>,
    overlap: Overlap,
}

#[derive(Deserialize)]
struct Moments {
    values: Vec<f64>,
    mean: f64,
    sd: f64,
    cv: f64,
    quantiles: Vec<(f64, f64)>,
}

#[derive(Deserialize)]
struct Student {
    values: Vec<f64>,
    low: f64,
    high: f64,
}

#[derive(Deserialize)]
struct Anova {
    columns: BTreeMap<String, Vec<f64>>,
    terms: BTreeMap<String, Term>,
    residual: f64,
    residual_degrees: f64,
    total: f64,
}

#[derive(Deserialize)]
struct Term {
    sum_of_squares: f64,
    degrees: f64,
    f: f64,
    omega_squared: f64,
}

#[derive(Deserialize)]
struct OneWay {
    columns: BTreeMap<String, Vec<f64>>,
    sum_of_squares: f64,
    degrees: f64,
    error_degrees: f64,
    f: f64,
    p: f64,
    omega_squared: f64,
    rms_shift: f64,
    icc: f64,
    largest: f64,
    largest_low: f64,
    largest_high: f64,
}

#[derive(Deserialize)]
struct Paired {
    a: Vec<f64>,
    b: Vec<f64>,
    low: f64,
    high: f64,
}

#[derive(Deserialize)]
struct Icc {
    groups: Vec<Vec<f64>>,
    icc: f64,
}

#[derive(Deserialize)]
struct Overlap {
    samples: usize,
    sets: Vec<Vec<usize>>,
    mean: f64,
    expectation: f64,
    deviation: f64,
    z: f64,
    z_hypergeometric: f64,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference/statistics.json")).expect("the frozen values are JSON")
}

/// Closed forms in double precision on well-conditioned data: both sides lose only the last digits.
#[track_caller]
fn assert_close(ours: f64, theirs: f64) {
    assert!((ours - theirs).abs() <= 1e-9 * theirs.abs().max(1e-6), "ours {ours}, theirs {theirs}");
}

#[test]
fn moments_are_numpys() {
    let Moments { mut values, mean, sd, cv, quantiles } = reference().moments;
    assert_close(moments::mean(&values), mean);
    assert_close(moments::standard_deviation(&values), sd);
    assert_close(moments::coefficient_of_variation(&values), cv);
    values.sort_by(f64::total_cmp);
    for (probability, quantile) in quantiles {
        assert_close(moments::quantile(&values, probability), quantile);
    }
}

#[test]
fn interval_of_a_mean_is_statsmodels_students() {
    for Student { values, low, high } in reference().student {
        let ours = interval::mean_interval(&values);
        assert_close(ours.low, low);
        assert_close(ours.high, high);
    }
}

#[track_caller]
fn assert_anova(reference: &Anova, nested_in: &[(&str, &str)]) {
    let names: Vec<&String> = reference.terms.keys().collect();
    let place = |name: &str| names.iter().position(|known| *known == name).expect("a term of the reference");
    let terms: Vec<additive::Term> = names
        .iter()
        .map(|name| additive::Term {
            name: (*name).clone(),
            level: reference.columns[*name].iter().map(|level| *level as usize).collect(),
            nested_in: nested_in.iter().filter(|(child, _)| child == name).map(|(_, parent)| place(parent)).collect(),
        })
        .collect();
    let fit = additive::decompose(&reference.columns["y"], &terms).expect("the values spread");
    assert_close(fit.total, reference.total);
    assert_close(fit.residual, reference.residual);
    assert_eq!(fit.residual_degrees as f64, reference.residual_degrees);
    for (share, (name, theirs)) in fit.shares.iter().zip(&reference.terms) {
        assert_eq!(&share.name, name);
        assert_eq!(share.degrees as f64, theirs.degrees, "{name}");
        assert_close(share.sum_of_squares, theirs.sum_of_squares);
        assert_close(share.f, theirs.f);
        assert_close(share.omega_squared, theirs.omega_squared);
    }
}

#[test]
fn crossed_unbalanced_shares_are_statsmodels_type_two() {
    assert_anova(&reference().crossed, &[]);
}

#[test]
fn nested_unbalanced_shares_are_statsmodels_model_comparisons() {
    assert_anova(&reference().nested, &[("subsample", "data")]);
}

/// Architectures with seeds within them, a value each: nothing is left over beside the seeds.
#[test]
fn one_way_unbalanced_is_statsmodels() {
    let one_way = reference().one_way;
    let level = |name: &str| additive::compress(one_way.columns[name].iter().map(|level| level.to_bits()));
    let (architecture, seed, values) = (level("architecture"), level("seed"), &one_way.columns["y"]);
    let terms = [
        additive::Term { name: "architecture".into(), level: architecture.clone(), nested_in: vec![] },
        additive::Term { name: "seed".into(), level: seed.clone(), nested_in: vec![0] },
    ];
    let fit = additive::decompose(values, &terms).expect("the values spread");
    assert_eq!(fit.residual_degrees, 0);
    let share = &fit.shares[0];
    assert_eq!(share.against.term, Some(1));
    assert_eq!((share.degrees as f64, share.against.degrees as f64), (one_way.degrees, one_way.error_degrees));
    assert_close(share.sum_of_squares, one_way.sum_of_squares);
    assert_close(share.f, one_way.f);
    assert_close(share.p, one_way.p);
    assert_close(share.omega_squared, one_way.omega_squared);
    assert_close(share.shift(), one_way.rms_shift);

    let mut groups = vec![Vec::new(); 4];
    architecture.iter().zip(values).for_each(|(&group, &value)| groups[group].push(value));
    assert_close(intraclass::icc1(&groups), one_way.icc);

    // The largest difference of two architectures, by Welch's intervals.
    let variants: Vec<Variant> = (0..4)
        .map(|group| {
            let of: Vec<(i64, f64)> = groups[group].iter().enumerate().map(|(seed, v)| (seed as i64, *v)).collect();
            Variant::new(group, &of, 1e-4).expect("two values")
        })
        .collect();
    let pairs: Vec<Contrast> =
        (0..4).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| difference(&variants[i], &variants[j])).collect();
    let (estimate, interval) = largest(&pairs, &[]);
    assert_close(estimate, one_way.largest);
    assert_close(interval.low, one_way.largest_low);
    assert_close(interval.high, one_way.largest_high);
}

#[test]
fn runs_from_the_same_weights_are_compared_by_statsmodels_paired_t() {
    let Paired { a, b, low, high } = reference().paired;
    let variant = |values: &[f64]| {
        // The order of the seeds does not matter, their names do.
        let of: Vec<(i64, f64)> = values.iter().enumerate().map(|(seed, value)| (7 - seed as i64, *value)).collect();
        Variant::new(0, &of, 1e-4).expect("two values")
    };
    let ours = difference(&variant(&a), &variant(&b)).interval(1);
    assert_close(ours.low, low);
    assert_close(ours.high, high);
}

#[test]
fn intraclass_correlation_follows_from_scipys_f() {
    for Icc { groups, icc } in reference().icc {
        assert_close(intraclass::icc1(&groups), icc);
    }
}

#[test]
fn overlap_z_is_scipys_hypergeometric() {
    let reference = reference().overlap;
    let words = reference.samples.div_ceil(64);
    let sets: Vec<Vec<u64>> = reference
        .sets
        .iter()
        .map(|members| {
            let mut bits = vec![0; words];
            members.iter().for_each(|sample| bits[sample / 64] |= 1 << (sample % 64));
            bits
        })
        .collect();
    let borrowed: Vec<&[u64]> = sets.iter().map(Vec::as_slice).collect();
    let ours = overlap::all_pairs(&borrowed, reference.samples as f64).expect("nine runs");
    assert_close(ours.mean, reference.mean);
    assert_close(ours.expectation, reference.expectation);
    assert_close(ours.deviation, reference.deviation);
    assert_close(ours.z, reference.z);
    assert_close(ours.z_hypergeometric, reference.z_hypergeometric);
    assert!(ours.interval.low < ours.corrected && ours.corrected < ours.interval.high, "{:?}", ours.interval);
}

/// The jackknife of the shares takes rows out of a fit; here every part of the values is fitted anew.
#[test]
fn intervals_of_shares_are_those_of_fits_without_each_cluster() {
    let level = |of: &dyn Fn(usize) -> usize| (0..60).map(of).collect::<Vec<_>>();
    let term = |name: &str, level, nested_in| additive::Term { name: name.into(), level, nested_in };
    let terms = [
        term("data", level(&|i| i % 2), vec![]),
        term("subsample", level(&|i| i % 4), vec![0]),
        term("architecture", level(&|i| i / 4 % 3), vec![]),
        term("seed", level(&|i| i / 12 * 3 + i / 4 % 3), vec![2]),
    ];
    let values: Vec<f64> = (0..60).map(|i| 5.0 + ((i * 37 + 11) % 61) as f64 / 61.0 + 0.3 * (i % 4) as f64).collect();
    // Whole blocks of a seed, and parts of them.
    for cluster in [level(&|i| i / 12), level(&|i| i % 7)] {
        let without: Vec<_> = (0..=*cluster.iter().max().expect("clusters"))
            .map(|left_out| {
                let kept: Vec<usize> = (0..60).filter(|&row| cluster[row] != left_out).collect();
                let of_kept = terms.each_ref().map(|term| additive::Term {
                    level: kept.iter().map(|&row| term.level[row]).collect(),
                    ..term.clone()
                });
                let fit = additive::decompose(&kept.iter().map(|&row| values[row]).collect::<Vec<_>>(), &of_kept);
                fit.expect("the values spread")
            })
            .collect();
        let whole = additive::decompose(&values, &terms).expect("the values spread");
        let named: Vec<i64> = cluster.iter().map(|&name| name as i64).collect();
        for (place, intervals) in additive::share_intervals(&values, &terms, &named).iter().enumerate() {
            let each: Vec<f64> = without.iter().map(|fit| fit.shares[place].omega_squared).collect();
            let direct = jackknife::jackknife(whole.shares[place].omega_squared, &each).interval;
            // Sums of sixty numbers of order 1 in another order: some 1e-13.
            let close = |a: f64, b: f64| (a - b).abs() < 1e-10 || (a.is_nan() && b.is_nan());
            let found = intervals.omega_squared;
            assert!(close(found.low, direct.low) && close(found.high, direct.high.min(1.0)), "{found:?} {direct:?}");
        }
    }
}
