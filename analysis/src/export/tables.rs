//! Cells, turning points and trajectories as Parquet or CSV.
//!
//! - `cells`: a row a cell, everything that the file says of it.
//! - `turning_points`: a row a cell, layer, observable and rule, with the cell's columns.
//! - `trajectories_long`: a row a cell, series and moment: `cell_id`, `variable`, `series`, `unit`, `at`, `value`. What was not
//!   measured has no row.
//! - `trajectories_wide`: a row a cell and recorded epoch, a column a series; of what was measured at moments of its own, in
//!   `trajectories_wide_DIMENSION`. What was not measured is null; a row in which nothing was measured is left out.
//!
//! `cell_id` joins them. Trajectories are written slab by slab: memory does not grow with the number of cells.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use polars::prelude::*;

use super::choice::{Choice, chosen};
use super::series::{self, Variable};
use crate::error::{Error, Result};
use crate::results::Results;
use crate::tables::frames::{self, missing, table};
use crate::turning::TurningPoints;

/// Writes the tables that were asked for; says what was written.
pub(super) fn write(
    results: &Results,
    points: &TurningPoints,
    others: &TurningPoints,
    folder: &Path,
    parquet: bool,
    choice: &Choice,
) -> Result<Vec<String>> {
    let names = ["cells", "turning_points", "trajectories_long", "trajectories_wide"].map(str::to_owned).to_vec();
    let names = chosen(names, |name| name, &choice.names, "table")?;
    let extension = if parquet { "parquet" } else { "csv" };
    let path = |name: &str| folder.join(format!("{name}.{extension}"));
    let mut what = Vec::new();
    for name in &names {
        match name.as_str() {
            "cells" => what.push(whole(&cells(results)?, &path(name), parquet)?),
            "turning_points" => what.push(whole(&turning_points(results, points, others)?, &path(name), parquet)?),
            "trajectories_long" => what.push(long(results, &path(name), parquet, choice)?),
            _ => what.extend(wide(results, &path, parquet, choice)?),
        }
    }
    Ok(what)
}

/// One row a cell: those of the report, and how it ended.
fn cells(results: &Results) -> Result<DataFrame> {
    let mut frame = frames::cells(results)?;
    let cells = &results.cells;
    let status: Vec<&str> = cells.status.iter().map(|status| status.name()).collect();
    let mut columns = vec![Column::new("status".into(), status)];
    for (name, values) in [("samples", &cells.samples), ("wall_seconds", &cells.wall_seconds)] {
        columns.extend(values.as_ref().map(|values| Column::new(name.into(), missing(values))));
    }
    for column in columns {
        table("the table of cells", frame.with_column(column))?;
    }
    Ok(frame)
}

/// Turning points of class manifolds and of every other series, with the observable's value and which way it turns.
fn turning_points(results: &Results, points: &TurningPoints, others: &TurningPoints) -> Result<DataFrame> {
    let what = "the table of turning points";
    let of = |points: &TurningPoints| {
        let mut frame = frames::turning_points(results, points)?;
        let values: Vec<f64> = points.rows.iter().map(|row| row.value).collect();
        let ways: Vec<Option<&str>> = points.rows.iter().map(|row| row.extremum.map(way)).collect();
        for column in [Column::new("value".into(), missing(&values)), Column::new("extremum".into(), ways)] {
            table(what, frame.with_column(column))?;
        }
        Ok::<_, Error>(frame)
    };
    let mut frame = of(points)?;
    if !others.rows.is_empty() {
        table(what, frame.vstack_mut(&of(others)?).map(|_| ()))?;
    }
    Ok(frame)
}

fn way(extremum: crate::turning_point::Extremum) -> &'static str {
    match extremum {
        crate::turning_point::Extremum::Minimum => "minimum",
        crate::turning_point::Extremum::Maximum => "maximum",
    }
}

/// A table in parts, to a temporary name that becomes its own once all are there.
struct Parts {
    path: PathBuf,
    temporary: PathBuf,
    parquet: bool,
    rows: usize,
    writer: Option<Writer>,
}

enum Writer {
    Parquet(Box<polars::io::parquet::write::BatchedWriter<fs::File>>),
    Csv(fs::File),
}

impl Parts {
    fn new(path: &Path, parquet: bool) -> Parts {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".part");
        Parts { path: path.to_owned(), temporary: temporary.into(), parquet, rows: 0, writer: None }
    }

    fn add(&mut self, frame: &DataFrame) -> Result<()> {
        let what = self.path.display().to_string();
        let failed = |source| Error::Write { path: self.path.clone(), source };
        self.rows += frame.height();
        let is_first = self.writer.is_none();
        if is_first {
            let file = fs::File::create(&self.temporary).map_err(failed)?;
            self.writer = Some(match self.parquet {
                true => Writer::Parquet(Box::new(table(&what, ParquetWriter::new(file).batched(frame.schema()))?)),
                false => Writer::Csv(file),
            });
        }
        match &mut self.writer {
            Some(Writer::Parquet(writer)) => table(&what, writer.write_batch(frame)),
            Some(Writer::Csv(file)) => {
                let mut bytes = Vec::new();
                table(&what, CsvWriter::new(&mut bytes).include_header(is_first).finish(&mut frame.clone()))?;
                file.write_all(&bytes).map_err(failed)
            }
            None => Ok(()),
        }
    }

    /// The file whole at its place; says what it is.
    fn finish(self) -> Result<String> {
        let failed = |source| Error::Write { path: self.path.clone(), source };
        match self.writer {
            Some(Writer::Parquet(writer)) => {
                table(&self.path.display().to_string(), writer.finish().map(|_| ()))?;
            }
            Some(Writer::Csv(mut file)) => file.flush().map_err(failed)?,
            None => {}
        }
        fs::File::open(&self.temporary).and_then(|file| file.sync_all()).map_err(failed)?;
        fs::rename(&self.temporary, &self.path).map_err(failed)?;
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(format!("{name}: {} rows", self.rows))
    }
}

