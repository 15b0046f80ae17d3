//! How good a proxy local complexity is for the density of linear regions, and how layers deform neighbourhoods.
//!
//! [`counts`] reads what the file holds; [`proxy`] is pure; [`table`], [`figures`] and [`sentences`] say what came out.

pub mod counts;
pub mod figures;
pub mod proxy;
pub mod sentences;
pub mod table;

use minijinja::context;
use phasesweep_results::variables::{LOCAL_COMPLEXITY, NEIGHBOURHOOD_REGIONS};

use super::section::{self, Content, Context, Section, Table};
use crate::answer::Answer;
use crate::error::Result;
use crate::results::Results;
use crate::tables::text::Text;
use counts::Counts;

/// The section.
pub struct Neighbourhoods;

impl Section for Neighbourhoods {
    fn asks(&self, results: &Results) -> bool {
        results.has(NEIGHBOURHOOD_REGIONS.name)
    }

    fn make<'a>(&self, context: &Context<'a>) -> Result<Option<Content<'a>>> {
        let Context { results, groups, .. } = *context;
        let Some(counts) = Counts::read(results)? else { return Ok(None) };
        let all: Vec<usize> = (0..results.cells.len()).collect();
        let rows = proxy::rows(&counts, &all);
        let (of_all, by_group) = (table::of_all(&counts, &rows)?, table::by_group(&counts, groups)?);
        let shown = Text::of(&of_all)
            .precise(&of_all, "over_points", "low", "high")
            .precise(&of_all, "along_training", "least", "greatest")
            .interval("least_regions", "most_regions", "regions")
            .interval("low", "high", "quartiles")
            .interval("least", "greatest", "least to greatest")
            .trimmed(&["radius"]);
        let figures = figures::figures(&counts, &rows);
        let sentences = sentences::sentences(&counts, &rows);
        // Beside local complexity itself it is a further look at the same question.
        let is_answer = !results.has(LOCAL_COMPLEXITY.name);
        Ok(Some(Content {
            title: "Local complexity and linear regions",
            answer: is_answer.then(|| Answer::of(sentences.clone())),
            template: include_str!("section.html"),
            values: context! {
                sentences => if is_answer { &[][..] } else { sentences.as_slice() },
                drawn => section::figures(&figures),
                summary => section::table(&shown),
            },
            methods: include_str!("methods.html"),
            figures,
            tables: vec![Table::new("neighbourhoods", of_all), Table::new("neighbourhoods_by_group", by_group)],
            summary: Some((shown, "neighbourhoods.csv")),
            ..Content::default()
        }))
    }
}
