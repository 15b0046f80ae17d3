//! Which axis moves ε*: shares of its variance, and how far groups differ as against the seeds within them.
//!
//! The model is additive in the axes that vary. A subsample is nested in its data source (block 0 of one source has
//! nothing in common with block 0 of another), a seed in its architecture (initial weights depend on both); so a data
//! source is held against its subsamples, and an architecture against its seeds. Cells trained on pruned sets are left
//! out: pruning is an intervention, not a circumstance.

use polars::prelude::*;
use rayon::prelude::*;

use crate::error::Result;
use crate::groups::Groups;
use crate::results::Results;
use crate::statistics::additive::{Decomposition, ShareIntervals, Term, compress, decompose_with_intervals};
use crate::statistics::intraclass::icc1;
use crate::tables::frames::{missing, table};
use crate::turning::{Rule, TurningPoint, TurningPoints};

/// The decomposition for one layer, observable and rule.
#[derive(Debug, Clone)]
pub struct Shares {
    /// Index of the layer.
    pub layer: usize,
    /// Index of the observable.
    pub observable: usize,
    /// Rule.
    pub rule: Rule,
    /// Cells with an inversion.
    pub found: usize,
    /// Cells without: censored.
    pub censored: usize,
    /// Number of levels of each term.
    pub levels: Vec<usize>,
    /// The decomposition; `None` where ε* has no spread or fewer than two values.
    pub decomposition: Option<Decomposition>,
    /// Intervals, in the order of the decomposition's shares.
    pub intervals: Vec<ShareIntervals>,
    /// ICC(1) of the groups.
    pub icc: f64,
}

/// Decomposes ε* of every layer, observable and rule.
pub fn shares(results: &Results, points: &TurningPoints, groups: &Groups) -> Vec<Shares> {
    let whole = results.cells.unpruned();
    let group = groups.of_cells(results.cells.len());
    let all: Vec<(usize, usize, Rule)> = (0..points.layers.len())
        .flat_map(|layer| (0..points.observables.len()).map(move |observable| (layer, observable)))
        .flat_map(|(layer, observable)| points.rules.iter().map(move |&rule| (layer, observable, rule)))
        .collect();
    let of = |(layer, observable, rule): (usize, usize, Rule)| {
        let rows: Vec<&TurningPoint> = points.of(layer, observable, rule).filter(|row| whole[row.cell]).collect();
        let found: Vec<&TurningPoint> = rows.iter().copied().filter(|row| row.status == "found").collect();
        let values: Vec<f64> = found.iter().map(|row| row.epsilon_star).collect();
        let cells: Vec<usize> = found.iter().map(|row| row.cell).collect();
        let terms = terms(results, &cells);
        let seeds: Vec<i64> = cells.iter().map(|&cell| results.cells.seed[cell]).collect();
        let (decomposition, intervals) = match decompose_with_intervals(&values, &terms, &seeds) {
            Some((decomposition, intervals)) => (Some(decomposition), intervals),
            None => (None, Vec::new()),
        };
        let mut by_group = vec![Vec::new(); groups.all.len()];
        cells.iter().zip(&values).for_each(|(&cell, &value)| by_group[group[cell]].push(value));
        Shares {
            layer,
            observable,
            rule,
            found: found.len(),
            censored: rows.len() - found.len(),
            levels: terms.iter().map(|term| distinct(&term.level)).collect(),
            decomposition,
            intervals,
            icc: icc1(&by_group),
        }
    };
    all.into_par_iter().map(of).collect()
}

fn distinct(levels: &[usize]) -> usize {
    levels.iter().max().map_or(0, |most| most + 1)
}

/// Terms of the axes that vary over these cells.
fn terms(results: &Results, cells: &[usize]) -> Vec<Term> {
    let axis = |name: &str| results.cells.axes.iter().find(|(axis, _)| axis == name).map(|(_, labels)| labels);
    let codes = |labels: &Vec<String>| compress(cells.iter().map(|&cell| &labels[cell]));
    let mut terms: Vec<Term> = Vec::new();
    let mut add = |name: &str, level: Vec<usize>, parent: Option<&str>| {
        if distinct(&level) < 2 {
            return;
        }
        let parent = parent.and_then(|parent| terms.iter().position(|term| term.name == parent));
        let level = match parent {
            Some(parent) => compress(terms[parent].level.iter().zip(&level)),
            None => level,
        };
        terms.push(Term { name: name.to_owned(), level, nested_in: parent.into_iter().collect() });
    };
    let parents = [("data", None), ("subsample", Some("data")), ("architecture", None), ("optimiser", None)];
    for (name, parent) in parents {
        if let Some(labels) = axis(name) {
            add(name, codes(labels), parent);
        }
    }
    add("seed", compress(cells.iter().map(|&cell| results.cells.seed[cell])), Some("architecture"));
    terms
}

