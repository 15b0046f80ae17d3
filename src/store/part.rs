//! Parts: one immutable file for each cohort, with its cells and everything measured of them.
//!
//! A sealed head (see `seal.rs`) and an HDF5 file behind it, which h5py, h5dump and the like open as they would any
//! HDF5 file with a user block. The head's summary repeats ids and statuses, so that a relaunch knows what is done
//! without calling HDF5. Summary, little-endian: cohort u64, layout hash (16 bytes), wall seconds f64, number of cells
//! u32, then each cell's id (16 bytes) and status (1 byte), then host and device, each as length u32 and UTF-8.
//! Invariants: a part under its name is whole; a cohort's
//! columns all have one row for each of its cells.

use std::path::Path;

use hdf5::File;
use hdf5::types::{FixedAscii, VarLenUnicode};
use phasesweep_results::{Dtype, LabelKind, Status};
use serde::{Deserialize, Serialize};

use crate::observables::{Axes, Column, Labels, Values};
use crate::plan::{CellId, CohortId};

use super::error::StoreError;
use super::schema::{self, Format};
use super::{h5, seal};

/// How names of parts end.
pub const SUFFIX: &str = "h5";

/// How a cell ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellStatus {
    /// Trained to its end.
    Complete,
    /// A loss or weight stopped being finite: a result too.
    Diverged,
    /// It could not be trained; see its `failure`.
    Failed,
}

impl CellStatus {
    const ALL: [CellStatus; 3] = [CellStatus::Complete, CellStatus::Diverged, CellStatus::Failed];

    /// As it is written in files and tables.
    pub fn name(self) -> &'static str {
        Status::from(self).name()
    }

    /// Whether a cell that is found with this status counts with it instead of the status that it was found with before: one
    /// that was given up once and measured later is measured.
    pub fn replaces(self, before: CellStatus) -> bool {
        before == CellStatus::Failed && self != CellStatus::Failed
    }

    fn from_code(code: u8) -> Option<CellStatus> {
        CellStatus::ALL.get(usize::from(code)).copied()
    }
}

impl From<CellStatus> for Status {
    fn from(status: CellStatus) -> Status {
        match status {
            CellStatus::Complete => Status::Complete,
            CellStatus::Diverged => Status::Diverged,
            CellStatus::Failed => Status::Failed,
        }
    }
}

/// One cell of a part.
#[derive(Debug, Clone, PartialEq)]
pub struct PartCell {
    /// Its id.
    pub id: CellId,
    /// Its seed.
    pub seed: u64,
    /// Which of [`Part::variants`] it is.
    pub variant: u32,
    /// How it ended.
    pub status: CellStatus,
    /// The epoch at which it diverged.
    pub diverged_epoch: Option<u32>,
    /// Its share of the cohort's training time, seconds.
    pub wall_seconds: f64,
    /// What is known of its failure; empty unless it failed.
    pub failure: String,
}

/// Where and by what a cohort was trained.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// Host of the rank.
    pub host: String,
    /// The rank.
    pub rank: u32,
    /// The device, as the user names it.
    pub device: String,
    /// What [`crate::train::Engine::describe`] says.
    pub engine: String,
    /// Version of phasesweep.
    pub version: String,
    /// Git commit it was built from; empty where unknown.
    pub git_commit: String,
    /// Most memory that the rank had held by then, in bytes; `None` where unknown.
    pub peak_memory: Option<u64>,
}

/// A cohort's results.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The cohort.
    pub cohort: CohortId,
    /// Its cells.
    pub cells: Vec<PartCell>,
    /// Canonical specifications (JSON) of the cells but for the seed.
    pub variants: Vec<String>,
    /// Where and by what it was trained.
    pub origin: Origin,
    /// Labels of the columns' dimensions.
    pub axes: Axes,
    /// What was measured; a variable that is not there was not measured.
    pub columns: Vec<Column>,
}

/// What can be told of a part without calling HDF5.
#[derive(Debug, Clone, PartialEq)]
pub struct PartSummary {
    /// The cohort.
    pub cohort: CohortId,
    /// Equal for parts with the same variables and the same labels along every dimension.
    pub layout: [u8; 16],
    /// Training time of the cohort, seconds.
    pub wall_seconds: f64,
    /// Host of the rank that trained it.
    pub host: String,
    /// Its device.
    pub device: String,
    /// Ids and statuses of its cells, in order.
    pub cells: Vec<(CellId, CellStatus)>,
}

