//! What the page's explorer is given: every cell with its specification and statistics, its trajectories thinned for drawing,
//! and its stragglers, as text that can stand inside HTML.
//!
//! Three blocks ([`block`]), so that a reader who only looks at the figure never unpacks the trajectories. Statistics are
//! those of the tables, and are never computed from what is thinned. Invariant: the texts are base64, so that nothing that a
//! user named can end an element of the page or begin one.

pub mod along;
pub mod block;
pub mod columns;
pub mod sets;
pub mod trajectories;

use serde::Serialize;

use crate::error::Result;
use crate::groups::Groups;
use crate::results::Results;
use crate::stragglers::Stragglers;
use crate::turning::TurningPoints;
use crate::turning::series::AllSeries;
use block::Block;
use columns::{Described, Table};

/// The blocks of the page.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explorer {
    /// Columns of the cells.
    pub cells: String,
    /// Trajectories; `None` where the file holds no series.
    pub trajectories: Option<String>,
    /// Stragglers; `None` where the file holds none.
    pub stragglers: Option<String>,
}

#[derive(Serialize)]
struct Header<'a> {
    cells: usize,
    columns: Vec<Described<'a>>,
    constants: &'a [(String, String)],
    turns: &'a [columns::Turn],
    start: columns::Start,
    notes: Vec<String>,
}

/// The trajectories of the cells, thinned, and where they end.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trajectories {
    lines: Vec<along::Line>,
    drawn: trajectories::Drawn,
    ends: along::Ends,
}

impl Trajectories {
    /// Reads them, in one pass over everything that was measured along training.
    ///
    /// # Errors
    /// What keeps the file from being read.
    pub fn read(results: &Results, points: &TurningPoints, series: &AllSeries) -> Result<Trajectories> {
        if results.cells.is_empty() {
            return Ok(Trajectories::default());
        }
        let lines = along::lines(results, points, series);
        let (drawn, ends) = trajectories::read(results, series, &lines)?;
        Ok(Trajectories { lines, drawn, ends })
    }
}

/// Puts it together. `None` for a file without cells.
///
/// # Errors
/// What keeps a block from being made.
pub fn gather(
    results: &Results,
    groups: &Groups,
    points: &TurningPoints,
    series: &AllSeries,
    stragglers: &[Stragglers],
    trajectories: Trajectories,
) -> Result<Option<Explorer>> {
    let count = results.cells.len();
    if count == 0 {
        return Ok(None);
    }
    let Trajectories { lines, drawn, ends } = trajectories;
    let mut table = Table::of(results, groups, points, series);
    table.add_ends(results, &ends);
    table.add_stragglers(count, stragglers);
    let start = table.start(points, series);
    let cells = || {
        let mut block = Block::default();
        let columns = table.columns.iter().map(|column| column.described(&mut block)).collect();
        let notes: Vec<String> = table.notes.iter().chain(&drawn.notes).cloned().collect();
        let header = Header { cells: count, columns, constants: &table.constants, turns: &table.turns, start, notes };
        block.seal(&header)
    };
    let trajectories = || if lines.is_empty() { Ok(None) } else { drawn.seal(&lines, &table.turns).map(Some) };
    // Deflating is most of the work, and a block is deflated by one thread.
    let (trajectories, (cells, stragglers)) = rayon::join(trajectories, || (cells(), sets::seal(count, stragglers)));
    Ok(Some(Explorer { cells: cells?, trajectories: trajectories?, stragglers: stragglers? }))
}
