//! Runs side by side: bits and statistics of files whose turning points are known in closed form.

#[allow(dead_code, reason = "other tests use more of it")]
mod fixture;

use std::path::{Path, PathBuf};
use std::process::Command;

use fixture::{Cell, Holds, T, error, unlocked, write};
use phasesweep_analysis::compare::differences::{Difference, Judgement};
use phasesweep_analysis::compare::{Comparison, compare};
use phasesweep_analysis::{Error, Options};

/// Six seeds of one variant, whose distance turns from that epoch on, an epoch later with every seed.
fn seeds(first_turn: usize) -> Vec<Cell> {
    let cell = |seed: i64| Cell { variant: "v1", ..Cell::new("mlp 10 tanh", seed, first_turn + seed as usize) };
    (0..6).map(cell).collect()
}

fn file(folder: &Path, name: &str, cells: &[Cell]) -> PathBuf {
    let path = folder.join(name);
    write(&path, cells, Holds::default()).expect("the fixture");
    path
}

/// Files of these cells, compared.
fn compared(files: &[&[Cell]]) -> Comparison {
    let folder = tempfile::tempdir().expect("a folder");
    let paths: Vec<PathBuf> =
        files.iter().enumerate().map(|(place, cells)| file(folder.path(), &format!("{place}.h5"), cells)).collect();
    compare(&paths, &Options::default()).expect("a comparison")
}

fn statistic<'a>(comparison: &'a Comparison, name: &str) -> &'a Difference {
    let all = &comparison.with_first[0].statistics.all;
    all.iter().find(|row| row.statistic == name).unwrap_or_else(|| panic!("no {name} among {all:?}"))
}

#[test]
fn a_run_and_its_copy_are_identical() {
    let cells = seeds(50);
    let comparison = compared(&[&cells, &cells, &cells]);
    assert_eq!(comparison.runs.iter().map(|run| run.letter.as_str()).collect::<Vec<_>>(), ["A", "B", "C"]);
    assert_eq!(comparison.with_first.len(), 2);
    for pair in &comparison.with_first {
        assert_eq!((pair.bits.cells_in_both, pair.bits.compared), (6, 6));
        let names: Vec<&str> = pair.bits.variables.iter().map(|of| of.name.as_str()).collect();
        let all = ["distance", "misclassified", "misclassified_count", "radius", "test_error", "train_error"];
        assert_eq!(names, all);
        assert!(pair.bits.variables.iter().all(|of| of.agrees == Some(true) && of.note.is_empty()));
        assert!(pair.statistics.all.len() > 8);
        assert!(pair.statistics.all.iter().all(|row| row.judgement == Judgement::Identical), "{pair:?}");
    }
}

#[test]
fn the_first_bit_that_differs_is_named_by_cell_and_epoch() {
    let folder = tempfile::tempdir().expect("a folder");
    let paths = ["a.h5", "b.h5"].map(|name| file(folder.path(), name, &seeds(50)));
    {
        // Class 1 at epoch 37 by the last bit, class 0 at epoch 38 by more, in a cell; another cell later still.
        let other = unlocked().open_rw(&paths[1]).expect("the file");
        let radius = other.dataset("radius").expect("the radius");
        let mut all = radius.read_dyn::<f32>().expect("its values");
        all[[3, 0, 1, 37]] = f32::from_bits(all[[3, 0, 1, 37]].to_bits() + 1);
        all[[3, 0, 0, 38]] += 0.25;
        all[[4, 0, 0, 2]] = f32::NAN;
        radius.write(&all).expect("written");
    }
    let comparison = compare(&paths, &Options::default()).expect("a comparison");
    let bits = &comparison.with_first[0].bits;
    let radius = bits.variables.iter().find(|of| of.name == "radius").expect("the radius");
    assert_eq!((radius.agrees, radius.differing_cells), (Some(false), 2));
    let first = radius.first.as_ref().expect("a difference");
    let at: Vec<(&str, &str)> = first.at.iter().map(|(name, label)| (name.as_str(), label.as_str())).collect();
    assert_eq!((first.cell.as_str(), at), ("cell0003", vec![("class", "1"), ("epoch", "37"), ("layer", "1")]));
    assert_eq!((first.values[0] as f32).to_bits() + 1, (first.values[1] as f32).to_bits());
    // The value itself is rounded to 32 bits.
    assert!((radius.largest_difference - 0.25).abs() < 1e-7);
    let others = bits.variables.iter().filter(|of| of.name != "radius");
    assert!(others.into_iter().all(|of| of.agrees == Some(true)));

    let text = phasesweep_analysis::compare::text::text(&comparison, false);
    let line = "radius: in 2 cells, by 0.2500 at most; first in cell cell0003 at class 1, epoch 37, layer 1:";
    assert!(text.contains(line), "{text}");
}

