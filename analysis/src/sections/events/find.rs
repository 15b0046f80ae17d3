//! The events of every cell, and what the clocks show at each: the inversion, the turning points of other series, and null
//! events, which have nothing to do with class manifolds.
//!
//! Invariants: an event that did not happen in a cell has no reading there; pruned cells have none, nor have cells that are
//! not complete; what is least, or crosses a level, at the first epoch or where the search ends did not happen there. A level
//! is that of a block of data: the claim is on the same data.

use std::collections::HashMap;

use phasesweep_results::variables::TEST_ERROR;
use rayon::prelude::*;

use super::clocks::{Clock, Clocks, NONE, Reading};
use crate::error::Result;
use crate::options::Options;
use crate::results::{Results, Status, Unit};
use crate::stability::spread::plain_rates;
use crate::statistics::additive::compress;
use crate::statistics::moments::{mean, median};
use crate::tables::text::significant;
use crate::turning::series::{AllSeries, principal};
use crate::turning::{Rule, SLAB_BYTES, TurningPoints, symbol};
use crate::turning_point::Extremum;

/// What kind of event it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Class manifolds turn.
    Manifold,
    /// Another series turns.
    Series,
    /// The test error is least.
    LeastTestError,
    /// The training loss falls to a level.
    LossLevel,
    /// The training error falls to a level: the check, which spreads by the discreteness of epochs alone.
    ErrorLevel,
    /// A time goes by.
    FixedTime,
}

impl Kind {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Manifold => "manifold",
            Kind::Series => "series",
            Kind::LeastTestError => "least test error",
            Kind::LossLevel => "loss level",
            Kind::ErrorLevel => "error level",
            Kind::FixedTime => "fixed time",
        }
    }
}

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// What the clocks show at it, by cell.
    pub readings: Vec<Reading>,
    /// How finely its training error is known, by cell: the standard deviation of an error that lies anywhere between
    /// the measurements before and after it, (ε_before − ε_after)/√12, as a share of it.
    pub resolution: Vec<f64>,
}

/// All events of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Events {
    /// The events; the first is what the report is about.
    pub all: Vec<Event>,
    /// Name of what the report is about, as sentences write it.
    pub symbol: String,
    /// Block of data of each cell, by number.
    pub block: Vec<usize>,
    /// Whether cells of plain gradient descent were searched up to one flow time, since they trained for different ones.
    pub is_cut: bool,
}

