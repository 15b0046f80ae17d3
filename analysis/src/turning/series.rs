//! Turning points of every other series that a file holds along training: of whatever was measured at epochs or steps of its
//! own.
//!
//! A series is a variable at one label of each of its dimensions other than the cell and the epoch: `weight_norm[2]` is the
//! norm of layer 2. Of more than two classes or pairs of classes the series is their mean, as it is of class manifolds.
//! Invariants: a series belongs to one variable, and the series of a variable stand together; which way a series turns is
//! said by [`Turning`], and where it may turn either way the more prominent of its turning points counts; the rule is that
//! of prominence alone, since a first rise after a burn-in in epochs means nothing between measurements that are far apart.

use std::ops::Range;

use ndarray::Array2;
use phasesweep_results::dimension::{CLASS, EPOCH, LC_EPOCH, PAIR, PGD_EPOCH};
use phasesweep_results::variables::{DISTANCE, MISCLASSIFIED_COUNT, NOISE_ERROR, RADIUS, TRAIN_ERROR, TRAIN_LOSS};
use rayon::prelude::*;

use super::known_errors::known_errors;
use super::{Rule, SLAB_BYTES, TurningPoint, TurningPoints, outcome};
use crate::error::Result;
use crate::options::{Options, Turning};
use crate::principal::{is_measured, mean_of_measured};
use crate::results::{AlongTraining, Results, Status, Unit};
use crate::turning_point::{Extremum, Verdict, by_prominence};

/// What is no series of its own: what a turning point is read against, what the search of class manifolds has, and errors
/// of estimates.
const NO_SERIES: [&str; 13] = [
    TRAIN_ERROR.name,
    TRAIN_LOSS.name,
    RADIUS.name,
    DISTANCE.name,
    MISCLASSIFIED_COUNT.name,
    NOISE_ERROR.name,
    "local_complexity_quantile",
    "neighbourhood_regions_quantile",
    "neighbourhood_units_quantile",
    "neighbourhood_cut_quantile",
    "hessian_residual",
    "hessian_trace_error",
    "noise_curvature_error",
];

/// Series of one variable at most: more are no figure and no table.
const MOST_SERIES: usize = 4096;

/// A variable of the file, and its series.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Name of the variable.
    pub name: String,
    /// What it is.
    pub long_name: String,
    /// Its units.
    pub units: String,
    /// What its moments are counted in.
    pub unit: Unit,
    /// The epochs or steps at which it was measured, ascending.
    pub epochs: Vec<i64>,
    /// Whether no other section draws it.
    pub is_drawn: bool,
    /// Its series: places in [`AllSeries::all`].
    pub series: Range<usize>,
}

/// One series.
#[derive(Debug, Clone)]
pub struct Series {
    /// Its labels, in words: "weight layer 2"; empty where the variable has one series alone.
    pub label: String,
    /// Places of its values among the variable's series of a cell; several where it is their mean.
    places: Vec<usize>,
    /// Which way it turns.
    turning: Turning,
}

/// Every series of a file, and its turning points.
#[derive(Debug, Clone, Default)]
pub struct AllSeries {
    /// The variables.
    pub variables: Vec<Measured>,
    /// Their series.
    pub all: Vec<Series>,
    /// The turning points: an observable for each series, in one layer that is none.
    pub points: TurningPoints,
    /// Variables of too many series, in sentences.
    pub left_out: Vec<String>,
    /// First and last measured value of each series in each cell, `[cell, series]`; NaN where there is none.
    pub ends: [Array2<f32>; 2],
    /// Least and greatest training error recorded between the measurements before and after the turning point, `[cell,
    /// series]`: the turning point itself lies somewhere between them. NaN where there is none.
    pub brackets: [Array2<f32>; 2],
}

impl AllSeries {
    /// What a series' moments are counted in.
    pub fn unit(&self, series: usize) -> Unit {
        self.variable(series).map_or(Unit::Epoch, |variable| variable.unit)
    }

