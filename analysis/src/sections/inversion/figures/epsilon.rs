//! ε* by group and by axis: every cell a dot, the mean with its 95% interval.

use std::collections::HashMap;

use crate::figures::Figure;
use crate::figures::plot::{Layout, Legend, Mark, Panel, Ticks, draw, same_rows};
use crate::figures::scale::{Kind, Scale};
use crate::groups::Groups;
use crate::results::Results;
use crate::statistics::interval::mean_interval;
use crate::statistics::moments::mean;
use crate::turning::{Rule, TurningPoints, symbol};

/// Groups drawn at most.
const MOST_GROUPS: usize = 40;
/// Observables drawn at most.
const MOST_PANELS: usize = 12;
/// Levels of an axis drawn at most; an axis with more (seeds, as a rule) has no panel.
const MOST_LEVELS: usize = 12;
/// Dots of one row drawn at most.
const MOST_DOTS: usize = 200;

/// Values of one row of dots.
struct Row {
    name: String,
    values: Vec<f64>,
}

/// ε* of each group (rule prominence): one panel per observable of the layer.
pub fn by_group(results: &Results, points: &TurningPoints, groups: &Groups, layer: usize) -> Option<Figure> {
    let drawn = points.observables.len().min(MOST_PANELS);
    let panels: Vec<Panel> = (0..drawn)
        .filter_map(|observable| {
            let rows = groups.all.iter().take(MOST_GROUPS).map(|group| Row {
                name: group.name.clone(),
                values: values(points, layer, observable, group.cells.iter().copied()),
            });
            dots(&symbol(&points.observables[observable]), rows.collect(), observable)
        })
        .collect();
    let words = groups.all.iter().take(MOST_GROUPS).map(|group| group.name.chars().count()).max()?;
    let svg = same_rows(panels, groups.all.len().min(MOST_GROUPS), 22.0, words)?;
    let mut shown = match groups.all.len() {
        all if all > MOST_GROUPS => format!(" Shown are the first {MOST_GROUPS} of {all} groups."),
        _ => String::new(),
    };
    if drawn < points.observables.len() {
        shown.push_str(&format!(" Shown are the first {drawn} of {} observables.", points.observables.len()));
    }
    let caption = format!(
        "Training error at the inversion, ε*, of each group at hidden layer {} (rule prominence). Dots: cells. Discs and \
         bars: mean and its 95% interval. Groups without an inversion have no dots.{shown}",
        results.layers[layer]
    );
    Some(Figure { name: format!("epsilon_star_layer_{}", results.layers[layer]), caption, svg })
}

/// ε* by axis: one panel per axis that varies, over all unpruned cells, for one observable.
pub fn by_axis(results: &Results, points: &TurningPoints, layer: usize, observable: usize) -> Option<Figure> {
    let whole = results.cells.unpruned();
    let stars: Vec<f64> = (0..results.cells.len())
        .map(|cell| points.at(cell, layer, observable, Rule::Prominence).filter(|_| whole[cell]))
        .map(|row| row.map_or(f64::NAN, |row| row.epsilon_star))
        .collect();
    let mut panels = Vec::new();
    let (mut most, mut words) = (0, 0);
    for (axis, labels) in results.cells.axes.iter().filter(|(axis, _)| axis != "prune") {
        let mut levels: Vec<&String> = Vec::new();
        for (cell, label) in labels.iter().enumerate() {
            if whole[cell] && !levels.contains(&label) && levels.len() <= MOST_LEVELS {
                levels.push(label);
            }
        }
        if !(2..=MOST_LEVELS).contains(&levels.len()) {
            continue;
        }
        let taken_out: &[&str] = match axis.as_str() {
            "data" => &[],
            "subsample" => &["data"],
            _ => &["data", "subsample"],
        };
        let adjusted = less_means(results, &stars, taken_out);
        let of = |level: &String| -> Vec<f64> {
            let mine = labels.iter().zip(&adjusted).filter(|(label, star)| *label == level && star.is_finite());
            mine.map(|(_, star)| *star).collect()
        };
        let rows: Vec<Row> = levels.iter().map(|level| Row { name: (*level).clone(), values: of(level) }).collect();
        most = most.max(rows.len());
        words = words.max(rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0));
        panels.extend(dots(&format!("by {axis}"), rows, observable));
    }
    // One scale for all panels: the axes are to be compared.
    let scale = Scale::around(panels.iter().flat_map(|panel| [panel.x.low, panel.x.high]), Kind::Linear);
    panels.iter_mut().for_each(|panel| panel.x = scale.clone());
    let svg = rows_of_panels(&panels, most, words)?;
    let caption = format!(
        "ε* of {} at hidden layer {} by axis (rule prominence): how far an axis moves the inversion, all on one scale. \
         Where data or subsamples vary too, the difference of their means is taken out of the other axes' panels (of the \
         subsamples', that of the data). Dots: cells. Discs and bars: mean of the level and its 95% interval.",
        symbol(&points.observables[observable]),
        results.layers[layer]
    );
    Some(Figure { name: format!("epsilon_star_by_axis_layer_{}", results.layers[layer]), caption, svg })
}

