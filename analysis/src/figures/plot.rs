//! Panels of marks on two scales, laid out in rows, as SVG.
//!
//! Coordinates are in pixels with one decimal; paths are thinned to what can be seen (Douglas–Peucker, a quarter of a
//! pixel). Colours are classes `s0`…`s7` (strokes) and `f0`…`f7` (fills) of the style sheet.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::scale::Scale;

/// Something drawn on a panel's scales. Colours are numbers of the palette.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// A curve; `class` is `thin`, `median`, `line` or `theory` (dashed). A point without a place breaks it.
    Curve {
        /// Points.
        points: Vec<(f64, f64)>,
        /// Class of the style sheet.
        class: &'static str,
        /// Colour.
        colour: usize,
    },
    /// A disc of radius `size` pixels; `class` is `dot` (translucent) or `mark` (ringed).
    Disc {
        /// Centre.
        at: (f64, f64),
        /// Radius in pixels.
        size: f64,
        /// Class of the style sheet.
        class: &'static str,
        /// Colour.
        colour: usize,
    },
    /// A straight bar between two points.
    Bar {
        /// One end.
        from: (f64, f64),
        /// The other.
        to: (f64, f64),
        /// Colour.
        colour: usize,
    },
    /// A filled band between two curves over the same x.
    Band {
        /// (x, low, high).
        points: Vec<(f64, f64, f64)>,
        /// Colour.
        colour: usize,
    },
    /// A dashed line across the panel at an x.
    Upright(f64),
    /// A dashed line across the panel at a y.
    Level(f64),
    /// Words at a point, starting there.
    Words {
        /// Where.
        at: (f64, f64),
        /// What is written there.
        text: String,
    },
}

/// Labels of an axis.
#[derive(Debug, Clone, PartialEq)]
pub enum Ticks {
    /// At round numbers.
    Round,
    /// At these numbers, with these words.
    Named(Vec<(f64, String)>),
}

/// One coordinate system with its marks.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Heading.
    pub title: String,
    /// What x is.
    pub x_label: String,
    /// What y is.
    pub y_label: String,
    /// Horizontal scale.
    pub x: Scale,
    /// Vertical scale.
    pub y: Scale,
    /// Labels of x.
    pub x_ticks: Ticks,
    /// Labels of y.
    pub y_ticks: Ticks,
    /// Marks, the first lowest.
    pub marks: Vec<Mark>,
}

/// Sizes in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layout {
    /// Panels side by side.
    pub columns: usize,
    /// Width of a panel's plotting area.
    pub width: f64,
    /// Height of a panel's plotting area.
    pub height: f64,
    /// Room for the labels of y.
    pub left: f64,
    /// The same for panels after the first of a row, which may go without labels.
    pub between: f64,
}

impl Layout {
    /// Panels that all have their labels of y.
    pub fn even(columns: usize, width: f64, height: f64, left: f64) -> Self {
        Layout { columns, width, height, left, between: left }
    }
}

/// An entry of the legend: words and colour.
pub type Legend = Vec<(String, usize)>;

/// Width of a title's letter in pixels, on average.
const TITLE_LETTER: f64 = 6.9;
const ABOVE: f64 = 26.0;
const BELOW: f64 = 42.0;
const RIGHT: f64 = 16.0;

/// Draws panels of the same named rows, each of so many pixels, side by side: the rows' names, of so many characters at
/// most, stand once, at the left. `None` where there is no panel.
pub fn same_rows(mut panels: Vec<Panel>, rows: usize, row: f64, words: usize) -> Option<String> {
    if panels.is_empty() {
        return None;
    }
    let columns = panels.len().min(3);
    for (index, panel) in panels.iter_mut().enumerate() {
        if let Ticks::Named(names) = &mut panel.y_ticks
            && index % columns > 0
        {
            names.iter_mut().for_each(|(_, name)| name.clear());
        }
    }
    let left = (5.6 * words as f64 + 18.0).clamp(60.0, 420.0);
    let width = ((1108.0 - left) / columns as f64 - 30.0).min(420.0);
    let height = row * rows.max(2) as f64 + 10.0;
    Some(draw(&panels, Layout { columns, width, height, left, between: 14.0 }, &Legend::new()))
}

