//! Coordinates and attributes: what each cell is, and what the other dimensions mean.
//!
//! Text may be stored as variable-length or fixed-length strings, UTF-8 or ASCII; numbers in any integer or float type.

use std::collections::HashMap;
use std::path::Path;

use hdf5::types::{FixedAscii, FixedUnicode, TypeDescriptor, VarLenAscii, VarLenUnicode};

use phasesweep_results::cell::{BLOCK_IMAGES, BLOCK_LABELS, CELL_ID, SAMPLES, SEED, STATUS, VARIANT, WALL_SECONDS};
use phasesweep_results::dimension::{self, CELL, DIMENSIONS};
use phasesweep_results::variables::FLOW_STOP;
use phasesweep_results::{AXES, Status};

use crate::error::{Error, Result};

/// What each cell is. Every vector has one entry per cell.
#[derive(Debug, Clone, Default)]
pub struct Cells {
    /// Hash of the specification.
    pub id: Vec<String>,
    /// Seed.
    pub seed: Vec<i64>,
    /// How it ended.
    pub status: Vec<Status>,
    /// Which variant it is of, numbered in the order of the file: cells of one variant differ in the seed alone. From the
    /// file's `variant`; in a file that is older than that, from the labels of all axes, which some variants share.
    pub variant: Vec<usize>,
    /// Hash of its variant's specification, where the file says.
    pub variant_id: Option<Vec<String>>,
    /// Labels of the axes in [`AXES`]' order, those that the file holds.
    pub axes: Vec<(String, Vec<String>)>,
    /// Further text coordinates (activation, loss …).
    pub labels: Vec<(String, Vec<String>)>,
    /// Numbers of the specification (lr, width …); NaN where a cell has none.
    pub numbers: Vec<(String, Vec<f64>)>,
    /// Samples of the training block, where the file says.
    pub samples: Option<Vec<f64>>,
    /// Seconds of training, where the file says.
    pub wall_seconds: Option<Vec<f64>>,
}

impl Cells {
    /// For each cell, whether it was trained on the whole block: pruned cells take no part in judging stability.
    pub fn unpruned(&self) -> Vec<bool> {
        let prune = self.axes.iter().find(|(name, _)| name == "prune");
        prune.map_or(vec![true; self.len()], |(_, labels)| labels.iter().map(|label| label == "none").collect())
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.id.len()
    }

    /// Whether the file holds no cell.
    pub fn is_empty(&self) -> bool {
        self.id.is_empty()
    }

    /// Values of a coordinate over cells as text, for grouping.
    pub fn column(&self, name: &str) -> Option<Vec<String>> {
        let texts = |values: &[f64]| values.iter().map(f64::to_string).collect();
        match name {
            _ if name == CELL_ID.name => return Some(self.id.clone()),
            _ if name == SEED.name => return Some(self.seed.iter().map(i64::to_string).collect()),
            _ if name == STATUS.name => return Some(self.status.iter().map(|of| of.name().to_owned()).collect()),
            _ if name == VARIANT.name => return self.variant_id.clone(),
            _ if name == SAMPLES.name => return self.samples.as_deref().map(texts),
            _ if name == WALL_SECONDS.name => return self.wall_seconds.as_deref().map(texts),
            _ => {}
        }
        let text = self.axes.iter().chain(&self.labels).find(|(column, _)| column == name);
        let number = || self.numbers.iter().find(|(column, _)| column == name);
        text.map(|(_, values)| values.clone()).or_else(|| number().map(|(_, values)| texts(values)))
    }

    /// Names that [`Cells::column`] knows.
    pub fn column_names(&self) -> Vec<String> {
        let text = self.axes.iter().chain(&self.labels).map(|(name, _)| name.clone());
        let numbers = self.numbers.iter().map(|(name, _)| name.clone());
        let mut names: Vec<String> = text.chain(numbers).collect();
        names.extend([SEED, CELL_ID, STATUS].map(|variable| variable.name.to_owned()));
        let further = [
            (VARIANT.name, self.variant_id.is_some()),
            (SAMPLES.name, self.samples.is_some()),
            (WALL_SECONDS.name, self.wall_seconds.is_some()),
        ];
        names.extend(further.into_iter().filter(|(_, there)| *there).map(|(name, _)| name.to_owned()));
        names
    }

