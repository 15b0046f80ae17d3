//! What later work needs of a run's finished cells, read from their parts: the results that pruning goes by, and how far
//! a cell was trained.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use phasesweep_results::dimension;
use phasesweep_results::variables::TRAIN_ERROR;

use super::pruning::{self, FullCell, Kept};
use crate::observables::{Moment, Position};
use crate::observe::principal::mean_of_measured;
use crate::plan::{CellId, Plan};
use crate::run_directory::{Series, StoredCell};
use crate::store::{CellStatus, Part, RunDirectory, StoreError, scan_new};

/// Finds finished cells of a run, and remembers where they are.
pub(in crate::session) struct FullCells {
    directory: RunDirectory,
    /// Where each cell's part was when the directory was last looked at, and how the cell ended there.
    places: HashMap<CellId, (Arc<Path>, CellStatus)>,
    /// Names of the parts whose heads were read.
    known: HashSet<OsString>,
    /// The part read last: the cells of a cohort mostly need the same.
    last: Option<(Arc<Path>, Part)>,
}

/// How far a finished cell was trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) struct Life {
    /// The last epoch of which an error was recorded: the last of training, unless it left or diverged before. `None`: none.
    pub(in crate::session) until: Option<usize>,
    /// Whether it diverged.
    pub(in crate::session) diverged: bool,
}

impl Life {
    /// Whether its weights at a moment count: it was trained so far, where a pass takes it so many steps. Of one that diverged,
    /// weights may be there (`kept`) at the epoch at which that was noticed, and in the pass before.
    pub(in crate::session) fn has(&self, at: Moment, steps_per_epoch: usize, kept: impl FnOnce() -> bool) -> bool {
        let position = at.unit.position(at.count, steps_per_epoch);
        self.until.is_some_and(|until| position <= Position::at_epoch(until)) || (self.diverged && kept())
    }
}

impl FullCells {
    pub(in crate::session) fn new(directory: RunDirectory) -> FullCells {
        FullCells { directory, places: HashMap::new(), known: HashSet::new(), last: None }
    }

    /// What pruning needs to know of a finished cell.
    pub(in crate::session) fn get(&mut self, cell: CellId) -> Result<FullCell, StoreError> {
        self.read(cell, full_cell)
    }

    /// How far a finished cell was trained.
    pub(in crate::session) fn life(&mut self, cell: CellId) -> Result<Life, StoreError> {
        self.read(cell, |cell| {
            let errors = cell.series(TRAIN_ERROR.name).map_or_else(Vec::new, |series| series.floats().to_vec());
            let last = errors.iter().rposition(|error| error.is_finite());
            let until = last.and_then(|last| cell.integers(dimension::EPOCH).get(last).copied());
            Life { until, diverged: cell.cell().status == CellStatus::Diverged }
        })
    }

    /// The samples that a cell of a plan is trained on; the block has so many `samples`.
    pub(in crate::session) fn kept(&mut self, plan: &Plan, cell: u32, samples: usize) -> Result<Kept, StoreError> {
        let Some(full) = plan.full_cell_of(cell) else { return Ok(Ok(None)) };
        let prune = plan.prunes()[plan.variants()[plan.variant_of(cell)].prune];
        let full = self.get(plan.id(full))?;
        Ok(pruning::kept(&prune, &full, samples, plan.seed_of(cell)))
    }

    /// Steps of the optimiser that a cell takes in an epoch.
    pub(in crate::session) fn steps_per_epoch(&mut self, plan: &Plan, cell: u32) -> Result<usize, StoreError> {
        let samples = plan.sweep().subsamples[plan.variants()[plan.variant_of(cell)].subsample].size();
        // One that keeps no sample takes none, and was not trained.
        let kept = self.kept(plan, cell, samples)?.ok().flatten();
        let count = kept.map_or(samples, |kept| kept.iter().filter(|&&kept| kept).count());
        Ok(plan.sweep().train.batch.steps(count))
    }

    /// Reads the heads of the parts that are new since the last look: a listing of the directory, and no part is opened
    /// twice.
    fn look_again(&mut self) -> Result<(), StoreError> {
        let scan = scan_new(&self.directory.parts(), &self.known)?;
        for (path, summary) in scan.parts {
            self.known.extend(path.file_name().map(OsString::from));
            let path: Arc<Path> = path.into();
            for (id, status) in summary.cells {
                let kept = self.places.entry(id).or_insert_with(|| (path.clone(), status));
                if status.replaces(kept.1) {
                    *kept = (path.clone(), status);
                }
            }
        }
        Ok(())
    }

    fn read<T>(&mut self, cell: CellId, what: impl FnOnce(StoredCell<'_>) -> T) -> Result<T, StoreError> {
        if !self.places.contains_key(&cell) {
            self.look_again()?;
        }
        let path = self.places.get(&cell).map(|(path, _)| path.clone()).ok_or_else(|| {
            StoreError::contradiction(
                &self.directory.parts(),
                format!("no part holds cell {cell}, which another cell needs; run the sweep again"),
            )
        })?;
        if self.last.as_ref().is_none_or(|(of, _)| *of != path) {
            self.last = Some((path.clone(), Part::read(&path)?));
        }
        match &self.last {
            Some((path, part)) => Ok(what(StoredCell::of(part, cell, path)?)),
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
