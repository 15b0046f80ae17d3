//! ε* along every factor of the grid: against a number (samples, width, depth, learning rate …), or by words (data sets, rules of
//! labels, architectures), of every hidden layer, and of test samples beside training samples where their manifolds were measured.
//!
//! Invariants: only variants that differ in the factor alone, or in it and in which samples were drawn, are on one line; a
//! variant of which fewer than half of the trained cells turn has no point, for the mean of those few is that of a selection.
//! Draws of the training samples are not told apart: their spread is in the interval, with that of the seeds.

use std::collections::BTreeMap;

use polars::prelude::*;

use crate::error::Result;
use crate::results::{AXES, Results, Status};
use crate::stability::factors::{Factor, factors};
use crate::stability::shifts::Design;
use crate::statistics::crossed::crossed_interval;
use crate::statistics::interval::Interval;
use crate::tables::frames::{missing, table};
use crate::turning::series::AllSeries;
use crate::turning::{Rule, TurningPoints};

/// Which samples are drawn: lines go through means over these.
const DRAWS: [&str; 3] = ["draw", "block", "label_draw"];

/// A manifold of one layer whose ε* is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Followed {
    /// Place of the layer.
    pub layer: usize,
    /// Place of the observable.
    pub observable: usize,
    /// Its series on test samples; `None`: on training samples.
    pub test: Option<usize>,
}

/// ε* at one level of a factor.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Place of the level.
    pub level: usize,
    /// Trained cells.
    pub cells: usize,
    /// Those that turn.
    pub found: usize,
    /// Draws of the training samples.
    pub draws: usize,
    /// Mean ε*; NaN where too few cells turn.
    pub mean: f64,
    /// Its 95% interval over seeds and draws.
    pub interval: Interval,
}

/// A line: everything else the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Place of the circumstance among the factor's.
    pub circumstance: usize,
    /// What is followed.
    pub of: Followed,
    /// Its points, by level.
    pub points: Vec<Point>,
}

/// ε* along one factor.
#[derive(Debug, Clone, PartialEq)]
pub struct Along {
    /// Name of the factor.
    pub name: String,
    /// As a sentence says it.
    pub words: String,
    /// Names of its levels.
    pub levels: Vec<String>,
    /// The levels as numbers, where all are.
    pub numbers: Option<Vec<f64>>,
    /// What else is the same on a line, in words; one that is empty where nothing else varies.
    pub circumstances: Vec<String>,
    /// The lines.
    pub lines: Vec<Line>,
}

/// Everything that is followed: of more than two classes their means, on training samples and, where measured, on test samples.
pub fn followed(points: &TurningPoints, all: &AllSeries) -> Vec<Followed> {
    let any_mean = points.manifolds.iter().any(|manifold| manifold.is_mean());
    let mut out = Vec::new();
    for observable in (0..points.manifolds.len()).filter(|&place| !any_mean || points.manifolds[place].is_mean()) {
        for layer in 0..points.layers.len() {
            out.push(Followed { layer, observable, test: None });
            let name = test_series(points, layer, observable);
            let test = all.points.observables.iter().position(|other| *other == name);
            out.extend(test.map(|test| Followed { layer, observable, test: Some(test) }));
        }
    }
    out
}

/// The name of the series that is an observable's on test samples: of `radius_0` in layer 2 of several `test_radius[2,0]`.
fn test_series(points: &TurningPoints, layer: usize, observable: usize) -> String {
    let (kind, rest) = match points.observables[observable].split_once('_') {
        Some((kind, rest)) => (kind, Some(rest.replace('_', "-"))),
        None => (points.observables[observable].as_str(), None),
    };
    let layer = points.layers[layer].filter(|_| points.layers.len() > 1).map(|layer| layer.to_string());
    let labels: Vec<String> = layer.into_iter().chain(rest).collect();
    if labels.is_empty() { format!("test_{kind}") } else { format!("test_{kind}[{}]", labels.join(",")) }
}

/// ε* along every factor of the grid but those that say which samples are drawn.
pub fn along(results: &Results, points: &TurningPoints, all: &AllSeries) -> Vec<Along> {
    let design = Design::of(results);
    let factors = factors(results, &design);
    let followed = followed(points, all);
    if followed.is_empty() {
        return Vec::new();
    }
    // Subsamples of other sizes and other draws are no words of their own.
    let told = |factor: &&Factor| !DRAWS.contains(&factor.name.as_str()) && factor.name != AXES[1];
    factors
        .iter()
        .filter(told)
        .map(|factor| of_factor(results, points, all, &design, &factors, factor, &followed))
        .collect()
}

