//! The reference page of the results file, `docs/results.md`: made from the contract and from the program's own tables, and
//! held against them, so that it cannot drift.

use std::fmt::Write;
use std::fs;

use phasesweep::plan::Plan;
use phasesweep::store::schema;
use phasesweep_results::cell::{BLOCK_IMAGES, BLOCK_LABELS, CELL_VARIABLES};
use phasesweep_results::dimension::{self, CELL, LabelKind};
use phasesweep_results::format::RESULTS;
use phasesweep_results::{AXES, FlowStop, MISSING_BYTE, RESULTS_FILE, Status, attribute};

/// Compares a page with what it should be; writes it where `PHASESWEEP_REGENERATE` is set.
fn check(path: &str, page: &str) {
    if std::env::var_os("PHASESWEEP_REGENERATE").is_some() {
        fs::write(path, page).expect("the page can be written");
        return;
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    let line = found.lines().zip(page.lines()).position(|(found, made)| found != made);
    let line = line.unwrap_or_else(|| found.lines().count().min(page.lines().count())) + 1;
    assert!(found == page, "{path} is not what the declarations say (line {line}): `make docs` writes it anew");
}

/// A cell of a Markdown table: bars would end it.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn numbers_of_the_specification() -> Vec<(&'static str, &'static str)> {
    const SMALLEST: &str = r#"
        [sweep]
        name = "x"
        seeds = 1
        [[data]]
        source = "digits"
        [[subsample]]
        size = 100
        [[architecture]]
        kind = "mlp"
        hidden = [10]
        activation = "tanh"
        [[optimiser]]
        kind = "sgd"
        lr = 0.1
        [train]
        epochs = 1
    "#;
    let sweep = phasesweep::sweep::parse(SMALLEST, "x.toml", &[]).expect("a valid sweep");
    let plan = Plan::new(sweep, &["d".to_owned()]);
    plan.numbers().into_iter().map(|number| (number.name, number.long_name)).collect()
}

fn page() -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    writeln!(
        out,
        "# `{RESULTS_FILE}`\n\n\
         <!-- Made by tests/docs.rs from the declarations: `make docs` makes it again. -->\n\n\
         Everything that a run measured, in one HDF5 file that netCDF-4 readers open: `xarray.open_dataset(…, \
         engine=\"h5netcdf\")`, h5py, `ncdump`, Julia, MATLAB. This page is format version {}; versions from {} on are read. \
         Names are promises: none is changed or reused.\n\n\
         A float that was not measured is NaN, a byte {MISSING_BYTE}. A variable that no cell of the sweep measures is not \
         in the file. Cells stand in the order of the plan; every cell of the plan has its place, whether it was trained or \
         not.\n",
        RESULTS.current, RESULTS.oldest
    )?;

    writeln!(
        out,
        "## Variables\n\n\
         Along the recorded epochs unless another dimension of epochs is named. Units are \"1\" (pure numbers) where none \
         are given.\n\n\
         | name | dimensions | type | units | what it is | there with |\n| --- | --- | --- | --- | --- | --- |"
    )?;
    for variable in schema::VARIABLES {
        let dims = variable.dims.iter().map(|dim| dim.name).collect::<Vec<_>>().join(", ");
        let units = if variable.units == "1" { "" } else { variable.units };
        let (name, dtype) = (variable.name, variable.dtype.name());
        let (what, when) = (cell(variable.long_name), cell(variable.when));
        writeln!(out, "| `{name}` | {dims} | {dtype} | {units} | {what} | {when} |")?;
    }
    writeln!(
        out,
        "\nThe bits of `misclassified` in Python: `numpy.unpackbits(runs.misclassified.values, axis=-1)`; the block's samples \
         come first, padding after them.\n\n\
         `flow_stop`: {}; {MISSING_BYTE} where a cell was not trained or diverged.\n",
        FlowStop::ALL.map(|stop| format!("{} {}", stop.code(), stop.name())).join(", ")
    )?;

    writeln!(
        out,
        "## Dimensions\n\n\
         | dimension | labels in | type | units | what a label is |\n| --- | --- | --- | --- | --- |"
    )?;
    for dim in std::iter::once(&CELL).chain(schema::dimensions()) {
        let (kind, coordinate) = match dim.labels {
            LabelKind::Integer => ("int64", format!("`{}`", dim.coordinate)),
            LabelKind::Number => ("float64", format!("`{}`", dim.coordinate)),
            LabelKind::Text => ("text", format!("`{}`", dim.coordinate)),
            LabelKind::Position => ("", "no labels: counts from 0".to_owned()),
        };
        let units = if dim.units == "1" { "" } else { dim.units };
        writeln!(out, "| `{}` | {coordinate} | {kind} | {units} | {} |", dim.name, cell(dim.long_name))?;
    }

    writeln!(
        out,
        "\n## What each cell is\n\n\
         One value for each cell. A number of the specification that a cell does not have is NaN, a text empty.\n\n\
         | name | type | units | what it is |\n| --- | --- | --- | --- |"
    )?;
    for variable in CELL_VARIABLES {
        let units = if variable.units == "1" { "" } else { variable.units };
        let (name, dtype) = (variable.name, variable.dtype.name());
        writeln!(out, "| `{name}` | {dtype} | {units} | {} |", cell(variable.long_name))?;
    }
    for axis in AXES {
        writeln!(
            out,
            "| `{axis}` | text | | label of the cell's `[[{axis}]]`, for people: cells are grouped by `variant` |"
        )?;
    }
    for (name, what) in numbers_of_the_specification() {
        writeln!(out, "| `{name}` | float64 | | {} |", cell(what))?;
    }
    writeln!(
        out,
        "| `TABLE_KEY` | float64 or text | | for every further key in which the entries of an axis differ: \
         `data_normalise`, `optimiser_margin` |\n\n\
         `status` is one of:\n\n| status | means |\n| --- | --- |"
    )?;
    for status in Status::ALL {
        writeln!(out, "| `{}` | {} |", status.name(), cell(status.meaning()))?;
    }
    writeln!(
        out,
        "\n`{}` holds the distinct texts of these coordinates once; nothing else needs it.\n\n\
         ## The training block\n\n\
         Where all cells share one block and it is of images: `{BLOCK_IMAGES}` (`{}`, `{}`, `{}`; uint8), the images in the order \
         of the bits of `misclassified`, and `{BLOCK_LABELS}` (`{}`; int64), the class of each.\n",
        dimension::TEXT,
        dimension::BLOCK_SAMPLE,
        dimension::ROW,
        dimension::COLUMN,
        dimension::BLOCK_SAMPLE,
    )?;

    writeln!(out, "## Attributes of the file\n\n| name | what it says |\n| --- | --- |")?;
    for attribute in attribute::ATTRIBUTES {
        writeln!(out, "| `{}` | {} |", attribute.name, cell(attribute.meaning))?;
    }
    writeln!(
        out,
        "\nEvery variable has `units` and `long_name`; measured ones have `coordinates` (CF) and, if floats, `_FillValue`."
    )?;
    Ok(out)
}

#[test]
fn the_page_of_the_results_file_is_what_the_declarations_say() {
    check("docs/results.md", &page().expect("a page"));
}
