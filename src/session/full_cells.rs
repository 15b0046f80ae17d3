//! Full cells' results, read from their parts for the cells that prune by them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::ground::Ground;
use super::pruning::FullCell;
use crate::observe::principal::mean_of_measured;
use crate::plan::CellId;
use crate::store::{Dim, Labels, Part, StoreError, Values, scan};

/// Finds and remembers full cells.
pub(super) struct FullCells {
    ground: Arc<Ground>,
    /// Where each cell's part was when the directory was last scanned.
    places: HashMap<CellId, PathBuf>,
    /// The part read last: the cells of a cohort mostly need the same.
    last: Option<(PathBuf, Part)>,
}

impl FullCells {
    pub(super) fn new(ground: Arc<Ground>) -> FullCells {
        FullCells { ground, places: HashMap::new(), last: None }
    }

    /// What pruning needs to know of a finished cell.
    pub(super) fn get(&mut self, cell: CellId) -> Result<FullCell, StoreError> {
        if !self.places.contains_key(&cell) {
            let scan = scan(&self.ground.directory.parts())?;
            for (path, summary) in &scan.parts {
                self.places.extend(summary.cells.iter().map(|(id, _)| (*id, path.clone())));
            }
        }
        let path = self.places.get(&cell).cloned().ok_or_else(|| {
            StoreError::contradiction(
                &self.ground.directory.parts(),
                format!("no part holds cell {cell}, which a pruned cell needs; run the sweep again"),
            )
        })?;
        if self.last.as_ref().is_none_or(|(of, _)| *of != path) {
            self.last = Some((path.clone(), Part::read(&path)?));
        }
        match &self.last {
            Some((_, part)) => Ok(full_cell(part, cell)),
            None => unreachable!("the part was read just above"),
        }
    }
}

/// Cuts one cell's series out of a part; what the part does not hold is empty.
fn full_cell(part: &Part, cell: CellId) -> FullCell {
    let row = part.cells.iter().position(|of| of.id == cell).unwrap_or(0);
    let integers = |dim: Dim| match part.axes.get(dim) {
        Some(Labels::Integers(values)) => values.iter().map(|&value| value as usize).collect(),
        _ => Vec::new(),
    };
    let epochs: Vec<usize> = integers(Dim::Epoch);
    let length = |dim: Dim| part.axes.get(dim).map_or(0, Labels::len);
    let classes: Vec<usize> = integers(Dim::Class);
    let (layers, pairs) = (length(Dim::Layer), length(Dim::Pair));
    let floats = |name: &str| match part.column(name).map(|column| &column.values) {
        Some(Values::F32(values)) => values.as_slice(),
        _ => &[],
    };
    // The last observed layer: [cell, layer, class or pair, epoch].
    let of_last_layer = |name: &str, series: usize, place: usize| {
        let from = (((row + 1) * layers).saturating_sub(1) * series + place) * epochs.len();
        floats(name).get(from..from + epochs.len()).unwrap_or_default()
    };
    let radius = |class: usize| {
        let place = classes.iter().position(|&known| known == class);
        place.map_or_else(Vec::new, |place| of_last_layer("radius", classes.len(), place).to_vec())
    };
    let distances: Vec<&[f32]> = (0..pairs).map(|pair| of_last_layer("distance", pairs, pair)).collect();
    let snapshot_epochs = integers(Dim::Snapshot);
    let bytes = length(Dim::Byte) * snapshot_epochs.len();
    let misclassified = match part.column("misclassified").map(|column| &column.values) {
        Some(Values::U8(values)) => values.get(row * bytes..(row + 1) * bytes).map_or_else(Vec::new, <[u8]>::to_vec),
        _ => Vec::new(),
    };
    let train_error = floats("train_error").get(row * epochs.len()..(row + 1) * epochs.len());
    FullCell {
        train_error: train_error.map_or_else(Vec::new, <[f32]>::to_vec),
        radius: [radius(0), radius(1)],
        distance: mean_of_measured(&distances),
        epochs,
        snapshot_epochs,
        misclassified,
    }
}
