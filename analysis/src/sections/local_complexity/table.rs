//! Phases and rises as tables.

use polars::prelude::*;

use super::phases::Status as Found;
use super::search::{Complexity, Place, RiseRow, Row};
use crate::error::Result;
use crate::groups::Groups;
use crate::results::{Results, Status};
use crate::statistics::moments::median;
use crate::tables::frames::{cells, missing, table};

/// What is said of a phase of a row: how the cell ended, unless it is complete.
pub fn word(row: &Row, of: impl Fn(&Row) -> Found) -> &'static str {
    match row.ended {
        Status::Complete => of(row).name(),
        Status::Diverged => "diverged",
        Status::Failed => "failed",
        Status::Missing => "missing",
    }
}

/// One row per cell, points, radius and layer: the cells' columns, `points`, `radius`, `layer`, the status of each phase,
/// `legs`, and step, local complexity and accuracies where the descent ends (`trough_`), where the ascent ends (`peak_`)
/// and where the final descent begins (`final_`).
pub fn phases(results: &Results, complexity: &Complexity) -> Result<DataFrame> {
    let what = "the table of phases";
    let rows = || complexity.rows.iter();
    let index: IdxCa = rows().map(|row| Some(row.cell as IdxSize)).collect();
    let mut frame = table(what, cells(results)?.take(&index))?;
    let axes = &complexity.axes;
    let words = |of: fn(&Row) -> Found| rows().map(|row| word(row, of)).collect::<Vec<_>>();
    let mut columns = vec![
        Column::new("points".into(), rows().map(|row| axes.points[row.points].as_str()).collect::<Vec<_>>()),
        Column::new("radius".into(), rows().map(|row| axes.radii[row.radius]).collect::<Vec<_>>()),
        Column::new("layer".into(), rows().map(|row| axes.layers[row.layer].as_str()).collect::<Vec<_>>()),
        Column::new("descent".into(), words(|row| row.phases.descent)),
        Column::new("ascent".into(), words(|row| row.phases.ascent)),
        Column::new("final_descent".into(), words(|row| row.phases.final_descent)),
        Column::new("legs".into(), rows().map(|row| row.phases.legs as i64).collect::<Vec<_>>()),
    ];
    let places: [Named<Row, Place>; 3] =
        [("trough", |row| row.trough), ("peak", |row| row.peak), ("final", |row| row.falls_from)];
    for (name, place) in places {
        for (what, number) in PARTS {
            let values: Vec<f64> = rows().map(|row| number(&place(row))).collect();
            columns.push(Column::new(format!("{name}_{what}").into(), missing(&values)));
        }
    }
    for column in columns {
        table(what, frame.with_column(column))?;
    }
    Ok(frame)
}

/// What to read of something, by name.
type Named<Of, To> = (&'static str, fn(&Of) -> To);

/// Numbers of a place, by name.
const PARTS: [Named<Place, f64>; 4] = [
    ("step", |place| place.step),
    ("lc", |place| place.value),
    ("train", |place| place.train),
    ("test", |place| place.test),
];

/// One row per group, points, radius and layer (of `layers`): cells, in how many of them each phase was found, how many
/// were still descending or ascending at the end, and the medians of steps and accuracies where the descent ends and where
/// the final descent begins, over the cells in which they were found.
pub fn summary(complexity: &Complexity, groups: &Groups, layers: &[usize]) -> Result<DataFrame> {
    let of_cell = groups.of_cells(groups.all.iter().map(|group| group.cells.len()).sum());
    let axes = &complexity.axes;
    let (points, radii) = (axes.points.len(), axes.radii.len());
    let mut sorted: Vec<Vec<&Row>> = vec![Vec::new(); groups.all.len() * points * radii * axes.layers.len()];
    for row in &complexity.rows {
        let place = ((of_cell[row.cell] * points + row.points) * radii + row.radius) * axes.layers.len() + row.layer;
        sorted[place].push(row);
    }
    sorted.retain(|rows| rows.first().is_some_and(|row| layers.contains(&row.layer)));
    let each = || sorted.iter();
    let mut columns: Vec<Column> = (groups.columns.iter().enumerate())
        .map(|(place, name)| {
            let values =
                each().map(|rows| groups.all[of_cell[rows[0].cell]].values[place].as_str()).collect::<Vec<_>>();
            Column::new(name.into(), values)
        })
        .collect();
    let counted = |keep: fn(&Row) -> bool| {
        let alive = |row: &&&Row| row.ended == Status::Complete && keep(row);
        each().map(|rows| rows.iter().filter(alive).count() as i64).collect::<Vec<_>>()
    };
    let middle = |number: &dyn Fn(&Row) -> f64| {
        missing(&each().map(|rows| median(&rows.iter().map(|row| number(row)).collect::<Vec<_>>())).collect::<Vec<_>>())
    };
    columns.extend([
        Column::new("points".into(), each().map(|rows| axes.points[rows[0].points].as_str()).collect::<Vec<_>>()),
        Column::new("radius".into(), each().map(|rows| axes.radii[rows[0].radius]).collect::<Vec<_>>()),
        Column::new("layer".into(), each().map(|rows| axes.layers[rows[0].layer].as_str()).collect::<Vec<_>>()),
        Column::new("cells".into(), each().map(|rows| rows.len() as i64).collect::<Vec<_>>()),
        Column::new("descent".into(), counted(|row| row.phases.descent == Found::Found)),
        Column::new("ascent".into(), counted(|row| row.phases.ascent == Found::Found)),
        Column::new("final_descent".into(), counted(|row| row.phases.final_descent == Found::Found)),
        Column::new("still_descending".into(), counted(|row| row.phases.descent == Found::Edge)),
        Column::new("still_ascending".into(), counted(|row| row.phases.ascent == Found::Edge)),
    ]);
    let places: [Named<Row, Place>; 2] = [("trough", |row| row.trough), ("final", |row| row.falls_from)];
    for (name, place) in places {
        for (what, number) in PARTS.iter().filter(|(what, _)| *what != "lc") {
            columns.push(Column::new(format!("{name}_{what}").into(), middle(&|row| number(&place(row)))));
        }
    }
    table("the summary of phases", DataFrame::new_infer_height(columns))
}

/// One row per cell and accuracy: the cells' columns, `accuracy`, `fitted_step`, `rise_step`, `gain`, `delayed`,
/// `final_step` (of the principal series) and whether it comes first.
pub fn rises(results: &Results, complexity: &Complexity) -> Result<DataFrame> {
    let what = "the table of rises";
    let rows = || complexity.rises.iter();
    let index: IdxCa = rows().map(|row| Some(row.cell as IdxSize)).collect();
    let mut frame = table(what, cells(results)?.take(&index))?;
    let columns = [
        Column::new("accuracy".into(), rows().map(|row| row.of.as_str()).collect::<Vec<_>>()),
        Column::new("fitted_step".into(), rows().map(|row| row.fitted).collect::<Vec<_>>()),
        Column::new("rise_step".into(), rows().map(|row| row.rise.map(|rise| rise.step)).collect::<Vec<_>>()),
        Column::new("gain".into(), rows().map(|row| row.rise.map(|rise| rise.gain)).collect::<Vec<_>>()),
        Column::new("delayed".into(), rows().map(RiseRow::is_delayed).collect::<Vec<_>>()),
        Column::new("final_step".into(), missing(&rows().map(|row| row.falls_from).collect::<Vec<_>>())),
        Column::new("final_descent_first".into(), rows().map(RiseRow::is_preceded).collect::<Vec<_>>()),
    ];
    for column in columns {
        table(what, frame.with_column(column))?;
    }
    Ok(frame)
}
