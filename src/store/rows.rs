//! What the results file tells of each cell besides its measurements, and where the cells were trained.

use std::collections::{BTreeMap, BTreeSet};

use phasesweep_results::Status;
use phasesweep_results::cell::{CELL_ID, DIVERGED_EPOCH, FAILURE, STATUS, WALL_SECONDS};

use super::part::{CellStatus, Origin, PartCell};
use super::results::Writer;
use super::shared_texts::SharedTexts;
use crate::plan::CellId;

/// Where the parts were trained.
#[derive(Debug, Default)]
pub(super) struct Origins {
    pub(super) engines: BTreeSet<String>,
    /// Each with the most memory that it held, if known.
    pub(super) ranks: BTreeMap<(String, u32), Option<u64>>,
}

impl Origins {
    /// Adds where one part was trained.
    pub(super) fn add(&mut self, origin: &Origin) {
        // A part that only says that its cell failed names neither.
        if !origin.engine.is_empty() {
            self.engines.insert(origin.engine.clone());
        }
        if !origin.host.is_empty() {
            let most = self.ranks.entry((origin.host.clone(), origin.rank)).or_default();
            *most = origin.peak_memory.max(*most);
        }
    }
}

/// What is told of each cell besides its measurements.
pub(super) struct Rows {
    pub(super) status: Vec<Option<CellStatus>>,
    wall_seconds: Vec<f64>,
    diverged_epoch: Vec<f64>,
    failure: BTreeMap<usize, String>,
    /// Where they were trained.
    pub(super) origins: Origins,
}

impl Rows {
    pub(super) fn missing(cells: usize) -> Rows {
        Rows {
            status: vec![None; cells],
            wall_seconds: vec![f64::NAN; cells],
            diverged_epoch: vec![f64::NAN; cells],
            failure: BTreeMap::new(),
            origins: Origins::default(),
        }
    }

    /// Sets what a part tells of the plan's cell number `row`.
    pub(super) fn set(&mut self, row: usize, cell: &PartCell) {
        self.status[row] = Some(cell.status);
        self.wall_seconds[row] = cell.wall_seconds;
        self.diverged_epoch[row] = cell.diverged_epoch.map_or(f64::NAN, f64::from);
        if !cell.failure.is_empty() {
            self.failure.insert(row, cell.failure.clone());
        }
    }

    pub(super) fn measured(&self) -> u64 {
        let measured = |status: &&Option<CellStatus>| status.is_some_and(|status| status != CellStatus::Failed);
        self.status.iter().filter(measured).count() as u64
    }

    pub(super) fn training_seconds(&self) -> f64 {
        // Not `sum`: the sum of no numbers is -0.
        self.wall_seconds.iter().filter(|seconds| !seconds.is_nan()).fold(0.0, |sum, seconds| sum + seconds)
    }

    pub(super) fn status(&self, row: usize) -> &'static str {
        self.status[row].map_or(Status::Missing, Status::from).name()
    }

    /// The texts that [`Rows::write`] writes.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        (0..self.status.len()).map(|row| self.status(row)).chain([""]).chain(self.failure.values().map(String::as_str))
    }

    pub(super) fn write(&self, writer: &Writer<'_>, texts: &SharedTexts, cells: &[CellId]) -> hdf5::Result<()> {
        let count = cells.len();
        let status = |k: usize| self.status(k);
        let failure = |k: usize| self.failure.get(&k).map_or("", String::as_str);
        writer.cell_texts(CELL_ID.name, CELL_ID.long_name, count, |k| cells[k].to_string().into())?;
        writer.cell_labels(texts, STATUS.name, STATUS.long_name, count, status)?;
        writer.cell_labels(texts, FAILURE.name, FAILURE.long_name, count, failure)?;
        for (variable, values) in [(WALL_SECONDS, &self.wall_seconds), (DIVERGED_EPOCH, &self.diverged_epoch)] {
            writer.cell_numbers(variable.name, (variable.units, variable.long_name), values, Some(f64::NAN))?;
        }
        Ok(())
    }
}
