//! What is exported is read by the programs that people have, and holds what the results file holds.

#[allow(dead_code, reason = "other tests use more of it")]
mod fixture;

use std::path::{Path, PathBuf};
use std::process::Command;

use fixture::{Cell, Holds, T, write};
use phasesweep_analysis::export::{Choice, Exported, Format, export};
use phasesweep_analysis::{Error, Options};

/// Two groups of six seeds; one cell at the edge, one diverged, one failed.
fn results(folder: &Path) -> PathBuf {
    let cell = |architecture: &'static str, seed: i64, turns_at: usize| Cell {
        variant: if architecture == "mlp 10 tanh" { "variant-one" } else { "variant-two" },
        ..Cell::new(architecture, seed, turns_at)
    };
    let first = (0..6).map(|seed| cell("mlp 10 tanh", seed, 50 + seed as usize));
    let second = (0..6).map(|seed| cell("mlp 20 tanh", seed, 60 + seed as usize));
    let mut cells: Vec<Cell> = first.chain(second).collect();
    cells[9].turns_at = T;
    cells[10].status = "diverged";
    cells[11].status = "failed";
    let path = folder.join("results.h5");
    write(&path, &cells, Holds::default()).expect("the fixture");
    path
}

fn exported(results: &Path, format: Format, choice: &Choice) -> Result<Exported, Error> {
    export(results, None, format, choice, &Options::default())
}