/// Finds the events; `None` where the report is about nothing that turns, or no training error was recorded.
///
/// # Errors
/// What keeps the file from being read.
pub fn find(results: &Results, points: &TurningPoints, all: &AllSeries, options: &Options) -> Result<Option<Events>> {
    let Some((of, place)) = principal(points, all) else { return Ok(None) };
    let count = results.cells.len();
    let Some(_) = Clocks::read(results, 0..count.min(1))? else { return Ok(None) };
    let whole = results.cells.unpruned();
    let takes_part: Vec<bool> =
        (0..count).map(|cell| whole[cell] && results.cells.status[cell] == Status::Complete).collect();
    let block = blocks(results);
    let turned = turning(points, all, &takes_part, (of, place));
    let reference: Vec<Option<i64>> =
        (0..count).map(|cell| of.at(cell, 0, place, Rule::Prominence).and_then(|row| row.epoch)).collect();
    let (horizon, is_cut) = horizon(results, &block, &takes_part);
    let fixed = fixed_time(results, &block, &reference);

    // What stands at an epoch that is known before the clocks are read.
    let mut out: Vec<Event> =
        turned.iter().map(|turned| Event::none(turned.name.clone(), turned.kind, count)).collect();
    let mut least = Event::none("least test error".into(), Kind::LeastTestError, count);
    let mut time = Event::none("fixed time".into(), Kind::FixedTime, count);
    for range in results.slabs(SLAB_BYTES) {
        let Some(clocks) = Clocks::read(results, range.clone())? else { continue };
        let of_cell = |cell: usize| {
            let row = cell - range.start;
            let at_place = |place: Option<usize>| {
                place.map(|place| (clocks.at(row, place), resolution(&clocks, row, Some(place))))
            };
            let mut all: Vec<Known> = (turned.iter())
                .map(|turned| {
                    let (moment, error, bracket) = (turned.of)(cell)?;
                    let reading = match turned.unit {
                        Unit::Epoch => clocks.at_epoch(row, moment),
                        Unit::Step => [error, f64::NAN, f64::NAN, f64::NAN],
                    };
                    let resolution = match bracket {
                        Some([low, high]) => (high - low) / 12f64.sqrt() / error,
                        None => resolution(&clocks, row, results.epochs.binary_search(&moment).ok()),
                    };
                    Some((reading, resolution))
                })
                .collect();
            let least = clocks.along(Clock::TestError, row).and_then(|test| {
                let end = horizon[cell].min(test.len());
                first_least(&test[..end])
            });
            all.push(at_place(least));
            all.push(at_place(fixed[cell]));
            (cell, all)
        };
        let parts: Vec<usize> = range.clone().filter(|&cell| takes_part[cell]).collect();
        let found: Vec<(usize, Vec<Known>)> = parts.into_par_iter().map(of_cell).collect();
        for (cell, all) in found {
            let events = out.iter_mut().chain([&mut least, &mut time]);
            for (event, (reading, resolution)) in events.zip(all).filter_map(|(event, known)| Some((event, known?))) {
                event.readings[cell] = reading;
                event.resolution[cell] = resolution;
            }
        }
    }
    out.push(least);
    out.push(time);
    out.extend(levels(results, &out[0], &block, &takes_part, options)?);
    // What never happens is no event of this file.
    let happens = |event: &Event| event.readings.iter().any(|reading| reading[0].is_finite());
    out.retain(happens);
    let symbol = symbol(&of.observables[place]);
    Ok((out.first().is_some_and(|event| event.name == turned[0].name)).then_some(Events {
        all: out,
        symbol,
        block,
        is_cut,
    }))
}

impl Event {
    fn none(name: String, kind: Kind, cells: usize) -> Event {
        Event { name, kind, readings: vec![NONE; cells], resolution: vec![f64::NAN; cells] }
    }
}

/// The block of data of each cell, by number: cells of one data source and one subsample.
fn blocks(results: &Results) -> Vec<usize> {
    let cells = &results.cells;
    let axes: Vec<&Vec<String>> = cells
        .axes
        .iter()
        .filter(|(name, _)| crate::stability::shifts::is_of_data(name))
        .map(|(_, labels)| labels)
        .collect();
    compress((0..cells.len()).map(|cell| axes.iter().map(|labels| labels[cell].as_str()).collect::<Vec<_>>()))
}

/// How finely the training error at a recorded epoch is known.
fn resolution(clocks: &Clocks, row: usize, place: Option<usize>) -> f64 {
    let Some(place) = place.filter(|place| *place > 0) else { return f64::NAN };
    let [before, at, after] = [place - 1, place, place + 1].map(|place| clocks.at(row, place)[0]);
    let after = if after.is_finite() { after } else { at };
    (before - after).abs() / 12f64.sqrt() / at
}

/// What is said of a cell's turning point: its moment, its training error, and the errors between measurements around it.
type Said = Option<(i64, f64, Option<[f64; 2]>)>;

/// A series that turns.
struct Turned<'a> {
    name: String,
    kind: Kind,
    unit: Unit,
    of: Box<dyn Fn(usize) -> Said + Send + Sync + 'a>,
}