#[test]
fn a_longer_run_is_compared_at_the_epochs_that_both_have() {
    let folder = tempfile::tempdir().expect("a folder");
    let paths = ["a.h5", "b.h5"].map(|name| file(folder.path(), name, &seeds(50)));
    {
        // The other file's epochs begin at 40: its value at epoch 40 lies where epoch 0 lay.
        let other = unlocked().open_rw(&paths[1]).expect("the file");
        let labels: Vec<i64> = (0..=T as i64).map(|epoch| epoch + 40).collect();
        other.dataset("epoch").expect("labels").write_raw(&labels).expect("written");
    }
    let comparison = compare(&paths, &Options::default()).expect("a comparison");
    let error_of = comparison.with_first[0].bits.variables.iter().find(|of| of.name == "train_error").expect("errors");
    assert_eq!(error_of.note, "at the 61 of epoch that both have, of 101 and 101");
    let first = error_of.first.as_ref().expect("a difference");
    assert_eq!(first.at["epoch"], "40");
    assert_eq!(first.values, [f64::from(error(40) as f32), f64::from(error(0) as f32)]);
}

#[test]
fn epsilon_star_is_compared_seed_by_seed() {
    let comparison = compared(&[&seeds(50), &seeds(60)]);
    let row = statistic(&comparison, "ε* of distance");
    // Student's interval of the paired differences, by hand: t of five degrees of freedom is 2.570582 (Student's table).
    let differences: Vec<f64> = (0..6).map(|seed| error(60 + seed) - error(50 + seed)).collect();
    let mean = differences.iter().sum::<f64>() / 6.0;
    let variance = differences.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 5.0;
    let half = 2.570_582 * (variance / 6.0).sqrt();
    // The file holds 32-bit numbers.
    assert!((row.difference - mean).abs() < 1e-7);
    assert!((row.interval.low - (mean - half)).abs() < 1e-6 && (row.interval.high - (mean + half)).abs() < 1e-6);
    assert_eq!((row.judgement, row.sides[0].count), (Judgement::Differs, 6));
    assert!(row.simultaneous.low < row.interval.low && row.interval.high < row.simultaneous.high);
    // Every cell of both turns, and the curves of test errors are the same.
    assert_eq!(statistic(&comparison, "distance turns").judgement, Judgement::Identical);
    assert_eq!(statistic(&comparison, "test_error at the end").judgement, Judgement::Identical);
}

#[test]
fn what_wavers_by_more_than_it_differs_is_not_said_to_differ() {
    let mut other = seeds(50);
    for (cell, turns_at) in other.iter_mut().zip([58, 46, 55, 49, 57, 47]) {
        cell.turns_at = turns_at;
    }
    let comparison = compared(&[&seeds(50), &other]);
    let row = statistic(&comparison, "ε* of distance");
    assert_eq!(row.judgement, Judgement::NoDifferenceSeen);
    assert!(row.interval.low < 0.0 && row.interval.high > 0.0);
}

