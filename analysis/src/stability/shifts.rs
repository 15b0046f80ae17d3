//! How far each axis moves ε*: the largest difference of mean ε* between two variants that differ in that axis alone, as a
//! share of ε*, with its interval, held against the tolerance.
//!
//! Invariants: cells trained on pruned sets take no part (pruning is an intervention, not a circumstance). Pairs are taken
//! within every combination of the other axes' levels, so that an axis that moves ε* with one optimiser alone is seen; of
//! an axis it is known that it does not move ε* only where every pair could be compared. A variant of which fewer than half
//! of the trained cells turn is not compared: the mean of those few is that of a selection. The seed is the unit that is
//! repeated: its shift is the standard deviation of ε* within variants.

use std::collections::BTreeMap;

use polars::prelude::*;
use rayon::prelude::*;

use crate::error::Result;
use crate::options::Options;
use crate::results::{AXES, Results, Status};
use crate::statistics::additive::compress;
use crate::statistics::contrast::{self, Contrast, Variant};
use crate::statistics::interval::Interval;
use crate::statistics::spread;
use crate::tables::frames::{missing, table};
use crate::turning::{Rule, TurningPoints};

/// What the interval of a shift says of it, beside the tolerance: two one-sided tests (Schuirmann 1987).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// The interval lies above the tolerance.
    Moves,
    /// The interval lies below the tolerance, and all pairs could be compared.
    DoesNotMove,
    /// Neither.
    Undecided,
}

impl Judgement {
    fn of(interval: Interval, whole: bool, tolerance: f64) -> Self {
        match interval {
            Interval { low, .. } if low > tolerance => Judgement::Moves,
            Interval { high, .. } if high <= tolerance && whole => Judgement::DoesNotMove,
            _ => Judgement::Undecided,
        }
    }

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Judgement::Moves => "moves",
            Judgement::DoesNotMove => "does not move",
            Judgement::Undecided => "undecided",
        }
    }
}

/// One of the two variants that differ most.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    /// Level of the axis.
    pub level: String,
    /// Mean ε*.
    pub mean: f64,
    /// Seeds.
    pub seeds: usize,
}

/// How far one axis moves ε*.
#[derive(Debug, Clone, PartialEq)]
pub struct Shift {
    /// Index of the layer.
    pub layer: usize,
    /// Index of the observable.
    pub observable: usize,
    /// Name of the axis, or `seed`.
    pub axis: String,
    /// Its levels among unpruned cells.
    pub levels: usize,
    /// Pairs of variants that differ in this axis alone; of the seed, variants.
    pub pairs: usize,
    /// Those that could be compared: at least two, and at least half, of the trained cells of a variant turn.
    pub compared: usize,
    /// The largest shift, as a share of ε*; of the seed, the standard deviation.
    pub share: f64,
    /// Its 95% interval.
    pub interval: Interval,
    /// The same in units of ε*: of the pair with the largest share.
    pub amount: f64,
    /// From the greater to the smaller ε* of that pair; `None` for the seed.
    pub ends: Option<[End; 2]>,
    /// Levels of the other axes that vary, at that pair; of the seed, at the variant that spreads most.
    pub at: String,
    /// What follows.
    pub judgement: Judgement,
}

impl Shift {
    /// Whether the axis is of the data, which are allowed to move ε*.
    pub fn is_of_data(&self) -> bool {
        is_of_data(&self.axis)
    }
}

/// Whether an axis of this name is of the data.
pub fn is_of_data(axis: &str) -> bool {
    axis == "data" || axis == "subsample"
}

/// Shifts of ε* by every axis that varies, for every layer and observable, by prominence.
pub fn shifts(results: &Results, points: &TurningPoints, options: &Options) -> Vec<Shift> {
    let design = Design::of(results);
    let all: Vec<(usize, usize)> = (0..points.layers.len())
        .flat_map(|layer| (0..points.observables.len()).map(move |observable| (layer, observable)))
        .collect();
    let of = |(layer, observable): (usize, usize)| {
        let stars: Vec<f64> = points.of(layer, observable, Rule::Prominence).map(|row| row.epsilon_star).collect();
        let measured = Measured::of(results, &design, &stars);
        let axes = (0..design.axes.len()).filter(|&axis| design.axes[axis].levels.len() > 1);
        let mut shifts: Vec<Shift> = axes.map(|axis| measured.axis(&design, axis, options.tolerance)).collect();
        if design.seeds > 1 {
            shifts.push(measured.seed(&design, options.tolerance));
        }
        shifts.into_iter().map(|shift| Shift { layer, observable, ..shift }).collect::<Vec<_>>()
    };
    let found: Vec<Vec<Shift>> = all.into_par_iter().map(of).collect();
    found.concat()
}

