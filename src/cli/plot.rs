//! Curves drawn in the terminal, with braille dots, or as SVG. Pure: points in, text out.
//!
//! Invariant: points that are not finite are left out; the picture always holds every other one.

use std::fmt::Write;

use phasesweep::linear_regions::picture::escaped;

/// A curve with its name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Curve {
    /// Name, in the legend.
    pub(super) name: String,
    /// Points, in order.
    pub(super) points: Vec<(f64, f64)>,
}

/// A pair of axes with curves in it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Panel {
    /// Name of the horizontal axis.
    pub(super) x: String,
    /// Curves.
    pub(super) curves: Vec<Curve>,
}

/// Least and greatest of the finite values; a unit interval around a single one.
fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let mut seen: Option<(f64, f64)> = None;
    for value in values.filter(|value| value.is_finite()) {
        let (low, high) = seen.unwrap_or((value, value));
        seen = Some((low.min(value), high.max(value)));
    }
    seen.map(|(low, high)| if high > low { (low, high) } else { (low - 0.5, high + 0.5) })
}

fn finite(points: &[(f64, f64)]) -> impl Iterator<Item = (f64, f64)> + '_ {
    points.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite())
}

/// One curve as `height` lines of `width` characters, each of 2 × 4 dots; empty if there is no point.
pub(super) fn braille(curve: &Curve, width: usize, height: usize) -> Vec<String> {
    let (Some((left, right)), Some((bottom, top))) =
        (range(finite(&curve.points).map(|point| point.0)), range(finite(&curve.points).map(|point| point.1)))
    else {
        return Vec::new();
    };
    let (columns, rows) = (2 * width, 4 * height);
    let mut dots = vec![0u8; width * height];
    let mut set = |column: usize, row: usize| {
        // Braille counts dots 1 2 3 7 down the left column and 4 5 6 8 down the right.
        const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        dots[row / 4 * width + column / 2] |= BITS[row % 4][column % 2];
    };
    let place = |(x, y): (f64, f64)| {
        let column = (x - left) / (right - left) * (columns - 1) as f64;
        let row = (top - y) / (top - bottom) * (rows - 1) as f64;
        (column, row)
    };
    let mut before: Option<(f64, f64)> = None;
    for point in finite(&curve.points) {
        let (column, row) = place(point);
        let (from_column, from_row) = before.unwrap_or((column, row));
        let steps = (column - from_column).abs().max((row - from_row).abs()).ceil().max(1.0) as usize;
        for step in 0..=steps {
            let share = step as f64 / steps as f64;
            let at = |from: f64, to: f64| (from + (to - from) * share).round() as usize;
            set(at(from_column, column).min(columns - 1), at(from_row, row).min(rows - 1));
        }
        before = Some((column, row));
    }
    dots.chunks(width)
        .map(|line| line.iter().map(|&bits| char::from_u32(0x2800 + u32::from(bits)).unwrap_or(' ')).collect())
        .collect()
}

/// Panels side by side in the terminal, one row of pictures for each curve; a curve is in all panels.
pub(super) fn terminal(panels: &[Panel], width: usize, height: usize) -> String {
    let mut out = String::new();
    let curves = panels.iter().map(|panel| panel.curves.len()).max().unwrap_or(0);
    for place in 0..curves {
        let drawn: Vec<(&Panel, &Curve, Vec<String>)> = panels
            .iter()
            .filter_map(|panel| panel.curves.get(place).map(|curve| (panel, curve, braille(curve, width, height))))
            .filter(|(_, _, lines)| !lines.is_empty())
            .collect();
        if drawn.is_empty() {
            continue;
        }
        for line in 0..height {
            for (_, curve, lines) in &drawn {
                let (bottom, top) = range(finite(&curve.points).map(|point| point.1)).unwrap_or((0.0, 1.0));
                let label = match line {
                    0 => format!("{top:.4}"),
                    line if line == height - 1 => format!("{bottom:.4}"),
                    line if line == height / 2 => curve.name.clone(),
                    _ => String::new(),
                };
                let _ = write!(out, "{label:>12} ▏{}  ", lines[line]);
            }
            out.push('\n');
        }
        for (panel, curve, _) in &drawn {
            let (left, right) = range(finite(&curve.points).map(|point| point.0)).unwrap_or((0.0, 1.0));
            let (left, right) = (number(left), number(right));
            let space = width.saturating_sub(left.len() + right.len());
            let _ = write!(out, "{:>12}  {left}{:^space$}{right}  ", "", panel.x);
        }
        out.push_str("\n\n");
    }
    out
}