    /// Numbers the variants: by their hashes, or by all axes' labels where the file has no hashes.
    fn number_variants(&mut self) {
        let mut numbers: HashMap<Vec<&str>, usize> = HashMap::new();
        let key = |cell: usize| match &self.variant_id {
            Some(ids) => vec![ids[cell].as_str()],
            None => self.axes.iter().map(|(_, labels)| labels[cell].as_str()).collect(),
        };
        let mut variant = Vec::with_capacity(self.len());
        for cell in 0..self.len() {
            let next = numbers.len();
            variant.push(*numbers.entry(key(cell)).or_insert(next));
        }
        self.variant = variant;
    }

    pub(super) fn read(file: &hdf5::File, path: &Path) -> Result<Self> {
        let foreign = |why: String| Error::Foreign { path: path.to_owned(), why };
        let required = |name: &str| foreign(format!("it has no coordinate `{name}`"));
        let id = labels(file, path, CELL_ID.name)?.ok_or_else(|| required(CELL_ID.name))?;
        let cells = id.len();
        let seed = integers(file, path, SEED.name)?.ok_or_else(|| required(SEED.name))?;
        let mut out = Cells { id, seed, ..Cells::default() };
        out.status = match labels(file, path, STATUS.name)? {
            None => vec![Status::Complete; cells],
            Some(words) => words.iter().map(|word| status(word, path)).collect::<Result<_>>()?,
        };
        let mut names = file.member_names().map_err(|source| Error::Open { path: path.to_owned(), source })?;
        names.sort();
        for name in names {
            let known = [CELL_ID, SEED, STATUS, VARIANT].iter().any(|variable| variable.name == name);
            let Ok(dataset) = file.dataset(&name) else { continue };
            if known || is_not_of_cells(&name) || is_scale(&dataset) || dataset.shape() != [cells] {
                continue;
            }
            if is_text(&dataset) {
                let values = labels(file, path, &name)?.unwrap_or_default();
                if AXES.contains(&name.as_str()) {
                    out.axes.push((name, values))
                } else {
                    out.labels.push((name, values))
                }
            } else if let Ok(values) = raw::<f64>(&dataset) {
                if name == SAMPLES.name {
                    out.samples = Some(values);
                } else if name == WALL_SECONDS.name {
                    out.wall_seconds = Some(values);
                } else {
                    out.numbers.push((name, values));
                }
            }
        }
        out.axes.sort_by_key(|(name, _)| AXES.iter().position(|axis| axis == name));
        out.variant_id = labels(file, path, VARIANT.name)?;
        let variants = out.variant_id.as_ref().map_or(cells, Vec::len);
        for (name, length) in [(SEED.name, out.seed.len()), (STATUS.name, out.status.len()), (VARIANT.name, variants)] {
            if length != cells {
                let (found, expected) = (vec![length], vec![cells]);
                return Err(Error::Shape { path: path.to_owned(), variable: name.into(), found, expected });
            }
        }
        out.number_variants();
        Ok(out)
    }
}

fn status(word: &str, path: &Path) -> Result<Status> {
    let known = || Status::ALL.map(Status::name).join(", ");
    Status::from_name(word).ok_or_else(|| Error::Foreign {
        path: path.to_owned(),
        why: format!("a cell has status `{word}`; known are {}", known()),
    })
}

/// Whether a variable's name says that it does not tell one cell from another, even where it has as many values as there
/// are cells.
fn is_not_of_cells(name: &str) -> bool {
    let of_dimensions = DIMENSIONS.iter().any(|dim| [dim.name, dim.coordinate].contains(&name));
    let of_others = [CELL.name, dimension::TEXT, dimension::BLOCK_SAMPLE, dimension::ROW, dimension::COLUMN];
    let others = [BLOCK_IMAGES, BLOCK_LABELS, FLOW_STOP.name];
    of_dimensions || of_others.contains(&name) || others.contains(&name)
}

/// Whether a variable holds the labels of a dimension, as HDF5 marks it.
fn is_scale(dataset: &hdf5::Dataset) -> bool {
    dataset.attr("CLASS").is_ok()
}

