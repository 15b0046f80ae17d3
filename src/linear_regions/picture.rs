//! One frame as SVG: the regions in pale colours that depend on their signs alone, so that a region keeps its colour as
//! long as it lives; the decision boundary bold; the samples marked.
//!
//! Coordinates are whole twentieths of a pixel and relative, which keeps a frame of 10⁵ regions at a few megabytes. A
//! region that falls together on that grid is left out; the caption says how many.

use std::fmt::Write;

use super::SlicePlane;
use super::partition::{Decision, Partition, Point};

/// Side of the window in pixels.
const SIDE: f64 = 400.0;
/// Units of the grid in a pixel.
const GRID: f64 = 20.0;
/// Height of the caption.
const CAPTION: f64 = 40.0;
/// Hues of the regions; each is drawn in two lightnesses.
const HUES: usize = 12;

/// Draws a frame; `title` and `caption` are the two lines above it.
pub fn frame(cut: &Partition, decision: &Decision, plane: &SlicePlane, title: &str, caption: &str) -> String {
    let mut paths: Vec<String> = vec![String::new(); 2 * HUES];
    let mut lost = 0;
    for region in 0..cut.regions() {
        let ring: Vec<[i64; 2]> = cut.polygon(region).into_iter().map(|point| grid(point, plane.half)).collect();
        match path(&ring) {
            Some(path) => paths[tone(cut.pattern(region))] += &path,
            None => lost += 1,
        }
    }
    let small = if lost > 0 { format!(", {lost} too small to see") } else { String::new() };
    let (height, units) = (SIDE + CAPTION, SIDE * GRID);
    // Where regions are crowded, thinner borders leave their colours to be seen.
    let line = GRID * (60.0 / (cut.regions() as f64).sqrt()).clamp(0.15, 0.8);
    let (title, caption) = (escaped(title), escaped(caption));
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {SIDE} {height}\" width=\"{SIDE}\" height=\"{height}\" \
         font-family=\"sans-serif\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"2\" y=\"15\" font-size=\"14\" font-weight=\"bold\">{title}</text>\n\
         <text x=\"2\" y=\"32\" font-size=\"10.5\" fill=\"#444\">{caption}{small}</text>\n\
         <svg y=\"{CAPTION}\" width=\"{SIDE}\" height=\"{SIDE}\" viewBox=\"0 0 {units} {units}\">\n\
         <g stroke=\"#234\" stroke-opacity=\"0.45\" stroke-width=\"{line:.1}\" stroke-linejoin=\"round\">\n"
    );
    for (tone, path) in paths.iter().enumerate().filter(|(_, path)| !path.is_empty()) {
        let (hue, lightness) = (tone / 2 * 360 / HUES, [93, 86][tone % 2]);
        let _ = writeln!(out, "<path fill=\"hsl({hue},55%,{lightness}%)\" d=\"{path}\"/>");
    }
    let mut boundary = String::new();
    for piece in &decision.boundary {
        let [[x, y], [z, w]] = piece.ends.map(|end| grid(end, plane.half));
        let _ = write!(boundary, "M{x} {y}L{z} {w}");
    }
    let _ = writeln!(
        out,
        "</g>\n<path fill=\"none\" stroke=\"#b00020\" stroke-width=\"{}\" stroke-linecap=\"round\" d=\"{boundary}\"/>",
        2.2 * GRID
    );
    for (point, label) in &plane.marks {
        let [x, y] = grid(*point, plane.half);
        let _ = writeln!(
            out,
            "<circle cx=\"{x}\" cy=\"{y}\" r=\"{}\" fill=\"white\" stroke=\"black\" stroke-width=\"{}\"/>\
             <text x=\"{x}\" y=\"{}\" font-size=\"{}\" text-anchor=\"middle\">{}</text>",
            8.0 * GRID,
            1.2 * GRID,
            y as f64 + 4.2 * GRID,
            12.0 * GRID,
            escaped(label)
        );
    }
    let _ = writeln!(
        out,
        "</svg>\n<rect x=\".5\" y=\"{CAPTION}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#444\"/>\n</svg>",
        SIDE - 1.0,
        SIDE - 0.5
    );
    out
}

/// A point in units of the grid, v upwards.
fn grid([u, v]: Point, half: f64) -> [i64; 2] {
    let place = |x: f64| ((x / half + 1.0) / 2.0 * SIDE * GRID).round() as i64;
    [place(u), place(-v)]
}

/// A ring as relative path commands; `None` if it has no area on the grid.
fn path(ring: &[[i64; 2]]) -> Option<String> {
    let twice: i64 = ring.iter().zip(ring.iter().cycle().skip(1)).map(|(a, b)| a[0] * b[1] - a[1] * b[0]).sum();
    if twice == 0 {
        return None;
    }
    let [x, y] = ring[0];
    let mut out = format!("M{x} {y}l");
    for (place, pair) in ring.windows(2).enumerate() {
        let (dx, dy) = (pair[1][0] - pair[0][0], pair[1][1] - pair[0][1]);
        // A minus sign separates numbers by itself.
        let _ =
            write!(out, "{}{dx}{}{dy}", if place > 0 && dx >= 0 { " " } else { "" }, if dy >= 0 { " " } else { "" });
    }
    out.push('z');
    Some(out)
}

/// Which of the tones a region has: FNV-1a of its signs.
fn tone(pattern: &[u64]) -> usize {
    let hash = pattern
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    // The low bits of FNV mix least.
    ((hash ^ (hash >> 32)) % (2 * HUES as u64)) as usize
}

/// A text as HTML and SVG take it.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_are_closed_relative_and_without_area_left_out() {
        assert_eq!(path(&[[10, 20], [15, 20], [15, 12], [10, 12]]).as_deref(), Some("M10 20l5 0 0-8-5 0z"));
        assert_eq!(path(&[[10, 20], [15, 20], [20, 20]]), None);
        assert_eq!(grid([-2.0, 2.0], 2.0), [0, 0]);
        assert_eq!(grid([2.0, 0.0], 2.0), [8000, 4000]);
    }

    #[test]
    fn tones_depend_on_signs_alone_and_all_occur() {
        let mut seen = [false; 2 * HUES];
        (0..1000u64).for_each(|bits| seen[tone(&[bits, 3])] = true);
        assert!(seen.iter().all(|seen| *seen));
        assert_eq!(tone(&[5, 6]), tone(&[5, 6]));
    }
}
