//! Local complexity beside accuracy along training, and when its phases come.

use ndarray::{Ix4, Ix5, s};
use phasesweep_results::variables::{LOCAL_COMPLEXITY, ROBUST_ERROR};

use super::axes::AttackAxes;
use crate::error::Result;
use crate::figures::Figure;
use crate::figures::plot::{Layout, Legend, Mark, Panel, Ticks, draw};
use crate::figures::scale::{Kind, Scale};
use crate::groups::{Group, Groups};
use crate::results::{Results, Status, Unit};
use crate::sections::local_complexity::search::{Complexity, Row, accuracies, points_name, steps};
use crate::statistics::moments::median;

/// Groups drawn at most.
const MOST_GROUPS: usize = 8;
/// Cells of a group drawn at most.
const MOST_CELLS: usize = 32;
/// Colours of the accuracies, after those of the layers.
const TRAIN: usize = 6;
const TEST: usize = 7;
/// Of the attacks, in turn.
const ATTACKS: [usize; 2] = [4, 5];

/// Values of the drawn cells of a group against steps: `[cell]`, each (step, value).
type Bundle = Vec<Vec<(f64, f64)>>;

/// Everything that is drawn of one group.
struct Drawn {
    /// `[points][layer]`, at the principal radius.
    layers: Vec<Vec<Bundle>>,
    /// `[radius]`, around the principal points, in the layer that stands for all, relative to the first value.
    radii: Vec<Bundle>,
    train: Bundle,
    test: Bundle,
    /// The attacks, with their names.
    attacks: Vec<(String, Bundle)>,
}

/// The figures of the section.
pub fn figures(results: &Results, complexity: &Complexity, groups: &Groups) -> Result<Vec<Figure>> {
    let mut drawn = Vec::new();
    for group in groups.all.iter().take(MOST_GROUPS) {
        drawn.push((group, read(results, complexity, group)?));
    }
    let mut out = vec![along(complexity, &drawn, groups.all.len()), by_radius(complexity, &drawn)];
    out.extend(when(complexity, groups));
    Ok(out)
}

fn read(results: &Results, complexity: &Complexity, group: &Group) -> Result<Drawn> {
    let axes = &complexity.axes;
    let [points, radius] = complexity.principal;
    let attack = AttackAxes::read(results)?.unwrap_or_default();
    let names = attack.norms.iter().flat_map(|norm| attack.epsilons.iter().map(move |e| format!("{norm} {e}")));
    let mut drawn = Drawn {
        layers: vec![vec![Vec::new(); axes.layers.len()]; axes.points.len()],
        radii: vec![Vec::new(); axes.radii.len()],
        train: Vec::new(),
        test: Vec::new(),
        attacks: names.map(|name| (name, Vec::new())).collect(),
    };
    let alive: Vec<usize> =
        group.cells.iter().copied().filter(|&c| results.cells.status[c] == Status::Complete).collect();
    let stride = alive.len().div_ceil(MOST_CELLS).max(1);
    for &cell in alive.iter().step_by(stride) {
        let whole =
            results.slab(LOCAL_COMPLEXITY.name, cell..cell + 1)?.and_then(|a| a.into_dimensionality::<Ix5>().ok());
        let Some(whole) = whole else { continue };
        let probed = steps(results, cell, &axes.epochs, axes.unit);
        let series = |p: usize, r: usize, l: usize| -> Vec<(f64, f64)> {
            let values = whole.slice(s![0, p, r, l, ..]);
            probed.iter().copied().zip(values.iter().map(|value| f64::from(*value))).collect()
        };
        for (p, of_points) in drawn.layers.iter_mut().enumerate() {
            for (l, bundle) in of_points.iter_mut().enumerate() {
                bundle.push(series(p, radius, l));
            }
        }
        for (r, bundle) in drawn.radii.iter_mut().enumerate() {
            let mut of_radius = series(points, r, complexity.total);
            let first = of_radius.iter().map(|point| point.1).find(|value| value.is_finite()).unwrap_or(f64::NAN);
            of_radius.iter_mut().for_each(|point| point.1 /= first);
            // A radius at which nothing is cut at first has no relative value.
            if first > 0.0 {
                bundle.push(of_radius);
            }
        }
        let recorded = steps(results, cell, &results.epochs, Unit::Epoch);
        for (variable, bundle) in [("train_error", &mut drawn.train), ("test_error", &mut drawn.test)] {
            if let Some(accuracy) = accuracies(results, variable, cell..cell + 1)? {
                bundle.push(recorded.iter().copied().zip(accuracy.iter().copied()).collect());
            }
        }
        let robust = results.slab(ROBUST_ERROR.name, cell..cell + 1)?.and_then(|a| a.into_dimensionality::<Ix4>().ok());
        if let Some(robust) = robust {
            let at = steps(results, cell, &attack.epochs, attack.unit);
            for (place, (_, bundle)) in drawn.attacks.iter_mut().enumerate() {
                let (n, e) = (place / attack.epsilons.len(), place % attack.epsilons.len());
                let errors = robust.slice(s![0, n, e, ..]);
                bundle.push(at.iter().copied().zip(errors.iter().map(|error| 1.0 - f64::from(*error))).collect());
            }
        }
    }
    Ok(drawn)
}