/// Values less the mean of the cells that agree in these axes, plus the mean of all.
fn less_means(results: &Results, values: &[f64], axes: &[&str]) -> Vec<f64> {
    let labels: Vec<&Vec<String>> =
        results.cells.axes.iter().filter(|(name, _)| axes.contains(&name.as_str())).map(|(_, labels)| labels).collect();
    let key = |cell: usize| labels.iter().map(|labels| labels[cell].as_str()).collect::<Vec<_>>();
    let mut sums: HashMap<Vec<&str>, (f64, f64)> = HashMap::new();
    let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    for (cell, value) in values.iter().enumerate().filter(|(_, value)| value.is_finite()) {
        let sum = sums.entry(key(cell)).or_default();
        *sum = (sum.0 + value, sum.1 + 1.0);
    }
    let overall = mean(&finite);
    let less = |(cell, value): (usize, &f64)| match sums.get(&key(cell)) {
        Some((sum, count)) => value - sum / count + overall,
        None => f64::NAN,
    };
    values.iter().enumerate().map(less).collect()
}

fn values(points: &TurningPoints, layer: usize, observable: usize, cells: impl Iterator<Item = usize>) -> Vec<f64> {
    let star = |cell| points.at(cell, layer, observable, Rule::Prominence).map_or(f64::NAN, |row| row.epsilon_star);
    cells.map(star).filter(|star| star.is_finite()).collect()
}

fn dots(title: &str, rows: Vec<Row>, colour: usize) -> Option<Panel> {
    let mut marks = Vec::new();
    let mut on_top = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let y = -(index as f64);
        let stride = row.values.len().div_ceil(MOST_DOTS).max(1);
        for (place, value) in row.values.iter().step_by(stride).enumerate() {
            // Spread in height so that dots do not hide each other: the golden ratio's multiples fill [0, 1) evenly.
            let jitter = (place as f64 * 0.618_033_988_75).fract() - 0.5;
            marks.push(Mark::Disc { at: (*value, y + 0.5 * jitter), size: 1.8, class: "dot", colour });
        }
        if row.values.is_empty() {
            continue;
        }
        let interval = mean_interval(&row.values);
        if interval.is_known() {
            on_top.push(Mark::Bar { from: (interval.low, y), to: (interval.high, y), colour });
        }
        on_top.push(Mark::Disc { at: (mean(&row.values), y), size: 4.2, class: "mark", colour });
    }
    marks.extend(on_top);
    let all = || rows.iter().flat_map(|row| row.values.iter().copied());
    all().next()?;
    Some(Panel {
        title: title.to_owned(),
        x_label: "ε*".to_owned(),
        y_label: String::new(),
        x: Scale::around(all(), Kind::Linear),
        y: Scale { low: 0.6 - rows.len() as f64 - 0.2, high: 0.6, kind: Kind::Linear, reversed: false },
        x_ticks: Ticks::Round,
        y_ticks: Ticks::Named(rows.iter().enumerate().map(|(i, row)| (-(i as f64), row.name.clone())).collect()),
        marks,
    })
}

/// Lays out panels whose rows have names of so many characters.
fn rows_of_panels(panels: &[Panel], rows: usize, words: usize) -> Option<String> {
    if panels.is_empty() {
        return None;
    }
    let left = (5.6 * words as f64 + 18.0).clamp(60.0, 420.0);
    let columns = if left < 180.0 {
        3
    } else if left < 300.0 {
        2
    } else {
        1
    };
    let columns = columns.min(panels.len());
    let width = (1108.0 / columns as f64 - left - 16.0).min(520.0);
    let height = 22.0 * rows.max(2) as f64 + 10.0;
    Some(draw(panels, Layout::even(columns, width, height, left), &Legend::new()))
}
