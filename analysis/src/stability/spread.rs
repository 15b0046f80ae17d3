//! The spread of ε* beside that of other training errors of the same cells: at a fixed epoch, at equal flow time, at the
//! best test error, at the end. A cell without inversion is censored: counted, and in none of them.
//!
//! A comparison, not a decision: it shows whether the inversion has a training error of its own. An epoch means something
//! within one optimiser only, so the fixed epoch is compared where no other optimiser takes part. Gradient descent with
//! learning rate η has at epoch t followed the gradient flow for about the time ηt: plain gradient descent (full batch, no
//! momentum, no decay) is compared across learning rates at one flow time.

use std::collections::HashSet;

use ndarray::{CowArray, Ix2};
use phasesweep_results::variables::{TEST_ERROR, TRAIN_ERROR};
use polars::prelude::*;
use rayon::prelude::*;

use crate::error::Result;
use crate::groups::{Group, Groups};
use crate::plain_rule;
use crate::results::Results;
use crate::statistics::moments::{coefficient_of_variation, mean, median, standard_deviation};
use crate::statistics::spread::{Ratio, ratio};
use crate::tables::frames::{missing, table};
use crate::turning::{Rule, SLAB_BYTES, TurningPoint, TurningPoints};

/// Which training error is meant.
#[allow(clippy::enum_variant_names, reason = "each is the training error at something")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// At the inversion: ε*.
    AtInversion,
    /// At the scope's median t*.
    AtFixedEpoch,
    /// At the scope's median of learning rate × t*.
    AtEqualTime,
    /// Where the test error is least.
    AtBestTest,
    /// At the last epoch.
    AtEnd,
}

impl Quantity {
    /// All, in the order of the table.
    pub const ALL: [Quantity; 5] =
        [Quantity::AtInversion, Quantity::AtFixedEpoch, Quantity::AtEqualTime, Quantity::AtBestTest, Quantity::AtEnd];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Quantity::AtInversion => "epsilon_star",
            Quantity::AtFixedEpoch => "at_fixed_epoch",
            Quantity::AtEqualTime => "at_equal_flow_time",
            Quantity::AtBestTest => "at_best_test",
            Quantity::AtEnd => "at_end",
        }
    }
}

/// Cells over which a spread is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All unpruned cells.
    All,
    /// One data source and subsample, everything else free.
    Block,
    /// One data source and subsample, plain gradient descent of all learning rates.
    GradientDescent,
    /// One data source, subsample and optimiser.
    Optimiser,
    /// One group.
    Group,
}

impl Scope {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Scope::All => "all",
            Scope::Block => "block",
            Scope::GradientDescent => "gradient descent",
            Scope::Optimiser => "optimiser",
            Scope::Group => "group",
        }
    }
}

/// One row: the spread of one quantity over one scope.
#[derive(Debug, Clone)]
pub struct Spread {
    /// Over which cells.
    pub scope: Scope,
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
    /// The flow time; elsewhere NaN.
    pub flow_time: f64,
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
struct Errors<'a> {
    train: CowArray<'a, f32, Ix2>,
    at_best_test: Vec<f64>,
    at_end: Vec<f64>,
}

fn errors(results: &Results) -> Result<Option<Errors<'_>>> {
    let cells = results.cells.len();
    let Some(train) = results.whole(TRAIN_ERROR.name)? else { return Ok(None) };
    let mut at_best_test = vec![f64::NAN; cells];
    for range in results.slabs(SLAB_BYTES) {
        let test = results.slab(TEST_ERROR.name, range.clone())?.and_then(|a| a.into_dimensionality::<Ix2>().ok());
        let Some(test) = test else { break };
        at_best_test[range.clone()].par_iter_mut().enumerate().for_each(|(row, error)| {
            let finite = test.row(row).into_iter().enumerate().filter(|(_, value)| value.is_finite());
            if let Some((best, _)) = finite.min_by(|a, b| a.1.total_cmp(b.1)) {
                *error = f64::from(train[[range.start + row, best]]);
            }
        });
    }
    let last = |row: ndarray::ArrayView1<f32>| {
        row.iter().rev().find(|value| value.is_finite()).map_or(f64::NAN, |v| f64::from(*v))
    };
    let at_end = train.rows().into_iter().map(last).collect();
    Ok(Some(Errors { train, at_best_test, at_end }))
}

/// The cells of one scope.
struct Cells {
    scope: Scope,
    name: String,
    cells: Vec<usize>,
    /// Whether one optimiser trained them all.
    one_optimiser: bool,
}

