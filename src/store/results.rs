//! The results file as others meet it: how it names itself, its dimensions as HDF5 dimension scales, and how it is opened.
//!
//! Invariants: it follows netCDF-4's conventions, so that xarray, h5netcdf and `ncdump` show named dimensions and
//! coordinates; missing numbers are NaN and `_FillValue` says so; a file of another format or version is refused with a
//! sentence.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use hdf5::types::VarLenUnicode;
use hdf5::{Dataset, File, H5Type};

use phasesweep_results::cell::STATUS;
use phasesweep_results::format::RESULTS;
use phasesweep_results::{Dim, Dtype, FormatError, MISSING_BYTE, Status, Variable, attribute, dimension};

use crate::observables::{Axes, Labels};

use super::error::StoreError;
use super::h5;
use super::shared_texts::SharedTexts;

/// Opens a results file for reading.
///
/// # Errors
/// [`StoreError::Format`] if it is not one, or of a version that is not read; [`StoreError::Io`] or
/// [`StoreError::Hdf5`] if it cannot be read.
pub fn open(path: &Path) -> Result<File, StoreError> {
    const SIGNATURE: &[u8; 8] = b"\x89HDF\r\n\x1a\n";
    let foreign = || StoreError::format(path)(FormatError::Foreign { noun: RESULTS.noun });
    let mut begin = Vec::new();
    let mut bytes = fs::File::open(path).map_err(StoreError::io("open", path))?.take(8);
    bytes.read_to_end(&mut begin).map_err(StoreError::io("read", path))?;
    if begin != SIGNATURE {
        return Err(foreign());
    }
    let file = h5::open(path).map_err(StoreError::hdf5("open", path))?;
    if h5::read_text(&file, attribute::FORMAT).ok().as_deref() != Some(attribute::FORMAT_NAME) {
        return Err(foreign());
    }
    let version = file.attr(attribute::FORMAT_VERSION).and_then(|attribute| attribute.read_scalar::<u32>());
    let version = version.map_err(|_| foreign())?;
    RESULTS.check(version).map_err(StoreError::format(path))?;
    Ok(file)
}

/// Number of measured cells, complete or diverged, of a results file.
///
/// # Errors
/// As [`open`].
pub fn measured_cells(path: &Path) -> Result<u64, StoreError> {
    let file = open(path)?;
    if let Ok(count) = file.attr(attribute::MEASURED_CELLS).and_then(|attribute| attribute.read_scalar::<u64>()) {
        return Ok(count);
    }
    // Files of earlier versions say it by their statuses alone.
    let statuses: hdf5::Result<Vec<VarLenUnicode>> = file.dataset(STATUS.name).and_then(|status| status.read_raw());
    let statuses = statuses.map_err(StoreError::hdf5("read", path))?;
    let measured = [Status::Complete, Status::Diverged].map(Status::name);
    Ok(statuses.iter().filter(|status| measured.contains(&status.as_str())).count() as u64)
}

/// Creates variables with their scales and attributes in a new results file.
pub(crate) struct Writer<'a> {
    file: &'a File,
    /// Of each dimension its name in the file, and its scale.
    scales: HashMap<Dim, (String, Dataset)>,
    /// Names of the coordinates that are not indices, for CF's attribute `coordinates`.
    coordinates: String,
}

