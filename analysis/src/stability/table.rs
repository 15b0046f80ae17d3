//! Stability of ε*: one row per group, layer, observable and rule.

use polars::prelude::*;
use rayon::prelude::*;

use crate::error::Result;
use crate::groups::Groups;
use crate::statistics::interval::{Interval, mean_interval};
use crate::statistics::moments::{coefficient_of_variation, mean, standard_deviation};
use crate::tables::frames::{missing, table};
use crate::turning::TurningPoints;

/// The table: the grouping columns, `layer`, `observable`, `rule`, `cells` and how they ended (`found`, `edge`, `none`,
/// `diverged`, `failed`, `missing`), `epsilon_star` (mean), `sd`, `low`, `high` (Student's 95% interval of the mean; null where the values are all equal), `cv`, and
/// `epoch` (mean). Cells without an inversion are counted and take no part in the means.
pub fn stability(turning_points: &DataFrame, points: &TurningPoints, groups: &Groups) -> Result<DataFrame> {
    let what = "the table of stability";
    // Cells belong together by their group, whatever it is called.
    const GROUP: &str = "number of the group";
    let group = groups.of_cells(groups.all.iter().map(|group| group.cells.len()).sum());
    let mut numbered = turning_points.clone();
    let numbers: Vec<i64> = points.rows.iter().map(|row| group[row.cell] as i64).collect();
    table(what, numbered.with_column(Column::new(GROUP.into(), numbers)))?;
    let grouped = table(what, numbered.group_by_stable([GROUP, "layer", "observable", "rule"]))?;
    let first: IdxCa =
        grouped.get_groups().iter().map(|rows_of| rows(rows_of).first().map(|&row| row as IdxSize)).collect();
    let called = |(place, name): (usize, &String)| match turning_points.column(name) {
        // The status of a row is that of its turning point.
        Ok(column) if name != "status" => table(what, column.take(&first)),
        _ => {
            let of_row = |row: Option<IdxSize>| groups.all[group[points.rows[row? as usize].cell]].values.get(place);
            Ok(Column::new(name.into(), first.iter().map(of_row).map(|v| v.map(String::as_str)).collect::<Vec<_>>()))
        }
    };
    let mut columns: Vec<Column> = groups.columns.iter().enumerate().map(called).collect::<Result<_>>()?;
    columns.extend(grouped.keys().into_iter().filter(|column| column.name() != GROUP));
    let status = table(what, turning_points.column("status").and_then(|column| column.str().cloned()))?;
    let epoch = table(what, turning_points.column("epoch").and_then(|column| column.i64().cloned()))?;
    let star = table(what, turning_points.column("epsilon_star").and_then(|column| column.f64().cloned()))?;
    let members: Vec<Vec<usize>> = grouped.get_groups().iter().map(rows).collect();
    let row = |members: &Vec<usize>| {
        let ended = ENDS.map(|word| members.iter().filter(|&&row| status.get(row) == Some(word)).count() as i64);
        let stars: Vec<f64> = members.iter().filter_map(|&row| star.get(row)).collect();
        let epochs: Vec<f64> = members.iter().filter_map(|&row| epoch.get(row)).map(|epoch| epoch as f64).collect();
        let Interval { low, high } = mean_interval(&stars);
        let sd = standard_deviation(&stars);
        (ended, [mean(&stars), sd, low, high, coefficient_of_variation(&stars), mean(&epochs)])
    };
    let computed: Vec<([i64; ENDS.len()], [f64; 6])> = members.par_iter().map(row).collect();
    columns.push(Column::new("cells".into(), members.iter().map(|rows| rows.len() as i64).collect::<Vec<_>>()));
    for (place, word) in ENDS.into_iter().enumerate() {
        columns.push(Column::new(word.into(), computed.iter().map(|(ended, _)| ended[place]).collect::<Vec<_>>()));
    }
    for (place, name) in ["epsilon_star", "sd", "low", "high", "cv", "epoch"].into_iter().enumerate() {
        let values: Vec<f64> = computed.iter().map(|(_, numbers)| numbers[place]).collect();
        columns.push(Column::new(name.into(), missing(&values)));
    }
    table(what, DataFrame::new(members.len(), columns))
}

/// How a cell's search ends, in the order of the columns.
const ENDS: [&str; 7] = ["found", "edge", "none", "absent", "diverged", "failed", "missing"];

/// Rows of the frame that belong to a group.
fn rows(group: GroupsIndicator<'_>) -> Vec<usize> {
    match group {
        GroupsIndicator::Idx((_, rows)) => rows.iter().map(|row| *row as usize).collect(),
        GroupsIndicator::Slice([first, length]) => (first as usize..(first + length) as usize).collect(),
    }
}
