//! Groups of cells: all that agree in the grouping columns. The cells of a group differ in the seed alone, unless the
//! user groups by less.
//!
//! Invariants: every cell is in exactly one group; groups stand in the order in which the file first names them.

use std::collections::HashMap;
use std::path::Path;

use crate::error::{Error, Result};
use crate::results::Cells;

/// Cells that agree in every grouping column.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Value of each grouping column.
    pub values: Vec<String>,
    /// Indices of its cells, ascending.
    pub cells: Vec<usize>,
    /// The values that tell it from the others, joined; "all cells" if there is no other group.
    pub name: String,
}

/// All groups.
#[derive(Debug, Clone, PartialEq)]
pub struct Groups {
    /// Grouping columns.
    pub columns: Vec<String>,
    /// Whether a column takes more than one value.
    pub varies: Vec<bool>,
    /// The groups.
    pub all: Vec<Group>,
}

impl Groups {
    /// The grouping columns that say the same in every row.
    pub fn constant(&self) -> Vec<String> {
        let same = self.columns.iter().zip(&self.varies).filter(|(_, varies)| !**varies);
        same.map(|(name, _)| name.clone()).collect()
    }

    /// Groups cells by columns; by every axis but the seed where none is named.
    pub fn by(cells: &Cells, columns: &[String], path: &Path) -> Result<Self> {
        let columns = match columns {
            [] => cells.axes.iter().map(|(name, _)| name.clone()).collect(),
            named => named.to_vec(),
        };
        let unknown = |name: &String| Error::UnknownColumn {
            name: name.clone(),
            path: path.to_owned(),
            known: cells.column_names(),
        };
        let values: Vec<Vec<String>> =
            columns.iter().map(|name| cells.column(name).ok_or_else(|| unknown(name))).collect::<Result<_>>()?;
        let varies: Vec<bool> = values.iter().map(|column| column.iter().any(|value| *value != column[0])).collect();
        let mut place: HashMap<Vec<&str>, usize> = HashMap::new();
        let mut all: Vec<Group> = Vec::new();
        for cell in 0..cells.len() {
            let key: Vec<&str> = values.iter().map(|column| column[cell].as_str()).collect();
            let group = *place.entry(key).or_insert_with_key(|key| {
                let named = key.iter().zip(&varies).zip(&columns).filter(|((_, varies), _)| **varies);
                let telling: Vec<&str> = named.map(|((value, _), column)| plain(column, value)).collect();
                let name = if telling.is_empty() { "all cells".to_owned() } else { telling.join(" · ") };
                all.push(Group { values: key.iter().map(|v| (*v).to_owned()).collect(), cells: Vec::new(), name });
                all.len() - 1
            });
            all[group].cells.push(cell);
        }
        Ok(Groups { columns, varies, all })
    }

    /// A group's name without its prune: what tells it from other groups that were trained on the whole block.
    pub fn circumstance(&self, group: usize) -> String {
        let telling: Vec<&str> = (self.columns.iter().zip(&self.varies).zip(&self.all[group].values))
            .filter(|((column, varies), _)| **varies && *column != "prune")
            .map(|(_, value)| value.as_str())
            .collect();
        if telling.is_empty() { "all cells".to_owned() } else { telling.join(" · ") }
    }

    /// The group of each cell.
    pub fn of_cells(&self, cells: usize) -> Vec<usize> {
        let mut out = vec![0; cells];
        for (index, group) in self.all.iter().enumerate() {
            group.cells.iter().for_each(|&cell| out[cell] = index);
        }
        out
    }
}

/// A value as a name says it: nothing pruned is the whole block.
fn plain<'a>(column: &str, value: &'a str) -> &'a str {
    if column == "prune" && value == "none" { "whole block" } else { value }
}
