//! The series along training: a figure for each variable, and one that lays their turning points beside one another.

use super::compare::Row;
use super::edge;
use crate::error::Result;
use crate::figures::Figure;
use crate::figures::plot::{Layout, Legend, Mark, Panel, Ticks, draw, same_rows};
use crate::figures::scale::{Kind, Scale};
use crate::groups::{Group, Groups};
use crate::results::{Results, Status};
use crate::statistics::moments::median;
use crate::turning::known_errors::known_errors;
use crate::turning::series::{AllSeries, Measured, Slab, principal};
use crate::turning::{Rule, TurningPoints};

/// Groups drawn at most.
const MOST_GROUPS: usize = 12;
/// Cells of a group drawn at most; they are taken evenly from all.
const MOST_CELLS: usize = 64;
/// Series of a variable drawn at most.
const MOST_SERIES: usize = 8;
/// Rows of the comparison drawn at most.
const MOST_ROWS: usize = 60;
/// Values whose greatest is so many times the least are drawn on a logarithmic scale.
const LOGARITHMIC: f64 = 10.0;

/// The drawn cells of a group.
struct Curves {
    /// The cells.
    cells: Vec<usize>,
    /// Training error at the variable's epochs, `[cell][epoch]`; NaN where it was not recorded.
    error: Vec<Vec<f64>>,
    /// `[series][cell][epoch]`.
    values: Vec<Vec<Vec<f64>>>,
}

/// A figure for each variable that no other section draws.
///
/// # Errors
/// What keeps the file from being read.
pub fn courses(results: &Results, groups: &Groups, all: &AllSeries) -> Result<Vec<Figure>> {
    let drawn = all.variables.iter().filter(|variable| variable.is_drawn);
    drawn.filter_map(|variable| course(results, groups, all, variable).transpose()).collect()
}

fn course(results: &Results, groups: &Groups, all: &AllSeries, variable: &Measured) -> Result<Option<Figure>> {
    let shown: Vec<usize> = variable.series.clone().take(MOST_SERIES).collect();
    let mut panels = Vec::new();
    let (mut has_edge, mut drawn, mut measured) = (false, 0, 0);
    for group in &groups.all {
        if drawn == MOST_GROUPS {
            measured += 1;
            continue;
        }
        let curves = read(results, all, variable, &shown, group)?;
        if !curves.values.iter().flatten().flatten().any(|value| value.is_finite()) {
            continue;
        }
        (drawn, measured) = (drawn + 1, measured + 1);
        let edge = (variable.name == edge::VARIABLE).then(|| edge::of_group(results, group)).flatten();
        has_edge |= edge.is_some();
        for against_error in [false, true] {
            let title = if against_error { "" } else { group.name.as_str() };
            panels.push(panel(all, variable, &shown, &curves, against_error, title, edge));
        }
    }
    if panels.is_empty() {
        return Ok(None);
    }
    let label = |series: &usize| match all.all[*series].label.as_str() {
        "" => variable.name.replace('_', " "),
        label => label.to_owned(),
    };
    let legend: Legend = match shown.len() {
        1 => Vec::new(),
        _ => shown.iter().enumerate().map(|(colour, series)| (label(series), colour)).collect(),
    };
    let unit = variable.unit.name();
    let mut caption = format!(
        "{}, against {unit} and against training error (which falls to the right). Thin: cells. Thick: their median at each \
         {unit}. Discs: turning points of cells (rule prominence).",
        crate::tables::text::capital(&variable.long_name)
    );
    if has_edge {
        caption.push_str(
            " Dashed: the edge of stability, 2/η for gradient descent with learning rate η, (2 + 2β)/η with heavy-ball \
             momentum β, (2 + 2β)/(η(1 + 2β)) with Nesterov's.",
        );
    }
    if measured > drawn {
        caption.push_str(&format!(" Shown are {drawn} groups, {} further ones are not.", measured - drawn));
    }
    if variable.series.len() > shown.len() {
        caption.push_str(&format!(" Shown are {} of {} series.", shown.len(), variable.series.len()));
    }
    if groups.all.iter().any(|group| group.cells.len() > MOST_CELLS) {
        caption.push_str(&format!(" Of a group with more than {MOST_CELLS} cells, {MOST_CELLS} are drawn."));
    }
    let columns = if panels.len() > 2 { 4 } else { 2 };
    let width = if columns == 2 { 420.0 } else { 196.0 };
    let svg = draw(&panels, Layout::even(columns, width, if columns == 2 { 210.0 } else { 150.0 }, 66.0), &legend);
    Ok(Some(Figure { name: format!("series_{}", variable.name), caption, svg }))
}

