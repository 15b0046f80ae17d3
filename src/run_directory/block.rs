//! The block that a cell of a run was trained on, prepared again from its data.

use super::claim::changed;
use super::data_record::digest_of;
use super::{KeptRun, RunDirectoryError};
use crate::data::{Block, Pool};
use crate::plan::CellId;

impl KeptRun {
    /// Prepares the block of a cell. This needs the data.
    ///
    /// # Errors
    /// [`RunDirectoryError::Cell`] if the run has no such cell; [`RunDirectoryError::Data`] if the data are not there;
    /// [`RunDirectoryError::DataChanged`] if they are not those of the run.
    pub fn block_of(&self, cell: CellId) -> Result<Block, RunDirectoryError> {
        let place = self.ids().iter().position(|id| *id == cell).ok_or_else(|| {
            RunDirectoryError::Cell(format!(
                "the sweep of {} has no cell {cell}: the sweep, or the data it names, changed since the cell was trained. Give \
                 the plane as points instead (--plane FILE)",
                self.directory.root().display()
            ))
        })?;
        let sweep = self.plan.sweep();
        let variant = self.plan.variants()[self.plan.variant_of(place as u32)];
        let data = &sweep.data[variant.data];
        let pool = Pool::load(data)?;
        let (kept, found) = (digest_of(&self.identities[variant.data]), pool.identity(data).to_hex());
        if kept != found.as_str() {
            let place = pool.dir().map_or_else(|| "this program".to_string(), |dir| dir.display().to_string());
            return Err(changed(&self.directory, data.source.name(), &place, kept, &found));
        }
        let images = sweep.architectures[variant.architecture].kind.needs_images();
        Ok(pool.block(data, &sweep.subsamples[variant.subsample], images)?)
    }
}
