//! What is recorded of a replica: one array for each variable that was asked for.
//!
//! Which arrays there are, and how long they are, follows from the registry and from the labels along the dimensions
//! ([`Layout`]); nothing here knows any observable. Working variables are kept with the others while a replica trains, in
//! memory and in checkpoints, and never stored: what a measurement at the end must know of earlier ones.
//!
//! Invariants: an array holds the values of one cell, in the order of its variable's dimensions; what is not measured yet,
//! or never, is missing; a variable that was not asked for has no array.

use phasesweep_results::{Dim, LabelKind, Variable};

use super::axes::{Axes, Labels};
use super::values::{Column, Values};

/// Which variables are recorded, and the labels along their dimensions: see [`super::layout`].
#[derive(Debug, Clone)]
pub struct Layout {
    /// Labels of the dimensions of the variables.
    pub axes: Axes,
    /// The variables, in the order of the registry.
    pub variables: Vec<&'static Variable>,
    /// Variables that are kept while a replica trains and never stored.
    pub working: Vec<&'static Variable>,
    /// Labels of the dimensions of the working variables.
    pub working_axes: Axes,
}

impl Layout {
    /// Every variable of a record with the number of its values, the working ones last.
    fn sizes(&self) -> impl Iterator<Item = (&'static Variable, usize)> {
        let stored = self.variables.iter().map(|&variable| (variable, self.axes.size(variable)));
        stored.chain(self.working.iter().map(|&variable| (variable, self.working_axes.size(variable))))
    }

    /// Bytes of one replica's record, the working variables included.
    pub fn bytes(&self) -> u64 {
        self.sizes().map(|(variable, size)| size as u64 * variable.dtype.bytes() as u64).sum()
    }

    /// The records as columns: one row for each, missing throughout where there is none (a cell that failed). A record of
    /// another layout gives rows of another length, and the part that is made of them is refused.
    pub fn columns(&self, records: &[Option<Record>]) -> Vec<Column> {
        let column = |variable: &&'static Variable| {
            let mut values = Values::missing(variable.dtype, 0);
            let missing = Values::missing(variable.dtype, self.axes.size(variable));
            for record in records {
                let row = record.as_ref().map_or(Some(&missing), |record| record.values(variable));
                row.into_iter().for_each(|row| values.extend(row));
            }
            Column { name: variable.name, values }
        };
        self.variables.iter().map(column).collect()
    }
}