    /// Whether any series was measured at steps.
    pub fn any_at_steps(&self) -> bool {
        self.variables.iter().any(|variable| variable.unit == Unit::Step)
    }

    /// The variable of a series.
    pub fn variable(&self, series: usize) -> Option<&Measured> {
        self.variables.iter().find(|variable| variable.series.contains(&series))
    }
}

/// Values of a variable's series in some cells.
#[derive(Debug)]
pub struct Slab {
    values: Vec<f32>,
    /// Values of a cell.
    of_cell: usize,
    epochs: usize,
}

impl Slab {
    /// Reads a variable of some cells.
    ///
    /// # Errors
    /// What keeps it from being read.
    pub fn read(results: &Results, variable: &Measured, cells: Range<usize>) -> Result<Option<Slab>> {
        let slab = results.slab(&variable.name, cells)?;
        Ok(slab.map(|slab| Slab {
            of_cell: slab.shape().iter().skip(1).product(),
            epochs: variable.epochs.len(),
            values: slab.into_iter().collect(),
        }))
    }

    /// A series along the epochs, of the cell at a place of the slab.
    pub fn values(&self, cell: usize, series: &Series) -> Vec<f32> {
        let first = |place: &usize| cell * self.of_cell + place * self.epochs;
        let row = |place: &usize| self.values.get(first(place)..first(place) + self.epochs);
        let rows: Vec<&[f32]> = series.places.iter().filter_map(row).collect();
        mean_of_measured(&rows)
    }
}

/// The observable that the report is about, where there is one: its search and its place there.
pub fn principal<'a>(points: &'a TurningPoints, all: &'a AllSeries) -> Option<(&'a TurningPoints, usize)> {
    let of_series = all.points.principal.map(|place| (&all.points, place));
    of_series.or_else(|| points.principal.filter(|_| !points.layers.is_empty()).map(|place| (points, place)))
}

/// The variables of a file that hold series.
fn held(results: &Results) -> Result<impl Iterator<Item = AlongTraining>> {
    let along = results.along_training()?;
    Ok(along.into_iter().filter(|measured| !NO_SERIES.contains(&measured.name.as_str())))
}

/// Whether no section of its own draws a variable.
fn is_drawn(measured: &AlongTraining) -> bool {
    let elsewhere = [LC_EPOCH, PGD_EPOCH].iter().any(|dim| {
        measured.epochs_name == dim.name || dim.name_in_steps().is_some_and(|steps| measured.epochs_name == steps)
    });
    !elsewhere && measured.epochs_name != EPOCH.name
}

/// Whether a file holds a series that no other section draws.
///
/// # Errors
/// What keeps the file from being read.
pub fn any_is_drawn(results: &Results) -> Result<bool> {
    Ok(held(results)?.any(|measured| is_drawn(&measured)))
}

