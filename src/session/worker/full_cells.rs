//! Full cells' results, read from their parts for the cells that prune by them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::pruning::FullCell;
use crate::session::run_context::RunContext;
use phasesweep_results::dimension;

use crate::observe::principal::mean_of_measured;
use crate::plan::CellId;
use crate::run_directory::{Series, StoredCell};
use crate::store::{Part, StoreError, scan};

/// Finds and remembers full cells.
pub(in crate::session) struct FullCells {
    context: Arc<RunContext>,
    /// Where each cell's part was when the directory was last scanned.
    places: HashMap<CellId, PathBuf>,
    /// The part read last: the cells of a cohort mostly need the same.
    last: Option<(PathBuf, Part)>,
}

impl FullCells {
    pub(in crate::session) fn new(context: Arc<RunContext>) -> FullCells {
        FullCells { context, places: HashMap::new(), last: None }
    }

    /// What pruning needs to know of a finished cell.
    pub(in crate::session) fn get(&mut self, cell: CellId) -> Result<FullCell, StoreError> {
        if !self.places.contains_key(&cell) {
            let scan = scan(&self.context.directory.parts())?;
            for (path, summary) in &scan.parts {
                self.places.extend(summary.cells.iter().map(|(id, _)| (*id, path.clone())));
            }
        }
        let path = self.places.get(&cell).cloned().ok_or_else(|| {
            StoreError::contradiction(
                &self.context.directory.parts(),
                format!("no part holds cell {cell}, which a pruned cell needs; run the sweep again"),
            )
        })?;
        if self.last.as_ref().is_none_or(|(of, _)| *of != path) {
            self.last = Some((path.clone(), Part::read(&path)?));
        }
        match &self.last {
            Some((path, part)) => Ok(full_cell(StoredCell::of(part, cell, path)?)),
            None => unreachable!("the part was read just above"),
        }
    }
}

/// What pruning needs of a cell, of its last observed layer; what was not measured is empty.
fn full_cell(cell: StoredCell<'_>) -> FullCell {
    let floats = |series: Option<Series<'_>>| series.map_or_else(Vec::new, |series| series.floats().to_vec());
    let last_layer = cell.length(dimension::LAYER).saturating_sub(1);
    let of_last_layer =
        |variable: &str, place: usize| floats(cell.series(variable).and_then(|all| all.at(&[last_layer, place])));
    let classes = cell.integers(dimension::CLASS);
    let radius = |class: usize| {
        let place = classes.iter().position(|&known| known == class);
        place.map_or_else(Vec::new, |place| of_last_layer("radius", place))
    };
    let distances: Vec<Vec<f32>> =
        (0..cell.length(dimension::PAIR)).map(|pair| of_last_layer("distance", pair)).collect();
    let distances: Vec<&[f32]> = distances.iter().map(Vec::as_slice).collect();
    FullCell {
        epochs: cell.integers(dimension::EPOCH),
        train_error: floats(cell.series("train_error")),
        radius: [radius(0), radius(1)],
        distance: mean_of_measured(&distances),
        snapshot_epochs: cell.integers(dimension::SNAPSHOT),
        misclassified: cell.series("misclassified").map_or_else(Vec::new, |series| series.bytes().to_vec()),
    }
}
