//! The block that a cell of a run directory was trained on, prepared again from the sweep file that is kept there.

use std::sync::Arc;

use super::examination::identities;
use super::ground::Ground;
use super::pools::Pools;
use super::{SessionError, opening};
use crate::data::Block;
use crate::plan::{CellId, Plan};
use crate::store::RunDirectory;
use crate::sweep;

/// Prepares the block of a cell.
///
/// # Errors
/// [`SessionError::Input`] if there is no sweep file, if it is not valid, or if its grid does not hold the cell (it was
/// edited since); [`SessionError::Data`] if the data are not there.
pub fn block_of_cell(directory: &RunDirectory, cell: CellId) -> Result<Arc<Block>, SessionError> {
    let path = directory.sweep_file();
    let text = std::fs::read_to_string(&path).map_err(|error| {
        SessionError::Input(format!("error: {} cannot be read: {error}. Is this a run directory?", path.display()))
    })?;
    let sweep = sweep::parse(&text, &path.display().to_string(), &opening::overrides_in(&text))
        .map_err(|diagnostics| SessionError::Input(diagnostics.to_string()))?;
    let mut pools = Pools::default();
    let identities = identities(&sweep, &mut pools)?;
    let ground = Ground::new(Plan::new(sweep, &identities), directory.clone(), pools);
    let Some(place) = ground.ids.iter().position(|id| *id == cell) else {
        return Err(SessionError::Input(format!(
            "error: the grid of {} holds no cell {cell}: the sweep file, or the data it names, changed since the cell was \
             trained. Give the plane as points instead (--plane FILE).",
            path.display()
        )));
    };
    Ok(ground.block(ground.plan.variant_of(place as u32))?.block)
}
