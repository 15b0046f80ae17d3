//! Reads a phasesweep results file and reports how stable the turning points of training are.
//!
//! One way, no way back: [`results`] (the file) → [`turning`] (one row per cell, layer, observable and rule) →
//! [`tables`] (groups, shares, spreads; by polars) → [`verdict`] → [`figures`] and [`page`] → [`mod@report`] (the folder).
//! [`stragglers`] reads the same file's bit sets, [`complexity`] its local complexity, [`flows`] its gradient flows.
//! [`statistics`] is pure and knows none of them. Nothing here knows how cells are trained: `results.h5` is the
//! contract.

pub mod complexity;
pub mod error;
pub mod figures;
pub mod flows;
pub mod groups;
pub mod options;
pub mod page;
pub mod report;
pub mod results;
pub mod statistics;
pub mod stragglers;
pub mod tables;
pub mod terminal;
pub mod turning;
pub mod verdict;

pub use error::{Error, Result};
pub use options::Options;
// The rules that the program applies too.
pub use phasesweep_results::{principal, turning_point};
pub use report::{Written, report};
