//! What a section of the report is: what it reads, and what it gives to the page, the folder and the terminal.

use minijinja::Value;
use polars::prelude::DataFrame;
use serde::Serialize;

use crate::answer::Answer;
use crate::error::Result;
use crate::figures::Figure;
use crate::figures::plot::escape;
use crate::groups::Groups;
use crate::options::Options;
use crate::results::Results;
use crate::stragglers::Stragglers;
use crate::tables::parts::Parts;
use crate::tables::text::Text;
use crate::turning::TurningPoints;
use crate::turning::series::AllSeries;

/// What every section may read.
pub struct Context<'a> {
    /// The file.
    pub results: &'a Results,
    /// Groups of cells.
    pub groups: &'a Groups,
    /// Settings.
    pub options: &'a Options,
    /// Turning points of radii and distances.
    pub points: &'a TurningPoints,
    /// Every other series along training, with its turning points.
    pub series: &'a AllSeries,
    /// The samples that each cell still misclassifies where it turns.
    pub stragglers: &'a [Stragglers],
    /// Whether some section [asks](Section::asks) another question of this file than that of the inversion.
    pub other_question: bool,
}

/// A section of the report. It is made from the file alone: no section knows another one.
pub trait Section: Sync {
    /// Whether the file holds the measurements of a question of the section's own. Where no class manifolds were measured
    /// beside them, that question takes the place of the inversion's.
    fn asks(&self, results: &Results) -> bool {
        _ = results;
        false
    }

    /// The section; `None` where the file does not hold what it is about.
    ///
    /// # Errors
    /// Whatever keeps the file from being read, or a table from being made.
    fn make<'a>(&self, context: &Context<'a>) -> Result<Option<Content<'a>>>;

    /// What the file lacks, and what the report lacks therefore, in sentences. Nothing of what this file's sweep did not ask
    /// for.
    fn absent(&self, context: &Context<'_>) -> Vec<String> {
        _ = context;
        Vec::new()
    }
}

/// What a section comes to.
#[derive(Debug, Clone, Default)]
pub struct Content<'a> {
    /// What the report is about, if this section answers its question: the page's second line.
    pub title: &'static str,
    /// What came out, at the head of the page and on the terminal.
    pub answer: Option<Answer>,
    /// Whether the answer stands before those of other sections.
    pub leads: bool,
    /// The section on the page: a template with `values`, `options`, and the macros of `macros.html`. Empty: not on the page.
    pub template: &'static str,
    /// What the template shows.
    pub values: Value,
    /// How it was computed: items of a list on the page, a template as well.
    pub methods: &'static str,
    /// Whether it rests on turning points and intervals, which the page then explains.
    pub by_turning_points: bool,
    /// Name of the figure that shows the answer, where one does: it stands at the head of the page as well.
    pub picture: Option<String>,
    /// Figures that are written as files; those that `values` holds are on the page.
    pub figures: Vec<Figure>,
    /// Tables that are written as files.
    pub tables: Vec<Table<'a>>,
    /// What a terminal shows below the answer: a table, and the file of the report that holds all of it.
    pub summary: Option<(Text, &'static str)>,
}

/// A table of the report's folder.
#[derive(Debug, Clone)]
pub struct Table<'a> {
    /// Its files' name without extension.
    pub stem: &'static str,
    /// The rows.
    pub rows: Rows<'a>,
}

/// Rows of a table.
#[derive(Debug, Clone)]
pub enum Rows<'a> {
    /// So few that people read them: written as Markdown too, beside CSV and Parquet.
    Few(DataFrame),
    /// Many, for programs, made when they are written.
    Many(Parts<'a>),
}

impl Content<'_> {
    /// The section without its long tables, once they are written: what borrows nothing.
    pub fn without_long_tables(self) -> Content<'static> {
        let few = |table: Table<'_>| match table.rows {
            Rows::Few(frame) => Some(Table { stem: table.stem, rows: Rows::Few(frame) }),
            Rows::Many(_) => None,
        };
        Content {
            tables: self.tables.into_iter().filter_map(few).collect(),
            title: self.title,
            answer: self.answer,
            leads: self.leads,
            template: self.template,
            values: self.values,
            methods: self.methods,
            by_turning_points: self.by_turning_points,
            picture: self.picture,
            figures: self.figures,
            summary: self.summary,
        }
    }
}

impl<'a> Table<'a> {
    /// A table for people.
    pub fn new(stem: &'static str, frame: DataFrame) -> Table<'static> {
        Table { stem, rows: Rows::Few(frame) }
    }

    /// A table of many rows, for programs.
    pub fn long(stem: &'static str, frame: DataFrame) -> Table<'static> {
        Table { stem, rows: Rows::Many(Parts::whole(frame)) }
    }

    /// A table of so many rows that it is made in parts.
    pub fn in_parts(stem: &'static str, parts: Parts<'a>) -> Table<'a> {
        Table { stem, rows: Rows::Many(parts) }
    }
}

/// Rows of a table shown on the page; the files hold all.
const MOST_ROWS: usize = 400;

/// A table as the macro `table` shows it.
pub fn table(text: &Text) -> Value {
    #[derive(Serialize)]
    struct OnPage<'a> {
        header: &'a [String],
        numeric: &'a [bool],
        rows: &'a [Vec<String>],
        left_out: usize,
    }
    Value::from_serialize(OnPage {
        header: &text.header,
        numeric: &text.numeric,
        rows: &text.rows[..text.rows.len().min(MOST_ROWS)],
        left_out: text.rows.len().saturating_sub(MOST_ROWS),
    })
}

/// Figures as the macro `figures` shows them: each drawing under an identifier, by which the head of the page may show it again.
pub fn figures<'a>(list: impl IntoIterator<Item = &'a Figure>) -> Value {
    let marked = |figure: &Figure| {
        // A reader of the screen hears the first sentence with the drawing, and all of the caption below it.
        let (first, _) = figure.caption.split_once(". ").unwrap_or((&figure.caption, ""));
        let tag = format!("<svg id=\"drawing-{}\" aria-label=\"{}\"", figure.name, escape(first));
        Figure { svg: figure.svg.replacen("<svg", &tag, 1), ..figure.clone() }
    };
    Value::from_serialize(list.into_iter().map(marked).collect::<Vec<_>>())
}
