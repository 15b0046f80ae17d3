//! A run directory is the run: what was asked for, what was trained, and how far it is.
//!
//! - [`Definition`], [`Record`], [`DataRecord`]: what `run.json` keeps, so that a directory means the same run in every
//!   working directory and on every machine, with or without the data.
//! - [`SweepInput`], [`locate`]: what a command line means by a sweep file or a run directory.
//! - [`KeptRun`]: an opened directory, with its plan and the ids of its cells.
//! - [`check_claim`]: whether a sweep may be run into a directory.
//! - [`find_cell`], [`StoredCell`]: a cell by its id, and what was measured of it.
//! - [`Addition`]: an observable that was asked for after the run.
//! - [`Status`], [`Collecting`]: how far a run is, and `results.h5`.
//!
//! Knows sweeps, plans, data sources and the store; not how anything is trained.

mod addition;
mod block;
mod claim;
mod collect;
mod coordinates;
mod data_record;
mod definition;
mod error;
mod find;
mod images;
mod input;
mod kept_run;
mod older;
mod record;
mod status;
mod status_text;
mod stored_cell;
mod trajectory;

pub use addition::{Addition, Measured, is_measured_by_the_run, kept_moments};
pub use claim::{check_claim, check_data, check_name};
pub use collect::{Collecting, collect_run};
pub use data_record::DataRecord;
pub use definition::{Definition, Override};
pub use error::RunDirectoryError;
pub use find::{find_cell, find_finished, part_of};
pub use images::keep_images;
pub use input::{SweepInput, locate};
pub use kept_run::KeptRun;
pub use record::Record;
pub use status::{AdditionReport, Jobs, RankReport, RunReport, RunStatus, Status, StatusReader};
pub use stored_cell::{LastValue, Series, StoredCell};
pub use trajectory::Trajectory;
