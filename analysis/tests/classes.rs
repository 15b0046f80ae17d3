//! More than two classes: the means over all of them are the principal observables, and a class that the training block
//! lacks takes no part in anything.

mod fixture;

use fixture::{Cell, Holds, T, rows, write};
use hdf5::types::VarLenUnicode;
use ndarray::Array4;
use phasesweep_analysis::results::Results;
use phasesweep_analysis::turning::{self, Rule};
use phasesweep_analysis::{Options, report};

/// Epochs at which the radii of the classes 1, 2 and 3 turn, of the cell whose distance of the pair 1-2 turns at `at`.
fn radii(at: usize) -> [usize; 3] {
    [at - 12, at, at + 3]
}

/// Likewise the distances of the pairs 1-2, 1-3 and 2-3.
fn distances(at: usize) -> [usize; 3] {
    [at, at + 6, at + 12]
}

/// A results file of the classes 1, 2, 3 and 5, the last without a sample. Every series is a parabola of one curvature, so
/// that a mean turns at the mean of the epochs.
fn write_classes(path: &std::path::Path, cells: &[Cell]) {
    write(path, cells, Holds { radius: false, distance: false, ..Holds::default() }).expect("the fixture");
    let file = hdf5::File::append(path).expect("the fixture opens");
    let text =
        |words: &[&str]| -> Vec<VarLenUnicode> { words.iter().map(|word| word.parse().expect("no NUL")).collect() };
    file.unlink("class").and_then(|()| file.unlink("pair")).expect("both are there");
    file.new_dataset_builder().with_data(&[1_i64, 2, 3, 5]).create("class").expect("written");
    let pairs = text(&["1-2", "1-3", "1-5", "2-3", "2-5", "3-5"]);
    file.new_dataset_builder().with_data(&pairs).create("pair").expect("written");
    let n = cells.len();
    let square = |t: usize, turns: usize| 1e-4 * (t as f64 - turns as f64).powi(2);
    let radius = Array4::from_shape_fn((n, 1, 4, T + 1), |(cell, _, class, t)| {
        radii(cells[cell].turns_at).get(class).map_or(f32::NAN, |&turns| (0.7 + square(t, turns)) as f32)
    });
    let distance = Array4::from_shape_fn((n, 1, 6, T + 1), |(cell, _, pair, t)| {
        let place = [Some(0), Some(1), None, Some(2), None, None][pair];
        place.map_or(f32::NAN, |place| (1.5 - square(t, distances(cells[cell].turns_at)[place])) as f32)
    });
    file.new_dataset_builder().with_data(&radius).create("radius").expect("written");
    file.new_dataset_builder().with_data(&distance).create("distance").expect("written");
    let found: VarLenUnicode =
        "letters, 100 block 0: no training sample is of class 5\nanother".parse().expect("no NUL");
    file.new_attr::<VarLenUnicode>().create("data_findings").and_then(|a| a.write_scalar(&found)).expect("written");
}

#[test]
fn the_means_over_all_classes_are_judged_and_absent_classes_are_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let cells: Vec<Cell> = (0..6).map(|seed| Cell::new("mlp 10 tanh", seed, 40 + seed as usize)).collect();
    write_classes(&folder.path().join("results.h5"), &cells);
    let written = report(folder.path(), None, &Options { bootstrap: 100, ..Options::default() }).expect("a report");

    let points = rows(&folder.path().join("report/turning_points.csv"));
    assert_eq!(points.len(), 6 * (4 + 6 + 2) * 2);
    for row in points.iter().filter(|row| row["rule"] == "prominence") {
        let cell: usize = row["cell_id"][4..].parse().expect("a cell");
        let at = cells[cell].turns_at;
        let expected = match row["observable"].as_str() {
            "radius_1" => Some(radii(at)[0]),
            "radius_2" => Some(radii(at)[1]),
            "radius_3" => Some(radii(at)[2]),
            "distance_1_2" => Some(distances(at)[0]),
            "distance_1_3" => Some(distances(at)[1]),
            "distance_2_3" => Some(distances(at)[2]),
            // (−12 + 0 + 3)/3 and (0 + 6 + 12)/3.
            "radius_mean" => Some(at - 3),
            "distance_mean" => Some(at + 6),
            "radius_5" | "distance_1_5" | "distance_2_5" | "distance_3_5" => None,
            other => panic!("{other}"),
        };
        assert_eq!(row["status"], if expected.is_some() { "found" } else { "absent" }, "{row:?}");
        assert_eq!(row["epoch"], expected.map_or(String::new(), |epoch| epoch.to_string()), "{row:?}");
    }
    let stability = rows(&folder.path().join("report/stability.csv"));
    let of = |observable: &str| {
        let wanted = |row: &&_| {
            let row: &std::collections::BTreeMap<String, String> = row;
            row["observable"] == observable && row["rule"] == "prominence"
        };
        stability.iter().find(wanted).expect("a row")
    };
    assert_eq!((of("radius_5")["absent"].as_str(), of("radius_5")["none"].as_str()), ("6", "0"));
    assert_eq!(of("distance_mean")["found"], "6");

    // Where one observable must stand for the inversion it is the mean over all pairs, not the pair 1-2.
    let results = Results::open(&folder.path().join("results.h5")).expect("the file opens");
    let points = turning::inversion::search(&results, &Options::default()).expect("turning points");
    let principal = points.principal.expect("distances were measured");
    assert_eq!(points.observables[principal], "distance_mean");
    let epochs: Vec<Option<i64>> = points.of(0, principal, Rule::Prominence).map(|row| row.epoch).collect();
    assert_eq!(epochs, (46..52).map(Some).collect::<Vec<_>>());
    assert_eq!(written.data[..2], ["letters, 100 block 0: no training sample is of class 5", "another"]);
    assert!(written.data[2].contains("arithmetic mean") && written.data.len() == 3, "{:?}", written.data);
    let page = std::fs::read_to_string(&written.page).expect("the page");
    assert!(page.contains("no training sample is of class 5") && page.contains("D̄ (distance_mean)"));
}
