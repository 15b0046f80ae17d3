//! How parts flow into the results file: the labels of all of them united, then their values, so many cells at a time.
//!
//! Invariants: memory holds one slab and a few parts, whatever the number of cells; each chunk of the results file is
//! compressed once; a part that turns out torn is noted, and its cells are left missing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use hdf5::{Dataset, Hyperslab, SliceOrIndex};
use ndarray::ArrayViewD;
use phasesweep_results::Variable;
use rayon::prelude::*;

use super::rows::Rows;
use crate::observables::{Axes, Values};

use super::error::StoreError;
use super::part::{Origin, Part};
use super::results::Writer;
use super::schema::VARIABLES;
use super::source::Source;

/// Bytes of values in memory at a time.
const SLAB_BYTES: usize = 256 << 20;
/// Bytes of a chunk, about: compresses well, and one cell is read quickly.
const CHUNK_BYTES: usize = 256 << 10;
/// Parts read ahead at a time.
const PARTS_AT_ONCE: usize = 16;

/// The labels of the parts, one set for each distinct layout, and their union.
pub(super) struct Layouts {
    pub(super) whole: Axes,
    variables: Vec<&'static Variable>,
    /// For each layout and variable of it, where each of a cell's values goes.
    places: HashMap<[u8; 16], BTreeMap<&'static str, Vec<usize>>>,
}

