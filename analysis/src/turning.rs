//! Turning points of every cell: one row per cell, layer, observable and rule.
//!
//! Invariants: a cell that diverged or failed has that word as its status, whatever its curves did before, and one that
//! has no such series (the training block lacks the class, or the network the layer) `absent`, so that the statuses of
//! a group add up to its cells; `epoch` and `epsilon_star` are `None` and NaN unless the status is found.
//!
//! With more than two classes there are two more observables, which stand for all of them: the mean radius over the
//! classes and the mean distance over the pairs of classes that the training block holds ([`mean_of_measured`]). They
//! are then the principal ones: what is true of the classes 0 and 1 need not be true of the others.
//! Cells are read in slabs and searched in parallel.

use ndarray::{Array4, ArrayD, Ix2, Ix4, s};
use phasesweep_results::variables::{DISTANCE, RADIUS, TRAIN_ERROR};
use rayon::prelude::*;

use crate::error::Result;
use crate::options::Options;
use crate::principal::{is_measured, mean_of_measured};
use crate::results::{Results, Status};
use crate::turning_point::{Extremum, Verdict, by_first_rise, by_prominence};

/// Bytes of measurements read at a time.
pub const SLAB_BYTES: usize = 256 << 20;

/// How a turning point is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// An extremum with two-sided prominence.
    Prominence,
    /// The first epoch after the burn-in at which the trend reverses (the authors' stopping rule).
    FirstRise,
}

impl Rule {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Rule::Prominence => "prominence",
            Rule::FirstRise => "first-rise",
        }
    }
}

/// One row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TurningPoint {
    /// Index of the cell.
    pub cell: usize,
    /// Index of the layer.
    pub layer: usize,
    /// Index of the observable in [`TurningPoints::observables`].
    pub observable: usize,
    /// Rule.
    pub rule: Rule,
    /// `found`, `edge`, `none`, `absent`, `diverged`, `failed` or `missing`.
    pub status: &'static str,
    /// t*.
    pub epoch: Option<i64>,
    /// Training error at t*.
    pub epsilon_star: f64,
}

/// Where the values of an observable come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Series {
    /// The radius of the class at that place.
    Radius(usize),
    /// The distance of the pair of classes at that place.
    Distance(usize),
    /// The mean radius over all classes.
    MeanRadius,
    /// The mean distance over all pairs of classes.
    MeanDistance,
}

impl Series {
    /// Whether it is a radius, or a mean of radii.
    pub fn is_radius(self) -> bool {
        matches!(self, Series::Radius(_) | Series::MeanRadius)
    }

    /// Whether it stands for all classes.
    pub fn is_mean(self) -> bool {
        matches!(self, Series::MeanRadius | Series::MeanDistance)
    }

    /// Which way it turns.
    fn extremum(self) -> Extremum {
        if self.is_radius() { Extremum::Minimum } else { Extremum::Maximum }
    }

    /// Its values along the epochs, at a layer of the cell at a place of the slabs of `radius` and `distance`; `None` if
    /// the file lacks the variable.
    pub fn values(self, slabs: &Manifolds, place: usize, layer: usize) -> Option<Vec<f32>> {
        let all = |slab: &Option<Array4<f32>>| -> Option<Vec<Vec<f32>>> {
            let of_layer = slab.as_ref()?.slice(s![place, layer, .., ..]).to_owned();
            Some(of_layer.rows().into_iter().map(|row| row.to_vec()).collect())
        };
        let one = |slab: &Option<Array4<f32>>, at: usize| Some(slab.as_ref()?.slice(s![place, layer, at, ..]).to_vec());
        let mean = |rows: Vec<Vec<f32>>| mean_of_measured(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>());
        match self {
            Series::Radius(class) => one(&slabs.radius, class),
            Series::Distance(pair) => one(&slabs.distance, pair),
            Series::MeanRadius => all(&slabs.radius).map(mean),
            Series::MeanDistance => all(&slabs.distance).map(mean),
        }
    }
}

