//! Reads a phasesweep results file and reports how stable the turning points of training are.
//!
//! One way, no way back: [`results`] (the file) → [`turning`] (one row per cell, layer, observable and rule) → [`stability`]
//! (of the training error there) → [`sections`]
//! (what each makes of them and of the file: tables, figures, sentences) → [`page`] and [`mod@report`] (the folder).
//! [`tables`] (by polars), [`figures`], [`sample_sets`], [`stragglers`] and [`pictures`] are what sections are made with; [`statistics`] is
//! pure and knows none of them. [`mod@compare`] and [`mod@export`] are other ends of the same way. Nothing here knows how cells are trained: `results.h5` and the contract on it
//! (`phasesweep_results`) are all that this crate shares with the program.

pub mod answer;
pub mod compare;
pub mod error;
pub mod explorer;
pub mod export;
pub mod figures;
pub mod groups;
pub mod options;
pub mod page;
pub mod pictures;
pub mod plain_rule;
pub mod report;
pub mod results;
pub mod sample_sets;
pub mod sections;
pub mod stability;
pub mod statistics;
pub mod stragglers;
pub mod tables;
pub mod terminal;
pub mod turning;

pub use error::{Error, Result};
pub use options::Options;
// The rules that the program applies too.
pub use phasesweep_results::{principal, turning_point};
pub use report::{Written, report, report_telling};
