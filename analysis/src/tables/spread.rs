//! The spread of ε* beside that of other training errors of the same cells: at a fixed epoch, at the best test error,
//! at the end. A cell without inversion is censored: counted, and in none of the four.

use ndarray::Array2;
use polars::prelude::*;

use super::frames::{missing, table};
use super::variance::unpruned;
use crate::error::Result;
use crate::groups::Groups;
use crate::options::Options;
use crate::results::Results;
use crate::statistics::moments::{coefficient_of_variation, mean, median, standard_deviation};
use crate::statistics::spread::{Ratio, ratio};
use crate::turning::{Rule, SLAB_BYTES, TurningPoint, TurningPoints};

/// Which training error is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// At the inversion: ε*.
    AtInversion,
    /// At the scope's median t*.
    AtFixedEpoch,
    /// Where the test error is least.
    AtBestTest,
    /// At the last epoch.
    AtEnd,
}

impl Quantity {
    /// All, in the order of the table.
    pub const ALL: [Quantity; 4] =
        [Quantity::AtInversion, Quantity::AtFixedEpoch, Quantity::AtBestTest, Quantity::AtEnd];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Quantity::AtInversion => "epsilon_star",
            Quantity::AtFixedEpoch => "at_fixed_epoch",
            Quantity::AtBestTest => "at_best_test",
            Quantity::AtEnd => "at_end",
        }
    }
}

/// One row: the spread of one quantity over one scope.
#[derive(Debug, Clone)]
pub struct Spread {
    /// `all`, `block` (one data source and subsample, everything else free) or `group`.
    pub scope: &'static str,
    /// Which of them.
    pub name: String,
    /// Index of the layer.
    pub layer: usize,
    /// Index of the observable.
    pub observable: usize,
    /// Which training error.
    pub quantity: Quantity,
    /// Cells that count.
    pub cells: usize,
    /// Cells without an inversion.
    pub censored: usize,
    /// The fixed epoch; elsewhere `None`.
    pub epoch: Option<i64>,
    /// Mean, standard deviation and coefficient of variation.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
    /// Coefficient of variation.
    pub cv: f64,
    /// Against the spread of ε* over the same cells; `None` for ε* itself.
    pub ratio: Option<Ratio>,
}

/// Training errors of every cell, whole, and what the test error says of them.
struct Errors {
    train: Array2<f32>,
    at_best_test: Vec<f64>,
    at_end: Vec<f64>,
}

fn errors(results: &Results) -> Result<Option<Errors>> {
    let cells = results.cells.len();
    let as_matrix =
        |slab: Option<ndarray::ArrayD<f32>>| slab.and_then(|a| a.into_dimensionality::<ndarray::Ix2>().ok());
    let Some(train) = as_matrix(results.slab("train_error", 0..cells)?) else { return Ok(None) };
    let mut at_best_test = vec![f64::NAN; cells];
    for range in results.slabs(SLAB_BYTES) {
        let Some(test) = as_matrix(results.slab("test_error", range.clone())?) else { break };
        for (row, cell) in range.enumerate() {
            let finite =
                test.row(row).iter().copied().enumerate().filter(|(_, value)| value.is_finite()).collect::<Vec<_>>();
            if let Some((best, _)) = finite.into_iter().min_by(|a, b| a.1.total_cmp(&b.1)) {
                at_best_test[cell] = f64::from(train[[cell, best]]);
            }
        }
    }
    let last = |row: ndarray::ArrayView1<f32>| {
        row.iter().rev().find(|value| value.is_finite()).map_or(f64::NAN, |v| f64::from(*v))
    };
    let at_end = train.rows().into_iter().map(last).collect();
    Ok(Some(Errors { train, at_best_test, at_end }))
}