fn whole(frame: &DataFrame, path: &Path, parquet: bool) -> Result<String> {
    let mut parts = Parts::new(path, parquet);
    parts.add(frame)?;
    parts.finish()
}

/// Columns of the long table, filled row by row.
#[derive(Default)]
struct Long {
    cell: Vec<IdxSize>,
    series: Vec<IdxSize>,
    at: Vec<i64>,
    value: Vec<f32>,
}

fn long(results: &Results, path: &Path, parquet: bool, choice: &Choice) -> Result<String> {
    let what = "the table of trajectories";
    let variables = series::variables(results, choice.every)?;
    let flat = || variables.iter().flat_map(|of| of.series.iter().map(move |series| (of, series)));
    let named = [
        Column::new("variable".into(), flat().map(|(_, series)| series.variable.clone()).collect::<Vec<_>>()),
        Column::new("series".into(), flat().map(|(_, series)| series.column()).collect::<Vec<_>>()),
        Column::new("unit".into(), flat().map(|(of, _)| of.unit().name()).collect::<Vec<_>>()),
    ];
    let ids = Column::new("cell_id".into(), &results.cells.id);
    let mut parts = Parts::new(path, parquet);
    let mut slabs = series::slabs(results, &variables);
    if slabs.is_empty() {
        slabs.push(0..0);
    }
    for range in slabs {
        let mut rows = Long::default();
        let read: Vec<Vec<f32>> =
            variables.iter().map(|of| series::read(results, of, range.clone())).collect::<Result<_>>()?;
        for cell in range.clone() {
            let mut place = 0;
            for (of, slab) in variables.iter().zip(&read) {
                for values in of.of_cell(slab, cell - range.start) {
                    for (at, value) in of.taken().zip(values).filter(|(_, value)| !value.is_nan()) {
                        rows.cell.push(cell as IdxSize);
                        rows.series.push(place);
                        rows.at.push(at);
                        rows.value.push(value);
                    }
                    place += 1;
                }
            }
        }
        let [cell, of] = [rows.cell, rows.series].map(|places| IdxCa::from_vec("".into(), places));
        let mut columns = vec![table(what, ids.take(&cell))?];
        for column in &named {
            columns.push(table(what, column.take(&of))?);
        }
        columns.push(Column::new("at".into(), rows.at));
        columns.push(Column::new("value".into(), rows.value));
        parts.add(&table(what, DataFrame::new_infer_height(columns))?)?;
    }
    parts.finish()
}

fn wide(results: &Results, path: &dyn Fn(&str) -> PathBuf, parquet: bool, choice: &Choice) -> Result<Vec<String>> {
    let what = "the table of trajectories";
    let mut by_moments: BTreeMap<String, Vec<Variable>> = BTreeMap::new();
    for variable in series::variables(results, choice.every)? {
        by_moments.entry(variable.along.epochs_name.clone()).or_default().push(variable);
    }
    let ids = Column::new("cell_id".into(), &results.cells.id);
    let mut out = Vec::new();
    for (dimension, variables) in by_moments {
        let name =
            if dimension == "epoch" { "trajectories_wide".into() } else { format!("trajectories_wide_{dimension}") };
        let mut parts = Parts::new(&path(&name), parquet);
        let moments: Vec<i64> = variables.first().map_or_else(Vec::new, |of| of.taken().collect());
        for range in series::slabs(results, &variables) {
            let read: Vec<Vec<f32>> =
                variables.iter().map(|of| series::read(results, of, range.clone())).collect::<Result<_>>()?;
            let count = variables.iter().map(|of| of.series.len()).sum();
            let (mut cells, mut at) = (Vec::new(), Vec::new());
            let mut columns: Vec<Vec<Option<f32>>> = vec![Vec::new(); count];
            for cell in range.clone() {
                let values: Vec<Vec<f32>> =
                    variables.iter().zip(&read).flat_map(|(of, slab)| of.of_cell(slab, cell - range.start)).collect();
                for (moment, label) in moments.iter().enumerate() {
                    if values.iter().all(|values| values[moment].is_nan()) {
                        continue;
                    }
                    cells.push(cell as IdxSize);
                    at.push(*label);
                    for (column, values) in columns.iter_mut().zip(&values) {
                        column.push(Some(values[moment]).filter(|value| !value.is_nan()));
                    }
                }
            }
            let mut all =
                vec![table(what, ids.take(&IdxCa::from_vec("".into(), cells)))?, Column::new((&dimension).into(), at)];
            let named = variables.iter().flat_map(|of| of.series.iter().map(|series| series.column()));
            all.extend(named.zip(columns).map(|(name, values)| Column::new(name.into(), values)));
            parts.add(&table(what, DataFrame::new_infer_height(all))?)?;
        }
        if parts.writer.is_some() {
            out.push(parts.finish()?);
        }
    }
    Ok(out)
}