/// Searches every cell. Nothing is searched where a file holds no series that another section does not draw, unless the
/// report is about one.
///
/// # Errors
/// What keeps the file from being read.
pub fn search(results: &Results, options: &Options) -> Result<AllSeries> {
    let mut out = AllSeries::default();
    for measured in held(results)? {
        add(&mut out, measured, options);
    }
    let is_principal = options.principal.as_deref().is_some_and(|name| out.points.called(name).is_some());
    if !(is_principal || out.variables.iter().any(|variable| variable.is_drawn)) {
        return Ok(AllSeries { left_out: out.left_out, ..AllSeries::default() });
    }
    let (cells, count) = (results.cells.len(), out.all.len());
    out.points.layers = vec![None];
    out.points.rules = &[Rule::Prominence];
    let nothing = || [Array2::from_elem((cells, count), f32::NAN), Array2::from_elem((cells, count), f32::NAN)];
    (out.ends, out.brackets) = (nothing(), nothing());
    let mut rows: Vec<Option<TurningPoint>> = vec![None; cells * count];
    for variable in &out.variables {
        let epochs: Vec<usize> = variable.epochs.iter().map(|epoch| (*epoch).max(0) as usize).collect();
        let of_cell: usize = results.shape(&variable.name).iter().flatten().skip(1).product();
        let at_once = (SLAB_BYTES / (4 * of_cell.max(1))).max(1);
        for start in (0..cells).step_by(at_once) {
            let range = start..(start + at_once).min(cells);
            let Some(slab) = Slab::read(results, variable, range.clone())? else { continue };
            let known = known_errors(results, variable.unit, range.clone())?;
            let found: Vec<(TurningPoint, [f32; 2], [f32; 2])> = range
                .clone()
                .into_par_iter()
                .flat_map_iter(|cell| variable.series.clone().map(move |series| (cell, series)))
                .map(|(cell, observable)| {
                    let series = &out.all[observable];
                    let values = slab.values(cell - range.start, series);
                    let verdict = is_measured(&values).then(|| verdict(&epochs, &values, series.turning, options));
                    let (status, turn) = outcome(results.cells.status[cell], verdict);
                    let errors = &known[cell - range.start];
                    let star = |index: usize| errors.at(*variable.epochs.get(index)?).map(f64::from);
                    let bracket = |index: usize| {
                        let is_measured = |&at: &usize| values[at].is_finite();
                        let before = (0..index).rev().find(is_measured)?;
                        let after = (index + 1..values.len()).find(is_measured)?;
                        errors.between(variable.epochs[before], variable.epochs[after])
                    };
                    let point = TurningPoint {
                        cell,
                        layer: 0,
                        observable,
                        rule: Rule::Prominence,
                        status,
                        epoch: turn.map(|(_, turn)| turn.epoch as i64),
                        epsilon_star: turn.and_then(|(_, turn)| star(turn.index)).unwrap_or(f64::NAN),
                        extremum: turn.map(|(extremum, _)| extremum),
                        value: turn.map_or(f64::NAN, |(_, turn)| turn.value),
                    };
                    let is_complete = results.cells.status[cell] == Status::Complete;
                    let bracket = turn.and_then(|(_, turn)| bracket(turn.index)).unwrap_or([f32::NAN; 2]);
                    let mut measured = values.into_iter().filter(|value| is_complete && value.is_finite());
                    let first = measured.next().unwrap_or(f32::NAN);
                    (point, [first, measured.next_back().unwrap_or(first)], bracket)
                })
                .collect();
            for (point, [first, last], [least, greatest]) in found {
                let place = (point.cell, point.observable);
                (out.ends[0][place], out.ends[1][place]) = (first, last);
                (out.brackets[0][place], out.brackets[1][place]) = (least, greatest);
                rows[point.cell * count + point.observable] = Some(point);
            }
        }
    }
    out.points.rows = rows.into_iter().flatten().collect();
    Ok(out)
}