impl Part {
    /// The part of a cell that is given up for a reason: nothing of it was measured.
    pub fn given_up(id: CellId, seed: u64, specification: String, reason: String) -> Part {
        let failed = PartCell {
            id,
            seed,
            variant: 0,
            status: CellStatus::Failed,
            diverged_epoch: None,
            wall_seconds: f64::NAN,
            failure: reason,
        };
        Part {
            cohort: CohortId::of([&id]),
            cells: vec![failed],
            variants: vec![specification],
            origin: Origin { version: env!("CARGO_PKG_VERSION").into(), ..Origin::default() },
            axes: Axes::default(),
            columns: Vec::new(),
        }
    }

    /// Writes the part, durably.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the disk refuses; [`StoreError::Format`] if a file of another program has the name;
    /// [`StoreError::Contradiction`] if lengths do not fit together.
    pub fn write(&self, path: &Path) -> Result<(), StoreError> {
        self.check().map_err(|reason| StoreError::contradiction(path, reason))?;
        // A torn or earlier part gives way to a whole one; what another program wrote is not ours to replace.
        if let Err(error @ StoreError::Format { .. }) = seal::read_head(path, Format::Part) {
            return Err(error);
        }
        let body = self.encode().map_err(StoreError::hdf5("build", path))?;
        seal::write(path, Format::Part, &self.summary(), &body, 512)
    }

    /// Reads a part, every byte checked.
    ///
    /// # Errors
    /// [`StoreError::Torn`] if it is not whole, [`StoreError::Format`] if it is not ours or of another version,
    /// [`StoreError::Io`].
    pub fn read(path: &Path) -> Result<Part, StoreError> {
        let (head, mut body) = seal::read_body(path, Format::Part)?;
        let broken = || StoreError::contradiction(path, "its summary does not add up");
        let summary = PartSummary::decode(&head.summary).ok_or_else(broken)?;
        let part = decode(&mut body, summary.cohort).map_err(StoreError::hdf5("read", path))?;
        part.check().map_err(|reason| StoreError::contradiction(path, reason))?;
        Ok(part)
    }

    /// The values of a variable, if it was measured.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// See [`PartSummary::layout`].
    fn layout(&self) -> [u8; 16] {
        let mut names: Vec<_> = self.columns.iter().map(|column| column.name).collect();
        names.sort_unstable();
        let axes: Vec<_> = self.axes.iter().map(|(dim, labels)| (dim.name, labels)).collect();
        let mut layout = [0; 16];
        // The debug form of labels writes every label in full, floats shortest-exact.
        layout.copy_from_slice(&blake3::hash(format!("{names:?} {axes:?}").as_bytes()).as_bytes()[..16]);
        layout
    }

    fn check(&self) -> Result<(), String> {
        if self.cells.is_empty() {
            return Err("it has no cells".to_owned());
        }
        if let Some(cell) = self.cells.iter().find(|cell| cell.variant as usize >= self.variants.len()) {
            return Err(format!("cell {} has variant {} of {}", cell.id, cell.variant, self.variants.len()));
        }
        for (dim, labels) in self.axes.iter() {
            if labels.kind() != dim.labels {
                return Err(format!("labels of {} are of the wrong kind", dim.name));
            }
        }
        for Column { name, values } in &self.columns {
            let variable = schema::variable(name).ok_or_else(|| format!("no variable is called {name}"))?;
            let expected = self.cells.len().saturating_mul(self.axes.size(variable));
            if values.len() != expected || expected == 0 {
                return Err(format!("{name} has {} values, its dimensions make it {expected}", values.len()));
            }
            if values.dtype() != variable.dtype {
                return Err(format!("{name} is {:?}, not {:?}", values.dtype(), variable.dtype));
            }
        }
        Ok(())
    }

