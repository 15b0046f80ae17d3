//! Norms of the weights as tables.

use polars::prelude::*;

use super::series::{Norms, Row};
use crate::error::Result;
use crate::groups::Groups;
use crate::results::Results;
use crate::statistics::moments::{mean, median};
use crate::tables::frames::{self, missing, table};
use crate::turning_point::Extremum;

/// A kind of turning point as tables say it.
fn name(extremum: Extremum) -> &'static str {
    match extremum {
        Extremum::Minimum => "minimum",
        Extremum::Maximum => "maximum",
    }
}

/// One row per complete cell and layer: the cells' columns, `weight_layer`, `start`, `end`, `factor`, and of the turning
/// point its kind (`turn`), `epoch` and `norm`; null where there is none.
///
/// # Errors
/// [`crate::Error::Table`] if polars refuses.
pub fn cells(results: &Results, norms: &Norms) -> Result<DataFrame> {
    let what = "the table of cells' norms";
    let rows = || norms.rows.iter();
    let index: IdxCa = rows().map(|row| Some(row.cell as IdxSize)).collect();
    let mut frame = table(what, frames::cells(results)?.take(&index))?;
    let columns = [
        Column::new("weight_layer".into(), rows().map(|row| norms.layers[row.layer]).collect::<Vec<_>>()),
        Column::new("start".into(), rows().map(|row| row.start).collect::<Vec<_>>()),
        Column::new("end".into(), rows().map(|row| row.end).collect::<Vec<_>>()),
        Column::new("factor".into(), missing(&rows().map(|row| row.end / row.start).collect::<Vec<_>>())),
        Column::new("turn".into(), rows().map(|row| row.turn.map(|(kind, _)| name(kind))).collect::<Vec<_>>()),
        Column::new("epoch".into(), rows().map(|row| row.turn.map(|(_, t)| t.epoch as i64)).collect::<Vec<_>>()),
        Column::new("norm".into(), rows().map(|row| row.turn.map(|(_, turn)| turn.value)).collect::<Vec<_>>()),
    ];
    for column in columns {
        table(what, frame.with_column(column))?;
    }
    Ok(frame)
}

/// One row per group and layer: the grouping columns, `weight_layer`, `cells`, means of `start`, `end` and `factor`, the
/// numbers of cells that turn in a `minimum` and in a `maximum`, and the median `epoch` of the turning points.
///
/// # Errors
/// [`crate::Error::Table`] if polars refuses.
pub fn summary(norms: &Norms, groups: &Groups) -> Result<DataFrame> {
    let mut sorted: Vec<Vec<&Row>> = vec![Vec::new(); groups.all.len() * norms.layers.len()];
    norms.rows.iter().for_each(|row| sorted[row.group * norms.layers.len() + row.layer].push(row));
    sorted.retain(|rows| !rows.is_empty());
    let each = || sorted.iter();
    let mut columns: Vec<Column> = (groups.columns.iter().enumerate())
        .map(|(place, name)| {
            let values: Vec<&str> = each().map(|rows| groups.all[rows[0].group].values[place].as_str()).collect();
            Column::new(name.into(), values)
        })
        .collect();
    let of = |number: fn(&Row) -> f64, taken: fn(&[f64]) -> f64| {
        let values = each().map(|rows| taken(&rows.iter().map(|row| number(row)).collect::<Vec<_>>()));
        missing(&values.collect::<Vec<_>>())
    };
    let turned = |extremum: Extremum| {
        let turns = |row: &&&Row| row.turn.is_some_and(|(kind, _)| kind == extremum);
        each().map(|rows| rows.iter().filter(turns).count() as i64).collect::<Vec<_>>()
    };
    columns.extend([
        Column::new("weight_layer".into(), each().map(|rows| norms.layers[rows[0].layer]).collect::<Vec<_>>()),
        Column::new("cells".into(), each().map(|rows| rows.len() as i64).collect::<Vec<_>>()),
        Column::new("start".into(), of(|row| row.start, mean)),
        Column::new("end".into(), of(|row| row.end, mean)),
        Column::new("factor".into(), of(|row| row.end / row.start, mean)),
        Column::new("minimum".into(), turned(Extremum::Minimum)),
        Column::new("maximum".into(), turned(Extremum::Maximum)),
        Column::new("epoch".into(), of(|row| row.turn.map_or(f64::NAN, |(_, turn)| turn.epoch as f64), median)),
    ]);
    table("the table of norms", DataFrame::new_infer_height(columns))
}
