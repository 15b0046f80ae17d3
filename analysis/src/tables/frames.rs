//! Frames made of the results file: one row per cell, and one row per turning point.

use std::ops::Range;

use polars::prelude::*;

use super::parts::Parts;
use crate::error::{Error, Result};
use crate::results::Results;
use crate::turning::TurningPoints;

/// Turns a polars error into ours.
pub fn table<T>(what: &str, result: PolarsResult<T>) -> Result<T> {
    result.map_err(|source| Error::Table { what: what.to_owned(), source })
}

/// One row per cell: `cell_id`, `variant` where the file has it, the axes, `seed`, further labels and numbers, in this order.
pub fn cells(results: &Results) -> Result<DataFrame> {
    let cells = &results.cells;
    let mut columns = vec![Column::new("cell_id".into(), &cells.id)];
    columns.extend(cells.variant_id.iter().map(|ids| Column::new("variant".into(), ids)));
    columns.extend(cells.axes.iter().map(|(name, values)| Column::new(name.into(), values)));
    columns.push(Column::new("seed".into(), &cells.seed));
    columns.extend(cells.labels.iter().map(|(name, values)| Column::new(name.into(), values)));
    columns.extend(cells.numbers.iter().map(|(name, values)| Column::new(name.into(), missing(values))));
    table("the table of cells", DataFrame::new(cells.len(), columns))
}

/// One row per cell, layer, observable and rule: the cells' columns, then `layer`, `observable`, `rule`, `status`,
/// `epoch` and `epsilon_star` (null unless found).
pub fn turning_points(results: &Results, points: &TurningPoints) -> Result<DataFrame> {
    turning_points_of(&cells(results)?, points, 0..points.rows.len())
}

/// The same in parts.
pub fn turning_points_in_parts<'a>(results: &Results, points: &'a TurningPoints) -> Result<Parts<'a>> {
    let cells = cells(results)?;
    Ok(Parts::of_rows(points.rows.len(), move |rows| turning_points_of(&cells, points, rows)))
}

/// Some of its rows.
fn turning_points_of(cells: &DataFrame, points: &TurningPoints, range: Range<usize>) -> Result<DataFrame> {
    let what = "the table of turning points";
    let rows = || points.rows[range.clone()].iter();
    let index: IdxCa = rows().map(|row| Some(row.cell as IdxSize)).collect();
    let mut frame = table(what, cells.take(&index))?;
    let added = [
        Column::new("layer".into(), rows().map(|row| points.layers[row.layer]).collect::<Vec<_>>()),
        Column::new(
            "observable".into(),
            rows().map(|row| points.observables[row.observable].as_str()).collect::<Vec<_>>(),
        ),
        Column::new("rule".into(), rows().map(|row| row.rule.name()).collect::<Vec<_>>()),
        Column::new("status".into(), rows().map(|row| row.status).collect::<Vec<_>>()),
        Column::new("epoch".into(), rows().map(|row| row.epoch).collect::<Vec<_>>()),
        Column::new("epsilon_star".into(), missing(&rows().map(|row| row.epsilon_star).collect::<Vec<_>>())),
    ];
    for column in added {
        table(what, frame.with_column(column))?;
    }
    Ok(frame)
}

/// Numbers with NaN as null, so that means pass over them and CSV leaves them empty.
pub fn missing(values: &[f64]) -> Vec<Option<f64>> {
    values.iter().map(|value| value.is_finite().then_some(*value)).collect()
}

/// Whether a column of counts is 0 throughout.
pub fn all_zero(frame: &DataFrame, name: &str) -> bool {
    let column = frame.column(name).and_then(|column| column.i64().cloned());
    column.is_ok_and(|counts| counts.iter().all(|count| count == Some(0)))
}
