//! Pruned retraining: what becomes of the inversion, and of the test error, when samples are left out.

pub mod figure;
pub mod outcomes;
pub mod robust;

use minijinja::context;

use super::section::{self, Content, Context, Section, Table};
use crate::error::Result;
use crate::tables::text::Text;

/// The section.
pub struct Pruning;

impl Section for Pruning {
    fn make<'a>(&self, context: &Context<'a>) -> Result<Option<Content<'a>>> {
        let Context { results, groups, points, .. } = *context;
        let found = outcomes::outcomes(results, points)?;
        if found.is_empty() {
            return Ok(None);
        }
        let frame = outcomes::frame(results, points, &found)?;
        let mut shown = Text::of(&frame).precise(&frame, "test_error", "test_low", "test_high");
        let noisy: Vec<f64> =
            found.first().map_or_else(Vec::new, |of| of.noisy.iter().map(|noisy| noisy.sigma).collect());
        for sigma in &noisy {
            let [error, low, high, sd] =
                ["error", "low", "high", "draws_sd"].map(|number| format!("noisy_{number}_{sigma}"));
            shown = shown.precise(&frame, &error, &low, &high).shorter(&frame, &[&sd], 2);
        }
        shown = shown.without(&groups.constant()).without_constant(&["layer", "prune"]);
        shown = shown.interval("test_low", "test_high", "95% interval");
        for sigma in &noisy {
            let (low, high) = (format!("noisy_low_{sigma}"), format!("noisy_high_{sigma}"));
            shown = shown.interval(&low, &high, &format!("95% interval at σ = {sigma}"));
        }
        let figures: Vec<_> = figure::pruning(points, &found).into_iter().collect();
        Ok(Some(Content {
            template: include_str!("section.html"),
            values: context! {
                sentences => [outcomes::sentences(points, &found), robust::sentences(points, &found)].concat(),
                drawn => section::figures(&figures),
                pruning => section::table(&shown),
            },
            figures,
            tables: vec![Table::new("pruning", frame)],
            ..Content::default()
        }))
    }
}
