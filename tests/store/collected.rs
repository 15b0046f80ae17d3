//! Collecting: order of the plan, labels kept, shorter axes padded, statuses, provenance, refusals.

use std::fs;
use std::path::Path;

use hdf5::types::VarLenUnicode;
use phasesweep::store::results;
use phasesweep::store::{CellCoordinate, CellStatus, CoordinateValues, Provenance, StoreError, collect, scan, schema};
use phasesweep_results::report::ReportSettings;
use phasesweep_results::{FormatError, attribute};

use crate::samples::{axes, cell_id, failed, part, value};

pub(crate) fn provenance() -> Provenance {
    Provenance {
        description: Some("what it is for".into()),
        sweep_name: "quick".into(),
        sweep_file: format!("[sweep] # ü\n{}", "# long\n".repeat(20_000)),
        overrides: vec!["optimiser.lr=[0.1,\n 0.2]".into()],
        version: "0.1.0".into(),
        git_commit: String::new(),
        host: "n1, n2".into(),
        device: "flex".into(),
        ranks: 0,
        wall_seconds: 1.5,
        created: "2026-01-01T00:00:00Z".into(),
        report: ReportSettings { principal: Some("weight_norm[2]".into()), ..ReportSettings::default() },
        data_findings: vec!["digits, 20 block 0: no training sample is of class 7".into()],
        images: None,
    }
}

fn coordinates() -> Vec<CellCoordinate> {
    let coordinate = |name: &str, values| CellCoordinate {
        name: name.into(),
        long_name: format!("the {name}"),
        units: "1".into(),
        values,
    };
    vec![
        coordinate("seed", CoordinateValues::Integers(vec![5, 4, 3, 2, 1, 0])),
        coordinate("lr", CoordinateValues::Numbers(vec![0.1, 0.2, 0.1, 0.2, f64::NAN, 0.2])),
        coordinate(
            "architecture",
            CoordinateValues::Texts { labels: vec!["mlp 10".into(), "mlp 20".into()], codes: vec![0, 1, 0, 1, 0, 1] },
        ),
    ]
}

/// Cells 5, 4, … 0: 5 and 3 and 1 in a part of two classes, 4 and 2 in one of three, 0 missing; 2 diverged, and 1
/// failed in one part.
fn write_parts(directory: &Path) -> Vec<phasesweep::plan::CellId> {
    let mut two = part(1, &[3, 5], axes(&[0, 1, 2], &[1], 2, &[0, 2], 1));
    two.cells[1].wall_seconds = 2.5;
    two.write(&directory.join("1.h5")).unwrap();
    let mut three = part(2, &[2, 4], axes(&[0, 2, 4], &[1, 3], 3, &[0], 3));
    three.cells[0].status = CellStatus::Diverged;
    three.cells[0].diverged_epoch = Some(2);
    three.write(&directory.join("2.h5")).unwrap();
    failed(3, 1).write(&directory.join("3.h5")).unwrap();
    (0..6).rev().map(cell_id).collect()
}