/// Everything that turns, what the report is about first. Of a series that turns one way in some cells and the other way in
/// others, the way of most cells is the event.
fn turning<'a>(
    points: &'a TurningPoints,
    all: &'a AllSeries,
    takes_part: &[bool],
    (of, principal): (&TurningPoints, usize),
) -> Vec<Turned<'a>> {
    let mut out = Vec::new();
    let any_mean = points.manifolds.iter().any(|manifold| manifold.is_mean());
    for layer in 0..points.layers.len() {
        for place in (0..points.manifolds.len()).filter(|&place| !any_mean || points.manifolds[place].is_mean()) {
            let name = match (points.layers.len(), points.layers[layer]) {
                (2.., Some(number)) => format!("{}, hidden layer {number}", points.observables[place]),
                _ => points.observables[place].clone(),
            };
            let row = move |cell| points.at(cell, layer, place, Rule::Prominence);
            let of = move |cell| row(cell).and_then(|row| Some((row.epoch?, row.epsilon_star, None)));
            out.push(Turned { name, kind: Kind::Manifold, unit: Unit::Epoch, of: Box::new(of) });
        }
    }
    let is_of_manifolds = !of.manifolds.is_empty();
    let mut first = if is_of_manifolds { Some(of.observables[principal].clone()) } else { None };
    if is_of_manifolds && points.layers.len() > 1 {
        first = points.layers[0].map(|number| format!("{}, hidden layer {number}", of.observables[principal]));
    }
    for series in 0..all.all.len() {
        let name = &all.points.observables[series];
        // The test error has an event of its own, which knows no prominence.
        if name == TEST_ERROR.name {
            continue;
        }
        let row = move |cell| all.points.at(cell, 0, series, Rule::Prominence);
        let ways = |way: Extremum| {
            let cells = (0..takes_part.len()).filter(|&cell| takes_part[cell]);
            cells.filter(|&cell| row(cell).is_some_and(|row| row.extremum == Some(way))).count()
        };
        let way =
            if ways(Extremum::Minimum) >= ways(Extremum::Maximum) { Extremum::Minimum } else { Extremum::Maximum };
        let of = move |cell: usize| {
            let row = row(cell).filter(|row| row.extremum == Some(way))?;
            let bracket = [0, 1].map(|end| f64::from(all.brackets[end][[cell, series]]));
            Some((row.epoch?, row.epsilon_star, Some(bracket)))
        };
        let called = format!("{name} {}", way.name());
        if !is_of_manifolds && series == principal {
            first = Some(called.clone());
        }
        out.push(Turned { name: called, kind: Kind::Series, unit: all.unit(series), of: Box::new(of) });
    }
    if let Some(place) = out.iter().position(|turned| Some(&turned.name) == first.as_ref()) {
        out[..=place].rotate_right(1);
    }
    out
}

/// What the clocks show at an event of a cell, and how finely its training error is known; `None` where it did not happen.
type Known = Option<(Reading, f64)>;

/// Place of the first least value; `None` where that is the first or the last one.
fn first_least(values: &[f64]) -> Option<usize> {
    let finite = values.iter().enumerate().filter(|(_, value)| value.is_finite());
    let (place, _) = finite.min_by(|a, b| a.1.total_cmp(b.1))?;
    let last = values.iter().rposition(|value| value.is_finite())?;
    (place > 0 && place < last).then_some(place)
}

/// Place after the last recorded epoch that counts: of plain gradient descent the one up to which all its cells on the same
/// data followed the gradient flow equally long (learning rate × epochs), since the least of a longer run may lie later. Whether
/// that is before the end anywhere.
fn horizon(results: &Results, block: &[usize], takes_part: &[bool]) -> (Vec<usize>, bool) {
    let rates = plain_rates(results);
    let last = results.epochs.last().copied().unwrap_or(0) as f64;
    let mut common: HashMap<usize, f64> = HashMap::new();
    for cell in (0..block.len()).filter(|&cell| takes_part[cell] && rates[cell].is_finite()) {
        let time = common.entry(block[cell]).or_insert(f64::INFINITY);
        *time = time.min(rates[cell] * last);
    }
    let end = |cell: usize| match common.get(&block[cell]).filter(|_| rates[cell].is_finite()) {
        // Rounding of rate × epochs is no epoch.
        Some(time) => results.epochs.partition_point(|epoch| *epoch as f64 * rates[cell] <= time * (1.0 + 1e-9)),
        None => results.epochs.len(),
    };
    let ends: Vec<usize> = (0..block.len()).map(end).collect();
    let is_cut = ends.iter().zip(takes_part).any(|(end, part)| *part && *end < results.epochs.len());
    (ends, is_cut)
}