/// Thin curves of every cell and their median, in a colour.
fn curves(bundle: &Bundle, colour: usize, marks: &mut Vec<Mark>, on_top: &mut Vec<Mark>) {
    for points in bundle {
        marks.push(Mark::Curve { points: points.clone(), class: "thin", colour });
    }
    let length = bundle.first().map_or(0, Vec::len);
    let middle = (0..length)
        .map(|index| {
            let column = |of: fn(&(f64, f64)) -> f64| {
                median(&bundle.iter().filter_map(|points| points.get(index).map(of)).collect::<Vec<_>>())
            };
            (column(|point| point.0), column(|point| point.1))
        })
        .filter(|(x, y)| x.is_finite() && y.is_finite())
        .collect();
    on_top.push(Mark::Curve { points: middle, class: "median", colour });
}

/// A panel against the step, which begins at the first step after initialisation.
fn panel(title: &str, y_label: &str, bundles: &[(usize, &Bundle)], uprights: &[f64]) -> Panel {
    let (mut marks, mut on_top) = (Vec::new(), Vec::new());
    bundles.iter().for_each(|(colour, bundle)| curves(bundle, *colour, &mut marks, &mut on_top));
    marks.extend(on_top);
    marks.extend(uprights.iter().filter(|step| **step > 0.0).map(|step| Mark::Upright(*step)));
    let all = || bundles.iter().flat_map(|(_, bundle)| bundle.iter().flatten().copied());
    Panel {
        title: title.to_owned(),
        x_label: "step".into(),
        y_label: y_label.to_owned(),
        x: Scale::around(all().map(|point| point.0).filter(|step| *step >= 1.0), Kind::Log),
        y: Scale::around(all().filter(|point| point.0 >= 1.0).map(|point| point.1), Kind::Linear),
        x_ticks: Ticks::Round,
        y_ticks: Ticks::Round,
        marks,
    }
}

/// Local complexity per layer around each kind of points, and accuracy: a row of panels for each group.
fn along(complexity: &Complexity, drawn: &[(&Group, Drawn)], groups: usize) -> Figure {
    let axes = &complexity.axes;
    let layers: Vec<usize> = (0..axes.layers.len()).filter(|layer| *layer != complexity.total).collect();
    let mut panels = Vec::new();
    for (group, drawn) in drawn {
        let uprights = phase_steps(complexity, group);
        let mut first = true;
        for (p, points) in axes.points.iter().enumerate() {
            let bundles: Vec<(usize, &Bundle)> =
                layers.iter().enumerate().map(|(colour, layer)| (colour, &drawn.layers[p][*layer])).collect();
            let around = format!("{} points", points_name(points));
            let title = if first && groups > 1 { format!("{}: {around}", group.name) } else { around };
            panels.push(panel(&title, if first { "units cut in the layer" } else { "" }, &bundles, &uprights));
            first = false;
        }
        let mut bundles = vec![(TRAIN, &drawn.train), (TEST, &drawn.test)];
        bundles.extend(drawn.attacks.iter().zip(ATTACKS.iter().cycle()).map(|((_, bundle), &colour)| (colour, bundle)));
        panels.push(panel("accuracy", "", &bundles, &uprights));
    }
    let mut legend: Legend =
        layers.iter().enumerate().map(|(colour, layer)| (format!("layer {}", axes.layers[*layer]), colour)).collect();
    legend.extend([("training accuracy".to_owned(), TRAIN), ("test accuracy".to_owned(), TEST)]);
    if let Some((_, drawn)) = drawn.first() {
        let attacks = drawn.attacks.iter().zip(ATTACKS.iter().cycle());
        legend.extend(attacks.map(|((name, _), &colour)| (format!("under {name}"), colour)));
    }
    let more =
        if groups > MOST_GROUPS { format!(" The first {MOST_GROUPS} of {groups} groups.") } else { String::new() };
    let radius = axes.radii[complexity.principal[1]];
    let caption = format!(
        "Local complexity (mean number of units whose zero set cuts the neighbourhood of radius {radius}) per hidden layer, and \
         accuracy, against the step. Thin: every cell. Thick: the median. Dashed: the median steps at which the descent ends \
         and the final descent begins (sum over layers, {}), where they were found.{more}",
        complexity.principal_name()
    );
    let layout = Layout { columns: axes.points.len() + 1, width: 215.0, height: 165.0, left: 52.0, between: 40.0 };
    Figure { name: "lc_along".into(), caption, svg: draw(&panels, layout, &legend) }
}

