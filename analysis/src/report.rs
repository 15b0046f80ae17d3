//! From a results file to a report folder: every section in its turn, and everything that they come to, written.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use phasesweep_results::variables::{DISTANCE, RADIUS, TEST_ERROR, TRAIN_ERROR, TRAIN_LOSS};
use rayon::prelude::*;

use crate::answer::Answer;
use crate::error::{Error, Result};
use crate::explorer;
use crate::groups::Groups;
use crate::options::Options;
use crate::page::{self, Page};
use crate::results::{Results, locate};
use crate::sections::{Content, Context, Rows, SECTIONS, Section};
use crate::stragglers;
use crate::tables::write::{self, Csv};
use crate::terminal;
use crate::turning::inversion::{self, note_on_means};
use crate::turning::{TurningPoints, series};

/// What was made.
#[derive(Debug)]
pub struct Written {
    /// The page.
    pub page: PathBuf,
    /// The table that goes with the answer, as a terminal shows it.
    pub summary: String,
    /// The answer to the question of the sweep: most often the verdict on the inversion.
    pub answer: Answer,
    /// What should be known of the data, in sentences: what was found of them before training, and by which observables
    /// more than two classes are judged.
    pub data: Vec<String>,
    /// Measurements that the file does not hold, in sentences.
    pub absent: Vec<String>,
    /// Doubts about the groups, in sentences: a person must see them beside every number.
    pub doubts: Vec<String>,
}

/// Reports on a run directory or a results file. The report goes to `out`, or to `report/` beside the file.
///
/// # Errors
/// Settings out of their range, a file that cannot be read or that is not a results file, a folder that cannot be written.
pub fn report(from: &Path, out: Option<&Path>, options: &Options) -> Result<Written> {
    report_telling(from, out, options, &|_, _, _| ())
}

/// As [`report`], and tells before each step which it is of how many, counted from 0, and what it is about.
///
/// # Errors
/// As [`report`].
pub fn report_telling(
    from: &Path,
    out: Option<&Path>,
    options: &Options,
    tell: &(dyn Fn(usize, usize, &str) + Sync),
) -> Result<Written> {
    options.check()?;
    let steps = SECTIONS.len() + 4;
    tell(0, steps, "reading the cells");
    let file = locate(from)?;
    let mut results = Results::open(&file)?;
    // The first of these are read by every section, the others by the search and the explorer, one after the other.
    let manifolds = [RADIUS.name, DISTANCE.name];
    results.keep(&[TRAIN_ERROR.name, TRAIN_LOSS.name, TEST_ERROR.name])?;
    results.keep(&manifolds)?;
    let folder = match out {
        Some(folder) => folder.to_owned(),
        None => file.parent().unwrap_or(Path::new("")).join("report"),
    };
    let figures_folder = folder.join("figures");
    fs::create_dir_all(&figures_folder).map_err(|source| Error::Write { path: figures_folder.clone(), source })?;

    let groups = Groups::by(&results.cells, &options.group_by, &file)?;
    let mut doubts = if options.group_by.is_empty() { groups.doubts(&results.cells, &file) } else { Vec::new() };
    let asked = options.principal.is_some();
    let options = &options.with(&results.provenance.report)?;
    tell(1, steps, "searching class manifolds for turning points");
    let mut points = inversion::search(&results, options)?;
    tell(2, steps, "searching every other series");
    let mut series = series::search(&results, options)?;
    if let Some(name) = &options.principal {
        // One that the command line names must be there; one that the sweep names may yet be measured.
        match (points.called(name), series.points.called(name)) {
            (Some(place), _) => points.principal = Some(place),
            (None, Some(place)) => series.points.principal = Some(place),
            (None, None) if asked => return Err(Error::Setting(unknown(name, &results, &points)?)),
            (None, None) => doubts.push(format!(
                "The sweep's [report] is about {name}, which this file does not hold: it is about the inversion instead."
            )),
        }
    }
    let trajectories = explorer::Trajectories::read(&results, &points, &series)?;
    results.release(&manifolds);
    let other_question = SECTIONS.iter().any(|section| section.asks(&results));
    let stragglers = stragglers::read(&results, &points)?;
    let context = Context {
        results: &results,
        groups: &groups,
        options,
        points: &points,
        series: &series,
        stragglers: &stragglers,
        other_question,
    };
    let done = AtomicUsize::new(3);
    let made = |section: &&dyn Section| {
        tell(done.fetch_add(1, Ordering::Relaxed), steps, "tables and figures");
        let Some(content) = section.make(&context)? else { return Ok(None) };
        let mut parquet_alone = Vec::new();
        for table in &content.tables {
            let csv = match &table.rows {
                Rows::Few(frame) => write::all(frame, &folder, table.stem)?,
                Rows::Many(parts) => write::csv_and_parquet(parts, &folder, table.stem)?,
            };
            parquet_alone.extend((csv == Csv::TooLong).then_some(table.stem));
        }
        for figure in &content.figures {
            write::file(&figures_folder.join(format!("{}.svg", figure.name)), figure.file().as_bytes())?;
        }
        Ok(Some((content.without_long_tables(), parquet_alone)))
    };
    let made: Vec<Option<(Content<'static>, Vec<&str>)>> = SECTIONS.par_iter().map(made).collect::<Result<_>>()?;
    let (contents, parquet_alone): (Vec<Content<'static>>, Vec<_>) = made.into_iter().flatten().unzip();
    let absent: Vec<String> = SECTIONS.iter().flat_map(|section| section.absent(&context)).collect();
    let data: Vec<String> = results.provenance.data_findings.iter().cloned().chain(note_on_means(&points)).collect();
    tell(steps - 1, steps, "the page");
    let explorer = explorer::gather(&results, &groups, &points, &series, &stragglers, trajectories)?;
    let page = folder.join("index.html");
    let html = page::render(&Page {
        results: &results,
        groups: &groups,
        options,
        contents: &contents,
        parquet_alone: &parquet_alone.concat(),
        data: &data,
        absent: &[doubts.as_slice(), absent.as_slice()].concat(),
        explorer: explorer.as_ref(),
    })?;
    write::file(&page, html.as_bytes())?;
    let (answer, summary) = match page::answers(&contents).next() {
        Some((answer, content)) => (answer.clone(), content.summary.as_ref()),
        None => (Answer::of(Vec::new()), None),
    };
    let summary = summary.map(|(table, file)| terminal::shown(table, &groups.columns, &folder.join(file)));
    Ok(Written { page, summary: summary.unwrap_or_default(), answer, data, absent, doubts })
}

/// What is said of a principal observable that the file does not hold.
fn unknown(name: &str, results: &Results, points: &TurningPoints) -> Result<String> {
    let along = results.along_training()?;
    let known: Vec<&str> =
        points.observables.iter().chain(along.iter().map(|variable| &variable.name)).map(String::as_str).collect();
    Ok(format!("--principal {name}: the file holds no such series; it holds {}", known.join(", ")))
}
