//! Every variable that was measured of the cells, whatever it is called, with its dimensions and their labels; and its values
//! to the bit.
//!
//! A variable says its dimensions itself, by the attribute [`attribute::DIMENSIONS`]; those of the contract are known for files
//! that are older than it. Invariant: values are handed out as 64-bit floats, which hold every value of the file exactly (32-bit
//! floats, bytes); what was not measured is NaN, of bytes their missing value.

use std::ops::Range;

use hdf5::types::TypeDescriptor;
use phasesweep_results::attribute;
use phasesweep_results::dimension::{CELL, DIMENSIONS};

use super::Results;
use super::along_training::{dimension_names, is_bare, words};
use crate::error::{Error, Result};

/// How the values of a variable are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 32-bit floats.
    F32,
    /// 64-bit floats.
    F64,
    /// Bytes.
    U8,
    /// Signed integers.
    I64,
}

/// A variable whose first dimension is the cell, and which has further ones.
#[derive(Debug, Clone, PartialEq)]
pub struct OfCells {
    /// Its name.
    pub name: String,
    /// What it is.
    pub long_name: String,
    /// Its units.
    pub units: String,
    /// How its values are stored.
    pub kind: Kind,
    /// The dimensions after the cell, slowest first, with their labels; positions from 0 where the file has none.
    pub dimensions: Vec<(String, Vec<String>)>,
}

impl OfCells {
    /// Number of values of a cell.
    pub fn per_cell(&self) -> usize {
        self.dimensions.iter().fold(1, |count, (_, labels)| count.saturating_mul(labels.len()))
    }
}

impl Results {
    /// Every variable of numbers whose first dimension is the cell and which has further dimensions, by name.
    ///
    /// # Errors
    /// What keeps the file from being read; [`Error::Shape`] for a variable that has not as many dimensions as it names.
    pub fn of_cells(&self) -> Result<Vec<OfCells>> {
        let mut out = Vec::new();
        for (name, dataset) in self.datasets()? {
            out.extend(self.measured(name, &dataset)?);
        }
        Ok(out)
    }

    fn measured(&self, name: String, dataset: &hdf5::Dataset) -> Result<Option<OfCells>> {
        let kind = match dataset.dtype().and_then(|dtype| dtype.to_descriptor()) {
            Ok(TypeDescriptor::Float(hdf5::types::FloatSize::U4)) => Kind::F32,
            Ok(TypeDescriptor::Float(_)) => Kind::F64,
            Ok(TypeDescriptor::Unsigned(hdf5::types::IntSize::U1)) => Kind::U8,
            Ok(TypeDescriptor::Integer(_)) => Kind::I64,
            _ => return Ok(None),
        };
        let declared = words(dataset, attribute::DIMENSIONS);
        let Some(dimensions) = dimension_names(&name, declared.as_deref()) else { return Ok(None) };
        let [cell, further @ ..] = dimensions.as_slice() else { return Ok(None) };
        if cell != CELL.name || further.is_empty() {
            return Ok(None);
        }
        let shape = dataset.shape();
        if shape.len() != dimensions.len() || shape.first() != Some(&self.cells.len()) {
            let expected = [self.cells.len()].into_iter().chain(further.iter().map(|_| 0)).collect();
            return Err(Error::Shape { path: self.path.clone(), variable: name, found: shape, expected });
        }
        let mut labelled = Vec::with_capacity(further.len());
        for (dimension, &length) in further.iter().zip(&shape[1..]) {
            labelled.push((dimension.clone(), self.labels_along(dimension, length)?));
        }
        let long_name = words(dataset, "long_name").unwrap_or_else(|| name.replace('_', " "));
        let units = words(dataset, "units").unwrap_or_else(|| "1".to_owned());
        Ok(Some(OfCells { name, long_name, units, kind, dimensions: labelled }))
    }

    /// Labels along a dimension of that length; positions where the file has none that fit.
    fn labels_along(&self, dimension: &str, length: usize) -> Result<Vec<String>> {
        let declared = DIMENSIONS.iter().find(|dim| dim.name == dimension);
        for name in [declared.map_or(dimension, |dim| dim.coordinate), dimension] {
            let Ok(labels) = self.file.dataset(name) else { continue };
            if labels.shape() == [length] && !is_bare(&labels) {
                return Ok(self.texts(name)?.unwrap_or_default());
            }
        }
        Ok((0..length).map(|position| position.to_string()).collect())
    }

    /// Values of a variable of some cells, cell by cell, each row by row.
    ///
    /// # Errors
    /// [`Error::Read`] where the file cannot be read, or does not hold the variable any more.
    pub fn values(&self, variable: &OfCells, cells: Range<usize>) -> Result<Vec<f64>> {
        let gone = || self.unreadable(&variable.name, "it is not in the file".into());
        let name = &variable.name;
        Ok(match variable.kind {
            Kind::F32 => self.read_cells::<f32>(name, cells)?.ok_or_else(gone)?.into_iter().map(f64::from).collect(),
            Kind::F64 => self.read_cells::<f64>(name, cells)?.ok_or_else(gone)?.into_iter().collect(),
            Kind::U8 => self.read_cells::<u8>(name, cells)?.ok_or_else(gone)?.into_iter().map(f64::from).collect(),
            Kind::I64 => {
                self.read_cells::<i64>(name, cells)?.ok_or_else(gone)?.into_iter().map(|value| value as f64).collect()
            }
        })
    }
}
