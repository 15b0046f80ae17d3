//! Reports on local complexity whose phases are known.

mod fixture;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use fixture::{Cell, Holds, error, rows, unlocked, write};
use hdf5::types::VarLenUnicode;
use ndarray::{Array4, Array5};
use phasesweep_analysis::{Options, report};

/// Epochs at which local complexity is measured; five steps each.
const AT: [i64; 8] = [0, 1, 2, 5, 10, 20, 50, 100];

/// Series at [`AT`]: falls to epoch 5, rises to epoch 20, falls for good.
const THREE_PHASES: [f32; 8] = [40.0, 30.0, 20.0, 10.0, 20.0, 30.0, 15.0, 5.0];
const STILL_RISING: [f32; 8] = [40.0, 30.0, 20.0, 10.0, 12.0, 18.0, 22.0, 30.0];
const STILL_FALLING: [f32; 8] = [40.0, 30.0, 25.0, 20.0, 15.0, 12.0, 11.0, 10.0];

/// Four cells of width 10: three phases twice, still rising, still falling. Three of width 20: three phases without a
/// second layer, diverged, failed.
fn cells() -> Vec<(Cell, [f32; 8])> {
    let narrow = [THREE_PHASES, THREE_PHASES, STILL_RISING, STILL_FALLING].into_iter().enumerate();
    let mut out: Vec<(Cell, [f32; 8])> =
        narrow.map(|(seed, series)| (Cell::new("mlp 10 relu", seed as i64, 50), series)).collect();
    for (seed, status) in ["complete", "diverged", "failed"].into_iter().enumerate() {
        let cell = Cell { status, ..Cell::new("mlp 20 relu", seed as i64, 50) };
        out.push((cell, if status == "failed" { [f32::NAN; 8] } else { THREE_PHASES }));
    }
    out
}

/// Writes a file that holds local complexity: layer 1 and the total at two radii, the smaller one with a tenth of the
/// counts; layer 2 in the first group alone.
fn write_probed(path: &Path, holds: Holds) {
    let cells = cells();
    let plain: Vec<Cell> = cells.iter().map(|(cell, _)| cell.clone()).collect();
    write(path, &plain, holds).expect("the fixture");
    let file = unlocked().open_rw(path).expect("the fixture");
    let text = |words: &[&str]| words.iter().map(|word| word.parse().expect("no NUL")).collect::<Vec<VarLenUnicode>>();
    let put = |name: &str, words: &[&str]| {
        file.new_dataset_builder().with_data(&text(words)).create(name).expect("a coordinate");
    };
    put("lc_points", &["random", "train"]);
    put("lc_layer", &["1", "2", "total"]);
    put("pgd_norm", &["linf"]);
    file.new_dataset_builder().with_data(&[0.05, 0.5]).create("lc_radius").expect("a coordinate");
    file.new_dataset_builder().with_data(&[0.1]).create("pgd_epsilon").expect("a coordinate");
    file.new_dataset_builder().with_data(&AT).create("lc_epoch").expect("a coordinate");
    file.new_dataset_builder().with_data(&AT).create("pgd_epoch").expect("a coordinate");
    file.new_dataset_builder().with_data(&vec![5.0_f32; cells.len()]).create("steps_per_epoch").expect("a number");
    let complexity = Array5::from_shape_fn((cells.len(), 2, 2, 3, 8), |(cell, _, radius, layer, at)| {
        let value = cells[cell].1[at] * [0.1, 1.0][radius];
        match layer {
            1 if cell >= 4 => f32::NAN,
            0 | 1 => value / 2.0,
            _ => value,
        }
    });
    file.new_dataset_builder().with_data(&complexity).create("local_complexity").expect("the variable");
    let robust = Array4::from_shape_fn((cells.len(), 1, 1, 8), |(_, _, _, at)| 1.0 - 0.05 * at as f32);
    file.new_dataset_builder().with_data(&robust).create("robust_error").expect("the variable");
}

fn quick() -> Options {
    Options { bootstrap: 200, ..Options::default() }
}

