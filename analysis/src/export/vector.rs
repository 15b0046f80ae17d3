//! The report's figures for papers: SVG, PDF and PNG, by name, under a style of one's own.
//!
//! A figure's colours and fonts are custom properties and rules of a style sheet. Other programs (Inkscape, word processors, resvg)
//! know no custom properties: they are resolved here, for a light background, into an SVG that says every colour itself; PDF and
//! PNG are made of that (usvg, svg2pdf, resvg). Invariants: a style sheet of the user stands after that of the figures, so that its
//! rules and properties win; text stays text in SVG and PDF; a figure is never written without its text because no font was found.

use std::path::Path;
use std::sync::Arc;

use svg2pdf::usvg::{self, fontdb};

use super::choice::{Choice, Format, chosen};
use crate::error::{Error, Result};
use crate::figures::{Figure, STYLE};
use crate::sections::Content;
use crate::tables::write::file;

/// Writes the figures that were asked for; says what was written.
pub(super) fn write(contents: &[Content<'_>], folder: &Path, format: Format, choice: &Choice) -> Result<Vec<String>> {
    let scale = choice.scale.unwrap_or(2.0);
    if !(0.1..=20.0).contains(&scale) {
        return Err(Error::Setting(format!(
            "--scale {scale} must lie between 0.1 and 20: dots for each unit of the drawing"
        )));
    }
    let figures: Vec<&Figure> = contents.iter().flat_map(|content| &content.figures).collect();
    let figures = chosen(figures, |figure| &figure.name, &choice.names, "figure")?;
    let options = match format {
        Format::Svg => None,
        _ => Some(fonts()?),
    };
    let mut what = Vec::new();
    for figure in figures {
        let svg = plain(figure, choice.style.as_deref());
        let bytes = match &options {
            None => svg.into_bytes(),
            Some(options) => {
                let wrong =
                    |error: String| Error::Setting(format!("the figure {} cannot be drawn: {error}", figure.name));
                let tree = usvg::Tree::from_str(&svg, options).map_err(|error| wrong(error.to_string()))?;
                match format {
                    Format::Pdf => pdf(&tree).map_err(wrong)?,
                    _ => png(&tree, scale).map_err(wrong)?,
                }
            }
        };
        let name = format!("{}.{}", figure.name, format.name());
        file(&folder.join(&name), &bytes)?;
        what.push(name);
    }
    Ok(what)
}

/// The figure as a file that says every colour itself.
pub fn plain(figure: &Figure, style: Option<&str>) -> String {
    let sheet = format!("{STYLE}\n{}", style.unwrap_or_default());
    let (rules, properties) = split(&sheet);
    let resolve = |text: &str| resolved(text, &properties);
    let end_of_tag = figure.svg.find('>').map_or(0, |place| place + 1);
    let (tag, rest) = figure.svg.split_at(end_of_tag);
    let paper = resolve("var(--ps-paper)");
    let ground = format!("<rect width=\"100%\" height=\"100%\" fill=\"{paper}\"/>");
    let ground = if paper == "none" { String::new() } else { ground };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}<style>{}</style>{ground}{}\n",
        resolve(tag),
        resolve(&rules).replace('<', " "),
        resolve(rest)
    )
}

/// A style sheet without its media queries and `:root` rules, and the custom properties of the latter; later ones win.
fn split(sheet: &str) -> (String, Vec<(String, String)>) {
    let (mut rules, mut properties) = (String::new(), Vec::new());
    let mut rest = sheet;
    while let Some(open) = rest.find('{') {
        let selector = rest[..open].trim();
        // The end of the block, which may hold others.
        let mut depth = 0_usize;
        let end = rest[open..].char_indices().find(|(_, c)| {
            depth = match c {
                '{' => depth + 1,
                '}' => depth.saturating_sub(1),
                _ => depth,
            };
            depth == 0
        });
        let end = end.map_or(rest.len(), |(at, _)| open + at + 1);
        let body = rest[open + 1..end].trim_end_matches('}');
        if selector == ":root" {
            for declaration in body.split(';') {
                if let Some((name, value)) = declaration.split_once(':') {
                    properties.push((name.trim().to_owned(), value.trim().to_owned()));
                }
            }
        } else if !selector.starts_with('@') {
            rules += &format!("{selector}{{{body}}}\n");
        }
        rest = &rest[end..];
    }
    (rules, properties)
}

