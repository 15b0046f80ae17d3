//! Stragglers: the training samples misclassified at a cell's inversion. Which they are, and how stable they are.
//!
//! Everything is judged at the inversion of the principal observable (the distance, if measured) at the first observed
//! layer, by prominence, and over cells trained on the whole block.

pub mod agreement;
pub mod figure;
pub mod frequency;
pub mod images;

use minijinja::context;
use phasesweep_results::variables::MISCLASSIFIED;

use super::section::{self, Content, Context, Section, Table};
use crate::error::Result;
use crate::stragglers;
use crate::tables::text::Text;

/// The section.
pub struct Stragglers;

impl Section for Stragglers {
    fn make<'a>(&self, context: &Context<'a>) -> Result<Option<Content<'a>>> {
        let results = context.results;
        let all = context.stragglers;
        let Some(summary) = stragglers::summary(all) else { return Ok(None) };
        let counted = frequency::counted(results, all);
        let frequencies = frequency::over_all(&counted);
        let agreement = agreement::frame(&agreement::agreements(results, all))?;
        let figures: Vec<_> = figure::frequency(&frequencies).into_iter().collect();
        Ok(Some(Content {
            template: include_str!("section.html"),
            values: context! {
                straggling => summary,
                drawn => section::figures(&figures),
                grids => images::grids(results, &frequencies)?,
                agreement => section::table(
                    &Text::of(&agreement).shorter(&agreement, &["sd"], 2).shorter(&agreement, &["jaccard", "by_chance"], 3),
                ),
            },
            figures,
            tables: vec![
                Table::long("stragglers", stragglers::frame(results, all)?),
                Table::in_parts("straggler_frequency", frequency::parts(counted)),
                Table::new("straggler_agreement", agreement),
            ],
            ..Content::default()
        }))
    }

    fn absent(&self, context: &Context<'_>) -> Vec<String> {
        // Which samples are misclassified is not what a sweep asks for that asks another question.
        let lacks = !context.other_question && !context.results.has(MISCLASSIFIED.name);
        let sentence = "No misclassified samples: stragglers and their overlap are not known.";
        lacks.then(|| sentence.to_owned()).into_iter().collect()
    }
}
