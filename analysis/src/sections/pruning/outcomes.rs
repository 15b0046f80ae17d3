//! Pruned retraining: what becomes of the inversion, and of the test error, when samples are left out (the authors'
//! experiments 2 and 3).
//!
//! A pruned cell's *parent* is the cell of the same seed, data, subsample, architecture and optimiser trained on the
//! whole block. The training error that places a pruned cell in the figure is its parent's: at the pruning epoch, or,
//! where the stragglers were left out, at its inversion.

use std::collections::HashMap;

use ndarray::{ArrayView1, Ix2, Ix3, Ix4};
use phasesweep_results::dimension::NOISE_SIGMA;
use phasesweep_results::variables::{NOISE_ERROR, NOISY_ERROR, TEST_ERROR, TRAIN_ERROR};
use polars::prelude::*;

use crate::error::Result;
use crate::results::{Results, Status};
use crate::statistics::interval::{Interval, mean_interval};
use crate::statistics::moments::{mean, standard_deviation};
use crate::tables::frames::{missing, table};
use crate::turning::{Rule, SLAB_BYTES, TurningPoints, symbol};

/// What a label of the prune axis says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing left out.
    None,
    /// The stragglers, or as many random samples.
    Stragglers,
    /// The samples misclassified at an epoch, or as many random ones.
    Misclassified(i64),
}

/// A label taken apart: what, and whether the control (random samples, as many).
pub fn parse(label: &str) -> Option<(Kind, bool)> {
    let (label, random) = match label.strip_prefix("random like ") {
        Some(like) => (like, true),
        None => (label, false),
    };
    let kind = match label.split_once(" at ") {
        _ if label == "none" => Kind::None,
        Some(("stragglers", _)) => Kind::Stragglers,
        Some(("misclassified", epoch)) => Kind::Misclassified(epoch.parse().ok()?),
        _ => return None,
    };
    Some((kind, random))
}

/// Mean over cells with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// Mean.
    pub mean: f64,
    /// Standard deviation over cells.
    pub sd: f64,
    /// Student's 95% interval of the mean.
    pub interval: Interval,
}

impl Level {
    fn of(values: &[f64]) -> Self {
        let values: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        Level { mean: mean(&values), sd: standard_deviation(&values), interval: mean_interval(&values) }
    }
}

/// What became of the cells of one circumstance (all axes but seed and prune) under one prune.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Data source, subsample, architecture and optimiser.
    pub circumstance: Vec<String>,
    /// Label of the prune axis.
    pub prune: String,
    /// The label taken apart; `None` for one that is not known.
    pub kind: Option<(Kind, bool)>,
    /// Cells.
    pub cells: usize,
    /// For each layer and observable (layers outermost): how many cells were found to turn, turn at an edge if at all,
    /// or do not turn. The last two are monotonic by the prominence rule.
    pub turned: Vec<[usize; 3]>,
    /// Mean training error of the parents at the pruning epoch.
    pub parent_error: f64,
    /// Test error at the end.
    pub at_end: Level,
    /// Least test error along training.
    pub best: Level,
    /// Mean ε* of the whole block's runs of the circumstance.
    pub star: f64,
    /// Test error at the end by seed.
    pub by_seed: Vec<(i64, f64)>,
    /// Test error at the end under noise, σ ascending.
    pub noisy: Vec<Noisy>,
}

/// Test error at the end under noise of one standard deviation.
#[derive(Debug, Clone, PartialEq)]
pub struct Noisy {
    /// The noise's standard deviation.
    pub sigma: f64,
    /// Over cells, of each the mean over draws.
    pub level: Level,
    /// Standard deviation over draws of the noise within a cell, the mean over cells; NaN of one draw.
    pub over_draws: f64,
    /// The mean over draws by seed.
    pub by_seed: Vec<(i64, f64)>,
}

/// Test errors of a cell.
#[derive(Debug, Clone, Default)]
struct Tested {
    at_end: f64,
    best: f64,
    /// Of each σ the error of every draw.
    noisy: Vec<Vec<f64>>,
}

/// Circumstance and prune.
type Key = (Vec<String>, String);