/// Spreads over all cells, over each block, and over each group, by the prominence rule.
pub fn spreads(results: &Results, points: &TurningPoints, groups: &Groups, options: &Options) -> Result<Vec<Spread>> {
    let Some(errors) = errors(results)? else { return Ok(Vec::new()) };
    let whole = unpruned(results);
    let mut scopes: Vec<(&'static str, String, Vec<usize>)> = Vec::new();
    scopes.push(("all", "all cells".to_owned(), (0..results.cells.len()).collect()));
    let block_axes: Vec<String> = results
        .cells
        .axes
        .iter()
        .map(|(name, _)| name.clone())
        .filter(|name| name == "data" || name == "subsample")
        .collect();
    if !block_axes.is_empty() {
        let blocks = Groups::by(&results.cells, &block_axes, results.path())?;
        if blocks.all.len() > 1 {
            scopes.extend(blocks.all.into_iter().map(|block| ("block", block.name, block.cells)));
        }
    }
    let circumstances =
        groups.all.iter().enumerate().map(|(index, group)| ("group", groups.circumstance(index), group.cells.clone()));
    scopes.extend(circumstances);
    scopes.iter_mut().for_each(|(_, _, cells)| cells.retain(|&cell| whole[cell]));
    // A scope that is all there is says nothing new.
    let everything = scopes[0].2.len();
    scopes.retain(|(scope, _, cells)| !cells.is_empty() && (*scope == "all" || cells.len() < everything));
    let mut out = Vec::new();
    for layer in 0..results.layers.len() {
        for observable in 0..points.observables.len() {
            for (scope, name, cells) in &scopes {
                let rows: Vec<&TurningPoint> =
                    cells.iter().filter_map(|&cell| points.at(cell, layer, observable, Rule::Prominence)).collect();
                // What a block lacks is not without an inversion: it is not there.
                let rows: Vec<&TurningPoint> = rows.into_iter().filter(|row| row.status != "absent").collect();
                let found: Vec<&TurningPoint> = rows.iter().copied().filter(|row| row.status == "found").collect();
                let middle =
                    median(&found.iter().filter_map(|row| row.epoch).map(|epoch| epoch as f64).collect::<Vec<_>>());
                let distance = |index: &usize| (results.epochs[*index] as f64 - middle).abs();
                let fixed = (0..results.epochs.len()).min_by(|a, b| distance(a).total_cmp(&distance(b)));
                let Some(fixed) = fixed.filter(|_| !found.is_empty()) else { continue };
                let of = |quantity: Quantity, row: &TurningPoint| match quantity {
                    Quantity::AtInversion => row.epsilon_star,
                    Quantity::AtFixedEpoch => f64::from(errors.train[[row.cell, fixed]]),
                    Quantity::AtBestTest => errors.at_best_test[row.cell],
                    Quantity::AtEnd => errors.at_end[row.cell],
                };
                for quantity in Quantity::ALL {
                    let paired: Vec<(f64, f64)> = found
                        .iter()
                        .map(|row| (of(quantity, row), row.epsilon_star))
                        .filter(|(value, star)| value.is_finite() && star.is_finite())
                        .collect();
                    let (values, stars): (Vec<f64>, Vec<f64>) = paired.into_iter().unzip();
                    if values.is_empty() {
                        continue;
                    }
                    let stream = out.len() as u64;
                    out.push(Spread {
                        scope,
                        name: name.clone(),
                        layer,
                        observable,
                        quantity,
                        cells: values.len(),
                        censored: rows.len() - found.len(),
                        epoch: (quantity == Quantity::AtFixedEpoch).then_some(results.epochs[fixed]),
                        mean: mean(&values),
                        sd: standard_deviation(&values),
                        cv: coefficient_of_variation(&values),
                        ratio: (quantity != Quantity::AtInversion)
                            .then(|| ratio(&values, &stars, options.bootstrap.min(1000), stream)),
                    });
                }
            }
        }
    }
    Ok(out)
}

/// The table.
pub fn frame(results: &Results, points: &TurningPoints, spreads: &[Spread]) -> Result<DataFrame> {
    let each = || spreads.iter();
    let number = |of: &dyn Fn(&Spread) -> f64| missing(&spreads.iter().map(of).collect::<Vec<_>>());
    let of_ratio = |of: &dyn Fn(&Ratio) -> f64| {
        missing(&spreads.iter().map(|row| row.ratio.as_ref().map_or(f64::NAN, of)).collect::<Vec<_>>())
    };
    let columns = vec![
        Column::new("scope".into(), each().map(|row| row.scope).collect::<Vec<_>>()),
        Column::new("name".into(), each().map(|row| row.name.as_str()).collect::<Vec<_>>()),
        Column::new("layer".into(), each().map(|row| results.layers[row.layer]).collect::<Vec<_>>()),
        Column::new(
            "observable".into(),
            each().map(|row| points.observables[row.observable].as_str()).collect::<Vec<_>>(),
        ),
        Column::new("training_error".into(), each().map(|row| row.quantity.name()).collect::<Vec<_>>()),
        Column::new("epoch".into(), each().map(|row| row.epoch).collect::<Vec<_>>()),
        Column::new("cells".into(), each().map(|row| row.cells as i64).collect::<Vec<_>>()),
        Column::new("censored".into(), each().map(|row| row.censored as i64).collect::<Vec<_>>()),
        Column::new("mean".into(), number(&|row| row.mean)),
        Column::new("sd".into(), number(&|row| row.sd)),
        Column::new("cv".into(), number(&|row| row.cv)),
        Column::new("sd_ratio".into(), of_ratio(&|ratio| ratio.of_deviations)),
        Column::new("sd_ratio_low".into(), of_ratio(&|ratio| ratio.interval.low)),
        Column::new("sd_ratio_high".into(), of_ratio(&|ratio| ratio.interval.high)),
        Column::new("cv_ratio".into(), of_ratio(&|ratio| ratio.of_variations)),
    ];
    table("the table of spreads", DataFrame::new_infer_height(columns))
}
