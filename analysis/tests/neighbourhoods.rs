//! Reports on neighbourhoods whose numbers of regions and of units are known.

mod fixture;

use std::fs;
use std::path::Path;

use fixture::{Cell, Holds, rows, unlocked, write};
use hdf5::types::VarLenUnicode;
use ndarray::{Array4, Array5};
use phasesweep_analysis::{Options, report};

/// Epochs at which regions are counted, and their number in the first cell at the smaller radius.
const AT: [i64; 3] = [0, 10, 100];
const REGIONS: [f32; 3] = [8.0, 2.0, 4.0];

/// Three cells that were trained to their end, and one that diverged; a cell has as many times the regions as its number.
/// With 25 directions the units cut are the logarithm of the regions, with 2 they fall where the regions rise.
fn write_counted(path: &Path) {
    let mut cells: Vec<Cell> = (0..4).map(|seed| Cell::new("mlp 10 relu", seed, 50)).collect();
    cells[3].status = "diverged";
    write(path, &cells, Holds { radius: false, distance: false, ..Holds::default() }).expect("the fixture");
    let file = unlocked().open_rw(path).expect("the fixture");
    let put = |name: &str, words: &[&str]| {
        let words: Vec<VarLenUnicode> = words.iter().map(|word| word.parse().expect("no NUL")).collect();
        file.new_dataset_builder().with_data(&words).create(name).expect("a coordinate");
    };
    put("neighbourhood_points", &["test", "train"]);
    put("neighbourhood_layer", &["1", "output"]);
    file.new_dataset_builder().with_data(&[0.05, 0.5]).create("neighbourhood_radius").expect("a coordinate");
    file.new_dataset_builder().with_data(&[2_i64, 25]).create("neighbourhood_directions").expect("a coordinate");
    file.new_dataset_builder().with_data(&AT).create("neighbourhood_epoch").expect("a coordinate");
    let regions = |cell: usize, radius: usize, at: usize| REGIONS[at] * (cell + 1) as f32 * (radius + 1) as f32;
    let cut = |(cell, _, radius, directions, at): (usize, usize, usize, usize, usize)| match directions {
        0 => 60.0 - regions(cell, radius, at),
        _ => regions(cell, radius, at).ln(),
    };
    let of_four = Array4::from_shape_fn((4, 2, 2, 3), |(cell, _, radius, at)| regions(cell, radius, at));
    file.new_dataset_builder().with_data(&of_four).create("neighbourhood_regions").expect("the variable");
    let units = Array4::from_shape_fn((4, 2, 2, 3), |(cell, set, radius, at)| 2.0 * cut((cell, set, radius, 1, at)));
    file.new_dataset_builder().with_data(&units).create("neighbourhood_units").expect("the variable");
    let cuts = Array5::from_shape_fn((4, 2, 2, 2, 3), cut);
    file.new_dataset_builder().with_data(&cuts).create("neighbourhood_cut").expect("the variable");
    let correlation = Array5::from_shape_fn((4, 2, 2, 2, 3), |(cell, _, _, directions, _)| {
        [0.2, 0.8][directions] + 0.01 * cell as f32
    });
    file.new_dataset_builder().with_data(&correlation).create("neighbourhood_correlation").expect("the variable");
    for name in ["neighbourhood_stretch", "neighbourhood_bend"] {
        let values = Array5::from_shape_fn((4, 2, 2, 2, 3), |(_, _, radius, layer, _)| {
            [0.125, 0.5][radius] * (layer + 1) as f32
        });
        file.new_dataset_builder().with_data(&values).create(name).expect("the variable");
    }
}

#[test]
fn correlations_are_those_of_the_written_numbers() {
    let folder = tempfile::tempdir().expect("a folder");
    write_counted(&folder.path().join("results.h5"));
    let written = report(folder.path(), None, &Options { bootstrap: 200, ..Options::default() }).expect("a report");
    let table = rows(&folder.path().join("report/neighbourhoods.csv"));
    assert_eq!(table.len(), 8, "points × radii × directions");
    let said = |directions: &str, names: [&str; 6]| {
        let row = table
            .iter()
            .find(|row| (&*row["points"], &*row["radius"], &*row["directions"]) == ("train", "0.5", directions));
        let row = row.expect("the row");
        assert_eq!(row["cells"], "3", "the cell that diverged does not count");
        names.map(|name| row[name].parse::<f64>().unwrap_or_else(|_| panic!("{name}: {}", row[name])))
    };
    // At r = 0.5 twice the regions; the third cell has three times those of the first.
    let ranked = ["least_regions", "most_regions", "along_training", "least", "among_all", "among_cells"];
    let close = |found: [f64; 6], expected: [f64; 6]| {
        // The file holds 32-bit numbers.
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?} {expected:?}");
    };
    close(said("25", ranked), [4.0, 48.0, 1.0, 1.0, 1.0, 1.0]);
    close(said("2", ranked), [4.0, 48.0, -1.0, -1.0, -1.0, -1.0]);
    let over = ["over_points", "low", "high", "share", "greatest", "cells"];
    close(said("25", over), [0.81, 0.8, 0.82, 0.5, 1.0, 3.0]);
    assert_eq!(rows(&folder.path().join("report/neighbourhoods_by_group.csv")).len(), 8, "one group");

    let headline = &written.answer.headline;
    assert!(headline.contains("training points at r = 0.05") && headline.contains("of 0.81"), "{headline}");
    let told = written.answer.sentences.join(" ");
    assert!(
        told.contains("second differences of the outputs along the directions are 0.25 at r = 0.05, 1.0 at r = 0.5"),
        "{told}"
    );
    let page = fs::read_to_string(&written.page).expect("the page");
    for shown in ["neighbourhood_regions", "neighbourhood_directions", "neighbourhood_deformation"] {
        assert!(page.contains(&format!("id=\"{shown}\"")), "the page lacks {shown}");
    }
}

#[test]
fn the_section_is_there_only_if_regions_were_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    write(&folder.path().join("results.h5"), &[Cell::new("mlp 10 relu", 0, 50)], Holds::default()).expect("a file");
    report(folder.path(), None, &Options { bootstrap: 200, ..Options::default() }).expect("a report");
    assert!(!folder.path().join("report/neighbourhoods.csv").exists());
}