impl Layouts {
    /// Reads one part of each layout.
    pub(super) fn read(sources: &[Source], torn: &mut Vec<(PathBuf, String)>) -> Result<Layouts, StoreError> {
        let mut axes: BTreeMap<[u8; 16], (Axes, Vec<&'static str>)> = BTreeMap::new();
        for Source { scan, found, .. } in sources {
            let needed: HashSet<u32> = found.iter().flatten().map(|found| found.part).collect();
            for (k, (path, summary)) in scan.parts.iter().enumerate() {
                if needed.contains(&(k as u32))
                    && !axes.contains_key(&summary.layout)
                    && let Some(part) = read_part(path, torn)?
                {
                    axes.insert(summary.layout, (part.axes, part.columns.iter().map(|c| c.name).collect()));
                }
            }
        }
        let mut whole = Axes::default();
        for (axes, _) in axes.values() {
            // `Part::read` has seen to it that labels of a dimension are of its kind.
            whole.unite(axes).map_err(|dim| {
                StoreError::contradiction(Path::new("parts"), format!("labels of {} differ in kind", dim.name))
            })?;
        }
        let measured = |variable: &&Variable| axes.values().any(|(_, names)| names.contains(&variable.name));
        let variables: Vec<_> = VARIABLES.iter().copied().filter(measured).collect();
        let places_of = |(axes, names): &(Axes, Vec<&'static str>)| {
            let here = variables.iter().filter(|variable| names.contains(&variable.name));
            here.filter_map(|v| axes.places_in(&whole, v).map(|places| (v.name, places))).collect()
        };
        let places = axes.iter().map(|(layout, axes)| (*layout, places_of(axes))).collect();
        Ok(Layouts { variables, places, whole })
    }

    /// Whether a variable of that name was measured of any cell.
    pub(super) fn has(&self, name: &str) -> bool {
        self.variables.iter().any(|variable| variable.name == name)
    }
}

/// Reads a part; a torn one is noted and gives `None`.
fn read_part(path: &Path, torn: &mut Vec<(PathBuf, String)>) -> Result<Option<Part>, StoreError> {
    match Part::read(path) {
        Ok(part) => Ok(Some(part)),
        Err(StoreError::Torn { path, reason }) => {
            torn.push((path, reason));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The variables' values for so many consecutive cells, and the datasets where they go.
pub(super) struct Slabs {
    /// Cells of a slab.
    pub(super) cells: usize,
    variables: Vec<(&'static Variable, Vec<usize>, Dataset, Values)>,
}

impl Slabs {
    pub(super) fn new(writer: &Writer<'_>, layouts: &Layouts, cells: usize) -> hdf5::Result<Slabs> {
        let width = |v: &Variable| layouts.whole.size(v) * v.dtype.bytes();
        let all: usize = layouts.variables.iter().map(|v| width(v)).sum();
        // Powers of two, so that slabs hold whole chunks and every chunk is compressed once.
        let slab = power_of_two_below(SLAB_BYTES / all.max(1)).min(cells.max(1).next_power_of_two());
        let variables = layouts.variables.iter().map(|variable| {
            let shape = [&[cells], layouts.whole.shape(variable).as_slice()].concat();
            let chunk = power_of_two_below(CHUNK_BYTES / width(variable).max(1)).min(slab).min(cells.max(1));
            let dataset = writer.variable(variable, &shape, chunk)?;
            Ok((*variable, shape, dataset, Values::missing(variable.dtype, 0)))
        });
        Ok(Slabs { cells: slab, variables: variables.collect::<hdf5::Result<_>>()? })
    }

    /// Reads the values of the cells in `range`.
    pub(super) fn fill(
        &mut self,
        sources: &mut [Source],
        layouts: &Layouts,
        range: Range<usize>,
        rows: &mut Rows,
        torn: &mut Vec<(PathBuf, String)>,
    ) -> Result<(), StoreError> {
        for (variable, shape, _, values) in &mut self.variables {
            *values = Values::missing(variable.dtype, range.len() * shape[1..].iter().product::<usize>());
        }
        sources.iter_mut().try_for_each(|source| self.fill_from(source, layouts, range.clone(), rows, torn))
    }

    fn fill_from(
        &mut self,
        source: &mut Source,
        layouts: &Layouts,
        range: Range<usize>,
        rows: &mut Rows,
        torn: &mut Vec<(PathBuf, String)>,
    ) -> Result<(), StoreError> {
        let Source { scan, found, addition, measured_by } = source;
        let start = range.start;
        let mut wanted: BTreeMap<u32, Vec<(usize, usize)>> = BTreeMap::new();
        for (slot, found) in found[range].iter().enumerate() {
            if let Some(found) = found {
                wanted.entry(found.part).or_default().push((slot, found.row as usize));
            }
        }
        let wanted: Vec<_> = wanted.into_iter().collect();
        for batch in wanted.chunks(PARTS_AT_ONCE) {
            let read = |(part, _): &(u32, Vec<_>)| {
                let mut torn = Vec::new();
                read_part(&scan.parts[*part as usize].0, &mut torn).map(|part| (part, torn))
            };
            let parts: Vec<_> = batch.par_iter().map(read).collect::<Result<_, _>>()?;
            for ((index, cells), (part, more)) in batch.iter().zip(parts) {
                torn.extend(more);
                let Some(part) = part else { continue };
                let (path, summary) = &scan.parts[*index as usize];
                match addition {
                    // Cells and ranks are those of the run.
                    None => rows.origins.add(&part.origin),
                    Some(_) => _ = measured_by.insert(version(&part.origin)),
                }
                let Some(places) = layouts.places.get(&summary.layout) else { continue };
                for &(slot, row) in cells {
                    let cell = part
                        .cells
                        .get(row)
                        .ok_or_else(|| StoreError::contradiction(path, "its summary has more cells than its body"))?;
                    if addition.is_none() {
                        rows.set(start + slot, cell);
                    }
                    for (variable, shape, _, values) in &mut self.variables {
                        let own = addition.as_ref().is_none_or(|addition| addition.has(variable));
                        if let (true, Some(column), Some(places)) =
                            (own, part.column(variable.name), places.get(variable.name))
                        {
                            values.place_row(slot, shape[1..].iter().product(), &column.values, row, places);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn write(&self, start: usize, end: usize) -> hdf5::Result<()> {
        for (_, shape, dataset, values) in &self.variables {
            let shape = [&[end - start], &shape[1..]].concat();
            match values {
                Values::F32(values) => write_slab(dataset, start, &shape, values)?,
                Values::F64(values) => write_slab(dataset, start, &shape, values)?,
                Values::U8(values) => write_slab(dataset, start, &shape, values)?,
            }
        }
        Ok(())
    }
}

fn write_slab<T: hdf5::H5Type>(dataset: &Dataset, start: usize, shape: &[usize], values: &[T]) -> hdf5::Result<()> {
    let view = ArrayViewD::from_shape(shape, values)?;
    let along = |(k, &length): (usize, &usize)| {
        let begin = if k == 0 { start } else { 0 };
        SliceOrIndex::from(begin..begin + length)
    };
    let slab = Hyperslab::from(shape.iter().enumerate().map(along).collect::<Vec<_>>());
    dataset.write_slice(view, slab)
}

/// The version of phasesweep that wrote a part, with its commit where that is known.
fn version(origin: &Origin) -> String {
    match origin.git_commit.as_str() {
        "" => origin.version.clone(),
        commit => format!("{} ({commit})", origin.version),
    }
}

/// The greatest power of two that is not above `n`, at least 1.
fn power_of_two_below(n: usize) -> usize {
    n.checked_ilog2().map_or(1, |power| 1 << power)
}
