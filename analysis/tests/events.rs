//! The events beside the inversion, on files whose training errors, losses and turning points are known in closed form.

mod fixture;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use fixture::{Cell, Holds, T, rows, unlocked, write};
use ndarray::Array2;
use phasesweep_analysis::{Options, report};

/// Eight seeds of two architectures and two learning rates; ε* spreads by some hundredths over seeds and is 0.06 or 0.066, by
/// the architecture. The learning rate changes nothing.
fn cells() -> Vec<Cell> {
    let pattern = [-1.2, -0.8, -0.6, -0.2, 0.2, 0.6, 0.8, 1.2];
    let mut out = Vec::new();
    for (architecture, star) in [("mlp 10 tanh", 0.06), ("mlp 20 tanh", 0.066)] {
        for optimiser in ["sgd lr=0.2", "sgd lr=0.4"] {
            out.extend((0..8).map(|seed| Cell {
                optimiser,
                star: Some(star * (1.0 + 0.024 * pattern[seed as usize])),
                ..Cell::new(architecture, seed, 50)
            }));
        }
    }
    out
}

/// Writes the file with a training loss, and reports.
fn reported(folder: &Path, loss: &dyn Fn(&Cell, usize) -> f64, options: &Options) -> String {
    let path = folder.join("results.h5");
    let cells = cells();
    write(&path, &cells, Holds { misclassified: false, ..Holds::default() }).expect("the fixture");
    let file = unlocked().open_rw(&path).expect("the fixture");
    let losses = Array2::from_shape_fn((cells.len(), T + 1), |(cell, t)| loss(&cells[cell], t) as f32);
    file.new_dataset_builder().with_data(&losses).create("train_loss").expect("the loss");
    drop(file);
    let page = report(folder, None, options).expect("a report").page;
    fs::read_to_string(page).expect("the page")
}

/// The row of an event on a clock.
#[track_caller]
fn of<'a>(table: &'a [BTreeMap<String, String>], event: &str, clock: &str) -> &'a BTreeMap<String, String> {
    let wanted = |row: &&BTreeMap<String, String>| (&*row["event"], &*row["clock"]) == (event, clock);
    table.iter().find(wanted).unwrap_or_else(|| panic!("no row of {event} on {clock}"))
}

#[track_caller]
fn number(row: &BTreeMap<String, String>, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?} is no number"))
}

/// Standard deviation within variants of values in units of their variants' means.
fn pooled(values: &[f64]) -> f64 {
    let (mut squares, mut degrees) = (0.0, 0.0);
    for variant in values.chunks(8) {
        let mean = variant.iter().sum::<f64>() / 8.0;
        squares += variant.iter().map(|value| (value / mean - 1.0).powi(2)).sum::<f64>();
        degrees += 7.0;
    }
    (squares / degrees).sqrt()
}

#[test]
fn an_inversion_at_one_loss_is_as_stable_as_that_loss_and_is_said_to_be() {
    let folder = tempfile::tempdir().expect("a folder");
    // The loss is 1 at every cell's inversion.
    let star = |cell: &Cell| cell.star.expect("it has one");
    let page = reported(folder.path(), &|cell, t| cell.error(t) / star(cell), &Options::default());
    let table = rows(&folder.path().join("report/events.csv"));
    let inversion = of(&table, "distance", "train_error");
    let stars: Vec<f64> = cells().iter().map(star).collect();
    // The file holds 32-bit floats.
    assert!((number(inversion, "cv") - pooled(&stars)).abs() < 1e-6);
    assert!((number(inversion, "null_cv") - number(inversion, "cv")).abs() < 1e-12);
    assert!((number(inversion, "to_null") - 1.0).abs() < 1e-12);
    assert_eq!((number(inversion, "happened"), number(inversion, "counted")), (32.0, 4.0));
    // The architecture moves both by the same; the learning rate moves nothing.
    let ratio = 0.006 / 0.063;
    assert_eq!(inversion["factor"], "architecture");
    assert!(
        (number(inversion, "shift") - ratio).abs() < 1e-6 && (number(inversion, "null_shift") - ratio).abs() < 1e-6
    );
    let shifts = rows(&folder.path().join("report/event_shifts.csv"));
    let by = |factor: &str| {
        let wanted = |row: &&BTreeMap<String, String>| {
            (&*row["event"], &*row["clock"], &*row["factor"]) == ("distance", "train_error", factor)
        };
        shifts.iter().find(wanted).unwrap_or_else(|| panic!("no shift by {factor}"))
    };
    assert!((number(by("architecture"), "share") - ratio).abs() < 1e-6 && number(by("lr"), "share") < 1e-12);
    // Read on the loss it happens at one loss exactly, where the loss at one training error spreads.
    let on_loss = of(&table, "distance", "train_loss");
    assert!((number(on_loss, "mean") - 1.0).abs() < 1e-12 && number(on_loss, "cv") < 1e-12);
    assert!(number(on_loss, "null_cv") > 0.01);
    assert!(page.contains("Events beside ε*(D)") && page.contains("<figure id=\"events\">"));
}