/// One axis of the grid.
pub(crate) struct Axis {
    /// Its name.
    pub(crate) name: String,
    /// Labels of its levels.
    pub(crate) levels: Vec<String>,
}

/// Two variants that differ in one thing alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pair {
    /// The variants.
    pub(crate) variants: [usize; 2],
    /// Their levels of that thing; pairs of the same levels are averaged over circumstances.
    pub(crate) levels: [usize; 2],
}

/// The grid of unpruned cells.
pub(crate) struct Design {
    /// Its axes.
    pub(crate) axes: Vec<Axis>,
    /// Level of every axis, variant by variant.
    pub(crate) variants: Vec<Vec<usize>>,
    /// Cells of each variant.
    pub(crate) cells: Vec<Vec<usize>>,
    /// Number of different seeds.
    pub(crate) seeds: usize,
    /// Place of the architecture among the axes.
    architecture: Option<usize>,
}

impl Design {
    /// The grid of a file.
    pub(crate) fn of(results: &Results) -> Self {
        let whole = results.cells.unpruned();
        let cells: Vec<usize> = (0..results.cells.len()).filter(|&cell| whole[cell]).collect();
        let mut axes = Vec::new();
        let mut levels = Vec::new();
        for (name, labels) in results.cells.axes.iter().filter(|(name, _)| name != "prune") {
            let code = compress(cells.iter().map(|&cell| labels[cell].as_str()));
            let mut names = vec![String::new(); code.iter().max().map_or(0, |most| most + 1)];
            cells.iter().zip(&code).for_each(|(&cell, &level)| names[level].clone_from(&labels[cell]));
            axes.push(Axis { name: name.clone(), levels: names });
            levels.push(code);
        }
        let mut place: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        for (row, &cell) in cells.iter().enumerate() {
            place.entry(levels.iter().map(|code| code[row]).collect()).or_default().push(cell);
        }
        let mut seeds: Vec<i64> = cells.iter().map(|&cell| results.cells.seed[cell]).collect();
        seeds.sort_unstable();
        seeds.dedup();
        let (variants, cells) = place.into_iter().unzip();
        let architecture = axes.iter().position(|axis| axis.name == AXES[2]);
        Design { axes, variants, cells, seeds: seeds.len(), architecture }
    }

    /// Variants that agree in all axes but one, by what they agree in.
    fn circumstances(&self, axis: usize) -> Vec<Vec<usize>> {
        let mut out: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        for (variant, levels) in self.variants.iter().enumerate() {
            let mut others = levels.clone();
            others.remove(axis);
            out.entry(others).or_default().push(variant);
        }
        out.into_values().collect()
    }

    /// Pairs of variants that differ in an axis alone.
    pub(crate) fn pairs(&self, axis: usize) -> Vec<Pair> {
        let mut out = Vec::new();
        for circumstance in self.circumstances(axis) {
            for (place, &one) in circumstance.iter().enumerate() {
                let others = &circumstance[place + 1..];
                let levels = |two: usize| [one, two].map(|variant| self.variants[variant][axis]);
                out.extend(others.iter().map(|&two| Pair { variants: [one, two], levels: levels(two) }));
            }
        }
        out
    }

    /// Levels of the other axes that vary.
    fn at(&self, variant: usize, axis: Option<usize>) -> String {
        let told = self.axes.iter().enumerate().filter(|(other, of)| Some(*other) != axis && of.levels.len() > 1);
        told.map(|(other, of)| of.levels[self.variants[variant][other]].as_str()).collect::<Vec<_>>().join(" · ")
    }
}

/// A number of every cell over the grid, as ε* of one observable; NaN in cells where there is none.
pub(crate) struct Measured {
    /// `None` where too few cells of the variant turn.
    pub(crate) variants: Vec<Option<Variant>>,
    /// Of every cell that turns: its ε*, its variant and its seed.
    found: (Vec<f64>, Vec<usize>, Vec<i64>),
}

