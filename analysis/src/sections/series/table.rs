//! The series as tables: every cell's turning points, and each group's beside the principal observable's.

use std::ops::Range;

use polars::prelude::*;

use super::compare::{Moment, Row};
use crate::error::Result;
use crate::groups::Groups;
use crate::results::{Results, Unit};
use crate::tables::frames::{self, missing, table};
use crate::tables::parts::Parts;
use crate::turning::TurningPoint;
use crate::turning::series::AllSeries;
use crate::turning_point::Extremum;

/// One row per cell and series: the cells' columns, `series`, `start` and `end` (first and last measured value), `found`
/// (how the search ended), and of the turning point its kind (`turn`), `epoch`, `value`, `epsilon_star`, and the least and
/// greatest training error between the measurements before and after it (`least_error`, `greatest_error`); null where there
/// is none. Of a series that was measured at steps `epoch` is null, and a column `step`, which is there where any was, holds it.
///
/// # Errors
/// [`crate::Error::Table`] if polars refuses.
pub fn cells<'a>(results: &Results, all: &'a AllSeries) -> Result<Parts<'a>> {
    let cells = frames::cells(results)?;
    Ok(Parts::of_rows(all.points.rows.len(), move |rows| cells_of(&cells, all, rows)))
}

/// Some of its rows.
fn cells_of(cells: &DataFrame, all: &AllSeries, range: Range<usize>) -> Result<DataFrame> {
    let what = "the table of cells' series";
    let rows = || all.points.rows[range.clone()].iter();
    let index: IdxCa = rows().map(|row| Some(row.cell as IdxSize)).collect();
    let mut frame = table(what, cells.take(&index))?;
    let of = |values: &ndarray::Array2<f32>| {
        missing(&rows().map(|row| f64::from(values[[row.cell, row.observable]])).collect::<Vec<_>>())
    };
    let number = |of: fn(&TurningPoint) -> f64| missing(&rows().map(of).collect::<Vec<_>>());
    let moment = |unit: Unit| {
        let of_unit = |row: &TurningPoint| row.epoch.filter(|_| all.unit(row.observable) == unit);
        rows().map(of_unit).collect::<Vec<_>>()
    };
    let step = all.any_at_steps().then(|| Column::new("step".into(), moment(Unit::Step)));
    let columns = [
        Column::new(
            "series".into(),
            rows().map(|row| all.points.observables[row.observable].as_str()).collect::<Vec<_>>(),
        ),
        Column::new("start".into(), of(&all.ends[0])),
        Column::new("end".into(), of(&all.ends[1])),
        Column::new("found".into(), rows().map(|row| row.status).collect::<Vec<_>>()),
        Column::new("turn".into(), rows().map(|row| row.extremum.map(Extremum::name)).collect::<Vec<_>>()),
        Column::new("epoch".into(), moment(Unit::Epoch)),
        Column::new("value".into(), number(|row| row.value)),
        Column::new("epsilon_star".into(), number(|row| row.epsilon_star)),
        Column::new("least_error".into(), of(&all.brackets[0])),
        Column::new("greatest_error".into(), of(&all.brackets[1])),
    ];
    for column in columns.into_iter().chain(step) {
        table(what, frame.with_column(column))?;
    }
    Ok(frame)
}

/// One row per group and series: the grouping columns, `series`, `cells`, those that turn in a `minimum` and in a `maximum`,
/// median `epoch`, mean training error there (`epsilon_star`, `sd`, `low`, `high`), and beside the principal observable's:
/// cells in which both turn (`paired`), mean `ratio` with its interval (`ratio_low`, `ratio_high`), what it may be between
/// measurements (`least_ratio`, `greatest_ratio`), and the judgement (`training_error`: same, other, undecided); means of the
/// first and the last value (`start`, `end`). Of a series that was measured at steps `epoch` is null, and a column `step`, which
/// is there where any was, holds their median.
///
/// # Errors
/// [`crate::Error::Table`] if polars refuses.
pub fn summary(rows: &[Row], groups: &Groups) -> Result<DataFrame> {
    let each = || rows.iter();
    let mut columns: Vec<Column> = (groups.columns.iter().enumerate())
        .map(|(place, name)| {
            let values: Vec<&str> = each().map(|row| groups.all[row.group].values[place].as_str()).collect();
            Column::new(name.into(), values)
        })
        .collect();
    let number = |of: fn(&Row) -> f64| missing(&each().map(of).collect::<Vec<_>>());
    let count = |of: fn(&Row) -> usize| each().map(|row| of(row) as i64).collect::<Vec<_>>();
    columns.extend([
        Column::new("series".into(), each().map(|row| row.name.as_str()).collect::<Vec<_>>()),
        Column::new("cells".into(), count(|row| row.cells)),
        Column::new("minimum".into(), count(|row| row.minima)),
        Column::new("maximum".into(), count(|row| row.maxima)),
        Column::new("epoch".into(), number(|row| if row.unit == Unit::Epoch { row.epoch } else { f64::NAN })),
        Column::new("epsilon_star".into(), number(|row| row.star.0)),
        Column::new("sd".into(), number(|row| row.star.1)),
        Column::new("low".into(), number(|row| row.star.2.low)),
        Column::new("high".into(), number(|row| row.star.2.high)),
        Column::new("paired".into(), count(|row| row.paired)),
        Column::new("ratio".into(), number(|row| row.ratio.0)),
        Column::new("ratio_low".into(), number(|row| row.ratio.1.low)),
        Column::new("ratio_high".into(), number(|row| row.ratio.1.high)),
        Column::new("least_ratio".into(), number(|row| row.bracket[0])),
        Column::new("greatest_ratio".into(), number(|row| row.bracket[1])),
        Column::new("training_error".into(), each().map(|row| row.moment.map(Moment::name)).collect::<Vec<_>>()),
        Column::new("start".into(), number(|row| row.ends[0])),
        Column::new("end".into(), number(|row| row.ends[1])),
    ]);
    if each().any(|row| row.unit == Unit::Step) {
        let steps = number(|row| if row.unit == Unit::Step { row.epoch } else { f64::NAN });
        columns.push(Column::new("step".into(), steps));
    }
    table("the table of series", DataFrame::new_infer_height(columns))
}
