//! The section on series along training, on files whose series are known.

mod fixture;

use std::fs;
use std::path::Path;

use fixture::{Cell, Holds, error, rows, unlocked, write};
use hdf5::types::VarLenUnicode;
use ndarray::{Array2, Array3, ArrayD};
use phasesweep_analysis::options::Turning;
use phasesweep_analysis::{Options, report};

/// Epochs at which series are measured.
const AT: [i64; 6] = [0, 20, 40, 60, 80, 100];

/// Two cells of width 10, the second of which turns at epoch 60 in layer 2; one of width 20, and one that diverged. All turn
/// in their distance at epoch 50.
fn cells() -> Vec<Cell> {
    let mut cells: Vec<Cell> = (0..2).map(|seed| Cell::new("mlp 10 tanh", seed, 50)).collect();
    cells.push(Cell::new("mlp 20 tanh", 0, 50));
    cells.push(Cell { status: "diverged", ..Cell::new("mlp 20 tanh", 1, 50) });
    cells
}

/// ‖W‖ of a cell in a layer at a place of [`AT`]: layer 1 grows in even steps; layer 2 falls from 8 by 1 a step, and in the
/// second cell rises again by 1 a step from epoch 60 on; the network of width 20 has no layer 2.
fn norm(cell: usize, layer: usize, place: usize) -> f32 {
    let step = place as f32;
    match (cell, layer) {
        (_, 0) => 5.0 + step,
        (1, 1) => 8.0 - step.min(6.0 - step),
        (0, 1) => 8.0 - step,
        _ => f32::NAN,
    }
}

fn text(words: &str) -> VarLenUnicode {
    words.parse().expect("no NUL in the fixture")
}

/// Adds a variable with labels of its dimensions, as the program writes them.
fn add(file: &hdf5::File, name: &str, dims: &[(&str, &[i64])], values: &ArrayD<f32>) {
    let mut names = vec!["cell"];
    for (dim, labels) in dims {
        names.push(dim);
        if file.dataset(dim).is_err() {
            let scale = file.new_dataset_builder().with_data(labels).create(*dim).expect("a coordinate");
            let counted = ["epoch", "step"].into_iter().find(|unit| dim.ends_with(unit));
            let units = counted.unwrap_or("1");
            let attribute = scale.new_attr::<VarLenUnicode>().create("units").expect("an attribute");
            attribute.write_scalar(&text(units)).expect("an attribute");
        }
    }
    let variable = file.new_dataset_builder().with_data(values).create(name).expect("the variable");
    let attribute = variable.new_attr::<VarLenUnicode>().create("dimensions").expect("an attribute");
    attribute.write_scalar(&text(&names.join(" "))).expect("an attribute");
}

fn write_norms(path: &Path, holds: Holds) {
    let cells = cells();
    write(path, &cells, holds).expect("the fixture");
    let file = unlocked().open_rw(path).expect("the fixture");
    let norms = Array3::from_shape_fn((cells.len(), 2, AT.len()), |(cell, layer, place)| norm(cell, layer, place));
    add(&file, "weight_norm", &[("weight_layer", &[1, 2]), ("weight_norm_epoch", &AT)], &norms.into_dyn());
}

/// A file of eight cells of one variant, with three series at every epoch: `at_once` turns at the epoch of the distance or,
/// in every other cell, an epoch after it; `later` 20 epochs later; `coarse` at the epoch of the distance, but is measured
/// every 25 epochs.
fn write_moments(path: &Path) {
    let cells: Vec<Cell> = (0..8).map(|seed| Cell::new("mlp 10 tanh", seed, 50)).collect();
    write(path, &cells, Holds::default()).expect("the fixture");
    let file = unlocked().open_rw(path).expect("the fixture");
    let every: Vec<i64> = (0..=100).collect();
    let coarse: Vec<i64> = (0..=100).step_by(25).collect();
    let bump = |turn: i64, epoch: i64| 10.0 - 0.001 * ((epoch - turn) as f32).powi(2);
    let at = |turn: fn(usize) -> i64, epochs: &[i64]| {
        let all = Array2::from_shape_fn((8, epochs.len()), |(cell, place)| bump(turn(cell), epochs[place]));
        all.into_dyn()
    };
    add(&file, "at_once", &[("at_once_epoch", &every)], &at(|cell| 50 + (cell % 2) as i64, &every));
    add(&file, "later", &[("later_epoch", &every)], &at(|cell| 70 + (cell % 2) as i64, &every));
    add(&file, "coarse", &[("coarse_epoch", &coarse)], &at(|_| 50, &coarse));
}