/// Outcomes by circumstance and prune; empty where nothing was pruned.
pub fn outcomes(results: &Results, points: &TurningPoints) -> Result<Vec<Outcome>> {
    let cells = &results.cells;
    let Some((_, prunes)) = cells.axes.iter().find(|(name, _)| name == "prune") else { return Ok(Vec::new()) };
    if prunes.iter().all(|label| label == "none") {
        return Ok(Vec::new());
    }
    let axes: Vec<&Vec<String>> =
        cells.axes.iter().filter(|(name, _)| name != "prune").map(|(_, labels)| labels).collect();
    let circumstance = |cell: usize| axes.iter().map(|labels| labels[cell].clone()).collect::<Vec<_>>();
    let mut parents: HashMap<(Vec<String>, i64), usize> = HashMap::new();
    let mut groups: Vec<(Key, Vec<usize>)> = Vec::new();
    let mut place: HashMap<Key, usize> = HashMap::new();
    for (cell, prune) in prunes.iter().enumerate() {
        if prune == "none" {
            parents.insert((circumstance(cell), cells.seed[cell]), cell);
        }
        let key = (circumstance(cell), prune.clone());
        let group = *place.entry(key.clone()).or_insert_with(|| {
            groups.push((key, Vec::new()));
            groups.len() - 1
        });
        groups[group].1.push(cell);
    }
    let sigmas = Sigmas::of(results)?;
    let (tested, errors) = read(results, &sigmas)?;
    let parent_error = |cell: usize, kind: Kind| {
        let parent = *parents.get(&(circumstance(cell), cells.seed[cell]))?;
        match kind {
            Kind::None => None,
            Kind::Stragglers => points.at(parent, 0, points.principal?, Rule::Prominence).map(|row| row.epsilon_star),
            Kind::Misclassified(epoch) => {
                results.epochs.binary_search(&epoch).ok().and_then(|index| errors.get(parent)?.get(index).copied())
            }
        }
    };
    let outcome = |((circumstance, prune), members): (Key, Vec<usize>)| {
        let kind = parse(&prune);
        let complete: Vec<usize> = members.iter().copied().filter(|&c| cells.status[c] == Status::Complete).collect();
        let level = |of: &dyn Fn(&Tested) -> f64| {
            Level::of(&complete.iter().map(|&cell| of(&tested[cell])).collect::<Vec<_>>())
        };
        let mut turned = Vec::new();
        for layer in 0..results.layers.len() {
            for observable in 0..points.observables.len() {
                let count = |status: &str| {
                    let row = |&&cell: &&usize| {
                        points.at(cell, layer, observable, Rule::Prominence).is_some_and(|row| row.status == status)
                    };
                    complete.iter().filter(row).count()
                };
                turned.push([count("found"), count("edge"), count("none")]);
            }
        }
        let mine = |of: &dyn Fn(&Tested) -> f64| -> Vec<(i64, f64)> {
            let values = complete.iter().map(|&cell| (cells.seed[cell], of(&tested[cell])));
            values.filter(|(_, value)| value.is_finite()).collect()
        };
        let noisy = |(place, &sigma): (usize, &f64)| {
            let draws = |tested: &Tested| tested.noisy.get(place).cloned().unwrap_or_default();
            let spreads: Vec<f64> = complete.iter().map(|&cell| standard_deviation(&draws(&tested[cell]))).collect();
            Noisy {
                sigma,
                level: level(&|tested| mean(&draws(tested))),
                over_draws: mean(&spreads.into_iter().filter(|spread| spread.is_finite()).collect::<Vec<_>>()),
                by_seed: mine(&|tested| mean(&draws(tested))),
            }
        };
        let stars: Vec<f64> = (0..cells.len())
            .filter(|&cell| prunes[cell] == "none" && self::same(&axes, cell, &circumstance))
            .filter_map(|cell| points.at(cell, 0, points.principal?, Rule::Prominence))
            .map(|row| row.epsilon_star)
            .filter(|star| star.is_finite())
            .collect();
        let of_parents: Vec<f64> = match kind {
            Some((kind, _)) => {
                complete.iter().filter_map(|&c| parent_error(c, kind)).filter(|e| e.is_finite()).collect()
            }
            None => Vec::new(),
        };
        Outcome {
            circumstance,
            prune,
            kind,
            cells: members.len(),
            turned,
            parent_error: mean(&of_parents),
            at_end: level(&|tested| tested.at_end),
            best: level(&|tested| tested.best),
            star: mean(&stars),
            by_seed: mine(&|tested| tested.at_end),
            noisy: sigmas.all.iter().enumerate().map(noisy).collect(),
        }
    };
    Ok(groups.into_iter().map(outcome).collect())
}

