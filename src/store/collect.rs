//! `collect`: all parts of a run in one labelled `results.h5`.
//!
//! Cells stand in the order of the plan; every plan's cell has its row, measured or not. Labels along the other
//! dimensions are the union of the parts' labels, and what a cell lacks is NaN. Memory is bounded: cells go through in
//! slabs. Invariant: the file under its name is whole at any time; who reads the old one goes on reading it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use hdf5::File;
use serde::Serialize;

use phasesweep_results::attribute;
use phasesweep_results::cell::{CELL_ID, DIVERGED_EPOCH, FAILURE, STATUS, WALL_SECONDS};
use phasesweep_results::format::RESULTS;
use phasesweep_results::report::ReportSettings;

use crate::observables::Axes;
use crate::plan::CellId;

use super::block_images::BlockImages;
use super::durable;
use super::error::StoreError;
use super::h5;
use super::part::CellStatus;
use super::results::Writer;
use super::rows::Rows;
use super::scan::Scan;
use super::schema::{VARIABLES, dimensions};
use super::shared_texts::SharedTexts;
use super::slab::{Layouts, Slabs};
use super::source::{AdditionParts, Source};

/// A coordinate of the cells: an axis of the sweep or a number of the specification.
#[derive(Debug, Clone, PartialEq)]
pub struct CellCoordinate {
    /// Name of the variable.
    pub name: String,
    /// What it is.
    pub long_name: String,
    /// Units; `"1"` for pure numbers and texts.
    pub units: String,
    /// One value for each cell of the plan.
    pub values: CoordinateValues,
}

/// Values of a coordinate.
#[derive(Debug, Clone, PartialEq)]
pub enum CoordinateValues {
    /// Cell k's text is `labels[codes[k]]`.
    Texts {
        /// The distinct texts.
        labels: Vec<String>,
        /// One for each cell.
        codes: Vec<u32>,
    },
    /// Real numbers; missing is NaN.
    Numbers(Vec<f64>),
    /// Whole numbers; none is missing.
    Integers(Vec<i64>),
}

impl CoordinateValues {
    fn len(&self) -> usize {
        match self {
            CoordinateValues::Texts { codes, .. } => codes.len(),
            CoordinateValues::Numbers(values) => values.len(),
            CoordinateValues::Integers(values) => values.len(),
        }
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let labels = match self {
            CoordinateValues::Texts { labels, .. } => labels.as_slice(),
            _ => &[],
        };
        labels.iter().map(String::as_str)
    }
}

/// Where results come from: global attributes of the results file.
#[derive(Debug, Clone, PartialEq)]
pub struct Provenance {
    /// Name of the sweep.
    pub sweep_name: String,
    /// What the sweep is for, in a person's words.
    pub description: Option<String>,
    /// Text of the sweep file.
    pub sweep_file: String,
    /// What overrode it: `KEY=VALUE` each.
    pub overrides: Vec<String>,
    /// Version of phasesweep.
    pub version: String,
    /// Git commit it was built from; empty where unknown.
    pub git_commit: String,
    /// Hosts, as a person would write them.
    pub host: String,
    /// Devices, as a person would write them.
    pub device: String,
    /// Ranks of the run; 0 where unknown: then those that the parts name are counted.
    pub ranks: u32,
    /// Wall time of the run, seconds; NaN where unknown.
    pub wall_seconds: f64,
    /// When it was collected: UTC, RFC 3339.
    pub created: String,
    /// What the sweep says of its report.
    pub report: ReportSettings,
    /// What was found of the data before training, in sentences.
    pub data_findings: Vec<String>,
    /// Images of the training block, where all cells share one and it is of images.
    pub images: Option<BlockImages>,
}

/// What was collected.
#[derive(Debug, Default)]
pub struct Collected {
    /// Cells trained to their end.
    pub complete: usize,
    /// Cells that diverged.
    pub diverged: usize,
    /// Cells that could not be trained.
    pub failed: usize,
    /// Cells of the plan that no part holds.
    pub missing: usize,
    /// Most memory that each rank held, in bytes, of the ranks that know it.
    pub peak_memory: Vec<u64>,
    /// Seconds that the cells took, summed over them.
    pub training_seconds: f64,
    /// The observables that were measured after the run, each with the cells of which it was.
    pub added: Vec<(String, usize)>,
    /// Parts that are not whole, with the reason: their cells are missing.
    pub torn: Vec<(PathBuf, String)>,
    /// Parts of other programs or versions, with the sentence that says so.
    pub refused: Vec<(PathBuf, StoreError)>,
}

