//! One cell of a part, and what was measured of it.
//!
//! The only place that knows how a cell's values lie in a part's columns. Invariant: a variable that was not measured has
//! no series, and none is made up for it.

use std::path::Path;

use phasesweep_results::Dim;

use crate::observables::record::of_epochs;
use crate::observables::{Moment, Moments, VARIABLES};
use crate::plan::CellId;
use crate::store::schema;
use crate::store::{Labels, Part, PartCell, StoreError, Values};

/// One cell of a part.
#[derive(Debug, Clone, Copy)]
pub struct StoredCell<'a> {
    /// The part.
    pub part: &'a Part,
    row: usize,
}

/// Values of one variable of one cell: an array whose last dimensions are `shape`, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Series<'a> {
    /// Lengths of the dimensions, those of [`phasesweep_results::Variable::dims`] without the cell; fewer once places are chosen.
    pub shape: Vec<usize>,
    values: Slice<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Slice<'a> {
    F32(&'a [f32]),
    F64(&'a [f64]),
    U8(&'a [u8]),
}

/// The last measured value of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct LastValue {
    /// Name of the variable, with the label of its further dimension.
    pub name: String,
    /// The value.
    pub value: f64,
    /// When it was measured.
    pub at: Moment,
}

impl<'a> StoredCell<'a> {
    /// The cell of that id in a part that was read from `path`.
    ///
    /// # Errors
    /// [`StoreError::Contradiction`] if the part does not hold it.
    pub fn of(part: &'a Part, id: CellId, path: &Path) -> Result<StoredCell<'a>, StoreError> {
        let row = part.cells.iter().position(|cell| cell.id == id);
        let absent = || StoreError::contradiction(path, format!("it does not hold cell {id}, which its head names"));
        Ok(StoredCell { part, row: row.ok_or_else(absent)? })
    }

    /// What the part says of the cell itself.
    pub fn cell(&self) -> &'a PartCell {
        &self.part.cells[self.row]
    }

    /// Canonical specification of the cell but for its seed, as JSON.
    pub fn specification(&self) -> Option<&'a str> {
        self.part.variants.get(self.cell().variant as usize).map(String::as_str)
    }

    /// What was measured of a variable; `None` if it was not.
    pub fn series(&self, variable: &str) -> Option<Series<'a>> {
        let column = self.part.column(variable)?;
        let shape = self.part.axes.shape(schema::variable(variable)?);
        let length: usize = shape.iter().product();
        let rows = self.row * length..(self.row + 1) * length;
        let values = match &column.values {
            Values::F32(all) => Slice::F32(all.get(rows)?),
            Values::F64(all) => Slice::F64(all.get(rows)?),
            Values::U8(all) => Slice::U8(all.get(rows)?),
        };
        Some(Series { shape, values })
    }

    /// Labels along a dimension, if they are whole numbers: epochs, layers, classes.
    pub fn integers(&self, dim: Dim) -> Vec<usize> {
        match self.part.axes.get(dim) {
            Some(Labels::Integers(labels)) => labels.iter().map(|&label| label as usize).collect(),
            _ => Vec::new(),
        }
    }

    /// The moments along a dimension of epochs, or of steps where those were named.
    pub fn moments(&self, dim: Dim) -> Moments {
        match self.part.axes.get(dim) {
            Some(Labels::Steps(steps)) => Moments::steps(steps.iter().map(|&step| step as usize).collect()),
            _ => Moments::epochs(self.integers(dim)),
        }
    }

    /// The last measured value of every variable that is a series of epochs or steps, or one series for each label of a further
    /// dimension.
    pub fn last_values(&self) -> Vec<LastValue> {
        let mut found = Vec::new();
        for variable in VARIABLES {
            let (&[_, epochs] | &[_, _, epochs]) = variable.dims else { continue };
            let (Some(series), true) = (self.series(variable.name), of_epochs(epochs)) else { continue };
            let (numbers, moments) = (series.numbers(), self.moments(epochs));
            for (row, values) in numbers.chunks(moments.len().max(1)).enumerate() {
                let Some(last) = values.iter().rposition(|value| value.is_finite()) else { continue };
                let name = match variable.dims {
                    [_, dim, _] => format!("{} {}", variable.name, self.label(dim, row)),
                    _ => variable.name.to_owned(),
                };
                let at = Moment { unit: moments.unit, count: moments.counts[last] };
                found.push(LastValue { name, value: values[last], at });
            }
        }
        found
    }

    /// A label along a dimension, as text.
    fn label(&self, dim: Dim, place: usize) -> String {
        match self.part.axes.get(dim) {
            Some(Labels::Integers(labels) | Labels::Steps(labels)) => labels[place].to_string(),
            Some(Labels::Numbers(labels)) => labels[place].to_string(),
            Some(Labels::Texts(labels)) => labels[place].clone(),
            Some(Labels::Positions(_)) | None => place.to_string(),
        }
    }

    /// Number of labels along a dimension.
    pub fn length(&self, dim: Dim) -> usize {
        self.part.axes.get(dim).map_or(0, Labels::len)
    }
}

