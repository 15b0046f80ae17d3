//! The rows as a table.

use polars::prelude::*;

use super::counts::Counts;
use super::proxy::{Row, rows};
use crate::error::Result;
use crate::groups::Groups;
use crate::tables::frames::{missing, table};

/// One row per group, points, radius and number of directions: the grouping columns, `points`, `radius`, `directions`, `cells`;
/// `least_regions` and `most_regions`, of means over points; `share`, the units cut over those that change their sign; rank
/// correlations with the number of regions, over points (`over_points`, with the quartiles over cells and moments `low` and
/// `high`), along training (`along_training`, with the least and the greatest cell's, `least` and `greatest`), and among all cells
/// and moments of the group (`among_all`).
///
/// # Errors
/// [`crate::Error::Table`] if polars refuses.
pub fn by_group(counts: &Counts, groups: &Groups) -> Result<DataFrame> {
    let all: Vec<(usize, Row)> = (groups.all.iter().enumerate())
        .flat_map(|(group, of)| rows(counts, &of.cells).into_iter().map(move |row| (group, row)))
        .collect();
    let mut columns: Vec<Column> = (groups.columns.iter().enumerate())
        .map(|(place, name)| {
            let values: Vec<&str> = all.iter().map(|(group, _)| groups.all[*group].values[place].as_str()).collect();
            Column::new(name.into(), values)
        })
        .collect();
    columns.extend(numbers(counts, &all.iter().map(|(_, row)| row).collect::<Vec<_>>()));
    table("the table of neighbourhoods", DataFrame::new_infer_height(columns))
}

/// The same of all cells together, without the grouping columns; `among_cells` is the rank correlation among the cells at the
/// last moment.
///
/// # Errors
/// [`crate::Error::Table`] if polars refuses.
pub fn of_all(counts: &Counts, all: &[Row]) -> Result<DataFrame> {
    let rows: Vec<&Row> = all.iter().collect();
    let mut columns = numbers(counts, &rows);
    columns.push(number("among_cells", &rows, |row| row.among_cells));
    table("the table of all neighbourhoods", DataFrame::new_infer_height(columns))
}

fn number(name: &str, rows: &[&Row], of: impl Fn(&Row) -> f64) -> Column {
    Column::new(name.into(), missing(&rows.iter().map(|row| of(row)).collect::<Vec<_>>()))
}

fn numbers(counts: &Counts, rows: &[&Row]) -> Vec<Column> {
    let number = |name: &str, of: fn(&Row) -> f64| number(name, rows, of);
    vec![
        Column::new("points".into(), rows.iter().map(|row| counts.points[row.points].as_str()).collect::<Vec<_>>()),
        Column::new("radius".into(), rows.iter().map(|row| counts.radii[row.radius]).collect::<Vec<_>>()),
        Column::new("directions".into(), rows.iter().map(|row| counts.directions[row.directions]).collect::<Vec<_>>()),
        Column::new("cells".into(), rows.iter().map(|row| row.cells as i64).collect::<Vec<_>>()),
        number("least_regions", |row| row.regions[0]),
        number("most_regions", |row| row.regions[1]),
        number("share", |row| row.share),
        number("over_points", |row| row.over_points[0]),
        number("low", |row| row.over_points[1]),
        number("high", |row| row.over_points[2]),
        number("along_training", |row| row.along_training[0]),
        number("least", |row| row.along_training[1]),
        number("greatest", |row| row.along_training[2]),
        number("among_all", |row| row.among_all),
    ]
}