/// Draws panels, row by row.
pub fn draw(panels: &[Panel], layout: Layout, legend: &Legend) -> String {
    let columns = layout.columns.min(panels.len()).max(1);
    let rows = panels.len().div_ceil(columns);
    let (cell_width, cell_height) = (layout.between + layout.width + RIGHT, ABOVE + layout.height + BELOW);
    let head = if legend.is_empty() { 4.0 } else { 26.0 };
    let width = layout.left - layout.between + cell_width * columns as f64;
    let height = head + cell_height * rows as f64;
    let mut out = format!(
        "<svg class=\"ps\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" role=\"img\">"
    );
    let mut x = layout.left;
    for (words, colour) in legend {
        let _ = write!(
            out,
            "<circle class=\"mark f{}\" cx=\"{:.0}\" cy=\"13\" r=\"5\"/><text x=\"{:.0}\" y=\"17\">{}</text>",
            colour % 8,
            x + 5.0,
            x + 15.0,
            escape(words)
        );
        x += 15.0 + 6.4 * words.chars().count() as f64 + 22.0;
    }
    // A title may run over its neighbours where they have none.
    let room = |index: usize| {
        let in_row = &panels[index + 1..(index / columns * columns + columns).min(panels.len())];
        let free = in_row.iter().take_while(|next| next.title.is_empty()).count();
        ((layout.width + RIGHT + cell_width * free as f64) / TITLE_LETTER) as usize
    };
    let titles: Vec<(&str, usize)> =
        panels.iter().enumerate().map(|(index, panel)| (panel.title.as_str(), room(index))).collect();
    let titles = told_apart(&titles);
    for (index, (panel, title)) in panels.iter().zip(&titles).enumerate() {
        let left = cell_width * (index % columns) as f64 + layout.left;
        let top = head + cell_height * (index / columns) as f64 + ABOVE;
        let frame = Frame { left, top, width: layout.width, height: layout.height, panel, title };
        frame.draw(&mut out);
    }
    out.push_str("</svg>");
    out
}

/// Text of so many letters at most; what is cut off in its middle is marked.
fn shortened(text: &str, letters: usize) -> String {
    let all: Vec<char> = text.chars().collect();
    if all.len() <= letters.max(8) {
        return text.to_owned();
    }
    let (head, tail) = (letters.max(8) / 2, letters.max(8) - letters.max(8) / 2 - 1);
    all[..head].iter().chain(&['…']).chain(&all[all.len() - tail..]).collect()
}

/// Titles, each of so many letters at most. Where titles that differ would be cut to the same words, they are cut in front, at the
/// word in which they differ.
fn told_apart(titles: &[(&str, usize)]) -> Vec<String> {
    let mut shown: Vec<String> = titles.iter().map(|(title, letters)| shortened(title, *letters)).collect();
    // Each pass tells at least one more title from the others.
    for _ in titles {
        let mut alike: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (shown, (title, _)) in shown.iter().zip(titles) {
            alike.entry(shown).or_default().insert(title);
        }
        let Some(alike) = alike.into_values().find(|alike| alike.len() > 1) else { break };
        let differ = differ_at(&alike);
        for (shown, (title, letters)) in shown.iter_mut().zip(titles).filter(|(_, (title, _))| alike.contains(title)) {
            let own: String = std::iter::once('…').chain(title.chars().skip(differ)).collect();
            *shown = shortened(&own, *letters);
        }
    }
    shown
}

/// The beginning, counted in letters, of the word in which texts first differ; where that is not seen at its beginning, the letter.
fn differ_at(texts: &BTreeSet<&str>) -> usize {
    let all: Vec<Vec<char>> = texts.iter().map(|text| text.chars().collect()).collect();
    let first = &all[0];
    let same = |at: usize| all.iter().all(|text| text.get(at) == first.get(at));
    let differ = (0..first.len()).find(|&at| !same(at)).unwrap_or(first.len());
    let word = first[..differ].iter().rposition(|letter| *letter == ' ').map_or(0, |space| space + 1);
    if differ - word < 3 { word } else { differ }
}

/// Makes text safe inside SVG.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

struct Frame<'a> {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
    panel: &'a Panel,
    /// The title, as long as there is room.
    title: &'a str,
}