fn of_factor(
    results: &Results,
    points: &TurningPoints,
    all: &AllSeries,
    design: &Design,
    factors: &[Factor],
    factor: &Factor,
    followed: &[Followed],
) -> Along {
    let mut level: BTreeMap<usize, usize> = BTreeMap::new();
    for pair in &factor.pairs {
        pair.variants.iter().zip(pair.levels).for_each(|(variant, at)| _ = level.insert(*variant, at));
    }
    // Variants that belong together: linked by the factor, or by which samples were drawn.
    let mut root: Vec<usize> = (0..design.variants.len()).collect();
    let drawn = factors.iter().filter(|other| DRAWS.contains(&other.name.as_str())).flat_map(|other| &other.pairs);
    for pair in factor.pairs.iter().chain(drawn) {
        let [one, two] = pair.variants.map(|variant| root[variant]);
        root.iter_mut().filter(|of| **of == two).for_each(|of| *of = one);
    }
    let mut circumstances: Vec<usize> = level.keys().map(|variant| root[*variant]).collect();
    circumstances.sort_unstable();
    circumstances.dedup();
    let others = |root_of: usize| {
        let mine: Vec<usize> = level.keys().copied().filter(|variant| root[*variant] == root_of).collect();
        let same = |axis: usize| mine.iter().all(|&v| design.variants[v][axis] == design.variants[mine[0]][axis]);
        let told = (0..design.axes.len()).filter(|&axis| axis != factor.axis && design.axes[axis].levels.len() > 1);
        let told = told
            .filter(|&axis| same(axis))
            .map(|axis| design.axes[axis].levels[design.variants[mine[0]][axis]].clone());
        told.collect::<Vec<_>>().join(" · ")
    };
    let trained = |cell: &usize| !matches!(results.cells.status[*cell], Status::Missing | Status::Failed);
    let star = |of: &Followed, cell: usize| {
        let row = match of.test {
            None => points.at(cell, of.layer, of.observable, Rule::Prominence),
            Some(series) => all.points.at(cell, 0, series, Rule::Prominence),
        };
        row.map_or(f64::NAN, |row| row.epsilon_star)
    };
    let mut lines = Vec::new();
    for (circumstance, &root_of) in circumstances.iter().enumerate() {
        for of in followed {
            let mut by_level: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for (&variant, &at) in level.iter().filter(|(variant, _)| root[**variant] == root_of) {
                by_level.entry(at).or_default().push(variant);
            }
            let point = |(level, variants): (usize, Vec<usize>)| {
                let (mut values, mut cells, mut draws) = (Vec::new(), 0, 0);
                for (draw, &variant) in variants.iter().enumerate() {
                    let mine: Vec<usize> = design.cells[variant].iter().copied().filter(trained).collect();
                    let found = mine.iter().filter(|&&cell| star(of, cell).is_finite());
                    let found: Vec<_> = found.map(|&cell| (draw, results.cells.seed[cell], star(of, cell))).collect();
                    cells += mine.len();
                    draws += usize::from(!mine.is_empty());
                    values.extend(found);
                }
                let enough = !values.is_empty() && 2 * values.len() >= cells;
                let (mean, interval) = if enough { crossed_interval(&values) } else { (f64::NAN, Interval::UNKNOWN) };
                Point { level, cells, found: values.len(), draws, mean, interval }
            };
            let points: Vec<Point> = by_level.into_iter().map(point).collect();
            if points.iter().any(|point| point.mean.is_finite()) {
                lines.push(Line { circumstance, of: *of, points });
            }
        }
    }
    let numbers: Option<Vec<f64>> =
        factor.levels.iter().map(|level| level.parse().ok().filter(|number: &f64| number.is_finite())).collect();
    Along {
        name: factor.name.clone(),
        words: factor.words().to_owned(),
        levels: factor.levels.clone(),
        numbers,
        circumstances: circumstances.into_iter().map(others).collect(),
        lines,
    }
}

/// The table: one row per factor, circumstance, observable, layer, set of samples (`train` or `test`) and level: trained `cells`,
/// those `found` to turn, `draws` of the training samples, and mean ε* with its 95% interval (`epsilon_star`, `low`, `high`).
///
/// # Errors
/// [`crate::Error::Table`] if polars refuses.
pub fn frame(points: &TurningPoints, all: &[Along]) -> Result<DataFrame> {
    let rows: Vec<(&Along, &Line, &Point)> = (all.iter())
        .flat_map(|along| {
            along.lines.iter().flat_map(move |line| line.points.iter().map(move |point| (along, line, point)))
        })
        .collect();
    let number = |of: &dyn Fn(&Point) -> f64| missing(&rows.iter().map(|(_, _, point)| of(point)).collect::<Vec<_>>());
    let count = |of: &dyn Fn(&Point) -> usize| rows.iter().map(|(_, _, p)| of(p) as i64).collect::<Vec<_>>();
    let columns = vec![
        Column::new("factor".into(), rows.iter().map(|(along, ..)| along.name.as_str()).collect::<Vec<_>>()),
        Column::new("level".into(), rows.iter().map(|(a, _, p)| a.levels[p.level].as_str()).collect::<Vec<_>>()),
        Column::new(
            "at".into(),
            rows.iter().map(|(a, l, _)| a.circumstances[l.circumstance].as_str()).collect::<Vec<_>>(),
        ),
        Column::new("layer".into(), rows.iter().map(|(_, line, _)| points.layers[line.of.layer]).collect::<Vec<_>>()),
        Column::new(
            "observable".into(),
            rows.iter().map(|(_, line, _)| points.observables[line.of.observable].as_str()).collect::<Vec<_>>(),
        ),
        Column::new(
            "samples_of".into(),
            rows.iter().map(|(_, line, _)| if line.of.test.is_some() { "test" } else { "train" }).collect::<Vec<_>>(),
        ),
        Column::new("cells".into(), count(&|point| point.cells)),
        Column::new("found".into(), count(&|point| point.found)),
        Column::new("draws".into(), count(&|point| point.draws)),
        Column::new("epsilon_star".into(), number(&|point| point.mean)),
        Column::new("low".into(), number(&|point| point.interval.low)),
        Column::new("high".into(), number(&|point| point.interval.high)),
    ];
    table("the table of ε* along the grid", DataFrame::new_infer_height(columns))
}
