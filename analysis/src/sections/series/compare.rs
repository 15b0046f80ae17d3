//! When each series turns, and at which training error beside that of the observable that the report is about.
//!
//! The comparison is made cell by cell: ratio = training error at the series' turning point over that at the principal
//! observable's. Invariants: pruned cells take no part, nor does a cell in which either does not turn; where that leaves fewer
//! than half of a group's cells nothing is judged, since they are a selection; a series that is
//! measured at few epochs is not called other than the principal one for turning between two measurements: its turning
//! point lies somewhere from the measurement before to the one after, and the judgement counts with the training errors
//! in all of that time.

use crate::groups::Groups;
use crate::options::Options;
use crate::results::{Results, Unit};
use crate::statistics::interval::{Interval, mean_interval};
use crate::statistics::moments::{mean, median, standard_deviation};
use crate::turning::series::{AllSeries, principal};
use crate::turning::{Rule, TurningPoint, TurningPoints, symbol};
use crate::turning_point::Extremum;

/// What the ratio's interval says beside the tolerance: two one-sided tests (Schuirmann 1987).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The interval, with what lies between measurements, is within the tolerance of 1.
    Same,
    /// It lies wholly outside.
    Other,
    /// Neither.
    Undecided,
}

impl Moment {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Moment::Same => "same",
            Moment::Other => "other",
            Moment::Undecided => "undecided",
        }
    }
}

/// One series in one group.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Index of the group.
    pub group: usize,
    /// Name of the series.
    pub name: String,
    /// Its place among all series; `None` of class manifolds.
    pub series: Option<usize>,
    /// Unpruned cells of the group.
    pub cells: usize,
    /// Those in which it falls, then rises.
    pub minima: usize,
    /// Those in which it rises, then falls.
    pub maxima: usize,
    /// What its moments are counted in.
    pub unit: Unit,
    /// Median epoch or step of the turning points.
    pub epoch: f64,
    /// Mean training error there, its standard deviation, and the interval of the mean.
    pub star: (f64, f64, Interval),
    /// Cells in which the principal observable turns too.
    pub paired: usize,
    /// Mean ratio to the principal observable's training error, with its interval.
    pub ratio: (f64, Interval),
    /// The least and the greatest mean ratio that the series may have had between its measurements.
    pub bracket: [f64; 2],
    /// What follows; `None` where fewer than half of the cells can be compared, and of the principal observable itself.
    pub moment: Option<Moment>,
    /// Mean of the first and of the last measured value; NaN of class manifolds.
    pub ends: [f64; 2],
}

impl Row {
    /// Whether it turns in at least half of the cells.
    pub fn turns(&self) -> bool {
        self.cells > 0 && 2 * (self.minima + self.maxima) >= self.cells
    }
}

/// Name of the observable that the report is about, as figures write it.
pub fn principal_name(points: &TurningPoints, all: &AllSeries) -> Option<String> {
    principal(points, all).map(|(of, place)| symbol(&of.observables[place]))
}

