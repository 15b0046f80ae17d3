//! `results.h5`, read: coordinates at once, variables in slabs of cells.
//!
//! Invariants: every per-cell coordinate has one entry per cell; a variable that is handed out has the shape that the
//! coordinates ask for. What the file does not hold is `None`, never zeros; values that were not measured are NaN.
//! Memory: only coordinates are held, and what [`Results::keep`] is told to; [`Results::slab`] reads so many cells as the caller
//! asks for.

mod along_training;
mod chunks;
mod coordinates;
mod of_cells;
mod provenance;

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use hdf5::{Hyperslab, Selection, SliceOrIndex};
use ndarray::{ArrayD, Axis, CowArray, Ix2, IxDyn, Slice};
use phasesweep_results::dimension::CELL;
use phasesweep_results::format::RESULTS;
use phasesweep_results::{Dim, LabelKind, RESULTS_FILE, attribute, variables};

pub use along_training::{AlongTraining, Unit};
pub use coordinates::Cells;
pub use of_cells::{Kind, OfCells};
pub use phasesweep_results::{AXES, FlowStop, Status};
pub use provenance::Provenance;

use chunks::Stored;
use phasesweep_results::variables::{MISCLASSIFIED, TRAIN_ERROR};

use crate::error::{Error, Result};

/// Bytes that [`Results::keep`] holds at most.
const KEPT_BYTES: usize = 512 << 20;

/// An open results file.
#[derive(Debug)]
pub struct Results {
    path: PathBuf,
    file: hdf5::File,
    /// Variables that are held whole.
    kept: HashMap<String, ArrayD<f32>>,
    /// One entry per cell.
    pub cells: Cells,
    /// Recorded epochs, ascending.
    pub epochs: Vec<i64>,
    /// Observed hidden layers, 1-based.
    pub layers: Vec<i64>,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Pairs of classes, "0-1", in the order of `distance`.
    pub pairs: Vec<String>,
    /// Noise levels σ of `noisy_error`.
    pub noise: Vec<f64>,
    /// Epochs of the misclassified bits.
    pub snapshot_epochs: Vec<i64>,
    /// Bytes of a bit set; 0 where the file holds none.
    pub set_bytes: usize,
    /// Global attributes.
    pub provenance: Provenance,
}

/// Finds the results file: the path itself, or `results.h5` in it.
pub fn locate(path: &Path) -> Result<PathBuf> {
    if path.is_dir() {
        let inside = path.join(RESULTS_FILE);
        return if inside.is_file() { Ok(inside) } else { Err(Error::NotCollected(path.to_owned())) };
    }
    if path.exists() { Ok(path.to_owned()) } else { Err(Error::NotFound(path.to_owned())) }
}

/// Opens an HDF5 file for reading, whether or not another program has locked it: a results file is replaced whole and
/// never written in place. `HDF5_USE_FILE_LOCKING`, where it is set, goes above this.
fn open(path: &Path) -> hdf5::Result<hdf5::File> {
    #[cfg_attr(not(hdf5_locking_is_settable), allow(unused_mut))]
    let mut options = hdf5::File::with_options();
    #[cfg(hdf5_locking_is_settable)]
    options.access_plist().file_locking(false);
    options.open(path)
}

