//! Gradient flows: learning curves, compression and tangent kernels in the feature and in the lazy regime.
//!
//! [`flows`] takes everything that is measured at stages out of the file and sorts the cells; [`theory`] has the expected
//! exponents, [`fits`] the measured ones and [`drift`] the same in sliding windows; [`kernels`] has what machines learn on kernels
//! other than those of the stages; [`neurons`] and [`profile`] take neurons and the output along the informative axis, where the
//! file holds them, and [`effective`] has where neurons settle; [`table`], [`points_table`], [`figures`] and [`sentences`] say what
//! came out.

pub mod axes;
pub mod drift;
pub mod effective;
pub mod figures;
pub mod fits;
pub mod flows;
pub mod kernels;
pub mod neurons;
pub mod points_table;
pub mod profile;
pub mod sentences;
pub mod table;
pub mod theory;

use minijinja::context;
use phasesweep_results::variables::FLOW_STOP;
use polars::prelude::DataFrame;

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

    fn make<'a>(&self, context: &Context<'a>) -> Result<Option<Content<'a>>> {
        let Context { results, options, .. } = *context;
        let Some(found) = flows::read(results)? else { return Ok(None) };
        let fits = fits::fits(&found, options);
        let all_curves = table::curves(&found)?;
        let shown: Vec<_> = fits.iter().filter(|fit| table::is_shown(&found, fit)).collect();
        let constant = ["data", "architecture", "over"];
        // An exponent has the digits that its interval over seeds allows; where that is not known, those of the line's.
        let exponents = |frame: &DataFrame| {
            Text::of(frame)
                .precise(frame, "exponent", "line_low", "line_high")
                .precise(frame, "exponent", "low", "high")
        };
        let fitted = exponents(&table::fits(&found, &shown)?)
            .without(&["range".to_owned(), "residual".to_owned()])
            .without_constant(&constant)
            .interval("low", "high", "95% over seeds")
            .interval("line_low", "line_high", "95% of the line");
        let unused: Vec<String> = ["unfitted", "not_trained"].map(str::to_owned).into();
        let unused: Vec<String> = unused.into_iter().filter(|name| all_zero(&all_curves, name)).collect();
        let curves = Text::of(&all_curves)
            .shorter(&all_curves, &["sd"], 2)
            .without(&unused)
            .without_constant(&constant)
            .trimmed(&["steps"]);
        let mut figures = figures::figures(results, &found, &fits)?;
        let on_page = section::figures(&figures);
        let picture = figures.first().map(|figure| figure.name.clone());
        let windows = drift::windows(&found, options);
        let drifting = figures::drift::figure(&found, &windows);
        let of_neurons = figures::of_neurons(results, &found)?;
        let (without, kernels) = (kernels::without(results)?, kernels::table(results, &found)?);
        let window_rows = table::fits(&found, &windows.iter().collect::<Vec<_>>())?;
        let fixed = points_table::fixed_points(results, &found)?;
        let interfaces = points_table::interfaces(results, &found)?;
        let drift_text = exponents(&window_rows)
            .without(&["range".to_owned(), "residual".to_owned()])
            .without_constant(&["data", "architecture", "over", "left_out"])
            .interval("low", "high", "95% over seeds")
            .interval("line_low", "line_high", "95% of the line");
        let shown = |frame: &Option<DataFrame>| {
            frame.as_ref().map(|frame| section::table(&Text::of(frame).without_constant(&["data", "architecture"])))
        };
        let values = context! {
            drawn => on_page,
            fits => section::table(&fitted),
            curves => section::table(&curves),
            drift => (!windows.is_empty()).then(|| section::table(&drift_text)),
            drift_figure => section::figures(&drifting),
            neuron_figures => (!of_neurons.is_empty()).then(|| section::figures(&of_neurons)),
            kernels => shown(&kernels),
            fixed => shown(&fixed),
            interfaces => shown(&interfaces),
            factor => drift::FACTOR,
            near => points_table::NEAR,
        };
        figures.extend(drifting);
        figures.extend(of_neurons);
        let mut tables = vec![
            Table::long("flow_cells", table::flows(results, &found)?),
            Table::new("flow_curves", all_curves),
            Table::new("flow_fits", table::fits(&found, &fits.iter().collect::<Vec<_>>())?),
        ];
        if !windows.is_empty() {
            tables.push(Table::new("flow_drift", window_rows));
        }
        tables.extend(kernels.map(|frame| Table::new("flow_kernels", frame)));
        tables.extend(fixed.map(|frame| Table::new("flow_fixed_points", frame)));
        tables.extend(interfaces.map(|frame| Table::new("flow_interfaces", frame)));
        tables.extend(points_table::neurons(results, &found)?.map(|frame| Table::long("flow_neurons", frame)));
        Ok(Some(Content {
            title: "Geometric compression",
            answer: Some(Answer::of(sentences::sentences(&found, &fits, &windows, &without, options))),
            template: include_str!("section.html"),
            values,
            methods: include_str!("methods.html"),
            picture,
            figures,
            tables,
            summary: Some((fitted, "flow_fits.csv")),
            ..Content::default()
        }))
    }
}