impl Frame<'_> {
    fn at(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let (x, y) = (self.panel.x.place(x)?, self.panel.y.place(y)?);
        // A point far outside would only make the file longer.
        let near = |part: f64| part.clamp(-1.0, 2.0);
        Some((self.left + near(x) * self.width, self.top + (1.0 - near(y)) * self.height))
    }

    // Writing to a String cannot fail.
    fn draw(&self, out: &mut String) {
        let (right, bottom) = (self.left + self.width, self.top + self.height);
        let (left, top) = (self.left, self.top);
        let ticks = |ticks: &Ticks, scale: &Scale, about: usize| match ticks {
            Ticks::Round => scale.ticks(about),
            Ticks::Named(named) => named.clone(),
        };
        let _ =
            write!(out, "<text class=\"title\" x=\"{left:.1}\" y=\"{:.1}\">{}</text>", top - 8.0, escape(self.title));
        for (value, label) in ticks(&self.panel.y_ticks, &self.panel.y, (self.height / 40.0) as usize) {
            let Some(part) = self.panel.y.place(value).filter(|part| (-0.001..=1.001).contains(part)) else { continue };
            let y = top + (1.0 - part) * self.height;
            let _ = write!(out, "<path class=\"grid\" d=\"M{left:.1} {y:.1}H{right:.1}\"/>");
            let _ = write!(
                out,
                "<text class=\"small\" text-anchor=\"end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                left - 6.0,
                y + 3.5,
                escape(&label)
            );
        }
        let mut free_from = f64::NEG_INFINITY;
        let mut x_ticks = ticks(&self.panel.x_ticks, &self.panel.x, (self.width / 55.0) as usize);
        if self.panel.x.reversed {
            x_ticks.reverse();
        }
        for (value, label) in x_ticks {
            let Some(part) = self.panel.x.place(value).filter(|part| (-0.001..=1.001).contains(part)) else { continue };
            let x = left + part * self.width;
            let half = 3.0 * label.chars().count() as f64;
            let _ = write!(out, "<path class=\"grid\" d=\"M{x:.1} {top:.1}V{bottom:.1}\"/>");
            // A label that would run into its neighbour is left out; its line stays.
            if x - half < free_from {
                continue;
            }
            free_from = x + half + 6.0;
            let _ = write!(
                out,
                "<text class=\"small\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
                bottom + 14.0,
                escape(&label)
            );
        }
        let _ = write!(out, "<path class=\"axis\" d=\"M{left:.1} {top:.1}V{bottom:.1}H{right:.1}\"/>");
        let _ = write!(
            out,
            "<text text-anchor=\"middle\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            left + self.width / 2.0,
            bottom + 31.0,
            escape(&self.panel.x_label)
        );
        if !self.panel.y_label.is_empty() {
            let (x, y) = (left - 46.0, top + self.height / 2.0);
            let _ = write!(
                out,
                "<text text-anchor=\"middle\" transform=\"translate({x:.1} {y:.1}) rotate(-90)\">{}</text>",
                escape(&self.panel.y_label)
            );
        }
        // A nested svg clips without ids, which would clash between the figures of one page.
        let _ = write!(
            out,
            "<svg x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" viewBox=\"{left:.1} {top:.1} {:.1} {:.1}\">",
            self.width, self.height, self.width, self.height
        );
        self.panel.marks.iter().for_each(|mark| self.mark(mark, out));
        out.push_str("</svg>");
    }

    fn mark(&self, mark: &Mark, out: &mut String) {
        let (right, bottom) = (self.left + self.width, self.top + self.height);
        match mark {
            Mark::Curve { points, class, colour } => {
                let pieces = points.split(|&(x, y)| self.at(x, y).is_none());
                let path: String = pieces
                    .map(|piece| piece.iter().filter_map(|&(x, y)| self.at(x, y)).collect::<Vec<_>>())
                    .filter(|piece| piece.len() > 1)
                    .map(|piece| path(&simplify(&piece, 0.25)))
                    .collect();
                if !path.is_empty() {
                    let _ = write!(out, "<path class=\"{class} s{}\" d=\"{path}\"/>", colour % 8);
                }
            }
            Mark::Disc { at, size, class, colour } => {
                if let Some((x, y)) = self.at(at.0, at.1) {
                    let _ = write!(
                        out,
                        "<circle class=\"{class} f{}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{size}\"/>",
                        colour % 8
                    );
                }
            }
            Mark::Bar { from, to, colour } => {
                if let (Some(from), Some(to)) = (self.at(from.0, from.1), self.at(to.0, to.1)) {
                    let _ = write!(out, "<path class=\"bar s{}\" d=\"{}\"/>", colour % 8, path(&[from, to]));
                }
            }
            Mark::Band { points, colour } => {
                let low = points.iter().filter_map(|&(x, low, _)| self.at(x, low));
                let high = points.iter().rev().filter_map(|&(x, _, high)| self.at(x, high));
                let outline: Vec<(f64, f64)> = low.chain(high).collect();
                if outline.len() > 2 {
                    let _ = write!(out, "<path class=\"band f{}\" d=\"{}z\"/>", colour % 8, path(&outline));
                }
            }
            Mark::Upright(x) => {
                if let Some(part) = self.panel.x.place(*x) {
                    let _ = write!(
                        out,
                        "<path class=\"rule\" d=\"M{:.1} {:.1}V{bottom:.1}\"/>",
                        self.left + part * self.width,
                        self.top
                    );
                }
            }
            Mark::Level(y) => {
                if let Some(part) = self.panel.y.place(*y) {
                    let _ = write!(
                        out,
                        "<path class=\"rule\" d=\"M{:.1} {:.1}H{right:.1}\"/>",
                        self.left,
                        self.top + (1.0 - part) * self.height
                    );
                }
            }
            Mark::Words { at, text } => {
                if let Some((x, y)) = self.at(at.0, at.1) {
                    let _ =
                        write!(out, "<text class=\"small\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>", y + 3.5, escape(text));
                }
            }
        }
    }
}