#[test]
fn series_and_their_turning_points_are_those_that_were_written() {
    let folder = tempfile::tempdir().expect("a folder");
    write_norms(&folder.path().join("results.h5"), Holds::default());
    let written = report(folder.path(), None, &Options::default()).expect("a report");
    let of = |name: &str| rows(&folder.path().join("report").join(name));
    let mut table = of("series_cells.csv");
    // The test error, least at epoch 80, is a series as well.
    table.retain(|row| row["series"] != "test_error");
    let said: Vec<[&str; 8]> = table
        .iter()
        .map(|row| {
            ["cell_id", "series", "start", "end", "found", "turn", "epoch", "value"].map(|name| row[name].as_str())
        })
        .collect();
    let expected = [
        ["cell0000", "weight_norm[1]", "5.0", "10.0", "edge", "", "", ""],
        ["cell0000", "weight_norm[2]", "8.0", "3.0", "edge", "", "", ""],
        ["cell0001", "weight_norm[1]", "5.0", "10.0", "edge", "", "", ""],
        ["cell0001", "weight_norm[2]", "8.0", "7.0", "found", "minimum", "60", "5.0"],
        ["cell0002", "weight_norm[1]", "5.0", "10.0", "edge", "", "", ""],
        ["cell0002", "weight_norm[2]", "", "", "absent", "", "", ""],
        ["cell0003", "weight_norm[1]", "", "", "diverged", "", "", ""],
        ["cell0003", "weight_norm[2]", "", "", "diverged", "", "", ""],
    ];
    assert_eq!(said, expected);
    // The turning point lies between the measurements at epochs 40 and 80, and so does its training error.
    let turned = &table[3];
    let number = |name: &str| turned[name].parse::<f64>().expect("a number");
    for (name, epoch) in [("epsilon_star", 60), ("greatest_error", 40), ("least_error", 80)] {
        // The file holds 32-bit floats.
        assert!((number(name) - error(epoch)).abs() < 1e-7, "{name}: {}", number(name));
    }
    let summary = of("series.csv");
    let said: Vec<[&str; 7]> = summary
        .iter()
        .filter(|row| row["series"].starts_with("weight_norm"))
        .map(|row| ["architecture", "series", "cells", "end", "minimum", "maximum", "epoch"].map(|n| row[n].as_str()))
        .collect();
    let expected = [
        ["mlp 10 tanh", "weight_norm[1]", "2", "10.0", "0", "0", ""],
        ["mlp 10 tanh", "weight_norm[2]", "2", "5.0", "1", "0", "60.0"],
        ["mlp 20 tanh", "weight_norm[1]", "2", "10.0", "0", "0", ""],
    ];
    assert_eq!(said, expected);
    let page = fs::read_to_string(&written.page).expect("the page");
    assert!(page.contains("<h2>Series along training</h2>") && page.contains("<figure id=\"series_weight_norm\">"));
    assert!(
        page.contains(
            "weight_norm[2] begins at 8.00 and ends at 5.00; it falls, then rises in 1 of 2 cells, at epoch 60"
        )
    );
    assert!(folder.path().join("report/figures/series_weight_norm.svg").is_file());
    // Beside class manifolds they are a further look: the answer is the verdict on the inversion.
    assert!(page.contains("Stability of the inversion") && !written.answer.headline.contains("series"));
}

