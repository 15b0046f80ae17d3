//! What independent runs have in common: the overlap of the samples that they misclassify, along training.

pub mod figure;
pub mod moments;

use minijinja::context;

use super::section::{self, Content, Context, Section, Table};
use crate::error::Result;
use crate::tables::text::Text;

/// The section.
pub struct Overlap;

impl Section for Overlap {
    fn make<'a>(&self, context: &Context<'a>) -> Result<Option<Content<'a>>> {
        let Context { results, groups, points, .. } = *context;
        let found = moments::moments(results, groups)?;
        if found.is_empty() {
            return Ok(None);
        }
        let frame = moments::frame(groups, &found)?;
        let shown = Text::of(&frame)
            .precise(&frame, "z_corrected", "low", "high")
            .shorter(&frame, &["z", "z_hypergeometric"], 3)
            .shorter(&frame, &["sd"], 2)
            .without(&groups.constant())
            .without_constant(&["layer", "prune"]);
        let figures: Vec<_> = figure::overlap(points, groups, &found).into_iter().collect();
        Ok(Some(Content {
            template: include_str!("section.html"),
            values: context! {
                sentences => moments::sentences(groups, points, &found),
                drawn => section::figures(&figures),
                overlap => section::table(&shown.interval("low", "high", "95% interval of z")),
            },
            figures,
            tables: vec![Table::new("overlap", frame)],
            ..Content::default()
        }))
    }
}
