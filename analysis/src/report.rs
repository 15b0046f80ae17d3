//! From a results file to a report folder: everything that is computed, in the order in which it is needed, and
//! everything that is written.

use std::fs;
use std::path::{Path, PathBuf};

use polars::prelude::*;

use crate::complexity;
use crate::error::{Error, Result};
use crate::figures::{self, Figure};
use crate::flows;
use crate::groups::Groups;
use crate::options::Options;
use crate::page::{self, Page};
use crate::results::{Results, locate};
use crate::stragglers::{agreement, frequency, images, overlap, pruning, sets};
use crate::tables::text::Text;
use crate::tables::{frames, shifts, spread, stability, variance, write};
use crate::terminal;
use crate::turning::{self, note_on_means};
use crate::verdict::{self, Verdict};

/// What was made.
#[derive(Debug)]
pub struct Written {
    /// The page.
    pub page: PathBuf,
    /// The stability table, or the other summary that the sweep asked for, as a terminal shows it.
    pub stability: String,
    /// The verdict.
    pub verdict: Verdict,
    /// What should be known of the data, in sentences: what was found of them before training, and by which observables
    /// more than two classes are judged.
    pub data: Vec<String>,
    /// Measurements that the file does not hold, in sentences.
    pub absent: Vec<String>,
    /// Doubts about the groups, in sentences: a person must see them beside every number.
    pub doubts: Vec<String>,
}

