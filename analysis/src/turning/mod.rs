//! Turning points of every cell: one row per cell, layer, observable and rule.
//!
//! There are two searches, and both give the same rows: of the class manifolds' radii and distances ([`inversion`]), and of
//! every other series that a file holds along training ([`series`]). Invariants: a cell that diverged or failed has that
//! word as its status, whatever its curves did before, and one that has no such series (the training block lacks the class,
//! or the network the layer) `absent`, so that the statuses of a group add up to its cells; `epoch` and `extremum` are
//! `None`, `epsilon_star` and `value` NaN unless the status is found; a training error that was not recorded at the epoch
//! is NaN too.

pub mod inversion;
pub mod known_errors;
pub mod manifold;
pub mod series;

use crate::results::Status;
use crate::turning_point::{Extremum, Turn, Verdict};
use manifold::Manifold;

/// Bytes of measurements read at a time: so few that memory is used again, and so many that threads have work.
pub const SLAB_BYTES: usize = 48 << 20;

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
    /// t*: an epoch, or a step of a series that was measured at steps.
    pub epoch: Option<i64>,
    /// Training error at t*.
    pub epsilon_star: f64,
    /// Which way the observable turns there.
    pub extremum: Option<Extremum>,
    /// The observable there.
    pub value: f64,
}

/// What turns at the turning points that a report is about, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The class manifolds.
    Inversion,
    /// An observable of that name.
    Turn(String),
}

impl Event {
    /// "an inversion".
    pub fn one(&self) -> String {
        match self {
            Event::Inversion => "an inversion".to_owned(),
            Event::Turn(name) => format!("a turning point of {name}"),
        }
    }

    /// What "the training error at" goes on with: "inversion".
    pub fn the(&self) -> String {
        match self {
            Event::Inversion => "inversion".to_owned(),
            Event::Turn(name) => format!("the turning point of {name}"),
        }
    }
}

/// All rows of a search.
#[derive(Debug, Clone, Default)]
pub struct TurningPoints {
    /// Names of the observables.
    pub observables: Vec<String>,
    /// Of the search of manifolds: where the values of each come from. Empty of other series.
    pub manifolds: Vec<Manifold>,
    /// Hidden layers, counted from 1; of other series one entry that is none.
    pub layers: Vec<Option<i64>>,
    /// The rules that were applied.
    pub rules: &'static [Rule],
    /// The observable that the report is about, where it is one of these.
    pub principal: Option<usize>,
    /// Rows, by cell, layer, observable and rule: every cell has one of each.
    pub rows: Vec<TurningPoint>,
}

impl TurningPoints {
    /// Rows of one layer, observable and rule, in the order of cells; none of a rule that was not applied.
    pub fn of(&self, layer: usize, observable: usize, rule: Rule) -> impl Iterator<Item = &TurningPoint> {
        let first = self.offset(layer, observable, rule).unwrap_or(self.rows.len());
        self.rows.iter().skip(first).step_by(self.stride())
    }

    /// The row of one cell.
    pub fn at(&self, cell: usize, layer: usize, observable: usize, rule: Rule) -> Option<&TurningPoint> {
        self.rows.get(cell * self.stride() + self.offset(layer, observable, rule)?)
    }

    /// What turns at the turning points of the principal observable.
    pub fn event(&self) -> Event {
        match self.principal.and_then(|place| self.observables.get(place)) {
            Some(name) if self.manifolds.is_empty() => Event::Turn(name.clone()),
            _ => Event::Inversion,
        }
    }

    /// The observable that a person calls so: its name, or the first whose name goes on behind it with its labels, as
    /// `weight_norm` is `weight_norm[1]`; of more than two classes the mean stands for `radius` and `distance`.
    pub fn called(&self, name: &str) -> Option<usize> {
        let place = |fits: &dyn Fn(&str) -> bool| self.observables.iter().position(|observable| fits(observable));
        let labelled = |rest: &str| rest.starts_with('[') || (!self.manifolds.is_empty() && rest.starts_with('_'));
        place(&|observable| observable == name)
            .or_else(|| place(&|observable| observable.strip_suffix("_mean") == Some(name)))
            .or_else(|| place(&|observable| observable.strip_prefix(name).is_some_and(labelled)))
    }

    /// Rows of a cell; at least 1, so that it can be a step.
    fn stride(&self) -> usize {
        (self.layers.len() * self.observables.len() * self.rules.len()).max(1)
    }

    fn offset(&self, layer: usize, observable: usize, rule: Rule) -> Option<usize> {
        let rule = self.rules.iter().position(|other| *other == rule)?;
        Some((layer * self.observables.len() + observable) * self.rules.len() + rule)
    }
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

/// What becomes of a cell's search: its status, and the turning point where there is one. `verdict` is `None` where the
/// cell has no such series.
fn outcome(status: Status, verdict: Option<(Extremum, Verdict)>) -> (&'static str, Option<(Extremum, Turn)>) {
    match (status, verdict) {
        (Status::Failed, _) => ("failed", None),
        (Status::Missing, _) => ("missing", None),
        (Status::Diverged, _) => ("diverged", None),
        (Status::Complete, None) => ("absent", None),
        (Status::Complete, Some((extremum, verdict))) => {
            (verdict.status(), verdict.turn().map(|turn| (extremum, turn)))
        }
    }
}