/// A number for an axis: whole ones without a point.
fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

/// Colours that stay apart for the colour-blind (Okabe and Ito 2008).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];
const SIDE: f64 = 380.0;
const MARGIN: f64 = 60.0;

/// Panels side by side as an SVG document; all curves of a panel share its axes.
pub(super) fn svg(title: &str, panels: &[Panel]) -> String {
    let step = SIDE + 2.0 * MARGIN;
    let curves = panels.iter().map(|panel| panel.curves.len()).max().unwrap_or(0);
    let (width, height) = (step * panels.len().max(1) as f64, SIDE + 2.0 * MARGIN + 18.0 * curves as f64);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"{MARGIN}\" y=\"24\" font-size=\"14\">{}</text>\n",
        escaped(title)
    );
    for (place, panel) in panels.iter().enumerate() {
        let origin = place as f64 * step + MARGIN;
        let all = || panel.curves.iter().flat_map(|curve| finite(&curve.points));
        let (Some((left, right)), Some((bottom, top))) = (range(all().map(|p| p.0)), range(all().map(|p| p.1))) else {
            continue;
        };
        let x = |value: f64| origin + (value - left) / (right - left) * SIDE;
        let y = |value: f64| MARGIN + (top - value) / (top - bottom) * SIDE;
        let _ = writeln!(
            out,
            "<rect x=\"{origin}\" y=\"{MARGIN}\" width=\"{SIDE}\" height=\"{SIDE}\" fill=\"none\" stroke=\"#888\"/>\n\
             <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            origin + SIDE / 2.0,
            MARGIN + SIDE + 34.0,
            escaped(&panel.x)
        );
        for (value, anchor) in [(left, "start"), (right, "end")] {
            let below = MARGIN + SIDE + 16.0;
            let _ = writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{below}\" text-anchor=\"{anchor}\">{}</text>",
                x(value),
                number(value)
            );
        }
        for value in [bottom, top] {
            let _ = writeln!(
                out,
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value:.3}</text>",
                origin - 6.0,
                y(value) + 4.0
            );
        }
        for (nth, curve) in panel.curves.iter().enumerate() {
            let colour = COLOURS[nth % COLOURS.len()];
            let points: Vec<String> =
                finite(&curve.points).map(|(px, py)| format!("{:.1},{:.1}", x(px), y(py))).collect();
            let _ = writeln!(out, "<polyline fill=\"none\" stroke=\"{colour}\" points=\"{}\"/>", points.join(" "));
            let below = MARGIN + SIDE + 56.0 + 18.0 * nth as f64;
            let _ =
                writeln!(out, "<text x=\"{origin}\" y=\"{below}\" fill=\"{colour}\">{}</text>", escaped(&curve.name));
        }
    }
    out.push_str("</svg>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(points: &[(f64, f64)]) -> Curve {
        Curve { name: "R < 1".into(), points: points.to_vec() }
    }

    #[test]
    fn a_diagonal_fills_the_diagonal_and_nothing_else() {
        // 4 × 8 dots in one column of two characters; the line runs from the lower left to the upper right dot.
        let lines = braille(&curve(&[(0.0, 0.0), (1.0, 1.0)]), 2, 1);
        assert_eq!(lines, ["⡠⠊"]);
        assert_eq!(braille(&curve(&[(0.0, f64::NAN)]), 2, 1), Vec::<String>::new());
        assert_eq!(braille(&curve(&[(3.0, 7.0)]), 3, 2).len(), 2, "a single point is drawn somewhere");
    }

    #[test]
    fn an_svg_holds_each_finite_point_once() {
        let panel = Panel { x: "epoch".into(), curves: vec![curve(&[(0.0, 1.0), (1.0, f64::NAN), (2.0, 3.0)])] };
        let text = svg("a cell", &[panel]);
        assert!(text.contains("points=\"60.0,440.0 440.0,60.0\""), "{text}");
        assert!(text.contains("R &lt; 1") && text.ends_with("</svg>\n"));
    }
}