/// Reports on a run directory or a results file. The report goes to `out`, or to `report/` beside the file.
pub fn report(from: &Path, out: Option<&Path>, options: &Options) -> Result<Written> {
    options.check()?;
    let file = locate(from)?;
    let results = Results::open(&file)?;
    let folder = match out {
        Some(folder) => folder.to_owned(),
        None => file.parent().unwrap_or(Path::new("")).join("report"),
    };
    let figures_folder = folder.join("figures");
    fs::create_dir_all(&figures_folder).map_err(|source| Error::Write { path: figures_folder.clone(), source })?;

    let groups = Groups::by(&results.cells, &options.group_by, &file)?;
    let doubts = if options.group_by.is_empty() { groups.doubts(&results.cells, &file) } else { Vec::new() };
    let points = turning::search(&results, options)?;
    let turning_points = frames::turning_points(&results, &points)?;
    let stability = stability::stability(&turning_points, &points, &groups)?;
    let shares = variance::shares(&results, &points, &groups);
    let variance = variance::frame(&results, &points, &shares)?;
    let intraclass = variance::intraclass_frame(&results, &points, &groups, &shares)?;
    let spreads = spread::spreads(&results, &points, &groups)?;
    let spread = spread::frame(&results, &points, &spreads)?;
    let shifts = shifts::shifts(&results, &points, options);
    let shift = shifts::frame(&results, &points, &shifts)?;
    let verdict = verdict::judge(&results, &points, &groups, &shifts, &shares, &spreads, options);

    write::csv_and_parquet(&turning_points, &folder, "turning_points")?;
    write::all(&stability, &folder, "stability")?;
    write::all(&shift, &folder, "shifts")?;
    write::all(&variance, &folder, "variance")?;
    write::all(&intraclass, &folder, "intraclass")?;
    write::all(&spread, &folder, "spread")?;

    let stragglers = sets::read(&results, &points)?;
    let straggler_sets = sets::frame(&results, &stragglers)?;
    let frequencies = frequency::frequencies(&results, &stragglers);
    let agreements = agreement::frame(&agreement::agreements(&results, &stragglers))?;
    let moments = overlap::moments(&results, &groups)?;
    let overlaps = overlap::frame(&groups, &moments)?;
    let outcomes = pruning::outcomes(&results, &points)?;
    let pruned = pruning::frame(&results, &points, &outcomes)?;
    if !stragglers.is_empty() {
        write::csv_and_parquet(&straggler_sets, &folder, "stragglers")?;
        write::csv_and_parquet(&frequency::frame(&frequencies)?, &folder, "straggler_frequency")?;
        write::all(&agreements, &folder, "straggler_agreement")?;
    }
    if !moments.is_empty() {
        write::all(&overlaps, &folder, "overlap")?;
    }
    if !outcomes.is_empty() {
        write::all(&pruned, &folder, "pruning")?;
    }

    let mut figures: Vec<Figure> = figures::curves::figures(&results, &points, &groups)?;
    for layer in 0..results.layers.len() {
        figures.extend(figures::epsilon::by_group(&results, &points, &groups, layer));
        let principal = points.principal();
        figures.extend(principal.and_then(|o| figures::epsilon::by_axis(&results, &points, layer, o)));
    }
    figures.extend(figures::shares::figure(&results, &points, &shares));
    figures.extend(points.principal().and_then(|o| figures::spread::figure(&results, &points, &spreads, 0, o)));
    figures.extend(figures::stragglers::frequency(&frequencies));
    figures.extend(figures::stragglers::overlap(&points, &groups, &moments));
    figures.extend(figures::stragglers::pruning(&results, &points, &outcomes));
    for figure in &figures {
        write::file(&figures_folder.join(format!("{}.svg", figure.name)), figure.file().as_bytes())?;
    }

    let phases = complexity::search(&results, options)?;
    let probed =
        phases.as_ref().map(|phases| complexity_section(&results, phases, &groups, options, &folder)).transpose()?;
    for figure in probed.iter().flat_map(|probed| &probed.figures) {
        write::file(&figures_folder.join(format!("{}.svg", figure.name)), figure.file().as_bytes())?;
    }

    let flows = flows::read(&results)?;
    let flowed = flows.as_ref().map(|flows| flow_section(&results, flows, options, &folder)).transpose()?;
    for figure in flowed.iter().flat_map(|flowed| &flowed.figures) {
        write::file(&figures_folder.join(format!("{}.svg", figure.name)), figure.file().as_bytes())?;
    }

    let absent = absent(&results);
    let data: Vec<String> = results.provenance.data_findings.iter().cloned().chain(note_on_means(&points)).collect();
    // On screen a column that says the same in every row only takes room; the files keep it.
    let constant = groups.constant();
    let brief = |frame: &DataFrame| Text::of(frame).without(&constant).without_constant(&["layer", "prune"]);
    let ends = ["edge", "none", "absent", "diverged", "failed", "missing"].map(str::to_owned);
    let unused: Vec<String> = ends.into_iter().filter(|name| all_zero(&stability, name)).collect();
    let shown = brief(&stability).without(&unused).interval("low", "high", "95% interval");
    let tables = page::Tables {
        stability: shown.clone(),
        shifts: brief(&shift).without(&["from_epsilon_star", "to_epsilon_star"].map(str::to_owned)).interval(
            "low",
            "high",
            "95% interval",
        ),
        variance: brief(&variance)
            .without(&["sum_of_squares", "eta_squared", "against_degrees"].map(str::to_owned))
            .interval("omega_low", "omega_high", "95% interval of ω²")
            .interval("rms_shift_low", "rms_shift_high", "95% interval of rms shift"),
        intraclass: brief(&intraclass),
        spread: brief(&spread).interval("sd_ratio_low", "sd_ratio_high", "95% interval of ratio"),
        agreement: Text::of(&agreements),
        overlap: brief(&overlaps).interval("low", "high", "95% interval of z"),
        pruning: brief(&pruned).interval("test_low", "test_high", "95% interval"),
    };
    let grids = images::grids(&results, &frequencies)?;
    let overlapping = overlap::sentences(&groups, &points, &moments);
    let retrained = pruning::sentences(&points, &outcomes);
    let straggling = sets::summary(&stragglers);
    let html = page::render(&Page {
        results: &results,
        groups: &groups,
        options,
        verdict: &verdict,
        figures: &figures,
        tables,
        data: &data,
        absent: &[doubts.as_slice(), absent.as_slice()].concat(),
        grids: &grids,
        straggling,
        overlapping,
        retrained,
        probed: probed.as_ref(),
        flowed: flowed.as_ref(),
    })?;
    let page = folder.join("index.html");
    write::file(&page, html.as_bytes())?;
    // A sweep that measured something else, and no manifolds, asked another question.
    let other = probed.map(|probed| (probed.sentences, probed.summary, "lc_summary.csv"));
    let other = other.or(flowed.map(|flowed| (flowed.sentences, flowed.fits, "flow_fits.csv")));
    if let Some((sentences, summary, file)) = other.filter(|_| points.observables.is_empty()) {
        let mut sentences = sentences.into_iter();
        let verdict = Verdict { headline: sentences.next().unwrap_or_default(), sentences: sentences.collect() };
        let stability = terminal::shown(&summary, &groups.columns, &folder.join(file));
        return Ok(Written { page, stability, verdict, data, absent, doubts });
    }
    let brief = terminal::rules_merged(shown, &["95% interval"]);
    let stability = terminal::shown(&brief, &groups.columns, &folder.join("stability.csv"));
    Ok(Written { page, stability, verdict, data, absent, doubts })
}

