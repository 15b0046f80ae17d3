//! ε* against a number of the grid, as lines, and by words of it, as rows: every hidden layer, training and test samples.

use crate::figures::Figure;
use crate::figures::plot::{Layout, Legend, Mark, Panel, Ticks, draw};
use crate::figures::scale::{Kind, Scale};
use crate::sections::inversion::along::{Along, Line};
use crate::turning::{TurningPoints, symbol};

/// Circumstances drawn at most.
const MOST: usize = 6;
/// Numbers whose greatest is so many times the least are laid out by their logarithm.
const LOGARITHMIC: f64 = 6.0;
/// Levels of words drawn at most.
const MOST_LEVELS: usize = 24;

/// A figure for each factor.
pub fn figures(points: &TurningPoints, all: &[Along]) -> Vec<Figure> {
    let figure = |along: &Along| match &along.numbers {
        Some(numbers) => against_number(points, along, numbers),
        None => by_words(points, along),
    };
    all.iter().filter_map(figure).collect()
}

/// The observables of a factor's lines, in their order.
fn observables(along: &Along) -> Vec<usize> {
    let mut out: Vec<usize> = along.lines.iter().map(|line| line.of.observable).collect();
    out.sort_unstable();
    out.dedup();
    out
}

fn has_test(along: &Along) -> bool {
    along.lines.iter().any(|line| line.of.test.is_some())
}

fn layer(points: &TurningPoints, place: usize) -> String {
    points.layers[place].map_or_else(String::new, |number| format!("hidden layer {number}"))
}

/// What is common to both kinds of figure's captions.
fn caption(along: &Along, drawn: usize) -> String {
    let test = if has_test(along) { " Dashed lines and small discs: of the test samples' manifolds." } else { "" };
    let draws = along.lines.iter().flat_map(|line| &line.points).any(|point| point.draws > 1);
    let draws = if draws { "seeds and draws of the training samples" } else { "seeds" };
    let more = match along.circumstances.len() {
        all if all > drawn => format!(" Shown are {drawn} of {all} circumstances; epsilon_along.csv has all."),
        _ => String::new(),
    };
    format!(
        " Means over cells, with 95% intervals over {draws}; everything else is the same on a line (rule prominence). A point where \
         fewer than half of the cells turn is left out.{test}{more}"
    )
}

fn against_number(points: &TurningPoints, along: &Along, numbers: &[f64]) -> Option<Figure> {
    let observables = observables(along);
    let is_spanned = numbers.iter().all(|x| *x > 0.0)
        && numbers.iter().fold(0.0, |a: f64, b| a.max(*b))
            >= LOGARITHMIC * numbers.iter().fold(f64::INFINITY, |a, b| a.min(*b));
    let kind = if is_spanned { Kind::Log } else { Kind::Linear };
    let drawn = along.circumstances.len().min(MOST);
    let mut panels = Vec::new();
    for circumstance in 0..drawn {
        let mut title = along.circumstances[circumstance].as_str();
        for &observable in &observables {
            let is_here = |line: &&Line| line.circumstance == circumstance && line.of.observable == observable;
            let (mut marks, mut on_top, mut heights) = (Vec::new(), Vec::new(), Vec::new());
            for line in along.lines.iter().filter(is_here) {
                let colour = line.of.layer;
                let mut at: Vec<(f64, &_)> = (line.points.iter())
                    .filter(|point| point.mean.is_finite())
                    .map(|point| (numbers[point.level], point))
                    .collect();
                at.sort_by(|a, b| a.0.total_cmp(&b.0));
                let (class, size) = if line.of.test.is_some() { ("theory", 2.6) } else { ("line", 3.8) };
                marks.push(Mark::Curve { points: at.iter().map(|(x, p)| (*x, p.mean)).collect(), class, colour });
                for (x, point) in at {
                    heights.push(point.mean);
                    if point.interval.is_known() {
                        let (low, high) = (point.interval.low, point.interval.high);
                        heights.extend([low, high]);
                        on_top.push(Mark::Bar { from: (x, low), to: (x, high), colour });
                    }
                    on_top.push(Mark::Disc { at: (x, point.mean), size, class: "mark", colour });
                }
            }
            marks.extend(on_top);
            if marks.is_empty() {
                continue;
            }
            panels.push(Panel {
                title: title.to_owned(),
                x_label: along.words.trim_start_matches("the ").to_owned(),
                y_label: format!("ε*({})", symbol(&points.observables[observable])),
                x: Scale::around(numbers.iter().copied(), kind),
                y: Scale::around(heights.into_iter(), Kind::Linear),
                x_ticks: Ticks::Round,
                y_ticks: Ticks::Round,
                marks,
            });
            title = "";
        }
    }
    if panels.is_empty() {
        return None;
    }
    let legend: Legend = match points.layers.len() {
        1 => Vec::new(),
        layers => (0..layers).map(|place| (layer(points, place), place)).collect(),
    };
    let columns = observables.len().clamp(1, 4);
    let layout = Layout::even(columns, (1090.0 / columns as f64 - 84.0).min(420.0), 190.0, 66.0);
    Some(Figure {
        name: format!("epsilon_along_{}", along.name),
        caption: format!("ε* against {}.{}", along.words, caption(along, drawn)),
        svg: draw(&panels, layout, &legend),
    })
}

