//! `collect`: all parts of a run in one labelled `results.h5`.
//!
//! Cells stand in the order of the plan; every plan's cell has its row, measured or not. Labels along the other
//! dimensions are the union of the parts' labels, and what a cell lacks is NaN. Memory is bounded: cells go through in
//! slabs. Invariant: the file under its name is whole at any time; who reads the old one goes on reading it.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use hdf5::{Dataset, File, Hyperslab, SliceOrIndex};
use ndarray::ArrayViewD;
use rayon::prelude::*;

use crate::plan::CellId;

use super::axes::Axes;
use super::column::Values;
use super::durable;
use super::error::StoreError;
use super::h5;
use super::part::{CellStatus, Part};
use super::results::{self, Writer};
use super::scan::{Found, Scan, scan};
use super::schema::{Dtype, Format, VARIABLES, Variable};

/// Bytes of values in memory at a time.
const SLAB_BYTES: usize = 256 << 20;
/// Bytes of a chunk, about: compresses well, and one cell is read quickly.
const CHUNK_BYTES: usize = 256 << 10;
/// Parts read ahead at a time.
const PARTS_AT_ONCE: usize = 16;

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
}

/// Where results come from: global attributes of the results file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Provenance {
    /// Name of the sweep.
    pub sweep_name: String,
    /// Text of the sweep file.
    pub sweep_file: String,
    /// Version of phasesweep.
    pub version: String,
    /// Git commit it was built from; empty where unknown.
    pub git_commit: String,
    /// Hosts, as a person would write them.
    pub host: String,
    /// Devices, as a person would write them.
    pub device: String,
    /// Ranks of the run.
    pub ranks: u32,
    /// Wall time of the run, seconds; NaN where unknown.
    pub wall_seconds: f64,
    /// When it was collected: UTC, RFC 3339.
    pub created: String,
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
    /// Parts that are not whole, with the reason: their cells are missing.
    pub torn: Vec<(PathBuf, String)>,
    /// Parts of other programs or versions, with the sentence that says so.
    pub refused: Vec<(PathBuf, StoreError)>,
}