/// A path through points, in tenths of a pixel from each point to the next: half the length of absolute places.
fn path(points: &[(f64, f64)]) -> String {
    let mut out = String::with_capacity(points.len() * 8);
    let mut at = (0, 0);
    let tenths = |value: f64| (value * 10.0).round() as i64;
    // Exact in tenths, so that rounding does not add up along the path.
    let written =
        |tenths: i64| if tenths % 10 == 0 { format!("{}", tenths / 10) } else { format!("{}", tenths as f64 / 10.0) };
    for (index, (x, y)) in points.iter().enumerate() {
        let to = (tenths(*x), tenths(*y));
        let (dx, dy) = (written(to.0 - at.0), written(to.1 - at.1));
        // After "M x y l", pairs of numbers follow without a letter; a minus sign separates by itself.
        let before = match index {
            0 => "M",
            1 => "l",
            _ if dx.starts_with('-') => "",
            _ => " ",
        };
        let between = if dy.starts_with('-') { "" } else { " " };
        let _ = write!(out, "{before}{dx}{between}{dy}");
        at = to;
    }
    out
}

/// Leaves out points that lie within `tolerance` of the line that remains (Douglas & Peucker 1973).
pub fn simplify(points: &[(f64, f64)], tolerance: f64) -> Vec<(f64, f64)> {
    let mut keep = vec![false; points.len()];
    let mut open = vec![(0, points.len().saturating_sub(1))];
    while let Some((first, last)) = open.pop() {
        if last >= points.len() {
            break;
        }
        (keep[first], keep[last]) = (true, true);
        let farthest = (first + 1..last)
            .map(|index| (index, distance(points[index], points[first], points[last])))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((index, _)) = farthest.filter(|(_, far)| *far > tolerance) {
            open.push((first, index));
            open.push((index, last));
        }
    }
    points.iter().zip(keep).filter(|(_, kept)| *kept).map(|(point, _)| *point).collect()
}

/// Distance of a point from a segment.
fn distance(point: (f64, f64), from: (f64, f64), to: (f64, f64)) -> f64 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx * dx + dy * dy;
    let along = if length > 0.0 { ((point.0 - from.0) * dx + (point.1 - from.1) * dy) / length } else { 0.0 };
    let along = along.clamp(0.0, 1.0);
    (point.0 - from.0 - along * dx).hypot(point.1 - from.1 - along * dy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_that_differ_are_told_apart_when_they_are_cut() {
        let titles = [
            "layers 64 relu 2×(64 relu) classes: random points",
            "layers 64 relu 2×(64 batchnorm relu) classes: random points",
            "layers 64 relu 2×(64 layernorm relu) classes: random points",
            "layers 64 relu 2×([64 batchnorm relu]) classes: random points",
            "test points",
            "test points",
        ];
        let shown = told_apart(&titles.map(|title| (title, 33)));
        assert!(shown.iter().all(|shown| shown.chars().count() <= 33), "{shown:?}");
        assert_eq!(shown[1], "…64 batchnorm re…s: random points");
        assert_eq!(shown[4..], ["test points", "test points"]);
        let different: BTreeSet<&String> = shown.iter().collect();
        assert_eq!(different.len(), 5, "{shown:?}");
        // A title that is the beginning of another, and one that fits.
        let shown =
            told_apart(&[("a network of many units", 10), ("a network of many units, twice", 10), ("mlp 20", 10)]);
        assert_eq!(shown.iter().collect::<BTreeSet<_>>().len(), 3, "{shown:?}");
        assert_eq!(shown[2], "mlp 20");
    }
}
