//! Norms of the weights along training: how they grow, layer by layer, and where they turn.
//!
//! [`series`] reads them and looks for turning points; [`table`], [`figure`] and [`sentences`] say what came out. The variable
//! is declared by the program's observable; a file without it has no such section.

pub mod figure;
pub mod sentences;
pub mod series;
pub mod table;

use minijinja::context;
use phasesweep_results::variables::{DISTANCE, RADIUS};

use super::section::{self, Answer, Content, Context, Section, Table};
use crate::error::Result;
use crate::results::Results;
use crate::tables::text::Text;

/// The section.
pub struct WeightNorms;

impl Section for WeightNorms {
    /// Norms measured beside class manifolds are a further look at the same question.
    fn asks(&self, results: &Results) -> bool {
        results.has(series::VARIABLE) && !results.has(RADIUS.name) && !results.has(DISTANCE.name)
    }

    fn make(&self, context: &Context<'_>) -> Result<Option<Content>> {
        let Context { results, groups, options, .. } = *context;
        let Some(norms) = series::read(results, groups, options)? else { return Ok(None) };
        let sentences = sentences::sentences(&norms, options);
        let summary = table::summary(&norms, groups)?;
        let shown = Text::of(&summary).without(&groups.constant()).without_constant(&["prune"]);
        let figures: Vec<_> = figure::figure(&norms, groups).into_iter().collect();
        let asks = self.asks(results);
        Ok(Some(Content {
            title: "Norms of the weights along training",
            template: include_str!("section.html"),
            values: context! {
                // Said at the head of the page already, where they are the answer.
                sentences => if asks { &[][..] } else { sentences.as_slice() },
                drawn => section::figures(&figures),
                summary => section::table(&shown),
            },
            methods: include_str!("methods.html"),
            answer: asks.then(|| Answer::of(sentences)),
            figures,
            tables: vec![
                Table::long("weight_norm_cells", table::cells(results, &norms)?),
                Table::new("weight_norms", summary),
            ],
            summary: Some((shown, "weight_norms.csv")),
            ..Content::default()
        }))
    }
}