impl Results {
    /// Opens a results file and reads its coordinates.
    pub fn open(path: &Path) -> Result<Self> {
        hdf5::silence_errors(true);
        let file = open(path).map_err(|source| Error::Open { path: path.to_owned(), source })?;
        check_version(&file, path)?;
        let provenance = Provenance::read(&file, path)?;
        let cells = Cells::read(&file, path)?;
        let epochs = coordinates::integers(&file, path, "epoch")?
            .ok_or_else(|| Error::Foreign { path: path.to_owned(), why: "it has no coordinate `epoch`".into() })?;
        let names = |variable| coordinates::labels(&file, path, variable);
        let results = Results {
            layers: coordinates::integers(&file, path, "layer")?.unwrap_or_default(),
            classes: names("class")?.unwrap_or_default(),
            pairs: names("pair")?.unwrap_or_default(),
            noise: coordinates::numbers(&file, path, "noise")?.unwrap_or_default(),
            snapshot_epochs: coordinates::integers(&file, path, "snapshot_epoch")?.unwrap_or_default(),
            set_bytes: file.dataset(MISCLASSIFIED.name).map_or(0, |bits| bits.shape().last().copied().unwrap_or(0)),
            path: path.to_owned(),
            file,
            kept: HashMap::new(),
            cells,
            epochs,
            provenance,
        };
        results.check_shapes()?;
        Ok(results)
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file holds a variable.
    pub fn has(&self, variable: &str) -> bool {
        self.file.dataset(variable).is_ok()
    }

    /// Refuses a variable of the contract whose shape is not the one that the coordinates ask for. Dimensions without labels
    /// may have any length.
    fn check_shapes(&self) -> Result<()> {
        let mut lengths: HashMap<Dim, usize> = HashMap::from([(CELL, self.cells.len())]);
        for variable in variables::VARIABLES {
            let Ok(dataset) = self.file.dataset(variable.name) else { continue };
            let found = dataset.shape();
            let mut expected = Vec::with_capacity(variable.dims.len());
            for (place, &dim) in variable.dims.iter().enumerate() {
                let any = dim != CELL && dim.labels == LabelKind::Position;
                expected.push(if any {
                    found.get(place).copied().unwrap_or(0)
                } else {
                    *lengths.entry(dim).or_insert_with(|| self.length(dim))
                });
            }
            if found != expected {
                return Err(Error::Shape { path: self.path.clone(), variable: variable.name.into(), found, expected });
            }
        }
        Ok(())
    }

    /// Number of labels along a dimension, of a dimension of epochs those of steps where it counts these; 0 where it has none.
    fn length(&self, dim: Dim) -> usize {
        let labels = self.file.dataset(dim.coordinate);
        let labels = labels.or_else(|absent| dim.name_in_steps().map_or(Err(absent), |name| self.file.dataset(&name)));
        labels.map_or(0, |labels| labels.size())
    }

    /// A one-dimensional variable of integers; `None` where the file lacks it.
    pub fn integers(&self, name: &str) -> Result<Option<Vec<i64>>> {
        coordinates::integers(&self.file, &self.path, name)
    }

    /// A one-dimensional variable of numbers; `None` where the file lacks it.
    pub fn numbers(&self, name: &str) -> Result<Option<Vec<f64>>> {
        coordinates::numbers(&self.file, &self.path, name)
    }

    /// A one-dimensional variable as text; `None` where the file lacks it.
    pub fn texts(&self, name: &str) -> Result<Option<Vec<String>>> {
        coordinates::labels(&self.file, &self.path, name)
    }

    /// Lengths of a variable's dimensions; `None` where the file lacks it.
    pub fn shape(&self, variable: &str) -> Option<Vec<usize>> {
        self.file.dataset(variable).ok().map(|dataset| dataset.shape())
    }

    /// Reads these variables and holds them, as long as [`KEPT_BYTES`] are not exceeded: what is asked for again and again is then
    /// unpacked once. Those that the file lacks are passed over.
    ///
    /// # Errors
    /// What keeps a variable from being read.
    pub fn keep(&mut self, variables: &[&str]) -> Result<()> {
        for variable in variables {
            let held: usize = self.kept.values().map(|values| size_of::<f32>() * values.len()).sum();
            let shape = self.shape(variable).unwrap_or_default();
            let bytes = shape.iter().fold(size_of::<f32>(), |bytes, &length| bytes.saturating_mul(length));
            if held.saturating_add(bytes) > KEPT_BYTES {
                continue;
            }
            if let Some(values) = self.read_cells(variable, 0..self.cells.len())? {
                self.kept.insert((*variable).to_owned(), values);
            }
        }
        Ok(())
    }

    /// Lets go of variables that were held: they are read from the file again.
    pub fn release(&mut self, variables: &[&str]) {
        variables.iter().for_each(|variable| _ = self.kept.remove(*variable));
    }

    /// Values of some cells, all other dimensions whole: shape `[cells.len(), …]`. `None` if the file lacks the variable.
    pub fn slab(&self, variable: &str, cells: Range<usize>) -> Result<Option<ArrayD<f32>>> {
        match self.kept.get(variable) {
            Some(kept) => Ok(Some(kept.slice_axis(Axis(0), Slice::from(cells)).to_owned())),
            None => self.read_cells(variable, cells),
        }
    }

    /// A variable `[cell, epoch]`, whole; `None` if the file lacks it, or it has other dimensions.
    ///
    /// # Errors
    /// What keeps it from being read.
    pub fn whole(&self, variable: &str) -> Result<Option<CowArray<'_, f32, Ix2>>> {
        let values = match self.kept.get(variable) {
            Some(kept) => Some(CowArray::from(kept.view())),
            None => self.read_cells(variable, 0..self.cells.len())?.map(CowArray::from),
        };
        Ok(values.and_then(|values| values.into_dimensionality::<Ix2>().ok()))
    }

    /// Codes of some cells, as [`Results::slab`]. `None` if the file lacks the variable.
    pub fn codes(&self, variable: &str, cells: Range<usize>) -> Result<Option<ArrayD<u8>>> {
        self.read_cells(variable, cells)
    }

