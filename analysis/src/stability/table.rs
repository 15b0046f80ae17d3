//! Stability of ε*: one row per group, layer, observable and rule.

use polars::prelude::*;
use rayon::prelude::*;

use crate::error::Result;
use crate::groups::Groups;
use crate::results::Results;
use crate::statistics::interval::{Interval, mean_interval};
use crate::statistics::moments::{coefficient_of_variation, mean, standard_deviation};
use crate::tables::frames::{self, missing, table};
use crate::turning::{Rule, TurningPoint, TurningPoints};

/// The table: the grouping columns, `layer`, `observable`, `rule`, `cells` and how they ended (`found`, `edge`, `none`,
/// `diverged`, `failed`, `missing`), `epsilon_star` (mean), `sd`, `low`, `high` (Student's 95% interval of the mean; null where the values are all equal), `cv`, and
/// `epoch` (mean). Cells without an inversion are counted and take no part in the means.
pub fn stability(results: &Results, points: &TurningPoints, groups: &Groups) -> Result<DataFrame> {
    let what = "the table of stability";
    // Every cell has a row of each layer, observable and rule.
    let of_group = (0..points.layers.len())
        .flat_map(|layer| (0..points.observables.len()).map(move |observable| (layer, observable)))
        .flat_map(|(layer, observable)| points.rules.iter().map(move |&rule| (layer, observable, rule)))
        .filter(|_| !points.rows.is_empty())
        .collect::<Vec<_>>();
    let all: Vec<(usize, (usize, usize, Rule))> =
        (0..groups.all.len()).flat_map(|group| of_group.iter().map(move |&of| (group, of))).collect();
    let cells = frames::cells(results)?;
    let first: IdxCa = all.iter().map(|(group, _)| Some(groups.all[*group].cells[0] as IdxSize)).collect();
    let called = |(place, name): (usize, &String)| match cells.column(name) {
        Ok(column) => table(what, column.take(&first)),
        Err(_) => {
            let values = all.iter().map(|(group, _)| groups.all[*group].values[place].as_str());
            Ok(Column::new(name.into(), values.collect::<Vec<_>>()))
        }
    };
    let mut columns: Vec<Column> = groups.columns.iter().enumerate().map(called).collect::<Result<_>>()?;
    let each = || all.iter().map(|(_, of)| *of);
    columns.push(Column::new("layer".into(), each().map(|(layer, ..)| points.layers[layer]).collect::<Vec<_>>()));
    let observables = each().map(|(_, observable, _)| points.observables[observable].as_str());
    columns.push(Column::new("observable".into(), observables.collect::<Vec<_>>()));
    columns.push(Column::new("rule".into(), each().map(|(.., rule)| rule.name()).collect::<Vec<_>>()));
    let row = |&(group, (layer, observable, rule)): &(usize, (usize, usize, Rule))| {
        let rows = groups.all[group].cells.iter().filter_map(|&cell| points.at(cell, layer, observable, rule));
        let rows: Vec<&TurningPoint> = rows.collect();
        let ended = ENDS.map(|word| rows.iter().filter(|row| row.status == word).count() as i64);
        let stars = rows.iter().map(|row| row.epsilon_star).filter(|star| star.is_finite()).collect::<Vec<f64>>();
        let epochs = rows.iter().filter_map(|row| row.epoch).map(|epoch| epoch as f64).collect::<Vec<f64>>();
        let Interval { low, high } = mean_interval(&stars);
        let sd = standard_deviation(&stars);
        (rows.len() as i64, ended, [mean(&stars), sd, low, high, coefficient_of_variation(&stars), mean(&epochs)])
    };
    let computed: Vec<(i64, [i64; ENDS.len()], [f64; 6])> = all.par_iter().map(row).collect();
    columns.push(Column::new("cells".into(), computed.iter().map(|(cells, ..)| *cells).collect::<Vec<_>>()));
    for (place, word) in ENDS.into_iter().enumerate() {
        columns.push(Column::new(word.into(), computed.iter().map(|(_, ended, _)| ended[place]).collect::<Vec<_>>()));
    }
    for (place, name) in ["epsilon_star", "sd", "low", "high", "cv", "epoch"].into_iter().enumerate() {
        let values: Vec<f64> = computed.iter().map(|(.., numbers)| numbers[place]).collect();
        columns.push(Column::new(name.into(), missing(&values)));
    }
    table(what, DataFrame::new(all.len(), columns))
}

/// How a cell's search ends, in the order of the columns.
const ENDS: [&str; 7] = ["found", "edge", "none", "absent", "diverged", "failed", "missing"];