    fn summary(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(36 + 17 * self.cells.len());
        bytes.extend_from_slice(&self.cohort.0.to_le_bytes());
        bytes.extend_from_slice(&self.layout());
        // A cell that was given up has no time.
        let seconds: f64 = self.cells.iter().map(|cell| cell.wall_seconds).filter(|seconds| !seconds.is_nan()).sum();
        bytes.extend_from_slice(&seconds.to_le_bytes());
        bytes.extend_from_slice(&(self.cells.len() as u32).to_le_bytes());
        for cell in &self.cells {
            bytes.extend_from_slice(&cell.id.0);
            bytes.push(cell.status as u8);
        }
        for text in [&self.origin.host, &self.origin.device] {
            bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }

    fn encode(&self) -> hdf5::Result<Vec<u8>> {
        let file = h5::create_in_memory()?;
        let Origin { host, rank, device, engine, version, git_commit, peak_memory } = &self.origin;
        h5::write_number(&file, "format_version", Format::Part.current())?;
        h5::write_text(&file, "cohort", &self.cohort.to_string())?;
        h5::write_number(&file, "rank", *rank)?;
        if let Some(bytes) = peak_memory {
            h5::write_number(&file, "peak_memory", *bytes)?;
        }
        for (name, value) in
            [("host", host), ("device", device), ("engine", engine), ("version", version), ("git_commit", git_commit)]
        {
            h5::write_text(&file, name, value)?;
        }
        let cells = &self.cells;
        let ids = cells.iter().map(|cell| FixedAscii::<32>::from_ascii(&cell.id.to_string()));
        let ids: Vec<_> = ids.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        let diverged = |cell: &PartCell| cell.diverged_epoch.map_or(f64::NAN, f64::from);
        write(&file, "cell_id", &ids)?;
        write(&file, "seed", &cells.iter().map(|cell| cell.seed).collect::<Vec<_>>())?;
        write(&file, "variant", &cells.iter().map(|cell| cell.variant).collect::<Vec<_>>())?;
        write(&file, "status", &cells.iter().map(|cell| cell.status as u8).collect::<Vec<_>>())?;
        write(&file, "diverged_epoch", &cells.iter().map(diverged).collect::<Vec<_>>())?;
        write(&file, "wall_seconds", &cells.iter().map(|cell| cell.wall_seconds).collect::<Vec<_>>())?;
        write(&file, "failure", &h5::texts(cells.iter().map(|cell| cell.failure.as_str())))?;
        write(&file, "specification", &h5::texts(self.variants.iter().map(String::as_str)))?;
        for (dim, labels) in self.axes.iter() {
            let name = dim.coordinate;
            match labels {
                Labels::Integers(labels) => write(&file, name, labels)?,
                Labels::Steps(steps) => write(&file, &labels.name_of(dim), steps)?,
                Labels::Numbers(labels) => write(&file, name, labels)?,
                Labels::Texts(labels) => write(&file, name, &h5::texts(labels.iter().map(String::as_str)))?,
                Labels::Positions(count) => h5::write_number(&file, name, *count as u64)?,
            }
        }
        for Column { name, values } in &self.columns {
            let Some(variable) = schema::variable(name) else { continue };
            let shape = [&[cells.len()], self.axes.shape(variable).as_slice()].concat();
            match values {
                Values::F32(values) => write_shaped(&file, name, values, &shape)?,
                Values::F64(values) => write_shaped(&file, name, values, &shape)?,
                Values::U8(values) => write_shaped(&file, name, values, &shape)?,
            }
        }
        h5::image(&file)
    }
}

fn write<T: hdf5::H5Type>(file: &File, name: &str, values: &[T]) -> hdf5::Result<()> {
    write_shaped(file, name, values, &[values.len()])
}

fn write_shaped<T: hdf5::H5Type>(file: &File, name: &str, values: &[T], shape: &[usize]) -> hdf5::Result<()> {
    let dataset = file.new_dataset::<T>().shape(shape).create(name)?;
    if values.is_empty() { Ok(()) } else { dataset.write_raw(values) }
}

fn decode(body: &mut [u8], cohort: CohortId) -> hdf5::Result<Part> {
    let file = h5::open_image(body)?;
    let text = |name: &str| h5::read_text(&file, name);
    let origin = Origin {
        host: text("host")?,
        rank: file.attr("rank")?.read_scalar()?,
        device: text("device")?,
        engine: text("engine")?,
        version: text("version")?,
        git_commit: text("git_commit")?,
        // Not every system tells.
        peak_memory: file.attr("peak_memory").and_then(|attribute| attribute.read_scalar()).ok(),
    };
    let ids: Vec<FixedAscii<32>> = h5::values(&file.dataset("cell_id")?)?;
    let seeds: Vec<u64> = h5::values(&file.dataset("seed")?)?;
    let variants: Vec<u32> = h5::values(&file.dataset("variant")?)?;
    let statuses: Vec<u8> = h5::values(&file.dataset("status")?)?;
    let diverged: Vec<f64> = h5::values(&file.dataset("diverged_epoch")?)?;
    let seconds: Vec<f64> = h5::values(&file.dataset("wall_seconds")?)?;
    let failures: Vec<VarLenUnicode> = h5::values(&file.dataset("failure")?)?;
    if [seeds.len(), variants.len(), statuses.len(), diverged.len(), seconds.len(), failures.len()] != [ids.len(); 6] {
        return Err("its columns of cells have different lengths".into());
    }
    let cell = |k: usize| {
        Ok(PartCell {
            id: ids[k].as_str().parse::<CellId>().map_err(|error| error.to_string())?,
            seed: seeds[k],
            variant: variants[k],
            status: CellStatus::from_code(statuses[k]).ok_or("a cell has a status unknown to this version")?,
            diverged_epoch: (!diverged[k].is_nan()).then_some(diverged[k] as u32),
            wall_seconds: seconds[k],
            failure: failures[k].as_str().to_owned(),
        })
    };
    let cells = (0..ids.len()).map(cell).collect::<hdf5::Result<_>>()?;
    let specifications: Vec<VarLenUnicode> = h5::values(&file.dataset("specification")?)?;
    Ok(Part {
        cohort,
        cells,
        variants: specifications.iter().map(|text| text.as_str().to_owned()).collect(),
        origin,
        axes: decode_axes(&file)?,
        columns: decode_columns(&file)?,
    })
}

fn decode_axes(file: &File) -> hdf5::Result<Axes> {
    let mut axes = Axes::default();
    let attributes = file.attr_names()?;
    for &dim in schema::dimensions() {
        let labels = match dim.labels {
            LabelKind::Position if attributes.iter().any(|name| name == dim.coordinate) => {
                Labels::Positions(file.attr(dim.coordinate)?.read_scalar::<u64>()? as usize)
            }
            LabelKind::Position => continue,
            _ if !file.link_exists(dim.coordinate) => match dim.name_in_steps() {
                Some(name) if file.link_exists(&name) => Labels::Steps(h5::values(&file.dataset(&name)?)?),
                _ => continue,
            },
            LabelKind::Integer => Labels::Integers(h5::values(&file.dataset(dim.coordinate)?)?),
            LabelKind::Number => Labels::Numbers(h5::values(&file.dataset(dim.coordinate)?)?),
            LabelKind::Text => {
                let labels: Vec<VarLenUnicode> = h5::values(&file.dataset(dim.coordinate)?)?;
                Labels::Texts(labels.iter().map(|label| label.as_str().to_owned()).collect())
            }
        };
        axes.set(dim, labels);
    }
    Ok(axes)
}

fn decode_columns(file: &File) -> hdf5::Result<Vec<Column>> {
    let there = schema::VARIABLES.iter().copied().filter(|variable| file.link_exists(variable.name));
    there
        .map(|variable| {
            let dataset = file.dataset(variable.name)?;
            let values = match variable.dtype {
                Dtype::F32 => Values::F32(h5::values(&dataset)?),
                Dtype::F64 => Values::F64(h5::values(&dataset)?),
                Dtype::U8 => Values::U8(h5::values(&dataset)?),
            };
            Ok(Column { name: variable.name, values })
        })
        .collect()
}

impl PartSummary {
    /// Reads the head of a part: microseconds, and no HDF5.
    ///
    /// # Errors
    /// As [`Part::read`], though of the body only the length is checked.
    pub fn read(path: &Path) -> Result<PartSummary, StoreError> {
        let head = seal::read_head(path, Format::Part)?;
        PartSummary::decode(&head.summary).ok_or_else(|| StoreError::contradiction(path, "its summary does not add up"))
    }