/// In how many cells the observables of the first layer still turn, prune by prune: a sentence per circumstance.
pub fn sentences(points: &TurningPoints, all: &[Outcome]) -> Vec<String> {
    let mut circumstances: Vec<&Vec<String>> = all.iter().map(|outcome| &outcome.circumstance).collect();
    circumstances.dedup();
    let several = circumstances.len() > 1;
    let one = |circumstance: &Vec<String>| {
        let turning = |outcome: &Outcome| {
            let each = points.observables.iter().zip(&outcome.turned);
            let parts: Vec<String> = each.map(|(name, turned)| format!("{} in {}", symbol(name), turned[0])).collect();
            format!("{} of {} cells", parts.join(", "), outcome.cells)
        };
        let wanted = |o: &&Outcome| matches!(o.kind, Some((Kind::None | Kind::Stragglers, _)));
        let mine = all.iter().filter(|outcome| outcome.circumstance == *circumstance).filter(wanted);
        let words = |outcome: &Outcome| match outcome.kind {
            Some((Kind::Stragglers, false)) => format!("without the {}", outcome.prune),
            Some((Kind::Stragglers, true)) => "without as many random samples".to_owned(),
            _ => "trained on the whole block".to_owned(),
        };
        let parts: Vec<String> = mine.map(|outcome| format!("{}: {}", words(outcome), turning(outcome))).collect();
        let place = if several { format!("{} – ", circumstance.join(" · ")) } else { String::new() };
        (parts.len() > 1).then(|| format!("{place}How many cells turn, {}.", parts.join("; ")))
    };
    circumstances.into_iter().filter_map(one).take(24).collect()
}

/// Whether a cell is of a circumstance: a label of each axis.
fn same(axes: &[&Vec<String>], cell: usize, circumstance: &[String]) -> bool {
    axes.iter().zip(circumstance).all(|(labels, label)| labels[cell] == *label)
}

/// The standard deviations of noise of a file, ascending: those of several draws, and of one draw those that have not several.
struct Sigmas {
    all: Vec<f64>,
    /// Place among the σ of several draws, else among those of one draw.
    places: Vec<std::result::Result<usize, usize>>,
}

impl Sigmas {
    fn of(results: &Results) -> Result<Self> {
        let several = match results.has(NOISE_ERROR.name) {
            true => results.numbers(NOISE_SIGMA.name)?.unwrap_or_default(),
            false => Vec::new(),
        };
        let drawn = several.iter().enumerate().map(|(place, sigma)| (*sigma, Ok(place)));
        let single = results.noise.iter().enumerate().filter(|(_, sigma)| !several.contains(sigma));
        let mut both: Vec<(f64, std::result::Result<usize, usize>)> =
            drawn.chain(single.map(|(place, sigma)| (*sigma, Err(place)))).collect();
        both.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (all, places) = both.into_iter().unzip();
        Ok(Sigmas { all, places })
    }
}

/// Test errors of every cell, and the training errors of every cell.
fn read(results: &Results, sigmas: &Sigmas) -> Result<(Vec<Tested>, Vec<Vec<f64>>)> {
    let (mut tested, mut errors) = (Vec::new(), Vec::new());
    for range in results.slabs(SLAB_BYTES) {
        let train = results.slab(TRAIN_ERROR.name, range.clone())?.and_then(|a| a.into_dimensionality::<Ix2>().ok());
        let test = results.slab(TEST_ERROR.name, range.clone())?.and_then(|a| a.into_dimensionality::<Ix2>().ok());
        let noisy = results.slab(NOISY_ERROR.name, range.clone())?.and_then(|a| a.into_dimensionality::<Ix3>().ok());
        let drawn = results.slab(NOISE_ERROR.name, range.clone())?.and_then(|a| a.into_dimensionality::<Ix4>().ok());
        for row in 0..range.len() {
            let mut cell = Tested { at_end: f64::NAN, best: f64::NAN, noisy: Vec::new() };
            if let Some(test) = &test {
                cell.at_end = last(test.row(row));
                let finite = test.row(row).iter().map(|v| f64::from(*v)).filter(|v| v.is_finite()).collect::<Vec<_>>();
                cell.best = finite.into_iter().reduce(f64::min).unwrap_or(f64::NAN);
            }
            let of_sigma = |place: &std::result::Result<usize, usize>| match (place, &drawn, &noisy) {
                (Ok(place), Some(drawn), _) => {
                    let draws = 0..drawn.shape()[2];
                    draws.map(|draw| last(drawn.slice(ndarray::s![row, *place, draw, ..]))).collect()
                }
                (Err(place), _, Some(noisy)) => vec![last(noisy.slice(ndarray::s![row, *place, ..]))],
                _ => Vec::new(),
            };
            cell.noisy = sigmas.places.iter().map(of_sigma).collect();
            tested.push(cell);
            errors.push(train.as_ref().map(|a| a.row(row).iter().map(|v| f64::from(*v)).collect()).unwrap_or_default());
        }
    }
    Ok((tested, errors))
}