/// Place of the recorded epoch nearest to a fixed time: of plain gradient descent the median flow time at which what the report
/// is about turns on the same data, of every other optimiser the median epoch.
fn fixed_time(results: &Results, block: &[usize], reference: &[Option<i64>]) -> Vec<Option<usize>> {
    let rates = plain_rates(results);
    let optimiser = results.cells.axes.iter().find(|(name, _)| name == "optimiser").map(|(_, labels)| labels);
    let key = |cell: usize| match rates[cell].is_finite() {
        true => (block[cell], "", 0),
        false => (block[cell], optimiser.map_or("", |labels| labels[cell].as_str()), 1),
    };
    let rate = |cell: usize| if rates[cell].is_finite() { rates[cell] } else { 1.0 };
    let mut times: HashMap<(usize, &str, i32), Vec<f64>> = HashMap::new();
    for (cell, epoch) in reference.iter().enumerate() {
        times.entry(key(cell)).or_default().extend(epoch.map(|epoch| epoch as f64 * rate(cell)));
    }
    let medians: HashMap<_, f64> = times.into_iter().map(|(key, times)| (key, median(&times))).collect();
    let place = |cell: usize| {
        let epoch = medians.get(&key(cell)).copied().filter(|time| time.is_finite())? / rate(cell);
        let after = results.epochs.partition_point(|recorded| (*recorded as f64) < epoch);
        let distance = |place: &usize| (results.epochs[*place] as f64 - epoch).abs();
        let near = [after.checked_sub(1), Some(after)].into_iter().flatten().filter(|p| *p < results.epochs.len());
        let is_over = epoch > results.epochs.last().copied().unwrap_or(0) as f64;
        near.min_by(|a, b| distance(a).total_cmp(&distance(b))).filter(|_| !is_over)
    };
    (0..reference.len()).map(place).collect()
}

/// A level that a clock falls to, by block of data.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// Which clock: the training error or the training loss.
    pub clock: Clock,
    /// The level of each block; NaN where there is none.
    pub of_block: Vec<f64>,
}

/// The mean of a clock at an event over the cells of each block.
pub fn mean_level(event: &Event, clock: Clock, block: &[usize]) -> Level {
    let place = Clock::ALL.iter().position(|other| *other == clock).unwrap_or(0);
    let mut values: Vec<Vec<f64>> = vec![Vec::new(); block.iter().max().map_or(0, |most| most + 1)];
    for (reading, block) in event.readings.iter().zip(block) {
        values[*block].extend(Some(reading[place]).filter(|value| value.is_finite()));
    }
    Level { clock, of_block: values.iter().map(|values| mean(values)).collect() }
}

/// Place of the first value that is at most a level; `None` where that is the first one, or none is.
fn first_at_most(values: &[f64], level: f64) -> Option<usize> {
    values.iter().position(|value| *value <= level).filter(|place| *place > 0)
}