/// Radii and distances of some cells, `[cell, layer, class or pair, epoch]`.
#[derive(Debug)]
pub struct Manifolds {
    radius: Option<Array4<f32>>,
    distance: Option<Array4<f32>>,
}

impl Manifolds {
    /// Reads those of some cells.
    pub fn read(results: &Results, cells: std::ops::Range<usize>) -> Result<Manifolds> {
        let whole = |slab: Option<ArrayD<f32>>| slab.and_then(|a| a.into_dimensionality::<Ix4>().ok());
        Ok(Manifolds {
            radius: whole(results.slab(RADIUS.name, cells.clone())?),
            distance: whole(results.slab(DISTANCE.name, cells)?),
        })
    }
}

/// All rows.
#[derive(Debug, Clone, Default)]
pub struct TurningPoints {
    /// Names: `radius_0` …, then `distance`, or for more than two classes `distance_0_1` …, `radius_mean` and
    /// `distance_mean`.
    pub observables: Vec<String>,
    /// Where the values of each come from.
    pub series: Vec<Series>,
    /// Number of layers.
    pub layers: usize,
    /// Rows, by cell, layer, observable and rule: every cell has one of each.
    pub rows: Vec<TurningPoint>,
}

impl TurningPoints {
    /// Rows of one layer, observable and rule, in the order of cells.
    pub fn of(&self, layer: usize, observable: usize, rule: Rule) -> impl Iterator<Item = &TurningPoint> {
        self.rows.iter().skip(self.offset(layer, observable, rule)).step_by(self.stride())
    }

    /// The row of one cell.
    pub fn at(&self, cell: usize, layer: usize, observable: usize, rule: Rule) -> Option<&TurningPoint> {
        self.rows.get(cell * self.stride() + self.offset(layer, observable, rule))
    }

    /// Rows of a cell; at least 1, so that it can be a step.
    fn stride(&self) -> usize {
        (self.layers * self.observables.len() * 2).max(1)
    }

    fn offset(&self, layer: usize, observable: usize, rule: Rule) -> usize {
        (layer * self.observables.len() + observable) * 2 + usize::from(rule == Rule::FirstRise)
    }

    /// The observable that stands for the inversion where one must: the distance if it was measured, else the first
    /// radius; with more than two classes the mean over all of them.
    pub fn principal(&self) -> Option<usize> {
        let first = |wanted: &dyn Fn(Series) -> bool| self.series.iter().position(|&series| wanted(series));
        first(&|series| series == Series::MeanDistance)
            .or_else(|| first(&|series| !series.is_radius()))
            .or_else(|| first(&|series| series == Series::MeanRadius))
            .or(if self.observables.is_empty() { None } else { Some(0) })
    }
}

/// Names of the observables that a file holds, and where the values of each come from.
pub fn observables(results: &Results) -> Vec<(String, Series)> {
    let many = results.classes.len() > 2;
    let radii = results.classes.iter().filter(|_| results.has(RADIUS.name)).enumerate();
    let pairs = results.pairs.iter().filter(|_| results.has(DISTANCE.name)).enumerate();
    let distance = |pair: &String| match results.pairs.len() {
        1 => "distance".to_owned(),
        _ => format!("distance_{}", pair.replace('-', "_")),
    };
    let mut out: Vec<(String, Series)> =
        radii.map(|(place, class)| (format!("radius_{class}"), Series::Radius(place))).collect();
    out.extend(pairs.map(|(place, pair)| (distance(pair), Series::Distance(place))));
    for (variable, mean) in [("radius", Series::MeanRadius), ("distance", Series::MeanDistance)] {
        if many && results.has(variable) {
            out.push((format!("{variable}_mean"), mean));
        }
    }
    out
}