fn is_text(dataset: &hdf5::Dataset) -> bool {
    let Ok(descriptor) = dataset.dtype().and_then(|dtype| dtype.to_descriptor()) else { return false };
    matches!(
        descriptor,
        TypeDescriptor::VarLenUnicode
            | TypeDescriptor::VarLenAscii
            | TypeDescriptor::FixedUnicode(_)
            | TypeDescriptor::FixedAscii(_)
    )
}

/// The most that deflate makes of a byte (zlib's technical details: 1032 to 1).
pub(super) const DEFLATE: u64 = 1032;

/// Refuses a coordinate that claims more entries than its bytes in the file can hold, before memory is taken for them.
pub(super) fn believable(container: &hdf5::Container) -> hdf5::Result<()> {
    let entries = container.shape().iter().fold(1_u64, |entries, &length| entries.saturating_mul(length as u64));
    let stored = container.storage_size();
    if entries > stored.saturating_mul(DEFLATE) {
        return Err(format!("it claims {entries} entries, and {stored} bytes of them are in the file").into());
    }
    Ok(())
}

/// The numbers of a coordinate.
fn raw<T: hdf5::H5Type>(dataset: &hdf5::Dataset) -> hdf5::Result<Vec<T>> {
    believable(dataset)?;
    dataset.read_raw()
}

/// Text of a container, whichever way HDF5 stores it; numbers are written out. `Err` only where HDF5 fails.
pub(super) fn text(container: &hdf5::Container) -> hdf5::Result<Vec<String>> {
    fn all<T: hdf5::H5Type + ToString>(container: &hdf5::Container) -> hdf5::Result<Vec<String>> {
        Ok(container.read_raw::<T>()?.iter().map(ToString::to_string).collect())
    }
    believable(container)?;
    match container.dtype()?.to_descriptor()? {
        TypeDescriptor::VarLenUnicode => all::<VarLenUnicode>(container),
        TypeDescriptor::VarLenAscii => all::<VarLenAscii>(container),
        // Not much longer in memory than in the file: there may be a million of them.
        TypeDescriptor::FixedUnicode(..=32) => all::<FixedUnicode<32>>(container),
        TypeDescriptor::FixedUnicode(..=256) => all::<FixedUnicode<256>>(container),
        TypeDescriptor::FixedUnicode(_) => all::<FixedUnicode<4096>>(container),
        TypeDescriptor::FixedAscii(..=32) => all::<FixedAscii<32>>(container),
        TypeDescriptor::FixedAscii(..=256) => all::<FixedAscii<256>>(container),
        TypeDescriptor::FixedAscii(_) => all::<FixedAscii<4096>>(container),
        TypeDescriptor::Float(_) => all::<f64>(container),
        _ => all::<i64>(container),
    }
}

/// A one-dimensional coordinate as text; `None` where the file lacks it.
pub(super) fn labels(file: &hdf5::File, path: &Path, variable: &str) -> Result<Option<Vec<String>>> {
    let Ok(dataset) = file.dataset(variable) else { return Ok(None) };
    let unreadable = |source| Error::Read { path: path.to_owned(), variable: variable.into(), source };
    text(&dataset).map(Some).map_err(unreadable)
}

/// A one-dimensional coordinate of integers; `None` where the file lacks it.
pub(super) fn integers(file: &hdf5::File, path: &Path, variable: &str) -> Result<Option<Vec<i64>>> {
    let Ok(dataset) = file.dataset(variable) else { return Ok(None) };
    let unreadable = |source| Error::Read { path: path.to_owned(), variable: variable.into(), source };
    raw(&dataset).map(Some).map_err(unreadable)
}

/// A one-dimensional coordinate of numbers; `None` where the file lacks it.
pub(super) fn numbers(file: &hdf5::File, path: &Path, variable: &str) -> Result<Option<Vec<f64>>> {
    let Ok(dataset) = file.dataset(variable) else { return Ok(None) };
    let unreadable = |source| Error::Read { path: path.to_owned(), variable: variable.into(), source };
    raw(&dataset).map(Some).map_err(unreadable)
}