#[test]
fn every_value_stands_at_its_labels_and_all_else_is_nan() {
    let directory = tempfile::tempdir().unwrap();
    let cells = write_parts(directory.path());
    let out = directory.path().join("results.h5");
    let collected =
        collect(scan(directory.path()).unwrap(), Vec::new(), &cells, &coordinates(), &provenance(), &out).unwrap();
    let counts = (collected.complete, collected.diverged, collected.failed, collected.missing);
    assert_eq!(counts, (3, 1, 1, 1));

    let file = results::open(&out).unwrap();
    let floats = |name: &str| file.dataset(name).unwrap().read_raw::<f32>().unwrap();
    let integers = |name: &str| file.dataset(name).unwrap().read_raw::<i64>().unwrap();
    let texts = |name: &str| {
        let texts = file.dataset(name).unwrap().read_raw::<VarLenUnicode>().unwrap();
        texts.iter().map(|text| text.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((integers("epoch"), integers("layer")), (vec![0, 1, 2, 4], vec![1, 3]));
    assert_eq!((integers("class"), integers("snapshot_epoch")), (vec![0, 1, 2], vec![0, 2]));
    assert_eq!(texts("pair"), ["0-1", "0-2", "1-2"]);
    assert_eq!(texts("cell_id"), cells.iter().map(|id| id.to_string()).collect::<Vec<_>>());
    assert_eq!(texts("status"), ["complete", "complete", "complete", "diverged", "failed", "missing"]);
    assert_eq!(texts("failure")[4], "it took its rank down twice");
    assert_eq!(texts("architecture"), ["mlp 10", "mlp 20", "mlp 10", "mlp 20", "mlp 10", "mlp 20"]);
    assert_eq!(integers("seed"), [5, 4, 3, 2, 1, 0]);
    let seconds = file.dataset("wall_seconds").unwrap().read_raw::<f64>().unwrap();
    assert_eq!(format!("{seconds:?}"), "[2.5, 0.25, 0.25, 0.25, 0.25, NaN]");

    // What each cell has measured, told again by hand.
    let has = |number: u32, epoch: usize, layer: usize, class: usize| match number {
        3 | 5 => [0, 1, 2].contains(&epoch) && layer == 1 && class < 2,
        2 | 4 => [0, 2, 4].contains(&epoch) && [1, 3].contains(&layer) && class < 3,
        _ => false,
    };
    let index = |name: &str| schema::VARIABLES.iter().position(|variable| variable.name == name).unwrap();
    let mut radius = floats("radius").into_iter();
    let mut loss = floats("train_loss").into_iter();
    assert_eq!((radius.len(), loss.len()), (6 * 2 * 3 * 4, 6 * 4));
    for number in (0..6).rev() {
        for layer in [1, 3] {
            for class in 0..3 {
                for epoch in [0, 1, 2, 4] {
                    let expected = value(number, index("radius"), &[layer, class, epoch]);
                    let found = radius.next().unwrap();
                    let measured = has(number, epoch, layer, class);
                    assert!(
                        if measured { found == expected } else { found.is_nan() },
                        "{number} {layer} {class} {epoch}"
                    );
                }
            }
        }
        for epoch in [0, 1, 2, 4] {
            let expected = value(number, index("train_loss"), &[epoch]);
            let found = loss.next().unwrap();
            assert!(if has(number, epoch, 1, 0) { found == expected } else { found.is_nan() }, "{number} {epoch}");
        }
    }
    let bits = file.dataset("misclassified").unwrap();
    assert_eq!(bits.shape(), [6, 2, 3]);
    let bits = bits.read_raw::<u8>().unwrap();
    assert_eq!(bits[30..], [255; 6], "a missing cell's bits");
    let byte = |number: u32, snapshot: usize, byte: usize| {
        value(number, index("misclassified"), &[snapshot, byte]) as u32 as u8
    };
    assert_eq!(bits[..6], [byte(5, 0, 0), 255, 255, byte(5, 2, 0), 255, 255]);
    assert_eq!(bits[6..12], [byte(4, 0, 0), byte(4, 0, 1), byte(4, 0, 2), 255, 255, 255]);
    // The reference page (docs/results.md) tells of every attribute.
    let told: Vec<_> = attribute::ATTRIBUTES.iter().map(|attribute| attribute.name).collect();
    let untold: Vec<_> = file.attr_names().unwrap().into_iter().filter(|name| !told.contains(&name.as_str())).collect();
    assert!(untold.is_empty(), "{untold:?}");
    let kept: VarLenUnicode = file.attr("sweep_file").unwrap().read_scalar().unwrap();
    assert_eq!(kept.as_str(), provenance().sweep_file);
    let overrides: VarLenUnicode = file.attr("overrides").unwrap().read_scalar().unwrap();
    assert_eq!(serde_json::from_str::<Vec<String>>(overrides.as_str()).unwrap(), provenance().overrides);
    let number = |name: &str| file.attr(name).unwrap().read_scalar::<f64>().unwrap();
    assert_eq!((number("wall_seconds"), number("training_seconds")), (1.5, 3.5));
    let host: VarLenUnicode = file.attr("host").unwrap().read_scalar().unwrap();
    assert_eq!((host.as_str(), file.attr("ranks").unwrap().read_scalar::<u32>().unwrap()), ("n1, n2", 1));
}

#[test]
fn texts_take_tens_of_bytes_a_cell_and_are_each_cells_own() {
    // More cells than a chunk holds, 70 seeds of each variant, none of them trained: the file is coordinates alone.
    let (count, variants) = (70_000_u32, 1000);
    let cells: Vec<_> = (0..count).map(cell_id).collect();
    let label = |axis: &str, variant: u32| format!("{axis} of a variant, number {} × 2", variant % 37);
    let axes = ["data", "subsample", "architecture", "optimiser", "prune"];
    let codes: Vec<u32> = (0..count).map(|cell| cell / (count / variants)).collect();
    let coordinate = |name: &str, labels: Vec<String>| CellCoordinate {
        name: name.into(),
        long_name: name.into(),
        units: "1".into(),
        values: CoordinateValues::Texts { labels, codes: codes.clone() },
    };
    let mut coordinates: Vec<_> =
        axes.iter().map(|axis| coordinate(axis, (0..variants).map(|variant| label(axis, variant)).collect())).collect();
    coordinates.push(coordinate("variant", (0..variants).map(|variant| format!("{variant:016x}")).collect()));
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("results.h5");
    collect(scan(directory.path()).unwrap(), Vec::new(), &cells, &coordinates, &provenance(), &out).unwrap();

    let bytes = fs::metadata(&out).unwrap().len() / u64::from(count);
    println!("{bytes} bytes a cell");
    assert!(bytes < 80, "{bytes} bytes a cell");
    let file = results::open(&out).unwrap();
    let texts = |name: &str| file.dataset(name).unwrap().read_raw::<VarLenUnicode>().unwrap();
    for axis in axes {
        for (cell, text) in texts(axis).iter().enumerate() {
            assert_eq!(text.as_str(), label(axis, codes[cell]), "cell {cell}");
        }
    }
    assert!(texts("variant").iter().zip(&codes).all(|(text, code)| text.as_str() == format!("{code:016x}")));
    assert!(texts("cell_id").iter().zip(&cells).all(|(text, id)| text.as_str() == id.to_string()));
    assert!(texts("status").iter().all(|text| text.as_str() == "missing"));
    assert!(texts("failure").iter().all(|text| text.is_empty()));
}

#[test]
fn equal_for_any_split_into_parts() {
    let one = tempfile::tempdir().unwrap();
    let axes = || axes(&[0, 1, 2], &[1], 2, &[0], 2);
    part(1, &[0, 1, 2, 3], axes()).write(&one.path().join("1.h5")).unwrap();
    let four = tempfile::tempdir().unwrap();
    for (k, numbers) in [[3].as_slice(), &[1, 0], &[2, 1]].into_iter().enumerate() {
        part(9 + k as u64, numbers, axes()).write(&four.path().join(format!("{k}.h5"))).unwrap();
    }
    let cells: Vec<_> = (0..4).map(cell_id).collect();
    let contents = [one, four].map(|directory| {
        let out = directory.path().join("results.h5");
        collect(scan(directory.path()).unwrap(), Vec::new(), &cells, &[], &provenance(), &out).unwrap();
        fs::read(&out).unwrap()
    });
    assert!(contents[0] == contents[1], "the same cells give the same bytes");
}

#[test]
fn torn_bodies_are_named_and_their_cells_missing() {
    let directory = tempfile::tempdir().unwrap();
    let cells = write_parts(directory.path());
    let torn = directory.path().join("2.h5");
    let mut bytes = fs::read(&torn).unwrap();
    let end = bytes.len() - 1;
    bytes[end / 2..end].fill(0);
    fs::write(&torn, bytes).unwrap();
    let out = directory.path().join("results.h5");
    let collected =
        collect(scan(directory.path()).unwrap(), Vec::new(), &cells, &coordinates(), &provenance(), &out).unwrap();
    assert_eq!((collected.complete, collected.diverged, collected.missing), (2, 0, 3));
    assert_eq!(collected.torn.iter().map(|(path, _)| path).collect::<Vec<_>>(), [&torn]);
}

#[test]
fn coordinates_that_do_not_fit_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let cells = write_parts(directory.path());
    let out = directory.path().join("results.h5");
    let refused = |change: &dyn Fn(&mut Vec<CellCoordinate>)| {
        let mut coordinates = coordinates();
        change(&mut coordinates);
        let result = collect(scan(directory.path()).unwrap(), Vec::new(), &cells, &coordinates, &provenance(), &out);
        assert!(matches!(result, Err(StoreError::Contradiction { .. })), "{result:?}");
    };
    refused(&|coordinates| coordinates[0].name = "status".into());
    refused(&|coordinates| coordinates[0].name = "epoch".into());
    refused(&|coordinates| coordinates[0].name = "lr".into());
    refused(&|coordinates| coordinates[0].name = "a/b".into());
    refused(&|coordinates| coordinates[0].values = CoordinateValues::Integers(vec![1]));
    assert!(!out.exists());
}

#[test]
fn the_old_file_stays_readable_while_the_new_one_takes_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let cells = write_parts(directory.path());
    let out = directory.path().join("results.h5");
    collect(scan(directory.path()).unwrap(), Vec::new(), &cells[..1], &[], &provenance(), &out).unwrap();
    let old = results::open(&out).unwrap();
    // HDF5 knows an open file by its device and inode, so the new one is another file, in this process too.
    collect(scan(directory.path()).unwrap(), Vec::new(), &cells, &[], &provenance(), &out).unwrap();
    assert_eq!(old.dataset("cell_id").unwrap().shape(), [1]);
    assert_eq!(old.dataset("train_loss").unwrap().read_raw::<f32>().unwrap().len(), 3);
    assert_eq!(results::open(&out).unwrap().dataset("cell_id").unwrap().shape(), [6]);
}