/// What is recorded of one replica.
#[derive(Debug, Clone, Default)]
pub struct Record {
    arrays: Vec<(&'static Variable, Values)>,
}

impl Record {
    /// A record with nothing measured yet.
    pub fn empty(layout: &Layout) -> Record {
        let array = |(variable, size): (&'static Variable, usize)| (variable, Values::missing(variable.dtype, size));
        Record { arrays: layout.sizes().map(array).collect() }
    }

    /// The record of these arrays; `None` unless they are exactly those of the layout.
    pub fn restored(layout: &Layout, mut find: impl FnMut(&str) -> Option<Values>) -> Option<Record> {
        let mut record = Record::empty(layout);
        for (variable, values) in &mut record.arrays {
            let found = find(variable.name)?;
            (found.len() == values.len() && found.dtype() == values.dtype()).then_some(())?;
            *values = found;
        }
        Some(record)
    }

    /// Every variable with its array.
    pub fn arrays(&self) -> impl Iterator<Item = (&'static Variable, &Values)> {
        self.arrays.iter().map(|(variable, values)| (*variable, values))
    }

    /// The array of a variable, if it was asked for.
    pub fn values(&self, variable: &Variable) -> Option<&Values> {
        self.arrays.iter().find(|(own, _)| own.name == variable.name).map(|(_, values)| values)
    }

    fn values_mut(&mut self, variable: &Variable) -> Option<&mut Values> {
        self.arrays.iter_mut().find(|(own, _)| own.name == variable.name).map(|(_, values)| values)
    }

    /// The array of a variable of 32-bit floats; empty if it was not asked for.
    pub fn floats(&self, variable: &Variable) -> &[f32] {
        match self.values(variable) {
            Some(Values::F32(values)) => values,
            _ => &[],
        }
    }

    /// As [`Record::floats`], to be written into.
    pub fn floats_mut(&mut self, variable: &Variable) -> &mut [f32] {
        match self.values_mut(variable) {
            Some(Values::F32(values)) => values,
            _ => &mut [],
        }
    }

    /// The array of a variable of bytes; empty if it was not asked for.
    pub fn bytes(&self, variable: &Variable) -> &[u8] {
        match self.values(variable) {
            Some(Values::U8(values)) => values,
            _ => &[],
        }
    }

    /// As [`Record::bytes`], to be written into.
    pub fn bytes_mut(&mut self, variable: &Variable) -> &mut [u8] {
        match self.values_mut(variable) {
            Some(Values::U8(values)) => values,
            _ => &mut [],
        }
    }

    /// The array of a variable of any type as 64-bit floats; empty if it was not asked for.
    pub fn numbers(&self, variable: &Variable) -> Vec<f64> {
        match self.values(variable) {
            Some(Values::F32(values)) => values.iter().map(|&value| f64::from(value)).collect(),
            Some(Values::F64(values)) => values.clone(),
            Some(Values::U8(values)) => values.iter().map(|&value| f64::from(value)).collect(),
            None => Vec::new(),
        }
    }

    /// One value of a variable's array; missing, as NaN, where there is none.
    pub fn number(&self, variable: &Variable, place: usize) -> f64 {
        match self.values(variable) {
            Some(Values::F32(values)) => values.get(place).map_or(f64::NAN, |&value| f64::from(value)),
            Some(Values::F64(values)) => values.get(place).copied().unwrap_or(f64::NAN),
            Some(Values::U8(values)) => values.get(place).map_or(f64::NAN, |&value| f64::from(value)),
            None => f64::NAN,
        }
    }

    /// Takes the 32-bit floats of the variable of that name out of the record, for an engine to write into.
    pub fn take_floats(&mut self, name: &str) -> Vec<f32> {
        match self.arrays.iter_mut().find(|(variable, _)| variable.name == name) {
            Some((_, Values::F32(values))) => std::mem::take(values),
            _ => Vec::new(),
        }
    }

    /// As [`Record::take_floats`], for bytes.
    pub fn take_bytes(&mut self, name: &str) -> Vec<u8> {
        match self.arrays.iter_mut().find(|(variable, _)| variable.name == name) {
            Some((_, Values::U8(values))) => std::mem::take(values),
            _ => Vec::new(),
        }
    }

    /// Puts an array in the place of the variable of that name; of no effect if it was not asked for.
    pub fn put(&mut self, name: &str, array: Values) {
        if let Some((_, values)) = self.arrays.iter_mut().find(|(variable, _)| variable.name == name) {
            *values = array;
        }
    }

    /// Sets values from a place of the variable's array on, each rounded to the variable's type; a variable that was not
    /// asked for takes none.
    pub fn set(&mut self, variable: &Variable, from: usize, values: &[f64]) {
        if let Some(array) = self.values_mut(variable) {
            values.iter().enumerate().for_each(|(k, &value)| array.set(from + k, value));
        }
    }

    /// Writes one value into each row of a variable whose last dimension has `width` labels, at one of these.
    pub fn set_along(&mut self, variable: &Variable, width: usize, at: usize, values: &[f32]) {
        for (row, &value) in self.floats_mut(variable).chunks_exact_mut(width.max(1)).zip(values) {
            row[at] = value;
        }
    }

    /// Takes over another record's arrays of the variables for which `of` holds.
    pub fn take_over(&mut self, other: &mut Record, of: impl Fn(&Variable) -> bool) {
        for (variable, values) in self.arrays.iter_mut().filter(|(variable, _)| of(variable)) {
            if let Some(theirs) = other.values_mut(variable) {
                *values = std::mem::replace(theirs, Values::missing(variable.dtype, 0));
            }
        }
    }

    /// Forgets what was recorded after an epoch, of every variable that has a dimension of epochs or steps; `steps_per_epoch`
    /// are the replica's.
    pub fn forget_after(&mut self, axes: &Axes, epoch: usize, steps_per_epoch: usize) {
        for (variable, values) in &mut self.arrays {
            let Some(place) = variable.dims.iter().position(|dim| of_epochs(dim)) else { continue };
            let (moments, last) = match axes.get(variable.dims[place]) {
                Some(Labels::Integers(epochs)) => (epochs, epoch),
                Some(Labels::Steps(steps)) => (steps, epoch * steps_per_epoch),
                _ => continue,
            };
            let inner: usize =
                variable.dims[place + 1..].iter().map(|dim| axes.get(dim).map_or(0, Labels::len)).product();
            let outer = values.len().checked_div(moments.len() * inner).unwrap_or(0);
            for row in 0..outer {
                for (at, _) in moments.iter().enumerate().filter(|(_, moment)| **moment as usize > last) {
                    let start = (row * moments.len() + at) * inner;
                    values.forget(start..start + inner);
                }
            }
        }
    }
}

impl PartialEq for Record {
    fn eq(&self, other: &Record) -> bool {
        let named = |record: &Record| record.arrays().map(|(variable, _)| variable.name).collect::<Vec<_>>();
        named(self) == named(other) && self.arrays.iter().zip(&other.arrays).all(|((_, a), (_, b))| a == b)
    }
}

/// Whether the labels of a dimension are epochs, or steps where those are named.
pub fn of_epochs(dim: Dim) -> bool {
    dim.units == "epoch" && dim.labels == LabelKind::Integer
}