#[test]
fn without_manifolds_they_are_the_answer_and_without_a_series_there_is_no_section() {
    let folder = tempfile::tempdir().expect("a folder");
    write_norms(&folder.path().join("results.h5"), Holds { radius: false, distance: false, ..Holds::default() });
    let written = report(folder.path(), None, &Options::default()).expect("a report");
    assert_eq!(
        written.answer.headline,
        "2 of 3 series turn in at least half of the cells of some group, by a prominence of at least 5.00% of their range."
    );
    assert!(written.summary.contains("weight_norm[2]") && written.absent.is_empty(), "{:?}", written.absent);

    let without = tempfile::tempdir().expect("a folder");
    write(&without.path().join("results.h5"), &cells(), Holds::default()).expect("the fixture");
    let page = fs::read_to_string(report(without.path(), None, &Options::default()).expect("a report").page);
    assert!(!page.expect("the page").contains("Series along training"));
    assert!(!without.path().join("report/series.csv").exists());
}

#[test]
fn a_series_is_called_same_or_other_only_where_it_is_so_wherever_it_turns_between_measurements() {
    let folder = tempfile::tempdir().expect("a folder");
    write_moments(&folder.path().join("results.h5"));
    report(folder.path(), None, &Options { tolerance: 0.1, ..Options::default() }).expect("a report");
    let table = rows(&folder.path().join("report/series.csv"));
    let of = |series: &str| table.iter().find(|row| row["series"] == series).expect("a row");
    let number = |series: &str, name: &str| of(series)[name].parse::<f64>().expect("a number");
    // The training error is (1 − t/100)²/2: ratios to that of epoch 50 follow.
    let ratio = |epoch: f64| ((1.0 - epoch / 100.0) / 0.5).powi(2);
    let mean = (ratio(50.0) + ratio(51.0)) / 2.0;
    // The file holds 32-bit floats.
    assert!((number("at_once", "ratio") - mean).abs() < 1e-6);
    assert!((number("later", "ratio") - (ratio(70.0) + ratio(71.0)) / 2.0).abs() < 1e-6);
    assert!((number("coarse", "ratio") - 1.0).abs() < 1e-6);
    assert!((number("coarse", "greatest_ratio") - ratio(25.0)).abs() < 1e-5);
    let said = ["at_once", "later", "coarse"].map(|series| of(series)["training_error"].as_str());
    assert_eq!(said, ["same", "other", "undecided"]);
    // The principal observable itself is not compared; the radii turn two epochs before and after it.
    assert_eq!(of("distance")["training_error"], "");
    assert!((number("radius_0", "ratio") - ratio(48.0)).abs() < 1e-6);
}

#[test]
fn the_report_is_about_the_series_that_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    write_moments(&folder.path().join("results.h5"));
    let named = |principal: &str| Options { principal: Some(principal.to_owned()), ..Options::default() };
    let written = report(folder.path(), None, &named("later")).expect("a report");
    let said = written.answer.sentences.join(" ");
    assert!(said.contains("ε*(later) = 0.043"), "{said}");
    let page = fs::read_to_string(&written.page).expect("the page");
    assert!(page.contains("Stability of a turning point"));
    let table = rows(&folder.path().join("report/series_stability.csv"));
    assert!(table.iter().any(|row| row["observable"] == "later" && row["found"] == "8"));
    // A radius is found by its name among the manifolds.
    let written = report(folder.path(), None, &named("radius")).expect("a report");
    assert!(written.answer.sentences.join(" ").contains("ε*(R₀)"), "{:?}", written.answer);
    // What the file does not hold is refused by the command line, and told where the sweep names it.
    let refused = report(folder.path(), None, &named("sharpness")).expect_err("no such series").to_string();
    assert!(refused.contains("--principal sharpness") && refused.contains("later"), "{refused}");
    let file = unlocked().open_rw(folder.path().join("results.h5")).expect("the fixture");
    let attribute = file.new_attr::<VarLenUnicode>().create("report").expect("an attribute");
    let settings = "{\"principal\":\"sharpness\",\"turning\":{\"later\":\"minimum\"}}";
    attribute.write_scalar(&text(settings)).expect("an attribute");
    drop(file);
    let written = report(folder.path(), None, &Options::default()).expect("a report");
    assert!(written.doubts.iter().any(|doubt| doubt.contains("is about sharpness")), "{:?}", written.doubts);
    // The sweep says that it turns by a minimum, which it does not; the command line goes above that.
    let found = |options: &Options| {
        report(folder.path(), None, options).expect("a report");
        let table = rows(&folder.path().join("report/series_cells.csv"));
        table.iter().filter(|row| row["series"] == "later" && row["found"] == "found").count()
    };
    assert_eq!(found(&Options::default()), 0);
    let maximum = [("later".to_owned(), Turning::Maximum)].into_iter().collect();
    assert_eq!(found(&Options { turning: maximum, ..Options::default() }), 8);
}

