//! Local complexity against the number of regions, its rank correlations, and the deformation layer by layer.

use super::counts::Counts;
use super::proxy::{Row, pairs};
use crate::figures::Figure;
use crate::figures::plot::{Layout, Legend, Mark, Panel, Ticks, draw};
use crate::figures::scale::{Kind, Scale};
use crate::statistics::moments::median;

/// Radii, numbers of directions and layers drawn at most.
const MOST: usize = 8;
/// Dots of a colour in a panel at most; they are taken evenly from all.
const MOST_DOTS: usize = 1500;

/// The figures of the section; `rows` are of all cells together.
pub fn figures(counts: &Counts, rows: &[Row]) -> Vec<Figure> {
    vec![against_regions(counts), by_directions(counts, rows), deformation(counts)]
}

fn complete(counts: &Counts) -> Vec<usize> {
    (0..counts.complete.len()).filter(|&cell| counts.complete[cell]).collect()
}

/// Every cell and moment: units cut against regions, a panel for each radius.
fn against_regions(counts: &Counts) -> Figure {
    let (points, cells) = (counts.principal(), complete(counts));
    let mut panels = Vec::new();
    for (radius, r) in counts.radii.iter().enumerate().take(MOST) {
        let (mut marks, mut all) = (Vec::new(), Vec::new());
        for directions in (0..counts.directions.len()).take(MOST) {
            let dots: Vec<(f64, f64)> =
                cells.iter().flat_map(|&cell| pairs(counts, cell, [points, radius, directions])).collect();
            let stride = dots.len().div_ceil(MOST_DOTS).max(1);
            for &(cut, regions) in dots.iter().step_by(stride).filter(|(cut, _)| *cut > 0.0) {
                marks.push(Mark::Disc { at: (regions, cut), size: 2.0, class: "dot", colour: directions });
                all.push((regions, cut));
            }
        }
        panels.push(Panel {
            title: format!("r = {r}"),
            x_label: "linear regions".into(),
            y_label: if radius == 0 { "units cut".into() } else { String::new() },
            x: Scale::around(all.iter().map(|dot| dot.0), Kind::Log),
            y: Scale::around(all.iter().map(|dot| dot.1), Kind::Log),
            x_ticks: Ticks::Round,
            y_ticks: Ticks::Round,
            marks,
        });
    }
    let legend = counts.directions.iter().take(MOST).enumerate();
    let legend: Legend = legend.map(|(colour, count)| (format!("{count} directions"), colour)).collect();
    let caption = format!(
        "Local complexity, the mean number of units cut by a cross-polytope, against the exact mean number of linear regions in its \
         two-dimensional section, around {} points: a dot for each cell and {}.",
        counts.called(points),
        counts.unit
    );
    Figure { name: "neighbourhood_regions".into(), caption, svg: draw(&panels, across(panels.len()), &legend) }
}

fn across(panels: usize) -> Layout {
    Layout { columns: panels.clamp(1, 4), width: 210.0, height: 180.0, left: 56.0, between: 44.0 }
}