/// Adds the series of a variable.
fn add(out: &mut AllSeries, measured: AlongTraining, options: &Options) {
    let of_classes = |dimension: &str, labels: usize| [CLASS.name, PAIR.name].contains(&dimension) && labels > 2;
    let lengths = measured.dimensions.iter().map(|(name, labels)| match of_classes(name, labels.len()) {
        true => 1,
        false => labels.len(),
    });
    let count = lengths.fold(1_usize, usize::saturating_mul);
    if count > MOST_SERIES {
        out.left_out.push(format!(
            "{} holds {count} series along training: more than {MOST_SERIES} are not searched for turning points.",
            measured.name
        ));
        return;
    }
    // Each dimension's choices: words, the label in the name, and what of the dimension they take.
    let mut series: Vec<(Vec<String>, Vec<String>, Vec<usize>)> = vec![(Vec::new(), Vec::new(), vec![0])];
    for (dimension, labels) in &measured.dimensions {
        let along =
            |places: &[usize], label: usize| places.iter().map(|at| at * labels.len() + label).collect::<Vec<_>>();
        let is_of_classes = of_classes(dimension, labels.len());
        series = series
            .into_iter()
            .flat_map(|(words, names, places)| {
                let of_all = |_: ()| {
                    let all = (0..labels.len()).flat_map(|label| along(&places, label)).collect();
                    (words.clone(), [names.clone(), vec!["mean".to_owned()]].concat(), all)
                };
                let of = |label: usize| {
                    let (mut words, mut names) = (words.clone(), names.clone());
                    if labels.len() > 1 {
                        words.push(format!("{} {}", dimension.replace('_', " "), labels[label]));
                        names.push(labels[label].clone());
                    }
                    (words, names, along(&places, label))
                };
                match is_of_classes {
                    true => vec![of_all(())],
                    false => (0..labels.len()).map(of).collect(),
                }
            })
            .collect();
    }
    let first = out.all.len();
    for (words, names, places) in series {
        let name = match names.as_slice() {
            [] => measured.name.clone(),
            names => format!("{}[{}]", measured.name, names.join(",")),
        };
        let turning = [&name, &measured.name].into_iter().find_map(|name| options.turning.get(name).copied());
        out.points.observables.push(name);
        out.all.push(Series { label: words.join(", "), places, turning: turning.unwrap_or(Turning::Either) });
    }
    let is_drawn = is_drawn(&measured);
    out.variables.push(Measured {
        name: measured.name,
        long_name: measured.long_name,
        units: measured.units,
        unit: measured.unit,
        epochs: measured.epochs,
        is_drawn,
        series: first..out.all.len(),
    });
}

/// Whether and where a series turns, the way that it may; of both ways the more prominent one.
fn verdict(epochs: &[usize], values: &[f32], turning: Turning, options: &Options) -> (Extremum, Verdict) {
    let of = |extremum| (extremum, by_prominence(epochs, values, extremum, options.prominence));
    match turning {
        Turning::Minimum => of(Extremum::Minimum),
        Turning::Maximum => of(Extremum::Maximum),
        Turning::Either => {
            let (low, high) = (of(Extremum::Minimum), of(Extremum::Maximum));
            let prominence = |(_, verdict): &(Extremum, Verdict)| verdict.turn().map(|turn| turn.prominence);
            match (prominence(&low), prominence(&high)) {
                (Some(a), Some(b)) if a >= b => low,
                (_, Some(_)) => high,
                (Some(_), None) => low,
                // A series that only rises, or only falls, is at its least and at its greatest at the ends.
                (None, None) if low.1 == Verdict::Edge => low,
                (None, None) => high,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(values: &[f32], turning: Turning) -> (Extremum, Option<(usize, f64)>, &'static str) {
        let (extremum, verdict) = verdict(&[0, 10, 20, 30, 40], values, turning, &Options::default());
        (extremum, verdict.turn().map(|turn| (turn.epoch, turn.prominence)), verdict.status())
    }

    #[test]
    fn of_two_turns_the_more_prominent_one_counts_unless_one_way_is_named() {
        // It falls by 1 and rises by 3; then falls by 2: the minimum's prominence is 1, the maximum's 2.
        let values = [3.0, 2.0, 5.0, 4.0, 3.0];
        assert_eq!(turn(&values, Turning::Either), (Extremum::Maximum, Some((20, 2.0)), "found"));
        assert_eq!(turn(&values, Turning::Maximum), (Extremum::Maximum, Some((20, 2.0)), "found"));
        assert_eq!(turn(&values, Turning::Minimum), (Extremum::Minimum, Some((10, 1.0)), "found"));
    }

    #[test]
    fn what_only_rises_turns_at_an_edge_if_at_all() {
        let rising = [1.0, 2.0, 3.0, 4.0, 5.0];
        assert_eq!(turn(&rising, Turning::Either).2, "edge");
        assert_eq!(turn(&[2.0; 5], Turning::Either).2, "none");
    }
}