impl<'a> Writer<'a> {
    /// Writes the dimensions: scales with their labels.
    pub(crate) fn new(file: &'a File, cells: usize, axes: &Axes, coordinates: String) -> hdf5::Result<Writer<'a>> {
        let mut writer = Writer { file, scales: HashMap::new(), coordinates };
        writer.bare_scale(dimension::CELL, cells)?;
        for (dim, labels) in axes.iter() {
            if dim.coordinate != dim.name || matches!(labels, Labels::Positions(_)) {
                writer.bare_scale(dim, labels.len())?;
            }
            let labelled = match labels {
                Labels::Integers(labels) => writer.labels(dim.coordinate, labels)?,
                Labels::Steps(steps) => {
                    let name = labels.name_of(dim);
                    let labelled = writer.labels(&name, steps)?;
                    describe(&labelled, dimension::STEPS, &dim.long_name_in_steps())?;
                    h5::set_scale(&labelled, &name)?;
                    writer.scales.insert(dim, (name.into_owned(), labelled));
                    continue;
                }
                Labels::Numbers(labels) => writer.labels(dim.coordinate, labels)?,
                Labels::Texts(labels) => {
                    writer.labels(dim.coordinate, &h5::texts(labels.iter().map(String::as_str)))?
                }
                Labels::Positions(_) => continue,
            };
            describe(&labelled, dim.units, dim.long_name)?;
            match writer.scales.get(&dim) {
                Some((_, scale)) => h5::attach_scale(&labelled, scale, 0)?,
                None => {
                    h5::set_scale(&labelled, dim.name)?;
                    writer.scales.insert(dim, (dim.name.to_owned(), labelled));
                }
            }
        }
        Ok(writer)
    }

    /// A dimension without a coordinate variable, as netCDF-4 writes it: a scale without data whose name says so.
    fn bare_scale(&mut self, dim: Dim, length: usize) -> hdf5::Result<()> {
        let scale = self.file.new_dataset::<f32>().shape(length).create(dim.name)?;
        h5::set_scale(&scale, &format!("This is a netCDF dimension but not a netCDF variable.{length:10}"))?;
        self.scales.insert(dim, (dim.name.to_owned(), scale));
        Ok(())
    }

    fn labels<T: H5Type>(&self, name: &str, labels: &[T]) -> hdf5::Result<Dataset> {
        let dataset = self.file.new_dataset::<T>().shape(labels.len()).create(name)?;
        dataset.write_raw(labels)?;
        Ok(dataset)
    }

    /// Creates a variable of shape `[cells, ...]`, stored in chunks of whole cells.
    pub(crate) fn variable(&self, variable: &Variable, shape: &[usize], chunk_cells: usize) -> hdf5::Result<Dataset> {
        let chunk = [&[chunk_cells], &shape[1..]].concat();
        let name = variable.name;
        let dataset = match variable.dtype {
            Dtype::F32 => self.floats(name, shape, &chunk, f32::NAN)?,
            Dtype::F64 => self.floats(name, shape, &chunk, f64::NAN)?,
            // No `_FillValue`: readers would make floats of bits.
            Dtype::U8 => self.chunked(name, shape, &chunk, MISSING_BYTE)?,
        };
        describe(&dataset, variable.units, variable.long_name)?;
        h5::write_text(&dataset, "coordinates", &self.coordinates)?;
        let name_of = |dim: &Dim| self.scales.get(dim).map_or(dim.name, |(name, _)| name.as_str());
        let dimensions: Vec<&str> = variable.dims.iter().map(name_of).collect();
        h5::write_text(&dataset, attribute::DIMENSIONS, &dimensions.join(" "))?;
        for (k, dim) in variable.dims.iter().enumerate() {
            if let Some((_, scale)) = self.scales.get(dim) {
                h5::attach_scale(&dataset, scale, k)?;
            }
        }
        Ok(dataset)
    }

    /// Creates a numeric coordinate of the cells; `missing` becomes its `_FillValue`.
    pub(crate) fn cell_numbers<T: H5Type>(
        &self,
        name: &str,
        (units, long_name): (&str, &str),
        values: &[T],
        missing: Option<T>,
    ) -> hdf5::Result<()> {
        let shape = [values.len()];
        // Labels of a grid repeat themselves: they shrink to almost nothing, if chunks are large.
        let chunk = [values.len().clamp(1, 1 << 16)];
        let dataset = match missing {
            Some(missing) => self.floats(name, &shape, &chunk, missing)?,
            None => compressed(self.file.new_dataset::<T>(), &chunk).shape(shape).create(name)?,
        };
        if !values.is_empty() {
            dataset.write_raw(values)?;
        }
        self.finish_cell(&dataset, units, long_name)
    }

    /// Writes the distinct texts of which [`Writer::cell_labels`] makes coordinates.
    pub(super) fn shared_texts<'t>(&self, texts: impl IntoIterator<Item = &'t str>) -> hdf5::Result<SharedTexts> {
        let (shared, dataset) = SharedTexts::write(self.file, texts)?;
        describe(&dataset, "1", "distinct texts of the cells")?;
        h5::set_scale(&dataset, SharedTexts::NAME)?;
        Ok(shared)
    }

    /// Creates a coordinate of texts that repeat themselves from cell to cell: cell k's is `text(k)`.
    pub(super) fn cell_labels<'t>(
        &self,
        shared: &SharedTexts,
        name: &str,
        long_name: &str,
        count: usize,
        text: impl Fn(usize) -> &'t str,
    ) -> hdf5::Result<()> {
        let dataset = shared.variable(self.file, name, count, text)?;
        self.finish_cell(&dataset, "1", long_name)
    }

    /// Creates a coordinate of texts of the cells, each with its own: cell k's is `text(k)`.
    pub(crate) fn cell_texts<'t>(
        &self,
        name: &str,
        long_name: &str,
        count: usize,
        text: impl Fn(usize) -> std::borrow::Cow<'t, str>,
    ) -> hdf5::Result<()> {
        let chunk = [count.clamp(1, 1 << 16)];
        let dataset = compressed(self.file.new_dataset::<VarLenUnicode>(), &chunk).shape(count).create(name)?;
        let mut start = 0;
        while start < count {
            let end = count.min(start + (1 << 16));
            let slab: Vec<_> = (start..end).map(|k| h5::text(&text(k))).collect();
            dataset.write_slice(&slab, start..end)?;
            start = end;
        }
        self.finish_cell(&dataset, "1", long_name)
    }

    fn finish_cell(&self, dataset: &Dataset, units: &str, long_name: &str) -> hdf5::Result<()> {
        describe(dataset, units, long_name)?;
        self.scales.get(dimension::CELL).map_or(Ok(()), |(_, scale)| h5::attach_scale(dataset, scale, 0))
    }

    fn floats<T: H5Type>(&self, name: &str, shape: &[usize], chunk: &[usize], missing: T) -> hdf5::Result<Dataset> {
        let fill = self.chunked(name, shape, chunk, missing)?;
        let attribute = fill.new_attr::<T>().shape(1).create("_FillValue")?;
        // The dataset's own fill value is the same number: taken from there, since `T` need not be `Copy`.
        let value = fill.fill_value()?.ok_or("the fill value is gone")?;
        attribute.write_raw(&[value.cast::<T>().map_err(|_| "the fill value changed its type")?])?;
        Ok(fill)
    }

    fn chunked<T: H5Type>(&self, name: &str, shape: &[usize], chunk: &[usize], fill: T) -> hdf5::Result<Dataset> {
        compressed(self.file.new_dataset::<T>(), chunk).fill_value(fill).shape(shape).create(name)
    }
}

fn compressed(builder: hdf5::DatasetBuilderEmpty, chunk: &[usize]) -> hdf5::DatasetBuilderEmpty {
    let builder = builder.chunk(chunk);
    // Level 1: what trajectories of floats yield, shuffling yields; higher levels cost time and save a few percent.
    if hdf5::filters::deflate_available() { builder.shuffle().deflate(1) } else { builder }
}

fn describe(dataset: &Dataset, units: &str, long_name: &str) -> hdf5::Result<()> {
    h5::write_text(dataset, "units", units)?;
    h5::write_text(dataset, "long_name", long_name)
}