/// Median steps of a group's phases in the principal series.
fn phase_steps(complexity: &Complexity, group: &Group) -> Vec<f64> {
    let rows: Vec<&Row> =
        complexity.principal_rows().filter(|row| group.cells.binary_search(&row.cell).is_ok()).collect();
    let middle = |step: fn(&Row) -> f64| median(&rows.iter().map(|row| step(row)).collect::<Vec<_>>());
    [middle(|row| row.trough.step), middle(|row| row.falls_from.step)]
        .into_iter()
        .filter(|step| step.is_finite())
        .collect()
}

/// The same series at every radius.
fn by_radius(complexity: &Complexity, drawn: &[(&Group, Drawn)]) -> Figure {
    let axes = &complexity.axes;
    let panels: Vec<Panel> = drawn
        .iter()
        .enumerate()
        .map(|(place, (group, drawn))| {
            let bundles: Vec<(usize, &Bundle)> = drawn.radii.iter().enumerate().collect();
            panel(&group.name, if place % 3 == 0 { "relative to step 0" } else { "" }, &bundles, &[])
        })
        .collect();
    let legend = axes.radii.iter().enumerate().map(|(colour, radius)| (format!("r = {radius}"), colour)).collect();
    let caption = format!(
        "Local complexity around {} points, summed over the layers, relative to its value at the start, at every radius. Radii \
         at which nothing is cut at the start are left out.",
        points_name(&axes.points[complexity.principal[0]])
    );
    let layout = Layout { columns: 3, width: 300.0, height: 180.0, left: 52.0, between: 42.0 };
    Figure { name: "lc_radii".into(), caption, svg: draw(&panels, layout, &legend) }
}

/// When phases and accuracies come: a line for each group.
fn when(complexity: &Complexity, groups: &Groups) -> Option<Figure> {
    const KINDS: [&str; 4] =
        ["training set fitted", "descent ends", "final descent begins", "test accuracy: half of the later gain"];
    let mut marks = Vec::new();
    let mut shown = Vec::new();
    for (place, group) in groups.all.iter().enumerate() {
        let mine = |cell: usize| group.cells.binary_search(&cell).is_ok();
        let rows: Vec<&Row> = complexity.principal_rows().filter(|row| mine(row.cell)).collect();
        let rises: Vec<_> = complexity.rises.iter().filter(|row| row.of == "test" && mine(row.cell)).collect();
        let of: [Vec<f64>; 4] = [
            rises.iter().filter_map(|row| row.fitted).collect(),
            rows.iter().map(|row| row.trough.step).collect(),
            rows.iter().map(|row| row.falls_from.step).collect(),
            rises.iter().filter(|row| row.is_delayed()).filter_map(|row| row.rise.map(|rise| rise.step)).collect(),
        ];
        for (kind, steps) in of.into_iter().enumerate() {
            let y = -(place as f64) + 0.24 - 0.16 * kind as f64;
            let steps: Vec<f64> = steps.into_iter().filter(|step| *step >= 1.0).collect();
            for &step in &steps {
                marks.push(Mark::Disc { at: (step, y), size: 2.6, class: "dot", colour: kind });
            }
            if !steps.is_empty() {
                marks.push(Mark::Disc { at: (median(&steps), y), size: 4.4, class: "mark", colour: kind });
            }
            shown.extend(steps);
        }
    }
    if shown.is_empty() {
        return None;
    }
    let names = groups.all.iter().enumerate().map(|(place, group)| (-(place as f64), group.name.clone())).collect();
    let rows = groups.all.len() as f64;
    let panel = Panel {
        title: String::new(),
        x_label: "step".into(),
        y_label: String::new(),
        x: Scale::around(shown.into_iter(), Kind::Log),
        y: Scale { low: 0.5 - rows, high: 0.5, kind: Kind::Linear, reversed: false },
        x_ticks: Ticks::Round,
        y_ticks: Ticks::Named(names),
        marks,
    };
    let longest = groups.all.iter().map(|group| group.name.chars().count()).max().unwrap_or(0);
    let left = (5.6 * longest as f64 + 16.0).clamp(60.0, 460.0);
    let layout = Layout::even(1, 1040.0 - left, 46.0 * rows + 10.0, left);
    let legend = KINDS.iter().enumerate().map(|(kind, name)| ((*name).to_owned(), kind)).collect();
    let caption = format!(
        "When the phases of local complexity ({}, summed over the layers) come, beside when the training set is fitted and when, \
         in cells that grok, test accuracy rises. Small: cells; ringed: medians. What was not found is not drawn.",
        complexity.principal_name()
    );
    Some(Figure { name: "lc_when".into(), caption, svg: draw(&[panel], layout, &legend) })
}