/// Collects the parts of a directory, which was scanned already, and those of `additions` beside them, into a results file
/// at `out`.
///
/// # Errors
/// [`StoreError::Io`] or [`StoreError::Hdf5`] if a part cannot be read or the file cannot be written;
/// [`StoreError::Contradiction`] if a coordinate has not as many values as there are cells, or its name is taken.
pub fn collect(
    parts: Scan,
    additions: Vec<(AdditionParts, Scan)>,
    cells: &[CellId],
    coordinates: &[CellCoordinate],
    provenance: &Provenance,
    out: &Path,
) -> Result<Collected, StoreError> {
    check_coordinates(cells.len(), coordinates).map_err(|reason| StoreError::contradiction(out, reason))?;
    let mut sources = vec![Source::new(parts, cells)];
    let mut collected = Collected::default();
    for (addition, scan) in additions {
        let mut source = Source::new(scan, cells);
        // A cell that the run does not hold any more, or that failed in it, was not measured as far as the file goes.
        for (found, of_run) in source.found.iter_mut().zip(&sources[0].found) {
            let measured = of_run.is_some_and(|found| found.status != CellStatus::Failed);
            *found = found.filter(|found| measured && found.status != CellStatus::Failed);
        }
        collected.added.push((addition.observable.clone(), source.found.iter().flatten().count()));
        source.addition = Some(addition);
        sources.push(source);
    }
    for source in &mut sources {
        collected.torn.append(&mut source.scan.torn);
        collected.refused.append(&mut source.scan.refused);
    }
    let layouts = Layouts::read(&sources, &mut collected.torn)?;
    let mut rows = Rows::missing(cells.len());
    durable::replace(out, |temporary| {
        let file = h5::create(temporary).map_err(StoreError::hdf5("create", out))?;
        let names = coordinate_names(coordinates, &layouts.whole);
        let writer = Writer::new(&file, cells.len(), &layouts.whole, names).map_err(StoreError::hdf5("write", out))?;
        let mut slabs = Slabs::new(&writer, &layouts, cells.len()).map_err(StoreError::hdf5("write", out))?;
        for start in (0..cells.len()).step_by(slabs.cells) {
            let end = cells.len().min(start + slabs.cells);
            slabs.fill(&mut sources, &layouts, start..end, &mut rows, &mut collected.torn)?;
            slabs.write(start, end).map_err(StoreError::hdf5("write", out))?;
        }
        writer
            .shared_texts(rows.texts().chain(coordinates.iter().flat_map(|coordinate| coordinate.values.texts())))
            .and_then(|texts| {
                rows.write(&writer, &texts, cells)?;
                coordinates.iter().try_for_each(|coordinate| write_coordinate(&writer, &texts, coordinate))
            })
            .and_then(|()| write_provenance(&file, provenance, &rows))
            .and_then(|()| write_additions(&file, &sources, &layouts))
            .and_then(|()| provenance.images.as_ref().map_or(Ok(()), |images| images.write(&file)))
            .map_err(StoreError::hdf5("write", out))?;
        drop((writer, slabs));
        // Closing is where the library writes what it still holds: a full disk must be heard of here.
        file.flush().and_then(|()| file.close()).map_err(StoreError::hdf5("write", out))
    })?;
    for status in &rows.status {
        *match status {
            Some(CellStatus::Complete) => &mut collected.complete,
            Some(CellStatus::Diverged) => &mut collected.diverged,
            Some(CellStatus::Failed) => &mut collected.failed,
            None => &mut collected.missing,
        } += 1;
    }
    collected.peak_memory = rows.origins.ranks.values().copied().flatten().collect();
    collected.training_seconds = rows.training_seconds();
    collected.torn.sort();
    collected.torn.dedup();
    Ok(collected)
}

/// What a results file says of one observable that was measured after the run, in the attribute of the file.
#[derive(Serialize)]
struct AdditionNote<'a> {
    observable: &'a str,
    /// A JSON object, as text: a number that is read from JSON need not be the one that was written.
    settings: &'a str,
    variables: Vec<&'static str>,
    /// Versions of phasesweep, with their commits.
    measured_by: Vec<&'a str>,
    cells: usize,
}

/// Says of the variables that were measured after the run that they were, by which version, and with which settings.
fn write_additions(file: &File, sources: &[Source], layouts: &Layouts) -> hdf5::Result<()> {
    let mut notes = Vec::new();
    for source in sources {
        let Some(addition) = &source.addition else { continue };
        let there = addition.variables.iter().map(|variable| variable.name).filter(|name| layouts.has(name));
        let note = AdditionNote {
            observable: &addition.observable,
            settings: &addition.settings,
            variables: there.collect(),
            measured_by: source.measured_by.iter().map(String::as_str).collect(),
            cells: source.found.iter().flatten().count(),
        };
        let told = format!(
            "after the run, on the weights that it kept, by phasesweep {}, with {}",
            note.measured_by.join(" and "),
            note.settings
        );
        for name in &note.variables {
            h5::write_text(&*file.dataset(name)?, attribute::MEASURED_AFTERWARDS, &told)?;
        }
        notes.push(note);
    }
    if notes.is_empty() {
        return Ok(());
    }
    let text = serde_json::to_string(&notes).map_err(|error| error.to_string())?;
    h5::write_text(file, attribute::MEASURED_AFTERWARDS, &text)
}

