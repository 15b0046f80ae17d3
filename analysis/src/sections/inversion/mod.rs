//! The inversion: where class radii and distances turn, how stable the training error there is, and what moves it.
//!
//! The turning points themselves are shared with other sections ([`crate::turning`]), and so are the tables made of them and
//! the verdict ([`crate::stability`]). Here is what is shown of them, and their [`figures`].

pub mod along;
pub mod figures;

use minijinja::context;
use phasesweep_results::variables::{DISTANCE, RADIUS, TEST_ERROR, TRAIN_ERROR};

use super::section::{self, Content, Context, Section, Table};
use crate::error::Result;
use crate::figures::Figure;
use crate::stability::{shifts, spread, table, variance, verdict};
use crate::tables::frames::{self, all_zero};
use crate::tables::text::Text;
use crate::terminal;

/// The section. It is on the page of every file of which no section asks another question, whatever was measured.
pub struct Inversion;

impl Section for Inversion {
    fn make<'a>(&self, context: &Context<'a>) -> Result<Option<Content<'a>>> {
        let Context { results, groups, options, points, series, other_question, .. } = *context;
        let has_manifolds = results.has(RADIUS.name) || results.has(DISTANCE.name);
        let is_asked = !other_question || has_manifolds;
        // What the report is about may be another turning point: that section answers then.
        let is_principal = series.points.principal.is_none();
        let stability = table::stability(results, points, groups)?;
        let shares = variance::shares(results, points, groups);
        let variance = variance::frame(points, &shares)?;
        let intraclass = variance::intraclass_frame(points, groups, &shares)?;
        let spreads = spread::spreads(results, points, groups)?;
        let spread = spread::frame(points, &spreads)?;
        let shifts = shifts::shifts(results, points, options);
        let shift = shifts::frame(points, &shifts)?;
        let verdict = verdict::judge(results, points, groups, &shifts, &shares, &spreads, options);

        let curves: Vec<Figure> = figures::curves::figures(results, points, groups)?;
        let mut epsilon: Vec<Figure> = Vec::new();
        for layer in 0..results.layers.len() {
            epsilon.extend(figures::epsilon::by_group(results, points, groups, layer));
            let principal = points.principal;
            epsilon.extend(principal.and_then(|o| figures::epsilon::by_axis(results, points, layer, o)));
        }
        let shared: Vec<Figure> = figures::shares::figure(results, points, &shares).into_iter().collect();
        let spread_out = points.principal.and_then(|o| figures::spread::figure(results, points, &spreads, 0, o));
        let spread_out: Vec<Figure> = spread_out.into_iter().collect();

        let lines = along::along(results, points, series);
        let along_grid: Vec<Figure> = figures::along::figures(points, &lines);
        let along_frame = along::frame(points, &lines)?;

        // On screen a column that says the same in every row only takes room; the files keep it.
        let constant = groups.constant();
        let brief = |text: Text| text.without(&constant).without_constant(&["layer", "prune"]);
        // Two rules take two rows only where they say different things.
        let one_rule =
            |text: Text, resampled: &[&str]| terminal::rules_merged(text, resampled).without_constant(&["rule"]);
        let ends = ["edge", "none", "absent", "diverged", "failed", "missing"].map(str::to_owned);
        let unused: Vec<String> = ends.into_iter().filter(|name| all_zero(&stability, name)).collect();
        let shown = Text::of(&stability).precise(&stability, "epsilon_star", "low", "high");
        let shown = brief(shown.shorter(&stability, &["sd", "cv"], 2).shorter(&stability, &["epoch"], 3));
        let shown =
            terminal::rules_merged(shown.without(&unused).interval("low", "high", "95% interval"), &["95% interval"]);
        let picture = epsilon.first().or(curves.first()).map(|figure| figure.name.clone());
        let values = context! {
            curves => section::figures(&curves),
            epsilon => section::figures(&epsilon),
            along_grid => section::figures(&along_grid),
            along => section::table(
                &Text::of(&along_frame)
                    .precise(&along_frame, "epsilon_star", "low", "high")
                    .without_constant(&["layer", "at", "samples_of", "draws"])
                    .interval("low", "high", "95% interval"),
            ),
            shares => section::figures(&shared),
            spreads => section::figures(&spread_out),
            stability => section::table(&shown.clone().without_constant(&["rule"])),
            shifts => section::table(
                &brief(Text::of(&shift).precise(&shift, "share", "low", "high").shorter(&shift, &["amount"], 2))
                    .without(&["from_epsilon_star", "to_epsilon_star"].map(str::to_owned))
                    .interval("low", "high", "95% interval"),
            ),
            variance => section::table(&one_rule(
                brief(
                    Text::of(&variance)
                        .precise(&variance, "omega_squared", "omega_low", "omega_high")
                        .precise(&variance, "rms_shift", "rms_shift_low", "rms_shift_high")
                        .shorter(&variance, &["f", "p"], 3),
                )
                    .without(&["sum_of_squares", "eta_squared", "against_degrees"].map(str::to_owned))
                    .interval("omega_low", "omega_high", "95% interval of ω²")
                    .interval("rms_shift_low", "rms_shift_high", "95% interval of rms shift"),
                &["95% interval of ω²", "95% interval of rms shift"],
            )),
            intraclass => section::table(&one_rule(brief(Text::of(&intraclass)), &[])),
            spread => section::table(
                &brief(
                    Text::of(&spread)
                        .precise(&spread, "sd_ratio", "sd_ratio_low", "sd_ratio_high")
                        .shorter(&spread, &["sd", "cv", "cv_ratio"], 2),
                )
                .interval("sd_ratio_low", "sd_ratio_high", "95% interval of ratio"),
            ),
        };
        Ok(Some(Content {
            title: "Stability of the inversion",
            answer: (is_asked && is_principal).then_some(verdict),
            leads: is_asked && is_principal,
            template: if is_asked && (is_principal || has_manifolds) { include_str!("section.html") } else { "" },
            values,
            by_turning_points: is_asked,
            picture,
            figures: [curves, epsilon, along_grid, shared, spread_out].concat(),
            tables: vec![
                Table::in_parts("turning_points", frames::turning_points_in_parts(results, points)?),
                Table::new("stability", stability),
                Table::new("epsilon_along", along_frame),
                Table::new("shifts", shift),
                Table::new("variance", variance),
                Table::new("intraclass", intraclass),
                Table::new("spread", spread),
            ],
            summary: Some((shown, "stability.csv")),
            ..Content::default()
        }))
    }

    fn absent(&self, context: &Context<'_>) -> Vec<String> {
        let of_errors = [
            (TRAIN_ERROR.name, "No training errors: there is no ε*."),
            (TEST_ERROR.name, "No test errors: the training error at the best test error is not known."),
        ];
        let of_manifolds = [
            (RADIUS.name, "No class radii: the inversion is judged by the distance alone."),
            (DISTANCE.name, "No distances of class centres: the inversion is judged by the radii alone."),
        ];
        // Class manifolds are not what a sweep asks for that asks another question.
        let asked = of_errors.into_iter().chain(of_manifolds.into_iter().filter(|_| !context.other_question));
        asked.filter(|(variable, _)| !context.results.has(variable)).map(|(_, sentence)| sentence.to_owned()).collect()
    }
}
