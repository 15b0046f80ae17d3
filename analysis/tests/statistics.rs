//! The statistics against scipy and statsmodels: values frozen in `reference/statistics.json`, made by
//! `reference/statistics.py`.

use std::collections::BTreeMap;

use phasesweep_analysis::statistics::{additive, bootstrap, intraclass, moments, overlap};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    moments: Moments,
    bca: Vec<Bca>,
    crossed: Anova,
    nested: Anova,
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
struct Bca {
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
fn bca_interval_is_scipys() {
    for Bca { values, low, high } in reference().bca {
        let ours = bootstrap::mean_interval(&values, 100_000, 1);
        // Of 100,000 resamples the 2.5% quantile is known to about 2% of its distance from the mean (its standard
        // error, √(p(1 − p)/B)/density, is 0.9% of a standard error of the mean; three of them are allowed).
        let tolerance = 0.03 * moments::standard_deviation(&values) / (values.len() as f64).sqrt();
        assert!((ours.low - low).abs() < tolerance, "low: ours {}, scipy's {low}", ours.low);
        assert!((ours.high - high).abs() < 2.0 * tolerance, "high: ours {}, scipy's {high}", ours.high);
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
    let ours = overlap::all_pairs(&borrowed, reference.samples as f64, 1000, 1).expect("nine runs");
    assert_close(ours.mean, reference.mean);
    assert_close(ours.expectation, reference.expectation);
    assert_close(ours.deviation, reference.deviation);
    assert_close(ours.z, reference.z);
    assert_close(ours.z_hypergeometric, reference.z_hypergeometric);
    assert!(ours.interval.low < ours.z && ours.z < ours.interval.high, "{:?}", ours.interval);
}