/// Names that `collect` itself gives to variables over the cells.
const OWN: [&str; 5] = [CELL_ID.name, STATUS.name, WALL_SECONDS.name, DIVERGED_EPOCH.name, FAILURE.name];

fn check_coordinates(cells: usize, coordinates: &[CellCoordinate]) -> Result<(), String> {
    if cells == 0 {
        return Err("there is no cell to collect".to_owned());
    }
    let in_steps: Vec<String> = dimensions().iter().filter_map(|dim| dim.name_in_steps()).collect();
    let dims = dimensions().iter().flat_map(|dim| [dim.name, dim.coordinate]);
    let dims = dims.chain(in_steps.iter().map(String::as_str));
    let variables = VARIABLES.iter().map(|variable| variable.name);
    let mut taken: HashSet<&str> =
        OWN.into_iter().chain(["cell", SharedTexts::NAME]).chain(dims).chain(variables).collect();
    for CellCoordinate { name, values, .. } in coordinates {
        if !taken.insert(name) {
            return Err(format!("the name of the coordinate {name} is taken"));
        }
        if name.is_empty() || name.contains(['/', ' ', '\0']) {
            return Err(format!("`{name}` cannot be the name of a variable"));
        }
        if values.len() != cells {
            return Err(format!("the coordinate {name} has {} values for {cells} cells", values.len()));
        }
        if let CoordinateValues::Texts { labels, codes } = values
            && codes.iter().any(|&code| code as usize >= labels.len())
        {
            return Err(format!("the coordinate {name} has a code beyond its labels"));
        }
    }
    Ok(())
}

fn coordinate_names(coordinates: &[CellCoordinate], axes: &Axes) -> String {
    let apart = axes.iter().map(|(dim, _)| dim).filter(|dim| dim.name != dim.coordinate);
    let names =
        OWN.into_iter().chain(coordinates.iter().map(|c| c.name.as_str())).chain(apart.map(|dim| dim.coordinate));
    names.collect::<Vec<_>>().join(" ")
}

fn write_coordinate(writer: &Writer<'_>, texts: &SharedTexts, coordinate: &CellCoordinate) -> hdf5::Result<()> {
    let CellCoordinate { name, long_name, units, values } = coordinate;
    match values {
        CoordinateValues::Texts { labels, codes } => {
            writer.cell_labels(texts, name, long_name, codes.len(), |k| labels[codes[k] as usize].as_str())
        }
        CoordinateValues::Numbers(values) => writer.cell_numbers(name, (units, long_name), values, Some(f64::NAN)),
        CoordinateValues::Integers(values) => writer.cell_numbers(name, (units, long_name), values, None),
    }
}

fn write_provenance(file: &File, provenance: &Provenance, rows: &Rows) -> hdf5::Result<()> {
    let Provenance {
        sweep_name,
        description,
        sweep_file,
        overrides,
        version,
        git_commit,
        host,
        device,
        ranks,
        wall_seconds,
        created,
        report,
        data_findings,
        images: _,
    } = provenance;
    let overrides = serde_json::to_string(overrides).map_err(|error| error.to_string())?;
    let engines = rows.origins.engines.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let ranks = if *ranks == 0 { rows.origins.ranks.len() as u32 } else { *ranks };
    h5::write_text(file, attribute::FORMAT, attribute::FORMAT_NAME)?;
    h5::write_number(file, attribute::FORMAT_VERSION, RESULTS.current)?;
    for (name, value) in [
        (attribute::TITLE, sweep_name),
        (attribute::SWEEP_FILE, sweep_file),
        (attribute::OVERRIDES, &overrides),
        (attribute::PHASESWEEP_VERSION, version),
        (attribute::GIT_COMMIT, git_commit),
        (attribute::HOST, host),
        (attribute::DEVICE, device),
        (attribute::ENGINE, &engines),
        (attribute::CREATED, created),
    ] {
        h5::write_text(file, name, value)?;
    }
    if let Some(description) = description {
        h5::write_text(file, attribute::DESCRIPTION, description)?;
    }
    if !report.is_empty() {
        let text = serde_json::to_string(report).map_err(|error| hdf5::Error::from(error.to_string()))?;
        h5::write_text(file, attribute::REPORT, &text)?;
    }
    if !data_findings.is_empty() {
        h5::write_text(file, attribute::DATA_FINDINGS, &data_findings.join("\n"))?;
    }
    h5::write_number(file, attribute::RANKS, ranks)?;
    h5::write_number(file, attribute::MEASURED_CELLS, rows.measured())?;
    h5::write_number(file, attribute::WALL_SECONDS, *wall_seconds)?;
    h5::write_number(file, attribute::TRAINING_SECONDS, rows.training_seconds())?;
    // The sum over the ranks of what each held at most; of no use where one does not know.
    let bytes: Option<u64> = rows.origins.ranks.values().copied().sum();
    bytes.map_or(Ok(()), |bytes| h5::write_number(file, attribute::PEAK_MEMORY_BYTES, bytes))
}
