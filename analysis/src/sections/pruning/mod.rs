//! Pruned retraining: what becomes of the inversion, and of the test error, when samples are left out.

pub mod figure;
pub mod outcomes;

use minijinja::context;

use super::section::{self, Content, Context, Section, Table};
use crate::error::Result;
use crate::tables::text::Text;

/// The section.
pub struct Pruning;

impl Section for Pruning {
    fn make(&self, context: &Context<'_>) -> Result<Option<Content>> {
        let Context { results, groups, points, .. } = *context;
        let found = outcomes::outcomes(results, points)?;
        if found.is_empty() {
            return Ok(None);
        }
        let frame = outcomes::frame(results, points, &found)?;
        let shown = Text::of(&frame).without(&groups.constant()).without_constant(&["layer", "prune"]);
        let figures: Vec<_> = figure::pruning(results, points, &found).into_iter().collect();
        Ok(Some(Content {
            template: include_str!("section.html"),
            values: context! {
                sentences => outcomes::sentences(points, &found),
                drawn => section::figures(&figures),
                pruning => section::table(&shown.interval("test_low", "test_high", "95% interval")),
            },
            figures,
            tables: vec![Table::new("pruning", frame)],
            ..Content::default()
        }))
    }
}