fn read(results: &Results, all: &AllSeries, variable: &Measured, shown: &[usize], group: &Group) -> Result<Curves> {
    let trained = |cell: &usize| results.cells.status[*cell] == Status::Complete;
    let complete: Vec<usize> = group.cells.iter().copied().filter(trained).collect();
    let count = MOST_CELLS.min(complete.len());
    let cells: Vec<usize> = (0..count).map(|k| complete[k * complete.len() / count.max(1)]).collect();
    let mut curves = Curves { cells, error: Vec::new(), values: vec![Vec::new(); shown.len()] };
    // Cells lie compressed in chunks of many: read runs of them, not one by one.
    const RUN: usize = 256;
    for run in curves.cells.chunk_by(|a, b| a / RUN == b / RUN) {
        let range = run[0]..run[run.len() - 1] + 1;
        let known = known_errors(results, variable.unit, range.clone())?;
        let Some(slab) = Slab::read(results, variable, range.clone())? else { continue };
        for row in run.iter().map(|cell| cell - range.start) {
            let at = |moment: &i64| known[row].at(*moment).map_or(f64::NAN, f64::from);
            curves.error.push(variable.epochs.iter().map(at).collect());
            for (series, kept) in shown.iter().zip(&mut curves.values) {
                kept.push(slab.values(row, &all.all[*series]).into_iter().map(f64::from).collect());
            }
        }
    }
    Ok(curves)
}

fn panel(
    all: &AllSeries,
    variable: &Measured,
    shown: &[usize],
    curves: &Curves,
    against_error: bool,
    title: &str,
    edge: Option<f64>,
) -> Panel {
    let epochs: Vec<f64> = variable.epochs.iter().map(|epoch| *epoch as f64).collect();
    let (mut marks, mut on_top) = (Vec::new(), Vec::new());
    for (colour, (values, &series)) in curves.values.iter().zip(shown).enumerate() {
        for (error, values) in curves.error.iter().zip(values) {
            let x = if against_error { error } else { &epochs };
            let points = x.iter().copied().zip(values.iter().copied()).collect();
            marks.push(Mark::Curve { points, class: "thin", colour });
        }
        let at = |of: &[Vec<f64>], index: usize| {
            median(&of.iter().filter_map(|curve| curve.get(index).copied()).collect::<Vec<_>>())
        };
        let middle = (0..epochs.len())
            .map(|index| (if against_error { at(&curves.error, index) } else { epochs[index] }, at(values, index)))
            .filter(|(x, y)| x.is_finite() && y.is_finite())
            .collect();
        on_top.push(Mark::Curve { points: middle, class: "median", colour });
        for cell in &curves.cells {
            let Some(row) = all.points.at(*cell, 0, series, Rule::Prominence) else { continue };
            let Some(epoch) = row.epoch else { continue };
            let x = if against_error { row.epsilon_star } else { epoch as f64 };
            on_top.push(Mark::Disc { at: (x, row.value), size: 2.2, class: "dot", colour });
        }
    }
    marks.extend(on_top);
    marks.extend(edge.map(Mark::Level));
    let heights = || curves.values.iter().flatten().flatten().copied().filter(|y| y.is_finite()).chain(edge);
    let (low, high) = (heights().fold(f64::INFINITY, f64::min), heights().fold(f64::NEG_INFINITY, f64::max));
    let kind = if low > 0.0 && high > LOGARITHMIC * low { Kind::Log } else { Kind::Linear };
    let x = match against_error {
        true => Scale::around(curves.error.iter().flatten().copied(), Kind::Log).backwards(),
        false => Scale::around(epochs.iter().copied(), along(&epochs)),
    };
    Panel {
        title: title.to_owned(),
        x_label: if against_error { "training error" } else { variable.unit.name() }.to_owned(),
        y_label: variable.name.replace('_', " "),
        x,
        y: Scale::around(heights(), kind),
        x_ticks: Ticks::Round,
        y_ticks: Ticks::Round,
        marks,
    }
}