/// The last value that was measured; NaN if none was.
fn last(values: ArrayView1<'_, f32>) -> f64 {
    values.iter().rev().find(|value| value.is_finite()).map_or(f64::NAN, |value| f64::from(*value))
}

/// The table: one row per circumstance, prune, layer and observable.
pub fn frame(results: &Results, points: &TurningPoints, all: &[Outcome]) -> Result<DataFrame> {
    let names: Vec<&String> = results.cells.axes.iter().map(|(name, _)| name).filter(|name| *name != "prune").collect();
    let kinds = points.observables.len().max(1);
    let rows: Vec<(&Outcome, usize)> =
        all.iter().flat_map(|o| (0..o.turned.len()).map(move |index| (o, index))).collect();
    let number = |of: &dyn Fn(&Outcome) -> f64| missing(&rows.iter().map(|(o, _)| of(o)).collect::<Vec<_>>());
    let count = |way: usize| rows.iter().map(|(o, index)| o.turned[*index][way] as i64).collect::<Vec<_>>();
    let mut columns: Vec<Column> = (names.iter().enumerate())
        .map(|(place, name)| {
            Column::new((*name).into(), rows.iter().map(|(o, _)| o.circumstance[place].as_str()).collect::<Vec<_>>())
        })
        .collect();
    columns.extend([
        Column::new("prune".into(), rows.iter().map(|(o, _)| o.prune.as_str()).collect::<Vec<_>>()),
        Column::new("layer".into(), rows.iter().map(|(_, index)| results.layers[index / kinds]).collect::<Vec<_>>()),
        Column::new(
            "observable".into(),
            rows.iter().map(|(_, index)| points.observables[index % kinds].as_str()).collect::<Vec<_>>(),
        ),
        Column::new("cells".into(), rows.iter().map(|(o, _)| o.cells as i64).collect::<Vec<_>>()),
        Column::new("found".into(), count(0)),
        Column::new("edge".into(), count(1)),
        Column::new("none".into(), count(2)),
        Column::new("parent_error".into(), number(&|o| o.parent_error)),
        Column::new("test_error".into(), number(&|o| o.at_end.mean)),
        Column::new("test_low".into(), number(&|o| o.at_end.interval.low)),
        Column::new("test_high".into(), number(&|o| o.at_end.interval.high)),
        Column::new("best_test_error".into(), number(&|o| o.best.mean)),
    ]);
    let sigmas: Vec<f64> = all.first().map_or_else(Vec::new, |of| of.noisy.iter().map(|noisy| noisy.sigma).collect());
    for (place, sigma) in sigmas.iter().enumerate() {
        let of = |of: &dyn Fn(&Noisy) -> f64| number(&|o| o.noisy.get(place).map_or(f64::NAN, of));
        columns.push(Column::new(format!("noisy_error_{sigma}").into(), of(&|noisy| noisy.level.mean)));
        columns.push(Column::new(format!("noisy_low_{sigma}").into(), of(&|noisy| noisy.level.interval.low)));
        columns.push(Column::new(format!("noisy_high_{sigma}").into(), of(&|noisy| noisy.level.interval.high)));
        columns.push(Column::new(format!("noisy_draws_sd_{sigma}").into(), of(&|noisy| noisy.over_draws)));
    }
    table("the table of pruned retraining", DataFrame::new_infer_height(columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_taken_apart() {
        assert_eq!(parse("none"), Some((Kind::None, false)));
        assert_eq!(parse("stragglers at radius_0"), Some((Kind::Stragglers, false)));
        assert_eq!(parse("random like stragglers at distance"), Some((Kind::Stragglers, true)));
        assert_eq!(parse("misclassified at 12"), Some((Kind::Misclassified(12), false)));
        assert_eq!(parse("random like misclassified at 12"), Some((Kind::Misclassified(12), true)));
        assert_eq!(parse("misclassified at noon"), None);
    }
}