/// A file of three cells with ten, twenty and ten steps an epoch, measured at steps: `hill` is highest at step 25, and
/// `trajectory_train_error`, which knows the error at every fifth of the steps up to 40, is 1/2 − step/100.
fn write_steps(path: &Path) {
    let cells: Vec<Cell> = (0..3).map(|seed| Cell::new("mlp 10 tanh", seed, 50)).collect();
    write(path, &cells, Holds { radius: false, distance: false, ..Holds::default() }).expect("the fixture");
    let file = unlocked().open_rw(path).expect("the fixture");
    file.new_dataset_builder().with_data(&[10.0_f64, 20.0, 10.0]).create("steps_per_epoch").expect("a number");
    let steps = [0_i64, 1, 2, 5, 10, 20, 25, 30, 40, 200];
    let hill = Array2::from_shape_fn((3, steps.len()), |(_, place)| 30.0 - (steps[place] - 25).abs().min(30) as f32);
    add(&file, "hill", &[("hill_step", &steps)], &hill.into_dyn());
    let known: Vec<i64> = (0..=40).step_by(5).collect();
    // The third cell was not measured so far.
    let error = |cell: usize, step: i64| if cell == 2 && step > 20 { f32::NAN } else { 0.5 - step as f32 / 100.0 };
    let errors = Array2::from_shape_fn((3, known.len()), |(cell, place)| error(cell, known[place]));
    add(&file, "trajectory_train_error", &[("trajectory_step", &known)], &errors.into_dyn());
}

#[test]
fn what_is_measured_at_steps_turns_at_steps_and_at_the_training_error_there() {
    let folder = tempfile::tempdir().expect("a folder");
    write_steps(&folder.path().join("results.h5"));
    let written = report(folder.path(), None, &Options::default()).expect("a report");
    let table = rows(&folder.path().join("report/series_cells.csv"));
    let hill: Vec<_> = table.iter().filter(|row| row["series"] == "hill").collect();
    for (cell, row) in hill.iter().enumerate() {
        assert_eq!((row["found"].as_str(), row["epoch"].as_str(), row["step"].as_str()), ("found", "", "25"));
        let number = |name: &str| row[name].parse::<f64>().ok();
        match cell {
            // Known at the step itself, and at the steps before and after it; step 20 ends an epoch, whose error the engine
            // recorded: that stays.
            0 | 1 => {
                let epoch = [2, 1][cell];
                assert!((number("epsilon_star").unwrap() - 0.25).abs() < 1e-6, "{row:?}");
                assert!((number("greatest_error").unwrap() - error(epoch)).abs() < 1e-6, "{row:?}");
                let after = [error(3), 0.2][cell];
                let least = if cell == 0 { after.min(0.25) } else { after };
                assert!((number("least_error").unwrap() - least).abs() < 1e-6, "{row:?}");
            }
            _ => assert_eq!(number("epsilon_star"), None, "{row:?}"),
        }
    }
    // Series that count epochs keep theirs.
    let test_error = table.iter().find(|row| row["series"] == "test_error").expect("it is a series");
    assert_eq!((test_error["epoch"].as_str(), test_error["step"].as_str()), ("80", ""));
    let page = fs::read_to_string(&written.page).expect("the page");
    assert!(page.contains("at step 25"), "the sentence counts steps");
    let figure = fs::read_to_string(folder.path().join("report/figures/series_hill.svg")).expect("the figure");
    // 0 has a place of its own on the logarithmic axis.
    assert!(figure.contains(">step<") && figure.contains(">0<") && figure.contains(">100<"), "{figure}");
}