fn by_words(points: &TurningPoints, along: &Along) -> Option<Figure> {
    let observables = observables(along);
    let drawn = along.circumstances.len().min(MOST);
    let levels = along.levels.len().min(MOST_LEVELS);
    let mut panels = Vec::new();
    for circumstance in 0..drawn {
        for place in 0..points.layers.len() {
            let is_here = |line: &&Line| line.circumstance == circumstance && line.of.layer == place;
            let (mut marks, mut across) = (Vec::new(), Vec::new());
            for line in along.lines.iter().filter(is_here) {
                let colour = observables.iter().position(|other| *other == line.of.observable).unwrap_or(0);
                let offset = 0.5 * ((colour as f64 + 0.5) / observables.len() as f64 - 0.5)
                    + if line.of.test.is_some() { 0.08 } else { 0.0 };
                for point in line.points.iter().filter(|point| point.mean.is_finite() && point.level < levels) {
                    let y = -(point.level as f64) - offset;
                    across.push(point.mean);
                    if point.interval.is_known() {
                        let (low, high) = (point.interval.low, point.interval.high);
                        across.extend([low, high]);
                        marks.push(Mark::Bar { from: (low, y), to: (high, y), colour });
                    }
                    let size = if line.of.test.is_some() { 2.6 } else { 4.0 };
                    marks.push(Mark::Disc { at: (point.mean, y), size, class: "mark", colour });
                }
            }
            if marks.is_empty() {
                continue;
            }
            let parts = [along.circumstances[circumstance].clone(), layer(points, place)];
            let names = along.levels[..levels].iter().enumerate().map(|(at, name)| (-(at as f64), name.clone()));
            panels.push(Panel {
                title: parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · "),
                x_label: "ε*".into(),
                y_label: String::new(),
                x: Scale::around(across.into_iter(), Kind::Linear),
                y: Scale { low: 0.4 - levels as f64, high: 0.6, kind: Kind::Linear, reversed: false },
                x_ticks: Ticks::Round,
                y_ticks: Ticks::Named(names.collect()),
                marks,
            });
        }
    }
    if panels.is_empty() {
        return None;
    }
    let legend: Legend =
        observables.iter().enumerate().map(|(at, &of)| (symbol(&points.observables[of]), at)).collect();
    let words = along.levels[..levels].iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let left = (5.6 * words as f64 + 18.0).clamp(60.0, 420.0);
    let columns = if left < 200.0 { 2 } else { 1 };
    let layout = Layout::even(
        columns,
        (1100.0 / columns as f64 - left - 20.0).min(460.0),
        30.0 * levels.max(2) as f64 + 10.0,
        left,
    );
    let more = if along.levels.len() > levels {
        format!(" Shown are {levels} of {} levels.", along.levels.len())
    } else {
        String::new()
    };
    Some(Figure {
        name: format!("epsilon_along_{}", along.name),
        caption: format!("ε* by {}.{}{more}", along.words, caption(along, drawn)),
        svg: draw(&panels, layout, &legend),
    })
}
