//! Groups of cells: those of one variant, or all that agree in the columns that the user groups by.
//!
//! Invariants: every cell is in exactly one group; groups stand in the order in which the file first names them. The cells
//! of a variant differ in the seed alone; a group is a variant by its hash and never by what it is called.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::error::{Error, Result};
use crate::results::Cells;

/// Cells of one variant, or that agree in every grouping column.
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
    /// Grouping columns; of variants, what they are called.
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

    /// Groups cells by columns; by variant where none is named.
    pub fn by(cells: &Cells, columns: &[String], path: &Path) -> Result<Self> {
        let by_variant = columns.is_empty();
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
        let mut place: HashMap<(usize, Vec<&str>), usize> = HashMap::new();
        let mut all: Vec<Group> = Vec::new();
        for cell in 0..cells.len() {
            let called: Vec<&str> = values.iter().map(|column| column[cell].as_str()).collect();
            let key = if by_variant { (cells.variant[cell], Vec::new()) } else { (0, called.clone()) };
            let group = *place.entry(key).or_insert_with(|| {
                let named = called.iter().zip(&varies).zip(&columns).filter(|((_, varies), _)| **varies);
                let telling: Vec<&str> = named.map(|((value, _), column)| plain(column, value)).collect();
                let name = if telling.is_empty() { "all cells".to_owned() } else { telling.join(" · ") };
                all.push(Group { values: called.iter().map(|v| (*v).to_owned()).collect(), cells: Vec::new(), name });
                all.len() - 1
            });
            all[group].cells.push(cell);
        }
        if by_variant {
            tell_apart(&mut all, cells);
        }
        Ok(Groups { columns, varies, all })
    }

    /// What a person must know of groups that are the file's variants: that the file does not say which they are, and
    /// whether cells of a group differ in more than the seed. In sentences.
    pub fn doubts(&self, cells: &Cells, path: &Path) -> Vec<String> {
        let mut out = Vec::new();
        if cells.variant_id.is_none() {
            out.push(format!(
                "{} was collected by a phasesweep that did not write which variant a cell is of: cells are grouped by the \
                 labels of all axes, and what no label names is mixed. `phasesweep collect` with this version, from the \
                 parts, writes it.",
                path.display()
            ));
        }
        let twice = |group: &&Group| {
            let seeds: HashSet<i64> = group.cells.iter().map(|&cell| cells.seed[cell]).collect();
            seeds.len() < group.cells.len()
        };
        let mixed: Vec<&Group> = self.all.iter().filter(twice).collect();
        if let Some(first) = mixed.first() {
            out.push(format!(
                "{} of {} groups hold a seed more than once (the first: {}): their cells differ in more than the seed, and \
                 no spread or interval over them is one over seeds.",
                mixed.len(),
                self.all.len(),
                first.name
            ));
        }
        out
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

/// Adds their hashes to the names of variants that are called the same: no two that this version lays out are.
fn tell_apart(groups: &mut [Group], cells: &Cells) {
    let Some(ids) = &cells.variant_id else { return };
    let mut count: HashMap<String, usize> = HashMap::new();
    groups.iter().for_each(|group| *count.entry(group.name.clone()).or_default() += 1);
    for group in groups.iter_mut().filter(|group| count[&group.name] > 1) {
        group.name = format!("{} · variant {}", group.name, ids[group.cells[0]]);
    }
}

/// A value as a name says it: nothing pruned is the whole block.
fn plain<'a>(column: &str, value: &'a str) -> &'a str {
    if column == "prune" && value == "none" { "whole block" } else { value }
}