    fn decode(bytes: &[u8]) -> Option<PartSummary> {
        let (fixed, rest) = bytes.split_at_checked(36)?;
        let count = u32::from_le_bytes(fixed[32..36].try_into().ok()?) as usize;
        let (cells, rest) = rest.split_at_checked(17 * count)?;
        let cell = |bytes: &[u8; 17]| Some((CellId(bytes[..16].try_into().ok()?), CellStatus::from_code(bytes[16])?));
        let cells: Vec<_> = cells.as_chunks::<17>().0.iter().map(cell).collect::<Option<_>>()?;
        let (host, rest) = text(rest)?;
        let (device, rest) = text(rest)?;
        rest.is_empty().then_some(())?;
        Some(PartSummary {
            cohort: CohortId(u64::from_le_bytes(fixed[..8].try_into().ok()?)),
            layout: fixed[8..24].try_into().ok()?,
            wall_seconds: f64::from_le_bytes(fixed[24..32].try_into().ok()?),
            host,
            device,
            cells,
        })
    }
}

/// A text and what follows it.
fn text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (length, rest) = bytes.split_at_checked(4)?;
    let (text, rest) = rest.split_at_checked(u32::from_le_bytes(length.try_into().ok()?) as usize)?;
    Some((std::str::from_utf8(text).ok()?.to_owned(), rest))
}