#[test]
fn shares_that_turn_are_compared_and_one_seed_says_nothing() {
    let mut other = seeds(50);
    other.iter_mut().for_each(|cell| cell.turns_at = T);
    let comparison = compared(&[&seeds(50), &other]);
    let row = statistic(&comparison, "distance turns");
    assert_eq!((row.sides[0].mean, row.sides[1].mean, row.judgement), (1.0, 0.0, Judgement::Differs));
    assert_eq!(statistic(&comparison, "ε* of distance").judgement, Judgement::Unknown);

    let comparison = compared(&[&seeds(50)[..1], &seeds(60)[..1]]);
    let row = statistic(&comparison, "ε* of distance");
    assert_eq!((row.judgement, row.sides[0].count), (Judgement::Unknown, 1));
    assert!((row.difference - (error(60) - error(50))).abs() < 1e-7);
}

#[test]
fn groups_are_matched_by_variant_or_by_named_columns() {
    let of = |variant: &'static str, optimiser: &'static str| -> Vec<Cell> {
        seeds(50).into_iter().map(|cell| Cell { variant, optimiser, ..cell }).collect()
    };
    let (a, b) = (
        [of("v1", "sgd lr=0.1"), of("v2", "sgd lr=0.2")].concat(),
        [of("v3", "sgd lr=0.2"), of("v1", "sgd lr=0.1")].concat(),
    );
    let comparison = compared(&[&a, &b]);
    let statistics = &comparison.with_first[0].statistics;
    assert_eq!(statistics.groups_in_both, 1);
    assert_eq!((statistics.groups_in_first.len(), statistics.groups_in_second.len()), (1, 1));
    assert!(statistics.all.iter().all(|row| row.group.contains("lr=0.1")), "{statistics:?}");

    let folder = tempfile::tempdir().expect("a folder");
    let paths = [file(folder.path(), "a.h5", &a), file(folder.path(), "b.h5", &b)];
    let options = Options { group_by: vec!["lr".into()], ..Options::default() };
    let statistics = &compare(&paths, &options).expect("a comparison").with_first[0].statistics;
    assert_eq!((statistics.groups_in_both, statistics.groups_in_first.len()), (2, 0));
    // Runs that share nothing say so, and how cells could be matched.
    let none = compared(&[&of("v1", "sgd lr=0.1"), &[of("v2", "sgd lr=0.2"), of("v3", "sgd lr=0.3")].concat()]);
    let statistics = &none.with_first[0].statistics;
    assert!(statistics.all.is_empty() && statistics.note.contains("--group-by"), "{statistics:?}");
}

#[test]
fn the_program_prints_json_and_refuses_one_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let paths = [file(folder.path(), "a.h5", &seeds(50)), file(folder.path(), "b.h5", &seeds(60))];
    let program = || Command::new(env!("CARGO_BIN_EXE_phasesweep-report"));
    let output = program().arg("compare").args(&paths).arg("--json").output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["runs"][1]["letter"], "B");
    let rows = json["with_first"][0]["statistics"]["all"].as_array().expect("rows");
    let star = rows.iter().find(|row| row["statistic"] == "ε* of distance").expect("ε*");
    assert_eq!(star["judgement"], "differs");
    // What is not known is null, not 0.
    let turns = rows.iter().find(|row| row["statistic"] == "distance turns").expect("the share");
    assert_eq!(turns["interval"], serde_json::json!([null, null]));

    let output = program().arg("compare").arg(&paths[0]).output().expect("it starts");
    assert_eq!(output.status.code(), Some(2));
    let absent = program().arg("compare").arg(&paths[0]).arg("nowhere").output().expect("it starts");
    assert_eq!(absent.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&absent.stderr).starts_with("error: nowhere does not exist"));
    let refused = compare(&paths[..1], &Options::default());
    assert!(matches!(refused, Err(Error::Setting(_))));
}