/// A text with every `var(--name)` replaced by its value; one that is not known becomes `none`.
fn resolved(text: &str, properties: &[(String, String)]) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("var(") {
        let (name, behind) = after.split_once(')').unwrap_or((after, ""));
        let name = name.split(',').next().unwrap_or_default().trim();
        let value = properties.iter().rev().find(|(known, _)| known == name).map_or("none", |(_, value)| value);
        out += before;
        out += value;
        rest = behind;
    }
    out + rest
}

/// The fonts of this machine; `sans-serif` and what the style sheet names are looked for among them.
fn fonts() -> Result<usvg::Options<'static>> {
    let mut database = fontdb::Database::new();
    database.load_system_fonts();
    if database.is_empty() {
        return Err(Error::Setting(
            "this machine has no fonts, and a figure would lose its text: install some (`apt-get install \
             fonts-dejavu-core`), or export SVG here and convert it elsewhere"
                .to_owned(),
        ));
    }
    // The generic family must be one that is there.
    let known = ["Helvetica", "Arial", "DejaVu Sans", "Liberation Sans", "Noto Sans"];
    let is_there = |name: &&str| {
        let families = [fontdb::Family::Name(name)];
        database.query(&fontdb::Query { families: &families, ..fontdb::Query::default() }).is_some()
    };
    let first = || database.faces().next().and_then(|face| face.families.first().map(|(name, _)| name.clone()));
    if let Some(name) = known.iter().find(|name| is_there(name)).map(|name| (*name).to_owned()).or_else(first) {
        database.set_sans_serif_family(name);
    }
    Ok(usvg::Options { fontdb: Arc::new(database), font_family: "sans-serif".to_owned(), ..usvg::Options::default() })
}

fn pdf(tree: &usvg::Tree) -> std::result::Result<Vec<u8>, String> {
    svg2pdf::to_pdf(tree, svg2pdf::ConversionOptions::default(), svg2pdf::PageOptions::default())
        .map_err(|error| error.to_string())
}

fn png(tree: &usvg::Tree, scale: f32) -> std::result::Result<Vec<u8>, String> {
    let size = tree.size();
    let dots = |length: f32| (length * scale).ceil() as u32;
    let (width, height) = (dots(size.width()), dots(size.height()));
    let mut pixels = resvg::tiny_skia::Pixmap::new(width, height)
        .ok_or_else(|| format!("{width} × {height} dots are no picture: choose another --scale"))?;
    resvg::render(tree, resvg::tiny_skia::Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn custom_properties_are_resolved_and_the_users_style_wins() {
        let svg = "<svg class=\"ps\" width=\"9\"><path style=\"fill:var(--c0)\"/></svg>".to_owned();
        let figure = Figure { name: "x".into(), caption: String::new(), svg };
        let file = plain(&figure, None);
        assert!(!file.contains("var(") && !file.contains("@media") && !file.contains(":root"), "{file}");
        // Of the light theme: the dark one stands in a media query.
        assert!(file.contains("fill:#1f6fb4") && file.contains("fill=\"#fff\""), "{file}");
        let styled = plain(&figure, Some(":root{--c0: rgb(1,2,3); --ps-paper:none}\n.ps text{font-size:9px}"));
        assert!(styled.contains("fill:rgb(1,2,3)") && !styled.contains("<rect"), "{styled}");
        assert!(styled.rfind("font-size:9px") > styled.rfind("font-size:11px"), "{styled}");
    }
}