/// How an observable is written in figures.
pub fn symbol(name: &str) -> String {
    const SUBSCRIPTS: [char; 10] = ['₀', '₁', '₂', '₃', '₄', '₅', '₆', '₇', '₈', '₉'];
    let lowered =
        |text: &str| text.chars().map(|c| c.to_digit(10).map_or(c, |d| SUBSCRIPTS[d as usize])).collect::<String>();
    match name.split_once('_') {
        Some(("radius", "mean")) => "R̄".to_owned(),
        Some(("distance", "mean")) => "D̄".to_owned(),
        Some(("radius", class)) => format!("R{}", lowered(class)),
        Some(("distance", pair)) => format!("D{}", lowered(&pair.replace('_', ","))),
        _ if name == "distance" => "D".to_owned(),
        _ => name.to_owned(),
    }
}

/// What the means are, for who reads of them; `None` with two classes.
pub fn note_on_means(points: &TurningPoints) -> Option<String> {
    points.series.iter().any(|series| series.is_mean()).then(|| {
        "With more than two classes the inversion is judged by means: R̄ (radius_mean) and D̄ (distance_mean) are at each \
         epoch the arithmetic means of the radii over all classes, and of the distances over all pairs of classes, of \
         which the training block holds samples."
            .to_owned()
    })
}

/// Searches every cell.
pub fn search(results: &Results, options: &Options) -> Result<TurningPoints> {
    let kinds = observables(results);
    let (observables, series): (Vec<String>, Vec<Series>) = kinds.iter().cloned().unzip();
    let mut out = TurningPoints { observables, series, layers: results.layers.len(), rows: Vec::new() };
    if kinds.is_empty() || !results.has(TRAIN_ERROR.name) {
        return Ok(out);
    }
    let epochs: Vec<usize> = results.epochs.iter().map(|epoch| (*epoch).max(0) as usize).collect();
    for range in results.slabs(SLAB_BYTES) {
        let error = results.slab(TRAIN_ERROR.name, range.clone())?.and_then(|a| a.into_dimensionality::<Ix2>().ok());
        let manifolds = Manifolds::read(results, range.clone())?;
        let Some(error) = error else { continue };
        let rows: Vec<Vec<TurningPoint>> = range
            .clone()
            .into_par_iter()
            .map(|cell| {
                let place = cell - range.start;
                let mut rows = Vec::with_capacity(results.layers.len() * kinds.len() * 2);
                for layer in 0..results.layers.len() {
                    for (observable, (_, series)) in kinds.iter().enumerate() {
                        let Some(values) = series.values(&manifolds, place, layer) else { continue };
                        for rule in [Rule::Prominence, Rule::FirstRise] {
                            let verdict = match rule {
                                _ if !is_measured(&values) => None,
                                Rule::Prominence => {
                                    Some(by_prominence(&epochs, &values, series.extremum(), options.prominence))
                                }
                                Rule::FirstRise => {
                                    Some(by_first_rise(&epochs, &values, series.extremum(), options.burn_in))
                                }
                            };
                            let at = |index: usize| f64::from(error[[place, index]]);
                            let (status, epoch, epsilon_star) = outcome(results.cells.status[cell], verdict, at);
                            rows.push(TurningPoint { cell, layer, observable, rule, status, epoch, epsilon_star });
                        }
                    }
                }
                rows
            })
            .collect();
        out.rows.extend(rows.into_iter().flatten());
    }
    Ok(out)
}

/// `verdict` is `None` where there is no such series.
fn outcome(status: Status, verdict: Option<Verdict>, error: impl Fn(usize) -> f64) -> (&'static str, Option<i64>, f64) {
    match (status, verdict) {
        (Status::Failed, _) => ("failed", None, f64::NAN),
        (Status::Missing, _) => ("missing", None, f64::NAN),
        (Status::Diverged, _) => ("diverged", None, f64::NAN),
        (Status::Complete, None) => ("absent", None, f64::NAN),
        (Status::Complete, Some(Verdict::Found(turn))) => ("found", Some(turn.epoch as i64), error(turn.index)),
        (Status::Complete, Some(other)) => (other.status(), None, f64::NAN),
    }
}