/// What is left over beside the axes, interactions and noise, as the table calls it.
const RESIDUAL: &str = "residual";

/// The table: one row per layer, observable, rule and axis, then one for what is left over, interactions and noise (`residual`).
/// `f` and `p` hold the axis's mean square against that of `against`, which has `against_degrees`; they are null where
/// there is nothing to hold it against.
pub fn frame(points: &TurningPoints, all: &[Shares]) -> Result<DataFrame> {
    let mut text: [Vec<String>; 3] = Default::default();
    let mut against: Vec<Option<String>> = Vec::new();
    let mut counts: [Vec<i64>; 5] = Default::default();
    let mut layer: Vec<Option<i64>> = Vec::new();
    let mut numbers: [Vec<f64>; 10] = Default::default();
    let share_columns = ["sum_of_squares", "eta_squared", "omega_squared", "omega_low", "omega_high"];
    let shift_columns = ["rms_shift", "rms_shift_low", "rms_shift_high", "f", "p"];
    for shares in all {
        let Some(fit) = &shares.decomposition else { continue };
        let mut push = |axis: &str, levels: usize, degrees: [usize; 2], other: Option<&str>, values: [f64; 10]| {
            let names = [points.observables[shares.observable].as_str(), shares.rule.name(), axis];
            against.push(other.map(str::to_owned));
            layer.push(points.layers[shares.layer]);
            text.iter_mut().zip(names).for_each(|(column, value)| column.push(value.to_owned()));
            let sizes =
                [levels as i64, shares.found as i64, shares.censored as i64, degrees[0] as i64, degrees[1] as i64];
            counts.iter_mut().zip(sizes).for_each(|(column, value)| column.push(value));
            numbers.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
        };
        for ((share, intervals), levels) in fit.shares.iter().zip(&shares.intervals).zip(&shares.levels) {
            let (omega, shift) = (intervals.omega_squared, intervals.shift);
            let values = [
                share.sum_of_squares,
                share.eta_squared,
                share.omega_squared,
                omega.low,
                omega.high,
                share.shift(),
                shift.low,
                shift.high,
                share.f,
                share.p,
            ];
            let against = match share.against.term {
                Some(term) => Some(fit.shares[term].name.as_str()),
                None => (share.against.degrees > 0).then_some(RESIDUAL),
            };
            push(&share.name, *levels, [share.degrees, share.against.degrees], against, values);
        }
        let mut values = [f64::NAN; 10];
        values[..2].copy_from_slice(&[fit.residual, fit.residual / fit.total]);
        push(RESIDUAL, 0, [fit.residual_degrees, 0], None, values);
    }
    let [observable, rule, axis] = text;
    let [levels, found, censored, degrees, against_degrees] = counts;
    let mut columns = vec![
        Column::new("layer".into(), layer),
        Column::new("observable".into(), observable),
        Column::new("rule".into(), rule),
        Column::new("axis".into(), axis),
        Column::new("levels".into(), levels),
        Column::new("found".into(), found),
        Column::new("censored".into(), censored),
        Column::new("degrees".into(), degrees),
        Column::new("against".into(), against),
        Column::new("against_degrees".into(), against_degrees),
    ];
    let names = share_columns.into_iter().chain(shift_columns);
    columns.extend(names.zip(&numbers).map(|(name, values)| Column::new(name.into(), missing(values))));
    table("the table of variance", DataFrame::new_infer_height(columns))
}

/// The table of ICC(1): one row per layer, observable and rule.
pub fn intraclass_frame(points: &TurningPoints, groups: &Groups, all: &[Shares]) -> Result<DataFrame> {
    let each = || all.iter();
    let columns = vec![
        Column::new("layer".into(), each().map(|s| points.layers[s.layer]).collect::<Vec<_>>()),
        Column::new("observable".into(), each().map(|s| points.observables[s.observable].clone()).collect::<Vec<_>>()),
        Column::new("rule".into(), each().map(|s| s.rule.name()).collect::<Vec<_>>()),
        Column::new("groups".into(), vec![groups.all.len() as i64; all.len()]),
        Column::new("found".into(), each().map(|s| s.found as i64).collect::<Vec<_>>()),
        Column::new("censored".into(), each().map(|s| s.censored as i64).collect::<Vec<_>>()),
        Column::new("icc".into(), missing(&each().map(|s| s.icc).collect::<Vec<_>>())),
    ];
    table("the table of intraclass correlation", DataFrame::new_infer_height(columns))
}