impl Measured {
    /// Of training errors, which are counts over the samples of the block.
    fn of(results: &Results, design: &Design, stars: &[f64]) -> Self {
        let samples = |cell: usize| results.cells.samples.as_ref().map_or(f64::NAN, |samples| samples[cell]);
        Measured::in_steps(results, design, stars, &|cell| 1.0 / samples(cell))
    }

    /// Of numbers that are multiples of a step of each cell; the step is NaN where they are not.
    pub(crate) fn in_steps(results: &Results, design: &Design, stars: &[f64], step: &dyn Fn(usize) -> f64) -> Self {
        let mut found = (Vec::new(), Vec::new(), Vec::new());
        let mut variants = Vec::new();
        for (variant, cells) in design.cells.iter().enumerate() {
            let values: Vec<(i64, f64)> = (cells.iter())
                .map(|&cell| (results.cells.seed[cell], stars[cell]))
                .filter(|(_, star)| star.is_finite())
                .collect();
            for (seed, star) in &values {
                found.0.push(*star);
                found.1.push(variant);
                found.2.push(*seed);
            }
            let step = cells.first().map_or(f64::NAN, |&cell| step(cell));
            let stratum = design.architecture.map_or(0, |axis| design.variants[variant][axis]);
            let trained = |cell: &&usize| !matches!(results.cells.status[**cell], Status::Missing | Status::Failed);
            let enough = 2 * values.len() >= cells.iter().filter(trained).count();
            variants.push(Variant::new(stratum, &values, step).filter(|_| enough));
        }
        Measured { variants, found }
    }

    fn axis(&self, design: &Design, axis: usize, tolerance: f64) -> Shift {
        let of = &design.axes[axis];
        let name = |level: usize| of.levels[level].clone();
        self.largest(design, &of.name, Some(axis), of.levels.len(), &design.pairs(axis), &name, tolerance)
    }

    /// The largest shift over pairs of variants that differ in one thing alone, of so many levels with these names; it is
    /// (of) an axis, whose levels are not named among the circumstances.
    #[allow(clippy::too_many_arguments, reason = "a shift says all of these")]
    pub(crate) fn largest(
        &self,
        design: &Design,
        thing: &str,
        axis: Option<usize>,
        levels: usize,
        pairs: &[Pair],
        name: &dyn Fn(usize) -> String,
        tolerance: f64,
    ) -> Shift {
        let mut single: Vec<Contrast> = Vec::new();
        let mut largest: Option<(f64, [(usize, usize); 2])> = None;
        // Pairs of levels, with the variants that have them in each circumstance.
        let mut by_levels: BTreeMap<[usize; 2], Vec<(&Variant, &Variant)>> = BTreeMap::new();
        for &Pair { variants: [one, two], levels } in pairs {
            let (Some(a), Some(b)) = (&self.variants[one], &self.variants[two]) else { continue };
            let scaled = contrast::difference(a, b).over(0.5 * (a.mean + b.mean));
            if largest.is_none_or(|(share, _)| scaled.estimate.abs() > share) {
                let ends = [(one, levels[0]), (two, levels[1])];
                largest = Some((scaled.estimate.abs(), if a.mean >= b.mean { ends } else { [ends[1], ends[0]] }));
            }
            single.push(scaled);
            by_levels.entry(levels).or_default().push((a, b));
        }
        let several = by_levels.values().filter(|pairs| pairs.len() > 1);
        let means: Vec<Contrast> = several
            .map(|pairs| {
                // In shares of each circumstance's own ε*: the mean of its single contrasts.
                let scales: Vec<f64> = pairs.iter().map(|(a, b)| 0.5 * (a.mean + b.mean)).collect();
                contrast::mean_difference(pairs, &scales)
            })
            .collect();
        let (share, interval) = contrast::largest(&single, &means);
        let end = |(variant, level): (usize, usize)| End {
            level: name(level),
            mean: self.variants[variant].as_ref().map_or(f64::NAN, |of| of.mean),
            seeds: self.variants[variant].as_ref().map_or(0, |of| of.size),
        };
        let ends = largest.map(|(_, [high, low])| [end(high), end(low)]);
        Shift {
            layer: 0,
            observable: 0,
            axis: thing.to_owned(),
            levels,
            pairs: pairs.len(),
            compared: single.len(),
            share,
            interval,
            amount: ends.as_ref().map_or(f64::NAN, |[high, low]| high.mean - low.mean),
            at: largest.map_or(String::new(), |(_, [(variant, _), _])| design.at(variant, axis)),
            ends,
            judgement: Judgement::of(interval, !pairs.is_empty() && single.len() == pairs.len(), tolerance),
        }
    }