#[test]
fn phases_are_those_that_were_written() {
    let folder = tempfile::tempdir().expect("a folder");
    write_probed(&folder.path().join("results.h5"), Holds { radius: false, distance: false, ..Holds::default() });
    let written = report(folder.path(), None, &quick()).expect("a report");
    let table = rows(&folder.path().join("report/lc_phases.csv"));
    // Cells of width 20 lack layer 2, but for those that did not complete: these say so in every series.
    assert_eq!(table.len(), 4 * 2 * 2 * 3 + 2 * 2 * 2 + 2 * 2 * 2 * 3);
    let said = |cell: &str| {
        let row = table.iter().find(|row| {
            (&*row["cell_id"], &*row["points"], &*row["layer"], &*row["radius"]) == (cell, "train", "total", "0.5")
        });
        let row = row.unwrap_or_else(|| panic!("no row of {cell}"));
        (["descent", "ascent", "final_descent"].map(|phase| row[phase].clone()), row.clone())
    };
    let (phases, row) = said("cell0001");
    assert_eq!(phases, ["found"; 3]);
    // Five steps an epoch: epochs 5 and 20.
    assert_eq!((row["trough_step"].as_str(), row["final_step"].as_str(), row["legs"].as_str()), ("25.0", "100.0", "3"));
    assert_eq!((row["trough_lc"].as_str(), row["peak_lc"].as_str()), ("10.0", "30.0"));
    let accuracy: f64 = row["trough_train"].parse().expect("an accuracy");
    // The file holds 32-bit errors.
    assert!((accuracy - (1.0 - error(5))).abs() < 1e-7);
    assert_eq!(said("cell0002").0, ["found", "edge", "not reached"]);
    assert_eq!(said("cell0003").0, ["edge", "not reached", "not reached"]);
    assert_eq!(said("cell0005").0, ["diverged"; 3]);
    assert_eq!(said("cell0006").0, ["failed"; 3]);
    assert_eq!(said("cell0005").1["trough_step"], "");

    let summary = rows(&folder.path().join("report/lc_summary.csv"));
    let of = |architecture: &str| {
        let wanted = |row: &&BTreeMap<String, String>| {
            (&*row["architecture"], &*row["points"], &*row["layer"], &*row["radius"])
                == (architecture, "random", "total", "0.05")
        };
        let row = summary.iter().find(wanted).expect("the group's row");
        ["cells", "descent", "ascent", "final_descent", "still_descending", "still_ascending"]
            .map(|name| row[name].clone())
    };
    assert_eq!(of("mlp 10 relu"), ["4", "3", "2", "2", "1", "1"]);
    assert_eq!(of("mlp 20 relu"), ["3", "1", "1", "1", "0", "0"]);

    // Four units at most are cut at r = 0.05: the series that stands for a cell is that of r = 0.5.
    let headline = &written.answer.headline;
    assert!(headline.contains("r = 0.5,") && headline.contains("of 5 cells"), "{headline}");
    assert!(headline.contains("descent is found in 4, the ascent in 3, the final descent in 3"), "{headline}");
    let page = fs::read_to_string(&written.page).expect("the page");
    for shown in ["id=\"lc_along\"", "id=\"lc_radii\"", "id=\"lc_when\"", "still ascend at the last step", "linf 0.1"] {
        assert!(page.contains(shown), "the page lacks {shown}");
    }
    assert!(!page.contains("<h2>The inversion</h2>"), "nothing of class manifolds was measured");
    assert!(written.absent.is_empty(), "{:?}", written.absent);
}

#[test]
fn the_section_is_there_only_if_local_complexity_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let (with, without) = (folder.path().join("with.h5"), folder.path().join("without.h5"));
    write_probed(&with, Holds::default());
    write(&without, &[Cell::new("mlp 10 tanh", 0, 50), Cell::new("mlp 10 tanh", 1, 51)], Holds::default())
        .expect("the fixture");
    let page = |file: &Path, name: &str| {
        let written = report(file, Some(&folder.path().join(name)), &quick()).expect("a report");
        fs::read_to_string(written.page).expect("the page")
    };
    let both = page(&with, "one");
    assert!(both.contains("<h2>The inversion</h2>") && both.contains("<h2>Local complexity</h2>"));
    assert!(!page(&without, "two").contains("ocal complexity"));
}

#[test]
fn pictures_of_the_partition_are_shown_at_the_phases() {
    let folder = tempfile::tempdir().expect("a folder");
    write_probed(&folder.path().join("results.h5"), Holds::default());
    let slices = folder.path().join("slices/cell0000");
    fs::create_dir_all(&slices).expect("a folder");
    let frame =
        |step: u32| format!("{{\"file\":\"{step}.svg\",\"step\":{step}.0,\"regions\":{},\"title\":\"\"}}", 1000 + step);
    let frames: Vec<String> = [0, 10, 30, 120, 500].into_iter().map(frame).collect();
    for step in [0, 10, 30, 120, 500] {
        fs::write(slices.join(format!("{step}.svg")), format!("<svg><!--{step}--></svg>")).expect("a drawing");
    }
    let series =
        format!("{{\"format\":\"phasesweep-slice-1\",\"cell\":\"cell0000\",\"frames\":[{}]}}", frames.join(","));
    fs::write(slices.join("slice.json"), series).expect("the numbers");
    let written = report(folder.path(), None, &quick()).expect("a report");
    let page = fs::read_to_string(written.page).expect("the page");
    // Start, trough at step 25, final descent from step 100, end.
    assert_eq!(page.matches("data:image/svg+xml;base64,").count(), 4);
    assert!(page.contains("1000, 1030, 1120, 1500"), "the frames nearest to the phases");
}
