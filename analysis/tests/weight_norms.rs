//! The section on norms of the weights, on a file whose norms are known.

mod fixture;

use std::fs;
use std::path::Path;

use fixture::{Cell, Holds, rows, unlocked, write};
use ndarray::Array3;
use phasesweep_analysis::{Options, report};

/// Epochs at which norms are measured.
const AT: [i64; 6] = [0, 20, 40, 60, 80, 100];

/// Two cells of width 10, the second of which turns at epoch 60 in layer 2; one of width 20, and one that diverged.
fn cells() -> Vec<Cell> {
    let mut cells: Vec<Cell> = (0..2).map(|seed| Cell::new("mlp 10 tanh", seed, 50)).collect();
    cells.push(Cell::new("mlp 20 tanh", 0, 50));
    cells.push(Cell { status: "diverged", ..Cell::new("mlp 20 tanh", 1, 50) });
    cells
}

/// ‖W‖ of a cell in a layer at a place of [`AT`]: layer 1 doubles in even steps; layer 2 falls from 8 by 1 a step, and in the
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

fn write_norms(path: &Path, holds: Holds) {
    let cells = cells();
    write(path, &cells, holds).expect("the fixture");
    let file = unlocked().open_rw(path).expect("the fixture");
    file.new_dataset_builder().with_data(&[1_i64, 2]).create("weight_layer").expect("a coordinate");
    file.new_dataset_builder().with_data(&AT).create("weight_norm_epoch").expect("a coordinate");
    let norms = Array3::from_shape_fn((cells.len(), 2, AT.len()), |(cell, layer, place)| norm(cell, layer, place));
    file.new_dataset_builder().with_data(&norms).create("weight_norm").expect("the variable");
}

#[test]
fn norms_and_their_turning_points_are_those_that_were_written() {
    let folder = tempfile::tempdir().expect("a folder");
    write_norms(&folder.path().join("results.h5"), Holds::default());
    let written = report(folder.path(), None, &Options::default()).expect("a report");
    let of = |name: &str| rows(&folder.path().join("report").join(name));
    let table = of("weight_norm_cells.csv");
    let said: Vec<[&str; 7]> = table
        .iter()
        .map(|row| ["cell_id", "weight_layer", "start", "end", "turn", "epoch", "norm"].map(|name| row[name].as_str()))
        .collect();
    let expected = [
        ["cell0000", "1", "5.0", "10.0", "", "", ""],
        ["cell0000", "2", "8.0", "3.0", "", "", ""],
        ["cell0001", "1", "5.0", "10.0", "", "", ""],
        ["cell0001", "2", "8.0", "7.0", "minimum", "60", "5.0"],
        ["cell0002", "1", "5.0", "10.0", "", "", ""],
    ];
    assert_eq!(said, expected);
    let summary = of("weight_norms.csv");
    let said: Vec<[&str; 7]> = summary
        .iter()
        .map(|row| {
            ["architecture", "weight_layer", "cells", "end", "minimum", "maximum", "epoch"].map(|n| row[n].as_str())
        })
        .collect();
    let expected = [
        ["mlp 10 tanh", "1", "2", "10.0", "0", "0", ""],
        ["mlp 10 tanh", "2", "2", "5.0", "1", "0", "60.0"],
        ["mlp 20 tanh", "1", "1", "10.0", "0", "0", ""],
    ];
    assert_eq!(said, expected);
    let page = fs::read_to_string(&written.page).expect("the page");
    assert!(page.contains("<h2>Norms of the weights</h2>") && page.contains("<figure id=\"weight_norms\">"));
    assert!(page.contains("Layer 2: the norm changes by a factor of 0.625 (median of 2 cells, 0.375 to 0.875); it falls, then rises in 1, at epoch 60 (median)."));
    assert!(folder.path().join("report/figures/weight_norms.svg").is_file());
    // Beside class manifolds they are a further look: the answer is the verdict on the inversion.
    assert!(page.contains("Stability of the inversion") && !written.answer.headline.contains("norm of the weights"));
}

#[test]
fn without_manifolds_they_are_the_answer_and_without_the_variable_there_is_no_section() {
    let folder = tempfile::tempdir().expect("a folder");
    write_norms(&folder.path().join("results.h5"), Holds { radius: false, distance: false, ..Holds::default() });
    let written = report(folder.path(), None, &Options::default()).expect("a report");
    assert_eq!(
        written.answer.headline,
        "From start to end the norm of the weights grows in 3 of 5 layers of cells, and it turns on the way in 1 of them, by a \
         prominence of at least 5.00% of its range."
    );
    assert!(written.summary.contains("weight_layer") && written.absent.is_empty(), "{:?}", written.absent);

    let without = tempfile::tempdir().expect("a folder");
    write(&without.path().join("results.h5"), &cells(), Holds::default()).expect("the fixture");
    let page = fs::read_to_string(report(without.path(), None, &Options::default()).expect("a report").page);
    assert!(!page.expect("the page").contains("Norms of the weights"));
    assert!(!without.path().join("report/weight_norms.csv").exists());
}