/// What the clocks show where levels are crossed, `[level][cell]`, and how finely the training error is known there.
///
/// # Errors
/// What keeps the file from being read.
pub fn crossings(
    results: &Results,
    levels: &[Level],
    block: &[usize],
    takes_part: &[bool],
) -> Result<Vec<(Vec<Reading>, Vec<f64>)>> {
    let mut out = vec![(vec![NONE; block.len()], vec![f64::NAN; block.len()]); levels.len()];
    for range in results.slabs(SLAB_BYTES) {
        let Some(clocks) = Clocks::read(results, range.clone())? else { continue };
        let of_cell = |cell: usize| {
            let row = cell - range.start;
            let curves = [Clock::TrainError, Clock::TrainLoss].map(|clock| (clock, clocks.along(clock, row)));
            let crossed: Vec<Known> = (levels.iter())
                .map(|level| {
                    let (_, curve) = curves.iter().find(|(clock, _)| *clock == level.clock)?;
                    let place = first_at_most(curve.as_ref()?, level.of_block[block[cell]])?;
                    Some((clocks.at(row, place), resolution(&clocks, row, Some(place))))
                })
                .collect();
            (cell, crossed)
        };
        let parts: Vec<usize> = range.clone().filter(|&cell| takes_part[cell]).collect();
        let found: Vec<(usize, Vec<Known>)> = parts.into_par_iter().map(of_cell).collect();
        for (cell, crossed) in found {
            for ((readings, resolutions), known) in out.iter_mut().zip(crossed) {
                if let Some((reading, resolution)) = known {
                    readings[cell] = reading;
                    resolutions[cell] = resolution;
                }
            }
        }
    }
    Ok(out)
}

/// The null events of levels: the training loss that a setting names, or that of the event that the report is about, half of it
/// and twice it; and, as a check, its training error.
fn levels(
    results: &Results,
    reference: &Event,
    block: &[usize],
    takes_part: &[bool],
    options: &Options,
) -> Result<Vec<Event>> {
    let loss = mean_level(reference, Clock::TrainLoss, block);
    let times =
        |factor: f64| Level { of_block: loss.of_block.iter().map(|level| factor * level).collect(), ..loss.clone() };
    let mut asked: Vec<(String, Kind, Level)> = match options.loss_levels.as_slice() {
        [] => [("twice the training loss", 2.0), ("training loss", 1.0), ("half the training loss", 0.5)]
            .map(|(words, factor)| (format!("{words} of {}", reference.name), Kind::LossLevel, times(factor)))
            .into(),
        given => (given.iter())
            .map(|level| {
                let of_block = vec![*level; loss.of_block.len()];
                (
                    format!("training loss {}", significant(*level, 3)),
                    Kind::LossLevel,
                    Level { of_block, ..loss.clone() },
                )
            })
            .collect(),
    };
    let error = mean_level(reference, Clock::TrainError, block);
    asked.push((format!("training error of {}", reference.name), Kind::ErrorLevel, error));
    let levels: Vec<Level> = asked.iter().map(|(_, _, level)| level.clone()).collect();
    let crossed = crossings(results, &levels, block, takes_part)?;
    Ok((asked.into_iter().zip(crossed))
        .map(|((name, kind, _), (readings, resolution))| Event { name, kind, readings, resolution })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_is_the_first_of_equals_and_none_at_an_end() {
        assert_eq!(first_least(&[0.5, 0.2, 0.1, 0.1, 0.3]), Some(2));
        assert_eq!(first_least(&[0.5, 0.2, 0.1]), None);
        assert_eq!(first_least(&[0.1, 0.1, 0.2]), None);
        // A run that was not measured to its end is judged by what was measured.
        assert_eq!(first_least(&[0.5, 0.1, 0.2, f64::NAN]), Some(1));
        assert_eq!(first_least(&[0.5, 0.2, 0.1, f64::NAN]), None);
        assert_eq!(first_least(&[f64::NAN; 3]), None);
    }

    #[test]
    fn a_level_is_crossed_where_the_value_is_first_at_most_it() {
        assert_eq!(first_at_most(&[0.5, 0.4, 0.2, 0.3, 0.1], 0.2), Some(2));
        assert_eq!(first_at_most(&[0.5, 0.4], 0.2), None);
        // What lies below from the start has crossed nothing.
        assert_eq!(first_at_most(&[0.1, 0.4], 0.2), None);
        assert_eq!(first_at_most(&[0.5, 0.4], f64::NAN), None);
    }
}
