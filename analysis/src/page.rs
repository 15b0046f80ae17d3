//! The page: one HTML file that needs no network, read like a paper's supplement, with an explorer of its cells.
//!
//! Invariants: a pure function of what it is given; without JavaScript everything but the explorer is there. What a user named is
//! escaped by the templates, or stands in the explorer's blocks, which are base64; the policy in the page's head lets no script
//! run but the one that is built into this program.

use minijinja::{Environment, Value, context};
use serde::Serialize;

use crate::answer::Answer;
use crate::error::Result;
use crate::explorer::Explorer;
use crate::figures::STYLE;
use crate::groups::Groups;
use crate::options::Options;
use crate::results::Results;
use crate::sections::Content;
use crate::tables::write::CSV_ROWS;

/// Everything that stands on the page.
pub struct Page<'a> {
    /// The file.
    pub results: &'a Results,
    /// Groups.
    pub groups: &'a Groups,
    /// Settings.
    pub options: &'a Options,
    /// The sections, in their order.
    pub contents: &'a [Content<'a>],
    /// Tables that have no CSV file, being too long for one.
    pub parquet_alone: &'a [&'static str],
    /// What should be known of the data.
    pub data: &'a [String],
    /// What the file does not hold.
    pub absent: &'a [String],
    /// The cells, for the explorer.
    pub explorer: Option<&'a Explorer>,
}

/// What `analysis/page` is built into (`make page`): the script, its style, and the script's SHA-256 in base64, by which the
/// page's policy knows it.
const SCRIPT: &str = include_str!("../page/dist/page.js");
const PAGE_STYLE: &str = include_str!("../page/dist/page.css");
const SCRIPT_HASH: &str = include_str!("../page/dist/page.js.sha256");

/// A figure that is shown a second time, at the head of the page.
#[derive(Serialize)]
struct Picture<'a> {
    name: &'a str,
    caption: &'a str,
    view_box: &'a str,
}

/// The one picture at the head: what the section that answers first chose, and of which the page holds the drawing.
fn picture<'a>(contents: &'a [Content<'_>]) -> Option<Picture<'a>> {
    let (_, content) = answers(contents).next().filter(|(_, content)| !content.template.is_empty())?;
    let name = content.picture.as_ref()?;
    let figure = content.figures.iter().find(|figure| figure.name == *name)?;
    let view_box = figure.svg.split_once("viewBox=\"")?.1.split_once('"')?.0;
    Some(Picture { name, caption: &figure.caption, view_box })
}

/// The answers of the sections, each with its section; what leads comes first.
pub fn answers<'a>(contents: &'a [Content<'a>]) -> impl Iterator<Item = (&'a Answer, &'a Content<'a>)> {
    let of = |leads: bool| contents.iter().filter(move |content| content.leads == leads);
    of(true).chain(of(false)).filter_map(|content| Some((content.answer.as_ref()?, content)))
}

/// Renders the page.
///
/// # Errors
/// [`crate::Error::Page`] if a template is at fault.
pub fn render(page: &Page<'_>) -> Result<String> {
    let mut environment = Environment::new();
    environment.add_template("page.html", include_str!("page.html"))?;
    environment.add_template("macros.html", include_str!("sections/macros.html"))?;
    let (results, options) = (page.results, page.options);
    let options = context! {
        prominence => 100.0 * options.prominence,
        burn_in => options.burn_in,
        lc_prominence => 100.0 * options.lc_prominence,
        tolerance => 100.0 * options.tolerance,
        bootstrap => options.bootstrap,
        group_by => match options.group_by.as_slice() {
            [] => format!("variant ({})", page.groups.columns.join(", ")),
            named => named.join(", "),
        },
    };
    let alone: Vec<String> = page.parquet_alone.iter().map(|&stem| stem.to_owned()).collect();
    // A link to the file of a table, by which a section names one that may be long.
    environment.add_function("file", move |stem: String| {
        let extension = if alone.contains(&stem) { "parquet" } else { "csv" };
        Value::from_safe_string(format!("<a href=\"{stem}.{extension}\">{stem}.{extension}</a>"))
    });
    // A name that ends in `.html` has values escaped.
    let fragment = |template: &'static str, values: &Value| {
        let values = context! { options, ..values.clone() };
        environment.render_named_str("section.html", template, values)
    };
    let on_page = || page.contents.iter().filter(|content| !content.template.is_empty());
    let sections = on_page().map(|content| fragment(content.template, &content.values));
    let methods = on_page().filter(|content| !content.methods.is_empty());
    let methods = methods.map(|content| fragment(content.methods, &content.values));
    let html = environment.get_template("page.html")?.render(context! {
        style => STYLE,
        page_style => PAGE_STYLE,
        script => SCRIPT,
        script_hash => SCRIPT_HASH.trim(),
        explorer => page.explorer,
        picture => picture(page.contents),
        title => results.provenance.name.clone().unwrap_or_else(|| "unnamed sweep".into()),
        about => answers(page.contents).next().map(|(_, content)| content.title),
        answers => answers(page.contents).map(|(answer, _)| answer).collect::<Vec<_>>(),
        parquet_alone => page.parquet_alone,
        csv_rows => CSV_ROWS,
        data => page.data,
        absent => page.absent,
        provenance => results.provenance.others,
        sweep => results.provenance.sweep,
        file => results.path().display().to_string(),
        axes => axes(results),
        cells => results.cells.len(),
        epochs => results.epochs.last().copied().unwrap_or(0),
        groups => page.groups.all.len(),
        sections => sections.collect::<std::result::Result<Vec<_>, _>>()?,
        methods => methods.collect::<std::result::Result<Vec<_>, _>>()?,
        by_turning_points => on_page().any(|content| content.by_turning_points),
        options,
        version => env!("CARGO_PKG_VERSION"),
    })?;
    Ok(html)
}

#[derive(Serialize)]
struct AxisOnPage {
    name: String,
    levels: Vec<String>,
    more: usize,
}

/// The axes of the grid with their levels.
fn axes(results: &Results) -> Vec<AxisOnPage> {
    const MOST: usize = 16;
    let distinct = |values: Vec<String>| {
        let mut out: Vec<String> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        values.into_iter().filter(|value| seen.insert(value.clone())).for_each(|value| out.push(value));
        out
    };
    let cells = &results.cells;
    let mut out: Vec<AxisOnPage> = Vec::new();
    for (name, values) in &cells.axes {
        let mut levels = distinct(values.clone());
        let more = levels.len().saturating_sub(MOST);
        levels.truncate(MOST);
        out.push(AxisOnPage { name: name.clone(), levels, more });
    }
    let (low, high) = (cells.seed.iter().min(), cells.seed.iter().max());
    if let (Some(low), Some(high)) = (low, high) {
        let count = distinct(cells.seed.iter().map(i64::to_string).collect()).len();
        let levels = vec![if low == high { low.to_string() } else { format!("{count} between {low} and {high}") }];
        out.push(AxisOnPage { name: "seed".into(), levels, more: 0 });
    }
    out
}
