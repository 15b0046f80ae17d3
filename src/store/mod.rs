//! Everything on disk: schema, durable writes, parts, checkpoints, leases, the results file.
//!
//! - [`schema`]: the one table of variables, dimensions and format versions.
//! - [`durable`]: the one way in which a file comes to disk.
//! - [`part`], [`mod@scan`]: what a cohort leaves behind, and what a directory of it holds.
//! - [`checkpoint`]: what a cohort goes on from.
//! - [`holder`], [`lease`], [`running`]: who works in a run directory, and on what.
//! - [`collect()`], [`results`]: all parts in one labelled file.
//! - [`weights`]: weights at chosen epochs or stages, for this program and others.
//! - [`run_directory`]: where each of them is.

mod block_images;
pub mod checkpoint;
pub mod collect;
pub mod durable;
pub mod error;
mod h5;
pub mod holder;
pub mod lease;
pub mod part;
pub mod results;
mod rows;
pub mod run_directory;
pub mod running;
pub mod scan;
pub mod schema;
pub(crate) mod seal;
mod shared_texts;
mod slab;
mod source;
pub mod weights;

// What parts are made of, and what files of weights are named by, which the observables say.
pub use crate::observables::{Axes, Column, Labels, Moment, Moments, Unit, Values};
pub use block_images::BlockImages;
pub use checkpoint::{Checkpoint, CheckpointSummary, SavedState};
pub use collect::{CellCoordinate, Collected, CoordinateValues, Provenance, collect};
pub use error::StoreError;
pub use lease::Lease;
pub use part::{CellStatus, Origin, Part, PartCell, PartSummary};
pub use run_directory::RunDirectory;
pub use running::RunningCohort;
pub use scan::{Found, Scan, scan, scan_new, set_aside};
pub use source::AdditionParts;
pub use weights::{CellWeights, FlowStage, KeptNumbers, Numbers, block_digest, read_parameters};