/// Rank correlations against the number of directions.
fn by_directions(counts: &Counts, rows: &[Row]) -> Figure {
    type Of = fn(&Row) -> [f64; 3];
    let kinds: [(&str, Of); 2] = [("over points", |row| row.over_points), ("along training", |row| row.along_training)];
    let mut panels = Vec::new();
    for (name, of) in kinds {
        for points in 0..counts.points.len() {
            let (mut marks, mut lowest) = (vec![Mark::Level(0.0)], 0.0_f64);
            for radius in (0..counts.radii.len()).take(MOST) {
                let mine = rows.iter().filter(|row| (row.points, row.radius) == (points, radius));
                let mut curve = Vec::new();
                for row in mine.filter(|row| of(row)[0].is_finite()) {
                    // Radii side by side.
                    let x = counts.directions[row.directions] as f64 * (1.0 + 0.04 * radius as f64);
                    let [middle, low, high] = of(row);
                    marks.push(Mark::Bar { from: (x, low), to: (x, high), colour: radius });
                    marks.push(Mark::Disc { at: (x, middle), size: 3.2, class: "mark", colour: radius });
                    curve.push((x, middle));
                    lowest = lowest.min(low);
                }
                marks.push(Mark::Curve { points: curve, class: "line", colour: radius });
            }
            panels.push(Panel {
                title: format!("{name}, {} points", counts.called(points)),
                x_label: "directions".into(),
                y_label: if points == 0 { "rank correlation".into() } else { String::new() },
                // With room for the radii side by side.
                x: Scale::around(
                    counts.directions.iter().flat_map(|&count| [0.8, 1.5].map(|factor| factor * count as f64)),
                    Kind::Log,
                ),
                y: Scale::around([lowest, 1.0].into_iter(), Kind::Linear),
                x_ticks: Ticks::Named(
                    counts.directions.iter().map(|&count| (count as f64, count.to_string())).collect(),
                ),
                y_ticks: Ticks::Round,
                marks,
            });
        }
    }
    let legend: Legend =
        counts.radii.iter().take(MOST).enumerate().map(|(colour, r)| (format!("r = {r}"), colour)).collect();
    let caption = format!(
        "Spearman’s rank correlation of the units cut with the exact number of linear regions, against the number of directions. Over \
         points: median and quartiles over cells and {}s; along training, of the means over points: median, least and greatest \
         cell. The regions are those of the plane along the first two directions.",
        counts.unit
    );
    let layout = Layout { columns: counts.points.len().max(1), ..across(1) };
    Figure { name: "neighbourhood_directions".into(), caption, svg: draw(&panels, layout, &legend) }
}

/// Stretch and bend layer by layer, at the first and at the last moment.
fn deformation(counts: &Counts) -> Figure {
    let (points, cells) = (counts.principal(), complete(counts));
    let mut panels = Vec::new();
    let moments = [("start", 0), ("end", counts.moments.saturating_sub(1))];
    let measures = [("stretch", &counts.stretch), ("bend", &counts.bend)];
    for (measure, (name, values)) in measures.into_iter().enumerate() {
        for (when, moment) in moments {
            let (mut marks, mut shown) = (Vec::new(), Vec::new());
            for radius in (0..counts.radii.len()).take(MOST) {
                let middle = |layer: usize| {
                    let of = |&cell: &usize| f64::from(values[[cell, points, radius, layer, moment]]);
                    median(&cells.iter().map(of).collect::<Vec<_>>())
                };
                let curve: Vec<(f64, f64)> = (0..counts.layers.len())
                    .map(|layer| (layer as f64, middle(layer)))
                    .filter(|(_, value)| value.is_finite() && *value > 0.0)
                    .collect();
                shown.extend(curve.iter().map(|point| point.1));
                marks.extend(curve.iter().map(|&at| Mark::Disc { at, size: 3.2, class: "mark", colour: radius }));
                marks.push(Mark::Curve { points: curve, class: "line", colour: radius });
            }
            let ticks = counts.layers.iter().enumerate().map(|(at, layer)| (at as f64, layer.clone()));
            panels.push(Panel {
                title: format!("{name}, {when}"),
                x_label: "layer".into(),
                y_label: if measure == 0 && moment == 0 { "median".into() } else { String::new() },
                x: Scale { low: -0.3, high: counts.layers.len() as f64 - 0.7, kind: Kind::Linear, reversed: false },
                y: Scale::around(shown.into_iter(), Kind::Log),
                x_ticks: Ticks::Named(ticks.collect()),
                y_ticks: Ticks::Round,
                marks,
            });
        }
    }
    let legend: Legend =
        counts.radii.iter().take(MOST).enumerate().map(|(colour, r)| (format!("r = {r}"), colour)).collect();
    let caption = format!(
        "How each layer deforms the neighbourhoods of {} points: stretch, the mean distance of the vertices’ images from the point’s \
         over r, and bend, second over first differences along the directions, which is 0 where the layer is affine. Medians \
         over points, then over cells.",
        counts.called(points)
    );
    Figure { name: "neighbourhood_deformation".into(), caption, svg: draw(&panels, across(4), &legend) }
}