/// Compares every series in every group, class manifolds first: of more than two classes only their means.
pub fn compare(
    results: &Results,
    groups: &Groups,
    points: &TurningPoints,
    all: &AllSeries,
    options: &Options,
) -> Vec<Row> {
    let whole = results.cells.unpruned();
    let reference = principal(points, all);
    let star = |cell: usize| {
        let (of, place) = reference?;
        of.at(cell, 0, place, Rule::Prominence).map(|row| row.epsilon_star).filter(|star| star.is_finite())
    };
    let mut out = Vec::new();
    for (group, cells) in groups.all.iter().enumerate() {
        let cells: Vec<usize> = cells.cells.iter().copied().filter(|&cell| whole[cell]).collect();
        if cells.is_empty() {
            continue;
        }
        let any_mean = points.manifolds.iter().any(|manifold| manifold.is_mean());
        for layer in 0..points.layers.len() {
            let shown = |place: &usize| !any_mean || points.manifolds[*place].is_mean();
            for place in (0..points.manifolds.len()).filter(shown) {
                let of = |cell: usize| points.at(cell, layer, place, Rule::Prominence);
                let itself = layer == 0 && all.points.principal.is_none() && points.principal == Some(place);
                let name = match (points.layers.len(), points.layers[layer]) {
                    (2.., Some(number)) => format!("{}, hidden layer {number}", points.observables[place]),
                    _ => points.observables[place].clone(),
                };
                out.push(row(group, name, None, &cells, &of, &|_| None, &star, itself, options));
            }
        }
        for place in 0..all.all.len() {
            let of = |cell: usize| all.points.at(cell, 0, place, Rule::Prominence);
            let bracket = |cell: usize| Some([0, 1].map(|end| f64::from(all.brackets[end][[cell, place]])));
            let itself = all.points.principal == Some(place);
            let name = all.points.observables[place].clone();
            let mut made = row(group, name, Some(place), &cells, &of, &bracket, &star, itself, options);
            made.unit = all.unit(place);
            made.ends = [0, 1].map(|end| {
                let values = cells.iter().map(|&cell| f64::from(all.ends[end][[cell, place]]));
                mean(&values.filter(|value| value.is_finite()).collect::<Vec<_>>())
            });
            // What a group's networks or data do not have is no row of theirs.
            if made.ends[0].is_finite() {
                out.push(made);
            }
        }
    }
    out
}

#[allow(clippy::too_many_arguments, reason = "a row is made of all of these and nothing less")]
fn row<'p>(
    group: usize,
    name: String,
    series: Option<usize>,
    cells: &[usize],
    of: &dyn Fn(usize) -> Option<&'p TurningPoint>,
    bracket: &dyn Fn(usize) -> Option<[f64; 2]>,
    star: &dyn Fn(usize) -> Option<f64>,
    itself: bool,
    options: &Options,
) -> Row {
    let found: Vec<&TurningPoint> =
        cells.iter().filter_map(|&cell| of(cell)).filter(|row| row.status == "found").collect();
    let turned = |extremum| found.iter().filter(|row| row.extremum == Some(extremum)).count();
    let stars: Vec<f64> = found.iter().map(|row| row.epsilon_star).filter(|star| star.is_finite()).collect();
    let epochs: Vec<f64> = found.iter().filter_map(|row| row.epoch).map(|epoch| epoch as f64).collect();
    let mut ratios: [Vec<f64>; 3] = Default::default();
    for row in found.iter().filter(|row| row.epsilon_star.is_finite()) {
        let Some(reference) = star(row.cell).filter(|star| *star > 0.0) else { continue };
        let [least, greatest] = bracket(row.cell).unwrap_or([row.epsilon_star; 2]);
        for (to, error) in ratios.iter_mut().zip([row.epsilon_star, least, greatest]) {
            to.push(error / reference);
        }
    }
    let [ratios, least, greatest] = ratios;
    // Ratios that are all equal have no interval, but a place.
    let bounds = |values: &[f64]| {
        let interval = mean_interval(values);
        if interval.is_known() { interval } else { Interval { low: mean(values), high: mean(values) } }
    };
    let (low, high) = (bounds(&least).low, bounds(&greatest).high);
    let within = |ratio: f64| (ratio - 1.0).abs() <= options.tolerance;
    let moment = match ratios.len() {
        0 => None,
        _ if itself || 2 * ratios.len() < cells.len() => None,
        1 => Some(Moment::Undecided),
        _ if within(low) && within(high) => Some(Moment::Same),
        _ if low > 1.0 + options.tolerance || high < 1.0 - options.tolerance => Some(Moment::Other),
        _ => Some(Moment::Undecided),
    };
    Row {
        group,
        name,
        series,
        cells: cells.len(),
        minima: turned(Extremum::Minimum),
        maxima: turned(Extremum::Maximum),
        unit: Unit::Epoch,
        epoch: median(&epochs),
        star: (mean(&stars), standard_deviation(&stars), mean_interval(&stars)),
        paired: ratios.len(),
        ratio: (mean(&ratios), mean_interval(&ratios)),
        bracket: [mean(&least), mean(&greatest)],
        moment,
        ends: [f64::NAN; 2],
    }
}
