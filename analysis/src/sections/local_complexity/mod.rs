//! Local complexity along training: its phases in every cell, and whether test accuracy rises after the last of them.
//!
//! [`mod@phases`] and [`rise`] are pure; [`search`] applies them to every series and every accuracy of the file; [`table`],
//! [`figures`] and [`sentences`] say what came out; [`slices`] finds pictures of the exact partition.

pub mod axes;
pub mod figures;
pub mod phases;
pub mod rise;
pub mod search;
pub mod sentences;
pub mod slices;
pub mod table;

use minijinja::context;
use phasesweep_results::variables::LOCAL_COMPLEXITY;

use super::section::{self, Content, Context, Section, Table};
use crate::answer::Answer;
use crate::error::Result;
use crate::results::Results;
use crate::tables::frames::all_zero;
use crate::tables::text::Text;

/// The section.
pub struct LocalComplexity;

impl Section for LocalComplexity {
    fn asks(&self, results: &Results) -> bool {
        results.shape(LOCAL_COMPLEXITY.name).is_some_and(|shape| shape[1..].iter().all(|&length| length > 0))
    }

    fn make<'a>(&self, context: &Context<'a>) -> Result<Option<Content<'a>>> {
        let Context { results, groups, options, .. } = *context;
        let Some(found) = search::search(results, options)? else { return Ok(None) };
        let layers: Vec<usize> = (0..found.axes.layers.len()).collect();
        let summary = table::summary(&found, groups, &[found.total])?;
        let unused: Vec<String> = ["still_descending", "still_ascending"].map(str::to_owned).into();
        let unused: Vec<String> = unused.into_iter().filter(|name| all_zero(&summary, name)).collect();
        let shown = Text::of(&summary).without(&groups.constant()).without(&unused).without_constant(&["layer"]);
        let shown = shown.trimmed(&["radius", "trough_step", "final_step"]);
        let figures = figures::figures(results, &found, groups)?;
        Ok(Some(Content {
            title: "Local complexity along training",
            answer: Some(Answer::of(sentences::sentences(&found, options))),
            template: include_str!("section.html"),
            values: context! {
                drawn => section::figures(&figures),
                strips => slices::strips(results, &found),
                summary => section::table(&shown),
            },
            methods: include_str!("methods.html"),
            by_turning_points: true,
            picture: figures.first().map(|figure| figure.name.clone()),
            figures,
            tables: vec![
                Table::long("lc_phases", table::phases(results, &found)?),
                Table::long("lc_rises", table::rises(results, &found)?),
                Table::new("lc_summary", table::summary(&found, groups, &layers)?),
            ],
            summary: Some((shown, "lc_summary.csv")),
            ..Content::default()
        }))
    }
}
