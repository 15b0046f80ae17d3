//! The page: one HTML file that needs no network, read like a paper's supplement.

use minijinja::{Environment, context};
use serde::Serialize;

use crate::complexity::slices::Strip;
use crate::error::Result;
use crate::figures::{Figure, STYLE};
use crate::groups::Groups;
use crate::options::Options;
use crate::results::Results;
use crate::stragglers::images::Grid;
use crate::tables::text::Text;
use crate::verdict::Verdict;

/// Everything that stands on the page.
#[derive(Debug)]
pub struct Page<'a> {
    /// The file.
    pub results: &'a Results,
    /// Groups.
    pub groups: &'a Groups,
    /// Settings.
    pub options: &'a Options,
    /// Verdict.
    pub verdict: &'a Verdict,
    /// Figures in their order.
    pub figures: &'a [Figure],
    /// Tables.
    pub tables: Tables,
    /// What should be known of the data.
    pub data: &'a [String],
    /// What the file does not hold.
    pub absent: &'a [String],
    /// Images of stragglers.
    pub grids: &'a [Grid],
    /// What the straggler sets are, in a sentence.
    pub straggling: Option<String>,
    /// Where the overlap between runs is greatest.
    pub overlapping: Vec<String>,
    /// What still turns after pruning.
    pub retrained: Vec<String>,
    /// Local complexity, where it was measured.
    pub probed: Option<&'a Probed>,
    /// Gradient flows, where there are any.
    pub flowed: Option<&'a Flowed>,
}

/// The section of local complexity.
#[derive(Debug)]
pub struct Probed {
    /// What came out; the first sentence holds the counts.
    pub sentences: Vec<String>,
    /// Figures.
    pub figures: Vec<Figure>,
    /// Phases by group.
    pub summary: Text,
    /// Pictures of the exact partition.
    pub strips: Vec<Strip>,
}

/// The section of gradient flows.
#[derive(Debug)]
pub struct Flowed {
    /// What came out; the first sentence holds the counts.
    pub sentences: Vec<String>,
    /// Figures.
    pub figures: Vec<Figure>,
    /// Power laws.
    pub fits: Text,
    /// Learning curves.
    pub curves: Text,
}

/// Tables of the page.
#[derive(Debug, Default)]
pub struct Tables {
    /// Stability.
    pub stability: Text,
    /// Largest shifts.
    pub shifts: Text,
    /// Shares of variance.
    pub variance: Text,
    /// Intraclass correlation.
    pub intraclass: Text,
    /// Spreads.
    pub spread: Text,
    /// Agreement on stragglers.
    pub agreement: Text,
    /// Overlap between runs.
    pub overlap: Text,
    /// Pruned retraining.
    pub pruning: Text,
}

#[derive(Serialize)]
struct TableOnPage<'a> {
    header: &'a [String],
    numeric: &'a [bool],
    rows: &'a [Vec<String>],
    left_out: usize,
}

#[derive(Serialize)]
struct GridOnPage<'a> {
    caption: &'a str,
    address: &'a str,
    width: usize,
}

#[derive(Serialize)]
struct FigureOnPage<'a> {
    name: &'a str,
    caption: &'a str,
    svg: &'a str,
}

#[derive(Serialize)]
struct StripOnPage<'a> {
    caption: &'a str,
    frames: &'a [(String, String)],
}

/// Rows of a table shown on the page; the files hold all.
const MOST_ROWS: usize = 400;

fn table(text: &Text) -> TableOnPage<'_> {
    TableOnPage {
        header: &text.header,
        numeric: &text.numeric,
        rows: &text.rows[..text.rows.len().min(MOST_ROWS)],
        left_out: text.rows.len().saturating_sub(MOST_ROWS),
    }
}

/// Renders the page.
pub fn render(page: &Page<'_>) -> Result<String> {
    let mut environment = Environment::new();
    environment.add_template("page.html", include_str!("page.html"))?;
    let results = page.results;
    let probed = page.probed.map_or(&[][..], |probed| probed.figures.as_slice());
    let flowed = page.flowed.map_or(&[][..], |flowed| flowed.figures.as_slice());
    let manifolds = results.has("radius") || results.has("distance");
    let figures: Vec<FigureOnPage<'_>> = (page.figures.iter().chain(probed).chain(flowed))
        .map(|f| FigureOnPage { name: &f.name, caption: &f.caption, svg: &f.svg })
        .collect();
    let starting = |prefix: &str| figures.iter().filter(|f| f.name.starts_with(prefix)).collect::<Vec<_>>();
    let grids: Vec<GridOnPage<'_>> =
        page.grids.iter().map(|g| GridOnPage { caption: &g.caption, address: &g.address, width: g.width }).collect();
    let strips = page.probed.map_or(&[][..], |probed| probed.strips.as_slice());
    let strips: Vec<StripOnPage<'_>> =
        strips.iter().map(|strip| StripOnPage { caption: &strip.caption, frames: &strip.frames }).collect();
    let html = environment.get_template("page.html")?.render(context! {
        style => STYLE,
        title => results.provenance.name.clone().unwrap_or_else(|| "unnamed sweep".into()),
        headline => page.verdict.headline,
        sentences => page.verdict.sentences,
        data => page.data,
        absent => page.absent,
        provenance => results.provenance.others,
        sweep => results.provenance.sweep,
        file => results.path().display().to_string(),
        axes => axes(results),
        cells => results.cells.len(),
        epochs => results.epochs.last().copied().unwrap_or(0),
        groups => page.groups.all.len(),
        options => context! {
            prominence => 100.0 * page.options.prominence,
            burn_in => page.options.burn_in,
            lc_prominence => 100.0 * page.options.lc_prominence,
            tolerance => 100.0 * page.options.tolerance,
            bootstrap => page.options.bootstrap,
            group_by => match page.options.group_by.as_slice() {
                [] => format!("variant ({})", page.groups.columns.join(", ")),
                named => named.join(", "),
            },
        },
        stability => table(&page.tables.stability),
        shifts => table(&page.tables.shifts),
        variance => table(&page.tables.variance),
        intraclass => table(&page.tables.intraclass),
        spread => table(&page.tables.spread),
        curves => starting("curves"),
        epsilon => starting("epsilon"),
        shares => starting("variance"),
        spreads => starting("spread"),
        straggling => page.straggling,
        overlapping => page.overlapping,
        retrained => page.retrained,
        agreement => table(&page.tables.agreement),
        overlap => table(&page.tables.overlap),
        pruning => table(&page.tables.pruning),
        straggler_figures => starting("stragglers"),
        overlap_figures => starting("overlap"),
        pruning_figures => starting("pruning"),
        grids => grids,
        // A sweep that measured something else, and no manifolds, asked another question.
        inversion => manifolds || (page.probed.is_none() && page.flowed.is_none()),
        probed => page.probed.map(|probed| &probed.sentences),
        lc_figures => starting("lc_"),
        lc_summary => page.probed.map(|probed| table(&probed.summary)),
        strips => strips,
        flowed => page.flowed.map(|flowed| &flowed.sentences),
        flow_figures => starting("flow_"),
        flow_fits => page.flowed.map(|flowed| table(&flowed.fits)),
        flow_curves => page.flowed.map(|flowed| table(&flowed.curves)),
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
