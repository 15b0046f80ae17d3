//! Where a results file's values come from: the parts of the run, and those of the observables that were measured after it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use phasesweep_results::Variable;

use super::scan::{Found, Scan};
use crate::plan::CellId;

/// Parts of what was measured of an observable after the run, on the weights that it kept.
#[derive(Debug, Clone)]
pub struct AdditionParts {
    /// The observable.
    pub observable: String,
    /// Its settings, as JSON.
    pub settings: String,
    /// Its variables.
    pub variables: &'static [&'static Variable],
    /// Directory of the parts, which may not be there yet.
    pub parts: PathBuf,
}

impl AdditionParts {
    /// Whether a variable is the observable's.
    pub(super) fn has(&self, variable: &Variable) -> bool {
        self.variables.iter().any(|own| own.name == variable.name)
    }
}

/// A directory of parts: that of the run, or that of an observable that was measured after it.
pub(super) struct Source {
    pub(super) scan: Scan,
    /// For each of the plan's cells, where it is.
    pub(super) found: Vec<Option<Found>>,
    /// The observable; `None`: the run itself.
    pub(super) addition: Option<AdditionParts>,
    /// Versions of phasesweep that wrote the parts, with their commits, once the parts have been read.
    pub(super) measured_by: BTreeSet<String>,
}

impl Source {
    /// The cells of the plan in a directory of parts.
    pub(super) fn new(mut scan: Scan, cells: &[CellId]) -> Source {
        // Its own table of the cells is not needed any more, and is larger.
        let done = std::mem::take(&mut scan.done);
        let found = cells.iter().map(|id| done.get(id).copied()).collect();
        Source { scan, found, addition: None, measured_by: BTreeSet::new() }
    }
}