    /// Bit sets of some cells, `[cell, snapshot, byte]`. `None` if the file holds none.
    pub fn bits(&self, cells: Range<usize>) -> Result<Option<ArrayD<u8>>> {
        self.read_cells(MISCLASSIFIED.name, cells)
    }

    /// Images of the training block `[sample, row, column]`, where the file holds them.
    pub fn block_images(&self) -> Result<Option<ArrayD<u8>>> {
        let Ok(dataset) = self.file.dataset("block_images") else { return Ok(None) };
        if dataset.ndim() != 3 {
            let (variable, found) = ("block_images".into(), dataset.shape());
            return Err(Error::Shape { path: self.path.clone(), variable, found, expected: vec![0, 0, 0] });
        }
        let read = coordinates::believable(&dataset).and_then(|()| dataset.read_dyn());
        read.map(Some).map_err(|source| self.unreadable("block_images", source))
    }

    /// Class of each sample of the training block, where the file holds it.
    pub fn block_labels(&self) -> Result<Option<Vec<i64>>> {
        coordinates::integers(&self.file, &self.path, "block_labels")
    }

    fn read_cells<T: Stored>(&self, variable: &str, cells: Range<usize>) -> Result<Option<ArrayD<T>>> {
        let Ok(dataset) = self.file.dataset(variable) else { return Ok(None) };
        self.believable::<T>(variable, &dataset)?;
        if let Some(values) = chunks::unpacked(&dataset, &cells) {
            return Ok(Some(values));
        }
        let whole = |size: usize| SliceOrIndex::SliceTo { start: 0, step: 1, end: size, block: 1 };
        let mut slices = vec![SliceOrIndex::SliceTo { start: cells.start, step: 1, end: cells.end, block: 1 }];
        slices.extend(dataset.shape().into_iter().skip(1).map(whole));
        let selection: Selection = Hyperslab::from(slices).into();
        let read = dataset.read_slice::<T, _, IxDyn>(selection);
        read.map(Some).map_err(|source| self.unreadable(variable, source))
    }

    /// Refuses a variable one cell of which would take more memory than the whole file can hold, before it is taken.
    /// Cells that are not trained yet take no room in the file, so that more cannot be asked.
    fn believable<T>(&self, variable: &str, dataset: &hdf5::Dataset) -> Result<()> {
        let values = dataset.shape().iter().skip(1).fold(1_u64, |count, &length| count.saturating_mul(length as u64));
        let bytes = values.saturating_mul(size_of::<T>() as u64);
        if bytes > self.file.size().saturating_mul(coordinates::DEFLATE) {
            let reason = format!("a cell of it would take {bytes} bytes, more than the file can hold");
            return Err(self.unreadable(variable, reason.into()));
        }
        Ok(())
    }

    fn unreadable(&self, variable: &str, source: hdf5::Error) -> Error {
        Error::Read { path: self.path.clone(), variable: variable.into(), source }
    }

    /// Ranges of cells such that the measured variables of one range take about `bytes`.
    pub fn slabs(&self, bytes: usize) -> Vec<Range<usize>> {
        let curves = 3 + self.layers.len() * (self.classes.len() + self.pairs.len());
        let sets = self.snapshot_epochs.len().saturating_mul(self.set_bytes);
        let per_cell = (4 * self.epochs.len().max(1) * curves).saturating_add(sets);
        let mut step = (bytes / per_cell.max(1)).max(1);
        // A chunk of the file that two ranges share is unpacked twice.
        let chunk = self.file.dataset(TRAIN_ERROR.name).ok().and_then(|dataset| dataset.chunk()?.first().copied());
        step -= chunk.filter(|&chunk| 0 < chunk && chunk < step).map_or(0, |chunk| step % chunk);
        let cells = self.cells.len();
        (0..cells).step_by(step).map(|start| start..(start + step).min(cells)).collect()
    }
}

fn check_version(file: &hdf5::File, path: &Path) -> Result<()> {
    let foreign = |why: &str| Error::Foreign { path: path.to_owned(), why: why.into() };
    let attribute =
        file.attr(attribute::FORMAT_VERSION).map_err(|_| foreign("it has no attribute `format_version`"))?;
    let found = attribute.read_scalar::<i64>().map_err(|_| foreign("its `format_version` is not an integer"))?;
    let (oldest, current) = (i64::from(RESULTS.oldest), i64::from(RESULTS.current));
    match found {
        found if found > current => Err(Error::TooNew { path: path.to_owned(), found, known: current }),
        found if found < oldest => Err(Error::TooOld { path: path.to_owned(), found, known: oldest }),
        _ => Ok(()),
    }
}