/// Epochs or steps that crowd at the start, as those of a schedule even in log epoch do, are laid out by their logarithm, the
/// initial network at the left of it.
fn along(epochs: &[f64]) -> Kind {
    let (middle, last) = (epochs.get(epochs.len() / 2).copied().unwrap_or(0.0), epochs.last().copied().unwrap_or(0.0));
    match 4.0 * middle < last {
        true if epochs.first() == Some(&0.0) => Kind::LogAndZero,
        true => Kind::Log,
        false => Kind::Linear,
    }
}

/// The training error at which each series turns, a panel for each group: every cell a dot, the mean with its interval, and
/// dashed the principal observable's mean.
pub fn comparison(rows: &[Row], groups: &Groups, points: &TurningPoints, all: &AllSeries) -> Option<Figure> {
    let mut panels = Vec::new();
    let mut words = 0;
    let mut names: Vec<&str> = Vec::new();
    for row in rows.iter().filter(|row| row.star.0.is_finite() && row.turns()) {
        if !names.contains(&row.name.as_str()) {
            names.push(&row.name);
        }
    }
    let total = names.len();
    let mean_of = |name: &str| {
        let stars: Vec<f64> = rows.iter().filter(|row| row.name == name).map(|row| row.star.0).collect();
        median(&stars)
    };
    // In the order in which they happen: training errors fall.
    names.sort_by(|a, b| mean_of(b).total_cmp(&mean_of(a)));
    names.truncate(MOST_ROWS);
    let principal = principal(points, all);
    for (index, group) in groups.all.iter().enumerate().take(MOST_GROUPS) {
        let mut marks = Vec::new();
        let mut stars = Vec::new();
        for row in rows.iter().filter(|row| row.group == index && row.star.0.is_finite() && row.turns()) {
            let Some(place) = names.iter().position(|name| *name == row.name) else { continue };
            let y = -(place as f64);
            let colour = usize::from(row.series.is_some());
            if let Some(series) = row.series {
                let cells = group.cells.iter().filter_map(|&cell| all.points.at(cell, 0, series, Rule::Prominence));
                for point in cells.filter(|point| point.epsilon_star > 0.0).take(MOST_CELLS) {
                    marks.push(Mark::Disc { at: (point.epsilon_star, y), size: 1.8, class: "dot", colour });
                    stars.push(point.epsilon_star);
                }
            }
            let interval = row.star.2;
            if interval.is_known() {
                marks.push(Mark::Bar { from: (interval.low.max(1e-9), y), to: (interval.high, y), colour });
            }
            marks.push(Mark::Disc { at: (row.star.0, y), size: 4.2, class: "mark", colour });
            stars.push(row.star.0);
            words = words.max(row.name.chars().count());
        }
        let reference = principal.map(|(of, place)| {
            let stars = group.cells.iter().filter_map(|&cell| of.at(cell, 0, place, Rule::Prominence));
            let stars: Vec<f64> = stars.map(|row| row.epsilon_star).filter(|star| star.is_finite()).collect();
            crate::statistics::moments::mean(&stars)
        });
        marks.extend(reference.filter(|star| star.is_finite()).map(Mark::Upright));
        if stars.is_empty() {
            continue;
        }
        panels.push(Panel {
            title: group.name.clone(),
            x_label: "training error at the turning point".into(),
            y_label: String::new(),
            x: Scale::around(stars.into_iter().filter(|star| *star > 0.0), Kind::Log).backwards(),
            y: Scale { low: 0.2 - names.len() as f64, high: 0.6, kind: Kind::Linear, reversed: false },
            x_ticks: Ticks::Round,
            y_ticks: Ticks::Named(
                names.iter().enumerate().map(|(at, name)| (-(at as f64), (*name).to_owned())).collect(),
            ),
            marks,
        });
    }
    let svg = same_rows(panels, names.len(), 17.0, words)?;
    let more =
        if total > names.len() { format!(" Shown are {} of {total} series.", names.len()) } else { String::new() };
    let caption = format!(
        "Training error at the turning point of each series that turns in at least half of a group's cells, in the order in \
         which they happen (it falls to the right). Dots: cells. Discs and bars: mean and its 95% interval; class manifolds in the first colour. Dashed: the mean of the \
         observable that the report is about.{more}"
    );
    Some(Figure { name: "series_turning_points".into(), caption, svg })
}