/// Writes the tables of local complexity, and makes its section of the page.
fn complexity_section(
    results: &Results,
    phases: &complexity::Complexity,
    groups: &Groups,
    options: &Options,
    folder: &Path,
) -> Result<page::Probed> {
    let layers: Vec<usize> = (0..phases.axes.layers.len()).collect();
    write::csv_and_parquet(&complexity::table::phases(results, phases)?, folder, "lc_phases")?;
    write::csv_and_parquet(&complexity::table::rises(results, phases)?, folder, "lc_rises")?;
    write::all(&complexity::table::summary(phases, groups, &layers)?, folder, "lc_summary")?;
    let summary = complexity::table::summary(phases, groups, &[phases.total])?;
    let constant = groups.constant();
    let unused: Vec<String> = ["still_descending", "still_ascending"].map(str::to_owned).into();
    let unused: Vec<String> = unused.into_iter().filter(|name| all_zero(&summary, name)).collect();
    Ok(page::Probed {
        sentences: complexity::sentences::sentences(phases, options),
        figures: figures::complexity::figures(results, phases, groups)?,
        summary: Text::of(&summary).without(&constant).without(&unused).without_constant(&["layer"]).trimmed(&[
            "radius",
            "trough_step",
            "final_step",
        ]),
        strips: complexity::slices::strips(results, phases),
    })
}

/// Writes the tables of gradient flows, and makes their section of the page.
fn flow_section(results: &Results, flows: &flows::Flows, options: &Options, folder: &Path) -> Result<page::Flowed> {
    let fits = flows::fits::fits(flows, options);
    let curves = flows::table::curves(flows)?;
    write::csv_and_parquet(&flows::table::flows(results, flows)?, folder, "flow_cells")?;
    write::all(&curves, folder, "flow_curves")?;
    write::all(&flows::table::fits(flows, &fits.iter().collect::<Vec<_>>())?, folder, "flow_fits")?;
    let shown: Vec<_> = fits.iter().filter(|fit| flows::table::is_shown(flows, fit)).collect();
    let shown = flows::table::fits(flows, &shown)?;
    let constant = ["data", "architecture", "over"];
    let unused: Vec<String> = ["unfitted", "not_trained"].map(str::to_owned).into();
    let unused: Vec<String> = unused.into_iter().filter(|name| all_zero(&curves, name)).collect();
    Ok(page::Flowed {
        sentences: flows::sentences::sentences(flows, &fits, options),
        figures: figures::flows::figures(results, flows, &fits)?,
        fits: Text::of(&shown)
            .without(&["range".to_owned(), "residual".to_owned()])
            .without_constant(&constant)
            .interval("low", "high", "95% over seeds")
            .interval("line_low", "line_high", "95% of the line"),
        curves: Text::of(&curves).without(&unused).without_constant(&constant).trimmed(&["steps"]),
    })
}

/// Whether a column of counts is 0 throughout.
fn all_zero(frame: &DataFrame, name: &str) -> bool {
    let column = frame.column(name).and_then(|column| column.i64().cloned());
    column.is_ok_and(|counts| counts.iter().all(|count| count == Some(0)))
}

/// What the file does not hold, and what a report on it lacks therefore.
fn absent(results: &Results) -> Vec<String> {
    [
        ("train_error", "No training errors: there is no ε*."),
        ("test_error", "No test errors: the training error at the best test error is not known."),
        ("radius", "No class radii: the inversion is judged by the distance alone."),
        ("distance", "No distances of class centres: the inversion is judged by the radii alone."),
        ("misclassified", "No misclassified samples: stragglers and their overlap are not known."),
    ]
    .into_iter()
    // Class manifolds are not what a sweep of local complexity or of gradient flows asks about.
    .filter(|(variable, _)| {
        let other = results.complexity.is_some() || results.flow.is_some();
        !other || !["radius", "distance", "misclassified"].contains(variable)
    })
    .filter(|(variable, _)| !results.has(variable))
    .map(|(_, sentence)| sentence.to_owned())
    .collect()
}