/// Learning rate of each cell that plain gradient descent trained; NaN for others, and where the file does not say.
pub(crate) fn plain_rates(results: &Results) -> Vec<f64> {
    let cells = &results.cells;
    let number = |name: &str| cells.numbers.iter().find(|(known, _)| known == name).map(|(_, values)| values);
    let optimiser = cells.axes.iter().find(|(name, _)| name == "optimiser").map(|(_, labels)| labels);
    let rates = number("lr");
    let others = ["momentum", "weight_decay", "batch"].map(number);
    let plain = |cell: usize| {
        let mut words = optimiser.map_or("", |labels| labels[cell].as_str()).split_whitespace();
        // A label names what is not as by default.
        let others_named = |word: &str| ["momentum=", "wd="].iter().any(|name| word.starts_with(name));
        words.next() == Some("sgd")
            && !words.any(others_named)
            && optimiser.is_some_and(|labels| plain_rule::is_plain(&labels[cell]))
            && others.iter().flatten().all(|values| values[cell] == 0.0)
    };
    (0..cells.len()).map(|cell| rates.filter(|_| plain(cell)).map_or(f64::NAN, |values| values[cell])).collect()
}

/// Scopes of unpruned cells, the widest first; one that holds the cells of another before it says nothing new and is left
/// out.
fn scopes(results: &Results, groups: &Groups, rates: &[f64]) -> Result<Vec<Cells>> {
    let whole = results.cells.unpruned();
    let by = |scope: Scope, axes: &[&str]| -> Result<Vec<(Scope, String, Vec<usize>)>> {
        let known = |name: &&&str| results.cells.axes.iter().any(|(axis, _)| axis == **name);
        let columns: Vec<String> = axes.iter().filter(known).map(|name| (*name).to_owned()).collect();
        // No column at all would mean every axis.
        if columns.is_empty() {
            return Ok(Vec::new());
        }
        let found = Groups::by(&results.cells, &columns, results.path())?.all;
        Ok(found.into_iter().map(|group| (scope, group.name, group.cells)).collect())
    };
    let mut all = vec![(Scope::All, "all cells".to_owned(), (0..results.cells.len()).collect())];
    let blocks = by(Scope::Block, &["data", "subsample"])?;
    all.extend(blocks.iter().cloned());
    let everything = (Scope::All, "all cells".to_owned(), (0..results.cells.len()).collect::<Vec<usize>>());
    for (_, name, mut cells) in if blocks.is_empty() { vec![everything] } else { blocks } {
        cells.retain(|&cell| rates[cell].is_finite());
        if cells.iter().any(|&cell| rates[cell] != rates[cells[0]]) {
            all.push((Scope::GradientDescent, name, cells));
        }
    }
    all.extend(by(Scope::Optimiser, &["data", "subsample", "optimiser"])?);
    let of_group = |(index, group): (usize, &Group)| (Scope::Group, groups.circumstance(index), group.cells.clone());
    all.extend(groups.all.iter().enumerate().map(of_group));
    let optimiser = results.cells.axes.iter().find(|(name, _)| name == "optimiser").map(|(_, labels)| labels);
    let mut known: HashSet<Vec<usize>> = HashSet::new();
    let mut out = Vec::new();
    for (scope, name, mut cells) in all {
        cells.retain(|&cell| whole[cell]);
        // Plain gradient descent is a scope for the sake of the flow time, whichever cells it has.
        if cells.is_empty() || (!known.insert(cells.clone()) && scope != Scope::GradientDescent) {
            continue;
        }
        let one_optimiser = optimiser.is_none_or(|labels| cells.iter().all(|&cell| labels[cell] == labels[cells[0]]));
        out.push(Cells { scope, name, cells, one_optimiser });
    }
    Ok(out)
}

/// Training error at a flow time, linear between recorded epochs; NaN beyond the last.
fn at_time(results: &Results, train: ndarray::ArrayView1<'_, f32>, rate: f64, time: f64) -> f64 {
    let epoch = time / rate;
    let after = results.epochs.partition_point(|recorded| (*recorded as f64) < epoch);
    let (Some(&next), Some(&right)) = (results.epochs.get(after), train.get(after)) else { return f64::NAN };
    if next as f64 == epoch {
        return f64::from(right);
    }
    let Some(before) = after.checked_sub(1) else { return f64::NAN };
    let (last, left) = (results.epochs[before] as f64, f64::from(train[before]));
    left + (f64::from(right) - left) * (epoch - last) / (next as f64 - last)
}

/// Spreads over all scopes, by the prominence rule.
pub fn spreads(results: &Results, points: &TurningPoints, groups: &Groups) -> Result<Vec<Spread>> {
    let Some(errors) = errors(results)? else { return Ok(Vec::new()) };
    let rates = plain_rates(results);
    let scopes = scopes(results, groups, &rates)?;
    let all: Vec<(usize, usize, &Cells)> = (0..points.layers.len())
        .flat_map(|layer| (0..points.observables.len()).map(move |observable| (layer, observable)))
        .flat_map(|(layer, observable)| scopes.iter().map(move |scope| (layer, observable, scope)))
        .collect();
    let of_scope = |(layer, observable, scope): (usize, usize, &Cells)| {
        of_scope(results, points, &errors, &rates, (layer, observable), scope)
    };
    let found: Vec<Vec<Spread>> = all.into_par_iter().map(of_scope).collect();
    Ok(found.concat())
}