/// As the program itself opens files: a test that forks meanwhile would hold a lock for as long as its child lives.
fn unlocked() -> hdf5::file::FileBuilder {
    let mut options = hdf5::File::with_options();
    options.access_plist().file_locking(false);
    options
}

#[test]
fn other_files_and_versions_are_refused_with_a_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let cells = write_parts(directory.path());
    let out = directory.path().join("results.h5");
    let format = || match results::open(&out) {
        Err(StoreError::Format { source, .. }) => source,
        other => panic!("{other:?}"),
    };
    collect(scan(directory.path()).unwrap(), Vec::new(), &cells, &[], &provenance(), &out).unwrap();
    let set_version = |version: u32| {
        let file = unlocked().open_rw(&out).unwrap();
        file.attr("format_version").unwrap().write_scalar(&version).unwrap();
    };
    set_version(99);
    assert!(matches!(format(), FormatError::TooNew { found: 99, .. }));
    set_version(0);
    assert!(matches!(format(), FormatError::TooOld { found: 0, .. }));
    unlocked().create(&out).unwrap();
    assert!(matches!(format(), FormatError::Foreign { .. }));
    fs::write(&out, "a,b\n").unwrap();
    assert!(matches!(format(), FormatError::Foreign { .. }));
}

/// Leaves a results file at `PHASESWEEP_SAMPLE_RESULTS`, for other programs to read.
#[test]
fn a_sample_for_other_readers() {
    let Ok(out) = std::env::var("PHASESWEEP_SAMPLE_RESULTS") else { return };
    let directory = tempfile::tempdir().unwrap();
    let cells = write_parts(directory.path());
    collect(scan(directory.path()).unwrap(), Vec::new(), &cells, &coordinates(), &provenance(), Path::new(&out))
        .unwrap();
}