    /// What the seed does.
    pub(crate) fn seed(&self, design: &Design, tolerance: f64) -> Shift {
        let (stars, variant, seeds) = &self.found;
        let mean_of = |variant: usize| self.variants[variant].as_ref().map_or(f64::NAN, |of| of.mean);
        // Where too few cells of a variant turn, they say nothing of seeds.
        let rows: Vec<usize> = (0..stars.len()).filter(|&row| mean_of(variant[row]).is_finite()).collect();
        let pick = |of: &dyn Fn(usize) -> f64| rows.iter().map(|&row| of(row)).collect::<Vec<f64>>();
        let groups: Vec<usize> = rows.iter().map(|&row| variant[row]).collect();
        let seeds: Vec<i64> = rows.iter().map(|&row| seeds[row]).collect();
        let shares = spread::within(&pick(&|row| stars[row] / mean_of(variant[row])), &groups, &seeds);
        let amount = spread::within(&pick(&|row| stars[row]), &groups, &seeds).deviation;
        let compared = self.variants.iter().flatten().count();
        let spread_of = |of: &Variant| of.deviation() / of.mean;
        let widest = (self.variants.iter().enumerate())
            .filter_map(|(variant, of)| Some((variant, spread_of(of.as_ref()?))))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        Shift {
            layer: 0,
            observable: 0,
            axis: "seed".into(),
            levels: design.seeds,
            pairs: design.variants.len(),
            compared,
            share: shares.deviation,
            interval: shares.interval,
            amount,
            ends: None,
            at: widest.map_or(String::new(), |(variant, _)| design.at(variant, None)),
            judgement: Judgement::of(shares.interval, compared == design.variants.len(), tolerance),
        }
    }
}

/// The table: one row per layer, observable and axis. `share` is the largest shift as a share of ε*, with its 95% interval
/// `low`, `high`; `amount` the same in units of ε*; `from` and `to` the levels of that pair, with their mean ε*, `at` the
/// levels of the other axes.
pub fn frame(points: &TurningPoints, all: &[Shift]) -> Result<DataFrame> {
    let each = || all.iter();
    let number = |of: &dyn Fn(&Shift) -> f64| missing(&all.iter().map(of).collect::<Vec<_>>());
    let end = |of: &Shift, place: usize| of.ends.as_ref().map(|ends| ends[place].clone());
    let level = |place: usize| each().map(|of| end(of, place).map(|end| end.level)).collect::<Vec<Option<String>>>();
    let columns = vec![
        Column::new("layer".into(), each().map(|of| points.layers[of.layer]).collect::<Vec<_>>()),
        Column::new(
            "observable".into(),
            each().map(|of| points.observables[of.observable].as_str()).collect::<Vec<_>>(),
        ),
        Column::new("axis".into(), each().map(|of| of.axis.as_str()).collect::<Vec<_>>()),
        Column::new("levels".into(), each().map(|of| of.levels as i64).collect::<Vec<_>>()),
        Column::new("pairs".into(), each().map(|of| of.pairs as i64).collect::<Vec<_>>()),
        Column::new("compared".into(), each().map(|of| of.compared as i64).collect::<Vec<_>>()),
        Column::new("share".into(), number(&|of| of.share)),
        Column::new("low".into(), number(&|of| of.interval.low)),
        Column::new("high".into(), number(&|of| of.interval.high)),
        Column::new("judgement".into(), each().map(|of| of.judgement.name()).collect::<Vec<_>>()),
        Column::new("amount".into(), number(&|of| of.amount)),
        Column::new("from".into(), level(0)),
        Column::new("from_epsilon_star".into(), number(&|of| end(of, 0).map_or(f64::NAN, |end| end.mean))),
        Column::new("to".into(), level(1)),
        Column::new("to_epsilon_star".into(), number(&|of| end(of, 1).map_or(f64::NAN, |end| end.mean))),
        Column::new("at".into(), each().map(|of| of.at.as_str()).collect::<Vec<_>>()),
    ];
    table("the table of shifts", DataFrame::new_infer_height(columns))
}