#[test]
fn an_inversion_at_one_training_error_is_a_better_clock_than_the_loss() {
    let folder = tempfile::tempdir().expect("a folder");
    // The loss at a training error is decided by the seed, to a fifth; that of the inversion by ε* to some hundredths.
    let factor = |seed: i64| 1.0 + 0.2 * ((3 * seed) % 8) as f64 / 8.0;
    let page = reported(folder.path(), &|cell, t| 2.0 * cell.error(t) * factor(cell.seed), &Options::default());
    let table = rows(&folder.path().join("report/events.csv"));
    let inversion = of(&table, "distance", "train_error");
    let (low, high) = (number(inversion, "to_null_low"), number(inversion, "to_null_high"));
    assert!(low < number(inversion, "to_null") && high < 1.0, "{inversion:?}");
    assert!(page.contains("keeps to a training error more closely than a certain training loss does"), "{page}");
    assert!(page.contains("it keeps to the training error rather than to the loss"), "{page}");

    // A level's crossing, by brute force: the first epoch at which the loss is at most the mean loss at the inversion.
    let cells = cells();
    let loss = |cell: &Cell, t: usize| f64::from((2.0 * cell.error(t) * factor(cell.seed)) as f32);
    let level = cells.iter().map(|cell| loss(cell, 50)).sum::<f64>() / cells.len() as f64;
    let at = |cell: &Cell| (0..=T).find(|&t| loss(cell, t) <= level).map(|t| cell.error(t));
    let expected: Vec<f64> = cells.iter().filter_map(at).collect();
    let crossed = of(&table, "training loss of distance", "train_error");
    assert_eq!(number(crossed, "happened"), expected.len() as f64);
    let mean = expected.iter().sum::<f64>() / expected.len() as f64;
    assert!((number(crossed, "mean") - mean).abs() < 1e-6, "{crossed:?} {mean}");
    // A level that is named takes the place of those.
    let named = Options { loss_levels: vec![0.2], ..Options::default() };
    reported(folder.path(), &|cell, t| 2.0 * cell.error(t) * factor(cell.seed), &named);
    let table = rows(&folder.path().join("report/events.csv"));
    assert!(number(of(&table, "training loss 0.200", "train_error"), "happened") > 0.0);
    assert!(!table.iter().any(|row| row["event"] == "training loss of distance"));
}

#[test]
fn the_least_test_error_is_looked_for_up_to_one_flow_time() {
    let folder = tempfile::tempdir().expect("a folder");
    reported(folder.path(), &|cell, t| cell.error(t), &Options::default());
    let table = rows(&folder.path().join("report/events.csv"));
    // It is least at epoch 80 in every cell. Of the learning rate 0.4 epoch 50 ends the flow time that both rates have.
    let least = of(&table, "least test error", "train_error");
    assert_eq!((number(least, "happened"), number(least, "counted")), (16.0, 2.0));
    let expected: Vec<f64> =
        cells().iter().filter(|cell| cell.optimiser == "sgd lr=0.2").map(|cell| cell.error(80)).collect();
    assert!((number(least, "mean") - expected.iter().sum::<f64>() / 16.0).abs() < 1e-7);
    assert!((number(least, "cv") - pooled(&expected)).abs() < 1e-6);
    assert!((number(of(&table, "least test error", "epoch"), "mean") - 80.0).abs() < 1e-12);
    // A fixed flow time is that of the median inversion: epoch 75 of one rate, and half of it of the other.
    let (median, at) = ((0.2 * 50.0 + 0.4 * 50.0) / 2.0, of(&table, "fixed time", "epoch"));
    let mean = (median / 0.2 + (median / 0.4f64).floor()) / 2.0;
    assert!((number(at, "mean") - mean).abs() <= 0.5, "{at:?} {mean}");
}

#[test]
fn without_a_training_loss_the_rest_is_compared() {
    let folder = tempfile::tempdir().expect("a folder");
    write(&folder.path().join("results.h5"), &cells(), Holds::default()).expect("the fixture");
    let page = fs::read_to_string(report(folder.path(), None, &Options::default()).expect("a report").page);
    let table = rows(&folder.path().join("report/events.csv"));
    let inversion = of(&table, "distance", "train_error");
    assert_eq!((inversion["null_cv"].as_str(), inversion["to_null"].as_str()), ("", ""));
    // The radii turn two epochs before it and after it.
    assert!(number(of(&table, "radius_0", "train_error"), "cv") > 0.0);
    assert!(!page.expect("the page").contains("certain training loss”"));
}
