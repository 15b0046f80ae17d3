//! Which variables of a file hold series along training, and what their labels are.
//!
//! A variable says its dimensions itself, by the attribute [`attribute::DIMENSIONS`]; those of the contract are known for
//! files that are older than it. Invariant: what is handed out has the shape that its labels ask for.

use hdf5::types::TypeDescriptor;
use phasesweep_results::dimension::{CELL, EPOCHS, STEPS};
use phasesweep_results::{attribute, variables};

use super::Results;
use super::coordinates::{integers, text};
use crate::error::{Error, Result};

/// What moments of training are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unit {
    /// Passes over the training samples.
    #[default]
    Epoch,
    /// Steps of the optimiser.
    Step,
}

impl Unit {
    /// `epoch` or `step`.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Epoch => EPOCHS,
            Unit::Step => STEPS,
        }
    }
}

/// A variable whose last dimension counts epochs or steps, and whose first is the cell.
#[derive(Debug, Clone, PartialEq)]
pub struct AlongTraining {
    /// Its name.
    pub name: String,
    /// What it is.
    pub long_name: String,
    /// Its units.
    pub units: String,
    /// The dimensions between, slowest first, with their labels.
    pub dimensions: Vec<(String, Vec<String>)>,
    /// Name of its last dimension.
    pub epochs_name: String,
    /// What its last dimension counts.
    pub unit: Unit,
    /// The labels of its last dimension.
    pub epochs: Vec<i64>,
}

impl Results {
    /// Every variable of floats along training, by name.
    ///
    /// # Errors
    /// What keeps the file from being read; [`Error::Shape`] for a variable that has not the shape that its labels ask for.
    pub fn along_training(&self) -> Result<Vec<AlongTraining>> {
        let mut out = Vec::new();
        for (name, dataset) in self.datasets()? {
            out.extend(self.of_variable(name, &dataset)?);
        }
        Ok(out)
    }

    /// Every dataset of the file, by name.
    ///
    /// # Errors
    /// [`Error::Open`] where the file does not list them.
    pub(super) fn datasets(&self) -> Result<Vec<(String, hdf5::Dataset)>> {
        let mut names = self.file.member_names().map_err(|source| Error::Open { path: self.path.clone(), source })?;
        names.sort();
        let open = |name: String| self.file.dataset(&name).ok().map(|dataset| (name, dataset));
        Ok(names.into_iter().filter_map(open).collect())
    }

    fn of_variable(&self, name: String, dataset: &hdf5::Dataset) -> Result<Option<AlongTraining>> {
        let is_float = dataset.dtype().and_then(|dtype| dtype.to_descriptor());
        if !matches!(is_float, Ok(TypeDescriptor::Float(_))) {
            return Ok(None);
        }
        let declared = words(dataset, attribute::DIMENSIONS);
        let Some(dimensions) = dimension_names(&name, declared.as_deref()) else { return Ok(None) };
        let [cell, between @ .., last] = dimensions.as_slice() else { return Ok(None) };
        let counts = self.file.dataset(last).ok().and_then(|labels| words(&labels, "units"));
        let is_known = declared.is_none() && self.file.dataset(last).is_ok() && last.ends_with("epoch");
        let unit = [Unit::Epoch, Unit::Step].into_iter().find(|unit| counts.as_deref() == Some(unit.name()));
        let Some(unit) = unit.or(is_known.then_some(Unit::Epoch)).filter(|_| cell == CELL.name) else {
            return Ok(None);
        };
        let epochs = integers(&self.file, &self.path, last)?.unwrap_or_default();
        let shape = dataset.shape();
        let mut labelled = Vec::with_capacity(between.len());
        for (place, dimension) in between.iter().enumerate() {
            let length = shape.get(place + 1).copied().unwrap_or(0);
            let labels = match self.file.dataset(dimension) {
                Ok(labels) if !is_bare(&labels) => self.texts(dimension)?,
                _ => None,
            };
            let positions = || (0..length).map(|position| position.to_string()).collect();
            labelled.push((dimension.clone(), labels.unwrap_or_else(positions)));
        }
        let lengths = labelled.iter().map(|(_, labels)| labels.len());
        let expected: Vec<usize> = [self.cells.len()].into_iter().chain(lengths).chain([epochs.len()]).collect();
        if shape != expected {
            return Err(Error::Shape { path: self.path.clone(), variable: name, found: shape, expected });
        }
        let long_name = words(dataset, "long_name").unwrap_or_else(|| name.replace('_', " "));
        let units = words(dataset, "units").unwrap_or_else(|| "1".to_owned());
        Ok(Some(AlongTraining {
            name,
            long_name,
            units,
            dimensions: labelled,
            epochs_name: last.clone(),
            unit,
            epochs,
        }))
    }
}

/// The dimensions of a variable: those that it declares itself, else those of the contract, if it is one of that.
pub(super) fn dimension_names(variable: &str, declared: Option<&str>) -> Option<Vec<String>> {
    if let Some(names) = declared {
        return Some(names.split_whitespace().map(str::to_owned).collect());
    }
    let known = variables::VARIABLES.iter().find(|known| known.name == variable)?;
    Some(known.dims.iter().map(|dim| dim.name.to_owned()).collect())
}

/// Text of an attribute, if there is such a one.
pub(super) fn words(dataset: &hdf5::Dataset, name: &str) -> Option<String> {
    let attribute = dataset.attr(name).ok()?;
    text(&attribute).ok()?.into_iter().next()
}

/// Whether it is the scale of a dimension without labels, as netCDF-4 writes it.
pub(super) fn is_bare(scale: &hdf5::Dataset) -> bool {
    words(scale, "NAME").is_some_and(|name| name.starts_with("This is a netCDF dimension but not a netCDF variable"))
}