/// Collects the parts in a directory into a results file at `out`.
///
/// # Errors
/// [`StoreError::Io`] or [`StoreError::Hdf5`] if a part cannot be read or the file cannot be written;
/// [`StoreError::Contradiction`] if a coordinate has not as many values as there are cells, or its name is taken.
pub fn collect(
    parts: &Path,
    cells: &[CellId],
    coordinates: &[CellCoordinate],
    provenance: &Provenance,
    out: &Path,
) -> Result<Collected, StoreError> {
    check_coordinates(cells.len(), coordinates).map_err(|reason| StoreError::contradiction(out, reason))?;
    let mut scan = scan(parts)?;
    let mut collected = Collected {
        torn: std::mem::take(&mut scan.torn),
        refused: std::mem::take(&mut scan.refused),
        ..Collected::default()
    };
    let found: Vec<Option<Found>> = cells.iter().map(|id| scan.done.get(id).copied()).collect();
    let layouts = Layouts::read(&scan, &found, &mut collected.torn)?;
    let mut rows = Rows::missing(cells.len());
    durable::replace(out, |temporary| {
        let file = File::create(temporary).map_err(StoreError::hdf5("create", out))?;
        let names = coordinate_names(coordinates, &layouts.whole);
        let writer = Writer::new(&file, cells.len(), &layouts.whole, names).map_err(StoreError::hdf5("write", out))?;
        let mut slabs = Slabs::new(&writer, &layouts, cells.len()).map_err(StoreError::hdf5("write", out))?;
        for start in (0..cells.len()).step_by(slabs.cells) {
            let end = cells.len().min(start + slabs.cells);
            slabs.fill(&scan, &layouts, start, &found[start..end], &mut rows, &mut collected.torn)?;
            slabs.write(start, end).map_err(StoreError::hdf5("write", out))?;
        }
        rows.write(&writer, cells)
            .and_then(|()| coordinates.iter().try_for_each(|coordinate| write_coordinate(&writer, coordinate)))
            .and_then(|()| write_provenance(&file, provenance))
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
    collected.torn.sort();
    collected.torn.dedup();
    Ok(collected)
}

/// Names that `collect` itself gives to variables over the cells.
const OWN: [&str; 5] = ["cell_id", "status", "wall_seconds", "diverged_epoch", "failure"];

fn check_coordinates(cells: usize, coordinates: &[CellCoordinate]) -> Result<(), String> {
    if cells == 0 {
        return Err("there is no cell to collect".to_owned());
    }
    let dims = super::schema::Dim::ALL.iter().flat_map(|dim| [dim.info().name, dim.info().coordinate]);
    let variables = VARIABLES.iter().map(|variable| variable.name);
    let mut taken: HashSet<&str> = OWN.into_iter().chain(["cell"]).chain(dims).chain(variables).collect();
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
        if let CoordinateValues::Texts { labels, codes } = values {
            if codes.iter().any(|&code| code as usize >= labels.len()) {
                return Err(format!("the coordinate {name} has a code beyond its labels"));
            }
        }
    }
    Ok(())
}

fn coordinate_names(coordinates: &[CellCoordinate], axes: &Axes) -> String {
    let apart = axes.iter().map(|(dim, _)| dim.info()).filter(|info| info.name != info.coordinate);
    let names = OWN.into_iter().chain(coordinates.iter().map(|c| c.name.as_str())).chain(apart.map(|i| i.coordinate));
    names.collect::<Vec<_>>().join(" ")
}

/// The labels of the parts, one set for each distinct layout, and their union.
struct Layouts {
    whole: Axes,
    variables: Vec<&'static Variable>,
    /// For each layout and variable of it, where each of a cell's values goes.
    places: HashMap<[u8; 16], BTreeMap<&'static str, Vec<usize>>>,
}

impl Layouts {
    /// Reads one part of each layout.
    fn read(scan: &Scan, found: &[Option<Found>], torn: &mut Vec<(PathBuf, String)>) -> Result<Layouts, StoreError> {
        let needed: HashSet<u32> = found.iter().flatten().map(|found| found.part).collect();
        let mut axes: BTreeMap<[u8; 16], (Axes, Vec<&'static str>)> = BTreeMap::new();
        for (k, (path, summary)) in scan.parts.iter().enumerate() {
            if needed.contains(&(k as u32)) && !axes.contains_key(&summary.layout) {
                if let Some(part) = read_part(path, torn)? {
                    axes.insert(summary.layout, (part.axes, part.columns.iter().map(|c| c.name).collect()));
                }
            }
        }
        let mut whole = Axes::default();
        for (axes, _) in axes.values() {
            // `Part::read` has seen to it that labels of a dimension are of its kind.
            whole.unite(axes).map_err(|dim| {
                StoreError::contradiction(Path::new("parts"), format!("labels of {dim:?} differ in kind"))
            })?;
        }
        let measured = |variable: &&Variable| axes.values().any(|(_, names)| names.contains(&variable.name));
        let variables: Vec<_> = VARIABLES.iter().filter(measured).collect();
        let places_of = |(axes, names): &(Axes, Vec<&'static str>)| {
            let here = variables.iter().filter(|variable| names.contains(&variable.name));
            here.filter_map(|v| axes.places_in(&whole, v).map(|places| (v.name, places))).collect()
        };
        let places = axes.iter().map(|(layout, axes)| (*layout, places_of(axes))).collect();
        Ok(Layouts { variables, places, whole })
    }
}

/// Reads a part; a torn one is noted and gives `None`.
fn read_part(path: &Path, torn: &mut Vec<(PathBuf, String)>) -> Result<Option<Part>, StoreError> {
    match Part::read(path) {
        Ok(part) => Ok(Some(part)),
        Err(StoreError::Torn { path, reason }) => {
            torn.push((path, reason));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// What is told of each cell besides its measurements.
struct Rows {
    status: Vec<Option<CellStatus>>,
    wall_seconds: Vec<f64>,
    diverged_epoch: Vec<f64>,
    failure: HashMap<usize, String>,
}

impl Rows {
    fn missing(cells: usize) -> Rows {
        Rows {
            status: vec![None; cells],
            wall_seconds: vec![f64::NAN; cells],
            diverged_epoch: vec![f64::NAN; cells],
            failure: HashMap::new(),
        }
    }

    fn write(&self, writer: &Writer<'_>, cells: &[CellId]) -> hdf5::Result<()> {
        let count = cells.len();
        let status = |k: usize| self.status[k].map_or("missing", CellStatus::name);
        let failure = |k: usize| self.failure.get(&k).map_or("", String::as_str);
        writer.cell_texts("cell_id", "hash of the cell's specification", count, |k| cells[k].to_string().into())?;
        writer.cell_texts("status", "complete, diverged, failed or missing", count, |k| status(k).into())?;
        writer.cell_texts("failure", "what is known of a failed cell", count, |k| failure(k).into())?;
        let seconds = ("s", "the cell's share of its cohort's training time");
        writer.cell_numbers("wall_seconds", seconds, &self.wall_seconds, Some(f64::NAN))?;
        let diverged = ("epoch", "epoch at which a loss or weight stopped being finite");
        writer.cell_numbers("diverged_epoch", diverged, &self.diverged_epoch, Some(f64::NAN))
    }
}

/// The variables' values for so many consecutive cells, and the datasets where they go.
struct Slabs {
    cells: usize,
    variables: Vec<(&'static Variable, Vec<usize>, Dataset, Values)>,
}

impl Slabs {
    fn new(writer: &Writer<'_>, layouts: &Layouts, cells: usize) -> hdf5::Result<Slabs> {
        let width = |v: &Variable| layouts.whole.size(v) * bytes_of(v.dtype);
        let all: usize = layouts.variables.iter().map(|v| width(v)).sum();
        // Powers of two, so that slabs hold whole chunks and every chunk is compressed once.
        let slab = power_of_two_below(SLAB_BYTES / all.max(1)).min(cells.max(1).next_power_of_two());
        let variables = layouts.variables.iter().map(|variable| {
            let shape = [&[cells], layouts.whole.shape(variable).as_slice()].concat();
            let chunk = power_of_two_below(CHUNK_BYTES / width(variable).max(1)).min(slab).min(cells.max(1));
            let dataset = writer.variable(variable, &shape, chunk)?;
            Ok((*variable, shape, dataset, Values::missing(variable.dtype, 0)))
        });
        Ok(Slabs { cells: slab, variables: variables.collect::<hdf5::Result<_>>()? })
    }

    /// Reads the values of the cells from `start` on.
    fn fill(
        &mut self,
        scan: &Scan,
        layouts: &Layouts,
        start: usize,
        found: &[Option<Found>],
        rows: &mut Rows,
        torn: &mut Vec<(PathBuf, String)>,
    ) -> Result<(), StoreError> {
        for (variable, shape, _, values) in &mut self.variables {
            *values = Values::missing(variable.dtype, found.len() * shape[1..].iter().product::<usize>());
        }
        let mut wanted: BTreeMap<u32, Vec<(usize, usize)>> = BTreeMap::new();
        for (slot, found) in found.iter().enumerate() {
            if let Some(found) = found {
                wanted.entry(found.part).or_default().push((slot, found.row as usize));
            }
        }
        let wanted: Vec<_> = wanted.into_iter().collect();
        for batch in wanted.chunks(PARTS_AT_ONCE) {
            let read = |(part, _): &(u32, Vec<_>)| {
                let mut torn = Vec::new();
                read_part(&scan.parts[*part as usize].0, &mut torn).map(|part| (part, torn))
            };
            let parts: Vec<_> = batch.par_iter().map(read).collect::<Result<_, _>>()?;
            for ((index, cells), (part, more)) in batch.iter().zip(parts) {
                torn.extend(more);
                let Some(part) = part else { continue };
                let (path, summary) = &scan.parts[*index as usize];
                let Some(places) = layouts.places.get(&summary.layout) else { continue };
                for &(slot, row) in cells {
                    let cell = part
                        .cells
                        .get(row)
                        .ok_or_else(|| StoreError::contradiction(path, "its summary has more cells than its body"))?;
                    rows.status[start + slot] = Some(cell.status);
                    rows.wall_seconds[start + slot] = cell.wall_seconds;
                    rows.diverged_epoch[start + slot] = cell.diverged_epoch.map_or(f64::NAN, f64::from);
                    if !cell.failure.is_empty() {
                        rows.failure.insert(start + slot, cell.failure.clone());
                    }
                    for (variable, shape, _, values) in &mut self.variables {
                        if let (Some(column), Some(places)) = (part.column(variable.name), places.get(variable.name)) {
                            values.place_row(slot, shape[1..].iter().product(), &column.values, row, places);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn write(&self, start: usize, end: usize) -> hdf5::Result<()> {
        for (_, shape, dataset, values) in &self.variables {
            let shape = [&[end - start], &shape[1..]].concat();
            match values {
                Values::F32(values) => write_slab(dataset, start, &shape, values)?,
                Values::F64(values) => write_slab(dataset, start, &shape, values)?,
                Values::U8(values) => write_slab(dataset, start, &shape, values)?,
            }
        }
        Ok(())
    }
}

fn write_slab<T: hdf5::H5Type>(dataset: &Dataset, start: usize, shape: &[usize], values: &[T]) -> hdf5::Result<()> {
    let view = ArrayViewD::from_shape(shape, values)?;
    let along = |(k, &length): (usize, &usize)| {
        let begin = if k == 0 { start } else { 0 };
        SliceOrIndex::from(begin..begin + length)
    };
    let slab = Hyperslab::from(shape.iter().enumerate().map(along).collect::<Vec<_>>());
    dataset.write_slice(view, slab)
}

fn bytes_of(dtype: Dtype) -> usize {
    match dtype {
        Dtype::F32 => 4,
        Dtype::F64 => 8,
        Dtype::U8 => 1,
    }
}

/// The greatest power of two that is not above `n`, at least 1.
fn power_of_two_below(n: usize) -> usize {
    n.checked_ilog2().map_or(1, |power| 1 << power)
}

fn write_coordinate(writer: &Writer<'_>, coordinate: &CellCoordinate) -> hdf5::Result<()> {
    let CellCoordinate { name, long_name, units, values } = coordinate;
    match values {
        CoordinateValues::Texts { labels, codes } => {
            writer.cell_texts(name, long_name, codes.len(), |k| Cow::from(labels[codes[k] as usize].as_str()))
        }
        CoordinateValues::Numbers(values) => writer.cell_numbers(name, (units, long_name), values, Some(f64::NAN)),
        CoordinateValues::Integers(values) => writer.cell_numbers(name, (units, long_name), values, None),
    }
}

fn write_provenance(file: &File, provenance: &Provenance) -> hdf5::Result<()> {
    let Provenance { sweep_name, sweep_file, version, git_commit, host, device, ranks, wall_seconds, created } =
        provenance;
    h5::write_text(file, "format", results::FORMAT)?;
    h5::write_number(file, "format_version", Format::Results.current())?;
    for (name, value) in [
        ("title", sweep_name),
        ("sweep_file", sweep_file),
        ("phasesweep_version", version),
        ("git_commit", git_commit),
        ("host", host),
        ("device", device),
        ("created", created),
    ] {
        h5::write_text(file, name, value)?;
    }
    h5::write_number(file, "ranks", *ranks)?;
    h5::write_number(file, "wall_seconds", *wall_seconds)
}