/// Spreads of one observable over one scope; none where nothing turns.
fn of_scope(
    results: &Results,
    points: &TurningPoints,
    errors: &Errors<'_>,
    rates: &[f64],
    (layer, observable): (usize, usize),
    Cells { scope, name, cells, one_optimiser }: &Cells,
) -> Vec<Spread> {
    let rows = cells.iter().filter_map(|&cell| points.at(cell, layer, observable, Rule::Prominence));
    // What a block lacks is not without an inversion: it is not there.
    let rows: Vec<&TurningPoint> = rows.filter(|row| row.status != "absent").collect();
    let found: Vec<&TurningPoint> = rows.iter().copied().filter(|row| row.status == "found").collect();
    let turns = |of: &dyn Fn(&TurningPoint) -> f64| {
        median(&found.iter().map(|row| row.epoch.map_or(f64::NAN, |e| e as f64) * of(row)).collect::<Vec<_>>())
    };
    let (epoch, time) = (turns(&|_| 1.0), turns(&|row| rates[row.cell]));
    let distance = |index: &usize| (results.epochs[*index] as f64 - epoch).abs();
    let fixed = (0..results.epochs.len()).min_by(|a, b| distance(a).total_cmp(&distance(b)));
    let Some(fixed) = fixed.filter(|_| !found.is_empty()) else { return Vec::new() };
    let of = |quantity: Quantity, row: &TurningPoint| match quantity {
        Quantity::AtInversion => row.epsilon_star,
        Quantity::AtFixedEpoch => f64::from(errors.train[[row.cell, fixed]]),
        Quantity::AtEqualTime => at_time(results, errors.train.row(row.cell), rates[row.cell], time),
        Quantity::AtBestTest => errors.at_best_test[row.cell],
        Quantity::AtEnd => errors.at_end[row.cell],
    };
    let applies = |quantity: &Quantity| match quantity {
        Quantity::AtFixedEpoch => *one_optimiser,
        Quantity::AtEqualTime => *scope == Scope::GradientDescent,
        _ => true,
    };
    let spread = |quantity: Quantity| {
        let kept: Vec<&TurningPoint> = (found.iter().copied())
            .filter(|row| of(quantity, row).is_finite() && row.epsilon_star.is_finite())
            .collect();
        if kept.is_empty() {
            return None;
        }
        let values: Vec<f64> = kept.iter().map(|row| of(quantity, row)).collect();
        let stars: Vec<f64> = kept.iter().map(|row| row.epsilon_star).collect();
        let seeds: Vec<i64> = kept.iter().map(|row| results.cells.seed[row.cell]).collect();
        Some(Spread {
            scope: *scope,
            name: name.clone(),
            layer,
            observable,
            quantity,
            cells: values.len(),
            censored: rows.len() - found.len(),
            epoch: (quantity == Quantity::AtFixedEpoch).then_some(results.epochs[fixed]),
            flow_time: if quantity == Quantity::AtEqualTime { time } else { f64::NAN },
            mean: mean(&values),
            sd: standard_deviation(&values),
            cv: coefficient_of_variation(&values),
            ratio: (quantity != Quantity::AtInversion).then(|| ratio(&values, &stars, &seeds)),
        })
    };
    Quantity::ALL.into_iter().filter(applies).filter_map(spread).collect()
}

/// The table.
pub fn frame(points: &TurningPoints, spreads: &[Spread]) -> Result<DataFrame> {
    let each = || spreads.iter();
    let number = |of: &dyn Fn(&Spread) -> f64| missing(&spreads.iter().map(of).collect::<Vec<_>>());
    let of_ratio = |of: &dyn Fn(&Ratio) -> f64| {
        missing(&spreads.iter().map(|row| row.ratio.as_ref().map_or(f64::NAN, of)).collect::<Vec<_>>())
    };
    let columns = vec![
        Column::new("scope".into(), each().map(|row| row.scope.name()).collect::<Vec<_>>()),
        Column::new("name".into(), each().map(|row| row.name.as_str()).collect::<Vec<_>>()),
        Column::new("layer".into(), each().map(|row| points.layers[row.layer]).collect::<Vec<_>>()),
        Column::new(
            "observable".into(),
            each().map(|row| points.observables[row.observable].as_str()).collect::<Vec<_>>(),
        ),
        Column::new("training_error".into(), each().map(|row| row.quantity.name()).collect::<Vec<_>>()),
        Column::new("epoch".into(), each().map(|row| row.epoch).collect::<Vec<_>>()),
        Column::new("flow_time".into(), number(&|row| row.flow_time)),
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
