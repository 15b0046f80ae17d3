//! How stable each event is on each clock: its spread over seeds, its shift by every factor of the grid, and beside it the
//! *matched null*.
//!
//! An event late in training sits at a small training error, whose relative spread is large whatever the event. So an event is
//! compared with one that says nothing but how far training is, at the same place: the matched null of the training error is the
//! training error where the training loss first falls to its mean at the event (over the cells of the same data in which
//! the event happens), in the same cells. An event as stable as that says of the training error no more than "a certain training
//! loss" does. Of the training loss the matched null is the loss at a fixed training error.
//!
//! Invariants: spreads are within variants, whose cells differ in the seed alone, each in units of its variant's mean; a
//! variant in fewer than half of whose trained cells the event happens (or in fewer than two) takes no part, since its mean is
//! that of a selection.

use rayon::prelude::*;

use super::clocks::{Clock, Reading};
use super::find::{Events, Kind, Level, crossings, mean_level};
use crate::error::Result;
use crate::options::Options;
use crate::results::{Results, Status};
use crate::stability::factors::{Factor, factors};
use crate::stability::shifts::{Design, Measured, Shift};
use crate::statistics::interval::Interval;
use crate::statistics::moments::{mean, median};
use crate::statistics::spread::{self, Ratio, Within};

/// A factor of the grid.
#[derive(Debug, Clone, PartialEq)]
pub struct FactorName {
    /// Its name.
    pub name: String,
    /// As a sentence says it.
    pub words: String,
    /// Whether it is of the data, which may move what they like.
    pub is_of_data: bool,
}

/// What is known of an event on one clock over the grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Stability {
    /// Mean over the cells that count.
    pub mean: f64,
    /// Standard deviation within variants.
    pub deviation: Within,
    /// The same in units of each variant's mean: a pooled coefficient of variation.
    pub variation: Within,
    /// Shift by every factor, in the factors' order.
    pub shifts: Vec<Shift>,
    /// Place of the factor that is not of the data and shifts it farthest.
    pub farthest: Option<usize>,
}

impl Stability {
    /// The greatest shift by a factor that is not of the data.
    pub fn greatest(&self) -> Option<&Shift> {
        self.farthest.map(|place| &self.shifts[place])
    }

    /// Its share and interval; not known where there is none.
    pub fn greatest_share(&self) -> (f64, Interval) {
        self.greatest().map_or((f64::NAN, Interval::UNKNOWN), |shift| (shift.share, shift.interval))
    }
}

/// One event on one clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Place of the event.
    pub event: usize,
    /// The clock.
    pub clock: Clock,
    /// Trained cells.
    pub cells: usize,
    /// Those in which it happens.
    pub happened: usize,
    /// Variants of the grid that have trained cells.
    pub variants: usize,
    /// Those in which it happens in enough cells.
    pub counted: usize,
    /// Its stability.
    pub own: Stability,
    /// That of the matched null, and the ratio of the event's spread over seeds to the null's.
    pub null: Option<(Stability, Ratio)>,
    /// Ratio of its spread over seeds to that of what the report is about; `None` for that itself.
    pub against: Option<Ratio>,
    /// Median resolution of its training error; NaN on other clocks.
    pub resolution: f64,
}

impl Row {
    /// Whether it happens in enough cells of at least half of the variants.
    pub fn is_common(&self) -> bool {
        self.counted > 0 && 2 * self.counted >= self.variants
    }
}

/// All rows, event by event, with the factors.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Factors of the grid.
    pub factors: Vec<FactorName>,
    /// The rows: every event has one of each clock that was recorded.
    pub rows: Vec<Row>,
}

impl Comparison {
    /// The row of an event on a clock.
    pub fn of(&self, event: usize, clock: Clock) -> Option<&Row> {
        self.rows.iter().find(|row| row.event == event && row.clock == clock)
    }
}

/// Compares.
///
/// # Errors
/// What keeps the file from being read.
pub fn compare(results: &Results, events: &Events, options: &Options) -> Result<Comparison> {
    let design = Design::of(results);
    let factors = factors(results, &design);
    let nulls = nulls(results, events)?;
    let trained = |&cell: &usize| !matches!(results.cells.status[cell], Status::Missing | Status::Failed);
    let cells = design.cells.iter().flatten().copied().filter(trained).count();
    let grid = Grid { results, design: &design, factors: &factors, tolerance: options.tolerance };
    let readings = |place: usize, index: usize| -> Vec<f64> {
        events.all[place].readings.iter().map(|reading| reading[index]).collect()
    };
    let variants = design.cells.iter().filter(|cells| cells.iter().any(trained)).count();
    let of = |(place, index, clock): (usize, usize, Clock)| {
        let (event, values) = (&events.all[place], readings(place, index));
        if values.iter().all(|value| value.is_nan()) {
            return None;
        }
        let (measured, own) = grid.stability(&values, clock);
        // A level is what its clock is matched with.
        let is_level =
            matches!((event.kind, clock), (Kind::ErrorLevel, Clock::TrainLoss) | (Kind::LossLevel, Clock::TrainError));
        let null = nulls[place].iter().find(|(of, _)| *of == clock && !is_level).map(|(_, readings)| {
            let values: Vec<f64> = (readings.iter().zip(&values))
                .map(|(reading, own)| if own.is_finite() { reading[index] } else { f64::NAN })
                .collect();
            values
        });
        let null = null.map(|null| (grid.stability(&null, clock).1, grid.ratio(&values, &null)));
        let base = (place > 0).then(|| readings(0, index)).filter(|base| !base.iter().all(|value| value.is_nan()));
        Some(Row {
            event: place,
            clock,
            cells,
            happened: values.iter().filter(|value| value.is_finite()).count(),
            variants,
            counted: measured.variants.iter().flatten().count(),
            own,
            null,
            against: base.map(|base| grid.ratio(&values, &base)),
            resolution: if clock == Clock::TrainError { median(&event.resolution) } else { f64::NAN },
        })
    };
    let each = (0..events.all.len())
        .flat_map(|place| Clock::ALL.into_iter().enumerate().map(move |(index, clock)| (place, index, clock)));
    let rows: Vec<Option<Row>> = each.collect::<Vec<_>>().into_par_iter().map(of).collect();
    let rows = rows.into_iter().flatten().collect();
    let name = |factor: &Factor| FactorName {
        name: factor.name.clone(),
        words: factor.words().to_owned(),
        is_of_data: factor.is_of_data(&design),
    };
    Ok(Comparison { factors: factors.iter().map(name).collect(), rows })
}