/// Runs `export.py` on what was exported; says so where there is no Python to read with.
fn read(format: Format, choice: &Choice) {
    let scratch = tempfile::tempdir().expect("a folder");
    let results = results(scratch.path());
    let written = exported(&results, format, choice).expect("an export");
    assert_eq!(written.to, scratch.path().join("export").join(format.name()));
    let Ok(python) = std::env::var("PHASESWEEP_READERS") else {
        println!("skipped the readers: set PHASESWEEP_READERS to a Python that has them, as `make test` does");
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/export.py");
    let mut command = Command::new(python);
    let output = command.arg(script).arg(format.name()).arg(&results).arg(&written.to).output().expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn parquet_is_read_by_polars() {
    read(Format::Parquet, &Choice::default());
}

#[test]
fn csv_is_read_by_polars() {
    read(Format::Csv, &Choice::default());
}

/// The fixture is no netCDF-4 file; that xarray reads one made of a real run is tested in `tests/commands/export.rs`.
#[test]
fn a_file_without_dimension_scales_is_no_netcdf() {
    let scratch = tempfile::tempdir().expect("a folder");
    let results = results(scratch.path());
    let refused = exported(&results, Format::Netcdf, &Choice::default()).expect_err("it has no scales").to_string();
    assert!(refused.contains("has no dimension scale `cell`") && refused.contains("phasesweep collect"), "{refused}");
    assert!(!scratch.path().join("export/netcdf/results.nc").exists());
}

#[test]
fn zarr_is_read_by_xarray() {
    read(Format::Zarr, &Choice::default());
}

#[test]
fn event_files_are_read_by_tensorboard() {
    read(Format::Tensorboard, &Choice::default());
}

/// MLflow is larger than all other readers together: it is tried where it is installed, and `make test` does not.
#[test]
fn the_file_store_is_read_by_mlflow() {
    let has = |python: String| {
        Command::new(python).args(["-c", "import mlflow"]).output().is_ok_and(|of| of.status.success())
    };
    if std::env::var("PHASESWEEP_READERS").is_ok_and(has) {
        read(Format::Mlflow, &Choice::default());
    } else {
        println!("skipped: the Python of PHASESWEEP_READERS has no mlflow");
    }
    // What can be held without it: one file a parameter and metric, one line a value.
    let scratch = tempfile::tempdir().expect("a folder");
    let results = results(scratch.path());
    let written =
        exported(&results, Format::Mlflow, &Choice { every: Some(10), ..Choice::default() }).expect("an export");
    let experiment = std::fs::read_dir(written.to.join("mlruns")).expect("a store").next().expect("an experiment");
    let run = experiment.expect("an entry").path().join("cell0003");
    let metric = std::fs::read_to_string(run.join("metrics/train_error")).expect("a metric");
    assert_eq!(metric.lines().count(), T / 10 + 1);
    let error = |epoch: usize| fixture::error(epoch) as f32;
    assert_eq!(metric.lines().nth(3), Some(format!("0 {} 30", error(30)).as_str()));
    assert_eq!(std::fs::read_to_string(run.join("params/seed")).expect("a parameter"), "3");
}

#[test]
fn figures_are_drawn_and_keep_their_text() {
    read(Format::Pdf, &Choice::default());
    let scratch = tempfile::tempdir().expect("a folder");
    let results = results(scratch.path());
    let all = exported(&results, Format::Svg, &Choice::default()).expect("an export");
    let name = all.what[0].strip_suffix(".svg").expect("a figure").to_owned();
    let style = Some(":root{--ps-paper:#123456}".to_owned());
    let choice = Choice { names: vec![name.clone()], style, scale: Some(1.0), every: None };
    let one = exported(&results, Format::Png, &choice).expect("an export");
    assert_eq!(one.what, [format!("{name}.png")]);
    let png = std::fs::read(one.to.join(&one.what[0])).expect("the picture");
    // The size that its head states is the drawing's, and its first dot the paper.
    let pixels = resvg::tiny_skia::Pixmap::decode_png(&png).expect("a picture");
    let svg = std::fs::read_to_string(all.to.join(&all.what[0])).expect("the drawing");
    let view: Vec<f32> = {
        let after = svg.split_once("viewBox=\"").expect("a view box").1;
        after.split('"').next().expect("its end").split(' ').map(|number| number.parse().expect("a number")).collect()
    };
    let size = [pixels.width() as f32, pixels.height() as f32];
    assert!(
        size.iter().zip(&view[2..]).all(|(dots, units)| (dots - units).abs() <= 1.0) || svg.contains(" width=\""),
        "{size:?} {view:?}"
    );
    let ground = pixels.pixel(0, 0).expect("a dot").demultiply();
    assert_eq!([ground.red(), ground.green(), ground.blue(), ground.alpha()], [0x12, 0x34, 0x56, 255]);
    // More than one colour: something is drawn on it.
    assert!(pixels.pixels().iter().any(|dot| dot.red() != 0x12));
}

#[test]
fn latex_tables_have_as_many_columns_in_every_row() {
    let scratch = tempfile::tempdir().expect("a folder");
    let results = results(scratch.path());
    let written = exported(&results, Format::Latex, &Choice { names: vec!["stability".into()], ..Choice::default() });
    let written = written.expect("an export");
    assert_eq!(written.what.len(), 1);
    let text = std::fs::read_to_string(written.to.join("stability.tex")).expect("the table");
    let columns = text.split_once("tabular}{").expect("its columns").1.split('}').next().expect("their end").len();
    let rows: Vec<&str> = text.lines().filter(|line| line.ends_with("\\\\")).collect();
    // A header, and a row a group, observable and rule.
    assert_eq!(rows.len(), 1 + 2 * 3 * 2);
    for row in rows {
        let bars = row.match_indices('&').filter(|(at, _)| !row[..*at].ends_with('\\')).count();
        assert_eq!(bars + 1, columns, "{row}");
    }
}

#[test]
fn what_there_is_not_is_named_with_what_there_is() {
    let scratch = tempfile::tempdir().expect("a folder");
    let results = results(scratch.path());
    let wrong = |format: Format, name: &str| {
        let choice = Choice { names: vec![name.into()], ..Choice::default() };
        exported(&results, format, &choice).expect_err("there is none").to_string()
    };
    let sentence = wrong(Format::Parquet, "cell");
    assert_eq!(
        sentence,
        "there is no table `cell`; there are: cells, turning_points, trajectories_long, trajectories_wide"
    );
    assert!(wrong(Format::Svg, "x").starts_with("there is no figure `x`; there are: "));
    let every = exported(&results, Format::Csv, &Choice { every: Some(0), ..Choice::default() });
    assert!(matches!(every, Err(Error::Setting(_))));
    // What stands where a store would go, and is none, is left alone.
    let folder = scratch.path().join("export/zarr/results.zarr");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("mine"), "mine").expect("a file");
    assert!(matches!(exported(&results, Format::Zarr, &Choice::default()), Err(Error::Write { .. })));
    assert!(folder.join("mine").exists());
}
