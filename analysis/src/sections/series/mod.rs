//! Every series along training: where it turns, and whether at the same training error as what the report is about.
//!
//! A series is whatever was measured at epochs of its own ([`crate::turning::series`]): norms, sharpness, representations,
//! and what a sweep's author has added. The section needs no line for any of them. Where the sweep's `[report]` names one of
//! them as the principal observable, the verdict on the stability of its training error is here, and leads the page.

pub mod compare;
pub mod edge;
pub mod figures;
pub mod sentences;
pub mod table;

use minijinja::context;
use phasesweep_results::variables::{DISTANCE, RADIUS};

use super::section::{self, Content, Context, Section, Table};
use crate::answer::Answer;
use crate::error::Result;
use crate::results::{Results, Unit};
use crate::stability::{self, shifts, spread, variance, verdict};
use crate::tables::text::Text;
use crate::turning::series::any_is_drawn;

/// The section.
pub struct Series;

impl Section for Series {
    /// Series measured beside class manifolds are a further look at the same question.
    fn asks(&self, results: &Results) -> bool {
        // A file that cannot be read so far was refused by the search before.
        let is_drawn = || any_is_drawn(results).unwrap_or(false);
        !results.has(RADIUS.name) && !results.has(DISTANCE.name) && is_drawn()
    }

    fn make<'a>(&self, context: &Context<'a>) -> Result<Option<Content<'a>>> {
        let Context { results, groups, options, points, series: all, .. } = *context;
        if all.all.is_empty() {
            return Ok(None);
        }
        let rows = compare::compare(results, groups, points, all, options);
        let principal = compare::principal_name(points, all);
        let sentences = sentences::sentences(&rows, principal.as_deref(), options);
        let summary = table::summary(&rows, groups)?;
        let shown = Text::of(&summary)
            .precise(&summary, "epsilon_star", "low", "high")
            .precise(&summary, "ratio", "ratio_low", "ratio_high")
            .shorter(&summary, &["sd"], 2)
            .without(&groups.constant())
            .without_constant(&["prune"])
            .without(&["least_ratio", "greatest_ratio"].map(str::to_owned))
            .interval("low", "high", "95% interval")
            .interval("ratio_low", "ratio_high", "95% interval of ratio");
        let courses = figures::courses(results, groups, all)?;
        let comparison: Vec<_> = figures::comparison(&rows, groups, points, all).into_iter().collect();
        let mut tables =
            vec![Table::in_parts("series_cells", table::cells(results, all)?), Table::new("series", summary)];
        let mut judged = None;
        let mut shifted = Text::default();
        if all.points.principal.is_some() {
            let shifts = shifts::shifts(results, &all.points, options);
            let shares = variance::shares(results, &all.points, groups);
            // Other training errors are recorded at epochs: beside what turns at a step there is none of that time.
            let at_steps = all.points.principal.is_some_and(|place| all.unit(place) == Unit::Step);
            let spreads = if at_steps { Vec::new() } else { spread::spreads(results, &all.points, groups)? };
            judged = Some(verdict::judge(results, &all.points, groups, &shifts, &shares, &spreads, options));
            let shift = shifts::frame(&all.points, &shifts)?;
            shifted = Text::of(&shift)
                .precise(&shift, "share", "low", "high")
                .shorter(&shift, &["amount"], 2)
                .without(&["layer", "from_epsilon_star", "to_epsilon_star"].map(str::to_owned))
                .interval("low", "high", "95% interval");
            tables.extend([
                Table::new("series_stability", stability::table::stability(results, &all.points, groups)?),
                Table::new("series_shifts", shift),
                Table::new("series_variance", variance::frame(&all.points, &shares)?),
                Table::new("series_spread", spread::frame(&all.points, &spreads)?),
            ]);
        }
        let leads = judged.is_some();
        let is_answer = !leads && self.asks(results);
        let answer = judged.or_else(|| is_answer.then(|| Answer::of(sentences.clone())));
        Ok(Some(Content {
            title: if leads { "Stability of a turning point" } else { "Series along training" },
            leads,
            template: include_str!("section.html"),
            values: context! {
                // Said at the head of the page already, where they are the answer.
                sentences => if is_answer { &[][..] } else { sentences.as_slice() },
                drawn => section::figures(&courses),
                comparison => section::figures(&comparison),
                summary => section::table(&shown),
                principal,
                is_principal => leads,
                shifts => section::table(&shifted),
            },
            methods: include_str!("methods.html"),
            by_turning_points: true,
            answer,
            picture: comparison.first().or(courses.first()).map(|figure| figure.name.clone()),
            figures: [comparison, courses].concat(),
            tables,
            summary: Some((shown, "series.csv")),
        }))
    }

    fn absent(&self, context: &Context<'_>) -> Vec<String> {
        context.series.left_out.clone()
    }
}
