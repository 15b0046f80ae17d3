//! Gradient flows: learning curves, compression and tangent kernels in the feature and in the lazy regime.
//!
//! [`flows`] takes everything that is measured at stages out of the file and sorts the cells; [`theory`] has the expected
//! exponents, [`fits`] the measured ones; [`table`], [`figures`] and [`sentences`] say what came out.

pub mod axes;
pub mod figures;
pub mod fits;
pub mod flows;
pub mod sentences;
pub mod table;
pub mod theory;

use minijinja::context;
use phasesweep_results::variables::FLOW_STOP;

use super::section::{self, Content, Context, Section, Table};
use crate::answer::Answer;
use crate::error::Result;
use crate::results::Results;
use crate::tables::frames::all_zero;
use crate::tables::text::Text;

/// The section.
pub struct GradientFlows;

impl Section for GradientFlows {
    fn asks(&self, results: &Results) -> bool {
        results.has(FLOW_STOP.name) && !results.cells.is_empty()
    }

    fn make(&self, context: &Context<'_>) -> Result<Option<Content>> {
        let Context { results, options, .. } = *context;
        let Some(found) = flows::read(results)? else { return Ok(None) };
        let fits = fits::fits(&found, options);
        let all_curves = table::curves(&found)?;
        let shown: Vec<_> = fits.iter().filter(|fit| table::is_shown(&found, fit)).collect();
        let constant = ["data", "architecture", "over"];
        let fitted = Text::of(&table::fits(&found, &shown)?)
            .without(&["range".to_owned(), "residual".to_owned()])
            .without_constant(&constant)
            .interval("low", "high", "95% over seeds")
            .interval("line_low", "line_high", "95% of the line");
        let unused: Vec<String> = ["unfitted", "not_trained"].map(str::to_owned).into();
        let unused: Vec<String> = unused.into_iter().filter(|name| all_zero(&all_curves, name)).collect();
        let curves = Text::of(&all_curves).without(&unused).without_constant(&constant).trimmed(&["steps"]);
        let figures = figures::figures(results, &found, &fits)?;
        Ok(Some(Content {
            title: "Geometric compression",
            answer: Some(Answer::of(sentences::sentences(&found, &fits, options))),
            template: include_str!("section.html"),
            values: context! {
                drawn => section::figures(&figures),
                fits => section::table(&fitted),
                curves => section::table(&curves),
            },
            methods: include_str!("methods.html"),
            figures,
            tables: vec![
                Table::long("flow_cells", table::flows(results, &found)?),
                Table::new("flow_curves", all_curves),
                Table::new("flow_fits", table::fits(&found, &fits.iter().collect::<Vec<_>>())?),
            ],
            summary: Some((fitted, "flow_fits.csv")),
            ..Content::default()
        }))
    }
}