/// What writing and collecting costs: 64 cohorts of 64 cells, 601 epochs, two layers of two classes.
#[test]
#[ignore = "measures; run by hand with --release"]
fn writing_and_collecting_take_little_time() {
    let directory = tempfile::tempdir().unwrap();
    let epochs: Vec<_> = (0..601).collect();
    let (mut written, mut bytes) = (0.0, 0);
    for cohort in 0..64 {
        let numbers: Vec<_> = (0..64).map(|k| cohort * 64 + k).collect();
        let part = part(u64::from(cohort), &numbers, axes(&epochs, &[1, 2], 2, &[0, 1, 10, 100], 188));
        let path = directory.path().join(format!("{cohort}.h5"));
        let begun = std::time::Instant::now();
        part.write(&path).unwrap();
        written += begun.elapsed().as_secs_f64();
        bytes += fs::metadata(&path).unwrap().len();
    }
    println!("wrote 64 parts of {} KiB in {written:.3} s", bytes / 64 / 1024);
    // Seeds apart, so that every cohort is spread over the plan.
    let cells: Vec<_> = (0..64).flat_map(|k| (0..64).map(move |cohort| cell_id(cohort * 64 + k))).collect();
    let out = directory.path().join("results.h5");
    let begun = std::time::Instant::now();
    collect(scan(directory.path()).unwrap(), Vec::new(), &cells, &[], &provenance(), &out).unwrap();
    let size = fs::metadata(&out).unwrap().len() / 1024;
    println!("collected 4096 cells into {size} KiB in {:.3} s", begun.elapsed().as_secs_f64());
}