impl<'a> Series<'a> {
    /// The values at these places along the first dimensions; `None` beyond their ends.
    pub fn at(&self, places: &[usize]) -> Option<Series<'a>> {
        let (chosen, rest) = self.shape.split_at_checked(places.len())?;
        let mut place = 0;
        for (&at, &length) in places.iter().zip(chosen) {
            if at >= length {
                return None;
            }
            place = place * length + at;
        }
        let length: usize = rest.iter().product();
        let range = place * length..(place + 1) * length;
        let values = match self.values {
            Slice::F32(all) => Slice::F32(all.get(range)?),
            Slice::F64(all) => Slice::F64(all.get(range)?),
            Slice::U8(all) => Slice::U8(all.get(range)?),
        };
        Some(Series { shape: rest.to_vec(), values })
    }

    /// The values, if they are 32-bit floats; else none.
    pub fn floats(&self) -> &'a [f32] {
        match self.values {
            Slice::F32(values) => values,
            _ => &[],
        }
    }

    /// The values, if they are bytes; else none.
    pub fn bytes(&self) -> &'a [u8] {
        match self.values {
            Slice::U8(values) => values,
            _ => &[],
        }
    }

    /// The values as 64-bit floats, whatever they are.
    pub fn numbers(&self) -> Vec<f64> {
        match self.values {
            Slice::F32(values) => values.iter().map(|&value| f64::from(value)).collect(),
            Slice::F64(values) => values.to_vec(),
            Slice::U8(values) => values.iter().map(|&value| f64::from(value)).collect(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::plan::CohortId;
    use phasesweep_results::dimension;

    use crate::store::{Axes, CellStatus, Column, Origin};

    /// Two cells, two layers, three classes, four epochs: the value at (cell, layer, class, epoch) tells its place.
    fn part() -> Part {
        let cell = |byte: u8| PartCell {
            id: CellId([byte; 16]),
            seed: u64::from(byte),
            variant: 0,
            status: CellStatus::Complete,
            diverged_epoch: None,
            wall_seconds: 1.0,
            failure: String::new(),
        };
        let mut axes = Axes::default();
        axes.set(dimension::LAYER, Labels::integers([1, 2]));
        axes.set(dimension::CLASS, Labels::integers(0..3));
        axes.set(dimension::EPOCH, Labels::integers([0, 5, 10, 15]));
        axes.set(dimension::SNAPSHOT, Labels::integers([0, 10]));
        axes.set(dimension::BYTE, Labels::Positions(3));
        let mut radius = Vec::new();
        for cell in 0..2 {
            for layer in 0..2 {
                for class in 0..3 {
                    radius.extend((0..4).map(|epoch| (1000 * cell + 100 * layer + 10 * class + epoch) as f32));
                }
            }
        }
        let columns = vec![
            Column { name: "radius", values: Values::F32(radius) },
            Column { name: "misclassified", values: Values::U8((0..12).collect()) },
        ];
        Part {
            cohort: CohortId(1),
            cells: vec![cell(7), cell(9)],
            variants: vec!["{}".into()],
            origin: Origin::default(),
            axes,
            columns,
        }
    }

    #[test]
    fn the_last_value_of_a_series_is_the_last_that_was_measured() {
        let mut part = part();
        let error = vec![0.5, 0.4, f32::NAN, f32::NAN, 0.3, 0.2, 0.1, 0.0];
        part.columns.push(Column { name: "train_error", values: Values::F32(error) });
        part.axes.set(dimension::NOISE, Labels::Numbers(vec![0.5, 2.0]));
        let noisy = (0..16).map(|k| k as f32).collect();
        part.columns.push(Column { name: "noisy_error", values: Values::F32(noisy) });
        let cell = StoredCell::of(&part, CellId([7; 16]), Path::new("a.h5")).unwrap();
        let shown: Vec<_> = cell.last_values().into_iter().map(|last| (last.name, last.value, last.at.count)).collect();
        let expected =
            [("train_error", f64::from(0.4f32), 5), ("noisy_error 0.5", 3.0, 15), ("noisy_error 2", 7.0, 15)];
        assert_eq!(shown, expected.map(|(name, value, epoch)| (name.to_owned(), value, epoch)));
    }

    #[test]
    fn every_value_is_found_at_its_place() {
        let part = part();
        let path = Path::new("a.h5");
        for (row, byte) in [(0, 7), (1, 9)] {
            let cell = StoredCell::of(&part, CellId([byte; 16]), path).unwrap();
            assert_eq!(cell.cell().seed, u64::from(byte));
            let radius = cell.series("radius").unwrap();
            assert_eq!(radius.shape, [2, 3, 4]);
            for layer in 0..2 {
                let of_layer = radius.at(&[layer]).unwrap();
                assert_eq!(of_layer.shape, [3, 4]);
                for class in 0..3 {
                    let series = radius.at(&[layer, class]).unwrap();
                    assert_eq!(series, of_layer.at(&[class]).unwrap());
                    let expected: Vec<f32> =
                        (0..4).map(|epoch| (1000 * row + 100 * layer + 10 * class + epoch) as f32).collect();
                    assert_eq!(series.floats(), expected);
                    assert_eq!(series.at(&[3]).unwrap().numbers(), [f64::from(expected[3])]);
                }
            }
            for beyond in [&[2][..], &[0, 3], &[0, 0, 4], &[0, 0, 0, 0]] {
                assert_eq!(radius.at(beyond), None, "{beyond:?}");
            }
            let bits = cell.series("misclassified").unwrap();
            assert_eq!(bits.bytes(), (0..6).map(|bit| bit + 6 * row as u8).collect::<Vec<_>>());
            assert_eq!(bits.floats(), &[] as &[f32]);
            assert_eq!(cell.integers(dimension::EPOCH), [0, 5, 10, 15]);
        }
    }

    #[test]
    fn what_is_not_there_is_not_made_up() {
        let part = part();
        assert!(StoredCell::of(&part, CellId([8; 16]), Path::new("a.h5")).is_err());
        let cell = StoredCell::of(&part, CellId([7; 16]), Path::new("a.h5")).unwrap();
        assert_eq!(cell.series("distance"), None);
        assert_eq!(cell.series("no such variable"), None);
        assert!(cell.integers(dimension::STAGE).is_empty() && cell.length(dimension::STAGE) == 0);
    }
}
