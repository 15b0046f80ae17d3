//! Every series along training of a file, one after another, a slab of cells at a time: what trajectories and logs are made of.
//!
//! A series is a variable at one label of each of its dimensions other than the cell and the epoch. Invariant: values stand at
//! the moments of their variable, ascending.

use std::ops::Range;

use crate::error::Result;
use crate::results::{AlongTraining, Results, Unit};

/// Bytes of one variable that are read at a time.
const AT_ONCE: usize = 32 << 20;

/// One series of a variable.
#[derive(Debug, Clone, PartialEq)]
pub struct OneSeries {
    /// Name of the variable.
    pub variable: String,
    /// Dimension and label, slowest first.
    pub labels: Vec<(String, String)>,
    /// Its place among the series of the variable.
    pub place: usize,
}

impl OneSeries {
    /// As columns are called: `radius[1,0]`; the variable's name where it has one series alone.
    pub fn column(&self) -> String {
        if self.labels.is_empty() {
            return self.variable.clone();
        }
        let labels: Vec<&str> = self.labels.iter().map(|(_, label)| label.as_str()).collect();
        format!("{}[{}]", self.variable, labels.join(","))
    }

    /// As trackers group metrics: `radius/layer_1/class_0`, of letters, digits, dashes, dots and underscores.
    pub fn path(&self) -> String {
        let plain = |text: &str| {
            let letter = |c: char| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '_' };
            text.chars().map(letter).collect::<String>()
        };
        let labels = self.labels.iter().map(|(name, label)| format!("/{}_{}", plain(name), plain(label)));
        [self.variable.clone()].into_iter().chain(labels).collect()
    }
}

/// A variable along training with its series, and which of its moments are taken.
#[derive(Debug, Clone)]
pub struct Variable {
    /// What the file says of it.
    pub along: AlongTraining,
    /// Its series, in the order of its values.
    pub series: Vec<OneSeries>,
    /// Places of the moments that are taken.
    pub moments: Vec<usize>,
}

impl Variable {
    /// What its moments are counted in.
    pub fn unit(&self) -> Unit {
        self.along.unit
    }

    /// The moments that are taken.
    pub fn taken(&self) -> impl Iterator<Item = i64> {
        self.moments.iter().map(|&place| self.along.epochs[place])
    }

    /// Values of a cell at a place of a slab: one vector a series, at the moments that are taken.
    pub fn of_cell(&self, slab: &[f32], cell: usize) -> Vec<Vec<f32>> {
        let (count, length) = (self.series.len(), self.along.epochs.len());
        let first = |series: &OneSeries| (cell * count + series.place) * length;
        let values = |series: &OneSeries| {
            self.moments.iter().map(|&moment| slab.get(first(series) + moment).copied().unwrap_or(f32::NAN)).collect()
        };
        self.series.iter().map(values).collect()
    }
}

/// Every variable along training, at moments that are multiples of `every` (all where it is `None`).
///
/// # Errors
/// What keeps the file from being read.
pub fn variables(results: &Results, every: Option<i64>) -> Result<Vec<Variable>> {
    let of = |along: AlongTraining| {
        let mut labels: Vec<Vec<(String, String)>> = vec![Vec::new()];
        for (dimension, all) in &along.dimensions {
            let with = |before: &Vec<(String, String)>, label: &String| {
                let mut longer = before.clone();
                // A dimension of one label tells nothing.
                longer.extend((all.len() > 1).then(|| (dimension.clone(), label.clone())));
                longer
            };
            labels = labels.iter().flat_map(|before| all.iter().map(move |label| with(before, label))).collect();
        }
        let one = |(place, labels)| OneSeries { variable: along.name.clone(), labels, place };
        let series = labels.into_iter().enumerate().map(one).collect();
        let taken = |place: &usize| every.is_none_or(|every| along.epochs[*place] % every == 0);
        let moments = (0..along.epochs.len()).filter(taken).collect();
        Variable { along, series, moments }
    };
    Ok(results.along_training()?.into_iter().map(of).collect())
}

/// Ranges of cells such that a slab of every variable takes little memory.
pub fn slabs(results: &Results, variables: &[Variable]) -> Vec<Range<usize>> {
    let values = |variable: &Variable| variable.series.len().saturating_mul(variable.along.epochs.len());
    let per_cell = variables.iter().map(values).fold(0_usize, usize::saturating_add).max(1);
    let step = (AT_ONCE / (4 * per_cell)).max(1);
    let cells = results.cells.len();
    (0..cells).step_by(step).map(|start| start..(start + step).min(cells)).collect()
}

/// Values of a variable in some cells, cell by cell.
///
/// # Errors
/// What keeps the file from being read.
pub fn read(results: &Results, variable: &Variable, cells: Range<usize>) -> Result<Vec<f32>> {
    let slab = results.slab(&variable.along.name, cells)?;
    Ok(slab.map_or_else(Vec::new, |slab| slab.into_iter().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_named_for_columns_and_for_trackers() {
        let labels = [("layer", "1"), ("pair", "0-1 %")].map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec();
        let series = OneSeries { variable: "distance".into(), labels, place: 0 };
        assert_eq!(
            (series.column(), series.path()),
            ("distance[1,0-1 %]".into(), "distance/layer_1/pair_0-1__".into())
        );
        let series = OneSeries { labels: Vec::new(), ..series };
        assert_eq!((series.column(), series.path()), ("distance".into(), "distance".into()));
    }
}