/// The matched nulls of an event: readings by cell, with the clock that they are of.
type Matched = Vec<(Clock, Vec<Reading>)>;

/// The matched nulls of each event.
fn nulls(results: &Results, events: &Events) -> Result<Vec<Matched>> {
    let whole = results.cells.unpruned();
    let takes_part: Vec<bool> =
        (0..results.cells.len()).map(|cell| whole[cell] && results.cells.status[cell] == Status::Complete).collect();
    // The clock that is read, and the one whose level is crossed.
    const MATCHED: [(Clock, Clock); 2] = [(Clock::TrainError, Clock::TrainLoss), (Clock::TrainLoss, Clock::TrainError)];
    let levels: Vec<Level> = (events.all.iter())
        .flat_map(|event| MATCHED.map(|(_, crossed)| mean_level(event, crossed, &events.block)))
        .collect();
    let crossed = crossings(results, &levels, &events.block, &takes_part)?;
    let mut crossed = crossed.into_iter().map(|(readings, _)| readings);
    let of_event = |_| MATCHED.iter().filter_map(|(clock, _)| Some((*clock, crossed.next()?))).collect();
    let out: Vec<Matched> = events.all.iter().map(of_event).collect();
    let is_known = |readings: &Vec<Reading>| readings.iter().any(|reading| reading[0].is_finite());
    Ok(out.into_iter().map(|of| of.into_iter().filter(|(_, readings)| is_known(readings)).collect()).collect())
}

/// The grid, and how far a shift may go.
struct Grid<'a> {
    results: &'a Results,
    design: &'a Design,
    factors: &'a [Factor],
    tolerance: f64,
}

impl Grid<'_> {
    /// The step of which a clock's readings are multiples in a cell; NaN where they are not.
    fn step(&self, clock: Clock, cell: usize) -> f64 {
        match clock {
            Clock::TrainError => self.results.cells.samples.as_ref().map_or(f64::NAN, |samples| 1.0 / samples[cell]),
            Clock::Epoch => 1.0,
            Clock::TrainLoss | Clock::TestError => f64::NAN,
        }
    }

    fn stability(&self, values: &[f64], clock: Clock) -> (Measured, Stability) {
        let measured = Measured::in_steps(self.results, self.design, values, &|cell| self.step(clock, cell));
        let (mut kept, mut relative, mut group, mut seeds) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (variant, (cells, of)) in self.design.cells.iter().zip(&measured.variants).enumerate() {
            // A mean below a step, as a training error of less than a sample, has no relative spread.
            let least = cells.first().map_or(f64::NAN, |&cell| self.step(clock, cell));
            let Some(of) = of.as_ref().filter(|of| of.mean > least.max(0.0)) else { continue };
            for &cell in cells.iter().filter(|&&cell| values[cell].is_finite()) {
                kept.push(values[cell]);
                relative.push(values[cell] / of.mean);
                group.push(variant);
                seeds.push(self.results.cells.seed[cell]);
            }
        }
        let shifts: Vec<Shift> = (self.factors.iter())
            .map(|factor| {
                let name = |level: usize| factor.levels[level].clone();
                let (levels, pairs) = (factor.levels.len(), &factor.pairs);
                measured.largest(self.design, &factor.name, Some(factor.axis), levels, pairs, &name, self.tolerance)
            })
            .collect();
        let farthest = (0..shifts.len())
            .filter(|&place| !self.factors[place].is_of_data(self.design) && shifts[place].share.is_finite())
            .max_by(|a, b| shifts[*a].share.total_cmp(&shifts[*b].share));
        let own = Stability {
            mean: mean(&kept),
            deviation: spread::within(&kept, &group, &seeds),
            variation: spread::within(&relative, &group, &seeds),
            shifts,
            farthest,
        };
        (measured, own)
    }

    /// Ratio of the spreads within variants, each in units of its mean, over the cells in which both are known.
    fn ratio(&self, values: &[f64], base: &[f64]) -> Ratio {
        let (mut of_values, mut of_base, mut seeds) = (Vec::new(), Vec::new(), Vec::new());
        for cells in &self.design.cells {
            let both: Vec<usize> =
                cells.iter().copied().filter(|&cell| values[cell].is_finite() && base[cell].is_finite()).collect();
            let trained = cells.iter().filter(|&&c| self.results.cells.status[c] == Status::Complete).count();
            if both.len() < 2 || 2 * both.len() < trained {
                continue;
            }
            let centre = |of: &[f64]| mean(&both.iter().map(|&cell| of[cell]).collect::<Vec<_>>());
            let (mine, its) = (centre(values), centre(base));
            if !(mine > 0.0 && its > 0.0) {
                continue;
            }
            for cell in both {
                of_values.push(values[cell] / mine - 1.0);
                of_base.push(base[cell] / its - 1.0);
                seeds.push(self.results.cells.seed[cell]);
            }
        }
        spread::ratio(&of_values, &of_base, &seeds)
    }
}
