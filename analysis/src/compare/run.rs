//! A run as it is compared: its file, its groups of cells, and what is compared of each cell.

use std::path::Path;

use super::measures;
use crate::error::{Error, Result};
use crate::groups::Groups;
use crate::options::Options;
use crate::results::{Results, locate};
use crate::turning::{inversion, series};

/// An opened run.
pub struct Run {
    /// Its file.
    pub results: Results,
    /// Its groups of cells.
    pub groups: Groups,
    /// What is compared of each cell.
    pub measures: Vec<measures::Measure>,
}

impl Run {
    /// Opens a run directory or a results file, and finds its turning points.
    ///
    /// # Errors
    /// What keeps the file from being read, and a column or a series that it does not hold.
    pub fn open(path: &Path, options: &Options) -> Result<Run> {
        let file = locate(path)?;
        let results = Results::open(&file)?;
        let groups = Groups::by(&results.cells, &options.group_by, &file)?;
        let options = options.with(&results.provenance.report)?;
        let points = inversion::search(&results, &options)?;
        let mut all = series::search(&results, &options)?;
        if let Some(name) = &options.principal {
            all.points.principal = all.points.called(name);
            if all.points.principal.is_none() && points.called(name).is_none() {
                let path = file.display();
                return Err(Error::Setting(format!("--principal {name}: {path} holds no such series")));
            }
        }
        let measures = measures::measures(&results, &points, &all)?;
        Ok(Run { results, groups, measures })
    }
}
